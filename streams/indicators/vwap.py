"""Session VWAP: the volume-weighted typical price since the session's regular open.

vwap = sum(typical * volume) / sum(volume), typical = (high + low + close) / 3. It begins anew at the first bar of a
regular session; bars before the open and after the close add nothing, and show the last regular value. Where no session
is known it begins anew with the UTC day. NaN before the first volume. Warm after 1 bar with volume.
"""

import numpy as np
from numpy.typing import NDArray

from streams.bars.series import series
from streams.numerics.jit import kernel

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
SETTINGS: tuple[tuple[()], ...] = ((),)


def outputs() -> tuple[str, ...]:
    """Return the names of the outputs."""
    return ("vwap",)


def state_size() -> int:
    """Return the float64 of state: session, notional, volume."""
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
    if session_ns >= 0:
        # In seconds an instant is exact in float64; one second on, so that zero is "none yet".
        session = session_ns // 1_000_000_000 + 1.0
        if session != state[0]:
            state[0] = session
            state[1] = 0.0
            state[2] = 0.0
        state[1] += (high + low + close) / 3.0 * volume
        state[2] += volume
    out[0] = state[1] / state[2] if state[2] > 0.0 else np.nan


def vwap(high: F64, low: F64, close: F64, volume: F64, session_ns: I64 | None = None) -> F64:
    """Return the session's VWAP, shape (n,), in units of close; session_ns (n,) as in update, or one session."""
    return series("vwap", (), high=high, low=low, close=close, volume=volume, session_ns=session_ns)[:, 0]
