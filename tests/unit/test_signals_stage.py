"""The signals stage: what a Signal says, when one may come, and what is skipped or rejected."""

import hashlib
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from schemas import wire
from schemas.records import Direction, FeatureFrame, Grade, MarketEvent, MarketEventKind, Priority, Signal
from streams.fold import PureFold
from streams.signals import stage
from streams.signals.stage import Params
from streams.stage import Output, RecordError, Rejected, RejectReason
from tests.orderpath_rig import NAN, Stage, at, frame, mandate

EVERY_BAR = Params(strategies=("every_bar",), settings={"every_bar": {"lifetime_s": 60}})
ONE_OPEN = Params(
    strategies=("every_bar",),
    settings={"every_bar": {"one_open": True, "cooldown_s": 10, "lifetime_s": 60, "move": 0.01}},
)


def test_a_signal_says_all() -> None:
    """Identity, executable entry, bracket, expiry, raw confidence, grade, quote, evidence."""
    (made,) = Stage(stage.advance, EVERY_BAR)(frame(second=5, price=100.0))
    assert isinstance(made, Signal)
    assert made.id == hashlib.sha256(f"every_bar|SPY|{at(5)}|0".encode()).hexdigest()[:16]
    assert (made.strategy, made.symbol, made.event_ns, made.ordinal) == ("every_bar", "SPY", at(5), 0)
    assert (made.direction, made.entry, made.stop, made.target) == (Direction.LONG, 100.01, 99.0099, 101.0101)
    assert made.expires_ns == at(65)
    assert (made.confidence, made.calibrated, made.grade) == (0.0, False, Grade.D)
    assert (made.priority, made.bid, made.ask) == (Priority.LOW, 99.99, 100.01)
    assert [(one.name, one.value) for one in made.evidence] == [("bars", 0.0)]
    assert wire.decode(wire.encode(made)) == made


def test_a_short_enters_at_the_bid_and_without_a_quote_at_the_close() -> None:
    """The entry is what could be had."""
    run = Stage(stage.advance, EVERY_BAR)
    run(frame(second=1))
    (short,) = run(frame(second=2))
    assert (short.direction, short.entry, short.stop, short.target) == (Direction.SHORT, 99.99, 100.9899, 98.9901)
    (blind,) = run(frame(second=3, bid=NAN, ask=NAN))
    assert (blind.direction, blind.entry) == (Direction.LONG, 100.0)


def test_each_row_of_a_frame_counts_as_a_frame_of_its_own() -> None:
    """Cutting bars into frames changes no signal and no state."""
    single = Stage(stage.advance, EVERY_BAR)
    apart = single(frame(second=1)) + single(frame(second=2))
    one, two = frame(second=1), frame(second=2)
    columns = {
        name: np.concatenate([getattr(one, name), getattr(two, name)])
        for name in ("open", "high", "low", "close", "volume", "trades", "vwap", "bid", "ask", "dropped", "values")
    }
    deltas = np.array([0, at(2) - at(1)], np.int64)
    both = replace(one, delta_ns=deltas, session=one.session + two.session, **columns)  # type: ignore[arg-type]
    together = Stage(stage.advance, EVERY_BAR)
    assert together(both) == apart
    assert together.state == single.state


@pytest.mark.parametrize(
    ("closing", "second"),
    [({"low": 99.0}, 2), ({"high": 101.02}, 2), ({}, 61)],
    ids=["stop", "target", "expiry"],
)
def test_one_idea_a_direction_until_it_is_over_and_cooled(closing: dict[str, float], second: int) -> None:
    """While the LONG is open no other LONG comes; after stop, target or expiry, and 10 s, the next may."""
    run = Stage(stage.advance, ONE_OPEN)

    def bars(at_second: int, **changes: Any) -> list[Any]:
        run.state.pop("every_bar/SPY", None)  # every_bar takes turns: one that has seen nothing goes LONG
        return run(frame(second=at_second, **changes))

    assert len(bars(1)) == 1
    assert bars(1) == []
    assert bars(second, **closing) == []
    assert bars(second + 9) == []
    assert len(bars(second + 10)) == 1
    assert run.state["ideas/every_bar/SPY"].no_trades == {"already_open": 1, "cooling_down": 2}


def test_the_other_direction_is_free() -> None:
    """An open LONG does not keep a SHORT from coming."""
    run = Stage(stage.advance, ONE_OPEN)
    assert [one.direction for second in (1, 2) for one in run(frame(second=second))] == [
        Direction.LONG,
        Direction.SHORT,
    ]


def test_no_trades_are_counted() -> None:
    """A spread of more than half the stop's distance, and a bracket that is none, give no signal."""
    run = Stage(stage.advance, EVERY_BAR)
    assert run(frame(second=1, bid=99.0, ask=100.0)) == []
    wild = Stage(stage.advance, Params(strategies=("every_bar",), settings={"every_bar": {"move": 1.5}}))
    assert wild(frame(second=1)) == []
    assert run.state["ideas/every_bar/SPY"].no_trades == {"wide_spread": 1}
    assert wild.state["ideas/every_bar/SPY"].no_trades == {"no_bracket": 1}


def test_only_regular_rows_by_default() -> None:
    """Rows before the open, after the close and of no known session are no bars of a strategy."""
    run = Stage(stage.advance, EVERY_BAR)
    assert [run(frame(second=1, session=session)) for session in (0, 1, 3)] == [[], [], []]
    assert len(run(frame(second=2, session=2))) == 1


def test_rows_before_the_first_trade_are_passed_over() -> None:
    """A bar of NaN prices is no bar, and no error."""
    bar = frame(second=1, open=NAN, high=NAN, low=NAN, close=NAN)
    assert Stage(stage.advance, EVERY_BAR)(bar) == []


@pytest.mark.parametrize(
    ("score", "lifetime", "expected"),
    [
        (0.8, 3_600, Priority.CRITICAL),
        (0.8, 3_601, Priority.HIGH),
        (0.8, 86_401, Priority.MEDIUM),
        (0.79, 60, Priority.HIGH),
        (0.4, 86_401, Priority.LOW),
        (0.0, 60, Priority.LOW),
    ],
)
def test_priority_by_score_and_urgency(score: float, lifetime: int, expected: Priority) -> None:
    """The table's bands and columns."""
    assert stage.priority_of(score, lifetime) is expected


@pytest.mark.parametrize(
    "changes",
    [{"high": -1.0}, {"low": NAN}, {"close": float("inf")}, {"bid": 0.0}, {"volume": -1}, {"high": 99.0}],
)
def test_bad_values_are_rejected_and_change_nothing(changes: dict[str, Any]) -> None:
    """The detail says what was seen; the state is as before."""
    fold = stage.make(EVERY_BAR, 0, 1)
    (rejected,) = fold.apply([wire.encode(frame(second=1, **changes))])
    assert isinstance(rejected, Rejected)
    assert rejected.reason is RejectReason.BAD_VALUE
    assert "must be" in rejected.detail
    assert "was" in rejected.detail
    assert fold.changed() == {}


def test_columns_of_unequal_length_are_rejected() -> None:
    """A frame whose columns do not fit together is of no use."""
    with pytest.raises(RecordError, match="columns of the frame"):
        Stage(stage.advance, EVERY_BAR)(replace(frame(), close=np.array([1.0, 2.0])))


def test_a_strategy_without_its_indicator_is_loud() -> None:
    """A minute without ADX is rejected by name, not passed over."""
    with pytest.raises(RecordError, match="without adx_14, rsi_14, atr_14"):
        Stage(stage.advance, Params())(frame(interval_s=60))


def test_other_records() -> None:
    """Market events are passed over, records of other topics rejected."""
    event = MarketEvent("SPY", "lean", at(0), MarketEventKind.HEARTBEAT)
    assert Stage(stage.advance, Params())(event) == []
    with pytest.raises(RecordError, match="signals does not read Mandate"):
        Stage(stage.advance, Params())(mandate())


def test_frames_of_other_intervals_are_skipped_before_they_are_decoded() -> None:
    """Even a frame whose rest is broken is skipped on its header; one of an interval that is read is not."""
    fold = stage.make(Params(), 0, 1)
    assert isinstance(fold, PureFold)
    event = wire.encode(MarketEvent("SPY", "lean", at(0), MarketEventKind.HEARTBEAT))
    assert fold.apply([wire.encode(frame(second=1))[:-3], event]) == []
    broken = wire.encode(frame(second=60, interval_s=60))[:-3]
    outputs = fold.apply([broken, wire.HEADERS["FeatureFrame"], b"\1"])
    assert [(one.at, one.reason) for one in outputs if isinstance(one, Rejected)] == [
        (0, RejectReason.MALFORMED),
        (1, RejectReason.MALFORMED),
        (2, RejectReason.NOT_FRAMED),
    ]


def test_outputs_go_to_signals_by_symbol() -> None:
    """Key is the underlying, the partition that of the input."""
    (output,) = stage.make(EVERY_BAR, 0, 1).apply([wire.encode(frame(symbol="IBM"))])
    assert isinstance(output, Output)
    assert (output.topic, output.partition, output.key) == ("signals", None, b"IBM")


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"strategies": ("nonsense",)}, "unknown strategy 'nonsense'; known are every_bar, momentum_breakout"),
        ({"horizon_scale": NAN}, "horizon_scale must be > 0 and <= 10, was nan"),
        ({"sessions": (9,)}, "sessions must be of 0, 1, 2, 3"),
        ({"stop_to_spread_min": -1.0}, "stop_to_spread_min must be >= 0"),
        ({"settings": {"momentum_breakout": {"nonsense": 1}}}, "settings.momentum_breakout: .*nonsense"),
        ({"settings": {"momentum_breakout": {"lookback": 1}}}, "settings.momentum_breakout: lookback must be >= 2"),
    ],
)
def test_parameters_out_of_bounds_say_so(given: dict[str, Any], text: str) -> None:
    """The error names what was given and what would do."""
    with pytest.raises(ValueError, match=text):
        Params(**given)


def test_frame_is_what_the_rig_says() -> None:
    """The rig's frame survives the wire, so that these tests speak of real records."""
    read = wire.decode(wire.encode(frame(values={"rsi_14": 50.0})))
    assert isinstance(read, FeatureFrame)
    assert (read.names, read.values.tolist(), read.session) == (("rsi_14",), [50.0], b"\2")
