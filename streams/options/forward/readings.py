"""Contracts of several expiries read in one call, European or American over cash; boundary.py has those without cash.

    reading = european_reading([(point, count), ...])                  # count contracts of each, one after another
    tables = CashStore()
    way = tables.held(key, way)                                        # twice for all expiries, then:
    reading = tables.read([(key, point, at), ...], event_ns)           # at: places in the expiry, (m,)
    told = reading.told(quotes)

The answers are those of each expiry's own Exercise, bit by bit: a call serves all, that is what is gained.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, fields, replace
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from streams.options.american.tell import other_vols
from streams.options.cash import CashTables, new_tables, price_of, vol_of
from streams.options.forward.cash_exercise import CashExercise, places_of, scaled
from streams.options.forward.exercise import Point, discount_ratio
from streams.options.greeks import Greeks, greeks
from streams.options.implied import implied_volatility

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
Bool = NDArray[np.bool_]
ROOM = 256


class Told(NamedTuple):
    """What n contracts' prices say, (n,) each: volatility, NaN unless OK, why, greeks, and the price at another one.

    Greeks are those at the volatility, or at the other one where there is none.
    """

    vol: F64
    status: NDArray[np.uint8]
    greeks: Greeks
    other: F64


class Quotes(NamedTuple):
    """What n contracts are asked with, (n,) each; NaN where something is not known.

    price: of the middle; last: the volatility that was found last; surface: Black's by the surface; ratio: Black's
    over the model's. The other volatility is the surface's in the model's terms, or else the last one.
    """

    price: F64
    strike: F64
    is_call: Bool
    last: F64
    surface: F64
    ratio: F64

    def other(self, vol: F64) -> F64:
        """Return the other volatilities, given their own, (n,)."""
        return other_vols(vol, self.surface, self.last, self.ratio)


class Reading(Protocol):
    """What ways of exercise say at the points of n contracts."""

    def told(self, quotes: Quotes) -> Told:
        """Return what prices say."""


@dataclass(frozen=True)
class EuropeanReading:
    """Exercise at expiry alone. escrowed: the spot less its cash; all (n,)."""

    forward: F64
    escrowed: F64
    years: F64
    rate: F64
    borrow: F64

    def told(self, quotes: Quotes) -> Told:
        """See Reading."""
        strike, is_call = quotes.strike, quotes.is_call
        found = implied_volatility(quotes.price, self.forward, strike, self.years, self.rate, self.rate, is_call)
        fitted = quotes.other(found.vol)
        used = np.where(np.isnan(found.vol), fitted, found.vol)
        every, at_other = (
            greeks(self.escrowed, strike, self.years, self.rate, self.borrow, vol, is_call) for vol in (used, fitted)
        )
        return Told(found.vol, found.status, every, at_other.price)


def european_reading(of: Sequence[tuple[Point, int]]) -> EuropeanReading:
    """Return the reading of points, each with how many contracts follow."""
    counts = [count for _, count in of]
    rows = []
    for point, _ in of:
        terms = point.terms
        escrowed = terms.discount * point.forward * discount_ratio(point.borrow * terms.years)
        rows.append((point.forward, escrowed, terms.years, terms.rate, point.borrow))
    return EuropeanReading(*(np.repeat(np.array(one), counts) for one in zip(*rows, strict=True)))


@dataclass(frozen=True)
class CashReading:
    """American exercise over cash. rows: in tables; spot, over: in their terms; ratio: `spot` over the point's own."""

    tables: CashTables
    rows: I64
    spot: F64
    over: F64
    ratio: F64
    event_ns: int

    def told(self, quotes: Quotes) -> Told:
        """See Reading."""
        found = vol_of(self.tables, self.rows, quotes.price * self.over, self.spot, self.event_ns, quotes.last)
        at_other = price_of(self.tables, self.rows, self.spot, quotes.other(found.vol), self.event_ns)
        one, two = (scaled(reading, 1.0 / self.over, self.ratio) for reading in (found, at_other))
        silent = np.isnan(found.vol)
        if silent.any():
            one = Greeks(*(np.where(silent, two[i], one[i]) for i in range(len(one))))
        return Told(found.vol, found.status, one, two.price)


class CashStore:
    """The tables of several expiries in one room: each expiry's own are a view of its part of it.

    An expiry has its tables held again whenever they may have been made anew, or the room may have grown.
    """

    def __init__(self) -> None:
        self._room = new_tables(np.ones(ROOM), np.zeros(ROOM, np.bool_), 0)
        self._begins: dict[Hashable, int] = {}
        self._views: dict[Hashable, CashTables] = {}
        self._end = 0

    def drop(self, key: Hashable) -> None:
        """Forget an expiry."""
        self._begins.pop(key, None)
        self._views.pop(key, None)

    def held(self, key: Hashable, way: CashExercise) -> CashExercise:
        """Return an expiry's exercise with its tables in the room: itself where they are there."""
        if self._views.get(key) is way.tables:
            return way
        self.drop(key)
        count = way.tables.strike.size
        if self._end + count > self._room.strike.size:
            self._make_room(count)
        begin, self._end = self._end, self._end + count
        part = slice(begin, self._end)
        _put(way.tables, self._room, part)
        self._begins[key], self._views[key] = begin, _view(self._room, part)
        return replace(way, tables=self._views[key])

    def _make_room(self, count: int) -> None:
        """Begin a new room, for as much again as is held: what is held comes over as it is held again."""
        size = count + sum(one.strike.size for one in self._views.values())
        self._room = new_tables(np.ones(2 * size), np.zeros(2 * size, np.bool_), 0)
        self._begins.clear()
        self._views.clear()
        self._end = 0

    def read(self, of: Sequence[tuple[Hashable, Point, I64]], event_ns: int) -> CashReading:
        """Return what tables say at points of expiries that are held, an event; see the module's head."""
        rows = np.concatenate([self._begins[key] + at for key, _, at in of])
        counts = [at.size for _, _, at in of]
        first = of[0][1].terms
        facts = [(point.forward, point.borrow, point.terms.years, point.terms.rate, point.spot) for _, point, _ in of]
        forward, borrow, years, rate, own = (np.repeat(np.array(one), counts) for one in zip(*facts, strict=True))
        spot, _, over = places_of(self._room, rows, forward, borrow, years, rate, first.ex_years, first.cash)
        return CashReading(self._room, rows, spot, over, spot / own, event_ns)


def _put(tables: CashTables, into: CashTables, part: slice) -> None:
    for field in fields(tables):
        getattr(into, field.name)[part] = getattr(tables, field.name)


def _view(tables: CashTables, part: slice) -> CashTables:
    return CashTables(*(getattr(tables, field.name)[part] for field in fields(tables)))
