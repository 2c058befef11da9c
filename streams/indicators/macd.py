"""Moving average convergence divergence: fast less slow exponential mean, and the exponential mean of that.

macd = ema(close, fast) - ema(close, slow), signal = ema(macd, smooth), histogram = macd - signal. Each mean begins at
the plain mean of its own first values (TA-Lib begins the fast one later: the two meet as the start fades).
Warm after slow + smooth - 1 bars. Source: Gerald Appel, The Moving Average Convergence-Divergence Method (1979).
"""

import numpy as np
from numpy.typing import NDArray

from streams.bars.series import series
from streams.numerics.jit import kernel
from streams.numerics.scans import smooth_exponentially

F64 = NDArray[np.float64]
SETTINGS = ((12, 26, 9),)


def outputs(fast: int, slow: int, smooth: int) -> tuple[str, ...]:
    """Return the names of the outputs."""
    name = f"macd_{fast}_{slow}_{smooth}"
    return (name, f"{name}_signal", f"{name}_histogram")


def state_size(fast: int, slow: int, smooth: int) -> int:
    """Return the float64 of state: three means."""
    return 6


def warmup(fast: int, slow: int, smooth: int) -> int:
    """Return the bars until every output is a number."""
    return max(fast, slow) + smooth - 1


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
    apart = smooth_exponentially(state[0:2], settings[0], close) - smooth_exponentially(state[2:4], settings[1], close)
    signal = np.nan if apart != apart else smooth_exponentially(state[4:6], settings[2], apart)
    out[0] = apart
    out[1] = signal
    out[2] = apart - signal


def macd(close: F64, fast: int, slow: int, smooth: int) -> F64:
    """Return (macd, signal, histogram), shape (n, 3), in units of close; NaN before each is warm."""
    return series("macd", (fast, slow, smooth), close=close)
