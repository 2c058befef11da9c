"""Seeded American contracts of every regime, and QuantLib's high-precision price of each: the oracle's door.

QuantLib counts whole days. A price depends on rate * years, yield * years and vol * sqrt(years) alone, so every
contract is given to it as one of one year.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import QuantLib
from numpy.typing import NDArray

F64 = NDArray[np.float64]
ql: Any = QuantLib
KINDS = ("no rate", "no yield", "yield above rate", "under a day", "vol under 10 %", "any")


@dataclass(frozen=True)
class Cases:
    """Arrays of shape (n,); the kind of case i is KINDS[i % 6]."""

    spot: F64
    strike: F64
    years: F64
    rate: F64
    yield_: F64
    vol: F64
    is_call: NDArray[np.bool_]

    def arguments(self) -> tuple[F64, F64, F64, F64, F64, F64, NDArray[np.bool_]]:
        """Return the fields in the order of the pricers."""
        return self.spot, self.strike, self.years, self.rate, self.yield_, self.vol, self.is_call

    def moved(self, **by: F64 | float) -> "Cases":
        """Return the cases with numbers added to some fields."""
        return replace(self, **{name: getattr(self, name) + one for name, one in by.items()})


def cases(count: int, seed: int) -> Cases:
    """Return contracts on a spot of 100, strikes within 2.5 standard deviations of the forward, calls and puts."""
    rng = np.random.default_rng(seed)
    kind = np.arange(count) % len(KINDS)
    years = np.exp(rng.uniform(np.log(2.0 / 365.0), np.log(3.0), count))
    rate, yield_ = rng.uniform(0.002, 0.10, count), rng.uniform(0.0, 0.08, count)
    vol = np.exp(rng.uniform(np.log(0.1), np.log(1.2), count))
    rate[kind == 0] = 0.0
    yield_[kind == 1] = 0.0
    yield_ = np.where(kind == 2, rate + rng.uniform(0.001, 0.08, count), yield_)
    years = np.where(kind == 3, rng.uniform(0.02, 1.0, count) / 365.0, years)
    vol = np.where(kind == 4, rng.uniform(0.02, 0.1, count), vol)
    away = rng.uniform(-2.5, 2.5, count) * vol * np.sqrt(years)
    strike = np.round(100.0 * np.exp((rate - yield_) * years + away), 6)
    return Cases(np.full(count, 100.0), strike, years, rate, yield_, vol, rng.random(count) < 0.5)


class Oracle:
    """QuantLib's American price of one contract, its objects made once."""

    def __init__(self, engine: str = "fixed point") -> None:
        """engine: `fixed point` (QdFp, high-precision scheme), `grid <n>` (finite differences, n steps and n nodes)."""
        day = ql.Date(1, 1, 2025)
        ql.Settings.instance().evaluationDate = day
        count = ql.Actual365Fixed()
        self._quotes = [ql.SimpleQuote(1.0) for _ in range(4)]
        spot, rate, yield_, vol = (ql.QuoteHandle(quote) for quote in self._quotes)
        self._process = ql.BlackScholesMertonProcess(
            spot,
            ql.YieldTermStructureHandle(ql.FlatForward(day, yield_, count)),
            ql.YieldTermStructureHandle(ql.FlatForward(day, rate, count)),
            ql.BlackVolTermStructureHandle(ql.BlackConstantVol(day, ql.NullCalendar(), vol, count)),
        )
        self._exercise = ql.AmericanExercise(day, ql.Date(1, 1, 2026))
        if engine == "fixed point":
            self._engine = ql.QdFpAmericanEngine(self._process, ql.QdFpAmericanEngine.highPrecisionScheme())
        else:
            size = int(engine.split()[1])
            self._engine = ql.FdBlackScholesVanillaEngine(self._process, size, size, 0)

    def price(self, *contract: Any) -> float:
        """Return the price of (spot, strike, years, rate, yield_, vol, is_call)."""
        spot, strike, years, rate, yield_, vol, is_call = contract
        inputs = (spot, rate * years, yield_ * years, vol * np.sqrt(years))
        for quote, value in zip(self._quotes, inputs, strict=True):
            quote.setValue(float(value))
        right = ql.Option.Call if is_call else ql.Option.Put
        option = ql.VanillaOption(ql.PlainVanillaPayoff(right, float(strike)), self._exercise)
        option.setPricingEngine(self._engine)
        return float(option.NPV())

    def implied(self, contract: Any, paid: float) -> float:
        """Return QuantLib's own implied volatility of a contract (its default engine and accuracy); NaN if it fails."""
        spot, strike, years, rate, yield_, _, is_call = contract
        for quote, value in zip(self._quotes, (spot, rate * years, yield_ * years, 0.2), strict=True):
            quote.setValue(float(value))
        right = ql.Option.Call if is_call else ql.Option.Put
        option = ql.VanillaOption(ql.PlainVanillaPayoff(right, float(strike)), self._exercise)
        try:
            found = option.impliedVolatility(paid, self._process, 1e-6, 200, 1e-4, 8.0)
        except RuntimeError:
            return float("nan")
        return float(found / np.sqrt(years))

    def prices(self, cases: Cases) -> F64:
        """Return the price of every case, (n,)."""
        return np.array([self.price(*one) for one in zip(*cases.arguments(), strict=True)])
