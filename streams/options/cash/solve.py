"""One backward solve of some options of one expiry, and what is kept of it."""

import numpy as np
from numpy.typing import NDArray

from streams.numerics.jit import entry
from streams.numerics.special import exp, log
from streams.options.cash.dates import jump
from streams.options.cash.lanes import GAMMA, factor, fill_grid, fill_operator, take_step
from streams.options.cash.plan import PIECES, fill_plan

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

DEVIATIONS = 4.0
"""Standard deviations that the grid reaches beyond strike, spots and dividends."""
RUIN = 0.1
ROOM = 14
"""Arrays of (nodes, lanes) that a solve works in."""


@entry
def backward(
    terms: F64, spot_low: F64, spot_high: F64, years: float, ex_years: F64, cash: F64, kept_years: F64,
    spots: F64, slices: F64, boundary: F64, spans: F64, counts: I64, room: F64,
) -> None:  # fmt: skip
    """Solve, and fill spots, slices (values at kept_years, before an ex-date of that instant) and boundary.

    terms: (6, lanes): sign (1 call, -1 put), 1 where American, strike, rate, yield, vol. spot_low, spot_high: (lanes,),
    between which values are wanted. ex_years, cash: (dividends,), ascending, in [0, years); kept_years: (kept,),
    ascending, the first is 0. spots: (nodes, lanes); slices: (kept, nodes, lanes); boundary: (dividends, lanes), the
    spot beyond which exercise is due just before the ex-date, NaN where it is due nowhere. spans: (rows, lanes),
    counts: (3, rows), room: (14, nodes, lanes), to work in; `rows_of` says how many rows. Inputs are sound.
    """
    nodes, lanes = spots.shape
    sign, strike = terms[0], terms[2]
    values, halfway, rest, floor = room[0], room[1], room[2], room[3]
    left, inverse, right = room[4], room[5], room[6]
    operator, scaled = room[7:10], room[10:13]
    carry, variance, theta, gone, ruined = rest[0], rest[1], halfway[0], room[13, 0], room[13, 1]
    steps, dates, keep = counts[0], counts[1], counts[2]
    dates[:] = -1
    keep[:] = -1
    rows = fill_plan(terms, years, ex_years, cash, kept_years, spans, steps, dates, keep, rest)
    total = 0.0
    for date in range(cash.shape[0]):
        total += cash[date]
    for lane in range(lanes):
        carry[lane] = terms[3, lane] - terms[4, lane]
        variance[lane] = terms[5, lane] * terms[5, lane]
        width = terms[5, lane] * np.sqrt(years)
        drift = carry[lane] * years
        low = min(0.0, log(spot_low[lane] / strike[lane])) - DEVIATIONS * width - max(drift, 0.0)
        # Paid cash takes low spots lower still: towards 0, of which a tenth of the lowest is near enough.
        low += log(max(1.0 - total / (strike[lane] * exp(low)), RUIN))
        gone[lane] = 0.0
        paid = log((strike[lane] + total) / strike[lane])
        high = max(paid, log(spot_high[lane] / strike[lane])) + DEVIATIONS * width - min(drift, 0.0)
        fill_grid(spots, lane, strike[lane], low, high, width, sign[lane])
    fill_operator(spots, terms[3], carry, variance, operator)
    for i in range(nodes):
        for lane in range(lanes):
            value = sign[lane] * (spots[i, lane] - strike[lane])
            floor[i, lane] = value if terms[1, lane] > 0.0 else -np.inf
            values[i, lane] = max(value, 0.0)
    for row in range(rows):
        for lane in range(lanes):
            theta[lane] = spans[row, lane] / steps[row] * (0.5 * GAMMA)
        factor(theta, operator, scaled, left, inverse, right)
        for _ in range(steps[row]):
            take_step(scaled, left, inverse, right, floor, values, halfway, rest)
        for lane in range(lanes):
            gone[lane] += spans[row, lane]
            early = terms[1, lane] > 0.0 and terms[3, lane] > 0.0
            ruined[lane] = strike[lane] * (1.0 if early else exp(-terms[3, lane] * gone[lane]))
        if dates[row] >= 0:
            jump(cash[dates[row]], sign, ruined, spots, floor, values, rest, halfway, boundary[dates[row]])
        if keep[row] >= 0:
            slices[keep[row]] = values


def rows_of(dividends: int, kept: int) -> int:
    """Return how many rows a plan needs at most."""
    return PIECES * (dividends + kept + 1)
