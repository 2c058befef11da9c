"""Quotes of a simulated chain at one instant: sim_chain_truth with spreads, noise, stale and missing sides.

Strikes are listed to STRIKES_REACH standard deviations, in steps of some round number. The option out of the money is
quoted: half spread = a tick + a share of the price + some volatility times vega, drawn wider or tighter for a chain and
for each quote; the middle lies up to half of it off the truth; bid and ask are rounded outward to the tick. Some quotes
have no bid (all that would be under a tick, and a few more), some are stale: as of a spot some hours ago.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from connectors.sources.sim_chain_truth import (
    ChainTruth,
    TruthKind,
    black_otm,
    draw_truth,
    expected_variance,
    implied_variance,
    total_variance,
)
from connectors.sources.sim_market import generator

F64 = NDArray[np.float64]
Bool = NDArray[np.bool_]

TICK = 0.01
STRIKES_REACH = 3.2
STEPS = (0.5, 1.0, 2.5, 5.0, 10.0, 25.0)
STRIKES_A_DEVIATION = 6.0
EXPIRY_DAYS = (4, 11, 18, 32, 60, 95, 186, 368, 730)
STALE_SHARE, ONE_SIDED_SHARE = 0.04, 0.03
STALE_MOVE = 0.4
"""Of a day's standard deviation: how far the spot has moved since a stale quote, at most."""


@dataclass(frozen=True)
class QuotedSlice:
    """One expiry. k, strike, bid, ask, vol (of the middle), half_spread (in volatility), truth (volatility): (m,).

    Prices are undiscounted, in the currency of the forward; a side that is not there is 0, and vol NaN then.
    """

    years: float
    forward: float
    after_event: bool
    k: F64
    strike: F64
    bid: F64
    ask: F64
    vol: F64
    half_spread: F64
    truth: F64
    is_stale: Bool


@dataclass(frozen=True)
class QuotedChain:
    """A truth and its quotes by expiry, the earliest first. event_years: when the earnings come out, NaN: never."""

    truth: ChainTruth
    event_years: float
    slices: tuple[QuotedSlice, ...]


def quoted_chain(number: int, seed: int = 5, forward: float = 100.0) -> QuotedChain:
    """Return the chain of a number, a third of each kind in turn; all of it is drawn from (seed, number)."""
    kind = tuple(TruthKind)[number % len(TruthKind)]
    truth = draw_truth(kind, seed, number)
    random = generator(seed, number, 72)
    event_years = random.uniform(2.0, 40.0) / 365.0 if kind is TruthKind.EARNINGS else math.nan
    wide = math.exp(random.uniform(-0.7, 0.7))
    slices = tuple(
        _quoted(truth, random, days / 365.0, forward, days / 365.0 > event_years, wide) for days in EXPIRY_DAYS
    )
    return QuotedChain(truth, event_years, slices)


def strikes_around(forward: float, deviation: float) -> F64:
    """Return the strikes that are listed for an expiry whose standard deviation is `deviation`."""
    wanted = forward * deviation / STRIKES_A_DEVIATION
    step = next((one for one in STEPS if one >= wanted), STEPS[-1])
    low = math.ceil(forward * math.exp(-STRIKES_REACH * deviation) / step)
    high = math.floor(forward * math.exp(STRIKES_REACH * deviation) / step)
    return np.arange(max(low, 1), high + 1, dtype=np.float64) * step


def _quoted(
    truth: ChainTruth, random: np.random.Generator, years: float, forward: float, after_event: bool, wide: float
) -> QuotedSlice:
    moved = truth.move**2 if after_event else 0.0
    strike = strikes_around(forward, math.sqrt(expected_variance(truth, years) + moved))
    k = np.log(strike / forward)
    w = total_variance(truth, k, years, after_event)
    k, strike, w = k[np.isfinite(w)], strike[np.isfinite(w)], w[np.isfinite(w)]
    count = len(k)
    is_stale = random.random(count) < STALE_SHARE
    day = math.sqrt(truth.variance / 252.0) * STALE_MOVE
    seen = k + np.where(is_stale, random.uniform(-1.0, 1.0, count) * day, 0.0)
    seen_w = total_variance(truth, seen, years, after_event)
    fair = np.exp(k - seen) * forward * black_otm(seen, np.where(np.isfinite(seen_w), seen_w, w))
    fair = np.where((k < 0.0) == (seen < 0.0), fair, forward * black_otm(k, w))
    root = np.sqrt(w)
    vega = forward * np.exp(-0.5 * (-k / root + 0.5 * root) ** 2) / math.sqrt(2.0 * math.pi) * math.sqrt(years)
    half = wide * np.exp(random.uniform(-0.4, 0.4, count)) * (TICK + 0.012 * fair + 0.002 * vega)
    middle = fair + 0.5 * half * random.uniform(-1.0, 1.0, count)
    bid = np.floor(np.maximum(middle - half, 0.0) / TICK) * TICK
    ask = np.ceil((middle + half) / TICK) * TICK
    bid = np.where(random.random(count) < ONE_SIDED_SHARE, 0.0, bid)
    sides = [implied_variance(k, one / forward) for one in (bid, 0.5 * (bid + ask), ask)]
    low, vol, high = (np.sqrt(one / years) for one in sides)
    vol = np.where(bid > 0.0, vol, np.nan)
    half_spread = 0.5 * (high - low)
    return QuotedSlice(years, forward, after_event, k, strike, bid, ask, vol, half_spread, np.sqrt(w / years), is_stale)
