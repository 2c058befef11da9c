"""American options: how right and how fast, one setting for both; QuantLib in the same run.

Accuracy: 1,000 and more seeded cases, each regime at least 150 times, against QuantLib's high-precision fixed-point
engine; a share of them against a second engine that solves another equation (american_oracle.py). Speed: the
volatilities of a chain of 20 expiries, 60 strikes and both sides, its tables built anew every time. About a minute.
"""

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.american_oracle import second_price
from bench.context import Context
from bench.figures import Figure, at_least, below, interleaved
from streams.options import Status, american_greeks, american_iv, american_price, american_table
from streams.options.american import iv_on, price_on
from tests.american_cases import KINDS, Cases, Oracle, cases

F64 = NDArray[np.float64]

SECTION = "pricing_american"
CASES, SECOND = 1_200, 60
PRICE_WORST, PRICE_P99 = 1e-4, 5e-5
VOL_WORST, VOL_P99 = 5e-4, 5e-5
VOLS_A_SECOND_MIN = 150_000.0
ROUNDS_MIN = 9


def run(context: Context) -> None:
    """Measure errors, then speed."""
    accuracy(context)
    speed(context)
    context.note(f"{SECTION}: without fastvol 0.1.1, whose package is built from source and was not within 280 s")


def small(name: str, value: float, bound: float, note: str = "") -> Figure:
    """Return a figure in millionths, which must be below a bound."""
    return below(SECTION, name, 1e6 * value, "1e-6", 1e6 * bound, note=note)


def accuracy(context: Context) -> None:
    """Errors of prices on a spot of 100 and of volatilities, against two engines."""
    chosen = cases(context.size(CASES, 60), seed=4)
    context.say(f"{SECTION}: {chosen.spot.size} cases by QuantLib's high-precision scheme")
    truth = Oracle().prices(chosen)
    found = american_price(*chosen.arguments())
    error = np.where(found.status == Status.OK, np.abs(found.price - truth), np.inf)
    kinds = ", ".join(f"{name} {error[place :: len(KINDS)].max():.1e}" for place, name in enumerate(KINDS))
    note = f"{error.size} cases, worst by kind: {kinds}; median {np.median(error):.1e}"
    context.add(small("price error, worst", float(error.max()), PRICE_WORST, note))
    context.add(small("price error, p99", float(np.quantile(error, 0.99)), PRICE_P99))
    volatilities(context, chosen, truth)
    # Nineteen has no factor of the number of kinds: every kind has its share.
    some = np.arange(0, error.size, 19)[: context.size(SECOND, 4)]
    rows = list(zip(*(part[some].tolist() for part in chosen.arguments()), strict=True))
    second = np.array([second_price(row) for row in rows])
    apart = np.abs(second - truth[some])
    note = f"{some.size} of the cases; QuantLib is up to {apart.max():.1e} from it, median {np.median(apart):.1e}"
    context.add(small("price error, second engine", float(np.abs(found.price[some] - second).max()), PRICE_WORST, note))


def volatilities(context: Context, chosen: Cases, truth: F64) -> None:
    """Errors of volatilities of QuantLib's prices, and statuses where there is no time value."""
    spot, strike, years, rate, yield_, vol, is_call = chosen.arguments()
    found = american_iv(truth, spot, strike, years, rate, yield_, is_call)
    gain = np.where(is_call, spot - strike, strike - spot)
    told = (american_greeks(*chosen.arguments()).vega > 0.5) & (truth - np.maximum(gain, 0.0) > 1e-3)
    error = np.where(found.status == Status.OK, np.abs(found.vol - vol), np.inf)[told]
    note = f"{error.size} cases with vega > 0.5 and time value > 1e-3 on a spot of 100; median {np.median(error):.1e}"
    context.add(small("volatility error, worst", float(error.max()), VOL_WORST, note))
    context.add(small("volatility error, p99", float(np.quantile(error, 0.99)), VOL_P99))
    due = (gain > 0.0) & (truth == gain)
    wrong = int((found.status[due] != Status.AT_EXERCISE_VALUE).sum())
    note = f"{due.sum()} prices at exercise value"
    context.add(below(SECTION, "volatilities of prices at exercise value", float(wrong), "numbers", 1.0, note=note))


def chain(expiries: int = 20, strikes: int = 60) -> Cases:
    """Return a smile on a chain from 2 days to 13 months, calls and puts within three standard deviations."""
    times = 2.0 / 365.0 * (1.0 + np.arange(expiries)) ** 1.77
    years = np.repeat(times, 2 * strikes)
    place = np.tile(np.linspace(-1.0, 1.0, strikes), 2 * expiries)
    is_call = np.tile(np.repeat([True, False], strikes), expiries)
    strike = np.round(100.0 * np.exp(3.0 * 0.22 * place * np.sqrt(years)), 2)
    away = np.log(strike / 100.0) / np.sqrt(years)
    vol = 0.2 - 0.08 * away + 0.15 * away * away
    return Cases(
        np.full(years.size, 100.0), strike, years, 0.045 + 0.002 * years, np.full(years.size, 0.013), vol, is_call
    )


def timed(work: Callable[[], object], count: int, seconds: float) -> Callable[[], float]:
    """Return a function that gives options a second."""

    def rate() -> float:
        done, begun_s = 0, time.perf_counter()
        while (spent := time.perf_counter() - begun_s) < seconds or not done:
            work()
            done += count
        return done / spent if spent else 0.0

    return rate


def quantlib_vols(options: Cases, price: F64, rows: NDArray[np.int64]) -> Callable[[], Any]:
    """Return a function that has QuantLib imply the volatilities of some rows, as its users do."""
    oracle = Oracle()
    contracts = [tuple(part[row].item() for part in options.arguments()) for row in rows]
    prices = price[rows].tolist()
    return lambda: [oracle.implied(one, paid) for one, paid in zip(contracts, prices, strict=True)]


def speed(context: Context) -> None:
    """Volatilities of a chain, tables included; a table's build and reading; QuantLib beside it."""
    options = chain()
    spot, strike, years, rate, yield_, vol, is_call = options.arguments()
    price = american_price(*options.arguments()).price
    found = american_iv(price, spot, strike, years, rate, yield_, is_call)
    solved = found.status == Status.OK
    rows = np.flatnonzero(solved)[:: context.size(97, 800)]
    keys, group = np.unique(years, return_inverse=True)
    table = american_table(keys, 0.045 + 0.002 * keys, 0.013)
    seconds, count = 0.25 if not context.quick else 0.01, price.size
    runs = {
        "chain": timed(lambda: american_iv(price, spot, strike, years, rate, yield_, is_call), count, seconds),
        "QuantLib": timed(quantlib_vols(options, price, rows), rows.size, seconds),
        "read": timed(lambda: iv_on(table, group, price, spot, strike, is_call), count, seconds),
        "price": timed(lambda: price_on(table, group, spot, strike, vol, is_call), count, seconds),
        "greeks": timed(lambda: american_greeks(*options.arguments()), count, seconds),
        "build": timed(lambda: american_table(keys, 0.045 + 0.002 * keys, 0.013, 0.11, 0.39), 2 * keys.size, seconds),
    }
    rounds = max(context.rounds, ROUNDS_MIN) if not context.quick else 1
    middle = {name: statistics.median(values) for name, values in interleaved(rounds, runs.items()).items()}
    worst = float(np.abs(found.vol - vol)[solved].max())
    note = (
        f"{keys.size} expiries x 60 strikes x 2 sides, {solved.sum():,} with time value, tables built in every pass; "
        f"QuantLib's impliedVolatility {middle['QuantLib']:,.0f}/s on {rows.size} of them; back to {worst:.0e}; "
        f"median of {rounds} interleaved rounds"
    )
    ratio = middle["chain"] / middle["QuantLib"]
    context.add(
        at_least(
            SECTION, "volatilities, tables included", middle["chain"], "IV/s", VOLS_A_SECOND_MIN,
            ratio=ratio, peer="QuantLib", note=note,
        )
    )  # fmt: skip
    context.figure(SECTION, "volatilities from a table", middle["read"], "IV/s")
    context.figure(SECTION, "prices from a table", middle["price"], "prices/s")
    context.figure(SECTION, "greeks, three sets of tables included", middle["greeks"], "options/s")
    context.figure(
        SECTION, "boundaries of a side, volatility 10 % to 40 %", 1e6 / middle["build"], "us", note="9 volatility nodes"
    )
