"""One forward out of many strikes' synthetic ones: the interval that most strikes agree on, and the likeliest place.

Each strike with both rights says low <= F <= high, by what can be dealt: selling the call and buying the put gives
low = K + (call bid - put ask) / discount, buying and selling high. A strike counts by its weight. The region in which
the most weight agrees bounds the forward: one stale or wrong quote is outvoted, and does not move it.

The forward is the mean, and its deviation the deviation, of the density

    product over strikes of (e^{-u^4} + DOUBT w_max / w),   u = (F - middle) / (half width)

flat inside a strike's interval, falling steeply outside, and nowhere nought: a quote that is plainly off is
disregarded, as if it were not there, and the less it weighs the sooner. On quotes whose mid is anywhere within half a
spread of the truth this is as good as the region's middle (the best there is), on normal noise within a tenth of a
weighted mean, and a tenth of stale quotes costs it next to nothing, where means and medians double their error. The
density is summed on POINTS points twice, over all intervals, then over REACH deviations around the mean.
"""

import numpy as np
from numpy.typing import NDArray

from streams.numerics.jit import entry, kernel
from streams.numerics.special import exp

F64 = NDArray[np.float64]

POINTS = 96
REACH = 6.0
DOUBT = 0.01
FAR = 2.6
"""Beyond so many half widths e^{-u^4} is nothing beside DOUBT."""
WIDTH_MIN = 1e-7
"""Share of the forward below which no interval is narrower."""
LOW, HIGH, MIDDLE, DEVIATION, SHARE, USED = range(6)
FOUND = 6


@kernel
def counts(low: float, high: float, weight: float) -> bool:
    """Return whether a row is an interval with weight; a NaN is none."""
    return weight > 0.0 and low <= high


@kernel
def find_region(low: F64, high: F64, weight: F64, found: F64) -> float:
    """Fill LOW, HIGH, SHARE and USED; return the largest weight, 0 where nothing counts."""
    whole, best, most = 0.0, 0.0, 0.0
    for i in range(low.size):
        if not counts(low[i], high[i], weight[i]):
            continue
        whole += weight[i]
        most = max(most, weight[i])
        votes, edge, count = 0.0, np.inf, 0
        for j in range(low.size):
            if counts(low[j], high[j], weight[j]) and low[j] <= low[i] <= high[j]:
                votes += weight[j]
                edge = min(edge, high[j])
                count += 1
        # Among equals the narrower region, then the lower one: of two that agree as much, it says more.
        width, wide = edge - low[i], found[HIGH] - found[LOW]
        if votes > best or (votes == best and (width < wide or (width == wide and low[i] < found[LOW]))):
            best = votes
            found[LOW], found[HIGH], found[USED] = low[i], edge, count
    found[SHARE] = best / whole if whole > 0.0 else 0.0
    return most


@kernel
def density(place: float, low: F64, high: F64, weight: F64, most: float) -> float:
    """Return the density at a place, not scaled."""
    total = 1.0
    for i in range(low.size):
        if counts(low[i], high[i], weight[i]):
            half = max(0.5 * (high[i] - low[i]), WIDTH_MIN * abs(place))
            away = abs(place - 0.5 * (high[i] + low[i])) / half
            square = away * away
            total *= (exp(-square * square) if away < FAR else 0.0) + DOUBT * most / weight[i]
    return total


@entry
def locate(low: F64, high: F64, weight: F64, found: F64) -> None:
    """Fill found (FOUND,): bounds, the forward, its deviation, the share of the weight that agrees, how many strikes.

    low, high: (w,); rows with a NaN, without weight, or with low > high are left out. NaN and 0 where nothing is left.
    """
    for k in range(FOUND):
        found[k] = np.nan if k < SHARE else 0.0
    most = find_region(low, high, weight, found)
    if not most > 0.0:
        return
    start, end = np.inf, -np.inf
    for i in range(low.size):
        if counts(low[i], high[i], weight[i]):
            start, end = min(start, low[i]), max(end, high[i])
    for turn in range(2):
        width = max(end - start, WIDTH_MIN * abs(end))
        mass, first, second = 0.0, 0.0, 0.0
        for k in range(POINTS):
            # Distances from the region's middle keep the sums exact.
            place = start + width * (k + 0.5) / POINTS
            one = density(place, low, high, weight, most)
            apart = place - 0.5 * (found[LOW] + found[HIGH])
            mass += one
            first += one * apart
            second += one * apart * apart
        mean = first / mass
        found[MIDDLE] = mean + 0.5 * (found[LOW] + found[HIGH])
        found[DEVIATION] = np.sqrt(max(second / mass - mean * mean, 0.0))
        if turn == 0:
            # A density narrower than the grid's step lies around the region.
            reach = REACH * max(found[DEVIATION], width / POINTS)
            start, end = max(start, found[MIDDLE] - reach), min(end, found[MIDDLE] + reach)
