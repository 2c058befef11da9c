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
from streams.options.forward.carry import Terms
from streams.options.greeks import Greeks, greeks
from streams.options.implied import ImpliedVolatility, implied_volatility

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
U8 = NDArray[np.uint8]
Bool = NDArray[np.bool_]

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

    def vegas(self, point: Point, vol: F64, strike: F64, is_call: Bool, rows: I64) -> F64:
        """Return vega of `greeks` alone, which costs a part of it, (n,)."""

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

    def vegas(self, point: Point, vol: F64, strike: F64, is_call: Bool, rows: I64) -> F64:
        """Return vega of `greeks`, (n,)."""
        return self.greeks(point, vol, strike, is_call, rows).vega

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
