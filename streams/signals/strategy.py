"""The shape of a strategy: one file in strategies/, found by its name, with

    Params       frozen dataclass with defaults; interval_s (of the bars it reads), cooldown_s, and its thresholds
    State        frozen dataclass, all fields with defaults: what it keeps of one symbol
    reads(params) -> names of the indicator columns it needs
    advance(state, row, params, horizon_scale) -> (state, idea or None)

advance is pure and sees one closed bar at a time; the stage does the rest: sessions, one open idea a direction, prices,
identity, expiry, grade and priority.

A move of price grows with the root of time, so one scale fits target, stop and lifetime to a horizon: at 1 they are
those of some weeks; at s, target and stop are s times as far and the lifetime s² as long.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from schemas.records import Direction

SECOND_NS = 1_000_000_000
SESSION_S = 23_400
"""A regular session: 6.5 hours."""
CALENDAR_S_PER_SESSION = 120_960
"""Five sessions in seven days: 1.4 days."""


class Row(NamedTuple):
    """A closed bar with its indicators. Prices in quote currency; bid and ask NaN when unknown.

    values: indicator outputs by name, NaN before one is warm.
    """

    symbol: str
    event_ns: int
    open: float
    high: float
    low: float
    close: float
    volume: int
    bid: float
    ask: float
    session: int
    values: Mapping[str, float]


class Idea(NamedTuple):
    """What a strategy sees in a bar.

    target_move, stop_move: fractions of the entry price, > 0, scaled. lifetime_s: calendar seconds until it is void.
    score: 0 to 1, raw. evidence: the figures it rests on, in a fixed order. text: one sentence for people.
    """

    direction: Direction
    target_move: float
    stop_move: float
    lifetime_s: int
    score: float
    evidence: tuple[tuple[str, float], ...]
    text: str


class Strategy(NamedTuple):
    """A strategy's file, as the stage uses it."""

    params_type: type
    state_type: type
    reads: Callable[[Any], tuple[str, ...]]
    advance: Callable[[Any, Row, Any, float], tuple[Any, Idea | None]]


def lifetime_s(sessions: float, horizon_scale: float) -> int:
    """Return the calendar seconds of a horizon of so many sessions at scale 1, at least 1.

    Whole sessions count 1.4 days each (weekends lie between); what is left counts as time within a session.
    """
    trading_s = int(sessions * SESSION_S * horizon_scale * horizon_scale + 0.5)
    whole, rest = divmod(trading_s, SESSION_S)
    return max(1, whole * CALENDAR_S_PER_SESSION + rest)


def clip(value: float) -> float:
    """Return the value within 0 to 1; 0 for NaN."""
    if not value > 0.0:
        return 0.0
    return value if value < 1.0 else 1.0


def require(params: Any, **least: float) -> None:
    """Raise ValueError where a parameter is below its least value, or NaN."""
    for name, bound in least.items():
        if not getattr(params, name) >= bound:
            raise ValueError(f"{name} must be >= {bound}, was {getattr(params, name)}")
