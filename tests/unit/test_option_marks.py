"""OptionMarks: when a watched contract is told, what of, and what a Watch, an expiry and a split do to it."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import wire
from schemas.records import ChainFrame, MarketEvent, MarketEventKind, OptionMark, Record, Watch
from streams.book import option_marks, router
from streams.book.chain_rows import read_rows, rows_of
from streams.book.marks import Feed
from streams.book.option_marks import Watched, Watching, after_split
from streams.book.router import Params
from streams.fold import PureFold
from streams.options.contracts.clock import DAY_NS, SECOND_NS
from streams.stage import Output, RecordError, Rejected, RejectReason
from tests.chain_frames import EXPIRIES, FORWARDS, NOW_NS, chain_frame, every_name, surface
from tests.orderpath_rig import NAN, Stage, signal

ONE = Params(partitions=1)
CALL, PUT, FAR = "XYZ   240119C00100000", "XYZ   240119P00100000", "XYZ   240315C00100000"
HALF_NS = SECOND_NS // 2


def watch(contract: str = CALL, event_ns: int = NOW_NS) -> Watch:
    """Return a Watch of a contract of XYZ."""
    return Watch("XYZ", contract, event_ns)


def chain(halves: int, *names: str, whole: bool = False, bid: float = 1.0) -> ChainFrame:
    """Return a frame so many half seconds after NOW_NS."""
    return chain_frame(NOW_NS + halves * HALF_NS, names, whole, bid)


def told(run: Stage, *records: Record) -> list[tuple[int, str, float]]:
    """Return half seconds, contract and bid of the OptionMarks that records make."""
    marks = [made for record in records for made in run(record)]
    assert all(isinstance(made, OptionMark) for made in marks)
    return [((made.event_ns - NOW_NS) // HALF_NS, made.symbol, made.bid) for made in marks]


def test_a_mark_is_the_row_and_the_surface() -> None:
    """Every figure is the newest frame's; forward, rate and dividends are the expiry's."""
    run = Stage(router.advance, ONE, watch(), surface(NOW_NS), watch(FAR))
    (made, far) = run(chain(2, *every_name(), whole=True, bid=1.5))
    row, expiry = chain(2, CALL, bid=1.5), surface()
    assert made == OptionMark(
        CALL, "XYZ", NOW_NS + SECOND_NS, EXPIRIES[0], 1.5, 1.7, made.bid_size, made.ask_size, made.last, 100.0,
        FORWARDS[0], expiry.rate[0], 0.25, 1.75, row.iv[0], 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0, 0.5, NOW_NS,
    )  # fmt: skip
    assert made.bid_size == made.ask_size == every_name().index(CALL)
    assert made.last != made.last
    assert (far.symbol, far.forward, far.rate, far.dividends) == (FAR, FORWARDS[1], expiry.rate[1], 0.25)


def test_before_a_surface_there_is_no_forward() -> None:
    """A chain's row is told all the same; so is one whose expiry the surface does not have."""
    run = Stage(router.advance, ONE, watch())
    (made,) = run(chain(1, CALL))
    assert made.forward != made.forward
    assert (made.rate, made.dividends, made.surface_ns) == (0.0, 0.0, 0)
    other = replace(surface(), root=("XYZ1", "XYZ"))
    run(other)
    (made,) = run(chain(4, CALL, bid=2.0))
    assert made.surface_ns == 0
    assert made.forward != made.forward


def test_a_dividend_counts_for_expiries_behind_it() -> None:
    """What goes ex after the expiry is not the contract's."""
    late = replace(surface(), ex_ns=np.array([EXPIRIES[0] + 1, EXPIRIES[1]]), cash=np.array([0.25, 0.5]))
    run = Stage(router.advance, ONE, watch(), watch(FAR), late)
    assert [made.dividends for made in run(chain(1, CALL, FAR))] == [0.0, 0.75]


def test_a_contract_is_told_each_second_at_most_and_only_news() -> None:
    """The newest row counts; one that stands still is told each five seconds."""
    run = Stage(router.advance, ONE, watch(), watch(PUT))
    assert told(run, chain(0, CALL)) == [(0, CALL, 1.0)]
    changes = [chain(1, CALL, bid=1.1), chain(2, CALL, bid=1.2), chain(3, CALL, PUT, bid=1.3)]
    assert told(run, *changes) == [(2, CALL, 1.2), (3, PUT, 1.3)]
    assert told(run, chain(4, FAR)) == [(4, CALL, 1.3)], "news waits for its second, not for another row"
    assert told(run, chain(6, CALL, bid=1.3), chain(8, CALL, whole=True, bid=1.3)) == [], "the same row is no news"
    assert told(run, chain(12, FAR), chain(13, FAR), chain(14, FAR)) == [(13, PUT, 1.3), (14, CALL, 1.3)]
    again = Stage(router.advance, replace(ONE, mark_interval_s=60), watch())
    assert told(again, *[chain(halves, CALL, bid=1.0 + halves) for halves in range(250)]) == [
        (0, CALL, 1.0),
        (120, CALL, 121.0),
        (240, CALL, 241.0),
    ]


def test_another_surface_is_news_where_its_figures_are_others() -> None:
    """An instant alone is none; a forward is, for its own expiry."""
    run = Stage(router.advance, ONE, watch(), watch(FAR), surface(NOW_NS), chain(0, CALL, FAR))
    assert told(run, surface(NOW_NS + 2 * HALF_NS)) == []
    moved = replace(surface(NOW_NS + 3 * HALF_NS), forward=np.array([100.75, FORWARDS[1]]))
    (made,) = run(moved)
    assert (made.symbol, made.forward, made.surface_ns) == (CALL, 100.75, NOW_NS + 3 * HALF_NS)


def test_an_expired_contract_is_told_no_more() -> None:
    """At its instant it still is; behind it it is gone, and with the last one all of the underlying."""
    run = Stage(router.advance, ONE, watch(), watch(FAR), chain(0, CALL, FAR, whole=True))
    assert [made.symbol for made in run(chain_frame(EXPIRIES[0], [FAR], False))] == [CALL, FAR]
    assert [made.symbol for made in run(chain_frame(EXPIRIES[0] + 5 * SECOND_NS, [FAR], False))] == [FAR]
    assert set(run.state["watch/XYZ"].contracts) == {FAR}
    assert run(chain_frame(EXPIRIES[1] + 1, every_name(), True)) == []
    assert (run.state["watch/XYZ"], run.state["listed/XYZ"]) == (None, None)


@pytest.mark.parametrize(
    ("bad", "text"),
    [
        (watch("XYZ   240119C001"), "watch.contract must be an OSI symbol"),
        (watch("ABC   240119C00100000"), "must be a contract of XYZ, was 'ABC   240119C00100000'"),
        (watch("XYZ   231213C00100000"), "expires after 2023-12-14 14:30:00 UTC, was 'XYZ   231213C00100000'"),
        (watch(CALL, EXPIRIES[0] + DAY_NS), "must be one that expires after 2024-01-20"),
        (watch("XYZ   240119C00101000"), "must be in XYZ's chain, as it was told at 2023-12-14 14:30:00 UTC"),
    ],
)
def test_a_watch_of_no_contract_is_refused(bad: Watch, text: str) -> None:
    """None, another underlying's, an expired one, one that the chain does not have: each is told why."""
    run = Stage(router.advance, ONE, watch(), chain(0, *every_name(), whole=True))
    with pytest.raises(RecordError, match=text) as error:
        run(bad)
    assert error.value.reason is RejectReason.BAD_VALUE
    assert set(run.state["watch/XYZ"].contracts) == {CALL}


def test_a_watch_is_judged_at_the_time_of_its_place_in_the_log() -> None:
    """Without a time of its own, bars of the underlying tell it; again is no news; too many are refused."""
    run = Stage(router.advance, ONE)
    run.state["feed/XYZ"] = Feed(EXPIRIES[0] + DAY_NS, 0)
    with pytest.raises(RecordError, match="expires after"):
        run(watch(CALL, 0))
    assert run(watch(FAR, 0)) == run(watch(FAR, 0)) == []
    full = {f"XYZ   240315C{number:08d}": Watched(1) for number in range(1, option_marks.CONTRACTS_MAX + 1)}
    run.state["watch/XYZ"] = Watching(contracts=full)
    with pytest.raises(RecordError, match="at most 4096 of XYZ"):
        run(watch("XYZ   240315P00100000"))


@pytest.mark.parametrize(
    ("contract", "ratio", "after"),
    [
        (CALL, 2.0, "XYZ   240119C00050000"),
        ("XYZ   240119P00645000", 7.0, "XYZ   240119P00092140"),
        (CALL, 1.5, "XYZ1  240119C00066670"),
        (CALL, 0.1, "XYZ1  240119C00100000"),
        ("XYZ1  240119C00100000", 2.0, "XYZ1  240119C00100000"),
        (CALL, 1e-9, CALL),
    ],
)
def test_contracts_after_a_split(contract: str, ratio: float, after: str) -> None:
    """Whole splits divide strikes, others give a new root; what is adjusted already stays."""
    assert after_split(contract, "XYZ", ratio) == after


def test_a_split_changes_what_is_watched_once() -> None:
    """The same event again changes nothing; old figures are not told of new contracts."""
    run = Stage(router.advance, ONE, watch(), watch(FAR), surface(), chain(0, CALL, FAR, whole=True))
    event = MarketEvent("XYZ", "lean", NOW_NS + DAY_NS, MarketEventKind.SPLIT, value=2.0)
    assert run(event) == run(event) == [event]
    assert list(run.state["watch/XYZ"].contracts) == ["XYZ   240119C00050000", "XYZ   240315C00050000"]
    later = NOW_NS + DAY_NS + SECOND_NS
    assert run(chain_frame(later, [CALL], False)) == []
    (made,) = run(replace(chain_frame(later, [CALL], False), contracts=("XYZ   240119C00050000",)))
    assert (made.symbol, made.surface_ns) == ("XYZ   240119C00050000", 0)
    assert Stage(router.advance, ONE)(event) == [event]


def event(kind: MarketEventKind, **changes: Any) -> MarketEvent:
    """Return an event of XYZ with what its kind needs."""
    needs: dict[str, dict[str, Any]] = {
        "SPLIT": {"value": 2.0},
        "DIVIDEND": {"value": 0.25},
        "SESSION_OPEN": {"start_ns": NOW_NS, "end_ns": NOW_NS + 1},
    }
    return MarketEvent("XYZ", "lean", kind=kind, **{"event_ns": NOW_NS, **needs.get(kind, {}), **changes})


@pytest.mark.parametrize("kind", MarketEventKind)
def test_events_that_accounts_need_are_routed(kind: MarketEventKind) -> None:
    """Sessions, halts, dividends, splits and earnings; not heartbeats, gaps and news of sources."""
    one = event(kind)
    assert Stage(router.advance, ONE)(one) == ([one] if kind in router.ROUTED else [])
    assert (kind in router.ROUTED) is (kind not in ("HEARTBEAT", "GAP", "SOURCE_OPEN", "SOURCE_CLOSE"))


def test_dividends_of_the_past_are_not_routed() -> None:
    """They are told for forecasts: nobody who holds now is paid."""
    run = Stage(router.advance, ONE)
    assert run(event(MarketEventKind.DIVIDEND, start_ns=NOW_NS - 1)) == []
    assert len(run(event(MarketEventKind.DIVIDEND, start_ns=NOW_NS + DAY_NS))) == 1


@pytest.mark.parametrize(
    "bad",
    [
        event(MarketEventKind.SPLIT, value=0.0),
        event(MarketEventKind.SPLIT, value=NAN),
        event(MarketEventKind.DIVIDEND, value=NAN),
        event(MarketEventKind.SESSION_OPEN, end_ns=NOW_NS),
    ],
)
def test_events_without_an_amount_are_refused(bad: MarketEvent) -> None:
    """NaN does not pass."""
    with pytest.raises(RecordError, match="event"):
        Stage(router.advance, ONE)(bad)


def folds(params: Params) -> tuple[router.RouterFold, PureFold]:
    """Return the router's own fold, and the plain one."""
    return router.RouterFold(params), PureFold(router.advance, params, router.STATE)


@pytest.mark.parametrize("interval_s", [1, 2])
def test_the_short_way_gives_what_the_plain_one_does(interval_s: int) -> None:
    """Outputs and state agree to the byte, over restarts, and each partition with an account gets a copy."""
    records: list[Record] = [chain(0, CALL), surface(), watch(), watch(PUT), signal()]
    for halves in range(1, 40):
        names = every_name() if halves % 20 == 0 else [CALL, PUT, FAR][: halves % 4] or [FAR]
        records.append(chain(halves, *sorted(names), whole=halves % 20 == 0, bid=1.0 + halves // 3))
        records.append(replace(surface(NOW_NS + halves * HALF_NS), forward=np.array([100.0 + halves // 7, 101.0])))
    records += [event(MarketEventKind.SPLIT, event_ns=NOW_NS + DAY_NS), watch(CALL, NOW_NS + DAY_NS)]
    payloads = [wire.encode(record) for record in records]
    params = Params(accounts=("a", "b", "c", "d"), partitions=3, mark_interval_s=interval_s)
    (short, plain), stored, outputs = folds(params), dict[str, bytes | None](), list[Output | Rejected]()
    for start in range(0, len(payloads), 9):
        part = short.apply(payloads[start : start + 9])
        assert part == plain.apply(payloads[start : start + 9])
        changed = short.changed()
        assert changed == plain.changed()
        stored |= changed
        outputs += part
        short = router.RouterFold(params)
        short.load({key: data for key, data in stored.items() if data is not None})
    marks = [one for one in outputs if isinstance(one, Output) and wire.name_of(one.payload) == "OptionMark"]
    assert len(marks) > 3 * 10
    assert {one.key for one in marks} == {b"XYZ"}
    assert {one.partition for one in marks} == set(params.targets())


def test_what_is_not_watched_is_not_decoded() -> None:
    """Bytes behind the symbol may be anything: they are passed over in silence."""
    fold = router.make(Params(), 0, 1)
    broken = [wire.encode(chain(0, CALL))[:20], wire.encode(surface())[:20]]
    assert fold.apply(broken) == []
    fold.apply([wire.encode(Watch("XYZ", CALL, NOW_NS))])
    assert [one.reason for one in fold.apply(broken) if isinstance(one, Rejected)] == [RejectReason.MALFORMED] * 2


@settings(max_examples=60, deadline=None)
@given(
    count=st.integers(1, 90),
    watched=st.sets(st.integers(0, 90), max_size=5),
    whole=st.booleans(),
    place=st.integers(0, 10**6),
    byte=st.none() | st.integers(0, 255),
)
def test_rows_are_read_as_the_decoder_reads_them(
    count: int, watched: set[int], whole: bool, place: int, byte: int | None
) -> None:
    """Of any frame, and of one with a changed byte wherever rows are read."""
    names = [f"XYZ   240119C{number:08d}" for number in range(1, count + 1)]
    base = chain_frame(NOW_NS, [CALL], whole)
    columns: dict[str, Any] = {}
    for name in ChainFrame.__slots__:
        value = getattr(base, name)
        if isinstance(value, np.ndarray):
            spread = np.arange(count) ** 3 * (place % 97 - 48)
            columns[name] = spread.astype(value.dtype) if value.dtype == np.int64 else np.where(spread, spread, np.nan)
    frame = replace(base, contracts=tuple(names), iv_status=bytes(count), **columns)
    payload = bytearray(wire.encode(frame))
    wanted = {names[at] for at in watched if at < count}
    if byte is not None:
        payload[5 + place % (len(payload) - 5)] = byte
    try:
        plain = repr(rows_of(wire.decode(bytes(payload)), wanted))  # type: ignore[arg-type]  # a ChainFrame
    except (wire.WireError, RecordError):
        plain = ""
    try:
        short = read_rows(bytes(payload), wanted)
    except (wire.WireError, RecordError):
        assert plain == ""
        return
    assert plain in (repr(short), "" if not short.rows else None)
