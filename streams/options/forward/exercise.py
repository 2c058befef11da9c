"""How an expiry's options are exercised, behind one door: European, American without cash, American over cash.

Each way gives, at a Point (terms, forward, borrow): the volatility of a quoted price in its own model, the premium of
early exercise at a volatility, Black's volatility of the European price in the same model, and greeks. Every one of
them is fitted to the point's forward: tables that were built at another borrow, rate or instant are read at the spot
that has this forward in their own terms, so that what is out of date is in the premium alone. How far they may be is
stated where they are made.
"""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from streams.numerics.jit import entry
from streams.numerics.special import exp
from streams.options.american import AmericanTable, greeks_on, iv_on, open_table, price_on, tables_beside
from streams.options.forward.carry import Terms
from streams.options.greeks import Greeks, greeks
from streams.options.implied import ImpliedVolatility, implied_volatility
from streams.options.status import AT_EXERCISE_VALUE, OK

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
U8 = NDArray[np.uint8]
Bool = NDArray[np.bool_]

RATE_HELD = 2e-5
"""How far rate x years may move before an American table is built anew: 3 hours at 5 %, 0.3 bp of a forward."""
BORROW_STEP, BORROW_NEAR, BORROW_HELD = 1e-3, 1e-4, 2e-3
"""In borrow x years: how far apart two tables are, and how far a point's borrow may be from the first one's: as far as
its own deviation, but no less than BORROW_NEAR and no more than BORROW_HELD."""
TIME_VALUE_MIN = 1e-5
"""Time value over spot below which an option counts as one that is exercised at once."""


@dataclass(frozen=True)
class Point:
    """One expiry at one event: forward in quote currency, and the borrow that models carry the spot by."""

    terms: Terms
    forward: float
    borrow: float
    doubt: float = 0.0
    """The borrow's deviation: noise in it is no reason to build tables anew."""

    @property
    def spot(self) -> float:
        """Return the spot that has this forward at this borrow."""
        return self.terms.spot(self.forward, self.borrow)


class Premium(NamedTuple):
    """Arrays of shape (n,): what early exercise adds to the European price, quote currency, and why it is not known.

    AT_EXERCISE_VALUE: the option is exercised at once, its price says nothing about the forward.
    """

    premium: F64
    status: U8


class Exercise(Protocol):
    """What a way of exercise can do. rows: (n,) indices of contracts, for those who keep tables by contract."""

    def vols(self, point: Point, price: F64, strike: F64, is_call: Bool, rows: I64) -> ImpliedVolatility:
        """Return the model's volatility of prices, and statuses, (n,)."""

    def premiums(self, point: Point, vol: F64, strike: F64, is_call: Bool, rows: I64) -> Premium:
        """Return what early exercise adds at the model's volatilities, (n,)."""

    def black(self, point: Point, vol: F64, strike: F64, is_call: Bool, rows: I64) -> ImpliedVolatility:
        """Return Black's volatility on the forward of the European prices at the model's volatilities, (n,)."""

    def greeks(self, point: Point, vol: F64, strike: F64, is_call: Bool, rows: I64) -> Greeks:
        """Return price and greeks at the model's volatilities, (n,)."""

    def strain(self, point: Point, rows: I64) -> float:
        """Return how far a forward from these contracts may be off as their tables are of another borrow, currency."""

    def fitted(self, point: Point) -> "Exercise":
        """Return itself while it holds for a point, else what was built anew for it."""


@entry
def _exp(value: float) -> float:
    return exp(value)


def discount_ratio(power: float) -> float:
    """Return e^power, with the bits of every machine."""
    return float(_exp(float(power)))


@dataclass(frozen=True)
class EuropeanExercise:
    """Exercise at expiry alone: Black on the forward is the model."""

    def vols(self, point: Point, price: F64, strike: F64, is_call: Bool, rows: I64) -> ImpliedVolatility:
        """Return Black's volatility on the forward, and statuses, (n,)."""
        rate = point.terms.rate
        return implied_volatility(price, point.forward, strike, point.terms.years, rate, rate, is_call)

    def premiums(self, point: Point, vol: F64, strike: F64, is_call: Bool, rows: I64) -> Premium:
        """Return nothing but zeros."""
        return Premium(np.zeros(strike.size), np.zeros(strike.size, np.uint8))

    def black(self, point: Point, vol: F64, strike: F64, is_call: Bool, rows: I64) -> ImpliedVolatility:
        """Return the volatilities themselves."""
        return ImpliedVolatility(vol, np.zeros(strike.size, np.uint8))

    def greeks(self, point: Point, vol: F64, strike: F64, is_call: Bool, rows: I64) -> Greeks:
        """Return price and greeks on the spot that has the forward, its cash taken as a part that does not move."""
        terms = point.terms
        escrowed = terms.discount * point.forward * discount_ratio(point.borrow * terms.years)
        return greeks(escrowed, strike, terms.years, terms.rate, point.borrow, vol, is_call)

    def strain(self, point: Point, rows: I64) -> float:
        """Return 0: there are no tables."""
        return 0.0

    def fitted(self, point: Point) -> "EuropeanExercise":
        """Return itself."""
        return self


@dataclass(frozen=True)
class BoundaryExercise:
    """American exercise under rate and borrow alone, no cash before expiry: early-exercise boundaries.

    A price depends on years, rate, borrow and volatility only by rate x years, borrow x years and volatility x
    sqrt(years), so a table of a moment ago is exact for a rate that is a little higher. Two tables, BORROW_STEP apart,
    are read and their answers taken on in a straight line to the point's borrow: right to 1e-5 in volatility and 0.1 bp
    of the forward, so noise in the borrow builds nothing. Greeks but for the price are the first table's. A build takes
    0.1 ms a table, side and factor 4 of volatility; greeks need two more tables (rho). Tables fill as they are read,
    and belong to one task.
    """

    table: AmericanTable
    further: AmericanTable
    """The same with a higher borrow."""
    beside: tuple[AmericanTable, AmericanTable]

    def _share(self, point: Point) -> float:
        """Return where the point's borrow lies: 0 at the table's, 1 at the further one's."""
        first, second = float(self.table.yield_[0]), float(self.further.yield_[0])
        own = point.borrow * point.terms.years / float(self.table.years[0])
        share = (own - first) / (second - first) if second > first else 0.0
        return share if abs(share) > 1e-6 else 0.0

    def _over(self, point: Point) -> tuple[float, float]:
        """Return the tables' prices over the point's, and sqrt(point's years / tables')."""
        years, rate = float(self.table.years[0]), float(self.table.rate[0])
        over = discount_ratio(point.terms.rate * point.terms.years - rate * years)
        return over, float(np.sqrt(max(point.terms.years, 0.0) / years))

    def vols(self, point: Point, price: F64, strike: F64, is_call: Bool, rows: I64) -> ImpliedVolatility:
        """Return the American volatility, and statuses, (n,)."""
        over, root = self._over(point)
        share = self._share(point)
        found = iv_on(self.table, 0, price * over, spot_on(self.table, point), strike, is_call)
        vol = found.vol
        if share:
            other = iv_on(self.further, 0, price * over, spot_on(self.further, point), strike, is_call)
            moved = vol + share * (other.vol - vol)
            vol = np.where((other.status == OK) & (moved > 0.0), moved, vol)
        return ImpliedVolatility(vol / root, found.status)

    def premiums(self, point: Point, vol: F64, strike: F64, is_call: Bool, rows: I64) -> Premium:
        """Return American less European price at volatilities, (n,)."""
        over, root = self._over(point)
        share = self._share(point)
        premium, status = premium_on(self.table, point, vol * root, strike, is_call)
        if share:
            other, _ = premium_on(self.further, point, vol * root, strike, is_call)
            premium = np.where(np.isfinite(other), premium + share * (other - premium), premium)
        return Premium(np.maximum(premium, 0.0) / over, status)

    def black(self, point: Point, vol: F64, strike: F64, is_call: Bool, rows: I64) -> ImpliedVolatility:
        """Return the volatilities themselves: without cash the European price at a volatility is Black's."""
        return ImpliedVolatility(vol, np.zeros(strike.size, np.uint8))

    def greeks(self, point: Point, vol: F64, strike: F64, is_call: Bool, rows: I64) -> Greeks:
        """Return price and greeks, (n,), brought from the first table's terms to the point's; price of both tables."""
        over, root = self._over(point)
        spot, share = spot_on(self.table, point), self._share(point)
        one = greeks_on(self.table, 0, spot, strike, vol * root, is_call, self.beside)
        price = one.price
        if share:
            other = price_on(self.further, 0, spot_on(self.further, point), strike, vol * root, is_call)
            price = np.where(other.status == OK, price + share * (other.price - price), price)
        ratio = spot / point.spot
        scale, slope, pace = 1.0 / over, ratio / over, 1.0 / (root * root * over)
        return Greeks(
            price * scale, one.delta * slope, one.gamma * slope * ratio, one.vega * root * scale,
            one.theta * pace, one.rho * root * root * scale, one.vanna * root * slope,
            one.volga * root * root * scale, one.charm * pace * ratio, one.status,
        )  # fmt: skip

    def strain(self, point: Point, rows: I64) -> float:
        """Return 0: two tables reach every borrow."""
        return 0.0

    def fitted(self, point: Point) -> "BoundaryExercise":
        """Return itself while it holds for a point, else one with empty tables."""
        years, rate, borrow = (float(one[0]) for one in (self.table.years, self.table.rate, self.table.yield_))
        terms = point.terms
        held = abs(rate * years - terms.rate * terms.years) <= RATE_HELD
        doubt = min(max(point.doubt * terms.years, BORROW_NEAR), BORROW_HELD)
        held = held and abs(borrow * years - point.borrow * terms.years) <= doubt
        held = held and 0.25 * years <= terms.years <= 4.0 * years
        return self if held else boundary_exercise(point)


def spot_on(table: AmericanTable, point: Point) -> float:
    """Return the spot that has the point's forward in a table's terms."""
    years, rate, borrow = (float(one[0]) for one in (table.years, table.rate, table.yield_))
    return point.forward * discount_ratio((borrow - rate) * years)


def premium_on(table: AmericanTable, point: Point, vol: F64, strike: F64, is_call: Bool) -> tuple[F64, U8]:
    """Return American less European price in a table's terms, and why not, (n,)."""
    spot = spot_on(table, point)
    years, rate, borrow = table.years[0], table.rate[0], table.yield_[0]
    american = price_on(table, 0, spot, strike, vol, is_call)
    european = greeks(spot, strike, years, rate, borrow, vol, is_call).price
    gain = np.where(is_call, spot - strike, strike - spot)
    due = (american.status == OK) & (gain > 0.0) & (american.price - gain < TIME_VALUE_MIN * spot)
    return american.price - european, np.where(due, AT_EXERCISE_VALUE, american.status)


def boundary_exercise(point: Point) -> BoundaryExercise:
    """Return American exercise at a point, with tables that fill as they are read.

    At rates up to 0 a borrow up to 0 is taken for the rate itself: nothing is exercised early there, while between
    them the boundaries are two.
    """
    terms, borrow = point.terms, point.borrow
    if terms.rate <= 0.0 and borrow <= 0.0:
        borrow = terms.rate
    step = BORROW_STEP / terms.years if borrow >= 0.0 or terms.rate > 0.0 else 0.0
    table, further = (open_table(terms.years, terms.rate, one) for one in (borrow, borrow + step))
    return BoundaryExercise(table, further, tables_beside(table))
