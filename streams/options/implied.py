"""Implied volatility of European options by Jäckel's "Let's Be Rational", four options at a time.

A quote is normalised: A = S exp(-yield T), G = K exp(-rate T), x = |log(A / G)|, and the price of the right out of the
money (the price less max(w (A - G), 0)) over sqrt(A G). guess.py gives a first total volatility, steps.py two steps of
fourth order, after which the error is that of the inputs' own rounding. What lies in one block is sorted by the
function that is solved, so that each loop is free of branches and becomes vector code; an option's result does not
depend on its neighbours. With a volatility from before (`last`) the guess is left out, and made up for where it fails.
Source: Jäckel, Let's Be Rational, Wilmott (2015), http://www.jaeckel.org/LetsBeRational.pdf.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy import empty
from numpy.typing import NDArray

from streams.numerics.jit import entry, lane
from streams.numerics.lanes import INVERSE_SQRT_TWO_PI, exp, log, log_ratio, mills
from streams.options.arrays import FLAGS, FLOATS, MISFIT, NONE, STATUS_TYPE, STATUSES, Compiled, Numbers, broadcast
from streams.options.guess import MILLS_ZERO, high_guess, low_guess
from streams.options.status import (
    ABOVE_BOUND,
    AT_EXERCISE_VALUE,
    BAD_INPUT,
    BELOW_INTRINSIC,
    NO_TIME,
    NOT_A_NUMBER,
    NOT_CONVERGED,
    OK,
)
from streams.options.steps import MIDDLE_MAX, high_step, low_step, middle_step

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

BLOCK = 128
CONVERGED, FIRST_MAX = 1e-4, 0.5
"""A second step of less than this share of s leaves an error of its fourth power; where Newton's
first one is beyond its share, the guess was none."""
LOW_MIN = 0.8
"""From x / s above it the logarithm of the price is solved where there is a volatility from before."""
NOISE = 1.0 / (1 << 51)
"""Share of A + G within which a price in the money cannot be told from its intrinsic value, or A or G from it."""
PRICE_LEAST = 1e-300
"""Normalised prices below it are as good as 0."""

# Rows of a block: the quotes, and beside them three lists that are packed, each with x, price and s (or its guess).
X, PRICE, GAP, CORNER, CORNER_MILLS, CORNER_PRICE, ROOT, STATUS, TOTAL, CHANGE, MOST = range(11)
LOW, HIGH, MIDDLE = 11, 17, 23
ROWS = 29
LIST_X, LIST_PRICE, LIST_S, LIST_CHANGE, LIST_CORNER, LIST_MILLS = 0, 1, 2, 3, 4, 5
"""In the list high, LIST_CHANGE holds the gap before the steps."""


SIZES = "arrays must have one size"


class ImpliedVolatility(NamedTuple):
    """Arrays of shape (n,): volatility per 1.00 and sqrt(year), NaN where there is none, and the reason."""

    vol: F64
    status: NDArray[np.uint8]


@lane
def _prepare(
    rows: F64, i: int, price: float, spot: float, strike: float, years: float, rate: float, yield_: float, call: bool
) -> None:
    """Normalise one quote into column i: x, price, gap, s_c, its Mills ratio, sqrt(T), status."""
    total = price + spot + strike + years + rate + yield_
    number = (
        (price == price) & (spot == spot) & (strike == strike) & (years == years) & (rate == rate) & (yield_ == yield_)
    )
    sound = (spot > 0.0) & (strike > 0.0) & (price >= 0.0) & (total - total == 0.0)
    some_years = years if years > 0.0 else 0.0
    asset, bond = spot * exp(-yield_ * some_years), strike * exp(-rate * some_years)
    side = 1.0 if call else -1.0
    forward = side * (asset - bond)
    inside = forward if forward > 0.0 else 0.0
    bound = asset if call else bond
    noise = NOISE * (asset + bond) if forward > 0.0 else 0.0
    scale = 1.0 / np.sqrt(asset * bond)
    x = abs(log_ratio(spot, strike) + (rate - yield_) * some_years)
    value, gap = (price - inside), (bound - price)
    status = float(OK) if value > noise else float(AT_EXERCISE_VALUE)
    status = status if value >= -noise else float(BELOW_INTRINSIC)
    status = status if gap > NOISE * bound else float(ABOVE_BOUND)
    status = status if years > 0.0 else float(NO_TIME)
    status = status if sound else float(BAD_INPUT)
    status = status if number else float(NOT_A_NUMBER)
    value *= scale
    rows[X, i] = x
    rows[PRICE, i] = value if value > PRICE_LEAST else PRICE_LEAST
    rows[GAP, i] = gap * scale
    rows[MOST, i] = (asset if asset < bond else bond) * scale
    rows[ROOT, i] = np.sqrt(some_years)
    rows[STATUS, i] = status
    rows[CHANGE, i] = 1.0


@lane
def _corner(rows: F64, i: int) -> None:
    """Fill s_c, m(0) - m(s_c) and the price at s_c of one quote."""
    corner = np.sqrt(2.0 * rows[X, i])
    corner_mills = MILLS_ZERO - mills(corner)
    rows[CORNER, i] = corner
    rows[CORNER_MILLS, i] = corner_mills
    rows[CORNER_PRICE, i] = INVERSE_SQRT_TWO_PI * rows[MOST, i] * corner_mills


@lane
def _resume(rows: F64, index: I64, last: F64, begin: int, size: int) -> tuple[int, int, int]:
    """Pack what has a volatility from before into the three lists by it; return their lengths."""
    low, high, middle = 0, 0, 0
    for i in range(size):
        s, x = last[begin + i] * rows[ROOT, i], rows[X, i]
        if rows[STATUS, i] != 0.0 or not 0.0 < s < np.inf:
            continue
        if x > LOW_MIN * s and x > 0.5 * s * s:
            rows[LOW + LIST_X, low], rows[LOW + LIST_S, low] = x, s
            rows[LOW + LIST_PRICE, low] = rows[PRICE, i]
            index[0, low] = i
            low += 1
        elif 0.5 * s * s - x > MIDDLE_MAX * s:
            rows[HIGH + LIST_X, high], rows[HIGH + LIST_S, high] = x, s
            rows[HIGH + LIST_PRICE, high] = rows[GAP, i]
            index[1, high] = i
            high += 1
        else:
            rows[MIDDLE + LIST_X, middle], rows[MIDDLE + LIST_S, middle] = x, s
            rows[MIDDLE + LIST_PRICE, middle] = rows[PRICE, i]
            index[2, middle] = i
            middle += 1
    return low, high, middle


@lane
def _sort(rows: F64, index: I64, size: int) -> tuple[int, int]:
    """Pack what can be solved into the lists low and high by the price at s_c; return their lengths."""
    low, high = 0, 0
    for i in range(size):
        if rows[STATUS, i] != 0.0 or rows[CHANGE, i] < CONVERGED:
            continue
        if rows[PRICE, i] < rows[CORNER_PRICE, i]:
            rows[LOW + LIST_X, low] = rows[X, i]
            rows[LOW + LIST_PRICE, low] = rows[PRICE, i]
            rows[LOW + LIST_CORNER, low] = rows[CORNER, i]
            rows[LOW + LIST_MILLS, low] = rows[CORNER_MILLS, i]
            index[0, low] = i
            low += 1
        else:
            rows[HIGH + LIST_X, high] = rows[X, i]
            rows[HIGH + LIST_PRICE, high] = rows[PRICE, i]
            rows[HIGH + LIST_CHANGE, high] = rows[GAP, i]
            rows[HIGH + LIST_CORNER, high] = rows[CORNER, i]
            rows[HIGH + LIST_MILLS, high] = rows[CORNER_MILLS, i]
            index[1, high] = i
            high += 1
    return low, high


@lane
def _guess(rows: F64, low: int, high: int) -> None:
    """Fill LIST_S of the lists low and high; LIST_CHANGE of low tells where the logarithm is to be solved."""
    for i in range(low):
        rows[LOW + LIST_S, i], rows[LOW + LIST_CHANGE, i] = low_guess(
            rows[LOW + LIST_X, i], rows[LOW + LIST_PRICE, i], rows[LOW + LIST_CORNER, i], rows[LOW + LIST_MILLS, i]
        )
    for i in range(high):
        rows[HIGH + LIST_S, i] = high_guess(
            rows[HIGH + LIST_X, i],
            rows[HIGH + LIST_PRICE, i],
            rows[HIGH + LIST_CHANGE, i],
            rows[HIGH + LIST_CORNER, i],
            rows[HIGH + LIST_MILLS, i],
        )


@lane
def _part(rows: F64, index: I64, low: int, high: int) -> tuple[int, int, int]:
    """Move what is near the money from low and high to the list middle; return the three lengths."""
    middle, kept = 0, 0
    for source, count, row in ((0, low, LOW), (1, high, HIGH)):
        left = 0
        for i in range(count):
            x, s = rows[row + LIST_X, i], rows[row + LIST_S, i]
            own = rows[row + LIST_CHANGE, i] == 1.0 if source == 0 else 0.5 * s * s - x > MIDDLE_MAX * s
            if own:
                rows[row + LIST_X, left] = x
                rows[row + LIST_PRICE, left] = rows[row + LIST_PRICE if source == 0 else row + LIST_CHANGE, i]
                rows[row + LIST_S, left] = s
                index[source, left] = index[source, i]
                left += 1
            else:
                rows[MIDDLE + LIST_X, middle] = x
                rows[MIDDLE + LIST_PRICE, middle] = rows[row + LIST_PRICE, i]
                rows[MIDDLE + LIST_S, middle] = s
                index[2, middle] = index[source, i]
                middle += 1
        if source == 0:
            kept = left
        else:
            high = left
    return kept, high, middle


@lane
def _taken(s: float, newton: float, then: float) -> float:
    """Return the share of s that the last step was, or 1 where Newton's first one would have gone too far."""
    return abs(then) / s if abs(newton) < FIRST_MAX * s else 1.0


@lane
def _solve(rows: F64, low: int, high: int, middle: int) -> None:
    """Take two steps in every list; LIST_CHANGE becomes the last one's share of s."""
    for i in range(low):
        x, s = rows[LOW + LIST_X, i], rows[LOW + LIST_S, i]
        log_price = log(rows[LOW + LIST_PRICE, i])
        first, newton = low_step(x, s, log_price)
        then, _ = low_step(x, s + first, log_price)
        rows[LOW + LIST_S, i], rows[LOW + LIST_CHANGE, i] = s + first + then, _taken(s, newton, then)
    for i in range(middle):
        x, s, price = rows[MIDDLE + LIST_X, i], rows[MIDDLE + LIST_S, i], rows[MIDDLE + LIST_PRICE, i]
        first, newton = middle_step(x, s, price)
        then, _ = middle_step(x, s + first, price)
        rows[MIDDLE + LIST_S, i], rows[MIDDLE + LIST_CHANGE, i] = s + first + then, _taken(s, newton, then)
    for i in range(high):
        x, s = rows[HIGH + LIST_X, i], rows[HIGH + LIST_S, i]
        log_gap = log(rows[HIGH + LIST_PRICE, i])
        first, newton = high_step(x, s, log_gap)
        then, _ = high_step(x, s + first, log_gap)
        rows[HIGH + LIST_S, i], rows[HIGH + LIST_CHANGE, i] = s + first + then, _taken(s, newton, then)


@lane
def _scatter(rows: F64, index: I64, source: int, row: int, count: int) -> None:
    """Bring a list's results back to its quotes."""
    for i in range(count):
        j = index[source, i]
        rows[TOTAL, j], rows[CHANGE, j] = rows[row + LIST_S, i], rows[row + LIST_CHANGE, i]


@lane
def _finish(rows: F64, i: int) -> None:
    """Turn total volatility into volatility, or into NaN with the status that says why."""
    status = rows[STATUS, i]
    status = float(NOT_CONVERGED) if (status == 0.0) & (not rows[CHANGE, i] < CONVERGED) else status
    vol = rows[TOTAL, i] / rows[ROOT, i]
    rows[STATUS, i] = status
    rows[TOTAL, i] = vol if status == 0.0 else np.nan


@entry
def _implied(
    price: F64,
    spot: F64,
    strike: F64,
    years: F64,
    rate: F64,
    yield_: F64,
    call: NDArray[np.bool_],
    last: F64,
    vol: F64,
    status: NDArray[np.uint8],
) -> None:
    """Fill volatilities and statuses, shape (n,); last: volatilities from before, (n,) or none."""
    count = vol.size
    if not price.size == spot.size == strike.size == years.size == rate.size == yield_.size == call.size == count:
        raise ValueError(SIZES)
    if last.size != count and last.size != 0:
        raise ValueError(SIZES)
    rows, index = np.empty((ROWS, BLOCK)), np.empty((3, BLOCK), np.int64)
    for begin in range(0, count, BLOCK):
        size = min(BLOCK, count - begin)
        for i in range(size):
            j = begin + i
            _prepare(rows, i, price[j], spot[j], strike[j], years[j], rate[j], yield_[j], call[j])
        for cold in range(1 if last.size == 0 else 0, 2):
            if cold:
                open_ = 0
                for i in range(size):
                    open_ += rows[STATUS, i] == 0.0 and not rows[CHANGE, i] < CONVERGED
                if open_ == 0:
                    break
                for i in range(size):
                    _corner(rows, i)
                low, high = _sort(rows, index, size)
                _guess(rows, low, high)
                low, high, middle = _part(rows, index, low, high)
            else:
                low, high, middle = _resume(rows, index, last, begin, size)
            _solve(rows, low, high, middle)
            _scatter(rows, index, 0, LOW, low)
            _scatter(rows, index, 1, HIGH, high)
            _scatter(rows, index, 2, MIDDLE, middle)
        for i in range(size):
            _finish(rows, i)
        for i in range(size):
            vol[begin + i] = rows[TOTAL, i]
            status[begin + i] = np.uint8(rows[STATUS, i])


_solver = Compiled(_implied, *[FLOATS] * 6, FLAGS, FLOATS, FLOATS, STATUSES)


def implied_volatility(
    price: Numbers,
    spot: Numbers,
    strike: Numbers,
    years: Numbers,
    rate: Numbers,
    yield_: Numbers,
    is_call: Numbers,
    last: Numbers | None = None,
) -> ImpliedVolatility:
    """Return the volatilities that give European prices, and statuses, of the arguments' common shape, usually (n,).

    price, spot, strike: quote currency. years: ACT/365, > 0. rate, yield_: continuous, per 1.00 and year. last: the
    volatilities of a moment ago, where there are (NaN where not): the search begins there, and the answer is the same
    to rounding. NaN and a status where no volatility gives the price; ValueError only where shapes do not fit.
    A quote on a forward: spot = forward, yield_ = rate. Source: see the module's head.
    """
    before: Any = NONE if last is None else last
    quotes: Any = price
    try:
        count = quotes.size
        vol, status = empty(count), empty(count, STATUS_TYPE)
        _solver.call(price, spot, strike, years, rate, yield_, is_call, before, vol, status)
        # What NamedTuple's own constructor does, in half of its time.
        return tuple.__new__(ImpliedVolatility, (vol, status))
    except MISFIT:
        columns, shape = broadcast((price, spot, strike, years, rate, yield_, is_call, before), 6)
    vol, status = np.empty(columns[0].size), np.empty(columns[0].size, np.uint8)
    _solver.call(*columns, vol, status)
    return ImpliedVolatility(vol.reshape(shape), status.reshape(shape))
