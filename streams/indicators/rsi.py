"""Relative strength index after Wilder.

rsi = 100 * gain / (gain + loss), gain and loss being Wilder's means (weight 1 / n, begun at the plain mean of the first
n changes) of the rises and falls of the close; 50 where the price never moved. Warm after n + 1 bars.
Source: J. Welles Wilder, New Concepts in Technical Trading Systems (1978); equal to TA-Lib's RSI.
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
    return (f"rsi_{period}",)


def state_size(period: int) -> int:
    """Return the float64 of state: bars seen, last close, and two means."""
    return 6


def warmup(period: int) -> int:
    """Return the bars until the output is a number."""
    return period + 1


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
    change = close - state[1]
    state[1] = close
    if state[0] == 0.0:
        state[0] = 1.0
        out[0] = np.nan
        return
    gain = smooth_wilder(state[2:4], settings[0], change if change > 0.0 else 0.0)
    loss = smooth_wilder(state[4:6], settings[0], -change if change < 0.0 else 0.0)
    total = gain + loss
    out[0] = 50.0 if total == 0.0 else 100.0 * (gain / total)


def rsi(close: F64, period: int) -> F64:
    """Return Wilder's relative strength index, shape (n,), 0 to 100; NaN before `period` + 1 closes."""
    return series("rsi", (period,), close=close)[:, 0]
