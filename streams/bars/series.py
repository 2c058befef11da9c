"""An indicator over whole columns, by the very update that the stream uses: for notebooks and tests."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]


def series(
    name: str,
    settings: Sequence[float],
    *,
    close: F64,
    open_: F64 | None = None,
    high: F64 | None = None,
    low: F64 | None = None,
    volume: F64 | None = None,
    session_ns: I64 | None = None,
    interval_ns: int = 60_000_000_000,
) -> F64:
    """Return an indicator's outputs bar by bar, shape (n, outputs). Columns are (n,); prices not given are the close's.

    Rows before warm-up, and rows whose bar has NaN prices, are NaN. Raises ValueError for unequal columns.
    """
    # Indicators import this module, and assemble imports them.
    from streams.bars.assemble import UPDATE, plan_of, update_series

    prices = np.ascontiguousarray(close, np.float64)
    columns = [prices if column is None else np.ascontiguousarray(column, np.float64) for column in (open_, high, low)]
    traded = np.zeros(len(prices)) if volume is None else np.ascontiguousarray(volume, np.float64)
    sessions = np.zeros(len(prices), np.int64) if session_ns is None else np.ascontiguousarray(session_ns, np.int64)
    for column in (*columns, traded, sessions):
        if len(column) != len(prices):
            raise ValueError(f"columns must have equal lengths, were {len(prices)} and {len(column)}")
    plan = plan_of((name,), {name: (tuple(settings),)})
    out = np.empty((len(prices), len(plan.names)))
    state = np.zeros(plan.state_size)
    update_series(UPDATE, state, plan.rows, plan.settings, out, *columns, prices, traded, sessions, interval_ns)
    return out
