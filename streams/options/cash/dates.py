"""What an ex-date does to a grid of values: the spot falls by the cash, and before that the holder may exercise.

V(S, before) = max(V(max(S - cash, 0), after), exercise value). Where the cash is more than the spot the spot becomes
0 and stays there (the company pays out all it has: the "liquidator" of Haug, Haug and Lewis, 2003).
"""

import numpy as np
from numpy.typing import NDArray

from streams.numerics.jit import kernel

F64 = NDArray[np.float64]
Int = int | np.int64


@kernel
def cubic(xs: F64, ys: F64, lane: Int, first: Int, x: float) -> float:
    """Return the cubic through rows first to first + 3 of a lane, at x."""
    x0, x1, x2, x3 = xs[first, lane], xs[first + 1, lane], xs[first + 2, lane], xs[first + 3, lane]
    d0, d1, d2, d3 = x - x0, x - x1, x - x2, x - x3
    return float(
        ys[first, lane] * (d1 * d2 * d3) / ((x0 - x1) * (x0 - x2) * (x0 - x3))
        + ys[first + 1, lane] * (d0 * d2 * d3) / ((x1 - x0) * (x1 - x2) * (x1 - x3))
        + ys[first + 2, lane] * (d0 * d1 * d3) / ((x2 - x0) * (x2 - x1) * (x2 - x3))
        + ys[first + 3, lane] * (d0 * d1 * d2) / ((x3 - x0) * (x3 - x1) * (x3 - x2))
    )


@kernel
def average_kink(spots: F64, gains: F64, values: F64, lane: Int, one: Int, other: Int, kink: float) -> None:
    """Make the value of the node nearest to a kink its cell's average, wherever in it the kink lies.

    gains: holding less exercise. In a cell of width h, d from the kink, the average of max(slope x, 0) is above the
    node's by |slope| (h / 2 - d)^2 / (2 h).
    """
    width = abs(spots[one, lane] - spots[other, lane])
    slope = abs(gains[one, lane] - gains[other, lane]) / width
    node = one if abs(spots[one, lane] - kink) <= abs(spots[other, lane] - kink) else other
    rest = 0.5 * width - abs(spots[node, lane] - kink)
    values[node, lane] += 0.5 * slope * rest * rest / width


@kernel
def jump(
    cash: float, sign: F64, ruined: F64, spots: F64, floor: F64, values: F64, old: F64, gains: F64, boundary: F64
) -> None:
    """Take values back over an ex-date, and fill boundary with the spot beyond which exercise is due before it.

    sign, ruined (a put's value at spot 0), boundary: (lanes,); boundary is NaN where exercise is due nowhere on the
    grid. Between spot 0 and the grid's lowest a put's value is linear. old, gains: room, as values.
    """
    last = spots.shape[0] - 1
    for i in range(last + 1):
        for lane in range(spots.shape[1]):
            old[i, lane] = values[i, lane]
    for lane in range(spots.shape[1]):
        boundary[lane] = np.nan
        step, stop = (1, last + 1) if sign[lane] > 0.0 else (-1, -1)
        row = 0 if sign[lane] > 0.0 else last
        before, i, crossed = 0.0, row, -1
        while i != stop:
            spot = spots[i, lane] - cash
            if spot < 0.0:
                spot = 0.0
            # Spots rise along this walk, so the bracket only moves on.
            while row + step != stop and spots[row + step, lane] <= spot:
                row += step
            if sign[lane] > 0.0 and spot <= spots[0, lane]:
                held = 0.0
            elif sign[lane] < 0.0 and spot <= spots[last, lane]:
                held = ruined[lane] + (old[last, lane] - ruined[lane]) * (spot / spots[last, lane])
            else:
                first = min(max(min(row, row + step) - 1, 0), last - 3)
                held = cubic(spots, old, lane, first, spot)
            gain = held - floor[i, lane]
            if (before > 0.0) != (gain > 0.0) and i != (0 if sign[lane] > 0.0 else last):
                crossed = i
                boundary[lane] = spots[i, lane] - (spots[i, lane] - spots[i - step, lane]) * gain / (gain - before)
            before = gain
            gains[i, lane] = gain
            values[i, lane] = max(held, floor[i, lane], 0.0)
            i += step
        if crossed >= 0:
            average_kink(spots, gains, values, lane, crossed, crossed - step, boundary[lane])
