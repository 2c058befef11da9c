"""One expiry at one event: from quotes to forward, borrow, volatilities and the smile that enters a surface.

`slice_of` is what a stream calls for each expiry when its quotes have changed, at most every so often; it takes the
state that its last call returned, and its answer is a function of the two. In order: hygiene; a bounded number of table
builds; forward and borrow (expiry.py); the volatility of every contract and one volatility of each strike (figures.py).
Greeks are read on demand: `ExpirySlice.greeks`.

What a call costs is bounded. American exercise without cash before expiry builds at most two sets of boundaries, some
milliseconds, at the first call, then every few hours, or when the borrow jumps. Over cash each contract has a table of
its own, 2 ms to build: `builds_max` are built a call, near the money first, and `due` says how many wait; 0 for all
expiries but one in turn staggers them. A contract without its table has OUT_OF_RANGE and no volatility.
"""

from dataclasses import dataclass, field, fields, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from streams.options.arrays import columns
from streams.options.cash import new_tables
from streams.options.contracts.expiry import YEAR_NS
from streams.options.forward.borrow import Borrow
from streams.options.forward.carry import Terms
from streams.options.forward.cash_exercise import BORROW_HELD, CashExercise, refresh
from streams.options.forward.exercise import EuropeanExercise, Exercise, Point
from streams.options.forward.expiry import ExpiryForward, expiry_forward
from streams.options.forward.figures import Figures, Smile, quote_figures, smile_of
from streams.options.greeks import Greeks
from streams.options.hygiene.measure import Hygiene, quote_hygiene
from streams.options.ladder import CALL, NONE, PUT, Ladder

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

BUILDS_MAX = 2
MINUTE_NS = 60_000_000_000
GUESS = 0.3
NO_VOLS = np.empty(0)


@dataclass(frozen=True)
class SliceState:
    """What one expiry carries from call to call; SliceState() is the first. Tables in it belong to one task."""

    borrow: Borrow = field(default_factory=Borrow)
    forward: float = float("nan")
    """The last one, quote currency."""
    exercise: Exercise | None = None
    vol: F64 = field(default_factory=lambda: NO_VOLS)
    """(n,) the last volatility of each contract, NaN where there was none: where tables are built around."""
    ratio: F64 = field(default_factory=lambda: NO_VOLS)
    """(n,) Black's volatility over the model's as last found, NaN where there was none."""
    dividends: tuple[tuple[int, float], ...] = ()
    """Minute and cash of the dividends that the tables were built for."""


@dataclass(frozen=True)
class ExpirySlice:
    """An expiry at an event: n contracts in the ladder's order, m strikes ascending."""

    forward: ExpiryForward
    """Forward, borrow, bounds, quality, status; its point and exercise serve quote_figures between two slices."""
    hygiene: Hygiene
    """Bits, quality and violations of each quote, (n,)."""
    rungs: Ladder
    figures: Figures
    """American (or European) volatility, status, half spread and Black's volatility of each contract, (n,)."""
    smile: Smile
    """k, vol, half_spread and quality of each strike, each (m,): what a surface is fitted to, weighed by
    quality / half_spread^2."""
    builds: int
    """Tables of single contracts that were built in this call."""
    due: int
    """How many more wait for one."""

    def greeks(self) -> Greeks:
        """Return price and eight greeks of each contract at `figures.used`, (n,)."""
        strike, is_call, rows, _ = columns_of(self.rungs)
        return self.forward.exercise.greeks(self.forward.point, self.figures.used, strike, is_call, rows)


def slice_of(
    rungs: Ladder, bid: ArrayLike, ask: ArrayLike, age_s: ArrayLike, of: Terms, under_bid: float, under_ask: float, *,
    american: bool, event_ns: int, state: SliceState | None = None, neighbour: float = float("nan"),
    suspicious: ArrayLike = False, stale_s: float | None = None, builds_max: int = BUILDS_MAX,
    spot_then: ArrayLike = np.nan,
) -> tuple[ExpirySlice, SliceState]:  # fmt: skip
    """Return an expiry's slice at an event, and the state for its next call.

    rungs: the ladder of the expiry's n contracts, made once. bid, ask: (n,) quote currency; 0, negative or NaN: no such
    side. age_s: (n,) seconds of event time since the last update, NaN: never. of: terms(years, rate, ex_years, cash) at
    this event: ACT/365 to expiry, zero rate of the dated curve, dividends declared and forecast. under_bid, under_ask:
    what the spot can be dealt at, NaN: no spot, and the forward is parity's alone (an index that is not dealt in: its
    level twice). american: style of exercise. neighbour: a neighbouring expiry's borrow, used until parity says
    better; NaN: 0. stale_s: stale_age of the whole chain, else of this expiry. builds_max: see the module's head.
    spot_then: (n,) the middle of the underlying when each contract was quoted, NaN: not known.

    A state of another ladder loses its tables and keeps its borrow. Expiry now or past: NaN and NO_TIME, hygiene
    stands. ValueError where shapes do not fit or builds_max is negative; bad quotes raise nothing.
    """
    if builds_max < 0:
        raise ValueError(f"builds_max must be >= 0, was {builds_max}")
    before = state or SliceState()
    prior = before.borrow
    if not prior.measured and np.isfinite(neighbour):
        prior = Borrow(neighbour)
    bids, asks, ages = columns(*(np.asarray(one, np.float64) for one in (bid, ask, age_s)))
    dealt, discount = (under_bid, under_ask), 1.0
    if not american:
        # The forward is worth as much as the borrow that it is carried by: without one nothing is said about exercise.
        known = prior.mean if prior.measured else np.nan
        dealt, discount = (of.forward(under_bid, known), of.forward(under_ask, known)), of.discount
    judged = quote_hygiene(
        rungs, bids, asks, ages, *dealt, discount=discount if discount > 0.0 else 1.0, suspicious=suspicious,
        stale_s=stale_s,
    )  # fmt: skip
    way, builds, due = before.exercise, 0, 0
    if american and of.pays and of.years > 0.0:
        spot = 0.5 * (under_bid + under_ask)
        way, builds, due = _tables(before, prior, rungs, bids, asks, of, spot, event_ns, builds_max)
    found = expiry_forward(
        rungs, bids, asks, judged, of, under_bid, under_ask, american=american, age_s=ages, event_ns=event_ns,
        prior=prior, exercise=way, spot_then=spot_then,
    )  # fmt: skip
    point, way = found.point, found.exercise
    strike, is_call, rows, others = columns_of(rungs)
    figures = quote_figures(bids, asks, strike, is_call, rows, point, way, others)
    smile = smile_of(rungs, figures, judged, point)
    kept = np.where(np.isnan(figures.used), _sized(before.vol, rungs.count), figures.used)
    ratio = figures.black / figures.vol
    ratio = np.where(np.isnan(ratio), _sized(before.ratio, rungs.count), ratio)
    last = found.forward if found.forward > 0.0 else before.forward
    after = SliceState(found.known, last, way, kept, ratio, _dividends(of, event_ns))
    return ExpirySlice(found, judged, rungs, figures, smile, builds, due), after


def build_tables(
    rungs: Ladder, bid: F64, ask: F64, of: Terms, spot: float, *, event_ns: int, state: SliceState, builds_max: int
) -> tuple[SliceState, int, int]:
    """Build tables over cash between two slices, as slice_of would; return state, builds, and how many still wait."""
    way, builds, due = _tables(state, state.borrow, rungs, bid, ask, of, spot, event_ns, builds_max)
    return replace(state, exercise=way, dividends=_dividends(of, event_ns)), builds, due


def _tables(
    before: SliceState, prior: Borrow, rungs: Ladder, bids: F64, asks: F64, of: Terms, spot: float, event_ns: int,
    builds_max: int,
) -> tuple[CashExercise, int, int]:  # fmt: skip
    """Return exercise over cash at an event, with some more of its tables built; how many, and how many are due."""
    start = of.forward(spot, prior.mean)
    point = Point(of, start if start > 0.0 else before.forward, prior.mean)
    held = _held(before, rungs, _dividends(of, event_ns), point, event_ns)
    if not point.forward > 0.0:
        return held, 0, 0
    around = _around(before, rungs, bids, asks, point)
    # Noise in the borrow is no reason to build.
    apart = max(BORROW_HELD, 0.5 * prior.deviation * of.years) if prior.measured else BORROW_HELD
    return refresh(held, point, event_ns, around, builds_max, apart)


def columns_of(rungs: Ladder) -> tuple[F64, NDArray[np.bool_], I64, I64]:
    """Return strike (NaN for a contract on no rung), right, index, and other right (-1: none) of a ladder's contracts.

    Each (n,): what quote_figures takes.
    """
    strike, is_call = np.full(rungs.count, np.nan), np.zeros(rungs.count, np.bool_)
    others = np.full(rungs.count, NONE, np.int64)
    for side in (PUT, CALL):
        there = rungs.contract[side] >= 0
        at = rungs.contract[side][there]
        strike[at], is_call[at], others[at] = rungs.strikes[there], side == CALL, rungs.contract[1 - side][there]
    return strike, is_call, np.arange(rungs.count, dtype=np.int64), others


def _sized(vol: F64, count: int) -> F64:
    return vol if vol.size == count else np.full(count, np.nan)


def _dividends(of: Terms, event_ns: int) -> tuple[tuple[int, float], ...]:
    """Return minute and cash of the dividends before expiry: alike from event to event while nothing is announced."""
    ahead = (of.ex_years > 0.0) & (of.ex_years < of.years) & (of.cash > 0.0)
    pairs = zip(of.ex_years[ahead].tolist(), of.cash[ahead].tolist(), strict=True)
    return tuple((round((event_ns + years * YEAR_NS) / MINUTE_NS), cash) for years, cash in pairs)


def _held(
    before: SliceState, rungs: Ladder, paid: tuple[tuple[int, float], ...], point: Point, event_ns: int
) -> CashExercise:
    """Return the state's tables where they are of these dividends and this ladder, or its first contracts; else none.

    Contracts that are listed later have empty tables.
    """
    way, (strike, is_call, _, _) = before.exercise, columns_of(rungs)
    kept = way.tables if isinstance(way, CashExercise) and before.dividends == paid else None
    count = 0 if kept is None else kept.strike.size
    same = kept is not None and np.array_equal(kept.is_call, is_call[:count])
    if kept is None or not (same and np.array_equal(kept.strike, strike[:count], equal_nan=True)):
        return CashExercise(new_tables(strike, is_call, event_ns + round(point.terms.years * YEAR_NS), True), event_ns)
    if count == rungs.count:
        return way
    tables = new_tables(strike, is_call, int(kept.expiry_ns[0]), True)
    for one in fields(kept):
        getattr(tables, one.name)[:count] = getattr(kept, one.name)
    return CashExercise(tables, event_ns)


def _around(before: SliceState, rungs: Ladder, bid: F64, ask: F64, point: Point) -> F64:
    """Return the volatility to build each contract's table around, (n,): the last one, else Black's by strike.

    Where a strike has none, the nearest strike's; where none has, GUESS.
    """
    last = _sized(before.vol, rungs.count)
    if not np.isnan(last).any():
        return last
    strike, is_call, rows, others = columns_of(rungs)
    outer = is_call == (strike >= point.forward)
    mid = np.where(outer & (bid > 0.0) & (ask >= bid) & (ask < np.inf), 0.5 * (bid + ask), np.nan)
    guess = EuropeanExercise().vols(point, mid, strike, is_call, rows).vol
    guess = np.where(np.isnan(guess) & (others >= 0), guess[others], guess)
    known = np.where(np.isnan(last), guess, last)
    sure = np.flatnonzero(known > 0.0)
    for row in np.flatnonzero(~(known > 0.0) & (strike > 0.0)).tolist():
        known[row] = known[sure[np.argmin(np.abs(strike[sure] - strike[row]))]] if sure.size else GUESS
    return known
