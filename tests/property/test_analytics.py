"""Laws of the analytics stage: how the log is cut, saved and interleaved does not matter; nothing can break it."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.records import MarketEventKind
from streams.bars.analytics import Params, make
from streams.stage import Output, Rejected, RejectReason
from tests.analytics_ticks import (
    ASK,
    BID,
    TRADE,
    Tick,
    apply_all,
    bars,
    by_symbol,
    event,
    features,
    frame,
    heartbeat,
    session,
)

KIND = MarketEventKind
SLOW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
PARAMS = (Params(), Params(second_rows=60), Params(second_rows=7, indicators=("ema", "bollinger")))
NAN = float("nan")


@st.composite
def tick_lists(draw: st.DrawFn, low: float = 0.0, longest: int = 120) -> list[Tick]:
    """Draw ticks in time order: trades and quotes, some flagged, some broken, some at one instant, some far apart."""
    steps = draw(st.lists(st.sampled_from([0.0, 0.0, 0.001, 0.3, 0.9, 7.0, 59.0, 301.0]), min_size=1, max_size=longest))
    seed = draw(st.integers(0, 2**31))
    out, at = [], low
    for i, step in enumerate(steps):
        at = round(at + step, 3)
        draw_of = (seed * 1_103_515_245 + i * 12_345) % 2**31
        kind = (TRADE, BID, ASK, TRADE)[draw_of % 4]
        price = 100.0 + (draw_of // 4 % 200) / 100.0
        price = {17: NAN, 18: 0.0, 19: -1.0}.get(draw_of // 800 % 40, price)
        out.append(
            Tick(at, price, draw_of // 7 % 900 - (draw_of % 50 == 0), kind, (0, 0, 0, 1, 2, 4)[draw_of // 11 % 6])
        )
    return out


def cut(ticks: Sequence[Tick], places: Sequence[int], symbol: str = "SPY", source: str = "lean") -> list[bytes]:
    """Return ticks as frames that are cut at places."""
    edges = sorted({0, len(ticks), *(place % len(ticks) for place in places)})
    return [frame(ticks[a:b], symbol, source) for a, b in pairwise(edges)]


@SLOW
@given(ticks=tick_lists(), places=st.lists(st.integers(0, 1_000), max_size=12), which=st.integers(0, 2))
def test_frame_boundaries_do_not_matter(ticks: list[Tick], places: list[int], which: int) -> None:
    """Ticks in one frame, in any frames, and one a frame give the same bytes."""
    end = heartbeat(40_000.0)
    whole, parts, singles = (make(PARAMS[which], 0, 1) for _ in range(3))
    expected = by_symbol(whole.apply([session(), frame(ticks), end]))
    assert by_symbol(parts.apply([session(), *cut(ticks, places), end])) == expected
    assert by_symbol(singles.apply([session(), *(frame([tick]) for tick in ticks), end])) == expected
    assert whole.changed() == parts.changed() == singles.changed()


@SLOW
@given(first=tick_lists(), second=tick_lists(), batch=st.integers(1, 40), which=st.integers(0, 2))
def test_batches_and_neighbours_do_not_matter(first: list[Tick], second: list[Tick], batch: int, which: int) -> None:
    """A symbol's bytes are the same in any batches, alone or beside another symbol in the same partition."""
    ours, others = [frame([tick]) for tick in first], [frame([tick], "AAPL") for tick in second]
    mixed = [payload for pair in zip(ours, others, strict=False) for payload in pair]
    mixed += ours[len(others) :] + others[len(ours) :]
    start, end = session(), heartbeat(40_000.0)
    alone = by_symbol(make(PARAMS[which], 0, 1).apply([start, *ours, end]))
    together = make(PARAMS[which], 0, 1)
    found = apply_all(together, [start, *mixed, end], batch)
    assert by_symbol(found).get(b"SPY") == alone.get(b"SPY")
    assert by_symbol(found) == by_symbol(make(PARAMS[which], 1, 3).apply([start, *mixed, end]))


def log_of_everything(ticks: list[Tick]) -> list[bytes]:
    """Return a log with sessions, two sources, a split, source bars and heartbeats around ticks."""
    a, b = ticks[::2], ticks[1::2] or ticks[:1]
    rows = [(50_000.0 + 10_000.0 - 60_000.0 + 60.0 * i, 10.0, 12.0, 9.0, 11.0, 5.0, 10.0, 11.0) for i in range(4)]
    interleaved = [
        payload
        for pair in zip(cut(a, range(3, 99, 4), source="a"), cut(b, range(5, 99, 6), source="b"), strict=False)
        for payload in pair
    ]
    return [
        session(),
        bars(rows, symbol="IBM"),
        event(KIND.SOURCE_OPEN, 0.0, source="a"),
        event(KIND.SOURCE_OPEN, 0.0, source="b"),
        *interleaved,
        event(KIND.SPLIT, 600.0, symbol="SPY", source="a", value=2.0),
        heartbeat(900.0, source="b"),
        *(frame([tick], "AAPL", "b") for tick in b),
        event(KIND.SOURCE_CLOSE, 1_000.0, source="b"),
        heartbeat(40_000.0, source="a"),
        event(KIND.SESSION_CLOSE, 50_000.0, source="a"),
    ]


@SLOW
@given(ticks=tick_lists(), place=st.integers(0, 1_000), which=st.integers(0, 2))
def test_saving_and_restoring_does_not_matter(ticks: list[Tick], place: int, which: int) -> None:
    """State saved in two steps and loaded into a new fold goes on with the same bytes and the same state."""
    log = log_of_everything(ticks)
    at = place % len(log)
    whole = make(PARAMS[which], 0, 1)
    first, second = whole.apply(log[:at]), whole.apply(log[at:])
    halves = (log[: at // 2], log[at // 2 : at])
    stopped, restored = make(PARAMS[which], 0, 1), make(PARAMS[which], 0, 1)
    found = [result.payload for result in stopped.apply(halves[0]) if isinstance(result, Output)]
    saved = stopped.changed()
    found += [result.payload for result in stopped.apply(halves[1]) if isinstance(result, Output)]
    assert found == [result.payload for result in first if isinstance(result, Output)]
    saved |= stopped.changed()
    restored.load({key: data for key, data in saved.items() if data is not None})
    assert restored.changed() == {}
    assert restored.apply(log[at:]) == second
    everything = whole.changed()
    saved |= restored.changed()
    assert {key: saved[key] for key in everything} == everything


@SLOW
@given(
    first=tick_lists(longest=50),
    second=tick_lists(longest=50),
    order=st.lists(st.booleans(), max_size=110),
    places=st.lists(st.integers(0, 1_000), max_size=12),
    which=st.integers(0, 2),
)
def test_how_sources_interleave_does_not_matter(
    first: list[Tick], second: list[Tick], order: list[bool], places: list[int], which: int
) -> None:
    """Two sources of one symbol, announced before their ticks, give the same bytes in any interleaving."""
    queues = [
        [*cut(first, places, source="a"), heartbeat(30_000.0, source="a")],
        [*cut(second, places[::2], source="b"), heartbeat(30_000.0, source="b")],
    ]
    opened = [event(KIND.SOURCE_OPEN, 0.0, source=source) for source in ("a", "b")]
    closed = [event(KIND.SOURCE_CLOSE, 30_000.0, source=source) for source in ("b", "a")]
    one_after_the_other = [session(), *opened, *queues[0], *queues[1], *closed]
    left = [list(queue) for queue in queues]
    mixed = [session(), *reversed(opened)]
    for choice in order:
        if left[choice]:
            mixed.append(left[choice].pop(0))
    mixed += [*left[1], *left[0], *closed]
    expected = by_symbol(make(PARAMS[which], 0, 1).apply(one_after_the_other))
    assert by_symbol(make(PARAMS[which], 0, 1).apply(mixed)) == expected


POISON = [
    (b"", RejectReason.NOT_FRAMED),
    (b"\x01\x00\x00\x00\x0d", RejectReason.NOT_FRAMED),
    (b"\x00\x00\x00\x7f\xffabc", RejectReason.UNKNOWN_SCHEMA),
    (frame([Tick(1.0, 1.0)])[:-1], RejectReason.MALFORMED),
    (frame([Tick(1.0, 1.0)]) + b"\x00", RejectReason.MALFORMED),
    (bars([(0.0, 1, 1, 1, 1, 1, NAN, NAN)])[:-3], RejectReason.MALFORMED),
    (heartbeat(1.0)[:-2], RejectReason.MALFORMED),
    (frame([Tick(1.0, 1.0, kind=3)]), RejectReason.BAD_VALUE),
    (frame([Tick(1.0, 1.0)], symbol=""), RejectReason.BAD_VALUE),
    (frame([Tick(1.0, 1.0)], symbol="X" * 33), RejectReason.BAD_VALUE),
    (frame([Tick(1.0, 1.0)], source=""), RejectReason.BAD_VALUE),
    (frame([Tick(-1.4e9, 1.0)]), RejectReason.BAD_VALUE),
    (bars([(0.0, 1, 1, 1, 1, 1, NAN, NAN)], seconds=7), RejectReason.BAD_VALUE),
    (bars([(30.0, 1, 1, 1, 1, 1, NAN, NAN)], seconds=60), RejectReason.BAD_VALUE),
    (session(10.0, 5.0), RejectReason.BAD_VALUE),
    (session(0.0, 9e6), RejectReason.BAD_VALUE),
    (event(KIND.SPLIT, 1.0), RejectReason.BAD_VALUE),
    (heartbeat(1.0, source=""), RejectReason.BAD_VALUE),
]


@pytest.mark.parametrize(("payload", "reason"), POISON)
def test_poison_is_rejected_and_changes_nothing(payload: bytes, reason: RejectReason) -> None:
    """A record of no use is rejected with its reason, in its place; all else is as if it had not been there."""
    before, after = frame([Tick(i * 0.4, 10.0 + i) for i in range(9)]), frame([Tick(9.0, 12.0)])
    plain, poisoned = make(Params(), 0, 1), make(Params(), 0, 1)
    expected = plain.apply([before, after])
    found = poisoned.apply([before, payload, after])
    rejects = [result for result in found if isinstance(result, Rejected)]
    assert [(result.at, result.reason) for result in rejects] == [(1, reason)]
    assert rejects[0].detail
    assert [result.payload for result in found if isinstance(result, Output)] == [
        result.payload for result in expected if isinstance(result, Output)
    ]
    assert [result.at for result in found] == sorted(result.at for result in found)
    assert plain.changed() == poisoned.changed()
    assert poisoned.counters["rejects"] == 1


@SLOW
@given(data=st.data(), ticks=tick_lists(longest=20))
def test_no_bytes_break_the_stage(data: st.DataObject, ticks: list[Tick]) -> None:
    """Frames and events with any byte changed or cut are applied or rejected, never raised."""
    payloads = []
    for source in (frame(ticks), bars([(0.0, 1, 1, 1, 1, 1, NAN, 2.0)]), heartbeat(1.0), session()):
        broken = bytearray(source)
        for _ in range(data.draw(st.integers(1, 4))):
            broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
        payloads.append(bytes(broken[: data.draw(st.integers(0, len(broken)))]))
    stage = make(Params(), 0, 1)
    rejects = [result.at for result in stage.apply(payloads) if isinstance(result, Rejected)]
    assert len(rejects) == len(set(rejects))
    assert stage.counters["rejects"] == len(rejects)


def test_too_many_symbols_and_sources_are_refused() -> None:
    """Beyond symbols_max symbols and 32 sources a record is rejected, and those that are known go on."""
    stage = make(Params(symbols_max=2), 0, 1)
    found = stage.apply([frame([Tick(0.5, 1.0)], symbol=name) for name in ("A", "B", "C", "A")])
    assert [(result.at, result.reason) for result in found if isinstance(result, Rejected)] == [
        (2, RejectReason.BAD_VALUE)
    ]
    stage = make(Params(), 0, 1)
    found = stage.apply([frame([Tick(0.5, 1.0)], source=f"s{i}") for i in range(33)])
    assert [result.at for result in found if isinstance(result, Rejected)] == [32]
    assert [result.at for result in stage.apply([heartbeat(1.0, source="s32")])] == [0]


def test_state_of_another_layout_is_refused() -> None:
    """State saved with other parameters, or with a row missing, is refused loudly."""
    stage = make(Params(), 0, 1)
    stage.apply([frame([Tick(0.5, 1.0)]), frame([Tick(0.5, 1.0)], symbol="A")])
    saved = {key: data for key, data in stage.changed().items() if data is not None}
    with pytest.raises(ValueError, match="has another layout"):
        make(Params(second_rows=2), 0, 1).load(saved)
    with pytest.raises(ValueError, match="slots 0 to n - 1"):
        make(Params(), 0, 1).load({key: data for key, data in saved.items() if key != "SPY"})


def test_frames_of_any_avro_writer_are_read() -> None:
    """A frame whose columns come in several blocks, or with sizes, gives what the usual form gives."""
    ticks = [Tick(0.1 * i, 100.0 + i) for i in range(40)]
    usual = frame(ticks)
    at = usual.index(b"\x50", 10)
    assert usual[at] == 80
    blocks = _two_blocks_of_times(usual)
    assert blocks != usual
    plain, odd = make(Params(), 0, 1), make(Params(), 0, 1)
    end = heartbeat(9.0)
    expected = [result.payload for result in plain.apply([usual, end]) if isinstance(result, Output)]
    assert [result.payload for result in odd.apply([blocks, end]) if isinstance(result, Output)] == expected
    assert len(features(odd.apply([frame([Tick(9.5, 1.0)]), heartbeat(10.0)]))) == 1


def _two_blocks_of_times(payload: bytes) -> bytes:
    """Return a TickFrame's payload with delta_ns, of 40 rows, in two blocks: 1 row, which is 0, and 39."""
    at = payload.index(b"\x50\x00", 10)
    return payload[:at] + b"\x02\x00\x4e" + payload[at + 2 :]
