"""All greeks of an option on cash dividends, and the volatility of a quote: one table a contract, made and thrown away.

For a notebook and the command line, about a millisecond a contract. A stream keeps tables (builder.py,
measure.py), whose reading is hundreds of times faster.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from streams.options.cash.base import present_value
from streams.options.cash.measure import GREEKS, CashReading, price_of, vol_of
from streams.options.cash.price import CashDividends, statuses_of
from streams.options.cash.table import VOL_REACH, CashMarket, CashTables, build_row, new_tables
from streams.options.contracts.expiry import YEAR_NS
from streams.options.greeks import Greeks
from streams.options.implied import ImpliedVolatility, implied_volatility
from streams.options.status import ABOVE_BOUND, AT_EXERCISE_VALUE, BELOW_INTRINSIC, NO_TIME, OK, OUT_OF_RANGE

F64 = NDArray[np.float64]
U8 = NDArray[np.uint8]

NOW_NS = 1
"""The event of a table that nobody keeps."""
GUESS = 0.3
"""The volatility to begin with where a price has no European one."""
TRIES = (1.0, 1.0 / VOL_REACH**2, VOL_REACH**2, 1.0 / VOL_REACH**4)
"""Central volatilities that are tried in turn, in units of the guess."""
DECIDED = (AT_EXERCISE_VALUE, BELOW_INTRINSIC, ABOVE_BOUND)


def cash_greeks(
    spot: ArrayLike, strike: ArrayLike, years: ArrayLike, rate: ArrayLike, yield_: ArrayLike, vol: ArrayLike,
    is_call: ArrayLike, dividends: CashDividends, american: ArrayLike = True,
) -> Greeks:  # fmt: skip
    """Return price, eight greeks and status, each (n,), broadcast of the inputs; units and statuses as cash_price.

    vol: in [0.022, 2.27], else OUT_OF_RANGE. At years <= 0 price and delta stand with NO_TIME, and the rest is 0.
    """
    s, k, t, r, q, v, call, early = _flat(spot, strike, years, rate, yield_, vol, is_call, american)
    status = statuses_of(s, k, t, r, q, v, dividends)
    out = np.full((len(GREEKS), s.size), np.nan)
    for i in np.flatnonzero(status == OK):
        tables, built = _table(s[i], k[i], t[i], r[i], q[i], call[i], early[i], dividends, v[i])
        if not built:
            status[i] = OUT_OF_RANGE
            continue
        read = price_of(tables, np.zeros(1, np.int64), s[i], v[i], NOW_NS)
        status[i] = read.status[0]
        out[:, i] = [getattr(read, name)[0] for name in GREEKS]
    late = status == NO_TIME
    sign = np.where(call > 0.0, 1.0, -1.0)
    gain = sign * (s - k)
    out[:, late] = 0.0
    out[0, late], out[1, late] = np.maximum(gain, 0.0)[late], np.where(gain > 0.0, sign, 0.0)[late]
    return Greeks(*out, status)


def cash_iv(
    price: ArrayLike, spot: ArrayLike, strike: ArrayLike, years: ArrayLike, rate: ArrayLike, yield_: ArrayLike,
    is_call: ArrayLike, dividends: CashDividends, american: ArrayLike = True,
) -> ImpliedVolatility:  # fmt: skip
    """Return implied volatility (per sqrt(year)) and status, each (n,); NaN unless status is OK.

    price: quote currency, >= 0; the rest as cash_price. AT_EXERCISE_VALUE with a time value up to 1e-5 of the spot;
    BELOW_INTRINSIC and ABOVE_BOUND outside of what any volatility gives; OUT_OF_RANGE where none in [0.022, 2.27] does.
    """
    p, s, k, t, r, q, call, early = _flat(price, spot, strike, years, rate, yield_, is_call, american)
    status = statuses_of(s, k, t, r, q, np.where(p >= 0.0, GUESS, p), dividends)
    found = np.full(s.size, np.nan)
    for i in np.flatnonzero(status == OK):
        guess = _guess(p[i], s[i], k[i], t[i], r[i], q[i], call[i], dividends)
        read = _search(p[i], s[i], k[i], t[i], r[i], q[i], call[i], early[i], dividends, guess)
        status[i] = OUT_OF_RANGE if read is None else read.status[0]
        found[i] = np.nan if read is None else read.vol[0]
    return ImpliedVolatility(found, status)


def _flat(*given: ArrayLike) -> list[F64]:
    return [
        np.array(one) for one in np.broadcast_arrays(*(np.atleast_1d(np.asarray(one, np.float64)) for one in given))
    ]


def _table(
    spot: float, strike: float, years: float, rate: float, yield_: float, call: float, early: float,
    dividends: CashDividends, vol: float,
) -> tuple[CashTables, bool]:  # fmt: skip
    """Return the table of one contract around a spot and volatility, and whether grids cover it."""
    ex_ns = tuple(NOW_NS + round(when * YEAR_NS) for when in dividends.ex_years)
    market = CashMarket(NOW_NS, float(spot), float(rate), float(yield_), ex_ns, dividends.cash)
    tables = new_tables(np.array([strike]), np.array([call > 0.0]), NOW_NS + round(years * YEAR_NS), early > 0.0)
    return tables, build_row(tables, 0, market, float(vol))


def _guess(
    price: float, spot: float, strike: float, years: float, rate: float, yield_: float, call: float,
    dividends: CashDividends,
) -> float:  # fmt: skip
    """Return the volatility of a European on the spot less the cash's present value, GUESS where it has none."""
    paid = float(present_value(float(rate), *dividends.before(float(years)), 0.0))
    vol = implied_volatility(price, max(spot - paid, 0.01 * spot), strike, years, rate, yield_, call > 0.0).vol
    one = float(np.ravel(vol)[0])
    return min(max(one, 0.03), 2.0) if one == one else GUESS


def _search(
    price: float, spot: float, strike: float, years: float, rate: float, yield_: float, call: float, early: float,
    dividends: CashDividends, guess: float,
) -> CashReading | None:  # fmt: skip
    """Return the first reading of a table around one of the TRIES that holds the price, None where none does."""
    for share in TRIES:
        centre = min(max(guess * share, 0.0221), 2.27)
        tables, built = _table(spot, strike, years, rate, yield_, call, early, dividends, centre)
        if built:
            read = vol_of(tables, np.zeros(1, np.int64), price, spot, NOW_NS)
            if read.status[0] == OK or read.status[0] in DECIDED:
                return read
    return None
