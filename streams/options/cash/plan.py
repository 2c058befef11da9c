"""Where a backward solve stops and how finely it steps in between: the same for all options of one expiry.

From expiry back, time is cut at every ex-date and at every time whose values are kept. A piece of length x has
max(least, ceil(STEPS x / years)) steps. After expiry, and where exercise of a put begins, the first step is graded
(1/8, 1/8, 1/4, 1/2 of a step). Before an ex-date a put with cash D to come is not exercised within

    x* = log((strike + D) / strike) / rate

of it (interest on the strike is worth less than the dividend); at x* all deep puts become due at once. A piece is cut
there, for that lane; without such a point (calls, rate <= 0, x* longer than the piece) it is cut in its middle, so
that all lanes keep step.
"""

import numpy as np
from numpy.typing import NDArray

from streams.numerics.jit import kernel
from streams.numerics.special import log

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
Int = int | np.int64

STEPS = 40
LEAST_FRESH = 6
"""Least steps of a piece that begins at expiry or at an ex-date."""
LEAST_LATER = 2
GRADES = 4
PIECES = 7
"""Most rows that one piece needs: two halves, the later one graded."""


@kernel
def add(spans: F64, steps: I64, row: Int, count: Int, share: float, part: F64) -> Int:
    """Write a row of `count` steps that cover share * part (lanes,); return the next row."""
    steps[row] = count
    for lane in range(part.shape[0]):
        spans[row, lane] = share * part[lane]
    return row + 1


@kernel
def add_graded(spans: F64, steps: I64, row: Int, count: Int, part: F64) -> Int:
    """Write rows of `count` steps in all but name, the first of them in four parts; return the next row."""
    one = 1.0 / count
    row = add(spans, steps, row, 2, 0.25 * one, part)
    row = add(spans, steps, row, 1, 0.25 * one, part)
    row = add(spans, steps, row, 1, 0.5 * one, part)
    if count > 1:
        row = add(spans, steps, row, count - 1, 1.0 - one, part)
    return row


@kernel
def fill_plan(
    terms: F64, years: float, ex_years: F64, cash: F64, kept_years: F64,
    spans: F64, steps: I64, dates: I64, keep: I64, part: F64,
) -> Int:  # fmt: skip
    """Fill spans, steps, dates and keep as `solve.solve` reads them; return how many rows they have.

    ex_years, kept_years: ascending, years from now, each in [0, years); cash: (dividends,). part: room, (2, lanes).
    """
    row, fresh, far = 0, -1, years
    date, kept = ex_years.shape[0] - 1, kept_years.shape[0] - 1
    while date >= 0 or kept >= 0:
        near = kept_years[kept] if date < 0 or (kept >= 0 and kept_years[kept] > ex_years[date]) else ex_years[date]
        length = far - near
        count = int(np.ceil(STEPS * length / years))
        if fresh == -1:
            for lane in range(part.shape[1]):
                part[0, lane] = length
            row = add_graded(spans, steps, row, max(count, LEAST_FRESH), part[0])
        elif fresh >= 0:
            half = max(count, LEAST_FRESH) // 2 + 1
            for lane in range(part.shape[1]):
                first = 0.5 * length
                if terms[0, lane] < 0.0 and terms[1, lane] > 0.0 and terms[3, lane] > 0.0:
                    quiet = log((terms[2, lane] + cash[fresh]) / terms[2, lane]) / terms[3, lane]
                    first = quiet if quiet < 0.98 * length else first
                part[0, lane], part[1, lane] = first, length - first
            row = add(spans, steps, row, half, 1.0, part[0])
            row = add_graded(spans, steps, row, half, part[1])
        else:
            for lane in range(part.shape[1]):
                part[0, lane] = length
            row = add(spans, steps, row, max(count, LEAST_LATER), 1.0, part[0])
        fresh, far = -2, near
        if date >= 0 and ex_years[date] == near:
            dates[row - 1], fresh, date = date, date, date - 1
        if kept >= 0 and kept_years[kept] == near:
            keep[row - 1], kept = kept, kept - 1
    return row
