"""LEAN's recordings as a source: order, ids, sessions, corporate actions, gaps."""

from collections import defaultdict
from datetime import date
from itertools import pairwise
from pathlib import Path

import pytest

from connectors.sources.frames import FrameRule
from connectors.sources.lean import LeanSource, open_lean
from connectors.sources.record import SourceRecord
from connectors.sources.tail import event_ns_of
from schemas.records import BarFrame, MarketEvent, MarketEventKind, OptionFrame, Record, TickFrame
from schemas.topics import partition_of
from schemas.wire import decode
from streams.log.filter import IdFilter

MINUTE_NS = 60_000_000_000


@pytest.fixture(scope="module")
def source(lean_data: Path) -> LeanSource:
    return open_lean([lean_data], ["SPY", "IBM", "AAPL"], date(2013, 10, 8), date(2014, 6, 6), "tick,minute")


@pytest.fixture(scope="module")
def played(source: LeanSource) -> list[SourceRecord]:
    return list(source.records(3))


@pytest.fixture(scope="module")
def decoded(played: list[SourceRecord]) -> list[Record]:
    return [decode(record.payload) for record in played]


def test_records_are_in_event_time_order(played: list[SourceRecord]) -> None:
    """What a live source would have sent later comes later, over all symbols and partitions."""
    assert all(before.event_ns <= after.event_ns for before, after in pairwise(played))


def test_every_row_is_there(played: list[SourceRecord], decoded: list[Record], source: LeanSource) -> None:
    """SPY's 250 k to 460 k trades of a day, IBM's trades and quotes, AAPL's minutes: nothing is lost or doubled."""
    rows: dict[str, int] = defaultdict(int)
    for record, what in zip(played, decoded, strict=True):
        rows[record.key if not isinstance(what, OptionFrame) else f"options of {record.key}"] += record.rows
    assert rows["IBM"] == 33_381 + 125_750
    assert rows["SPY"] > 450_000
    assert 1_500 < rows["AAPL"] < 1_920
    assert rows["options of AAPL"] == 24_389
    assert source.rejects.total() == 0
    assert source.rows_total
    assert abs(source.rows_total - sum(rows.values())) / sum(rows.values()) < 0.25


def test_ids_form_an_unbroken_chain_in_each_partition(played: list[SourceRecord]) -> None:
    """A strict consumer accepts each record once: places grow, and each names the one before it."""
    filters = [IdFilter(strict=True) for _ in range(3)]
    assert all(filters[record.partition].accept(record.record_id, record.previous) for record in played)
    assert not any(filters[record.partition].accept(record.record_id, record.previous) for record in played)


def test_records_go_to_the_partition_of_their_symbol(played: list[SourceRecord]) -> None:
    """A symbol's records share the partition that Kafka's own partitioner gives."""
    assert all(record.partition == partition_of(record.key, 3) for record in played if record.key)


def test_frames_end_by_count_and_time(decoded: list[Record]) -> None:
    """At most 64 ticks (65 where a quote's sides are kept together), within one second of event time."""
    sizes = []
    for record in decoded:
        if isinstance(record, TickFrame):
            assert record.base_ns // 1_000_000_000 == event_ns_of(record) // 1_000_000_000
            sizes.append(len(record.price))
    assert max(sizes) in (64, 65)


def test_heartbeats_promise_only_what_was_sent(played: list[SourceRecord], decoded: list[Record]) -> None:
    """In each partition, after a heartbeat of t nothing earlier than t comes, and one comes at least every minute."""
    newest = [0, 0, 0]
    beats: list[list[int]] = [[], [], []]
    for record, what in zip(played, decoded, strict=True):
        if isinstance(what, MarketEvent):
            if what.kind is MarketEventKind.HEARTBEAT:
                beats[record.partition].append(what.event_ns)
                newest[record.partition] = what.event_ns
        elif isinstance(what, TickFrame):
            assert what.base_ns >= newest[record.partition]
        elif isinstance(what, BarFrame):
            assert what.base_ns + what.interval_ns >= newest[record.partition]
    for times in beats:
        assert len(times) > 2_000
        steps = [after - before for before, after in pairwise(times)]
        assert sum(step > MINUTE_NS for step in steps) == 2  # The nights between three sessions.


def test_each_partition_is_told_of_sessions(played: list[SourceRecord], decoded: list[Record]) -> None:
    """SOURCE_OPEN stands first and SOURCE_CLOSE last; sessions open and close in turn, with regular hours."""
    for partition in range(3):
        said = [
            what
            for record, what in zip(played, decoded, strict=True)
            if record.partition == partition and isinstance(what, MarketEvent)
        ]
        kinds = [what.kind for what in said if what.kind is not MarketEventKind.HEARTBEAT and not what.symbol]
        session = [MarketEventKind.SESSION_OPEN, MarketEventKind.SESSION_CLOSE]
        assert kinds == [MarketEventKind.SOURCE_OPEN, *session * 3, MarketEventKind.SOURCE_CLOSE]
        for opening in (what for what in said if what.kind is MarketEventKind.SESSION_OPEN):
            assert (opening.end_ns - opening.start_ns) // MINUTE_NS == 390
            assert (opening.start_ns - opening.event_ns) // MINUTE_NS == 330


def test_nothing_comes_after_a_session_has_closed(played: list[SourceRecord], decoded: list[Record]) -> None:
    """IBM's last quotes came after 20:00: the session's closing waits for them."""
    closed = False
    for record, what in zip(played, decoded, strict=True):
        if isinstance(what, MarketEvent) and not what.symbol:
            closed = what.kind is MarketEventKind.SESSION_CLOSE or (
                closed and what.kind is not MarketEventKind.SESSION_OPEN
            )
        assert not (closed and record.rows)


def test_the_finest_resolution_of_a_day_is_taken(lean_data: Path) -> None:
    """IBM has ticks, seconds and minutes on 2013-10-07, minutes on 10-04, days before."""
    source = open_lean([lean_data], ["IBM"], date(2013, 10, 3), date(2013, 10, 8))
    assert [(str(day), part.resolution) for day, (part,) in source.days.items()] == [
        ("2013-10-03", "daily"),
        ("2013-10-04", "minute"),
        ("2013-10-07", "tick"),
        ("2013-10-08", "tick"),
    ]


def test_corporate_actions_come_before_the_session(lean_data: Path) -> None:
    """Apple's split is said on its ex-date, before the pre-market opens and before any of the day's prices."""
    source = open_lean([lean_data], ["AAPL"], date(2014, 6, 4), date(2014, 6, 10))
    said = [(record, decode(record.payload)) for record in source.records(1)]
    at = next(
        n for n, (_, what) in enumerate(said) if isinstance(what, MarketEvent) and what.kind is MarketEventKind.SPLIT
    )
    split, opening = said[at][1], said[at + 1][1]
    assert isinstance(split, MarketEvent)
    assert isinstance(opening, MarketEvent)
    assert (split.symbol, split.value, split.text) == ("AAPL", 7.0, "ex 2014-06-09")
    assert opening.kind is MarketEventKind.SESSION_OPEN
    assert opening.event_ns == split.event_ns
    prices = [what.close[-1] for _, what in said if isinstance(what, BarFrame)]
    assert prices[0] > 600
    assert prices[-1] < 100


def test_days_that_were_not_recorded_are_a_gap(lean_data: Path) -> None:
    """SPY's minutes jump from 2013-10-08 to 2023-08-03: the symbol is told so before the session; a weekend is none."""
    source = open_lean([lean_data], ["SPY"], date(2013, 10, 4), resolution="minute")
    gaps = [what for record in source.records(1) if isinstance(what := decode(record.payload), MarketEvent)]
    (gap,) = [what for what in gaps if what.kind is MarketEventKind.GAP]
    assert (gap.symbol, gap.text) == ("SPY", "not recorded after 2013-10-08")
    assert gap.end_ns == gap.event_ns
    assert (gap.end_ns - gap.start_ns) / 86_400e9 > 3_580


def test_the_plan_names_what_makes_the_records(lean_data: Path) -> None:
    """The same files and parameters give the same name; another choice or cut gives another."""
    day = date(2013, 10, 8)
    plan = open_lean([lean_data], ["IBM"], day, day, "minute").plan
    assert open_lean([lean_data.parent], ["ibm"], day, day, "minute").plan == plan
    assert open_lean([lean_data], ["IBM"], day, day, "second").plan != plan
    assert open_lean([lean_data], ["IBM", "SPY"], day, day, "minute").plan != plan
    assert open_lean([lean_data], ["IBM"], day, day, "minute", FrameRule(16)).plan != plan


def test_a_second_pass_gives_the_same_records(lean_data: Path) -> None:
    """Payloads, ids and order are a function of the files."""
    source = open_lean([lean_data], ["IBM"], date(2013, 10, 8), date(2013, 10, 8))
    assert list(source.records(3)) == list(source.records(3))


def test_a_heartbeat_is_a_multiple_of_the_frames_span(lean_data: Path) -> None:
    """A span that does not divide the heartbeat is refused, as a frame could cross it."""
    with pytest.raises(ValueError, match="multiple"):
        open_lean([lean_data], ["IBM"], resolution="minute", rule=FrameRule(64, 7_000_000_000))
