"""Where an SVI fit begins: Zeliade's quasi-explicit solution on a fixed grid of m and sigma.

With z = (x - m) / sigma a slice is linear, y = a + d z + c sqrt(z^2 + 1), so that for each (m, sigma) the best a, d, c
are a weighted 3 x 3 least-squares problem; what falls outside c >= 0, |d| <= c, a + ... >= 0 is moved to the bound.
Everything is in units of the money: x = k / deviation, y = w / deviation^2, deviation = sqrt(w at the money).
Source: Zeliade Systems, Quasi-explicit calibration of Gatheral's SVI model (2009).
"""

import numpy as np
from numpy.typing import NDArray

from streams.numerics.jit import kernel
from streams.options.surface.linear import factor, solve

F64 = NDArray[np.float64]

LEVEL, LEFT_SLOPE, RIGHT_SLOPE, SHIFT, LOG_WIDTH = range(5)
"""Parameters of a fit: least total variance, the wings' slopes (falling, rising), m, log(sigma)."""
PLACES = (-1.2, -0.3, 0.5, 1.4)
WIDTHS = (0.15, 0.5, 1.5)
LOG_WIDTHS = (-1.89711998488588130, -0.69314718055994531, 0.40546510810816438)
STARTS = len(PLACES) * len(WIDTHS)
SLOPE_MIN = 1e-4
LEVEL_MIN = 1e-3
"""Of the slice's least y: below it a density is all but a point."""


@kernel
def linear_start(x: F64, v: F64, weight: F64, start: int, matrix: F64, right: F64, out: F64) -> float:
    """Write the parameters of one start to out, (5,), and return its cost; inf where there is none.

    x, v: (m,) place and volatility in units of the money. weight: (m,) of a squared error of v. matrix: (5, 5) and
    right: (5,) work space.
    """
    m, width = PLACES[start // len(WIDTHS)], WIDTHS[start % len(WIDTHS)]
    matrix[:3, :3] = 0.0
    right[:3] = 0.0
    for i in range(x.size):
        z = (x[i] - m) / width
        root = np.sqrt(z * z + 1.0)
        y = v[i] * v[i]
        share = weight[i] / (4.0 * y)
        matrix[0, 0] += share
        matrix[1, 0] += share * z
        matrix[2, 0] += share * root
        matrix[1, 1] += share * z * z
        matrix[2, 1] += share * z * root
        matrix[2, 2] += share * root * root
        right[0] += share * y
        right[1] += share * z * y
        right[2] += share * root * y
    for j in range(3):
        matrix[j, j] *= 1.0 + 1e-9
    if not factor(matrix, 3):
        return np.inf
    solve(matrix, right, 3)
    level, tilt, curve = right[0], right[1], max(right[2], 1e-3 * width)
    tilt = min(max(tilt, -0.98 * curve), 0.98 * curve)
    lowest = max(level + np.sqrt(curve * curve - tilt * tilt), 0.05)
    out[LEVEL], out[SHIFT], out[LOG_WIDTH] = lowest, m, LOG_WIDTHS[start % len(WIDTHS)]
    out[LEFT_SLOPE], out[RIGHT_SLOPE] = (curve - tilt) / width, (curve + tilt) / width
    level = lowest - np.sqrt(curve * curve - tilt * tilt)
    cost = 0.0
    for i in range(x.size):
        z = (x[i] - m) / width
        y = level + tilt * z + curve * np.sqrt(z * z + 1.0)
        apart = y - v[i] * v[i]
        cost += weight[i] * apart * apart / (4.0 * v[i] * v[i])
    return cost
