"""One contract against a table: sides, checks, and the price of a put with strike 1 at a volatility."""

import numpy as np
from numpy.typing import NDArray

from streams.numerics.jit import kernel
from streams.numerics.special import exp, log
from streams.options.american.panels import PREMIUM_FREE, REGIME, SOLVED, TOP, panel_of
from streams.options.american.value import (
    CURVE,
    OUTPUTS,
    PRICE,
    SLOPE,
    add_european_slopes,
    add_premium,
    add_premium_slopes,
    boundary_now,
    boundary_of_premium,
    european_price,
)
from streams.options.status import BAD_INPUT, NO_TIME, NOT_A_NUMBER, OK

F64 = NDArray[np.float64]
U8 = NDArray[np.uint8]
Int = int | np.int64

READY, NO_PANEL = 0, 1
"""What became of a value: written, or its panel is not there."""


@kernel
def check_contract(spot: float, strike: float, years: float, rate: float, yield_: float, given: float) -> Int:
    """Return OK, or why a contract has no numbers; given is its volatility or its price."""
    total = spot + strike + years + rate + yield_ + given
    if total != total:
        return NOT_A_NUMBER
    if not (spot > 0.0 and strike > 0.0 and given >= 0.0) or abs(total) == np.inf:
        return BAD_INPUT
    if not years > 0.0:
        return NO_TIME
    return OK


@kernel
def value_without_vol(s: float, years: float, rate: float, yield_: float) -> float:
    """Return the most that exercise at one known time gives, the price as volatility goes to 0."""
    best = max(1.0 - s, exp(-rate * years) - s * exp(-yield_ * years), 0.0)
    if rate > 0.0 and yield_ > 0.0 and rate != yield_:
        late = log(s * yield_ / rate) / (yield_ - rate)
        if 0.0 < late < years:
            best = max(best, exp(-rate * late) - s * exp(-yield_ * late))
    return float(best)


@kernel
def put_value(
    s: float, x: float, years: float, vol: float, full: bool, facts: F64, terms: F64, coefficients: F64, states: U8,
    work: F64, out: F64,
) -> Int:  # fmt: skip
    """Write a put's price and vega (full: all OUTPUTS) at spot s = e^x, strike 1; return READY or NO_PANEL.

    facts, terms, coefficients and states are those of one side of one expiry.
    """
    panel: Int = -1
    if facts[REGIME] != PREMIUM_FREE:
        panel = panel_of(vol)
        if panel < 0 or states[panel] != SOLVED:
            return NO_PANEL
        if x <= facts[TOP] - boundary_now(vol, panel, coefficients[panel]):
            for k in range(OUTPUTS):
                out[k] = 0.0
            out[PRICE] = 1.0 - s
            out[SLOPE] = -1.0
            return READY
    upper = european_price(s, x, years, vol, facts, out)
    if full:
        add_european_slopes(s, upper, years, vol, facts, out)
    if panel >= 0:
        boundary_of_premium(vol, panel, coefficients[panel], 2 if full else 1, work)
        add_premium(s, x, vol, facts, terms, work, out)
        out[PRICE] = max(out[PRICE], 1.0 - s)
        if full:
            add_premium_slopes(s, vol, terms, work, out)
            out[CURVE] = max(out[CURVE], 0.0)
    return READY
