"""Exponential moving average of closes, begun at the simple mean of the first n.

ema_t = ema_{t-1} + 2 / (n + 1) * (close_t - ema_{t-1}). Warm after n bars. Source: Appel; equal to TA-Lib's EMA.
"""

import numpy as np
from numpy.typing import NDArray

from streams.bars.series import series
from streams.numerics.jit import kernel
from streams.numerics.scans import smooth_exponentially

F64 = NDArray[np.float64]
SETTINGS = ((12,), (26,))


def outputs(period: int) -> tuple[str, ...]:
    """Return the names of the outputs."""
    return (f"ema_{period}",)


def state_size(period: int) -> int:
    """Return the float64 of state."""
    return 2


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
    out[0] = smooth_exponentially(state, settings[0], close)


def ema(close: F64, period: int) -> F64:
    """Return the exponential moving average, shape (n,), in units of close; NaN before `period` closes."""
    return series("ema", (period,), close=close)[:, 0]
