"""Volatility squeeze: the Bollinger bands have lain inside the Keltner channel, and now leave it.

    channel   Keltner middle ± channel_share × (Keltner upper − middle): 0.75 makes 1.5 ranges of a channel of 2
    squeezed  Bollinger upper < channel's upper and Bollinger lower > channel's lower
    release   the first bar not squeezed after at least `squeezed_min` bars that were
    momentum  close − ((highest high + lowest low of the last `lookback` bars) ÷ 2 + SMA) ÷ 2; its sign is the direction
    target    target_move × horizon_scale of the entry; stop at target ÷ reward_to_risk
    score     0.4 × bars squeezed ÷ 20 + 0.3 × |momentum| ÷ ATR + 0.3 × (volume ratio − 1) ÷ 2, parts clipped to 0..1

Source: Carter (2005), Mastering the Trade, chapter "The squeeze"; Bollinger, Bollinger on Bollinger Bands (2001).
"""

from dataclasses import dataclass

from schemas.records import Direction
from streams.signals.strategy import Idea, Row, clip, lifetime_s, require


@dataclass(frozen=True, slots=True)
class Params:
    """lookback: bars of the range and of the mean volume. momentum_atr_min: least momentum, in ATR.

    horizon_sessions: lifetime at horizon scale 1. Moves are per 1.00 of price. Texts: names of indicator columns.
    """

    interval_s: int = 60
    cooldown_s: int = 300
    lookback: int = 20
    squeezed_min: int = 6
    momentum_atr_min: float = 0.25
    target_move: float = 0.12
    reward_to_risk: float = 2.0
    horizon_sessions: float = 30.0
    channel_share: float = 0.75
    bollinger_upper: str = "bollinger_20_2_upper"
    bollinger_lower: str = "bollinger_20_2_lower"
    keltner_upper: str = "keltner_20_10_2_upper"
    keltner_middle: str = "keltner_20_10_2_middle"
    sma: str = "sma_20"
    atr: str = "atr_14"

    def __post_init__(self) -> None:
        require(self, interval_s=1, cooldown_s=0, lookback=2, squeezed_min=1, momentum_atr_min=0.0)
        require(self, channel_share=0.0, target_move=1e-6, reward_to_risk=1e-3, horizon_sessions=1e-6)


@dataclass(frozen=True, slots=True)
class State:
    """squeezed: bars in a row until now. Highs, lows and volumes of the last bars, oldest first."""

    squeezed: int = 0
    highs: tuple[float, ...] = ()
    lows: tuple[float, ...] = ()
    volumes: tuple[int, ...] = ()


def reads(params: Params) -> tuple[str, ...]:
    """Return the indicator columns needed."""
    return (
        params.bollinger_upper,
        params.bollinger_lower,
        params.keltner_upper,
        params.keltner_middle,
        params.sma,
        params.atr,
    )


def advance(state: State, row: Row, params: Params, horizon_scale: float) -> tuple[State, Idea | None]:
    """Return the state with this bar, and the release that it is, if it is one."""
    kept = -params.lookback + 1
    highs, lows = (*state.highs[kept:], row.high), (*state.lows[kept:], row.low)
    values = row.values
    channel = values[params.keltner_middle]
    half = params.channel_share * (values[params.keltner_upper] - channel)
    inside = values[params.bollinger_upper] < channel + half and values[params.bollinger_lower] > channel - half
    squeezed = state.squeezed + 1 if inside else 0
    idea = None
    if not inside and state.squeezed >= params.squeezed_min and len(highs) == params.lookback:
        idea = _release(state, row, (max(highs) + min(lows)) / 2.0, params, horizon_scale)
    return State(squeezed, highs, lows, (*state.volumes[kept:], row.volume)), idea


def _release(state: State, row: Row, middle: float, params: Params, horizon_scale: float) -> Idea | None:
    sma, atr = row.values[params.sma], row.values[params.atr]
    momentum = row.close - (middle + sma) / 2.0
    if not (atr > 0 and abs(momentum) >= params.momentum_atr_min * atr and momentum != 0):
        return None
    mean_volume = sum(state.volumes) / len(state.volumes)
    ratio = row.volume / mean_volume if mean_volume > 0 else 0.0
    strength = abs(momentum) / atr
    target_move = params.target_move * horizon_scale
    direction = Direction.LONG if momentum > 0 else Direction.SHORT
    return Idea(
        direction=direction,
        target_move=target_move,
        stop_move=target_move / params.reward_to_risk,
        lifetime_s=lifetime_s(params.horizon_sessions, horizon_scale),
        score=0.4 * clip(state.squeezed / 20.0) + 0.3 * clip(strength) + 0.3 * clip((ratio - 1.0) / 2.0),
        evidence=(
            ("bars_squeezed", float(state.squeezed)),
            ("momentum_atr", momentum / atr),
            ("volume_ratio", ratio),
            ("close", row.close),
            (params.bollinger_upper, row.values[params.bollinger_upper]),
            (params.keltner_upper, row.values[params.keltner_upper]),
            (params.atr, atr),
        ),
        text=f"{row.symbol} left a squeeze of {state.squeezed} bars {'upwards' if momentum > 0 else 'downwards'}"
        f" at {row.close:.2f}, {strength:.1f} ATR from its middle.",
    )
