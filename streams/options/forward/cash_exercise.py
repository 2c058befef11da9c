"""American exercise over cash dividends: tables by contract (streams/options/cash), read at any forward.

A contract's row was built at a rate and a borrow of its own; it is read at the spot that has the point's forward in
those terms. The European price at the same volatility comes without a grid (european.py), and Black's volatility of it
is what a surface takes.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from streams.numerics.jit import entry
from streams.numerics.special import exp
from streams.options.cash import CashMarket, CashReading, CashTables, new_tables, price_of, vol_of
from streams.options.cash.builder import due_rows
from streams.options.cash.table import RATE, VOL_LOW, VOL_REACH, YIELD, build_row
from streams.options.contracts.expiry import YEAR_NS
from streams.options.forward.carry import spot_from
from streams.options.forward.european import european_forward_prices
from streams.options.forward.exercise import TIME_VALUE_MIN, Point, Premium, discount_ratio
from streams.options.greeks import Greeks
from streams.options.implied import ImpliedVolatility, implied_volatility
from streams.options.status import AT_EXERCISE_VALUE, OK

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
Bool = NDArray[np.bool_]

BORROW_HELD = 1e-4
"""How far borrow x years may move before a row is built anew: at most half of it is the forward's error."""
NOW_NS = 1
"""The event of tables that nobody keeps."""


@entry
def _places(
    rows: I64, begin_ns: I64, meta: F64, forward: F64, borrow: F64, years: F64, rate: F64, ex_years: F64, cash: F64,
    spot: F64, carry: F64, over: F64,
) -> None:  # fmt: skip
    for i in range(rows.size):
        row = rows[i]
        own = meta[row, RATE] if begin_ns[row] != 0 else rate[i]
        carry[i] = own - (meta[row, YIELD] if begin_ns[row] != 0 else borrow[i])
        spot[i] = spot_from(forward[i], years[i], carry[i], ex_years, cash)
        over[i] = exp((rate[i] - own) * years[i])


def places_of(
    tables: CashTables, rows: I64, forward: F64, borrow: F64, years: F64, rate: F64, ex_years: F64, cash: F64
) -> tuple[F64, F64, F64]:
    """Return spot and carry in the terms of each row, and its prices over the point's, (n,); cash: of all points."""
    spot, carry, over = np.empty(rows.size), np.empty(rows.size), np.empty(rows.size)
    parts = (forward, borrow, years, rate, ex_years, cash)
    _places(rows, tables.begin_ns, tables.meta, *parts, spot, carry, over)
    return spot, carry, over


@dataclass(frozen=True)
class CashExercise:
    """American exercise over cash: the tables of one expiry's contracts, of which a row is a contract.

    event_ns: the instant that is asked about. kept: the tables belong to a stream, which builds them by `refresh`, a
    bounded number a call; what has no row is OUT_OF_RANGE. Else they are built when a point asks for it.
    """

    tables: CashTables
    event_ns: int
    kept: bool = True

    def _at(self, point: Point, rows: I64) -> tuple[F64, F64, F64]:
        """Return spot and carry in the terms of each row, and the row's prices over the point's, (n,)."""
        terms = point.terms
        parts = (np.full(rows.size, one) for one in (point.forward, point.borrow, terms.years, terms.rate))
        return places_of(self.tables, rows, *parts, terms.ex_years, terms.cash)

    def vols(self, point: Point, price: F64, strike: F64, is_call: Bool, rows: I64) -> ImpliedVolatility:
        """Return the volatility in the spot model, and statuses, (n,)."""
        spot, _, over = self._at(point, rows)
        found = vol_of(self.tables, rows, price * over, spot, self.event_ns)
        return ImpliedVolatility(found.vol, found.status)

    def premiums(self, point: Point, vol: F64, strike: F64, is_call: Bool, rows: I64) -> Premium:
        """Return American less European price at volatilities, (n,)."""
        spot, carry, over = self._at(point, rows)
        american = price_of(self.tables, rows, spot, vol, self.event_ns)
        european, _ = self._european(point, vol, strike, is_call, spot, carry)
        premium = american.price / over - european * point.terms.discount
        gain = np.where(is_call, spot - strike, strike - spot)
        due = (american.status == OK) & (gain > 0.0) & (american.price - gain < TIME_VALUE_MIN * spot)
        return Premium(np.maximum(premium, 0.0), np.where(due, AT_EXERCISE_VALUE, american.status))

    def black(self, point: Point, vol: F64, strike: F64, is_call: Bool, rows: I64) -> ImpliedVolatility:
        """Return Black's volatility on the forward of the European prices in the spot model, (n,)."""
        spot, carry, _ = self._at(point, rows)
        _, outside = self._european(point, vol, strike, is_call, spot, carry)
        forward, years, none = (np.full(vol.size, one) for one in (point.forward, point.terms.years, 0.0))
        strikes = np.ascontiguousarray(strike)
        return implied_volatility(outside, forward, strikes, years, none, none, strikes >= point.forward)

    def _european(self, point: Point, vol: F64, strike: F64, is_call: Bool, spot: F64, carry: F64) -> tuple[F64, F64]:
        terms, out, outside = point.terms, np.empty(vol.size), np.empty(vol.size)
        flags, k, v = np.ascontiguousarray(is_call), np.ascontiguousarray(strike), np.ascontiguousarray(vol)
        european_forward_prices(k, flags, spot, carry, v, terms.years, terms.ex_years, terms.cash, out, outside)
        return out, outside

    def vegas(self, point: Point, vol: F64, strike: F64, is_call: Bool, rows: I64) -> F64:
        """Return vega of `greeks`, (n,)."""
        return self.greeks(point, vol, strike, is_call, rows).vega

    def greeks(self, point: Point, vol: F64, strike: F64, is_call: Bool, rows: I64) -> Greeks:
        """Return price and greeks, (n,), of the tables."""
        spot, _, over = self._at(point, rows)
        one = price_of(self.tables, rows, spot, vol, self.event_ns)
        return scaled(one, 1.0 / over, spot / point.spot)

    def strain(self, point: Point, rows: I64) -> float:
        """Return half of the farthest borrow x years x forward: premiums follow the borrow by that much at most."""
        built = rows[self.tables.begin_ns[rows] != 0]
        away = np.abs(self.tables.meta[built, YIELD] - point.borrow)
        return float(0.5 * away.max(initial=0.0) * point.terms.years * point.forward)

    def fitted(self, point: Point) -> "CashExercise":
        """Return itself where the tables are a stream's or hold for the point, else with its rows built anew."""
        built = self.tables.begin_ns != 0
        away = np.abs(self.tables.meta[built, YIELD] - point.borrow) * point.terms.years > BORROW_HELD
        if self.kept or not away.any():
            return self
        market = market_of(point, self.event_ns)
        vols = central_vols(self.tables)
        for row in np.flatnonzero(built).tolist():
            build_row(self.tables, row, market, float(vols[row]))
        return self


def scaled(one: CashReading, scale: F64, share: F64) -> Greeks:
    """Return a reading as greeks; share: the spot that was read at over the spot."""
    slope = scale * share
    return Greeks(
        one.price * scale, one.delta * slope, one.gamma * slope * share, one.vega * scale, one.theta * scale,
        one.rho * scale, one.vanna * slope, one.volga * scale, one.charm * slope, one.status,
    )  # fmt: skip


def central_vols(tables: CashTables) -> F64:
    """Return the volatility that each row was built around, (n,), NaN where it never was."""
    out = np.full(tables.strike.size, np.nan)
    for row in np.flatnonzero(tables.begin_ns != 0).tolist():
        out[row] = discount_ratio(tables.meta[row, VOL_LOW]) * VOL_REACH
    return out


def market_of(point: Point, event_ns: int) -> CashMarket:
    """Return what a build takes from a point."""
    terms = point.terms
    ahead = [i for i in range(terms.cash.size) if terms.ex_years[i] > 0.0 and terms.cash[i] > 0.0]
    return CashMarket(
        event_ns, point.spot, terms.rate, point.borrow,
        tuple(event_ns + round(float(terms.ex_years[i]) * YEAR_NS) for i in ahead),
        tuple(float(terms.cash[i]) for i in ahead),
    )  # fmt: skip


def cash_exercise(point: Point, strike: F64, is_call: Bool, vol: F64 | float) -> CashExercise:
    """Return American exercise over cash for n contracts, built now around a volatility each (NaN: not built).

    2 ms a contract: for a notebook, and for the few strikes of a forward. A stream keeps tables and calls `refresh`.
    """
    tables = new_tables(strike, is_call, NOW_NS + round(point.terms.years * YEAR_NS), True)
    market = market_of(point, NOW_NS)
    for row, one in enumerate(np.broadcast_to(vol, tables.strike.shape).tolist()):
        if one > 0.0:
            build_row(tables, row, market, one)
    return CashExercise(tables, NOW_NS, kept=False)


def refresh(
    exercise: CashExercise, point: Point, event_ns: int, vol: F64, budget: int, held: float = BORROW_HELD
) -> tuple[CashExercise, int, int]:
    """Build at most `budget` rows of a stream's tables at an event.

    Returns exercise at that event, how many were tried, and how many are still due.

    vol: (n,) the volatility known for each contract, NaN: leave it alone. Due is what `streams.options.cash.due_rows`
    says, and rows whose borrow x years is off by more than `held`; near the money first, where the forward comes from.
    """
    market, tables = market_of(point, event_ns), exercise.tables
    off = np.abs(tables.meta[:, YIELD] - market.yield_) * point.terms.years > held
    due = (off & (vol > 0.0) & (tables.begin_ns != 0)) | np.isin(np.arange(vol.size), due_rows(tables, market, vol))
    rows = np.flatnonzero(due)
    rows = rows[np.argsort(np.abs(tables.strike[rows] - point.forward), kind="stable")]
    for row in rows[:budget].tolist():
        build_row(tables, row, market, float(vol[row]))
    return replace(exercise, event_ns=event_ns), min(budget, rows.size), max(rows.size - budget, 0)
