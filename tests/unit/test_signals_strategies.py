"""The strategies on bars whose answer is known by hand."""

import pytest

from schemas.records import Direction
from streams.signals.strategies import momentum_breakout, volatility_squeeze
from streams.signals.strategy import Idea, Row, clip, lifetime_s
from tests.orderpath_rig import NAN, at

MOMENTUM = momentum_breakout.Params(lookback=3)
SQUEEZE = volatility_squeeze.Params(lookback=3, squeezed_min=2)


def row(number: int, close: float, volume: int = 100, high: float | None = None, low: float | None = None) -> Row:
    """Return a bar in a strong trend with calm bands: ADX 35, RSI 65 (35 when it falls), ATR 1."""
    values = {
        "adx_14": 35.0,
        "rsi_14": 65.0 if close >= 100.0 else 35.0,
        "atr_14": 1.0,
        "sma_20": 100.0,
        "bollinger_20_2_upper": 101.0,
        "bollinger_20_2_lower": 99.0,
        "keltner_20_10_2_upper": 102.0,
        "keltner_20_10_2_middle": 100.0,
    }
    highest, lowest = close if high is None else high, close if low is None else low
    return Row("SPY", at(60 * number), close, highest, lowest, close, volume, NAN, NAN, 2, values)


def momentum(*bars: Row, params: momentum_breakout.Params = MOMENTUM, scale: float = 1.0) -> Idea | None:
    """Return the idea of the last bar."""
    state, idea = momentum_breakout.State(), None
    for bar in bars:
        state, idea = momentum_breakout.advance(state, bar, params, scale)
    return idea


QUIET = tuple(row(number, 100.0, high=101.0, low=99.0) for number in range(3))


def test_a_close_above_the_channel_on_volume_is_long() -> None:
    """Target 8 %, stop half of that, 28 days; the score is the mean of its four parts."""
    idea = momentum(*QUIET, row(3, 101.5, volume=200))
    assert idea is not None
    assert idea.direction is Direction.LONG
    assert (idea.target_move, idea.stop_move, idea.lifetime_s) == (0.08, 0.04, 28 * 86_400)
    # 0.5 ATR beyond, volume 2 times (1/2 of a part), ADX 35 (15/30), RSI 65 (15/30).
    assert idea.score == pytest.approx(0.5)
    assert dict(idea.evidence)["channel"] == 101.0
    assert dict(idea.evidence)["volume_ratio"] == 2.0
    assert idea.text == (
        "SPY closed above its 3-bar channel (101.00) at 101.50 on 2.0 times the usual volume, ADX 35, RSI 65."
    )


def test_a_close_below_the_channel_is_the_mirror_image() -> None:
    """SHORT with the same moves and score."""
    idea = momentum(*QUIET, row(3, 98.5, volume=200))
    assert idea is not None
    assert idea.direction is Direction.SHORT
    assert (idea.target_move, idea.stop_move) == (0.08, 0.04)
    assert idea.score == pytest.approx(0.5)


def test_the_horizon_scales_moves_by_itself_and_time_by_its_square() -> None:
    """At 0.05 of the horizon: 0.4 % target, 0.2 % stop, 19.5 minutes within the session."""
    idea = momentum(*QUIET, row(3, 101.5, volume=200), scale=0.05)
    assert idea is not None
    assert idea.target_move == pytest.approx(0.004)
    assert idea.stop_move == pytest.approx(0.002)
    assert idea.lifetime_s == 1_170


@pytest.mark.parametrize(
    ("bars", "why"),
    [
        ((*QUIET[:2], row(3, 101.5, volume=200)), "the channel is not full"),
        ((*QUIET, row(3, 101.0, volume=200)), "the close touches the channel only"),
        ((*QUIET, row(3, 101.5, volume=149)), "the volume is below 1.5 times"),
    ],
)
def test_no_breakout(bars: tuple[Row, ...], why: str) -> None:
    """Each condition is needed."""
    assert momentum(*bars) is None, why


@pytest.mark.parametrize("column", ["adx_14", "rsi_14", "atr_14"])
@pytest.mark.parametrize("value", [NAN, 0.0])
def test_no_breakout_without_trend_or_before_it_is_warm(column: str, value: float) -> None:
    """NaN and 0 of any indicator give no idea, and no error."""
    last = row(3, 101.5, volume=200)
    assert momentum(*QUIET, last._replace(values={**last.values, column: value})) is None


def test_the_channel_forgets_old_bars() -> None:
    """A high of four bars ago does not hold a 3-bar channel."""
    spike = row(0, 100.0, high=110.0, low=99.0)
    assert momentum(spike, *QUIET[:2], row(3, 101.5, volume=200)) is None
    assert momentum(spike, *QUIET, row(4, 101.5, volume=200)) is not None


def squeeze(*bars: Row) -> Idea | None:
    """Return the idea of the last bar."""
    state, idea = volatility_squeeze.State(), None
    for bar in bars:
        state, idea = volatility_squeeze.advance(state, bar, SQUEEZE, 1.0)
    return idea


def released(bar: Row) -> Row:
    """Return the bar with bands wider than the channel."""
    return bar._replace(values={**bar.values, "bollinger_20_2_upper": 103.0, "bollinger_20_2_lower": 97.0})


def test_a_release_upwards_is_long() -> None:
    """Target 12 %, stop 6 %, 42 days; momentum is the close less the mean of range middle and SMA."""
    idea = squeeze(*QUIET, released(row(3, 101.0, volume=300, high=101.0, low=99.0)))
    assert idea is not None
    assert idea.direction is Direction.LONG
    assert (idea.target_move, idea.stop_move, idea.lifetime_s) == (0.12, 0.06, 42 * 86_400)
    evidence = dict(idea.evidence)
    assert (evidence["bars_squeezed"], evidence["momentum_atr"], evidence["volume_ratio"]) == (3.0, 1.0, 3.0)
    assert idea.score == pytest.approx(0.4 * 3 / 20 + 0.3 + 0.3)


def test_a_release_downwards_is_short() -> None:
    """The sign of momentum is the direction."""
    idea = squeeze(*QUIET, released(row(3, 99.0, volume=300, high=101.0, low=99.0)))
    assert idea is not None
    assert idea.direction is Direction.SHORT
    assert idea.score == pytest.approx(0.4 * 3 / 20 + 0.3 + 0.3)


def test_no_release() -> None:
    """Not while squeezed, not after too short a squeeze, not without momentum, not before the bands are warm."""
    loud = row(3, 101.0, volume=300, high=101.0, low=99.0)
    assert squeeze(*QUIET, loud) is None
    assert squeeze(released(QUIET[0]), released(QUIET[1]), QUIET[2], released(loud)) is None
    assert squeeze(*QUIET, released(row(3, 100.1, high=101.0, low=99.0))) is None
    cold = loud._replace(values={**loud.values, "bollinger_20_2_upper": NAN})
    assert squeeze(*(bar._replace(values=cold.values) for bar in QUIET), released(loud)) is None
    no_range = released(loud)
    assert squeeze(*QUIET, no_range._replace(values={**no_range.values, "atr_14": 0.0})) is None


def test_the_squeeze_is_measured_against_a_channel_of_one_and_a_half_ranges() -> None:
    """Bands at 1.6 are inside Keltner's 2 but outside 1.5: no squeeze."""
    wide = tuple(
        bar._replace(values={**bar.values, "bollinger_20_2_upper": 101.6, "bollinger_20_2_lower": 98.4})
        for bar in QUIET
    )
    assert squeeze(*wide, released(row(3, 101.0, volume=300, high=101.0, low=99.0))) is None


@pytest.mark.parametrize(
    ("sessions", "scale", "seconds"),
    [(20, 1.0, 28 * 86_400), (1, 1.0, 120_960), (1, 0.5, 5_850), (20, 0.05, 1_170), (1, 1e-6, 1)],
)
def test_lifetimes(sessions: float, scale: float, seconds: int) -> None:
    """Whole sessions are 1.4 days, the rest is time within a session, and nothing is void at once."""
    assert lifetime_s(sessions, scale) == seconds


def test_clip() -> None:
    """Below 0 and NaN give 0, above 1 gives 1."""
    assert [clip(-1.0), clip(NAN), clip(0.25), clip(2.0)] == [0.0, 0.0, 0.25, 1.0]


@pytest.mark.parametrize("bad", [{"lookback": 1}, {"target_move": 0.0}, {"adx_min": NAN}, {"interval_s": 0}])
def test_parameters_out_of_bounds_say_so(bad: dict[str, float]) -> None:
    """The error names the parameter, its bound and what was seen."""
    with pytest.raises(ValueError, match=f"{next(iter(bad))} must be >= .*, was {next(iter(bad.values()))}"):
        momentum_breakout.Params(**bad)  # type: ignore[arg-type]
