"""American options as arrays: price, implied volatility, greeks and early-exercise boundary of whole chains.

Options of one (years, rate, yield) share a row of a table; panels are solved for the volatilities that are met. What is
never exercised early goes to the European formulas. Greeks follow from the put's slopes: with price V and spot S

    theta = r V - (r - q) S delta - vol^2 S^2 gamma / 2,    charm = d(theta)/dS        (Black, Scholes and Merton)

and rho from tables with the rate moved to either side, as the boundary moves with it.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from streams.options.american.chain import Chain, chain_of, chain_on
from streams.options.american.implied import PENDING
from streams.options.american.kernels import boundaries, implied_vols, values
from streams.options.american.panels import PANELS, PREMIUM_FREE, REGIME
from streams.options.american.tables import AmericanTable, empty_table, fill_table
from streams.options.american.value import CURVE, OUTPUTS, PRICE, SLOPE, SPEED, VANNA, VEGA, VOLGA
from streams.options.arrays import columns
from streams.options.greeks import Greeks, greeks
from streams.options.implied import ImpliedVolatility, implied_volatility
from streams.options.status import OK, OUT_OF_RANGE

F64 = NDArray[np.float64]
U8 = NDArray[np.uint8]
Bool = NDArray[np.bool_]

RATE_MOVE = 1e-3
"""How far the rate is moved to either side for rho; at most a quarter of the rate itself."""
START = 0.3
"""The volatility to begin with where a price has no European one."""


class AmericanValue(NamedTuple):
    """Arrays of shape (n,): price in quote currency, vega per 1.00 of volatility, NaN where there is none, and why."""

    price: F64
    vega: F64
    status: U8


class AmericanPrice(NamedTuple):
    """Arrays of shape (n,): price (or boundary) in quote currency, NaN where there is none, and the reason."""

    price: F64
    status: U8


def american_price(
    spot: ArrayLike, strike: ArrayLike, years: ArrayLike, rate: ArrayLike, yield_: ArrayLike, vol: ArrayLike,
    is_call: ArrayLike,
) -> AmericanPrice:  # fmt: skip
    """Return price and status of American options, each (n,).

    spot, strike: quote currency, > 0. years: ACT/365; at 0 the exercise value with NO_TIME. rate, yield_: continuous,
    per year. vol: per sqrt(year), 0 or in [0.00625, 6.4] where early exercise can pay, else OUT_OF_RANGE. is_call:
    bool. NaN in gives NaN and NOT_A_NUMBER. OUT_OF_RANGE, too, where there are two boundaries (a put with yield < rate
    <= 0, a call with rate < yield <= 0). ValueError for shapes that do not fit. Source: boundary.py, value.py.
    """
    return _prices(chain_of(spot, strike, years, rate, yield_, vol, is_call))


def price_on(
    table: AmericanTable, expiry: ArrayLike, spot: ArrayLike, strike: ArrayLike, vol: ArrayLike, is_call: ArrayLike
) -> AmericanPrice:
    """Return american_price from a table that is there; expiry: its row, int. OUT_OF_RANGE outside its volatilities."""
    return _prices(chain_on(table, expiry, spot, strike, vol, is_call))


def value_on(
    table: AmericanTable, expiry: ArrayLike, spot: ArrayLike, strike: ArrayLike, vol: ArrayLike, is_call: ArrayLike
) -> AmericanValue:
    """Return price_on with vega beside it, which costs nothing."""
    chain = chain_on(table, expiry, spot, strike, vol, is_call)
    out, status = _values(chain, table, False)
    unit = np.where(chain.is_call, chain.spot, chain.strike)
    return AmericanValue(_whole(chain, out[:, PRICE]), unit * out[:, VEGA], status)


def american_iv(
    price: ArrayLike, spot: ArrayLike, strike: ArrayLike, years: ArrayLike, rate: ArrayLike, yield_: ArrayLike,
    is_call: ArrayLike,
) -> ImpliedVolatility:  # fmt: skip
    """Return implied volatility (per sqrt(year)) and status of American prices, each (n,); NaN unless status is OK.

    price: quote currency, >= 0; the rest as american_price. AT_EXERCISE_VALUE where the time value is under 1e-9 of
    strike (call: spot): every volatility up to some bound gives that price. BELOW_INTRINSIC below it, or below what
    exercise at any known time is worth. OUT_OF_RANGE where the answer is outside [0.00625, 6.4].
    """
    return _implied(chain_of(spot, strike, years, rate, yield_, price, is_call))


def iv_on(
    table: AmericanTable, expiry: ArrayLike, price: ArrayLike, spot: ArrayLike, strike: ArrayLike, is_call: ArrayLike,
    start: F64 | None = None,
) -> ImpliedVolatility:  # fmt: skip
    """Return american_iv from a table that is there; expiry: its row, int. OUT_OF_RANGE outside its volatilities.

    start: (n,) volatilities that are near, NaN where none is known: a second search beside a first one takes a step.
    """
    return _implied(chain_on(table, expiry, spot, strike, price, is_call), start)


def american_greeks(
    spot: ArrayLike, strike: ArrayLike, years: ArrayLike, rate: ArrayLike, yield_: ArrayLike, vol: ArrayLike,
    is_call: ArrayLike,
) -> Greeks:  # fmt: skip
    """Return price, eight greeks and status of American options, each (n,); units and signs as European greeks.

    Inputs as american_price, volatility 0 excepted. Where exercise is due at once the price is the exercise value,
    delta is 1 or -1 and everything else 0. rho: central difference over the tables' rate; everything else exact under
    the integral. NaN with a status where there are none.
    """
    return _slopes(chain_of(spot, strike, years, rate, yield_, vol, is_call), None)


def greeks_on(
    table: AmericanTable, expiry: ArrayLike, spot: ArrayLike, strike: ArrayLike, vol: ArrayLike, is_call: ArrayLike,
    beside: tuple[AmericanTable, AmericanTable] | None = None,
) -> Greeks:  # fmt: skip
    """Return american_greeks from a table that is there; expiry: its row, int. OUT_OF_RANGE outside its volatilities.

    beside: what tables_beside gives for this table, kept along with it; else they are made and thrown away.
    """
    return _slopes(chain_on(table, expiry, spot, strike, vol, is_call), beside)


def tables_beside(table: AmericanTable) -> tuple[AmericanTable, AmericanTable]:
    """Return empty tables with the rate moved up and down, for rho: they fill as they are read."""
    move = _rate_move(table)
    return (
        empty_table(table.years, table.rate + move, table.yield_),
        empty_table(table.years, table.rate - move, table.yield_),
    )


def open_table(years: ArrayLike, rate: ArrayLike, yield_: ArrayLike) -> AmericanTable:
    """Return an empty table of g expiries that fills as it is read, its owner's alone; inputs as american_table."""
    return empty_table(
        *(np.array(one) for one in columns(*(np.asarray(one, np.float64) for one in (years, rate, yield_))))
    )


def _rate_move(table: AmericanTable) -> F64:
    return np.where(table.rate > 0.0, np.minimum(RATE_MOVE, 0.25 * table.rate), RATE_MOVE)


def _slopes(chain: Chain, beside: tuple[AmericanTable, AmericanTable] | None) -> Greeks:
    """Return the greeks by the put's slopes; beside: tables at a higher and a lower rate."""
    call, x, k = chain.is_call, chain.spot, chain.strike
    out, status = _values(chain, chain.table, True)
    p, p_1, p_2, p_3 = out[:, PRICE], out[:, SLOPE], out[:, CURVE], out[:, SPEED]
    s, unit = np.where(call, k / x, x / k), np.where(call, x, k)
    price, vega, volga = _whole(chain, p), unit * out[:, VEGA], unit * out[:, VOLGA]
    # A call is S p(K / S): its slopes in S by the chain rule.
    delta = np.where(call, p - s * p_1, p_1)
    gamma = np.where(call, s * s * p_2 / x, p_2 / k)
    speed = np.where(call, -s * s * (3.0 * p_2 + s * p_3) / (x * x), p_3 / (k * k))
    vanna = np.where(call, out[:, VEGA] - s * out[:, VANNA], out[:, VANNA])
    r, drift, variance = chain.rate, chain.rate - chain.yield_, chain.given * chain.given
    theta = r * price - drift * x * delta - 0.5 * variance * x * x * gamma
    charm = r * delta - drift * (delta + x * gamma) - variance * (x * gamma + 0.5 * x * x * speed)
    due = (status == OK) & (p_1 == -1.0) & (out[:, VEGA] == 0.0) & (p_2 == 0.0)
    theta[due], charm[due] = 0.0, 0.0
    result = Greeks(price, delta, gamma, vega, theta, _rho(chain, beside), vanna, volga, charm, status)
    free = _free(chain)
    if free.any():
        parts = (x, k, chain.years, r, chain.yield_, chain.given, call)
        exact = greeks(*(part[free] for part in parts))
        for place in range(len(result)):
            np.asarray(result[place])[free] = exact[place]
    return result


def exercise_boundary(
    strike: ArrayLike, years: ArrayLike, rate: ArrayLike, yield_: ArrayLike, vol: ArrayLike, is_call: ArrayLike
) -> AmericanPrice:
    """Return the spot at which exercise is due at once, (n,), in quote currency, and status.

    A put is exercised at or below it, a call at or above; 0 (put) or inf (call) where early exercise never pays.
    Inputs as american_price, volatility in [0.00625, 6.4].
    """
    chain = chain_of(1.0, strike, years, rate, yield_, vol, is_call)
    table = chain.table
    out, status = np.empty(chain.spot.size), np.empty(chain.spot.size, np.uint8)
    wanted = np.zeros(table.states.shape, np.uint8)
    for _ in range(2):
        boundaries(
            chain.group, chain.strike, chain.given, chain.is_call, table.years, table.facts, table.coefficients,
            table.states, wanted, out, status,
        )  # fmt: skip
        if not (status == PENDING).any():
            break
        fill_table(table, wanted)
    return AmericanPrice(out * chain.strike, status)


def table_arrays(table: AmericanTable) -> tuple[F64, F64, F64, F64, F64, F64, U8]:
    """Return a table's arrays, as kernels take them."""
    return table.years, table.rate, table.yield_, table.facts, table.terms, table.coefficients, table.states


def _grow(table: AmericanTable, wanted: U8) -> bool:
    """Solve wanted panels; return False where the table is not to be changed."""
    if not table.states.flags.writeable:
        return False
    fill_table(table, wanted)
    return True


def _free(chain: Chain) -> Bool:
    """Return which options are never exercised early."""
    return np.asarray(chain.table.facts[chain.group, chain.is_call.view(np.uint8), REGIME] == PREMIUM_FREE)


def _values(chain: Chain, table: AmericanTable, full: bool) -> tuple[F64, U8]:
    """Return the outputs of value.py, (n, OUTPUTS), and status, panels solved as needed."""
    out, status = np.empty((chain.spot.size, OUTPUTS)), np.empty(chain.spot.size, np.uint8)
    wanted = np.zeros(table.states.shape, np.uint8)
    for _ in range(2):
        values(
            chain.group, chain.spot, chain.strike, chain.given, chain.is_call, full, *table_arrays(table), wanted, out,
            status,
        )  # fmt: skip
        if not (status == PENDING).any() or not _grow(table, wanted):
            break
    status[status == PENDING] = OUT_OF_RANGE
    return out, status


def _prices(chain: Chain) -> AmericanPrice:
    out, status = _values(chain, chain.table, False)
    return AmericanPrice(_whole(chain, out[:, PRICE]), status)


def _whole(chain: Chain, p: F64) -> F64:
    """Return prices in quote currency, not a rounding unit below what exercise gives."""
    gain = np.where(chain.is_call, chain.spot - chain.strike, chain.strike - chain.spot)
    return np.maximum(p * np.where(chain.is_call, chain.spot, chain.strike), np.maximum(gain, 0.0))


def _implied(chain: Chain, start: F64 | None = None) -> ImpliedVolatility:
    table = chain.table
    status = np.full(chain.spot.size, PENDING, np.uint8)
    vol = np.full(chain.spot.size, np.nan) if start is None else np.array(start)
    free = _free(chain)
    unknown = free | ~(vol > 0.0)
    if unknown.all():
        vol = _start(chain, free, status)
    elif unknown.any():
        own = status[unknown]
        vol[unknown] = _start(_part(chain, unknown), free[unknown], own)
        status[unknown] = own
    for turn in range(PANELS + 1):
        wanted = np.zeros(table.states.shape, np.uint8)
        left = implied_vols(
            chain.group, chain.spot, chain.strike, chain.given, chain.is_call, turn == 0, *table_arrays(table), wanted,
            vol, status,
        )  # fmt: skip
        if not left or not _grow(table, wanted):
            break
    pending = status == PENDING
    status[pending] = OUT_OF_RANGE
    vol[pending] = np.nan
    return ImpliedVolatility(vol, status)


def start_on(
    table: AmericanTable, expiry: ArrayLike, price: ArrayLike, spot: ArrayLike, strike: ArrayLike, is_call: ArrayLike
) -> F64:
    """Return volatilities to begin a search at, (n,); inputs as iv_on."""
    chain = chain_on(table, expiry, spot, strike, price, is_call)
    return _start(chain, _free(chain), np.empty(chain.spot.size, np.uint8))


def _start(chain: Chain, free: Bool, status: U8) -> F64:
    """Return the European volatility where exercise never pays, status too, and of a similar price elsewhere."""
    gain = np.where(chain.is_call, chain.spot - chain.strike, chain.strike - chain.spot)
    flip = (gain > 0.0) & ~free
    price = np.where(flip, chain.given - gain, chain.given)
    rate, yield_ = np.where(flip, 0.0, chain.rate), np.where(flip, 0.0, chain.yield_)
    found = implied_volatility(price, chain.spot, chain.strike, chain.years, rate, yield_, chain.is_call ^ flip)
    vol = np.where(found.vol > 0.0, found.vol, START)
    vol[free], status[free] = found.vol[free], found.status[free]
    return vol


def _part(chain: Chain, some: Bool) -> Chain:
    """Return some of the options."""
    columns_ = (chain.spot, chain.strike, chain.years, chain.rate, chain.yield_, chain.given, chain.is_call)
    spot, strike, years, rate, yield_, given, is_call = (one[some] for one in columns_)
    return Chain(spot, strike, years, rate, yield_, given, is_call, chain.group[some], chain.table)


def _rho(chain: Chain, beside: tuple[AmericanTable, AmericanTable] | None) -> F64:
    """Return d(price)/d(rate) from two tables with the rate moved to either side."""
    up, down = (_values(chain, one, False)[0] for one in (beside or tables_beside(chain.table)))
    slope = (up[:, PRICE] - down[:, PRICE]) / (2.0 * _rate_move(chain.table)[chain.group])
    return np.asarray(slope * np.where(chain.is_call, chain.spot, chain.strike))
