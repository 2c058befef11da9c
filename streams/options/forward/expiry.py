"""The forward and the borrow of one expiry from put-call parity, whatever the style of exercise.

American prices first lose their premium of early exercise: a strike's volatility is that of its right out of the
money, both rights' premiums follow from it, parity of what is left gives the forward, and a new forward new premiums,
until it moves by less than 0.1 basis points. Strikes that are exercised at once say nothing and are left out.

    quality = share x n / (n + 2) x 1 / (1 + deviation / 5 bp) x mean worth of the rights, / 4 for BOUNDS

share: of the weight of the strikes asked, what agrees on the region; n: how many strikes that are; deviation: of
parity (deviation.py: it grows with the quotes' age and with how few they are), of BOUNDS a quarter of their distance.
CARRIED has quality 0. What was known of the borrow before joins in: borrow.py.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from streams.options.contracts.clock import SECOND_NS
from streams.options.forward.borrow import RENEWED_NS, Borrow, joined
from streams.options.forward.boundary import boundary_exercise
from streams.options.forward.carry import Terms, growth
from streams.options.forward.cash_exercise import CashExercise, cash_exercise
from streams.options.forward.deviation import LEVEL_LAG_S, aged, deviation_of, moved, moved_on, told_of
from streams.options.forward.exercise import EuropeanExercise, Exercise, Point
from streams.options.forward.status import ForwardStatus
from streams.options.forward.synthetic import (
    DEVIATION,
    HIGH,
    LOW,
    MIDDLE,
    SHARE,
    STRADDLE_TO_DEVIATION,
    USED,
    Rungs,
    agreed,
    near_the_money,
    rungs_of,
    synthetic,
)
from streams.options.hygiene.measure import Hygiene
from streams.options.ladder import CALL, PUT, Ladder
from streams.options.status import OK

F64 = NDArray[np.float64]

ROUNDS_MAX = 8
ENOUGH = 1e-5
"""0.1 basis points: a forward that moves by less has settled."""
STRIKES_MAX = 24
CASH_STRIKES_MAX = 8
"""Strikes that are asked; fewer where each costs tables of its own."""
DEVIATION_BP = 5.0
"""A forward of this deviation has half the quality."""
BOUNDS_WORTH = 0.25
CENT = 0.002
"""A forward is never taken for better known than a cent's rounding allows, quote currency."""
BOUNDS_STRIKES = 2
"""Nearest strikes whose single sides bound an American expiry's forward."""
CROSSED_MAX = 1e-3
"""Share of the forward by which such bounds may cross."""
UNKNOWN = Borrow()


@dataclass(frozen=True)
class ExpiryForward:
    """An expiry's forward, NaN where there is none; prices in quote currency, borrow per 1.00 and year."""

    forward: float
    low: float
    """The most it can be sold at, by the strikes that agree, old ones widened by their age; -inf: no quotes say."""
    high: float
    deviation_bp: float
    """How well it is known, basis points of itself: of BOUNDS a quarter of their distance, NaN for CARRIED."""
    spot: float
    """The middle of what the spot can be dealt at, or, without one, implied by forward and borrow."""
    borrow: float
    """By parity of this event: carry left beyond rate and cash; NaN without a spot or without parity."""
    borrow_low: float
    borrow_high: float
    """The borrow at the region's two ends."""
    strikes: int
    """How many strikes agree."""
    quality: float
    age_s: float
    """Mean age of the quotes that agree, each strike by its older right; NaN where there are none."""
    status: ForwardStatus
    rounds: int
    known: Borrow
    """The borrow with its deviation, this event's and those before: to be handed in at the next event."""
    point: Point
    """The forward with the borrow that models carry by."""
    exercise: Exercise
    """The way of exercise at that point, with its tables: to be handed in at the next event."""

    @property
    def width_bp(self) -> float:
        """Return the width of the region in basis points of the forward."""
        return (self.high - self.low) / self.forward * 1e4


@dataclass(frozen=True)
class Case:
    """What the steps of one forward share."""

    of: Terms
    spot: float
    spot_deviation: float
    prior: Borrow
    """As of this event."""
    kept: Borrow
    """The same as it was handed in: what is known where nothing is measured."""
    american: bool
    event_ns: int
    exercise: Exercise | None
    count: int
    age_s: F64
    aged_s: F64
    """The age that makes a quote less sure, (n,)."""
    by: F64
    """How far the forward has moved since each contract's quote, (n,) quote currency, 0 where that is not known."""

    def way(self, point: Point) -> Exercise | None:
        """Return the exercise that was handed in where it is of the right kind, fitted to a point, else None."""
        if not self.american:
            return EuropeanExercise()
        given = self.exercise
        if given is None or isinstance(given, EuropeanExercise) or isinstance(given, CashExercise) != self.of.pays:
            return None if self.of.pays else boundary_exercise(point)
        return given.fitted(point)


class Parity(NamedTuple):
    """What parity of an event says. deviation: quote currency. vol: at the money. age_s: (2, n) of those that agree."""

    forward: float
    deviation: float
    vol: float
    age_s: F64


def expiry_forward(
    rungs: Ladder, bid: ArrayLike, ask: ArrayLike, hygiene: Hygiene, of: Terms, under_bid: float, under_ask: float, *,
    american: bool, age_s: ArrayLike = np.nan, event_ns: int = 1, prior: Borrow = UNKNOWN,
    exercise: Exercise | None = None, spot_then: ArrayLike = np.nan,
) -> ExpiryForward:  # fmt: skip
    """Return the forward of an expiry.

    bid, ask: (n,) quote currency, of the contracts of the ladder; hygiene: theirs; age_s: (n,) seconds, NaN: new; they
    make the forward less sure (deviation.py). under_bid, under_ask: what the spot can be dealt at, NaN: not known; one
    price twice is a level or a last trade, which lags. prior: what was known of the borrow at an earlier event of this
    expiry (`known` of that result), or Borrow(mean) of a neighbour. exercise: that of an earlier event, tables and all.
    spot_then: (n,) the middle of the underlying when each contract was quoted, NaN: not known.
    ValueError where shapes do not fit; quotes that are no numbers are left out.
    """
    sides = [np.asarray(one, np.float64) for one in (bid, ask, hygiene.quality)]
    if any(one.shape != (rungs.count,) for one in sides):
        raise ValueError(f"quotes must be of shape ({rungs.count},), were {[one.shape for one in sides]}")
    spot = 0.5 * (under_bid + under_ask)
    known = prior.at(event_ns)
    ages, then = (np.broadcast_to(np.asarray(one, np.float64), (rungs.count,)) for one in (age_s, spot_then))
    move, aged_s = told_of(spot, then, ages)
    by = move * float(growth(of.years, of.rate - known.mean))
    # A side is within half a spread of the middle: a deviation of a quarter of the spread.
    half = 0.25 * abs(under_ask - under_bid)
    case = Case(of, spot, half, known, prior, american, event_ns, exercise, rungs.count, ages, aged_s, by)
    if not (of.years > 0.0 and np.isfinite(of.rate)):
        return _without(case, np.nan, (-np.inf, np.inf), ForwardStatus.NO_TIME)
    every = rungs_of(rungs, sides[0], sides[1], sides[2], hygiene.bits)
    # Early-exercise premiums cancel at the money, so raw parity is near enough to begin.
    start = of.forward(spot, known.mean)
    if not start > 0.0:
        whole = every.some(every.two_sided)
        start = float(agreed(*synthetic(whole, of.discount), whole.weight)[MIDDLE])
    near = near_the_money(every, start, of.discount, CASH_STRIKES_MAX if american and of.pays else STRIKES_MAX)
    if not near.strikes.size:
        return _from_bounds(every, case)
    return _settle(near, start, case)


def _settle(near: Rungs, start: float, case: Case) -> ExpiryForward:
    """Iterate forward and premiums over the strikes near the money."""
    of, point, way = case.of, Point(case.of, start, case.prior.mean, case.prior.deviation), case.exercise
    status, rounds, known = ForwardStatus.NOT_SETTLED, 0, case.kept
    weight, ages, by = near.weight, case.aged_s[near.rows], case.by[near.rows]
    for rounds in range(1, ROUNDS_MAX + 1):
        way = (way.fitted(point) if rounds > 1 and way is not None else case.way(point)) or _new_cash(near, case, point)
        premium, sure, vols = _premiums(near, point, way)
        weight = np.where(sure, near.weight, 0.0)
        if not weight.any():
            premium, weight, status = np.zeros_like(premium), near.weight, ForwardStatus.NO_PREMIUM
        vol = _vol_of(near, vols, point)
        dealt = moved_on(synthetic(near, of.discount, premium), near.strikes, by, point.forward, vol, of.years)
        wide = aged(*dealt, near.strikes, ages, weight, point.forward, vol, of.years)
        found = agreed(wide.low, wide.high, weight)
        agree = (wide.low <= found[HIGH]) & (wide.high >= found[LOW]) & (weight > 0.0)
        deviation = deviation_of(
            float(found[DEVIATION]), dealt, wide, agree, near.strikes, ages, float(found[MIDDLE]), vol, of.years
        )
        parity = Parity(float(found[MIDDLE]), max(deviation, CENT), vol, case.age_s[near.rows[:, agree]])
        strain = way.strain(point, near.rows.ravel()) if status != ForwardStatus.NO_PREMIUM else np.inf
        forward, deviation, known = _meet(parity, case, strain)
        moved_by, now = abs(forward - point.forward), known.at(case.event_ns)
        point = Point(of, forward, now.mean, now.deviation)
        if status == ForwardStatus.NO_PREMIUM:
            break
        if moved_by < ENOUGH * point.forward:
            status = ForwardStatus.OK
            break
    assert way is not None
    worth, used = mean(np.sqrt(weight[agree])), int(found[USED])
    own_bp = parity.deviation / point.forward * 1e4
    quality = found[SHARE] * used / (used + 2.0) / (1.0 + own_bp / DEVIATION_BP) * worth
    measured = [of.borrow(case.spot, float(found[end])) for end in (MIDDLE, HIGH, LOW)]
    spot = case.spot if case.spot > 0.0 else point.spot
    return ExpiryForward(
        point.forward, float(found[LOW]), float(found[HIGH]), deviation / point.forward * 1e4, spot, *measured, used,
        float(quality), mean(parity.age_s.max(axis=0)), status, rounds, known, point, way.fitted(point),
    )  # fmt: skip


def mean(values: F64) -> float:
    """Return the mean of (n,) numbers, n > 0, summed one after the other: the same bits on every machine."""
    total = 0.0
    for one in values.tolist():
        total += one
    return total / values.size


def _meet(parity: Parity, case: Case, strain: float) -> tuple[float, float, Borrow]:
    """Return forward and deviation of parity and what was known before, and the borrow that is known now.

    strain: how far parity may be off for its tables; infinite: the premium is in it, and it says nothing of the borrow.
    """
    years, of, known = case.of.years, case.of, case.kept
    if strain == np.inf:
        return parity.forward, parity.deviation, known
    deviation = float(np.sqrt(parity.deviation * parity.deviation + strain * strain))
    level = moved(LEVEL_LAG_S, case.spot, parity.vol) if case.spot_deviation == 0.0 else case.spot_deviation
    ages_ns = np.where(parity.age_s > 0.0, parity.age_s, 0.0).ravel() * SECOND_NS
    if not known.measured or ages_ns.min() < case.event_ns - known.event_ns:
        both = float(np.sqrt(deviation * deviation + level * level)) / (parity.forward * years)
        value, renewed_ns = of.borrow(case.spot, parity.forward), max(RENEWED_NS, mean(ages_ns))
        known = case.prior.met_by(value, both, case.event_ns, years, renewed_ns)
    if not case.prior.measured:
        return parity.forward, deviation, known
    apart = case.prior.deviation * years * case.spot
    other = float(np.sqrt(level * level + apart * apart + CENT * CENT))
    return *joined(parity.forward, deviation, of.forward(case.spot, case.prior.mean), other), known


def _premiums(near: Rungs, point: Point, way: Exercise) -> tuple[F64, NDArray[np.bool_], F64]:
    """Return premiums, (2, w), at the volatility of the right out of the money; where both are known; that volatility.

    The latter two of shape (w,).
    """
    calls = near.strikes >= point.forward
    side = calls.astype(np.int64)
    at = np.arange(side.size)
    mid, rows = near.mid[side, at], near.rows[side, at]
    vol = way.vols(point, mid, near.strikes, calls, rows).vol
    strikes, rights = np.tile(near.strikes, 2), np.repeat([PUT, CALL], side.size) == CALL
    found = way.premiums(point, np.tile(vol, 2), strikes, rights, near.rows.ravel())
    premium, status = (one.reshape(2, side.size) for one in found)
    known = (status[PUT] == OK) & (status[CALL] == OK) & (vol > 0.0)
    return np.where(known, premium, 0.0), known, vol


def _vol_of(near: Rungs, vols: F64, point: Point) -> float:
    """Return the volatility of the strike nearest to the forward that has one, else its straddle's; NaN: none."""
    order = np.argsort(np.abs(near.strikes - point.forward), kind="stable")
    sure = order[vols[order] > 0.0]
    if sure.size:
        return float(vols[sure[0]])
    straddle = float(near.mid[PUT, order[0]] + near.mid[CALL, order[0]]) / point.terms.discount
    return STRADDLE_TO_DEVIATION * straddle / (point.forward * float(np.sqrt(point.terms.years)))


def _new_cash(near: Rungs, case: Case, point: Point) -> Exercise:
    """Return exercise over cash at a point, its tables for the strikes near the money alone."""
    calls = near.strikes >= point.forward
    mid = near.mid[calls.astype(np.int64), np.arange(calls.size)]
    vol = EuropeanExercise().vols(point, mid, near.strikes, calls, near.rows[PUT]).vol
    strike, is_call, vols = np.ones(case.count), np.zeros(case.count, np.bool_), np.full(case.count, np.nan)
    for one in (PUT, CALL):
        strike[near.rows[one]], is_call[near.rows[one]], vols[near.rows[one]] = near.strikes, one == CALL, vol
    return cash_exercise(point, strike, is_call, vols)


def _from_bounds(every: Rungs, case: Case) -> ExpiryForward:
    """Return the middle of the bounds that single sides give, or the spot carried within them."""
    sound = ~every.faulty & (every.weight > 0.0)
    low, high = synthetic(every.some(sound), case.of.discount)
    carried = case.of.forward(case.spot, case.prior.mean)
    if case.american and carried > 0.0:
        # Further out the premium of early exercise would cross the bounds; near the money it does so by little.
        away = np.abs(every.strikes[sound] - carried)
        for bound in (low, high):
            there = np.sort(away[np.isfinite(bound)])
            if there.size > BOUNDS_STRIKES:
                bound[away > there[BOUNDS_STRIKES - 1]] = np.nan
    bounds = (float(np.fmax.reduce(low, initial=-np.inf)), float(np.fmin.reduce(high, initial=np.inf)))
    if bounds[1] < bounds[0] <= bounds[1] * (1.0 + CROSSED_MAX):
        bounds = (bounds[1], bounds[0])
    if -np.inf < bounds[0] <= bounds[1] < np.inf:
        worth = mean(np.sqrt(every.weight[sound]))
        middle = 0.5 * (bounds[0] + bounds[1])
        quality = BOUNDS_WORTH * worth / (1.0 + 0.25 * (bounds[1] - bounds[0]) / middle * 1e4 / DEVIATION_BP)
        return _without(case, middle, bounds, ForwardStatus.BOUNDS, quality)
    if bounds[0] <= bounds[1]:
        carried = float(np.minimum(np.maximum(carried, bounds[0]), bounds[1]))
    status = ForwardStatus.CARRIED if carried > 0.0 else ForwardStatus.NONE
    return _without(case, carried, (-np.inf, np.inf), status)


def _without(
    case: Case, forward: float, bounds: tuple[float, float], status: ForwardStatus, quality: float = 0.0
) -> ExpiryForward:
    """Return a forward that no two-sided strike stands for."""
    point = Point(case.of, forward, case.prior.mean, case.prior.deviation)
    way: Exercise | None = EuropeanExercise()
    if case.american and forward > 0.0 and case.of.years > 0.0:
        way = case.way(point) or cash_exercise(point, np.ones(case.count), np.zeros(case.count, np.bool_), np.nan)
    assert way is not None
    measured, deviation_bp = [np.nan, np.nan, np.nan], np.nan
    if status == ForwardStatus.BOUNDS:
        measured = [case.of.borrow(case.spot, one) for one in (forward, bounds[1], bounds[0])]
        deviation_bp = 0.25 * (bounds[1] - bounds[0]) / forward * 1e4
    return ExpiryForward(
        forward, *bounds, deviation_bp, case.spot if case.spot > 0.0 else point.spot, *measured, 0, quality, np.nan,
        status, 0, case.kept, point, way,
    )  # fmt: skip
