"""Price and slopes of a put with strike 1 from the boundaries of a panel: Kim's integral of the early exercise premium.

With z = ln(s / B(u)), w = vol sqrt(v), d-+ = (z + (r - q) v) / w -+ w / 2, spot s above B(t):

    p = european + int_0^t [r e^{-rv} cdf(-d-) - q s e^{-qv} cdf(-d+)] dv,        u = t - v,

and p = 1 - s at or below B(t). Slopes in the spot and in volatility are taken under the integral; the boundary moves
with volatility, so its own slope (from the Chebyshev series) is part of vega, vanna and volga.
"""

import numpy as np
from numpy.typing import NDArray

from streams.numerics.jit import kernel, lane
from streams.numerics.special import log, normal_cdf, normal_pdf
from streams.options.american.nodes import NODES, PREMIUM_POINTS
from streams.options.american.normal import densities_and_tails
from streams.options.american.panels import EARN, FADE, FORGET, LN_4, PAY, RATE, ROOT, TOP, VOL_LOW, YIELD

F64 = NDArray[np.float64]
Int = int | np.int64

PRICE, VEGA, SLOPE, CURVE, SPEED, VANNA, VOLGA = range(7)
"""p, dp/dvol, dp/ds, d2p/ds2, d3p/ds3, d2p/(ds dvol), d2p/dvol2: what is written to `out`, (OUTPUTS,)."""
OUTPUTS = 7
H, H_1, H_2, LOWER, UPPER, THIN, DENSE, BELOW, UNDER, SUM, SUM_1 = range(11)
VALUE_ROWS = 11
"""Rows of the scratch of a value, each of VALUE_COLUMNS numbers."""
VALUE_COLUMNS = PREMIUM_POINTS


@lane
def lanes_sum(row: F64) -> float:
    """Return the sum of PREMIUM_POINTS numbers, four partial sums side by side."""
    a = b = c = d = 0.0
    for j in range(0, row.size, 4):
        a += row[j]
        b += row[j + 1]
        c += row[j + 2]
        d += row[j + 3]
    return (a + b) + (c + d)


@kernel
def european_price(s: float, x: float, years: float, vol: float, facts: F64, out: F64) -> float:
    """Write price and vega of a European put at spot s = e^x; return d1."""
    root = np.sqrt(years)
    w = vol * root
    upper = (x + (facts[RATE] - facts[YIELD]) * years) / w + 0.5 * w
    fade = s * facts[FADE]
    out[PRICE] = facts[FORGET] * normal_cdf(w - upper) - fade * normal_cdf(-upper)
    out[VEGA] = fade * normal_pdf(upper) * root
    return upper


@kernel
def add_european_slopes(s: float, upper: float, years: float, vol: float, facts: F64, out: F64) -> None:
    """Write the other slopes of a European put; upper: its d1."""
    w = vol * np.sqrt(years)
    density = facts[FADE] * normal_pdf(upper)
    out[SLOPE] = -facts[FADE] * normal_cdf(-upper)
    out[CURVE] = density / (s * w)
    out[SPEED] = -density / (s * s * w) * (1.0 + upper / w)
    out[VANNA] = -density * (upper - w) / vol
    out[VOLGA] = out[VEGA] * upper * (upper - w) / vol


@kernel
def position(vol: float, panel: Int) -> float:
    """Return where a volatility stands in its panel, in [-1, 1]."""
    low = VOL_LOW
    for _ in range(panel):
        low *= 4.0
    return float(log(vol / low) * (2.0 / LN_4) - 1.0)


@kernel
def boundary_now(vol: float, panel: Int, coefficients: F64) -> float:
    """Return h = ln(X / B) at the full time to expiry."""
    x = position(vol, panel)
    before, last, total = 1.0, x, coefficients[0, 0] + x * coefficients[1, 0]
    for m in range(2, coefficients.shape[0]):
        before, last = last, 2.0 * x * last - before
        total += last * coefficients[m, 0]
    return float(vol * max(total, 0.0))


@kernel
def boundary_of_premium(vol: float, panel: Int, coefficients: F64, orders: Int, work: F64) -> None:
    """Write h at the premium's nodes and its first `orders` (1 or 2) slopes in volatility to rows H, H_1, H_2."""
    x = position(vol, panel)
    for j in range(work.shape[1]):
        work[H, j] = coefficients[0, NODES + j] + x * coefficients[1, NODES + j]
        work[H_1, j] = coefficients[1, NODES + j]
        work[H_2, j] = 0.0
    t_0, t_1, u_0, u_1, c_0, c_1 = 1.0, x, 0.0, 1.0, 0.0, 0.0
    for m in range(2, coefficients.shape[0]):
        t_0, t_1, u_0, u_1, c_0, c_1 = (
            t_1, 2.0 * x * t_1 - t_0, u_1, 2.0 * t_1 + 2.0 * x * u_1 - u_0, c_1, 4.0 * u_1 + 2.0 * x * c_1 - c_0,
        )  # fmt: skip
        for j in range(work.shape[1]):
            work[H, j] += t_1 * coefficients[m, NODES + j]
            work[H_1, j] += u_1 * coefficients[m, NODES + j]
        if orders == 2:
            for j in range(work.shape[1]):
                work[H_2, j] += c_1 * coefficients[m, NODES + j]
    rate = 2.0 / LN_4
    for j in range(work.shape[1]):
        y, y_1, y_2 = work[H, j], work[H_1, j] * rate, work[H_2, j] * rate * rate
        work[H, j] = vol * y
        work[H_1, j] = y + y_1
        work[H_2, j] = (y_1 + y_2) / vol


@kernel
def add_premium(s: float, x: float, vol: float, facts: F64, terms: F64, work: F64, out: F64) -> None:
    """Add price and vega of the premium; rows H and H_1 are read, LOWER to UNDER are left for more slopes."""
    above, drift = x - facts[TOP], (facts[RATE] - facts[YIELD]) / vol
    for j in range(work.shape[1]):
        root = terms[ROOT, j]
        width = vol * root
        middle = (above + work[H, j]) / width + drift * root
        work[LOWER, j] = middle - 0.5 * width
        work[UPPER, j] = middle + 0.5 * width
    densities_and_tails(work[LOWER], work.shape[1], work[THIN], work[UNDER])
    densities_and_tails(work[UPPER], work.shape[1], work[DENSE], work[BELOW])
    inverse = 1.0 / vol
    for j in range(work.shape[1]):
        earn, pay = terms[EARN, j], s * terms[PAY, j]
        moved = work[H_1, j] * inverse / terms[ROOT, j]
        work[SUM, j] = earn * work[UNDER, j] - pay * work[BELOW, j]
        # d-+ move with volatility by -d+- / vol and with the boundary.
        work[SUM_1, j] = pay * work[DENSE, j] * (moved - work[LOWER, j] * inverse) - earn * work[THIN, j] * (
            moved - work[UPPER, j] * inverse
        )
    out[PRICE] += lanes_sum(work[SUM])
    out[VEGA] += lanes_sum(work[SUM_1])


@kernel
def add_premium_slopes(s: float, vol: float, terms: F64, work: F64, out: F64) -> None:
    """Add the other slopes of the premium, after add_premium with two orders of the boundary."""
    for j in range(work.shape[1]):
        width = vol * terms[ROOT, j]
        lower, upper = work[LOWER, j], work[UPPER, j]
        earn, pay = terms[EARN, j] * work[THIN, j], terms[PAY, j] * work[DENSE, j]
        moved, bent = work[H_1, j] / width, work[H_2, j] / width
        lower_1, upper_1 = moved - upper / vol, moved - lower / vol
        lower_2 = bent - 2.0 * moved / vol + (lower + upper) / (vol * vol)
        out[SLOPE] += pay / width - earn / (s * width) - terms[PAY, j] * work[BELOW, j]
        out[CURVE] += earn * (1.0 + lower / width) / (s * s * width) + pay * (1.0 - upper / width) / (s * width)
        square = width * width
        out[SPEED] += (
            earn * ((1.0 - lower * lower - 3.0 * lower * width) / square - 2.0) / (s * s * s * width)
            + pay * ((upper * upper - 1.0) / square - 1.0) / (s * s * width)
        )  # fmt: skip
        out[VANNA] += (
            earn * (lower * lower_1 + 1.0 / vol) / (s * width)
            + pay * upper_1
            - pay * (upper * upper_1 + 1.0 / vol) / width
        )
        out[VOLGA] += s * pay * (lower_2 - upper * upper_1 * upper_1) - earn * (lower_2 - lower * lower_1 * lower_1)
