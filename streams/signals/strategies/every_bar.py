"""Every bar: a signal on each one, to measure the pipeline. No strategy: it knows nothing, and is off by default."""

from dataclasses import dataclass

from schemas.records import Direction
from streams.signals.strategy import Idea, Row, require


@dataclass(frozen=True, slots=True)
class Params:
    """move: distance of target and stop, per 1.00 of price. one_open: False, so that no bar goes without."""

    interval_s: int = 1
    cooldown_s: int = 0
    one_open: bool = False
    lifetime_s: int = 1
    move: float = 0.01

    def __post_init__(self) -> None:
        require(self, interval_s=1, cooldown_s=0, lifetime_s=1, move=1e-6)


@dataclass(frozen=True, slots=True)
class State:
    """Bars seen."""

    bars: int = 0


def reads(params: Params) -> tuple[str, ...]:
    """Return the indicator columns needed: none."""
    return ()


def advance(state: State, row: Row, params: Params, horizon_scale: float) -> tuple[State, Idea | None]:
    """Return an idea, by turns LONG and SHORT."""
    direction = Direction.LONG if state.bars % 2 == 0 else Direction.SHORT
    idea = Idea(
        direction,
        params.move,
        params.move,
        params.lifetime_s,
        0.0,
        (("bars", float(state.bars)),),
        "To measure latency.",
    )
    return State(state.bars + 1), idea
