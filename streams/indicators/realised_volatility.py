"""Realised volatility of the last n bars, per 1.00 and per year.

volatility = sqrt(bars a year / n * sum of squared log returns), the mean return taken as zero. A year has 252 sessions
of 6.5 hours; a bar of a day or longer counts its days, 252 of them a year. Warm after n + 1 bars.
Source: Andersen and Bollerslev, Answering the Skeptics (1998).
"""

import numpy as np
from numpy.typing import NDArray

from streams.bars.series import series
from streams.numerics.jit import kernel
from streams.numerics.special import log
from streams.numerics.windows import push_sum, sum_size, window_mean

F64 = NDArray[np.float64]
SETTINGS = ((20,),)
DAY_NS = 86_400_000_000_000
SESSION_NS = 23_400_000_000_000


def outputs(period: int) -> tuple[str, ...]:
    """Return the names of the outputs."""
    return (f"realised_volatility_{period}",)


def state_size(period: int) -> int:
    """Return the float64 of state: bars seen (0 or 1), last close, a moving sum."""
    return 2 + sum_size(period)


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
    out[0] = np.nan
    before = state[1]
    state[1] = close
    if state[0] == 0.0:
        state[0] = 1.0
        return
    change = log(close / before)
    period = int(settings[0])
    if push_sum(state[2:], period, change * change):
        day = SESSION_NS if interval_ns < DAY_NS else DAY_NS
        mean = window_mean(state[2:], period)
        out[0] = np.sqrt(252.0 * day / interval_ns * mean) if mean > 0.0 else 0.0


def realised_volatility(close: F64, period: int, interval_ns: int) -> F64:
    """Return the realised volatility, shape (n,), per 1.00 and per year; NaN before `period` + 1 closes."""
    return series("realised_volatility", (period,), close=close, interval_ns=interval_ns)[:, 0]
