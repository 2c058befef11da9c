"""Average directional index after Wilder, with the two directional indicators that it rests on.

A rise of the high above the one before counts as +DM where it exceeds the fall of the low (and the other way round for
-DM). Sums over n bars of +DM, -DM and the true range begin plain and go on as s - s / n + new. plus_di is
100 * +DM / TR, minus_di likewise, dx = 100 * |plus_di - minus_di| / (plus_di + minus_di), adx = Wilder's mean of dx;
0 where a divisor is 0. Warm after 2 n bars (the indicators after n + 1). Source: J. Welles Wilder, New Concepts
in Technical Trading Systems (1978). TA-Lib's first sum has n - 1 terms: the two meet as the start fades.
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
    return (f"adx_{period}", f"adx_{period}_plus_di", f"adx_{period}_minus_di")


def state_size(period: int) -> int:
    """Return the float64 of state: changes seen, last high, low and close, three sums, and a mean."""
    return 9


def warmup(period: int) -> int:
    """Return the bars until every output is a number."""
    return 2 * period


@kernel
def _push_sums(state: F64, period: float, high: float, low: float, close: float) -> bool:
    """Take a bar into the sums state[4:7] of true range, +DM and -DM; return whether they are warm."""
    rise = high - state[1]
    fall = state[2] - low
    reach = max(high, state[3]) - min(low, state[3])
    state[1] = high
    state[2] = low
    state[3] = close
    state[0] += 1.0
    if state[0] == 1.0:
        return False
    up = rise if rise > fall and rise > 0.0 else 0.0
    down = fall if fall > rise and fall > 0.0 else 0.0
    fade = 1.0 / period if state[0] > period + 1.0 else 0.0
    state[4] += reach - state[4] * fade
    state[5] += up - state[5] * fade
    state[6] += down - state[6] * fade
    return bool(state[0] > period)


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
    out[0] = out[1] = out[2] = np.nan
    if not _push_sums(state, settings[0], high, low, close):
        return
    plus = 100.0 * state[5] / state[4] if state[4] > 0.0 else 0.0
    minus = 100.0 * state[6] / state[4] if state[4] > 0.0 else 0.0
    both = plus + minus
    dx = 100.0 * abs(plus - minus) / both if both > 0.0 else 0.0
    out[0] = smooth_wilder(state[7:9], settings[0], dx)
    out[1] = plus
    out[2] = minus


def adx(high: F64, low: F64, close: F64, period: int) -> F64:
    """Return (adx, plus_di, minus_di), shape (n, 3), 0 to 100; NaN before each is warm."""
    return series("adx", (period,), high=high, low=low, close=close)
