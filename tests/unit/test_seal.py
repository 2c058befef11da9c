"""The daily hash chain over verdicts: closed days alone, each with the one before it, and every change is seen."""

from dataclasses import replace
from pathlib import Path

import pytest

from aiots.book.seal import GENESIS, compared, load, save, seals
from schemas import wire
from schemas.records import Control, ControlAction, Record
from tests.orderpath_rig import mark

DAY_S = 86_400
DAYS: tuple[Record, ...] = (
    Control("paper", 0, ControlAction.HALT, "before all"),
    mark(second=1),
    mark(second=2),
    Control("paper", 0, ControlAction.RESUME, "on the first day"),
    mark(second=DAY_S),
    mark(second=2 * DAY_S),
)
RECORDS = [(number, b"paper", wire.encode(record)) for number, record in enumerate(DAYS)]


def test_closed_days_are_sealed_one_on_the_other() -> None:
    """Three days are begun, so two are closed; a record without a time is of the day of the one before it."""
    first, second = seals(3, RECORDS)
    assert (first.partition, first.day, first.first, first.last, first.records) == (3, "2013-10-08", 0, 3, 4)
    assert (second.day, second.first, second.records, second.verdicts) == ("2013-10-09", 4, 1, 0)
    assert (first.previous, second.previous) == (GENESIS, first.sha256)


@pytest.mark.parametrize("at", range(5))
def test_every_change_is_seen(at: int) -> None:
    """A byte of a key or payload, a record less, two that changed places: the day's hash is another, and all after."""
    before = list(seals(0, RECORDS))
    offset, _, payload = RECORDS[at]
    changed = [*RECORDS[:at], (offset, b"other", payload), *RECORDS[at + 1 :]]
    missing = RECORDS[:at] + RECORDS[at + 1 :]
    for records in (changed, missing):
        found = {seal.day: seal.sha256 for seal in seals(0, records)}
        assert found.get(before[-1].day) != before[-1].sha256
        _, difference = compared(before, seals(0, records))
        assert "sealed" in difference


def test_what_was_sealed_holds_and_what_is_new_is_added(tmp_path: Path) -> None:
    """The file's seals are those that were saved; a later day is new; a day that the log has lost is told."""
    path = tmp_path / "audit" / "live.jsonl"
    first, second = seals(0, RECORDS)
    save(path, [first])
    assert load(path) == [first]
    assert compared(load(path), [first, second]) == ([second], "")
    assert compared([second], [first])[1] == "partition 0, 2013-10-09: 1 records were sealed, the log has none"
    assert "has 4 with" in compared([replace(first, sha256="0")], [first])[1]
    path.write_text("{}\n")
    with pytest.raises(ValueError, match="line 1: expected a seal"):
        load(path)
