"""Momentum breakout: the close leaves the channel of the last bars, on volume, in a trend.

    channel  highest high and lowest low of the `lookback` bars before this one
    LONG     close > highest high, volume >= volume_ratio_min × mean volume of those bars,
             ADX >= adx_min, rsi_trend <= RSI <= rsi_extreme
    SHORT    the mirror image: close < lowest low, 100 − RSI in those bounds
    target   target_move × horizon_scale of the entry; stop at target ÷ reward_to_risk
    score    mean of four parts, each clipped to 0..1: distance beyond the channel ÷ ATR, (volume ratio − 1) ÷ 2,
             (ADX − 20) ÷ 30, |RSI − 50| ÷ 30

Sources: Donchian's channel rule; Wilder (1978), New Concepts in Technical Trading Systems (ADX, RSI, ATR).
"""

from dataclasses import dataclass

from schemas.records import Direction
from streams.signals.strategy import Idea, Row, clip, lifetime_s, require


@dataclass(frozen=True, slots=True)
class Params:
    """lookback: bars of the channel. horizon_sessions: lifetime at horizon scale 1. Moves are per 1.00 of price.

    adx, rsi, atr: names of the indicator columns.
    """

    interval_s: int = 60
    cooldown_s: int = 300
    lookback: int = 20
    volume_ratio_min: float = 1.5
    adx_min: float = 20.0
    rsi_trend: float = 50.0
    rsi_extreme: float = 85.0
    target_move: float = 0.08
    reward_to_risk: float = 2.0
    horizon_sessions: float = 20.0
    adx: str = "adx_14"
    rsi: str = "rsi_14"
    atr: str = "atr_14"

    def __post_init__(self) -> None:
        require(self, interval_s=1, cooldown_s=0, lookback=2, volume_ratio_min=0.0, adx_min=0.0)
        require(self, rsi_trend=50.0, rsi_extreme=self.rsi_trend, target_move=1e-6, reward_to_risk=1e-3)
        require(self, horizon_sessions=1e-6)


@dataclass(frozen=True, slots=True)
class State:
    """Highs, lows and volumes of the last bars, oldest first."""

    highs: tuple[float, ...] = ()
    lows: tuple[float, ...] = ()
    volumes: tuple[int, ...] = ()


def reads(params: Params) -> tuple[str, ...]:
    """Return the indicator columns needed."""
    return (params.adx, params.rsi, params.atr)


def advance(state: State, row: Row, params: Params, horizon_scale: float) -> tuple[State, Idea | None]:
    """Return the state with this bar, and the breakout that it is, if it is one."""
    idea = _breakout(state, row, params, horizon_scale) if len(state.highs) == params.lookback else None
    kept = -params.lookback + 1
    return State(
        (*state.highs[kept:], row.high), (*state.lows[kept:], row.low), (*state.volumes[kept:], row.volume)
    ), idea


def _breakout(state: State, row: Row, params: Params, horizon_scale: float) -> Idea | None:
    top, bottom = max(state.highs), min(state.lows)
    if row.close > top:
        direction, beyond, level, word = Direction.LONG, row.close - top, top, "above"
    elif row.close < bottom:
        direction, beyond, level, word = Direction.SHORT, bottom - row.close, bottom, "below"
    else:
        return None
    mean_volume = sum(state.volumes) / params.lookback
    adx, rsi, atr = row.values[params.adx], row.values[params.rsi], row.values[params.atr]
    strength = rsi if direction is Direction.LONG else 100.0 - rsi
    if not (mean_volume > 0 and atr > 0 and row.volume >= params.volume_ratio_min * mean_volume):
        return None
    if not (adx >= params.adx_min and params.rsi_trend <= strength <= params.rsi_extreme):
        return None
    ratio = row.volume / mean_volume
    parts = (clip(beyond / atr), clip((ratio - 1.0) / 2.0), clip((adx - 20.0) / 30.0), clip((strength - 50.0) / 30.0))
    target_move = params.target_move * horizon_scale
    return Idea(
        direction=direction,
        target_move=target_move,
        stop_move=target_move / params.reward_to_risk,
        lifetime_s=lifetime_s(params.horizon_sessions, horizon_scale),
        score=(parts[0] + parts[1] + parts[2] + parts[3]) / 4.0,
        evidence=(
            ("channel", level),
            ("close", row.close),
            ("beyond_atr", beyond / atr),
            ("volume_ratio", ratio),
            (params.adx, adx),
            (params.rsi, rsi),
            (params.atr, atr),
        ),
        text=f"{row.symbol} closed {word} its {params.lookback}-bar channel ({level:.2f}) at {row.close:.2f}"
        f" on {ratio:.1f} times the usual volume, ADX {adx:.0f}, RSI {rsi:.0f}.",
    )
