"""Chains whose truth is known: prices of QuantLib at a volatility by strike, and quotes around them with faults."""

from dataclasses import dataclass

import numpy as np
import QuantLib as ql
from numpy.typing import NDArray

from streams.options import Ladder, ladder
from streams.options.forward import Terms, terms

F64 = NDArray[np.float64]
Bool = NDArray[np.bool_]

SPOT, RATE = 100.0, 0.05
SECOND_NS = 1_000_000_000
START_NS = 1_700_000_000 * SECOND_NS


@dataclass(frozen=True)
class Truth:
    """A chain of n contracts on a spot of 100; vol: of each contract in the dividend model."""

    rungs: Ladder
    strike: F64
    is_call: Bool
    vol: F64
    price: F64
    of: Terms
    borrow: float
    forward: float


def smile(strike: F64, years: float) -> F64:
    x = np.log(strike / SPOT) / np.sqrt(years)
    out: F64 = np.clip(0.25 - 0.05 * x + 0.05 * x * x, 0.1, 1.0)
    return out


def price_by_quantlib(
    strike: float, is_call: bool, vol: float, of: Terms, borrow: float, american: bool = True
) -> float:
    """Return QuantLib's price on a spot of 100; of.years and ex_years must be whole days."""
    today = ql.Date(1, 1, 2024)
    ql.Settings.instance().evaluationDate = today
    count = ql.Actual365Fixed()
    process = ql.BlackScholesMertonProcess(
        ql.QuoteHandle(ql.SimpleQuote(SPOT)),
        ql.YieldTermStructureHandle(ql.FlatForward(today, borrow, count)),
        ql.YieldTermStructureHandle(ql.FlatForward(today, of.rate, count)),
        ql.BlackVolTermStructureHandle(ql.BlackConstantVol(today, ql.NullCalendar(), vol, count)),
    )
    last = today + round(of.years * 365)
    exercise = ql.AmericanExercise(today, last) if american else ql.EuropeanExercise(last)
    option = ql.VanillaOption(ql.PlainVanillaPayoff(ql.Option.Call if is_call else ql.Option.Put, strike), exercise)
    if of.pays:
        paid = [
            ql.FixedDividend(cash, today + round(when * 365)) for when, cash in zip(of.ex_years, of.cash, strict=True)
        ]
        option.setPricingEngine(ql.FdBlackScholesVanillaEngine(process, paid, 200, 400))
    elif american:
        option.setPricingEngine(ql.QdFpAmericanEngine(process, ql.QdFpAmericanEngine.highPrecisionScheme()))
    else:
        option.setPricingEngine(ql.AnalyticEuropeanEngine(process))
    return float(option.NPV())


def truth(
    days: int, borrow: float, ex_days: tuple[int, ...] = (), cash: float = 0.0, step: float = 2.5,
    american: bool = True, wide: float = 20.0,
) -> Truth:  # fmt: skip
    """Return a chain of both rights on strikes from 100 - wide to 100 + wide."""
    of = terms(days / 365, RATE, [day / 365 for day in ex_days], [cash] * len(ex_days))
    levels = np.arange(SPOT - wide, SPOT + wide + 0.1, step)
    strike, is_call = np.repeat(levels, 2), np.tile([False, True], levels.size)
    vol = smile(strike, of.years)
    parts = zip(strike.tolist(), is_call.tolist(), vol.tolist(), strict=True)
    price = np.array([price_by_quantlib(k, call, v, of, borrow, american) for k, call, v in parts])
    return Truth(ladder(strike, is_call), strike, is_call, vol, price, of, borrow, of.forward(SPOT, borrow))


def spread_of(price: F64, share: float = 0.01) -> F64:
    return np.maximum(0.02, share * price)


def faulty_quotes(one: Truth, draw: np.random.Generator, share: float = 0.01) -> tuple[F64, F64, F64]:
    """Return bids, asks (in cents) and ages: mids off by up to half a spread, a tenth stale, a tenth one-sided.

    A stale quote stands where the spot was half a dollar away, with an age of 0 to 200 s.
    """
    count, width = one.price.size, spread_of(one.price, share)
    mid = one.price + draw.uniform(-0.5, 0.5, count) * width
    age = draw.exponential(2.0, count)
    stale = draw.random(count) < 0.1
    mid = mid + np.where(stale, np.where(one.is_call, 0.5, -0.5) * draw.choice([-1.0, 1.0]), 0.0)
    age = np.where(stale, age + draw.uniform(0.0, 200.0, count), age)
    bid, ask = np.round(np.maximum(mid - 0.5 * width, 0.0), 2), np.round(mid + 0.5 * width, 2)
    lost = draw.random(count)
    return np.where(lost < 0.05, 0.0, bid), np.where((lost >= 0.05) & (lost < 0.1), np.nan, ask), age
