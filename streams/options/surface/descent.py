"""Levenberg and Marquardt's method on one slice, with the conditions against arbitrage as part of the cost.

Everything is in units of the money (quasi.py). The parameters are those whose bounds are boxes: least total variance
>= LEVEL_MIN, slopes of both wings in [SLOPE_MIN, Lee's 2], m, log sigma; so b >= 0, |rho| < 1, sigma > 0, a + b sigma
sqrt(1 - rho^2) >= 0 and Lee's bound hold at each step. The cost is

    sum of weight (v - sqrt(y))^2 + RIDGE (slopes)^2
    + hold sum over the grid of (G_MIN - g)_+^2 + (1 - y / floor)_+^2 + (y / ceiling - 1)_+^2

where v is the quoted volatility, g Durrleman's function and floor and ceiling the neighbours' total variance, both
divided by y at the money. Derivatives are exact. `hold` rises while something is violated.
"""

import numpy as np
from numpy.typing import NDArray

from streams.numerics.jit import kernel
from streams.numerics.special import exp
from streams.options.surface.linear import copy, factor, solve
from streams.options.surface.quasi import LEFT_SLOPE, LEVEL, LEVEL_MIN, LOG_WIDTH, RIGHT_SLOPE, SHIFT, SLOPE_MIN

F64 = NDArray[np.float64]

G_MIN = 2e-3
"""What the grid is held to, so that between its points g stays positive."""
CALENDAR_MIN = 5e-4
"""By what share of y a slice is held above the one before."""
LOG_WIDTH_MIN, LOG_WIDTH_MAX = -4.6, 2.5
SHIFT_MAX = 6.0
LEE = 1.98
RIDGE = 0.05
"""Cost of a wing's slope of 1, squared: quotes hardly tell a steep wing that begins beyond them from a flat one."""
STEPS_MAX = 60
DONE = 1e-7
"""A step that betters the cost by less than this share ends the descent."""
DAMPING_MAX = 1e9


@kernel
def terms(p: F64, x: float, out: F64) -> None:
    """Write y, y', y'' and their derivatives by the five parameters to out, (3, 6): [i, 0] is the value."""
    left, right = p[LEFT_SLOPE], p[RIGHT_SLOPE]
    width = exp(p[LOG_WIDTH])
    z = x - p[SHIFT]
    root = np.sqrt(z * z + width * width)
    b, tilt, mean = 0.5 * (left + right), 0.5 * (right - left), np.sqrt(left * right)
    slope, inverse = z / root, 1.0 / root
    narrow = width * width * inverse * inverse * inverse
    out[0, 0] = p[LEVEL] - width * mean + tilt * z + b * root
    out[1, 0] = tilt + b * slope
    out[2, 0] = b * narrow
    out[0, 1] = 1.0
    out[0, 2] = 0.5 * (root - z - width * right / mean)
    out[0, 3] = 0.5 * (root + z - width * left / mean)
    out[0, 4] = -out[1, 0]
    out[0, 5] = width * (b * width * inverse - mean)
    out[1, 1] = 0.0
    out[1, 2] = 0.5 * (slope - 1.0)
    out[1, 3] = 0.5 * (slope + 1.0)
    out[1, 4] = -out[2, 0]
    out[1, 5] = -b * slope * width * width * inverse * inverse
    out[2, 1] = 0.0
    out[2, 2] = 0.5 * narrow
    out[2, 3] = 0.5 * narrow
    out[2, 4] = 3.0 * b * narrow * slope * inverse
    out[2, 5] = b * narrow * (2.0 - 3.0 * width * width * inverse * inverse)


@kernel
def add_row(part: float, each: F64, matrix: F64, right: F64) -> None:
    """Add a residual with its derivatives `each`, (5,), to the normal equations."""
    for i in range(5):
        right[i] -= each[i] * part
        for j in range(i + 1):
            matrix[i, j] += each[i] * each[j]


@kernel
def quote_cost(p: F64, x: F64, v: F64, weight: F64, fill: bool, work: F64, matrix: F64, right: F64) -> float:
    """Return the cost of the quotes; where `fill`, add them to the normal equations."""
    left, right_slope = p[LEFT_SLOPE], p[RIGHT_SLOPE]
    width = exp(p[LOG_WIDTH])
    b, tilt, mean = 0.5 * (left + right_slope), 0.5 * (right_slope - left), np.sqrt(left * right_slope)
    base, lean_l, lean_r = p[LEVEL] - width * mean, width * right_slope / mean, width * left / mean
    each = work[3]
    cost = 0.0
    for i in range(x.size):
        if weight[i] == 0.0:
            continue
        z = x[i] - p[SHIFT]
        root = np.sqrt(z * z + width * width)
        vol = np.sqrt(base + tilt * z + b * root)
        share = np.sqrt(weight[i])
        part = share * (vol - v[i])
        cost += part * part
        if fill:
            scale = 0.5 * share / vol
            each[0] = scale
            each[1] = scale * 0.5 * (root - z - lean_l)
            each[2] = scale * 0.5 * (root + z - lean_r)
            each[3] = -scale * (tilt + b * z / root)
            each[4] = scale * width * (b * width / root - mean)
            add_row(part, each, matrix, right)
    root = np.sqrt(RIDGE)
    for j in (LEFT_SLOPE, RIGHT_SLOPE):
        part = root * p[j]
        cost += part * part
        if fill:
            right[j] -= root * part
            matrix[j, j] += RIDGE
    return cost


@kernel
def held_cost(
    p: F64, grid: F64, floor: F64, ceiling: F64, variance: float, hold: float, fill: bool, work: F64, matrix: F64,
    right: F64,
) -> float:  # fmt: skip
    """Return the cost of what is violated on the grid; where `fill`, add it to the normal equations.

    variance: w at the money. floor, ceiling: (n,) least and most y, infinite where there is none. hold: the cost of a
    violation of 1.
    """
    root = np.sqrt(hold)
    each = work[3]
    cost = 0.0
    for i in range(grid.size):
        x = grid[i]
        terms(p, x, work)
        y, first, second = work[0, 0], work[1, 0], work[2, 0]
        lean, inverse = 1.0 - 0.5 * x * first / y, 1.0 / y
        g = lean * lean - 0.25 * first * first * (inverse + 0.25 * variance) + 0.5 * second
        if g < G_MIN:
            part = root * (G_MIN - g)
            cost += part * part
            if fill:
                by_y = (lean * x * first + 0.25 * first * first) * inverse * inverse
                by_first = -lean * x * inverse - 0.5 * first * (inverse + 0.25 * variance)
                for j in range(5):
                    each[j] = -root * (by_y * work[0, j + 1] + by_first * work[1, j + 1] + 0.5 * work[2, j + 1])
                add_row(part, each, matrix, right)
        for side in (-1.0, 1.0):
            bound = floor[i] * (1.0 + CALENDAR_MIN) if side < 0.0 else ceiling[i] * (1.0 - CALENDAR_MIN)
            if side * (y - bound) > 0.0:
                scale = side * root / bound
                part = scale * (y - bound)
                cost += part * part
                if fill:
                    for j in range(5):
                        each[j] = scale * work[0, j + 1]
                    add_row(part, each, matrix, right)
    return cost


@kernel
def into_box(p: F64, slope_max: float) -> None:
    """Move parameters to the nearest ones that are allowed."""
    p[LEVEL] = max(p[LEVEL], LEVEL_MIN)
    p[LEFT_SLOPE] = min(max(p[LEFT_SLOPE], SLOPE_MIN), slope_max)
    p[RIGHT_SLOPE] = min(max(p[RIGHT_SLOPE], SLOPE_MIN), slope_max)
    p[SHIFT] = min(max(p[SHIFT], -SHIFT_MAX), SHIFT_MAX)
    p[LOG_WIDTH] = min(max(p[LOG_WIDTH], LOG_WIDTH_MIN), LOG_WIDTH_MAX)


@kernel
def is_stopped(p: F64, right: F64, i: int, slope_max: float) -> bool:
    """Return whether parameter i is at a bound and the cost falls beyond it."""
    low, high = LEVEL_MIN, np.inf
    if i in (LEFT_SLOPE, RIGHT_SLOPE):
        low, high = SLOPE_MIN, slope_max
    elif i == SHIFT:
        low, high = -SHIFT_MAX, SHIFT_MAX
    elif i == LOG_WIDTH:
        low, high = LOG_WIDTH_MIN, LOG_WIDTH_MAX
    return (p[i] <= low and right[i] < 0.0) or (p[i] >= high and right[i] > 0.0)


@kernel
def descend(
    p: F64, x: F64, v: F64, weight: F64, grid: F64, floor: F64, ceiling: F64, variance: float, hold: float,
    steps_max: int, work: F64,
) -> tuple[float, int]:  # fmt: skip
    """Move p, (5,), to a least cost; return the cost and the steps taken.

    x, v, weight: (m,) quotes; a weight of 0 leaves one out. grid, floor, ceiling: (n,) as held_cost. hold 0: no
    conditions but the box. work: (24, 6).
    """
    slope_max = LEE / np.sqrt(variance)
    normal, lower, right, step, trial = work[4:9], work[9:14], work[14], work[15], work[16]
    into_box(p, slope_max)
    damping, cost, steps = 1e-3, 0.0, 0
    fresh = True
    while steps < steps_max:
        if fresh:
            normal[:, :] = 0.0
            right[:] = 0.0
            cost = quote_cost(p, x, v, weight, True, work, normal, right)
            if hold > 0.0:
                cost += held_cost(p, grid, floor, ceiling, variance, hold, True, work, normal, right)
        steps += 1
        for i in range(5):
            step[i] = right[i]
            for j in range(i + 1):
                lower[i, j] = normal[i, j]
            lower[i, i] += damping * normal[i, i] + 1e-12
        for i in range(5):
            if is_stopped(p, right, i, slope_max):
                step[i] = 0.0
                for j in range(5):
                    if j < i:
                        lower[i, j] = 0.0
                    elif j > i:
                        lower[j, i] = 0.0
        fresh = False
        better = False
        gain = 0.0
        if factor(lower, 5):
            solve(lower, step, 5)
            for i in range(5):
                trial[i] = p[i] + step[i]
            trial[LOG_WIDTH] = min(max(trial[LOG_WIDTH], p[LOG_WIDTH] - 1.0), p[LOG_WIDTH] + 1.0)
            into_box(trial, slope_max)
            found = quote_cost(trial, x, v, weight, False, work, normal, right)
            if hold > 0.0 and found < cost:
                found += held_cost(trial, grid, floor, ceiling, variance, hold, False, work, normal, right)
            better = found < cost
            gain = cost - found
        if better:
            copy(trial, p, 5)
            damping = max(damping * 0.2, 1e-9)
            fresh = True
            if gain <= DONE * cost:
                return cost - gain, steps
        else:
            damping *= 6.0
            if damping > DAMPING_MAX:
                break
    return cost, steps
