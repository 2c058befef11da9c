"""Parameters of the analytics stage."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from streams.bars.assemble import plan_of
from streams.bars.layout import Layout, layout_of


@dataclass(frozen=True)
class Params:
    """Parameters of the analytics stage; a ValueError names the one that is wrong.

    intervals_s: bars made of ticks, finest first, each a divisor of the next; below a minute a divisor of 60, above a
    multiple of 60 and a divisor of 86,400. bar_intervals_s: intervals that are taken from sources as they are.
    indicator_intervals_s: those whose frames carry indicators. second_rows: most rows of a frame of bars below a
    minute, 1 to 60: 1 emits each bar as it closes. indicators: names of files, none: all of them. settings: by name,
    the settings of each instance, where they are not to be the file's own. symbols_max: of a partition.
    hold_rows_max: ticks of a symbol that wait for slower sources. output_bytes_max: of the buffer that outputs go to.
    """

    intervals_s: tuple[int, ...] = (1, 60, 300)
    bar_intervals_s: tuple[int, ...] = (3_600, 86_400)
    indicator_intervals_s: tuple[int, ...] = (60, 300, 3_600, 86_400)
    second_rows: int = 1
    indicators: tuple[str, ...] = ()
    settings: Mapping[str, tuple[tuple[float, ...], ...]] = field(default_factory=dict)
    symbols_max: int = 4_096
    hold_rows_max: int = 4_096
    output_bytes_max: int = 1_000_000


def checked(params: Params) -> Layout:
    """Return the layout for params; ValueError where they do not make sense."""
    made = tuple(int(seconds) for seconds in params.intervals_s)
    taken = tuple(int(seconds) for seconds in params.bar_intervals_s)
    if not made or min(made) < 1:
        raise ValueError(f"intervals_s must be whole seconds > 0, were {made}")
    for finer, coarser in zip(made, (*made[1:], 86_400), strict=True):
        if coarser % finer or (coarser == finer and len(made) > 1 and coarser != 86_400):
            raise ValueError(f"each of intervals_s must divide the next, and 86,400: {finer} and {coarser} do not")
    for seconds in made:
        if (60 % seconds if seconds < 60 else seconds % 60) != 0:
            raise ValueError(f"intervals_s must divide a minute, or be full minutes, was {seconds}")
    if len({*made, *taken}) != len(made) + len(taken) or any(seconds <= max(made) for seconds in taken):
        raise ValueError(f"bar_intervals_s must be longer than intervals_s and differ, were {taken} and {made}")
    if not 1 <= params.second_rows <= 60:
        raise ValueError(f"second_rows must be 1 to 60, was {params.second_rows}")
    for name in ("symbols_max", "hold_rows_max"):
        if getattr(params, name) < 1:
            raise ValueError(f"{name} must be >= 1, was {getattr(params, name)}")
    plan = plan_of(tuple(params.indicators), params.settings)
    layout = layout_of(made, taken, tuple(params.indicator_intervals_s), params.second_rows, plan)
    if params.output_bytes_max < layout.fixed.room_bytes:
        raise ValueError(f"output_bytes_max must be >= {layout.fixed.room_bytes}, was {params.output_bytes_max}")
    return layout
