"""Which tables to build next, so that near-the-money quotes are served first and building has a bounded share of a
core.

`advance` builds at most `budget` rows: the caller says how many a call, and so what share of a core. A row is due
where its window does not hold the event, where the spot has left the inner half of its spots, or where the volatility
known for it has left the inner half of its volatilities; within a window also when half of it is over, after all
others. Due rows are built in the order of their distance from the money,

    |log(strike / spot)| / (vol sqrt(years)),

the nearer first, the lower index first among equals. Nothing depends on a clock: the same events give the same tables.
"""

import numpy as np
from numpy.typing import NDArray

from streams.numerics.jit import entry
from streams.numerics.special import log
from streams.options.cash.table import (
    SPOT_LOW,
    SPOT_STEP,
    SPOTS,
    VOL_LOW,
    VOL_STEP,
    VOLS,
    CashMarket,
    CashTables,
    build_row,
)
from streams.options.contracts.expiry import YEAR_NS

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
NOT_DUE, LATER, NOW = 0.0, 1.0, 2.0


@entry
def fill_need(
    strike: F64, expiry_ns: I64, begin_ns: I64, end_ns: I64, meta: F64, vol: F64, spot: float, event_ns: int, need: F64
) -> None:
    """Fill need (2, n): NOT_DUE, LATER or NOW, and the distance from the money in standard deviations."""
    for row in range(strike.shape[0]):
        need[0, row], need[1, row] = NOT_DUE, np.inf
        left = expiry_ns[row] - event_ns
        if left <= 0 or not vol[row] > 0.0:
            continue
        need[1, row] = abs(log(strike[row] / spot)) / (vol[row] * np.sqrt(left / YEAR_NS))
        place = (log(spot) - meta[row, SPOT_LOW]) / (meta[row, SPOT_STEP] * (SPOTS - 1))
        height = (log(vol[row]) - meta[row, VOL_LOW]) / (meta[row, VOL_STEP] * (VOLS - 1))
        inside = begin_ns[row] != 0 and begin_ns[row] <= event_ns < end_ns[row]
        if not (inside and 0.25 <= place <= 0.75 and 0.25 <= height <= 0.75):
            need[0, row] = NOW
        elif 2 * (event_ns - begin_ns[row]) >= end_ns[row] - begin_ns[row]:
            need[0, row] = LATER


def due_rows(tables: CashTables, market: CashMarket, vol: F64) -> I64:
    """Return the rows to build, in order; vol: (n,), the volatility known for each row, NaN or 0: leave it alone."""
    need = np.empty((2, len(tables.strike)))
    fill_need(
        tables.strike, tables.expiry_ns, tables.begin_ns, tables.end_ns, tables.meta,
        np.ascontiguousarray(vol, np.float64), market.spot, market.event_ns, need,
    )  # fmt: skip
    due = np.flatnonzero(need[0] > NOT_DUE)
    return np.asarray(due[np.lexsort((due, need[1][due], -need[0][due]))], np.int64)


def advance(tables: CashTables, market: CashMarket, vol: F64, budget: int) -> int:
    """Build up to `budget` due rows in order; return how many were tried, so 0 where none is due.

    vol: (n,) the volatility known for each row. A row that no grid covers is tried and left as it is. ValueError for a
    budget below 0.
    """
    if budget < 0:
        raise ValueError(f"budget must be >= 0 builds, was {budget}")
    chosen = due_rows(tables, market, vol)[:budget]
    for row in chosen.tolist():
        build_row(tables, row, market, float(vol[row]))
    return len(chosen)
