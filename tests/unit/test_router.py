"""The router: which bars make marks, what a mark tells, and where copies go."""

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import wire
from schemas.records import FeatureFrame, Mark, MarketEvent, MarketEventKind
from schemas.topics import partition_of
from streams.book import router
from streams.book.marks import Feed, rows
from streams.book.router import Params
from streams.book.skim import skim
from streams.fold import PureFold
from streams.stage import Output, RecordError, Rejected, RejectReason
from tests.orderpath_rig import NAN, SECOND_NS, Stage, at, frame, mandate, signal

ONE = Params(partitions=1)


def marks(*frames: FeatureFrame, params: Params = ONE) -> list[Mark]:
    """Return the marks of frames."""
    run = Stage(router.advance, params)
    return [mark for one in frames for mark in run(one)]


def test_a_bar_is_a_mark() -> None:
    """Quote, close, range and volume of the bar, at its end."""
    (made,) = marks(frame(second=7, price=100.0, high=101.0, low=99.0, open=99.5, volume=300))
    assert made == Mark("SPY", at(7), 99.99, 100.01, 100.0, 101.0, 99.0, 300)


def test_minutes_add_nothing_where_there_are_seconds() -> None:
    """The minute that ends with the last second tells trades that were told already."""
    seconds = [frame(second=second) for second in (58, 59, 60)]
    assert [one.event_ns for one in marks(*seconds, frame(second=60, interval_s=60))] == [at(58), at(59), at(60)]


def test_minutes_make_marks_where_there_are_no_seconds() -> None:
    """A source of minutes gives a mark a minute; five minutes add nothing to it."""
    frames = [frame(second=60 * minute, interval_s=60) for minute in (1, 2, 3, 4, 5)]
    found = marks(*frames, frame(second=300, interval_s=300))
    assert [one.event_ns for one in found] == [at(60 * minute) for minute in (1, 2, 3, 4, 5)]


def test_a_coarser_interval_keeps_range_and_volume_of_the_bars_between() -> None:
    """With a mark each 3 s, high, low and volume are those of all bars since the mark before."""
    bars = [
        frame(second=1, price=100.0),
        frame(second=2, price=100.0, high=105.0),
        frame(second=3, price=100.0, low=95.0),
        frame(second=4, price=100.0, trades=0, volume=0),
    ]
    found = marks(*bars, params=Params(mark_interval_s=3, partitions=1))
    assert [(one.event_ns, one.high, one.low, one.volume) for one in found] == [
        (at(1), 100.0, 100.0, 100),
        (at(4), 105.0, 95.0, 200),
    ]


def test_a_bar_without_a_trade_has_no_range() -> None:
    """Its quote and last price stand, but no bracket may be touched by a price that nobody paid."""
    (made,) = marks(frame(second=1, trades=0, volume=0))
    assert (made.bid, made.last, made.volume) == (99.99, 100.0, 0)
    assert made.high != made.high
    assert made.low != made.low


def test_a_quote_without_any_trade_is_a_mark() -> None:
    """Before the first trade the last price is unknown; without a quote either there is nothing to tell."""
    empty: dict[str, Any] = {"open": NAN, "high": NAN, "low": NAN, "close": NAN, "vwap": NAN, "trades": 0, "volume": 0}
    (made,) = marks(frame(second=1, **empty))
    assert made.bid == 99.99
    assert made.last != made.last
    assert marks(frame(second=1, bid=NAN, ask=NAN, **empty)) == []


def test_sessions() -> None:
    """Bars before the open and after the close make no marks by default; all can be asked for."""
    frames = [frame(second=number + 1, session=number) for number in range(4)]
    assert [one.event_ns for one in marks(*frames)] == [at(1), at(3)]
    assert len(marks(*frames, params=Params(sessions=(0, 1, 2, 3), partitions=1))) == 4


def test_copies_go_to_each_partition_that_holds_an_account() -> None:
    """One copy a partition, however many accounts it holds; the key stays the underlying."""
    accounts = ("a", "b", "c", "d")
    targets = sorted({partition_of(account, 3) for account in accounts})
    fold = router.make(Params(accounts=accounts), 0, 3)
    inputs = [wire.encode(frame(symbol="IBM")), wire.encode(signal("IBM"))]
    outputs = fold.apply(inputs)
    assert all(isinstance(one, Output) for one in outputs)
    found = [(one.at, one.topic, one.partition, one.key) for one in outputs if isinstance(one, Output)]
    assert found == [(number, "book", target, b"IBM") for number in (0, 1) for target in targets]
    assert {one.payload for one in outputs if isinstance(one, Output) and one.at == 1} == {inputs[1]}


def test_other_records() -> None:
    """Market events are passed over; a record of another topic is rejected."""
    run = Stage(router.advance, ONE)
    assert run(MarketEvent("SPY", "lean", at(0), MarketEventKind.HEARTBEAT)) == []
    with pytest.raises(RecordError, match="router does not read Mandate"):
        run(mandate())


@pytest.mark.parametrize(
    "changes",
    [{"bid": -1.0}, {"ask": 0.0}, {"close": float("inf")}, {"high": 99.0, "low": 100.0}, {"volume": -1}],
)
@pytest.mark.parametrize("names", [{}, {"rsi_14": 50.0}], ids=["short way", "long way"])
def test_bad_values_are_rejected_and_change_nothing(changes: dict[str, Any], names: dict[str, float]) -> None:
    """By either way the reason is the same, and the state is as before."""
    fold = router.make(Params(), 0, 1)
    (rejected,) = fold.apply([wire.encode(frame(values=names, **changes))])
    assert isinstance(rejected, Rejected)
    assert rejected.reason is RejectReason.BAD_VALUE
    assert fold.changed() == {}


def test_columns_of_unequal_length_are_rejected() -> None:
    """A frame whose columns do not fit together is of no use."""
    with pytest.raises(RecordError, match="columns of the frame"):
        marks(replace(frame(), bid=np.array([1.0, 2.0])))


def test_state_survives_a_checkpoint() -> None:
    """What was told is known after a restart: the minute adds nothing."""
    before = router.make(Params(mark_interval_s=5), 0, 1)
    before.apply([wire.encode(frame(second=second)) for second in (1, 2)])
    after = router.make(Params(mark_interval_s=5), 0, 1)
    after.load({key: data for key, data in before.changed().items() if data is not None})
    assert after.state == {"feed/SPY": Feed(at(2), at(1), 100.0, 100.0, 100)}


prices = st.floats(0.01, 1e6) | st.just(NAN)


@settings(max_examples=200, deadline=None)
@given(
    symbol=st.text(min_size=0, max_size=80),
    second=st.integers(-(10**9), 10**9),
    columns=st.tuples(prices, prices, prices, prices, prices, prices, prices),
    counts=st.tuples(st.integers(0, 2**62), st.integers(0, 2**62), st.integers(0, 2**62)),
    session=st.integers(0, 255),
    named=st.booleans(),
    cut=st.integers(0, 200),
)
def test_the_short_way_reads_what_the_decoder_reads(
    symbol: str,
    second: int,
    columns: tuple[float, ...],
    counts: tuple[int, ...],
    session: int,
    named: bool,
    cut: int,
) -> None:
    """A canonical row is read alike by both ways; anything else is left to the decoder."""
    figures: dict[str, Any] = dict(zip(("open", "high", "low", "close", "vwap", "bid", "ask"), columns, strict=True))
    figures |= dict(zip(("volume", "trades", "dropped"), counts, strict=True))
    one = frame(symbol, second, values={"rsi_14": 1.0} if named else {}, session=session, **figures)
    payload = wire.encode(one)
    row = skim(payload)
    if named:
        assert row is None
    else:
        assert repr(row) == repr(next(iter(rows(one))))
    assert skim(payload[: min(cut, len(payload) - 1)]) is None
    assert skim(payload + b"\0") is None


@settings(max_examples=100, deadline=None)
@given(place=st.integers(0, 150), byte=st.integers(0, 255))
def test_the_short_way_never_reads_what_the_decoder_refuses(place: int, byte: int) -> None:
    """A changed byte is read alike or not at all."""
    payload = bytearray(wire.encode(frame()))
    payload[place % len(payload)] = byte
    row = skim(bytes(payload))
    if row is not None:
        read = wire.decode(bytes(payload))
        assert isinstance(read, FeatureFrame)
        assert repr(row) == repr(next(iter(rows(read))))


def test_both_ways_give_the_same_outputs() -> None:
    """The router's own fold and the plain one agree to the byte over a mixed input."""
    inputs = [wire.encode(frame(second=second, price=100.0 + second)) for second in range(1, 70)]
    inputs += [wire.encode(frame(second=120, interval_s=60, values={"rsi_14": 1.0})), b"junk", wire.encode(signal())]
    params = Params(partitions=2, mark_interval_s=3)
    fast, plain = router.RouterFold(params), PureFold(router.advance, params, router.STATE)
    assert fast.apply(inputs) == plain.apply(inputs)
    assert fast.changed() == plain.changed()
    assert SECOND_NS == router.SECOND_NS


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"accounts": ()}, "accounts must"),
        ({"mark_interval_s": 0}, "must be >= 1"),
        ({"sessions": (2, 4)}, "sessions must be of 0, 1, 2, 3"),
    ],
)
def test_parameters_out_of_bounds_say_so(given: dict[str, Any], text: str) -> None:
    """The error names the parameter."""
    with pytest.raises(ValueError, match=text):
        Params(**given)


bar_rows = st.tuples(
    st.integers(0, 3),  # seconds since the row before, 0: overlaps
    st.sampled_from([NAN, 99.0, 100.0, 101.0]),
    st.integers(0, 2),  # trades
    st.sampled_from([0, 2, 2, 2, 1]),  # session
    st.sampled_from([99.5, 99.5, 99.5, NAN, -1.0]),  # bid
)


@settings(max_examples=150, deadline=None)
@given(
    frames=st.lists(
        st.tuples(st.sampled_from(["SPY", "QQQ", "É"]), st.lists(bar_rows, min_size=1, max_size=12)), max_size=8
    ),
    interval_s=st.sampled_from([2, 5, 60]),
    cuts=st.lists(st.integers(0, 10), max_size=3),
    junk=st.none() | st.integers(0, 400),
)
def test_the_kernel_gives_the_marks_that_rows_give(
    frames: list[tuple[str, list[tuple[Any, ...]]]], interval_s: int, cuts: list[int], junk: int | None
) -> None:
    """Whatever the frames, batches and restarts, outputs, rejects and state are those of a fold over rows."""
    payloads, second = [], 0
    for symbol, drawn in frames:
        singles = []
        for pause, price, trades, session, bid in drawn:
            second += pause
            figures: dict[str, Any] = {"trades": trades, "volume": 10 * trades, "session": session, "bid": bid}
            singles.append(frame(symbol, second, price, high=price + 0.25, ask=price, **figures))
        payloads.append(wire.encode(joined(singles)))
    if payloads and junk is not None:
        payloads[junk % len(payloads)] = payloads[0][:junk] or b"junk"
    payloads.append(wire.encode(signal()))
    params = Params(partitions=2, mark_interval_s=interval_s)
    kernel, plain = router.RouterFold(params), PureFold(router.advance, params, router.STATE)
    stored: dict[str, bytes | None] = {}
    places = sorted({min(cut, len(payloads)) for cut in cuts} | {0, len(payloads)})
    for start, stop in itertools.pairwise(places):
        assert kernel.apply(payloads[start:stop]) == plain.apply(payloads[start:stop])
        changed = kernel.changed()
        assert changed == plain.changed()
        stored |= changed
        kernel = router.RouterFold(params)
        kernel.load({key: data for key, data in stored.items() if data is not None})


def test_the_kernel_knows_many_symbols_and_many_marks() -> None:
    """More symbols than there were rows for, and more marks than the sink holds at once."""
    params = Params(partitions=1, mark_interval_s=2)
    kernel, plain = router.RouterFold(params), PureFold(router.advance, params, router.STATE)
    long = joined([frame(second=2 * second, high=100.0 + second) for second in range(1, 400)])
    payloads = [wire.encode(frame(f"S{number}", second=number)) for number in range(200)]
    payloads += [wire.encode(replace(long, symbol=f"S{number}", base_ns=at(10_000))) for number in range(20)]
    assert kernel.apply(payloads) == plain.apply(payloads)
    assert kernel.changed() == plain.changed()


@pytest.mark.parametrize("volume", [2**53, 2**53 + 1, 2**62])
def test_volumes_beyond_the_kernels_sums_are_summed_all_the_same(volume: int) -> None:
    """A sum that could pass an int64 is left to Python's integers, and taken up again where it is told."""
    params = Params(partitions=1, mark_interval_s=5)
    kernel, plain = router.RouterFold(params), PureFold(router.advance, params, router.STATE)
    for second in range(1, 12):
        payloads = [wire.encode(frame(second=second, volume=volume if second in (2, 3) else 7))]
        assert kernel.apply(payloads) == plain.apply(payloads)
        assert kernel.changed() == plain.changed()


def joined(singles: list[FeatureFrame]) -> FeatureFrame:
    """Return one frame of the rows of frames of one row."""
    ends = np.array([one.base_ns for one in singles], np.int64)
    names = ("open", "high", "low", "close", "volume", "trades", "vwap", "bid", "ask", "dropped", "values")
    columns: dict[str, Any] = {name: np.concatenate([getattr(one, name) for one in singles]) for name in names}
    deltas = np.diff(ends, prepend=ends[0])
    return replace(singles[0], delta_ns=deltas, session=b"".join(one.session for one in singles), **columns)
