"""Simple moving average: the mean of the last n closes.

sma_t = (close_t + ... + close_{t-n+1}) / n. Warm after n bars. Source: any textbook; equal to TA-Lib's SMA.
"""

import numpy as np
from numpy.typing import NDArray

from streams.bars.series import series
from streams.numerics.jit import kernel
from streams.numerics.windows import push_sum, sum_size, window_mean

F64 = NDArray[np.float64]
SETTINGS = ((20,), (50,))


def outputs(period: int) -> tuple[str, ...]:
    """Return the names of the outputs."""
    return (f"sma_{period}",)


def state_size(period: int) -> int:
    """Return the float64 of state."""
    return sum_size(period)


def warmup(period: int) -> int:
    """Return the bars until the output is a number."""
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
    out[0] = window_mean(state, period) if push_sum(state, period, close) else np.nan


def sma(close: F64, period: int) -> F64:
    """Return the simple moving average, shape (n,), in units of close; NaN before `period` closes."""
    return series("sma", (period,), close=close)[:, 0]
