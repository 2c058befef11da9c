"""Options on cash dividends: how right and how fast, one grid for both; QuantLib's finite differences in the same run.

Accuracy: 200 cases against a second engine, an integral over the normal distribution where exercise is possible at
ex-dates alone (Europeans, calls), QuantLib's fine grid extrapolated in time for American puts. Rate: chains of seven
expiries. Cached: quotes of a table's day, priced by solves on a grid four times as fine, and the volatility that the
table finds for them.
"""

import math
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.cash_oracle import Case, call_boundary, cases, quantlib_option, second_engine
from bench.context import Context
from bench.figures import Figure, at_least, below, interleaved
from streams.options.cash import CashDividends, CashMarket, CashTables, cash_price, new_tables, price_of, vol_of
from streams.options.cash import price as grids
from streams.options.cash.table import build_row
from streams.options.contracts.clock import DAY_NS
from streams.options.contracts.expiry import YEAR_NS
from streams.options.status import OK

F64 = NDArray[np.float64]

SECTION = "pricing_cash"
CASES = 200
WORST_MAX, P90_MAX, VOL_P99_MAX = 1.0, 0.3, 0.5
"""In thousandths: of price on a spot of 100, of volatility."""
RATE_MIN = 2_660.0
"""Prices a second of an earlier prototype, whose errors reached 8e-3."""
ROUNDS_MIN = 9
NOW_NS = 1_700_000_000_000_000_000
EXPIRY_DAYS = (7, 21, 45, 90, 180, 365, 730)
STRIKES = np.linspace(70.0, 140.0, 20)
EX_DAYS = (5, 96, 187, 278, 369, 460, 551, 642)


def run(context: Context) -> None:
    """Measure."""
    accuracy(context)
    exercise(context)
    rate(context)
    cached(context)


def ours(case: Case) -> float:
    """Return our price of a case."""
    dividends = CashDividends(tuple(day / 365 for day in case.ex_days), case.cash)
    found = cash_price(
        case.spot, case.strike, case.days / 365, case.rate, 0.0, case.vol, case.is_call, dividends, case.american
    )
    return float(found.price[0])


def accuracy(context: Context) -> None:
    """Compare prices with the second engine's."""
    drawn = cases(context.size(CASES, 10), seed=4)
    context.say(f"{SECTION}: {len(drawn)} cases by the second engine, a minute")
    errors = np.array([abs(ours(case) - second_engine(case)) for case in drawn])
    exact = np.array([case.is_integral for case in drawn])
    note = (
        f"{exact.sum()} by the integral (worst {errors[exact].max():.1e}), {(~exact).sum()} American puts by QuantLib "
        f"(worst {errors[~exact].max():.1e}); median {np.median(errors):.1e}, on a spot of 100"
    )
    context.add(below(SECTION, "price error, worst", 1e3 * float(errors.max()), "1e-3", WORST_MAX, note=note))
    context.add(below(SECTION, "price error, p90", 1e3 * float(np.quantile(errors, 0.9)), "1e-3", P90_MAX))


def exercise(context: Context) -> None:
    """Look for exercise before an ex-date where it is due, and only there."""
    draw = np.random.default_rng(9)
    right, count, apart = 0, context.size(200, 20), []
    for _ in range(count):
        after, vol, rate_ = draw.uniform(0.02, 0.5), math.exp(draw.uniform(-2.3, -0.5)), draw.uniform(0.0, 0.06)
        cash, ahead = draw.uniform(0.1, 3.0), 0.5 / 365
        truth = call_boundary(100.0, after, rate_, vol, cash)
        # The grid reaches four standard deviations from strike and spot: ask where the boundary is.
        spot = 100.0 if math.isnan(truth) else truth
        dividends = CashDividends((ahead,), (cash,))
        found = float(cash_price(spot, 100.0, ahead + after, rate_, 0.0, vol, True, dividends).boundary[0])
        right += math.isnan(truth) == math.isnan(found)
        if not (math.isnan(truth) or math.isnan(found)):
            apart.append(abs(found / truth - 1.0))
    note = (
        f"half a day ahead of the ex-date; due in {len(apart)} of {count}; the boundary is off by {max(apart):.1e} of "
        f"itself at worst, median {statistics.median(apart):.1e}"
    )
    goal = Figure(
        SECTION, "calls whose exercise is found or not, rightly", right / count, "", "1", right == count, note=note
    )
    context.add(goal)


def rate(context: Context) -> None:
    """Measure prices a second over chains, and QuantLib's on some of the same options."""
    dividends = CashDividends(tuple(day / 365 for day in EX_DAYS), (0.6,) * len(EX_DAYS))
    strikes, calls = np.tile(STRIKES, 2), np.repeat([True, False], len(STRIKES))
    options = []
    for days in EXPIRY_DAYS:
        ex_days = tuple(day for day in EX_DAYS if day < days)
        for k, call in ((80.0, True), (100.0, True), (100.0, False), (120.0, False)):
            options.append(Case(k, days, 0.05, 0.3, call, True, ex_days, (0.6,) * len(ex_days)))

    def chains() -> float:
        begun_s = time.perf_counter()
        for days in EXPIRY_DAYS:
            cash_price(100.0, strikes, days / 365, 0.05, 0.0, 0.3, calls, dividends)
        return len(EXPIRY_DAYS) * len(strikes) / (time.perf_counter() - begun_s)

    def alone() -> float:
        begun_s = time.perf_counter()
        for case in options:
            ours(case)
        return len(options) / (time.perf_counter() - begun_s)

    def quantlib(steps: int, nodes: int) -> Callable[[], float]:
        def price() -> float:
            made: list[Any] = [quantlib_option(case, steps, nodes) for case in options]
            begun_s = time.perf_counter()
            for option in made:
                option.NPV()
            return len(made) / (time.perf_counter() - begun_s)

        return price

    chains(), alone()
    runs = [("chains", chains), ("alone", alone), ("default", quantlib(100, 100)), ("fine", quantlib(400, 800))]
    rounds = context.size(max(ROUNDS_MIN, context.rounds), 1)
    speed = {name: statistics.median(values) for name, values in interleaved(rounds, runs).items()}
    truth = [ours(case) for case in options]
    misses = {
        name: max(
            abs(float(quantlib_option(case, *size).NPV()) - one) for case, one in zip(options, truth, strict=True)
        )
        for name, size in (("default", (100, 100)), ("fine", (400, 800)))
    }
    fine = speed["chains"] / speed["fine"]
    note = (
        f"{len(EXPIRY_DAYS)} expiries x {len(strikes)} options, up to {len(EX_DAYS)} dividends; QuantLib: "
        f"{speed['default']:,.0f}/s on its default grid (100 x 100, up to {misses['default']:.0e} off), "
        f"{speed['fine']:,.0f}/s on 400 x 800 (up to {misses['fine']:.0e} off; ours x {fine:,.0f}); "
        f"median of {rounds} interleaved rounds"
    )
    ratio = speed["chains"] / speed["default"]
    context.add(
        at_least(
            SECTION, "prices, chains", speed["chains"], "prices/s", RATE_MIN, ratio=ratio, peer="QuantLib", note=note
        )
    )
    context.figure(
        SECTION, "prices, one option a call", speed["alone"], "prices/s",
        ratio=speed["alone"] / speed["default"], peer="QuantLib",
    )  # fmt: skip


def cached(context: Context) -> None:
    """Measure tables: build, read, and the error of the volatilities read."""
    draw, errors, build_ms, quotes = np.random.default_rng(3), [], [], context.size(60, 6)
    for days, ex_days in ((180, (20, 110)), (45, (9,)), (30, (3,)), (14, (2,)), (7, (4,)), (3, (1,))):
        market = CashMarket(
            NOW_NS, 100.0, 0.05, 0.0, tuple(NOW_NS + day * DAY_NS for day in ex_days), (0.9,) * len(ex_days)
        )
        strikes = np.tile(100.0 * np.exp(0.3 * math.sqrt(days / 365) * np.array([-2.0, -1.0, -0.3, 0.3, 1.0, 2.0])), 2)
        tables = new_tables(strikes, np.repeat([True, False], 6), NOW_NS + days * DAY_NS)
        for row in range(len(strikes)):
            begun_s = time.perf_counter()
            build_row(tables, row, market, 0.3)
            build_ms.append(1e3 * (time.perf_counter() - begun_s))
        errors.append(vol_errors(tables, market, draw, quotes))
    every = np.concatenate(errors)
    note = (
        f"{every.size} quotes with vega > 0.5 and time value > 1e-3, any instant of the table's window, spot +- 1.5 %, "
        f"vol 18 % to 50 %; worst {every.max():.1e}, median {np.median(every):.1e}"
    )
    context.add(
        below(
            SECTION,
            "cached volatility error, p99",
            1e3 * float(np.quantile(every, 0.99)),
            "1e-3",
            VOL_P99_MAX,
            note=note,
        )
    )
    context.figure(
        SECTION, "table build", statistics.median(build_ms), "ms", note="14 solves of two grids, side by side"
    )
    rows = np.resize(np.arange(len(strikes)), context.size(50_000, 500))
    price = price_of(tables, rows, 100.0, 0.3, NOW_NS + 1).price
    speeds = []
    for _ in range(context.size(ROUNDS_MIN, 1)):
        begun_s = time.perf_counter()
        vol_of(tables, rows, price, 100.0, NOW_NS + 1)
        speeds.append(len(rows) / (time.perf_counter() - begun_s))
    context.figure(
        SECTION, "volatility and nine values read", statistics.median(speeds), "quotes/s", note="cold, no guess"
    )


def vol_errors(tables: CashTables, market: CashMarket, draw: np.random.Generator, quotes: int) -> F64:
    """Return errors of volatilities read, of quotes that a solve on a grid four times as fine gives."""
    nodes, grids.NODES = grids.NODES, 4 * grids.NODES
    rows = draw.integers(0, len(tables.strike), quotes)
    spots, vols = 100.0 * np.exp(draw.uniform(-0.015, 0.015, quotes)), draw.uniform(0.18, 0.5, quotes)
    events = NOW_NS + (draw.random(quotes) * (tables.end_ns[rows] - NOW_NS)).astype(np.int64)
    prices = np.empty(quotes)
    try:
        for i, (row, spot, vol, event_ns) in enumerate(zip(rows, spots, vols, events, strict=True)):
            dividends = CashDividends(tuple((ex_ns - int(event_ns)) / YEAR_NS for ex_ns in market.ex_ns), market.cash)
            years = (int(tables.expiry_ns[row]) - int(event_ns)) / YEAR_NS
            prices[i] = cash_price(
                spot, tables.strike[row], years, market.rate, 0.0, vol, tables.is_call[row], dividends
            ).price[0]
    finally:
        grids.NODES = nodes
    read = vol_of(tables, rows, prices, spots, events)
    value = np.maximum(np.where(tables.is_call[rows], spots - tables.strike[rows], tables.strike[rows] - spots), 0.0)
    clear = (price_of(tables, rows, spots, vols, events).vega > 0.5) & (prices - value > 1.1e-3)
    # A clear quote without a volatility counts as the worst there is.
    return np.asarray(np.where(read.status == OK, np.abs(read.vol - vols), 1.0)[clear])
