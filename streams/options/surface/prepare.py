"""A slice's quotes in units of the money, with the weight of each; and the grids on which conditions are held.

The unit is w at the money, between the quotes nearest to the forward, so that a day's and a year's smile look alike. A
quote's weight is 1 over the square of its half spread (at least FLOOR of the median), in units of the median; a quote
far from the others' curve loses weight as 1 / (1 + (r / 4 s)^2)^2, s from the median deviation, so that a stale
quote does not bend a smile.
"""

import numpy as np
from numpy.typing import NDArray

from streams.numerics.jit import kernel
from streams.options.surface.slices import DENSE, FAR, INNER, place, slice_terms

F64 = NDArray[np.float64]

HELD_INNER = 61
HELD = HELD_INNER + 2 * FAR
FLOOR = 0.3
SCALE_MIN = 0.12
"""In median half spreads: quotes closer to the curve than this are not told apart."""
OUTLIER = 4.0
X, V, ERROR, PLAIN, WEIGHT, SPARE = range(6)
"""Rows of a slice's quotes: place, volatility, half spread, weight by spread, weight after outliers, work space."""


@kernel
def fill_grids(grid: F64, dense: F64) -> None:
    """Write the places where conditions are held, (HELD,), and checked, (DENSE,), in deviations."""
    for i in range(HELD):
        grid[i] = place(i, HELD_INNER)
    for i in range(DENSE):
        dense[i] = place(i, INNER)


@kernel
def median(values: F64, n: int, work: F64) -> float:
    """Return the median of the first n values, n >= 1; work: (n,)."""
    for i in range(n):
        value = values[i]
        j = i
        while j > 0 and work[j - 1] > value:
            work[j] = work[j - 1]
            j -= 1
        work[j] = value
    return work[n // 2] if n % 2 == 1 else 0.5 * (work[n // 2 - 1] + work[n // 2])


@kernel
def money_variance(k: F64, vol: F64, years: float) -> float:
    """Return w at the forward from the nearest quotes to both sides, linear between them; NaN without a quote."""
    below, above = -np.inf, np.inf
    below_vol, above_vol = np.nan, np.nan
    for i in range(k.size):
        if vol[i] > 0.0 and vol[i] < np.inf:
            if below < k[i] <= 0.0:
                below, below_vol = k[i], vol[i]
            if 0.0 <= k[i] < above:
                above, above_vol = k[i], vol[i]
    if below == -np.inf:
        found = above_vol
    elif above == np.inf or above == below:
        found = below_vol
    else:
        found = below_vol + (above_vol - below_vol) * (-below / (above - below))
    return found * found * years


@kernel
def load_quotes(k: F64, vol: F64, error: F64, years: float, deviation: float, quotes: F64) -> int:
    """Write the usable quotes to quotes, (6, m), and return how many; a half spread that is not positive counts as 0.

    k, vol, error: (m,), NaN leaves a quote out (a NaN half spread: the median counts). deviation: sqrt(w at the money).
    """
    count = 0
    unit = np.sqrt(years) / deviation
    for i in range(k.size):
        if abs(k[i]) < np.inf and vol[i] > 0.0 and vol[i] < np.inf:
            quotes[X, count], quotes[V, count] = k[i] / deviation, vol[i] * unit
            quotes[ERROR, count] = max(error[i], 0.0) * unit if error[i] == error[i] else -1.0
            count += 1
    known = 0
    for i in range(count):
        if quotes[ERROR, i] >= 0.0:
            quotes[PLAIN, known] = quotes[ERROR, i]
            known += 1
    middle = median(quotes[PLAIN], known, quotes[SPARE]) if known > 0 else 0.01
    middle = max(middle, 1e-5)
    for i in range(count):
        if quotes[ERROR, i] < 0.0:
            quotes[ERROR, i] = middle
        quotes[ERROR, i] = max(quotes[ERROR, i], FLOOR * middle) / middle
        quotes[PLAIN, i] = 1.0 / (quotes[ERROR, i] * quotes[ERROR, i])
        quotes[WEIGHT, i] = quotes[PLAIN, i]
    # The weights' unit: a cost of 1 is one quote off by the median half spread.
    for i in range(count):
        quotes[PLAIN, i] /= middle * middle
        quotes[WEIGHT, i] /= middle * middle
        quotes[ERROR, i] *= middle
    return count


@kernel
def discount_outliers(row: F64, quotes: F64, count: int) -> None:
    """Set each quote's weight by its distance from the slice in row, in units of the money."""
    far = quotes[WEIGHT]
    for i in range(count):
        y, _, _ = slice_terms(row, quotes[X, i])
        far[i] = abs(np.sqrt(max(y, 0.0)) - quotes[V, i]) / quotes[ERROR, i]
    scale = max(1.4826 * median(far, count, quotes[SPARE]), SCALE_MIN)
    for i in range(count):
        share = far[i] / (OUTLIER * scale)
        share = 1.0 / (1.0 + share * share)
        quotes[WEIGHT, i] = quotes[PLAIN, i] * share * share
