"""Price and eight greeks of a European option under Black, Scholes and Merton, in one pass.

With A = S exp(-yield T), G = K exp(-rate T), v = vol sqrt(T), d1 = (log(S / K) + (rate - yield) T) / v + v / 2,
d2 = d1 - v, w = 1 for a call and -1 for a put, n and N the normal density and distribution:

    price = w (A N(w d1) - G N(w d2))           delta = w exp(-yield T) N(w d1)     gamma = exp(-yield T) n(d1) / (S v)
    vega  = A n(d1) sqrt(T)                     vanna = -exp(-yield T) n(d1) d2 / vol    volga = vega d1 d2 / vol
    theta = -A n(d1) vol / (2 sqrt(T)) + w (yield A N(w d1) - rate G N(w d2))       rho   = w T G N(w d2)
    charm = w yield exp(-yield T) N(w d1) - exp(-yield T) n(d1) ((rate - yield) / v - d2 / (2 T))

The price is the value of the right that is out of the money, which has no cancellation (streams/numerics/lanes.py),
plus the forward value w (A - G) where the option is in the money. Units: per 1.00 of spot, volatility and rate, per
year of time: theta = d(price)/dt and charm = d(delta)/dt as time passes; vanna = d(delta)/d(vol) and
volga = d(vega)/d(vol).
Sources: Black and Scholes (1973), Merton (1973), Black (1976).
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from streams.numerics.jit import entry, lane
from streams.numerics.lanes import INVERSE_SQRT_TWO_PI, exp, log_ratio, mills, mills_difference
from streams.options.arrays import FLAGS, FLOATS, MISFIT, STATUSES, TABLE, Compiled, Numbers, broadcast
from streams.options.status import BAD_INPUT, NO_TIME, NOT_A_NUMBER, OK

F64 = NDArray[np.float64]
SIZES = "arrays must have one size"

BLOCK = 128
"""Options a time: their numbers stay in the first-level cache."""
ROWS = 10
TINY = 1e-150
"""Stands in for a time or a volatility of 0, where only quotients 0 / 0 would be left."""
NEAR_MAX = 0.75
"""How far below 0 the difference of Mills ratios goes."""
FAR = 1e3
"""Standard deviations beyond which every density is 0."""


class Greeks(NamedTuple):
    """Arrays of shape (n,): price in quote currency, its derivatives per 1.00 and per year, and why there are none."""

    price: F64
    delta: F64
    gamma: F64
    vega: F64
    theta: F64
    rho: F64
    vanna: F64
    volga: F64
    charm: F64
    status: NDArray[np.uint8]


@lane
def checked(spot: float, strike: float, years: float, rate: float, yield_: float, vol: float) -> float:
    """Return the status of a pricer's inputs, as a float: OK, NO_TIME, NOT_A_NUMBER or BAD_INPUT."""
    total = spot + strike + years + rate + yield_ + vol
    sound = (spot > 0.0) & (strike > 0.0) & (vol >= 0.0) & (total - total == 0.0)
    number = (spot == spot) & (strike == strike) & (years == years) & (rate == rate) & (yield_ == yield_) & (vol == vol)
    status = float(OK) if years > 0.0 else float(NO_TIME)
    status = status if sound else float(BAD_INPUT)
    return status if number else float(NOT_A_NUMBER)


@lane
def _fill(
    rows: F64, at: int, spot: float, strike: float, years: float, rate: float, yield_: float, vol: float, call: bool
) -> None:
    """Write price, greeks and status of one option into column `at` of rows."""
    status = checked(spot, strike, years, rate, yield_, vol)
    side = 1.0 if call else -1.0
    years = max(years, 0.0)
    root = np.sqrt(years)
    total = vol * root
    carry = exp(-yield_ * years)
    asset, bond = spot * carry, strike * exp(-rate * years)
    money = log_ratio(spot, strike) + (rate - yield_) * years
    some, years_some, vol_some = max(total, TINY), max(years, TINY), max(vol, TINY)
    middle, half = min(abs(money) / some, FAR), min(0.5 * total, FAR)
    near, far = middle - half, middle + half
    above = money > 0.0
    d1 = far if above else -near
    d2 = near if above else -far
    density = INVERSE_SQRT_TWO_PI * exp(-0.5 * d1 * d1)
    density = density if total > 0.0 else 0.0
    other = density * asset / bond
    asset_tail = density * mills(abs(d1))
    bond_tail = other * mills(abs(d2))
    asset_likely = 1.0 - asset_tail if d1 * side > 0.0 else asset_tail
    bond_likely = 1.0 - bond_tail if d2 * side > 0.0 else bond_tail
    flow = asset * density
    inside = flow * mills_difference(middle, min(half, middle + NEAR_MAX))
    outside = min(asset, bond) - (asset * asset_tail + bond * bond_tail)
    value = inside if near >= -NEAR_MAX else outside
    forward = side * (asset - bond)
    poison = 0.0 if status <= NO_TIME else np.nan
    vega = flow * root
    asset_delta = side * carry * asset_likely
    bond_delta = side * bond * bond_likely
    decay = 0.5 * flow * total / years_some
    drift = (rate - yield_) / some - 0.5 * d2 / years_some
    rows[0, at] = value + max(forward, 0.0) + poison
    rows[1, at] = asset_delta + poison
    rows[2, at] = carry * density / (spot * some) + poison
    rows[3, at] = vega + poison
    rows[4, at] = yield_ * spot * asset_delta - rate * bond_delta - decay + poison
    rows[5, at] = years * bond_delta + poison
    rows[6, at] = poison - carry * density * d2 / vol_some
    rows[7, at] = vega * d1 * d2 / vol_some + poison
    rows[8, at] = yield_ * asset_delta - carry * density * drift + poison
    rows[9, at] = status


@entry
def _greeks(
    spot: F64,
    strike: F64,
    years: F64,
    rate: F64,
    yield_: F64,
    vol: F64,
    call: NDArray[np.bool_],
    out: F64,
    status: NDArray[np.uint8],
) -> None:
    """Fill rows of price and greeks, shape (9, n), and statuses."""
    count = status.size
    if not spot.size == strike.size == years.size == rate.size == yield_.size == vol.size == call.size == count:
        raise ValueError(SIZES)
    rows = np.empty((ROWS, BLOCK))
    for begin in range(0, count, BLOCK):
        size = min(BLOCK, count - begin)
        for i in range(size):
            j = begin + i
            _fill(rows, i, spot[j], strike[j], years[j], rate[j], yield_[j], vol[j], call[j])
        for k in range(9):
            for i in range(size):
                out[k, begin + i] = rows[k, i]
        for i in range(size):
            status[begin + i] = np.uint8(rows[9, i])


_pricer = Compiled(_greeks, *[FLOATS] * 6, FLAGS, TABLE, STATUSES)


def greeks(
    spot: Numbers, strike: Numbers, years: Numbers, rate: Numbers, yield_: Numbers, vol: Numbers, is_call: Numbers
) -> Greeks:
    """Return price, eight greeks and status of European options, each of the arguments' common shape, usually (n,).

    spot, strike: quote currency, > 0. years: ACT/365. rate, yield_: continuous, per 1.00 and year. vol: per 1.00 and
    sqrt(year), >= 0. Where years <= 0 the status is NO_TIME and the numbers are those of exercise now (at the strike
    itself a delta of 0); at vol 0 they are the limits. NaN in: NaN out, NOT_A_NUMBER; a contract that cannot be:
    NaN, BAD_INPUT. ValueError where shapes do not fit. Source: see the module's head.
    """
    first: Any = spot
    try:
        out, status = np.empty((9, first.size)), np.empty(first.size, np.uint8)
        _pricer.call(spot, strike, years, rate, yield_, vol, is_call, out, status)
        return Greeks(*out, status)
    except MISFIT:
        columns, shape = broadcast((spot, strike, years, rate, yield_, vol, is_call), 6)
    out, status = np.empty((9, columns[0].size)), np.empty(columns[0].size, np.uint8)
    _pricer.call(*columns, out, status)
    return Greeks(*out.reshape((9, *shape)), status.reshape(shape))
