"""The early-exercise boundary of a put, by spectral collocation (Andersen, Lake and Offengenden, 2016).

With strike 1, rate r > 0, yield q and t years to expiry, a put is exercised at a spot <= B(t). Smooth pasting in the
integral of the early exercise premium (Kim, 1990) gives the fixed point "A" of the paper,

    B(t) = e^{-(r-q) t} N / D,      d-+(v, z) = (ln z + (r-q) v) / (vol sqrt v) -+ vol sqrt v / 2
    N = pdf(d-(t, B(t))) / (vol sqrt t) + r int_0^t e^{ru} pdf(d-(v, B(t)/B(u))) / (vol sqrt v) du,        v = t - u
    D = pdf(d+(t, B(t))) / (vol sqrt t) + cdf(d+(t, B(t))) + q int_0^t e^{qu} [cdf(d+) + pdf(d+) / (vol sqrt v)] du.

B(0+) = X = min(1, r/q). Unknowns are h_i = ln(X / B) at the NODES of nodes.py; h^2 is interpolated in sqrt(t), as the
paper does. The paper iterates the fixed point, which converges slowly or not at all where drift is large beside
volatility. Here all nodes move at once by Newton's method with the exact Jacobian, which costs about as much as the
equations and squares the error each time: two or three steps from QD+ (start.py) or a neighbouring volatility's
boundary.
The last step is the residual's measure: a boundary that still moves is solved again from another start, or refused.
"""

import numpy as np
from numpy.typing import NDArray

from streams.numerics.jit import kernel
from streams.numerics.special import exp, log
from streams.options.american.nodes import (
    FLAT,
    INTERPOLATION,
    MEASURE,
    NODES,
    REST,
    ROOTS,
    TIMES,
)
from streams.options.american.normal import densities, densities_and_tails

F64 = NDArray[np.float64]

STEPS_MAX = 12
WIGGLE = 1.15
"""How much further a node may be from X than the next of more time: a flat boundary is flat to the grid's accuracy."""
SMALL_MOVE = 5e-5
"""Steps end when no ln B moves by more: the next would move it by less than about 1e-7."""
# fmt: off
(
    ROOT, EARN, PAY, SPREAD, LOWER, UPPER, INVERSE, DENSITY, DENSE, BELOW, SLOPE, SPARE, LATE, N, D, SLOPE_N, SLOPE_D,
    TOTAL, RIGHT, MATRIX,
) = range(20)
# fmt: on
WORK_ROWS = MATRIX + NODES
"""Rows of the scratch of a solve, each of FLAT numbers; the first three depend on the expiry alone."""


@kernel
def prepare_expiry(years: float, rate: float, yield_: float, work: F64) -> None:
    """Write what depends on an expiry alone to rows ROOT, EARN, PAY: sqrt(v), r e^{ru} dv, q e^{qu} dv."""
    root = np.sqrt(years)
    for i in range(FLAT):
        rest = REST[i] * root
        work[ROOT, i] = ROOTS[i] * root
        work[EARN, i] = rate * exp(rate * rest * rest) * MEASURE[i] * years
        work[PAY, i] = yield_ * exp(yield_ * rest * rest) * MEASURE[i] * years


@kernel
def spread_boundary(h: F64, out: F64) -> None:
    """Write ln(X / B(u)) at every quadrature node, (FLAT,), from h at NODES."""
    for i in range(out.size):
        out[i] = 0.0
    for k in range(h.size):
        square = h[k] * h[k]
        for i in range(out.size):
            out[i] += INTERPOLATION[k, i] * square
    for i in range(out.size):
        out[i] = np.sqrt(max(out[i], 0.0))


@kernel
def distances(rate: float, yield_: float, vol: float, h: F64, work: F64) -> None:
    """Write d-, d+ and 1 / (vol sqrt(v)) at every quadrature node, rows LOWER, UPPER, INVERSE; SPREAD is read."""
    for j in range(0, work.shape[1], NODES):
        for i in range(NODES):
            width = vol * work[ROOT, j + i]
            inverse = 1.0 / width
            middle = (work[SPREAD, j + i] - h[i]) * inverse + (rate - yield_) / vol * work[ROOT, j + i]
            work[INVERSE, j + i] = inverse
            work[LOWER, j + i] = middle - 0.5 * width
            work[UPPER, j + i] = middle + 0.5 * width


@kernel
def solve_linear(matrix: F64, right: F64) -> None:
    """Solve matrix x = right in place by elimination with row pivots; both are overwritten, x stands in right."""
    count = matrix.shape[0]
    for k in range(count):
        best = k
        for i in range(k + 1, count):
            if abs(matrix[i, k]) > abs(matrix[best, k]):
                best = i
        if best != k:
            for j in range(k, count):
                matrix[k, j], matrix[best, j] = matrix[best, j], matrix[k, j]
            right[k], right[best] = right[best], right[k]
        inverse = 1.0 / matrix[k, k]
        for i in range(k + 1, count):
            factor = matrix[i, k] * inverse
            for j in range(k + 1, count):
                matrix[i, j] -= factor * matrix[k, j]
            right[i] -= factor * right[k]
    for back in range(count):
        i = count - 1 - back
        for j in range(i + 1, count):
            right[i] -= matrix[i, j] * right[j]
        right[i] /= matrix[i, i]


@kernel
def fixed_point_sums(years: float, rate: float, yield_: float, vol: float, top: float, h: F64, work: F64) -> None:
    """Write n and d at NODES, and their slopes in ln B through the terms outside the integrals, to rows N to SLOPE_D.

    The integrands of n and d, weighted, are left in DENSITY and DENSE.
    """
    for i in range(NODES):
        root = TIMES[i] * np.sqrt(years)
        size = vol * root
        work[LATE, NODES + i] = (top - h[i] + (rate - yield_) * root * root) / size + 0.5 * size
        work[LATE, i] = work[LATE, NODES + i] - size
        work[N, i] = size
    densities_and_tails(work[LATE], 2 * NODES, work[SLOPE], work[SPARE])
    for i in range(NODES):
        size = work[N, i]
        thin, dense = work[SLOPE, i] / size, work[SLOPE, NODES + i] / size
        work[N, i], work[D, i] = thin, dense + 1.0 - work[SPARE, NODES + i]
        work[SLOPE_N, i], work[SLOPE_D, i] = -thin * work[LATE, i] / size, -dense * work[LATE, i] / size
    for j in range(0, work.shape[1], NODES):
        for i in range(NODES):
            work[DENSITY, j + i] *= work[EARN, j + i] * work[INVERSE, j + i]
            work[DENSE, j + i] *= work[PAY, j + i] * work[INVERSE, j + i]
            work[N, i] += work[DENSITY, j + i]
            work[D, i] += work[DENSE, j + i] + work[PAY, j + i] * (1.0 - work[BELOW, j + i])


@kernel
def newton_step(years: float, rate: float, yield_: float, vol: float, top: float, h: F64, work: F64) -> float:
    """Move h by one step of Newton's method on all nodes; return the largest move of ln B, inf if there is none.

    top: ln X. work: (WORK_ROWS, FLAT), its first rows the expiry's. With F_i = ln B_i - g_i(h), dF_i/dh_k goes through
    h_i itself and through the boundary at the quadrature nodes: their slope in h_k is INTERPOLATION[k] h_k / spread.
    """
    spread_boundary(h, work[SPREAD])
    distances(rate, yield_, vol, h, work)
    densities(work[LOWER], work.shape[1], work[DENSITY])
    densities_and_tails(work[UPPER], work.shape[1], work[DENSE], work[BELOW])
    fixed_point_sums(years, rate, yield_, vol, top, h, work)
    matrix, right = work[MATRIX : MATRIX + NODES], work[RIGHT]
    for i in range(NODES):
        n, d = work[N, i], work[D, i]
        if not (n > 0.0 and d > 0.0):
            return np.inf
        root = TIMES[i] * np.sqrt(years)
        right[i] = -(rate - yield_) * root * root + log(n / d) - (top - h[i])
        work[TOTAL, i] = work[SLOPE_N, i] / n - work[SLOPE_D, i] / d - 1.0
        work[N, i], work[D, i] = 1.0 / n, 1.0 / d
    for j in range(0, work.shape[1], NODES):
        for i in range(NODES):
            # d g / d ln(B_i / B(u)) by this quadrature node.
            slope = (work[DENSE, j + i] * work[D, i] - work[DENSITY, j + i] * work[N, i]) * (
                work[LOWER, j + i] * work[INVERSE, j + i]
            )
            work[TOTAL, i] += slope
            spread = work[SPREAD, j + i]
            work[SLOPE, j + i] = slope / spread if spread > 0.0 else 0.0
    for k in range(h.size):
        column = work[SPARE]
        for i in range(NODES):
            column[i] = 0.0
        for j in range(0, work.shape[1], NODES):
            for i in range(NODES):
                column[i] += work[SLOPE, j + i] * INTERPOLATION[k, j + i]
        for i in range(NODES):
            matrix[i, k] = -column[i] * h[k]
        matrix[k, k] += work[TOTAL, k]
    solve_linear(matrix, right)
    move = 0.0
    for i in range(NODES):
        new = min(max(h[i] + right[i], 0.1 * h[i]), 10.0 * h[i])
        move = max(move, abs(new - h[i]))
        h[i] = new
    return float(move) if move == move else np.inf


@kernel
def solve_boundary(years: float, rate: float, yield_: float, vol: float, top: float, h: F64, work: F64) -> bool:
    """Bring h from its start to the boundary; return whether it came to rest and falls with time, as it must."""
    for _ in range(STEPS_MAX):
        move = newton_step(years, rate, yield_, vol, top, h, work)
        if move < SMALL_MOVE:
            for i in range(1, NODES):
                falls = h[i] <= WIGGLE * h[i - 1]
                if not falls:
                    move = np.inf
            return move < np.inf
        if move == np.inf:
            return False
    return False
