"""Average true range after Wilder.

range_t = max(high_t, close_{t-1}) - min(low_t, close_{t-1}); atr is Wilder's mean of it (weight 1 / n, begun at the
plain mean of the first n ranges, the first bar having none). Warm after n + 1 bars.
Source: J. Welles Wilder, New Concepts in Technical Trading Systems (1978); equal to TA-Lib's ATR.
"""

import numpy as np
from numpy.typing import NDArray

from streams.bars.series import series
from streams.numerics.jit import kernel
from streams.numerics.scans import smooth_wilder

F64 = NDArray[np.float64]
SETTINGS = ((14,),)


def outputs(period: int) -> tuple[str, ...]:
    """Return the names of the outputs."""
    return (f"atr_{period}",)


def state_size(period: int) -> int:
    """Return the float64 of state: bars seen, last close, and a mean."""
    return 4


def warmup(period: int) -> int:
    """Return the bars until the output is a number."""
    return period + 1


@kernel
def push_true_range(state: F64, period: float, high: float, low: float, close: float) -> float:
    """Take a bar in and return the average true range, NaN before it is warm. state: float64 (4,), zeros at first."""
    before = state[1]
    state[1] = close
    if state[0] == 0.0:
        state[0] = 1.0
        return np.nan
    return float(smooth_wilder(state[2:4], period, max(high, before) - min(low, before)))


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
    out[0] = push_true_range(state, settings[0], high, low, close)


def atr(high: F64, low: F64, close: F64, period: int) -> F64:
    """Return the average true range, shape (n,), in units of close; NaN before `period` + 1 bars."""
    return series("atr", (period,), high=high, low=low, close=close)[:, 0]
