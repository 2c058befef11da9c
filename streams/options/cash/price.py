"""American and European prices, greeks and exercise boundaries of options on a spot that falls by cash dividends.

The spot model: the spot is a geometric Brownian motion of volatility vol between ex-dates, at an ex-date it falls by
the cash (to 0 where it is less than that: the liquidator). `yield_` is a continuous yield beside the cash (stock
loan, or 0). Nothing here turns cash into a yield; `yield_of_cash` does, by its name.

Two grids of NODES / 2 and NODES nodes are solved and extrapolated: (4 fine - coarse) / 3 is free of the error that
falls with the square of the grid's step. Accuracy and rate: docs/option_pricing.md.

theta follows from the equation itself: rate V - (rate - yield) S delta - vol^2 S^2 gamma / 2, and is 0 where exercise
is due.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streams.numerics.jit import entry
from streams.numerics.special import log
from streams.options.cash.base import present_value
from streams.options.cash.read import read_lanes
from streams.options.cash.solve import ROOM, backward, rows_of
from streams.options.status import BAD_INPUT, NO_TIME, NOT_A_NUMBER, OK, OUT_OF_RANGE

F64 = NDArray[np.float64]
U8 = NDArray[np.uint8]
Bool = NDArray[np.bool_]

NODES = 240
BLEND = 2e-4
"""Time value over strike below which the fine grid's value takes the place of the extrapolated one, in proportion: at
the edge of exercise an error depends on where the edge lies between nodes, and extrapolation makes it larger."""
LANES_MAX = 16
"""Options solved side by side."""
VOL_MIN, VOL_MAX = 0.01, 5.0
YEARS_MIN, YEARS_MAX = 1.0 / (365 * 86_400), 10.0
DEVIATION_MIN, DEVIATION_MAX = 1e-5, 6.0
RATE_SIZE_MAX = 1.0
CASH_DEVIATIONS_MAX = 20.0
"""The range of vol, years, vol * sqrt(years), of rate and yield's size, and of cash over strike in units of
vol * sqrt(years) that grids are made for: a grid does not resolve exercise that is due far away from the strike."""


@dataclass(frozen=True)
class CashDividends:
    """Cash to be paid a share: ex_years from now to the ex-date's opening, ascending; cash in quote currency.

    ValueError where they do not ascend, or a cash amount is not positive and finite. Past ones (<= 0) are left out by
    what reads them, as are those at or after expiry.
    """

    ex_years: tuple[float, ...] = ()
    cash: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if len(self.ex_years) != len(self.cash):
            raise ValueError(f"dividends need a time each, was {len(self.ex_years)} and {len(self.cash)}")
        if not all(before < after for before, after in zip(self.ex_years, self.ex_years[1:], strict=False)):
            raise ValueError(f"ex_years must ascend, was {self.ex_years}")
        if not all(0.0 < amount < np.inf for amount in self.cash):
            raise ValueError(f"cash must be > 0, was {self.cash}")

    def before(self, years: float) -> tuple[F64, F64]:
        """Return times and cash of those with 0 < time < years."""
        found = [pair for pair in zip(self.ex_years, self.cash, strict=True) if 0.0 < pair[0] < years]
        return np.array([time for time, _ in found]), np.array([amount for _, amount in found])


@dataclass(frozen=True)
class CashPrices:
    """What a solve gives, each of shape (n,); NaN where status is not ok (NO_TIME: price and delta stand)."""

    price: F64
    delta: F64
    gamma: F64
    theta: F64
    """Per year."""
    boundary: F64
    """Spot at (call: above, put: below) which exercise is due just before the next ex-date; NaN where nowhere."""
    status: U8


def cash_price(
    spot: F64 | float,
    strike: F64 | float,
    years: F64 | float,
    rate: F64 | float,
    yield_: F64 | float,
    vol: F64 | float,
    is_call: Bool | bool,
    dividends: CashDividends,
    american: Bool | bool = True,
) -> CashPrices:
    """Return prices and greeks in spot and time, shape (n,), broadcast of the inputs.

    spot, strike: quote currency. years: ACT/365. rate, yield_: continuous, per year. vol: per sqrt(year). NaN gives
    NaN and NOT_A_NUMBER; spot, strike or vol <= 0 and infinities BAD_INPUT; years <= 0 the exercise value and
    NO_TIME; what no grid is made for (VOL_MIN to CASH_DEVIATIONS_MAX) OUT_OF_RANGE. ValueError where shapes do not fit.
    """
    inputs = np.broadcast_arrays(
        *(
            np.atleast_1d(np.asarray(one, np.float64))
            for one in (spot, strike, years, rate, yield_, vol, is_call, american)
        )
    )
    s, k, t, r, q, v, call, early = inputs
    status = statuses_of(s, k, t, r, q, v, dividends)
    sign = np.where(call > 0.0, 1.0, -1.0)
    out = np.full((5, s.size), np.nan)
    terms = np.array([sign, np.where(early > 0.0, 1.0, 0.0), k, r, q, v])
    for rows in _groups(t, status):
        _solve(terms[:, rows], s[rows], float(t[rows[0]]), dividends, rows, out)
    late = status == NO_TIME
    out[0, late] = np.maximum(sign * (s - k), 0.0)[late]
    out[1, late] = (sign * (sign * (s - k) > 0.0))[late]
    return CashPrices(*out, status)


def statuses_of(s: F64, k: F64, t: F64, r: F64, q: F64, v: F64, dividends: CashDividends) -> U8:
    """Return what is wrong with inputs, each (n,), else OK; see cash_price."""
    total = np.zeros(s.shape)
    for when, amount in zip(dividends.ex_years, dividends.cash, strict=True):
        if when > 0.0:
            total += np.where(t > when, amount, 0.0)
    status = np.full(s.shape, OK, np.uint8)
    with np.errstate(invalid="ignore"):
        deviation = v * np.sqrt(np.maximum(t, 0.0))
        held = (v >= VOL_MIN) & (v <= VOL_MAX) & (t >= YEARS_MIN) & (t <= YEARS_MAX)
        held &= (deviation >= DEVIATION_MIN) & (deviation <= DEVIATION_MAX)
        held &= total <= CASH_DEVIATIONS_MAX * deviation * k
        status[~(held & (np.abs(r) <= RATE_SIZE_MAX) & (np.abs(q) <= RATE_SIZE_MAX))] = OUT_OF_RANGE
        status[t <= 0.0] = NO_TIME
        bad = ~((s > 0.0) & (k > 0.0) & (v > 0.0))
    status[bad | np.isinf(np.array([s, k, t, r, q, v])).any(axis=0)] = BAD_INPUT
    status[np.isnan(np.array([s, k, t, r, q, v])).any(axis=0)] = NOT_A_NUMBER
    return status


def _groups(years: F64, status: U8) -> Iterator[NDArray[np.int64]]:
    """Yield the rows of up to LANES_MAX options of one expiry, in the order of their years."""
    sound = np.flatnonzero(status == OK)
    order = sound[np.argsort(years[sound], kind="stable")]
    begin = 0
    while begin < order.size:
        end = begin + 1
        while end < order.size and end - begin < LANES_MAX and years[order[end]] == years[order[begin]]:
            end += 1
        yield order[begin:end]
        begin = end


def solve_lanes(
    terms: F64, low: F64, high: F64, years: float, ex_years: F64, cash: F64, kept_years: F64, nodes: int
) -> tuple[F64, F64, F64]:
    """Return spots (nodes, lanes), kept values (kept, nodes, lanes) and boundaries (dividends, lanes) of sound

    options.
    """
    lanes, rows = terms.shape[1], rows_of(len(cash), len(kept_years))
    spots, slices = np.empty((nodes, lanes)), np.empty((len(kept_years), nodes, lanes))
    boundary, spans = np.empty((len(cash), lanes)), np.empty((rows, lanes))
    room, counts = np.empty((ROOM, nodes, lanes)), np.empty((3, rows), np.int64)
    backward(
        np.ascontiguousarray(terms), low, high, years, ex_years, cash, kept_years,
        spots, slices, boundary, spans, counts, room,
    )  # fmt: skip
    return spots, slices, boundary


def _solve(terms: F64, spot: F64, years: float, dividends: CashDividends, rows: NDArray[np.int64], out: F64) -> None:
    """Fill the rows of out: price, delta, gamma, theta, boundary."""
    ex_years, cash = dividends.before(years)
    at = np.ascontiguousarray(spot)
    read = np.empty((2, 3, len(at)))
    for grid, nodes in enumerate((NODES // 2, NODES)):
        spots, slices, boundary = solve_lanes(terms, at, at, years, ex_years, cash, np.zeros(1), nodes)
        read_lanes(spots, slices[0], at, read[grid])
    sign, early, strike, rate, yield_, vol = terms
    exercise = sign * (at - strike)
    near = np.clip((read[1, 0] - exercise) / (BLEND * strike), 0.0, 1.0)
    share = np.where((early > 0.0) & (exercise > 0.0), near, 1.0)
    best = read[1] + share * (read[1] - read[0]) / 3.0
    due = (early > 0.0) & (read[1, 0] <= exercise)
    # No volatility takes an option beyond these; the extrapolation may, by its error.
    most = np.where(sign > 0.0, np.where(yield_ >= 0.0, at, np.inf), np.where(rate >= 0.0, strike, np.inf))
    best[0] = np.minimum(best[0], most)
    price = np.where(due, exercise, np.maximum(best[0], np.where(early > 0.0, np.maximum(exercise, 0.0), 0.0)))
    delta, gamma = np.where(due, sign, best[1]), np.where(due, 0.0, best[2])
    theta = rate * price - (rate - yield_) * at * delta - 0.5 * vol * vol * at * at * gamma
    out[:4, rows] = price, delta, gamma, np.where(due, 0.0, theta)
    if len(cash):
        out[4, rows] = boundary[0]


@entry
def _log(value: float) -> float:
    return log(value)


def yield_of_cash(spot: float, years: float, rate: float, dividends: CashDividends) -> float:
    """Return the continuous yield that gives the forward that the cash gives: an approximation, never made silently.

    -log(1 - PV / spot) / years, PV being the cash before expiry discounted at rate. On the cases of
    bench/pricing_cash.py it costs 0.058 in price at the median and 2.0 at worst, on a spot of 100. NaN where the cash
    is worth the spot or more, or years <= 0.
    """
    ex_years, cash = dividends.before(years)
    value = float(present_value(rate, ex_years, cash, 0.0))
    return -_log(1.0 - value / spot) / years if years > 0.0 and value < spot else float("nan")
