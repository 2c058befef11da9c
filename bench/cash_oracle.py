"""Second engines for options on a spot that falls by cash:

an integral (exact, few exercise dates) and QuantLib's grids.
"""

import math
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
ql: Any = import_module("QuantLib")
"""Imported by name: it ships no types."""


@dataclass(frozen=True)
class Case:
    """An option on a spot of 100; times are whole days for QuantLib's sake."""

    strike: float
    days: int
    rate: float
    vol: float
    is_call: bool
    american: bool
    ex_days: tuple[int, ...]
    cash: tuple[float, ...]
    spot: float = 100.0

    @property
    def is_integral(self) -> bool:
        """Return whether it is exercised at ex-dates alone: a European's never, a call's without yield only there."""
        return not self.american or (self.is_call and self.rate >= 0.0)


def cases(count: int, seed: int = 11) -> list[Case]:
    """Return cases of a few days to two years, vol 8 % to 80 %, quarterly dividends of 0.1 to 2.5 %, four fifths

    American.
    """
    draw = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        strike = 100.0 * math.exp(draw.normal() * 0.15)
        days = int(draw.choice([5, 20, 45, 90, 180, 365, 730])) + int(draw.integers(0, 8))
        rate = float(draw.choice([0.0, 0.01, 0.05, 0.055]))
        vol = math.exp(draw.uniform(math.log(0.08), math.log(0.8)))
        is_call, american = bool(draw.random() < 0.5), bool(draw.random() < 0.8)
        first = int(draw.integers(1, min(91, days - 1)))
        ex_days = tuple(range(first, days, 91))
        cash = (float(draw.uniform(0.1, 2.5)),) * len(ex_days)
        found.append(Case(strike, days, rate, vol, is_call, american, ex_days, cash))
    return found


def integral(case: Case, nodes: int = 24_000, quantiles: int = 481) -> float:
    """Return the price by integration over the normal distribution from ex-date to ex-date, exercise at each."""
    z = np.linspace(-8.5, 8.5, quantiles)
    weights = np.exp(-0.5 * z * z)
    weights /= weights.sum()
    grid = np.linspace(math.log(1e-3), math.log(case.spot * 60.0), nodes)
    spots, sign = np.exp(grid), 1.0 if case.is_call else -1.0
    dates = [0.0, *(day / 365 for day in case.ex_days), case.days / 365]

    def before(later: F64, gone: float, paid: float, at: F64) -> F64:
        left = at - paid
        ruined = 0.0 if case.is_call else case.strike * math.exp(-case.rate * gone)
        held = np.where(left <= spots[0], ruined, np.interp(np.log(np.maximum(left, spots[0])), grid, later))
        beyond = np.maximum(left - spots[-1], 0.0) if case.is_call else 0.0
        return np.maximum(held + beyond, sign * (at - case.strike) if case.american else 0.0)

    values = np.empty(0)
    for k in range(len(dates) - 1, 0, -1):
        apart = dates[k] - dates[k - 1]
        at = spots if k > 1 else np.array([case.spot])
        steps = np.exp((case.rate - 0.5 * case.vol**2) * apart + case.vol * math.sqrt(apart) * z)
        total = np.zeros(len(at))
        for step, weight in zip(steps, weights, strict=True):
            if k == len(dates) - 1:
                total += weight * np.maximum(sign * (at * step - case.strike), 0.0)
            else:
                total += weight * before(values, dates[-1] - dates[k], case.cash[k - 1], at * step)
        values = total * math.exp(-case.rate * apart)
    price = float(values[0])
    return max(price, sign * (case.spot - case.strike)) if case.american else price


def quantlib_option(case: Case, steps: int, nodes: int) -> Any:
    """Return QuantLib's option with its finite-difference engine, cash dividends under the spot model."""
    today = ql.Date(1, 1, 2020)
    ql.Settings.instance().evaluationDate = today
    count = ql.Actual365Fixed()
    curve = [ql.YieldTermStructureHandle(ql.FlatForward(today, rate, count)) for rate in (0.0, case.rate)]
    vol = ql.BlackVolTermStructureHandle(ql.BlackConstantVol(today, ql.NullCalendar(), case.vol, count))
    process = ql.BlackScholesMertonProcess(ql.QuoteHandle(ql.SimpleQuote(case.spot)), *curve, vol)
    dividends = ql.DividendVector([today + day for day in case.ex_days], list(case.cash))
    payoff = ql.PlainVanillaPayoff(ql.Option.Call if case.is_call else ql.Option.Put, case.strike)
    end = today + case.days
    exercise = ql.AmericanExercise(today, end) if case.american else ql.EuropeanExercise(end)
    option = ql.VanillaOption(payoff, exercise)
    engine = ql.FdBlackScholesVanillaEngine
    scheme = ql.FdmSchemeDesc.Douglas()
    option.setPricingEngine(engine(process, dividends, steps, nodes, 2, scheme, False, -1e300, engine.Spot))
    return option


def quantlib_price(case: Case, steps: int, nodes: int) -> float:
    """Return QuantLib's price."""
    return float(quantlib_option(case, steps, nodes).NPV())


def second_engine(case: Case) -> float:
    """Return a converged price: the integral where it is exact, else QuantLib's, extrapolated in its time step."""
    if case.is_integral:
        return integral(case)
    rough, fine = (quantlib_price(case, steps, 1200) for steps in (800, 1600))
    return 2.0 * fine - rough


def black(spot: float, strike: float, years: float, rate: float, vol: float) -> float:
    """Return Black-Scholes of a call without dividends, by the C library's erfc."""
    deviation = vol * math.sqrt(years)
    d1 = (math.log(spot / strike) + rate * years) / deviation + 0.5 * deviation
    n1, n2 = (0.5 * math.erfc(-d / math.sqrt(2.0)) for d in (d1, d1 - deviation))
    return spot * n1 - strike * math.exp(-rate * years) * n2


def call_boundary(strike: float, years_after: float, rate: float, vol: float, cash: float) -> float:
    """Return the spot above which a call is exercised before its last dividend, NaN where it never is; bisection."""
    if cash <= strike * (1.0 - math.exp(-rate * years_after)):
        return math.nan
    low, high = strike + 1e-9, strike * 10.0
    while high - low > 1e-10:
        middle = 0.5 * (low + high)
        due = middle > cash and black(middle - cash, strike, years_after, rate, vol) <= middle - strike
        low, high = (low, middle) if due else (middle, high)
    return low
