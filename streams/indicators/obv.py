"""On-balance volume: the running sum of volume, added where the close rose and taken off where it fell.

0 at the first bar. Its level means nothing, its changes do, so it never begins anew with a session (only, as every
indicator, at a split). Exact below 2 ** 53 shares. Warm after 1 bar. Source: Joseph Granville, New Key to Stock Market
Profits (1963); TA-Lib's OBV is this plus the first bar's volume.
"""

import numpy as np
from numpy.typing import NDArray

from streams.bars.series import series
from streams.numerics.jit import kernel

F64 = NDArray[np.float64]
SETTINGS: tuple[tuple[()], ...] = ((),)


def outputs() -> tuple[str, ...]:
    """Return the names of the outputs."""
    return ("obv",)


def state_size() -> int:
    """Return the float64 of state: bars seen (0 or 1), last close, the sum."""
    return 3


def warmup() -> int:
    """Return the bars until the output is a number."""
    return 1


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
    if state[0] > 0.0:
        if close > state[1]:
            state[2] += volume
        elif close < state[1]:
            state[2] -= volume
    state[0] = 1.0
    state[1] = close
    out[0] = state[2]


def obv(close: F64, volume: F64) -> F64:
    """Return on-balance volume, shape (n,), in shares."""
    return series("obv", (), close=close, volume=volume)[:, 0]
