"""American exercise under rate and borrow alone, no cash before expiry: early-exercise boundaries.

A price depends on years, rate, borrow and volatility only by rate x years, borrow x years and volatility x
sqrt(years), so a table of a moment ago is exact for a rate that is a little higher. Two tables, BORROW_STEP apart,
are read and their answers taken on in a straight line to the point's borrow: right to 1e-5 in volatility and 0.1 bp
of the forward, so noise in the borrow builds nothing. Greeks but for the price are the first table's. A build takes
0.1 ms a table, side and factor 4 of volatility; greeks need two more tables (rho). Tables fill as they are read,
and belong to one task.

    way = boundary_exercise(point)
    found = way.vols(point, price, strike, is_call, rows)          # one expiry
    reading = boundaries.read([(key, way, point, count), ...])     # several: count contracts of each, one after another
    told = reading.told(quotes)                                    # see readings.py
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streams.options.american import (
    AmericanTable,
    greeks_on,
    iv_on,
    open_table,
    price_on,
    tables_beside,
    value_on,
)
from streams.options.american.tell import BESIDE, PLACE, TOLD_OTHER, TOLD_PRICE, TOLD_VOL, Contracts, tell
from streams.options.forward.exercise import TIME_VALUE_MIN, Point, Premium, discount_ratio
from streams.options.forward.readings import Quotes, Told
from streams.options.greeks import Greeks, greeks
from streams.options.implied import ImpliedVolatility
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
SHARE_MIN = 1e-6
"""A point this near to the first table has its borrow."""
ROOM = 16
"""Expiries that there is room for at first."""


class Place(NamedTuple):
    """How a point lies to its tables: see tell.py, whose order this is."""

    over: float
    """The table's prices over the point's."""
    root: float
    """sqrt(point's years / table's)."""
    share: float
    """Where the point's borrow lies: 0 at the first table's, 1 at the further one's."""
    spot: float
    """The spot that has the point's forward in the first table's terms."""
    further_spot: float
    ratio: float
    """`spot` over the point's own."""


class Tables(NamedTuple):
    """Boundaries of an expiry at a borrow, at a higher one, and with the rate moved up and down."""

    first: AmericanTable
    further: AmericanTable
    up: AmericanTable
    down: AmericanTable


@dataclass(frozen=True)
class BoundaryReading:
    """What tables say at a point that lies at `place`: as Exercise."""

    tables: Tables
    place: Place

    def vols(self, price: F64, strike: F64, is_call: Bool, start: F64 | None = None) -> ImpliedVolatility:
        """Return the American volatility, and statuses, (n,). start: volatilities that may be near, NaN: none is."""
        at, (first, further, *_) = self.place, self.tables
        wanted = price * at.over
        found = iv_on(first, 0, wanted, at.spot, strike, is_call, None if start is None else start * at.root)
        vol = found.vol
        if at.share:
            other = iv_on(further, 0, wanted, at.further_spot, strike, is_call, start=vol)
            moved = vol + at.share * (other.vol - vol)
            vol = np.where((other.status == OK) & (moved > 0.0), moved, vol)
        return ImpliedVolatility(vol / at.root, found.status)

    def premiums(self, vol: F64, strike: F64, is_call: Bool) -> Premium:
        """Return American less European price at volatilities, (n,)."""
        at, (first, further, *_) = self.place, self.tables
        premium, status = premium_on(first, 0, at.spot, vol * at.root, strike, is_call)
        if at.share:
            other, _ = premium_on(further, 0, at.further_spot, vol * at.root, strike, is_call)
            premium = np.where(np.isfinite(other), premium + at.share * (other - premium), premium)
        return Premium(np.maximum(premium, 0.0) / at.over, status)

    def black(self, vol: F64, strike: F64, is_call: Bool) -> ImpliedVolatility:
        """Return the volatilities themselves: without cash the European price at a volatility is Black's."""
        return ImpliedVolatility(vol, np.zeros(strike.size, np.uint8))

    def vegas(self, vol: F64, strike: F64, is_call: Bool) -> F64:
        """Return vega of greeks, (n,)."""
        at = self.place
        return value_on(self.tables.first, 0, at.spot, strike, vol * at.root, is_call).vega * at.root / at.over

    def greeks(self, vol: F64, strike: F64, is_call: Bool) -> Greeks:
        """Return price and greeks, (n,), brought from the first table's terms to the point's; price of both tables."""
        at, tables = self.place, self.tables
        one = greeks_on(tables.first, 0, at.spot, strike, vol * at.root, is_call, (tables.up, tables.down))
        root, scale, slope, pace = at.root, 1.0 / at.over, at.ratio / at.over, 1.0 / (at.root * at.root * at.over)
        return Greeks(
            self._price(one.price, vol, strike, is_call) * scale, one.delta * slope, one.gamma * slope * at.ratio,
            one.vega * root * scale, one.theta * pace, one.rho * root * root * scale, one.vanna * root * slope,
            one.volga * root * root * scale, one.charm * pace * at.ratio, one.status,
        )  # fmt: skip

    def _price(self, price: F64, vol: F64, strike: F64, is_call: Bool) -> F64:
        """Return the first table's prices taken on to the points' borrow, in its terms."""
        at = self.place
        if not at.share:
            return price
        other = price_on(self.tables.further, 0, at.further_spot, strike, vol * at.root, is_call)
        return np.where(other.status == OK, price + at.share * (other.price - price), price)


@dataclass(frozen=True)
class BoundaryExercise:
    """American exercise of one expiry: see the module's head. The first table's rows are one."""

    table: AmericanTable
    further: AmericanTable
    """The same with a higher borrow."""
    beside: tuple[AmericanTable, AmericanTable]

    def read(self, point: Point) -> BoundaryReading:
        """Return what the tables say at a point."""
        return BoundaryReading(Tables(self.table, self.further, *self.beside), self.place(point))

    def place(self, point: Point) -> Place:
        """Return how a point lies to the tables."""
        years, rate = float(self.table.years[0]), float(self.table.rate[0])
        first, second = float(self.table.yield_[0]), float(self.further.yield_[0])
        own = point.borrow * point.terms.years / years
        share = (own - first) / (second - first) if second > first else 0.0
        over = discount_ratio(point.terms.rate * point.terms.years - rate * years)
        root = float(np.sqrt(max(point.terms.years, 0.0) / years))
        spot, further = (point.forward * discount_ratio((one - rate) * years) for one in (first, second))
        return Place(over, root, share if abs(share) > SHARE_MIN else 0.0, spot, further, spot / point.spot)

    def vols(self, point: Point, price: F64, strike: F64, is_call: Bool, rows: I64) -> ImpliedVolatility:
        """Return the American volatility, and statuses, (n,)."""
        return self.read(point).vols(price, strike, is_call)

    def premiums(self, point: Point, vol: F64, strike: F64, is_call: Bool, rows: I64) -> Premium:
        """Return American less European price at volatilities, (n,)."""
        return self.read(point).premiums(vol, strike, is_call)

    def black(self, point: Point, vol: F64, strike: F64, is_call: Bool, rows: I64) -> ImpliedVolatility:
        """Return the volatilities themselves."""
        return self.read(point).black(vol, strike, is_call)

    def vegas(self, point: Point, vol: F64, strike: F64, is_call: Bool, rows: I64) -> F64:
        """Return vega of `greeks`, (n,)."""
        return self.read(point).vegas(vol, strike, is_call)

    def greeks(self, point: Point, vol: F64, strike: F64, is_call: Bool, rows: I64) -> Greeks:
        """Return price and greeks, (n,)."""
        return self.read(point).greeks(vol, strike, is_call)

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


class Boundaries:
    """Copies of several expiries' tables, BESIDE rows each, so that contracts of all of them are told in one call.

    What has been copied once is not looked at again: panels that either side solves later the other solves for itself,
    to the same numbers.
    """

    def __init__(self) -> None:
        self._numbers: dict[Hashable, int] = {}
        self._ways: dict[Hashable, BoundaryExercise] = {}
        self._table = _room(ROOM)

    def drop(self, key: Hashable) -> None:
        """Forget an expiry; its rows are the next one's."""
        self._ways.pop(key, None)
        self._numbers.pop(key, None)

    def read(self, of: Sequence[tuple[Hashable, BoundaryExercise, Point, int]]) -> "BoundariesReading":
        """Return what tables say at the points of expiries. of: key, tables, point, and how many contracts follow."""
        for key, way, _, _ in of:
            if self._ways.get(key) is not way:
                self._copy(key, way)
        places = np.full((self._table.years.size // BESIDE, PLACE), np.nan)
        for key, way, point, _ in of:
            places[self._numbers[key]] = way.place(point)
        numbers = np.repeat([self._numbers[key] for key, _, _, _ in of], [count for _, _, _, count in of])
        return BoundariesReading(self._table, numbers, places)

    def _copy(self, key: Hashable, way: BoundaryExercise) -> None:
        if key not in self._numbers:
            taken = set(self._numbers.values())
            self._numbers[key] = next(number for number in range(len(taken) + 1) if number not in taken)
        begin, room = BESIDE * self._numbers[key], self._table.years.size
        if begin == room:
            old, self._table = self._table, _room(2 * room // BESIDE)
            _put(old, self._table, slice(0, room))
        for row, table in enumerate((way.table, way.further, *way.beside), begin):
            _put(table, self._table, slice(row, row + 1))
        self._ways[key] = way


@dataclass(frozen=True)
class BoundariesReading:
    """What a table says of n contracts whose points lie at `places`: see tell.py. expiry: (n,) numbers of places."""

    table: AmericanTable
    expiry: I64
    places: F64

    def told(self, quotes: Quotes) -> Told:
        """See readings.Reading."""
        given = np.array([quotes.price, quotes.last, quotes.surface, quotes.last, quotes.ratio]).T.copy()
        of = Contracts(self.expiry, quotes.strike, quotes.is_call)
        told, status = tell(self.table, of, given, self.places)
        columns = told.T.copy()
        every = Greeks(*columns[TOLD_PRICE:], status)
        return Told(columns[TOLD_VOL], status, every, columns[TOLD_OTHER])


def _room(expiries: int) -> AmericanTable:
    rows = BESIDE * expiries
    return open_table(np.ones(rows), np.zeros(rows), np.zeros(rows))


def _put(table: AmericanTable, into: AmericanTable, rows: slice) -> None:
    for field in fields(table):
        getattr(into, field.name)[rows] = getattr(table, field.name)


def premium_on(
    table: AmericanTable, group: I64 | int, spot: F64 | float, vol: F64, strike: F64, is_call: Bool
) -> tuple[F64, U8]:
    """Return American less European price in a table's terms, and why not, (n,)."""
    years, rate, borrow = table.years[group], table.rate[group], table.yield_[group]
    american = price_on(table, group, spot, strike, vol, is_call)
    parts = (np.broadcast_to(one, strike.shape).copy() for one in (spot, years, rate, borrow))
    own, time, zero, carry = parts
    european = greeks(own, strike, time, zero, carry, vol, is_call).price
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
