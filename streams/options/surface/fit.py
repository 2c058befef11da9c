"""The fit of one slice, stage by stage; chain.py calls it for all expiries in order.

1. Quotes in units of the money (prepare.py); too few of them: an SSVI slice (power.py).
2. The best of twelve quasi-explicit starts (quasi.py), or the last slice, then Levenberg and Marquardt (descent.py),
   outliers discounted, once more.
3. While g or a neighbour's bound is violated, the same with a cost on violations that rises a hundredfold each time.
4. What is then still violated is moved towards a slice that violates nothing, by bisection.
"""

import numpy as np
from numpy.typing import NDArray

from streams.numerics.jit import kernel
from streams.numerics.special import exp, log
from streams.options.surface.descent import CALENDAR_MIN, G_MIN, STEPS_MAX, descend, quote_cost
from streams.options.surface.linear import copy
from streams.options.surface.power import fit_power, power_to_slice
from streams.options.surface.prepare import HELD, PLAIN, WEIGHT, V, X
from streams.options.surface.quasi import LEFT_SLOPE, LEVEL, LOG_WIDTH, RIGHT_SLOPE, SHIFT, STARTS, linear_start
from streams.options.surface.slices import (
    BEND,
    DENSE,
    REACH,
    RHO,
    SIGMA,
    A,
    B,
    M,
    bend_place,
    is_slice,
    slice_terms,
    slice_variance,
)
from streams.options.surface.status import CALENDAR_CROSSED, FALLBACK, OK

F64 = NDArray[np.float64]

TRIED = 3
"""Starts that are descended from, of the twelve."""
TRIAL_STEPS = 8
HOLDS = (1e2, 1e4, 1e6)
KEPT = 0.25
"""Of the margins that the grid is held to (descent.py): what a slice must keep on the dense grid."""
WARM_WORSE = 1.02
"""A warm fit whose cost is more than this times a start's is left for the starts."""
COST_WORSE, COST_MORE = 2.0, 0.1
"""What bounds may cost: so many times the quotes' cost, and so much more a quote (1: all are off by a half spread)."""
EASE_WORSE, EASE_MORE = 4.0, 0.5
"""The same for bounds that are aimed at and need not be met."""
BLENDS = 14
LIFT = 1.0
"""In w at the money: how far a slice is lifted at most to be safe."""
PRIOR_WEIGHT, PRIOR_LITTLE = 2.0, 0.1
"""What leaving the prior by its standard error costs where quotes are few, and in a fallback."""
WORK_ROWS, WORK_COLUMNS = 32, STARTS
COSTS, SPARE, BEST, START, SAFE, BLENDED, SAFE_ROW, PRIOR, OWN, TRIED_P, BEGIN, NOTHING, CHECKED = range(19, 32)
"""Rows of the work space above those of descent.py and power.py; NOTHING is no slice."""


@kernel
def to_slice(p: F64, row: F64) -> None:
    """Write a fit's parameters as raw SVI, in units of the money."""
    left, right, width = p[LEFT_SLOPE], p[RIGHT_SLOPE], exp(p[LOG_WIDTH])
    b = 0.5 * (left + right)
    row[A] = p[LEVEL] - width * np.sqrt(left * right)
    row[B], row[RHO], row[M], row[SIGMA] = b, 0.5 * (right - left) / b, p[SHIFT], width


@kernel
def from_slice(row: F64, deviation: float, p: F64) -> bool:
    """Write a slice in log-moneyness as parameters in units of the money; False where it is none."""
    if not is_slice(row):
        return False
    b, width = row[B] / deviation, row[SIGMA] / deviation
    p[LEFT_SLOPE], p[RIGHT_SLOPE] = b * (1.0 - row[RHO]), b * (1.0 + row[RHO])
    p[LEVEL] = row[A] / (deviation * deviation) + width * np.sqrt(p[LEFT_SLOPE] * p[RIGHT_SLOPE])
    p[SHIFT], p[LOG_WIDTH] = row[M] / deviation, log(width)
    return True


@kernel
def rescale(row: F64, deviation: float) -> None:
    """Turn a slice in units of the money into one in log-moneyness (deviation) or back (1 / deviation)."""
    row[A] *= deviation * deviation
    row[B] *= deviation
    row[M] *= deviation
    row[SIGMA] *= deviation


@kernel
def money_durrleman(x: float, y: float, first: float, second: float, variance: float) -> float:
    """Return g in units of the money: w' = deviation y' and w'' = y'', so that 1 / 4 becomes variance / 4."""
    lean = 1.0 - 0.5 * x * first / y
    return lean * lean - 0.25 * first * first * (1.0 / y + 0.25 * variance) + 0.5 * second


@kernel
def is_broken(row: F64, dense: F64, floor: F64, ceiling: F64, variance: float) -> bool:
    """Return whether anything is violated on the dense grid, or g around the bend, all in units of the money."""
    apart = KEPT * CALENDAR_MIN
    for i in range(dense.size):
        y, first, second = slice_terms(row, dense[i])
        if not (y > 0.0 and floor[i] * (1.0 + apart) <= y <= ceiling[i] * (1.0 - apart)):
            return True
        if not money_durrleman(dense[i], y, first, second, variance) >= KEPT * G_MIN:
            return True
    for i in range(BEND):
        x = bend_place(row, i)
        y, first, second = slice_terms(row, x)
        if not money_durrleman(x, y, first, second, variance) >= KEPT * G_MIN:
            return True
    return False


@kernel
def free_fit(p: F64, quotes: F64, count: int, variance: float, warm: bool, grids: F64, work: F64) -> tuple[bool, int]:
    """Fit SVI without conditions but its box, from p (warm) or from the starts; return if it did, and the steps taken.

    p: (5,). quotes: (6, m), count of them. grids: (6, DENSE): grid, dense grid, floor and ceiling on both.
    """
    x, v, weight = quotes[X, :count], quotes[V, :count], quotes[PLAIN, :count]
    grid, free = grids[0, :1], grids[2, :1]
    costs, best, start = work[COSTS], work[BEST], work[START]
    least = np.inf
    for i in range(STARTS):
        costs[i] = linear_start(x, v, weight, i, work[4:9], work[14], start)
        least = min(least, costs[i])
    if not least < np.inf:
        return False, 0
    steps = 0
    if warm:
        cost, steps = descend(p, x, v, weight, grid, free, free, variance, 0.0, STEPS_MAX, work)
        if cost <= WARM_WORSE * least:
            return True, steps
        copy(p, best, 5)
        least = cost
    else:
        least = np.inf
    for _ in range(TRIED):
        first = 0
        for i in range(STARTS):
            first = i if costs[i] < costs[first] else first
        if not costs[first] < np.inf:
            break
        linear_start(x, v, weight, first, work[4:9], work[14], start)
        costs[first] = np.inf
        cost, taken = descend(start, x, v, weight, grid, free, free, variance, 0.0, TRIAL_STEPS, work)
        steps += taken
        if cost < least:
            least = cost
            copy(start, best, 5)
    copy(best, p, 5)
    _, taken = descend(p, x, v, weight, grid, free, free, variance, 0.0, STEPS_MAX, work)
    return True, steps + taken


@kernel
def power_fit(quotes: F64, count: int, prior: F64, lean: float, variance: float, row: F64, work: F64) -> int:
    """Write the SSVI slice of the quotes to row, in units of the money; return the steps. prior: rho, log curve."""
    q, begin = work[COSTS], work[SPARE]
    q[0], q[1], q[2] = 0.0, prior[0], prior[1]
    begin[0], begin[1], begin[2] = 0.0, prior[0], prior[1]
    weight = quotes[WEIGHT, :count]
    _, steps = fit_power(q, begin, quotes[X, :count], quotes[V, :count], weight, lean, variance, work)
    power_to_slice(q, 1.0, row)
    return steps


@kernel
def blend(p: F64, safe: F64, grids: F64, variance: float, row: F64, work: F64) -> bool:
    """Move p towards a safe one until nothing is violated, and write row; False where even the safe one violates.

    Parameters of a fit are blended, not those of raw SVI: a of one slice and sigma of another make a third, far off.
    """
    dense, floor, ceiling = grids[1], grids[4], grids[5]
    to_slice(safe, row)
    if is_broken(row, dense, floor, ceiling, variance):
        return False
    between = work[BLENDED]
    low, high = 0.0, 1.0  # of the safe one
    for _ in range(BLENDS):
        middle = 0.5 * (low + high)
        for i in range(5):
            between[i] = (1.0 - middle) * p[i] + middle * safe[i]
        to_slice(between, row)
        if is_broken(row, dense, floor, ceiling, variance):
            low = middle
        else:
            high = middle
    for i in range(5):
        p[i] = (1.0 - high) * p[i] + high * safe[i]
    to_slice(p, row)
    return True


@kernel
def tighten(
    p: F64, quotes: F64, count: int, variance: float, holds: int, grids: F64, row: F64, work: F64
) -> tuple[bool, int]:
    """Fit SVI under g and the neighbours' bounds, from p; write row; return whether all holds, and the steps.

    holds: how many of HOLDS may be tried; the first alone gives way to quotes that want otherwise.
    """
    x, v, weight = quotes[X, :count], quotes[V, :count], quotes[WEIGHT, :count]
    grid, floor, ceiling = grids[0, :HELD], grids[2, :HELD], grids[3, :HELD]
    steps = 0
    to_slice(p, row)
    for i in range(holds):
        if not is_broken(row, grids[1], grids[4], grids[5], variance):
            return True, steps
        _, taken = descend(p, x, v, weight, grid, floor, ceiling, variance, HOLDS[i], STEPS_MAX, work)
        steps += taken
        to_slice(p, row)
    return not is_broken(row, grids[1], grids[4], grids[5], variance), steps


@kernel
def cost_most(p: F64, quotes: F64, count: int, work: F64) -> float:
    """Return what a slice may cost under bounds, p being the one without."""
    return COST_WORSE * slice_cost(p, quotes, count, work) + COST_MORE * count


@kernel
def held_fit(
    p: F64, quotes: F64, count: int, variance: float, most: float, grids: F64, row: F64, work: F64
) -> tuple[bool, int]:
    """Fit SVI until all bounds hold; return whether they do at a cost of at most `most`, and the steps."""
    holds, steps = tighten(p, quotes, count, variance, len(HOLDS), grids, row, work)
    return holds and slice_cost(p, quotes, count, work) <= most, steps


@kernel
def safe_fit(
    p: F64, quotes: F64, count: int, variance: float, before: F64, grids: F64, row: F64, work: F64
) -> tuple[int, int]:
    """Fit as held_fit and, where that fails, move towards a slice that violates nothing; return status and steps.

    Without a ceiling where there is no room under it: the slice after will be held above this one. Where the bounds
    cost the quotes too much (COST_WORSE), they are aimed at alone, and no butterfly is what is kept.
    """
    begin = work[BEGIN]
    copy(p, begin, 5)
    most = cost_most(p, quotes, count, work)
    steps = 0
    for tried in range(2):
        if tried == 1 and not open_ceiling(grids):
            break
        copy(begin, p, 5)
        holds, taken = held_fit(p, quotes, count, variance, most, grids, row, work)
        steps += taken
        if holds:
            return OK, steps
    moved, taken = move_to_safety(p, quotes, count, variance, before, grids, row, work)
    steps += taken
    if moved and (slice_cost(p, quotes, count, work) <= most or not is_slice(before)):
        return FALLBACK, steps
    copy(begin, p, 5)
    return CALENDAR_CROSSED, steps + ease(p, quotes, count, variance, grids, row, work)


@kernel
def move_to_safety(
    p: F64, quotes: F64, count: int, variance: float, before: F64, grids: F64, row: F64, work: F64
) -> tuple[bool, int]:
    """Move p until nothing is violated, towards the best of three slices; write row; return if one was, and the steps.

    They are the SSVI slice of the quotes; the slice before, lifted; and p's own, lifted, with wings no flatter than
    those before. Where none will do, what is written is the SSVI slice, which has no butterfly.
    """
    safe, power, best, between = work[SAFE], work[SAFE_ROW], work[BEST], work[TRIED_P]
    deviation = np.sqrt(variance)
    steps = power_fit(quotes, count, work[PRIOR], PRIOR_LITTLE, variance, power, work)
    least = np.inf
    for tried in range(3):
        known = from_slice(power, 1.0, safe) if tried == 0 else lift(before, deviation, safe)
        if tried == 2 and known:
            for i in (LEFT_SLOPE, RIGHT_SLOPE):
                safe[i] = max(safe[i], p[i])
            safe[LEVEL], safe[SHIFT], safe[LOG_WIDTH] = p[LEVEL] + LIFT, p[SHIFT], p[LOG_WIDTH]
        copy(p, between, 5)
        if known and blend(between, safe, grids, variance, row, work):
            cost = slice_cost(between, quotes, count, work)
            if cost < least:
                least = cost
                copy(between, best, 5)
    if least == np.inf:
        from_slice(power, 1.0, best)
    copy(best, p, 5)
    to_slice(p, row)
    return least < np.inf, steps


@kernel
def slice_cost(p: F64, quotes: F64, count: int, work: F64) -> float:
    """Return the cost of the quotes."""
    return quote_cost(p, quotes[X, :count], quotes[V, :count], quotes[WEIGHT, :count], False, work, work[4:9], work[14])


@kernel
def ease(p: F64, quotes: F64, count: int, variance: float, grids: F64, row: F64, work: F64) -> int:
    """Fit towards the bounds, as far as the quotes let it, and write row, without a butterfly; return the steps.

    p: a slice without a butterfly, which stays where the fit has one or costs the quotes more than EASE_WORSE says.
    """
    safe = work[SAFE]
    copy(p, safe, 5)
    most = EASE_WORSE * slice_cost(p, quotes, count, work) + EASE_MORE * count
    _, steps = tighten(p, quotes, count, variance, 1, grids, row, work)
    open_bounds(grids)
    if not blend(p, safe, grids, variance, row, work) or slice_cost(p, quotes, count, work) > most:
        copy(safe, p, 5)
        to_slice(p, row)
    return steps


@kernel
def lift(before: F64, deviation: float, p: F64) -> bool:
    """Write the parameters of the slice before, lifted to this one's variance at the money; False where it is none."""
    if not from_slice(before, deviation, p):
        return False
    there = slice_variance(before, 0.0) / (deviation * deviation)
    # By a share of the greatest w on the grid, for the floor is asked for with a share of itself.
    far = max(slice_variance(before, -REACH * deviation), slice_variance(before, REACH * deviation))
    p[LEVEL] += max(1.0 - there, CALENDAR_MIN * max(far / (deviation * deviation), there))
    return True


@kernel
def open_bounds(grids: F64) -> None:
    """Let a slice have no neighbours."""
    for row in (2, 4):
        for i in range(grids.shape[1]):
            grids[row, i], grids[row + 1, i] = -np.inf, np.inf


@kernel
def open_ceiling(grids: F64) -> bool:
    """Let a slice have no neighbour after it; return whether it had one."""
    had = False
    for row in (3, 5):
        for i in range(grids.shape[1]):
            had = had or grids[row, i] < np.inf
            grids[row, i] = np.inf
    return had


@kernel
def set_bounds(grids: F64, deviation: float, before: F64, after: F64, low: float, high: float) -> None:
    """Write floor and ceiling within REACH, in units of the money: the slice before; after outside of [low, high].

    before, after: (SLICE_SIZE,) in log-moneyness, NaN where there is none.
    """
    open_bounds(grids)
    scale = 1.0 / (deviation * deviation)
    for places, row in ((0, 2), (1, 4)):
        for i in range(HELD if places == 0 else DENSE):
            x = grids[places, i]
            if abs(x) > REACH:
                continue
            if is_slice(before):
                grids[row, i] = slice_variance(before, x * deviation) * scale
            if is_slice(after) and not low <= x <= high:
                grids[row + 1, i] = slice_variance(after, x * deviation) * scale
