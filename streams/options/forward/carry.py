"""From spot to forward and back: rate, borrow and cash dividends (the spot model of streams/options/cash).

With g(t) = e^{(rate - borrow) t}, the spot growing at rate - borrow between ex-dates and falling by the cash at each:

    F = S g(T) - sum_i D_i g(T - t_i),        0 < t_i < T

borrow is what is left of the carry beyond the rate and the known cash: a stock loan's cost, a yield that was not given
as cash, or a dividend forecast that is off; continuous, per 1.00 and per year.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from streams.numerics.jit import entry, kernel
from streams.numerics.special import exp, log

F64 = NDArray[np.float64]

NEWTON_MAX = 30
NOTHING = np.empty(0)


@kernel
def growth(years: float, carry: float) -> float:
    """Return g(years)."""
    return exp(carry * years)


@entry
def forward_from(spot: float, years: float, carry: float, ex_years: F64, cash: F64) -> float:
    """Return the forward; carry = rate - borrow."""
    total = spot * growth(years, carry)
    for i in range(cash.size):
        if 0.0 < ex_years[i] < years:
            total -= cash[i] * growth(years - ex_years[i], carry)
    return total


@entry
def spot_from(forward: float, years: float, carry: float, ex_years: F64, cash: F64) -> float:
    """Return the spot that has a forward."""
    total = forward * growth(-years, carry)
    for i in range(cash.size):
        if 0.0 < ex_years[i] < years:
            total += cash[i] * growth(-ex_years[i], carry)
    return total


@entry
def borrow_from(spot: float, forward: float, years: float, rate: float, ex_years: F64, cash: F64) -> float:
    """Return the borrow that takes a spot to a forward, by Newton's method; NaN where none does."""
    if not (spot > 0.0 and forward > 0.0 and years > 0.0 and spot < np.inf and forward < np.inf):
        return np.nan
    paid = 0.0
    for i in range(cash.size):
        if 0.0 < ex_years[i] < years:
            paid += cash[i]
    if not paid < spot:
        return np.nan
    borrow = rate - log((forward + paid) / spot) / years
    for _ in range(NEWTON_MAX):
        carry = rate - borrow
        value, slope = spot * growth(years, carry), -years * spot * growth(years, carry)
        for i in range(cash.size):
            if 0.0 < ex_years[i] < years:
                part = cash[i] * growth(years - ex_years[i], carry)
                value -= part
                slope += (years - ex_years[i]) * part
        step = (forward - value) / slope
        borrow += step
        if abs(step) * years < 1e-14:
            return float(borrow)
    return np.nan


@dataclass(frozen=True)
class Terms:
    """What an expiry is discounted and carried by at one instant.

    years: ACT/365 to expiry. rate: the dated curve's zero rate to expiry, continuous. ex_years, cash: (d,) time to each
    ex-date's opening and its cash, declared and forecast alike; those not within (0, years) count for nothing.
    """

    years: float
    rate: float
    ex_years: F64
    cash: F64

    @property
    def discount(self) -> float:
        """Return the discount factor to expiry."""
        return float(growth(self.years, -self.rate))

    @property
    def pays(self) -> bool:
        """Return whether an ex-date lies before expiry."""
        return bool(((self.ex_years > 0.0) & (self.ex_years < self.years) & (self.cash != 0.0)).any())

    def forward(self, spot: float, borrow: float = 0.0) -> float:
        """Return the forward of a spot, quote currency; NaN in, NaN out."""
        return float(forward_from(spot, self.years, self.rate - borrow, self.ex_years, self.cash))

    def spot(self, forward: float, borrow: float = 0.0) -> float:
        """Return the spot of a forward, quote currency; NaN in, NaN out."""
        return float(spot_from(forward, self.years, self.rate - borrow, self.ex_years, self.cash))

    def borrow(self, spot: float, forward: float) -> float:
        """Return the borrow between them, per 1.00 and year; NaN where there is none: a price or time not positive."""
        return float(borrow_from(spot, forward, self.years, self.rate, self.ex_years, self.cash))


def terms(years: float, rate: float, ex_years: ArrayLike = (), cash: ArrayLike = ()) -> Terms:
    """Return the Terms of an expiry; ValueError where dates and cash are not of one shape (d,)."""
    when, amount = (np.ascontiguousarray(one, np.float64) for one in (ex_years, cash))
    if when.ndim != 1 or when.shape != amount.shape:
        raise ValueError(f"ex_years and cash must be of one shape (d,), were {when.shape} and {amount.shape}")
    return Terms(float(years), float(rate), when, amount)
