"""Keltner channels: an exponential mean of closes, and k average true ranges around it.

middle = ema(close, n), upper = middle + k * atr(m), lower = middle - k * atr(m). Warm after max(n, m + 1) bars.
Source: Chester Keltner (1960) in Linda Raschke's form.
"""

import numpy as np
from numpy.typing import NDArray

from streams.bars.series import series
from streams.indicators.atr import push_true_range
from streams.numerics.jit import kernel
from streams.numerics.scans import smooth_exponentially

F64 = NDArray[np.float64]
SETTINGS = ((20, 10, 2.0),)


def outputs(period: int, range_period: int, width: float) -> tuple[str, ...]:
    """Return the names of the outputs."""
    name = f"keltner_{period}_{range_period}_{width:g}"
    return (f"{name}_upper", f"{name}_middle", f"{name}_lower")


def state_size(period: int, range_period: int, width: float) -> int:
    """Return the float64 of state: a mean, and an average true range."""
    return 6


def warmup(period: int, range_period: int, width: float) -> int:
    """Return the bars until every output is a number."""
    return max(period, range_period + 1)


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
    middle = smooth_exponentially(state[0:2], settings[0], close)
    reach = settings[2] * push_true_range(state[2:6], settings[1], high, low, close)
    out[0] = middle + reach
    out[1] = middle
    out[2] = middle - reach


def keltner(high: F64, low: F64, close: F64, period: int, range_period: int, width: float) -> F64:
    """Return (upper, middle, lower), shape (n, 3), in units of close; NaN before each is warm."""
    return series("keltner", (period, range_period, width), high=high, low=low, close=close)
