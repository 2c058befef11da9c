"""Loops over options: what Python calls, once for a whole chain."""

import numpy as np
from numpy.typing import NDArray

from streams.numerics.jit import entry
from streams.numerics.special import exp, log
from streams.options.american.contract import NO_PANEL, check_contract, put_value, value_without_vol
from streams.options.american.implied import PENDING, check_price, implied_vol
from streams.options.american.panels import (
    FADE,
    FAILED,
    FORGET,
    PREMIUM_FREE,
    RATE,
    REFUSED,
    REGIME,
    TOP,
    YIELD,
    panel_of,
)
from streams.options.american.value import OUTPUTS, PRICE, VALUE_COLUMNS, VALUE_ROWS, VEGA, boundary_now
from streams.options.status import NO_TIME, NOT_CONVERGED, OK, OUT_OF_RANGE

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
U8 = NDArray[np.uint8]
Bool = NDArray[np.bool_]
Int = int | np.int64


@entry
def values(
    group: I64, spot: F64, strike: F64, vol: F64, is_call: Bool, full: bool, years: F64, rate: F64, yield_: F64,
    facts: F64, terms: F64, coefficients: F64, states: U8, wanted: U8, out: F64, status: U8,
) -> None:  # fmt: skip
    """Write the normalised put's OUTPUTS of every option to out (n, OUTPUTS), and its status; mark missing panels."""
    work = np.empty((VALUE_ROWS, VALUE_COLUMNS))
    for i in range(spot.size):
        g = group[i]
        for k in range(OUTPUTS):
            out[i, k] = np.nan
        status[i] = check_contract(spot[i], strike[i], years[g], rate[g], yield_[g], vol[i])
        side = 1 if is_call[i] else 0
        s = strike[i] / spot[i] if is_call[i] else spot[i] / strike[i]
        if status[i] == NO_TIME:
            out[i, PRICE] = max(1.0 - s, 0.0)
        if status[i] != OK:
            continue
        if facts[g, side, REGIME] == REFUSED:
            status[i] = OUT_OF_RANGE
            continue
        if vol[i] == 0.0 and not full:
            if facts[g, side, REGIME] == PREMIUM_FREE:
                out[i, PRICE] = max(facts[g, side, FORGET] - s * facts[g, side, FADE], 0.0)
            else:
                out[i, PRICE] = value_without_vol(s, years[g], facts[g, side, RATE], facts[g, side, YIELD])
            out[i, VEGA] = 0.0
            continue
        if vol[i] == 0.0 or (facts[g, side, REGIME] != PREMIUM_FREE and panel_of(vol[i]) < 0):
            status[i] = OUT_OF_RANGE
            continue
        got = put_value(
            s, log(s), years[g], vol[i], full, facts[g, side], terms[g, side], coefficients[g, side], states[g, side],
            work, out[i],
        )  # fmt: skip
        if got == NO_PANEL:
            panel = panel_of(vol[i])
            status[i] = NOT_CONVERGED if states[g, side, panel] == FAILED else PENDING
            wanted[g, side, panel] = 1


@entry
def implied_vols(
    group: I64, spot: F64, strike: F64, price: F64, is_call: Bool, first: bool, years: F64, rate: F64, yield_: F64,
    facts: F64, terms: F64, coefficients: F64, states: U8, wanted: U8, vol: F64, status: U8,
) -> int:  # fmt: skip
    """Write volatility and status of the options that are PENDING; return how many still are, their panels marked.

    vol: where to begin or go on. first: check the quotes before.
    """
    work, out, answer = np.empty((VALUE_ROWS, VALUE_COLUMNS)), np.empty(OUTPUTS), np.empty(1)
    left = 0
    for i in range(spot.size):
        if status[i] != PENDING:
            continue
        g = group[i]
        side = 1 if is_call[i] else 0
        s = strike[i] / spot[i] if is_call[i] else spot[i] / strike[i]
        p = price[i] / spot[i] if is_call[i] else price[i] / strike[i]
        code: Int = OK
        if first:
            code = check_contract(spot[i], strike[i], years[g], rate[g], yield_[g], price[i])
            if code == OK:
                code = check_price(s, p, years[g], facts[g, side])
        if code == OK:
            code = implied_vol(
                s, p, years[g], vol[i], facts[g, side], terms[g, side], coefficients[g, side], states[g, side],
                wanted[g, side], work, out, answer,
            )  # fmt: skip
        vol[i] = answer[0] if code in (OK, PENDING) else np.nan
        status[i] = code
        left += code == PENDING
    return left


@entry
def boundaries(
    group: I64, strike: F64, vol: F64, is_call: Bool, years: F64, facts: F64, coefficients: F64, states: U8, wanted: U8,
    out: F64, status: U8,
) -> None:  # fmt: skip
    """Write boundary / strike of every option to out (n,): 0 (put) or inf (call) where it is never exercised early."""
    for i in range(vol.size):
        g = group[i]
        side = 1 if is_call[i] else 0
        out[i] = np.nan
        status[i] = check_contract(1.0, strike[i], years[g], facts[g, 0, RATE], facts[g, 0, YIELD], vol[i])
        if status[i] != OK:
            continue
        panel = panel_of(vol[i])
        if facts[g, side, REGIME] == PREMIUM_FREE:
            out[i] = np.inf if is_call[i] else 0.0
        elif facts[g, side, REGIME] == REFUSED or panel < 0:
            status[i] = OUT_OF_RANGE
        elif states[g, side, panel] == FAILED:
            status[i] = NOT_CONVERGED
        elif not states[g, side, panel]:
            status[i] = PENDING
            wanted[g, side, panel] = 1
        else:
            h = facts[g, side, TOP] - boundary_now(vol[i], panel, coefficients[g, side, panel])
            out[i] = exp(-h if is_call[i] else h)
