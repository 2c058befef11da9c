"""Stochastic oscillator, slow: where the close lies between the lowest low and the highest high of n bars.

raw = 100 * (close - lowest) / (highest - lowest), 50 where the range is 0; k = simple mean of raw over `slow` bars,
d = simple mean of k over `smooth` bars. Warm after n + slow + smooth - 2 bars. Source: George Lane; equal to TA-Lib's
STOCH with simple means.
"""

import numpy as np
from numpy.typing import NDArray

from streams.bars.series import series
from streams.numerics.jit import kernel
from streams.numerics.windows import extreme_size, push_extreme, push_sum, sum_size, window_mean

F64 = NDArray[np.float64]
SETTINGS = ((14, 3, 3),)


def outputs(period: int, slow: int, smooth: int) -> tuple[str, ...]:
    """Return the names of the outputs."""
    name = f"stochastic_{period}_{slow}_{smooth}"
    return (f"{name}_k", f"{name}_d")


def state_size(period: int, slow: int, smooth: int) -> int:
    """Return the float64 of state: two moving extremes and two moving sums."""
    return 2 * extreme_size(period) + sum_size(slow) + sum_size(smooth)


def warmup(period: int, slow: int, smooth: int) -> int:
    """Return the bars until every output is a number."""
    return period + slow + smooth - 2


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
    slow = int(settings[1])
    smooth = int(settings[2])
    lows = 3 + 2 * period
    sums = 2 * lows
    means = sums + 4 + slow
    highest = push_extreme(state[0:lows], period, high, 1.0)
    lowest = push_extreme(state[lows:sums], period, low, -1.0)
    out[0] = out[1] = np.nan
    if state[0] < period:
        return
    reach = highest - lowest
    raw = 100.0 * (close - lowest) / reach if reach > 0.0 else 50.0
    if push_sum(state[sums:means], slow, raw):
        out[0] = window_mean(state[sums:means], slow)
        if push_sum(state[means:], smooth, out[0]):
            out[1] = window_mean(state[means:], smooth)


def stochastic(high: F64, low: F64, close: F64, period: int, slow: int, smooth: int) -> F64:
    """Return (k, d), shape (n, 2), 0 to 100; NaN before each is warm."""
    return series("stochastic", (period, slow, smooth), high=high, low=low, close=close)
