"""Bollinger bands: the simple mean of n closes, and k of their standard deviations (the population's) around it.

upper = mean + k * deviation, lower = mean - k * deviation. Warm after n bars.
Source: John Bollinger, Bollinger on Bollinger Bands (2001); equal to TA-Lib's BBANDS.
"""

import numpy as np
from numpy.typing import NDArray

from streams.bars.series import series
from streams.numerics.jit import kernel
from streams.numerics.windows import push_sum, sum_size, window_deviation, window_mean

F64 = NDArray[np.float64]
SETTINGS = ((20, 2.0),)


def outputs(period: int, width: float) -> tuple[str, ...]:
    """Return the names of the outputs."""
    name = f"bollinger_{period}_{width:g}"
    return (f"{name}_upper", f"{name}_middle", f"{name}_lower")


def state_size(period: int, width: float) -> int:
    """Return the float64 of state."""
    return sum_size(period)


def warmup(period: int, width: float) -> int:
    """Return the bars until every output is a number."""
    return period


@kernel
def update(
    state: F64,
    settings: F64,
    out: F64,
    open_: float,
    high: float,
    low: float,
    close: float,
    volume: float,
    session_ns: int,
    interval_ns: int,
) -> None:
    """Take a bar in: see streams/indicators/__init__.py."""
    period = int(settings[0])
    if not push_sum(state, period, close):
        out[0] = out[1] = out[2] = np.nan
        return
    middle = window_mean(state, period)
    reach = settings[1] * window_deviation(state, period)
    out[0] = middle + reach
    out[1] = middle
    out[2] = middle - reach


def bollinger(close: F64, period: int, width: float) -> F64:
    """Return (upper, middle, lower), shape (n, 3), in units of close; NaN before `period` closes."""
    return series("bollinger", (period, width), close=close)
