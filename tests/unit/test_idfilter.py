"""The duplicate filter: each record once, in whatever way the log repeats it, and a missing one is noticed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.log.filter import GapError, IdFilter
from streams.log.ids import Place, RecordId


def feed(kept: IdFilter, places: list[Place], origin: str = "o") -> list[Place]:
    """Accept a chain's records, each naming the one before it in the chain 0, 1, 2, ..."""
    return [place for place in places if kept.accept(RecordId(origin, *place), (place[0] - 1, 0) if place[0] else None)]


@given(cuts=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 12)), max_size=12))
def test_repeated_blocks_are_accepted_once(cuts: list[tuple[int, int]]) -> None:
    """A log that grows by blocks, each from a little (or a lot) before its end: each record once, in order."""
    log: list[Place] = []
    newest = 0
    for back, length in cuts:
        first = max(0, newest - back)
        log += [(at, 0) for at in range(first, first + length)]
        newest = max(newest, first + length)
    kept = IdFilter()
    assert feed(kept, log) == [(at, 0) for at in range(newest)]
    assert kept.newest() == ({"o": (newest - 1, 0)} if newest else {})


def test_a_gap_stops_loudly() -> None:
    """A record whose predecessor never came says that the log lost something."""
    kept = IdFilter()
    feed(kept, [(0, 0), (1, 0)])
    with pytest.raises(GapError, match=r"o: record 3\.0 follows 2\.0, but the newest seen is 1\.0"):
        feed(kept, [(3, 0)])
    assert kept.newest() == {"o": (1, 0)}, "what was refused is not remembered"


def test_a_strict_reader_knows_each_origin_from_its_head() -> None:
    """From the log's start a first record that names a predecessor is a gap; from a tail it is not."""
    with pytest.raises(GapError, match=r"o: the first record seen is 5\.0, but it follows 4\.0"):
        feed(IdFilter(), [(5, 0)])
    assert feed(IdFilter(strict=False), [(5, 0), (5, 0), (6, 0)]) == [(5, 0), (6, 0)]


def test_a_filter_goes_on_from_what_another_saw() -> None:
    """newest() of one is the start of the next, also in the middle of a chain."""
    first = IdFilter()
    feed(first, [(0, 0), (1, 0)])
    assert feed(IdFilter(first.newest()), [(0, 0), (1, 0), (2, 0)]) == [(2, 0)]


def test_origins_are_apart() -> None:
    """What one has written says nothing of another."""
    kept = IdFilter()
    assert feed(kept, [(0, 0), (1, 0)], "a") == feed(kept, [(0, 0), (1, 0)], "b") == [(0, 0), (1, 0)]


def test_an_origin_without_predecessors_may_leave_places_out() -> None:
    """Foreign records have their offset as place and name nothing before them."""
    kept = IdFilter()
    assert [kept.accept(RecordId("foreign/t/0", at, 0), None) for at in (3, 9, 9, 4, 10)] == [
        True, True, False, False, True,
    ]  # fmt: skip


def test_the_same_place_in_other_digits_is_no_gap() -> None:
    """A restart keeps places as numbers: what went on before it must go on after it."""
    kept = IdFilter({"o": (7, 0)})
    assert kept.accept_text(b"o", b"008.0", b"007.0")
    assert kept.newest() == {"o": (8, 0)}
