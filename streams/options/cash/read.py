"""Values and slopes of a solved grid at any spot: the cubic through its four nearest nodes."""

import numpy as np
from numpy.typing import NDArray

from streams.numerics.jit import entry, kernel

F64 = NDArray[np.float64]
Int = int | np.int64


@kernel
def first_row(spots: F64, lane: Int, spot: float) -> Int:
    """Return the first of the four rows around a spot; rows rise (calls) or fall (puts)."""
    low, high = 0, spots.shape[0] - 1
    rising = spots[high, lane] > spots[low, lane]
    while high - low > 1:
        middle = (low + high) // 2
        if (spots[middle, lane] <= spot) == rising:
            low = middle
        else:
            high = middle
    return min(max(low - 1, 0), spots.shape[0] - 4)


@kernel
def read_row(spots: F64, values: F64, lane: Int, spot: float) -> tuple[float, float, float]:
    """Return value, first and second derivative in spot of a lane, by Newton's divided differences."""
    k = first_row(spots, lane, spot)
    x0, x1, x2, x3 = spots[k, lane], spots[k + 1, lane], spots[k + 2, lane], spots[k + 3, lane]
    y0, y1, y2, y3 = values[k, lane], values[k + 1, lane], values[k + 2, lane], values[k + 3, lane]
    a1 = (y1 - y0) / (x1 - x0)
    b1 = (y2 - y1) / (x2 - x1)
    c1 = (y3 - y2) / (x3 - x2)
    a2 = (b1 - a1) / (x2 - x0)
    b2 = (c1 - b1) / (x3 - x1)
    a3 = (b2 - a2) / (x3 - x0)
    d0, d1, d2 = spot - x0, spot - x1, spot - x2
    value = y0 + d0 * (a1 + d1 * (a2 + d2 * a3))
    slope = a1 + a2 * (d0 + d1) + a3 * (d0 * d1 + d0 * d2 + d1 * d2)
    return value, slope, 2.0 * (a2 + a3 * (d0 + d1 + d2))


@entry
def read_lanes(spots: F64, values: F64, at: F64, out: F64) -> None:
    """Fill out (3, lanes): value and two derivatives of each lane at its spot. spots, values: (nodes, lanes); at:

    (lanes,).
    """
    for lane in range(at.shape[0]):
        out[0, lane], out[1, lane], out[2, lane] = read_row(spots, values, lane, at[lane])
