"""Frames of one row, read without columns: the same rows, signals, rejects and state as by the decoder."""

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import wire
from schemas.records import FeatureFrame
from streams.fold import PureFold
from streams.signals import stage
from streams.signals.bar import Bar, BarReader
from tests.orderpath_rig import NAN, SECOND_NS, frame

EVERY_BAR = stage.Params(
    strategies=("every_bar", "momentum_breakout"),
    settings={"every_bar": {"interval_s": 60, "lifetime_s": 600}, "momentum_breakout": {"lookback": 2}},
)
READER = BarReader(stage.intervals_of(EVERY_BAR))
VALUES = {"adx_14": 30.0, "rsi_14": 60.0, "atr_14": 0.5}


def bar(minute: int, price: float = 100.0, values: dict[str, float] | None = None, **changes: Any) -> FeatureFrame:
    """Return a frame of one bar of a minute."""
    named = VALUES if values is None else values
    return frame(second=60 * minute, price=price, interval_s=60, values=named, **changes)


def both(payloads: list[bytes]) -> None:
    """Check that the stage's fold and one that decodes every frame give the same."""
    fast = stage.make(EVERY_BAR, 0, 1)
    plain = PureFold(stage.advance, EVERY_BAR, stage.STATE, skip=READER.skip)
    assert fast.apply(payloads) == plain.apply(payloads)
    assert fast.changed() == plain.changed()


prices = st.floats(0.01, 1e6)
doubtful = st.sampled_from([NAN, 0.0, -1.0, float("inf"), 100.0])


@settings(max_examples=200, deadline=None)
@given(
    symbol=st.text(min_size=0, max_size=15),
    figures=st.tuples(prices, prices, prices, prices, prices | st.just(NAN), prices | st.just(NAN)),
    volume=st.integers(0, 2**62),
    session=st.integers(0, 255),
    values=st.dictionaries(st.text(max_size=70), st.floats() | st.just(NAN), max_size=80),
)
def test_a_good_row_is_read_as_its_columns_are(
    symbol: str, figures: tuple[float, ...], volume: int, session: int, values: dict[str, float]
) -> None:
    """Every figure of a canonical frame of one row is that of the decoder."""
    low, first, last, high = sorted(figures[:4])
    one = bar(1, values=values, open=first, high=high, low=low, close=last, bid=figures[4], ask=figures[5])
    one = replace(one, symbol=symbol, volume=one.volume * 0 + volume, session=bytes([session]))
    payload = wire.encode(one)
    read, whole = READER.read(payload), wire.decode(payload)
    assert isinstance(read, Bar)
    assert isinstance(whole, FeatureFrame)
    assert repr(read) == repr(Bar(whole.interval_ns, next(stage.rows(whole))))


@settings(max_examples=200, deadline=None)
@given(changes=st.dictionaries(st.sampled_from(["open", "high", "low", "close", "bid", "ask"]), doubtful))
def test_a_figure_out_of_its_bounds_is_rejected_by_both_ways(changes: dict[str, Any]) -> None:
    """What the short way will not read, the decoder's way judges; state and outputs stay the same."""
    both([wire.encode(bar(1)), wire.encode(bar(2, **changes)), wire.encode(bar(3))])


@settings(max_examples=300, deadline=None)
@given(place=st.integers(0, 400), byte=st.integers(0, 255), cut=st.integers(0, 400))
def test_a_changed_byte_gives_the_same_by_both_ways(place: int, byte: int, cut: int) -> None:
    """Whatever the bytes, nothing is read that the decoder refuses, and nothing is read otherwise."""
    good = wire.encode(bar(2))
    changed = bytearray(good)
    changed[place % len(good)] = byte
    both([wire.encode(bar(1)), bytes(changed), good[: cut % len(good)], good + b"\0", wire.encode(bar(3))])


def test_names_may_change_from_frame_to_frame() -> None:
    """The names kept from the frame before never name another frame's values."""
    more, other = {**VALUES, "ema_26": 99.0}, {"rsi_14": 60.0, "adx_14": 30.0, "atr_14": 0.5}
    frames = [
        bar(minute, 100.0 + minute, named, volume=100 * 3**minute)
        for minute, named in enumerate([VALUES, VALUES, more, VALUES, other, {"adx_14": 1.0}, {}, more], 1)
    ]
    reader = BarReader([60 * SECOND_NS])
    for one in frames:
        read = reader.read(wire.encode(one))
        assert isinstance(read, Bar)
        assert dict(read.row.values) == dict(zip(one.names, one.values.tolist(), strict=True))
    both([wire.encode(one) for one in frames])


def test_frames_of_no_use_are_skipped_whatever_came_before() -> None:
    """Intervals seen before are known by their bytes, more of them than are kept are read; none hides a wanted one."""
    reader = BarReader([60 * SECOND_NS])
    lengths = [1, 60, 300, 60, 1, *range(61, 100), 60, 99, 1]
    for number, seconds in enumerate(lengths, 1):
        payload = wire.encode(replace(bar(number), interval_ns=seconds * SECOND_NS))
        assert reader.skip(payload) == (seconds != 60)
        assert not reader.skip(payload[:8])


def test_a_bar_of_a_session_that_does_not_count_changes_nothing() -> None:
    """Its indicators are left unread, and what is broken is rejected all the same."""
    early = wire.encode(replace(bar(2), session=bytes([1])))
    both([wire.encode(bar(1)), early, early[:-3], early + b"\0", wire.encode(bar(3))])
    made = stage.make(EVERY_BAR, 0, 1)
    assert made.apply([early]) == []
    assert made.changed() == {}
