"""OptionFrames where other records pass: the stage that makes nothing of them, listings, event times, restarts."""

from typing import Any

import numpy as np
import pytest

from aiots.topic_text import line, shown
from connectors.sources import recording, tail
from schemas import wire
from schemas.option_frames import encode_options
from schemas.records import OptionFrame
from streams.bars.analytics import Analytics, Params
from tests.analytics_ticks import OPEN, Tick, frame, heartbeat

CALL, PUT = "SPY   131019C00170000", "SPY   131019P00170000"


def options(rows: int = 3) -> bytes:
    """An OptionFrame of SPY: trades of a call and a put by turns, the last row the put's open interest."""
    contract = np.arange(rows) % 2
    kind = np.zeros(rows, np.uint8)
    kind[-1], contract[-1] = 3, 1
    price, size = np.full(rows, 1.25), np.arange(1, rows + 1)
    price[-1] = 0.0
    columns = (OPEN + 10**9 * np.arange(rows), contract, kind, np.zeros(rows, np.uint8), price, size, size)
    return encode_options("SPY", "lean", (CALL, PUT), *columns)


class Message:
    """As much of a Kafka message as a listing looks at."""

    def __init__(self, value: bytes) -> None:
        self._value = value

    def __getattr__(self, name: str) -> Any:
        got = {"partition": 1, "offset": 7, "key": b"SPY", "value": self._value, "timestamp": (2, 0), "headers": None}
        return lambda: got[name]


@pytest.mark.parametrize("batch", [1, 2, 99])
def test_analytics_passes_over_options_and_counts_them(batch: int) -> None:
    """They change nothing of the bars, before, between and after ticks, in any batches."""
    ticks = [frame([Tick(at, 10.0 + at)]) for at in (0.0, 0.5, 1.5, 61.0)]
    mixed = [options(), ticks[0], options(), ticks[1], ticks[2], options(1), options(), ticks[3], heartbeat(130.0)]
    plain, with_options = Analytics(Params()), Analytics(Params())
    expected = [out[1:] for out in plain.apply([*ticks, heartbeat(130.0)])]
    got = [out[1:] for at in range(0, len(mixed), batch) for out in with_options.apply(mixed[at : at + batch])]
    assert got == expected
    assert expected
    assert with_options.changed() == plain.changed()
    assert with_options.counters == plain.counters | {"passed_over": 4}


def test_a_listing_shows_contracts_and_the_last_row() -> None:
    """One line for people; JSON holds the columns as numbers and the contracts by name."""
    assert "OptionFrame 3 rows of 2 contracts 2013-10-07T13:30:00.000Z..2013-10-07T13:30:02.000Z" in line(
        Message(options())  # type: ignore[arg-type]  # a stub
    )
    assert line(Message(options())).endswith(f"last={PUT} open interest 0 x 3")  # type: ignore[arg-type]  # a stub
    record = shown(Message(options()))["record"]  # type: ignore[arg-type]  # a stub
    assert record["contracts"] == [CALL, PUT]
    assert record["contract"] == [0, 1, 1]
    assert record["kind"] == [0, 0, 3]


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"contract": np.array([5])}, "last=contract 5 open interest"),
        ({"kind": b"\x09"}, "last=SPY   131019P00170000 kind 9"),
        ({"price": np.zeros(0)}, "last=-"),
    ],
)
def test_a_nonsense_frame_does_not_end_a_listing(changed: dict[str, Any], text: str) -> None:
    """Anybody may write to a topic."""
    record = wire.decode(options(1))
    assert isinstance(record, OptionFrame)
    values = {name: getattr(record, name) for name in OptionFrame.__dataclass_fields__} | changed
    assert text in line(Message(wire.encode(OptionFrame(**values))))  # type: ignore[arg-type]  # a stub


def test_event_time_is_that_of_the_last_row() -> None:
    """For the pace of a replay, and for a source that goes on after what the log holds."""
    assert recording.event_ns_of(options()) == OPEN + 2 * 10**9
    assert tail.event_ns_of(wire.decode(options())) == OPEN + 2 * 10**9
