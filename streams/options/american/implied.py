"""Implied volatility of American prices: Halley's method on the logarithm of the time value, inside a bracket.

The logarithm of time value is nearly straight in volatility where the price itself is flat. The start is the European
volatility of a price like it (measure.py): of the option itself if it is out of the money, else of the option of the
other right whose price is the time value, without carry.
"""

import numpy as np
from numpy.typing import NDArray

from streams.numerics.jit import kernel
from streams.numerics.special import log
from streams.options.american.contract import NO_PANEL, put_value, value_without_vol
from streams.options.american.panels import (
    FAILED,
    RATE,
    REFUSED,
    REGIME,
    VOL_HIGH,
    VOL_LOW,
    YIELD,
    panel_of,
)
from streams.options.american.value import PRICE, VEGA
from streams.options.status import (
    ABOVE_BOUND,
    AT_EXERCISE_VALUE,
    BELOW_INTRINSIC,
    NOT_CONVERGED,
    OK,
    OUT_OF_RANGE,
)

F64 = NDArray[np.float64]
U8 = NDArray[np.uint8]
Int = int | np.int64

PENDING = 255
"""The status of an option that waits for a panel."""
TIME_VALUE_MIN = 1e-9
"""A time value under this times strike (call: spot) is none: the price stands at exercise value."""
STEPS_MAX = 60
ENOUGH = 5e-4
"""A step below this times volatility is the last: the next would be of its square or less."""


@kernel
def check_price(s: float, p: float, years: float, facts: F64) -> Int:
    """Return OK if a put's price lies between its bounds, else the status that says where it lies."""
    if facts[REGIME] == REFUSED:
        return OUT_OF_RANGE
    if p >= 1.0:
        return ABOVE_BOUND
    least = value_without_vol(s, years, facts[RATE], facts[YIELD])
    if p < least - TIME_VALUE_MIN:
        return BELOW_INTRINSIC
    if p <= least + (TIME_VALUE_MIN if s < 1.0 else 0.0):
        return AT_EXERCISE_VALUE
    return OK


@kernel
def halley_step(aim: float, value: float, vega: float, forward: float, vol: float, root: float) -> float:
    """Return the step in volatility from a time value and its vega to the one aimed at; forward: ln(F / strike)."""
    slope = vega / value
    newton = -log(value / aim) / slope
    w = vol * root
    middle = forward / w
    bend = (middle * middle - 0.25 * w * w) / vol - slope
    return float(newton / min(max(1.0 + 0.5 * newton * bend, 0.5), 2.0))


@kernel
def implied_vol(
    s: float, p: float, years: float, start: float, facts: F64, terms: F64, coefficients: F64, states: U8, wanted: U8,
    work: F64, out: F64, answer: F64,
) -> Int:  # fmt: skip
    """Write the volatility of a put's price to answer[0]; return a status, or PENDING with the panel marked in wanted.

    start: a volatility to begin at. While PENDING, answer[0] is where to go on.
    """
    least, most = VOL_LOW, VOL_HIGH
    low, high = least, most
    vol = min(max(start, least), most)
    x, root = log(s), np.sqrt(years)
    forward = x + (facts[RATE] - facts[YIELD]) * years
    base = max(1.0 - s, 0.0)
    aim = p - base
    for _ in range(STEPS_MAX):
        if put_value(s, x, years, vol, False, facts, terms, coefficients, states, work, out) == NO_PANEL:
            panel = panel_of(vol)
            if states[panel] == FAILED:
                return NOT_CONVERGED
            wanted[panel] = 1
            answer[0] = vol
            return PENDING
        value, vega = out[PRICE] - base, out[VEGA]
        if value > aim:
            high = vol
        else:
            low = vol
        if high <= least or low >= most:
            return OUT_OF_RANGE
        new = -1.0
        if value > 0.0 and vega > 0.0:
            step = halley_step(aim, value, vega, forward, vol, root)
            new = vol + step
            if abs(step) < ENOUGH * vol and least <= new <= most:
                answer[0] = new
                return OK
        if not low < new < high:
            new = high if low == least and high == most else np.sqrt(low * high)
            if high == most and low > least:
                new = min(2.0 * low, most)
            elif low == least and high < most:
                new = max(0.5 * high, least)
            if high - low < 1e-12 * high:
                answer[0] = high
                return OK
        vol = new
    return NOT_CONVERGED
