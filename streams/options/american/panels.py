"""Boundaries over volatility: panels of solved nodes that every spot and strike of an expiry reads.

A side is a put with strike 1 under its own rate and yield; a call with spot S and strike K is a put with spot K and
strike S, rate and yield exchanged (McDonald and Schroder, 1998). Panel k holds volatilities VOL_LOW * 4^k to
VOL_LOW * 4^(k + 1); h / vol = ln(X / B) / vol is a Chebyshev series in ln vol, at the solver's NODES and at
the nodes of the premium's integral. Which panels exist depends on what was asked; what a panel holds does not: a
number never depends on the other options of a chain.
"""

import numpy as np
from numpy.typing import NDArray

from streams.numerics.jit import kernel
from streams.numerics.special import exp, log
from streams.options.american.boundary import WORK_ROWS, prepare_expiry, solve_boundary
from streams.options.american.nodes import (
    FLAT,
    NODES,
    PREMIUM_INTERPOLATION,
    PREMIUM_MEASURE,
    PREMIUM_POINTS,
    PREMIUM_ROOTS,
    TO_CHEBYSHEV,
    VOL_NODES,
    VOLS,
)
from streams.options.american.start import start_boundary

F64 = NDArray[np.float64]
U8 = NDArray[np.uint8]
Int = int | np.int64

VOL_LOW, VOL_HIGH, PANELS = 0.00625, 6.4, 5
LN_4 = 1.3862943611198906
COLUMNS = NODES + PREMIUM_POINTS
EMPTY, SOLVED, FAILED = 0, 1, 2
"""States of a panel."""
PREMIUM_FREE, SINGLE, REFUSED = 0, 1, 2
"""Regimes of a side: never exercised early, one boundary, not covered (two boundaries)."""
REGIME, RATE, YIELD, TOP, FORGET, FADE = range(6)
"""A side's facts; TOP is ln X, X = B(0+), FORGET and FADE are e^{-rt} and e^{-qt}."""
FACTS = 6
ROOT, EARN, PAY = 0, 1, 2
"""Rows of a side's terms, (PREMIUM_POINTS,): sqrt(v), r e^{-rv} dv, q e^{-qv} dv."""
TERMS = 3
NEGLIGIBLE = 1e-10
"""Under this r t the premium, less than r t times strike, is left out; with a yield below 0 it is more than that."""


@kernel
def prepare_side(years: float, rate: float, yield_: float, facts: F64, terms: F64) -> None:
    """Write a side's facts (FACTS,) and terms (TERMS, PREMIUM_POINTS)."""
    if 0.0 <= rate * years < NEGLIGIBLE and yield_ < 0.0 and years > 0.0:
        rate = NEGLIGIBLE / years  # the limit: the solver divides by the rate
    facts[RATE], facts[YIELD], facts[TOP] = rate, yield_, 0.0
    facts[FORGET], facts[FADE] = exp(-rate * years), exp(-yield_ * years)
    if not years > 0.0 or (rate <= 0.0 and yield_ >= rate) or (0.0 <= rate * years < NEGLIGIBLE and yield_ >= 0.0):
        facts[REGIME] = PREMIUM_FREE
        return
    if rate <= 0.0:
        facts[REGIME] = REFUSED
        return
    facts[REGIME] = SINGLE
    if yield_ > rate:
        facts[TOP] = log(rate / yield_)
    root = np.sqrt(years)
    for j in range(PREMIUM_POINTS):
        late = PREMIUM_ROOTS[j] * root
        terms[ROOT, j] = late
        terms[EARN, j] = rate * exp(-rate * late * late) * PREMIUM_MEASURE[j] * years
        terms[PAY, j] = yield_ * exp(-yield_ * late * late) * PREMIUM_MEASURE[j] * years


@kernel
def panel_of(vol: float) -> Int:
    """Return the panel of a volatility, -1 where there is none."""
    if not (VOL_LOW <= vol <= VOL_HIGH):
        return -1
    edge, panel = VOL_LOW * 4.0, 0
    while vol > edge and panel < PANELS - 1:
        edge *= 4.0
        panel += 1
    return panel


@kernel
def build_panel(years: float, facts: F64, panel: Int, coefficients: F64, work: F64) -> Int:
    """Solve the boundaries of a panel, (VOL_NODES, COLUMNS) of coefficients; return SOLVED or FAILED."""
    rate, yield_, top = facts[RATE], facts[YIELD], facts[TOP]
    values, h = work[WORK_ROWS : WORK_ROWS + VOL_NODES], work[WORK_ROWS + VOL_NODES, :NODES]
    prepare_expiry(years, rate, yield_, work)
    low = VOL_LOW
    for _ in range(panel):
        low *= 4.0
    for back in range(VOL_NODES):
        k = VOL_NODES - 1 - back
        vol = low * exp(0.5 * LN_4 * (1.0 + VOLS[k]))
        share = (VOLS[k] - VOLS[k + 1]) / (VOLS[k + 1] - VOLS[k + 2]) if back >= 2 else 0.0
        solved = False
        for attempt in range(2):
            if attempt == 0 and back >= 2:
                # Straight on in ln vol from the two nodes before.
                for i in range(NODES):
                    one = values[k + 1, i] + share * (values[k + 1, i] - values[k + 2, i])
                    h[i] = vol * max(one, 0.5 * values[k + 1, i])
            elif attempt == 1 or back < 2:
                start_boundary(years, rate, yield_, vol, top, h)
            solved = solve_boundary(years, rate, yield_, vol, top, h, work)
            if solved:
                break
        if not solved:
            return FAILED
        for i in range(NODES):
            values[k, i] = h[i] / vol
        for j in range(PREMIUM_POINTS):
            values[k, NODES + j] = 0.0
        for i in range(h.size):
            for j in range(PREMIUM_POINTS):
                values[k, NODES + j] += PREMIUM_INTERPOLATION[i, j] * h[i] * h[i]
        for j in range(PREMIUM_POINTS):
            values[k, NODES + j] = np.sqrt(max(values[k, NODES + j], 0.0)) / vol
    for m in range(coefficients.shape[0]):
        for j in range(COLUMNS):
            coefficients[m, j] = 0.0
        for k in range(coefficients.shape[0]):
            for j in range(COLUMNS):
                coefficients[m, j] += TO_CHEBYSHEV[m, k] * values[k, j]
    return SOLVED


BUILD_ROWS = WORK_ROWS + VOL_NODES + 1
"""Rows of the scratch of build_panel, each of BUILD_COLUMNS numbers."""
BUILD_COLUMNS = max(FLAT, COLUMNS)


@kernel
def need_panel(years: float, vol: float, facts: F64, coefficients: F64, states: U8, work: F64) -> Int:
    """Return the panel of a volatility, built if it was not; -1 where there is none or its solve failed."""
    panel = panel_of(vol)
    if panel < 0:
        return -1
    if states[panel] == EMPTY:
        states[panel] = build_panel(years, facts, panel, coefficients[panel], work)
    return panel if states[panel] == SOLVED else -1
