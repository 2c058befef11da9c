"""Each contract's volatilities at a forward, and the one volatility of each strike that enters a surface.

A strike's volatility is Black's of its right out of the money; within BLEND deviations of the forward the right in the
money joins in, fading to nothing at BLEND, each weighed by 1 / (half spread)^2:

    vol = sum_s w_s vol_s / sum_s w_s,   w_s = quality_s / half_s^2 x (1 out of the money, 1 - |x| / BLEND in it)

x = ln(strike / forward) / (vol sqrt(years)). A fault in one right alone so moves the smile little, and the two ends of
the blend meet without a step. Its half spread is the same mean of the half spreads.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streams.numerics.jit import entry
from streams.numerics.special import log
from streams.options.forward.exercise import Exercise, Point
from streams.options.forward.synthetic import FAULTS
from streams.options.hygiene.measure import Hygiene
from streams.options.ladder import Ladder
from streams.options.status import BAD_INPUT, NOT_A_NUMBER, OK

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
U8 = NDArray[np.uint8]
Bool = NDArray[np.bool_]

BLEND = 0.5
"""Deviations from the forward within which both rights say a strike's volatility."""
HALF_MIN = 1e-6
"""No half spread is narrower, in volatility."""


class Figures(NamedTuple):
    """What n contracts' quotes say at a forward, arrays of shape (n,)."""

    vol: F64
    """Of the mid in the way of exercise's own model, per sqrt(year); NaN where there is none."""
    status: U8
    """streams.options.Status of vol; NOT_A_NUMBER for a quote with one side, BAD_INPUT for a crossed one."""
    half_spread: F64
    """Half of the distance between bid and ask over vega, in volatility; NaN where there is none."""
    black: F64
    """Black's volatility on the forward of the European price at vol: this enters a surface."""
    used: F64
    """The volatility for greeks: vol, else that of the strike's other right, else NaN."""


class Smile(NamedTuple):
    """One volatility for each of m strikes, arrays of shape (m,); NaN and quality 0 where no quote gives one."""

    k: F64
    """ln(strike / forward)."""
    vol: F64
    half_spread: F64
    quality: F64
    """Of the quotes, 0 to 1, blended as the volatility is."""


def quote_figures(
    bid: F64, ask: F64, strike: F64, is_call: Bool, rows: I64, point: Point, way: Exercise, others: I64 | None = None
) -> Figures:
    """Return volatilities of n quotes at a point; rows: (n,) their places in the exercise's tables.

    others: (n,) the place among these quotes of the strike's other right, -1 for none; None: none has one. Any part of
    an expiry may be asked, a single contract too, between two calls of slice_of: the answer has the same bits in any
    company. Sides of NaN, 0 and infinity are missing.
    """
    bids, asks, mid = sides_of(bid, ask)
    found = way.vols(point, mid, strike, is_call, rows)
    vol, status = vols_of(bids, asks, found.vol, found.status)
    used = vol
    if others is not None:
        used = np.where(np.isnan(vol) & (others >= 0), vol[others], vol)
    half = half_spreads(bids, asks, vol, way.vegas(point, vol, strike, is_call, rows))
    black = way.black(point, vol, strike, is_call, rows)
    return Figures(vol, status, half, np.where(black.status == OK, black.vol, np.nan), used)


def sides_of(bid: F64, ask: F64) -> tuple[F64, F64, F64]:
    """Return bid, ask and their middle, (n,), NaN where a side is missing: NaN, 0, negative or infinity."""
    bids, asks = (np.where((one > 0.0) & (one < np.inf), one, np.nan) for one in (bid, ask))
    return bids, asks, 0.5 * (bids + asks)


def vols_of(bids: F64, asks: F64, vol: F64, status: U8) -> tuple[F64, U8]:
    """Return volatilities of middles, NaN unless OK, and statuses that say of the quotes what is wrong, (n,)."""
    mid_known = ~np.isnan(bids + asks)
    status = np.where(bids > asks, BAD_INPUT, np.where(mid_known, status, NOT_A_NUMBER)).astype(np.uint8)
    return np.where(status == OK, vol, np.nan), status


def half_spreads(bids: F64, asks: F64, vol: F64, vega: F64) -> F64:
    """Return half of the distance between bid and ask in volatility, (n,), NaN where `vol` is."""
    half = np.maximum(0.5 * (asks - bids) / np.where(vega > 0.0, vega, np.nan), HALF_MIN)
    return np.where(np.isnan(vol), np.nan, half)


@entry
def _blend(
    strikes: F64, contract: I64, black: F64, half: F64, quality: F64, forward: float, root: float, out: F64
) -> None:
    """Fill out (4, m): k, volatility, half spread, quality."""
    for j in range(strikes.size):
        k = log(strikes[j] / forward)
        out[0, j] = k
        outer = contract[1 if k >= 0.0 else 0, j]
        inner = contract[0 if k >= 0.0 else 1, j]
        total, vol, wide, worth = 0.0, 0.0, 0.0, 0.0
        for inside in range(2):
            i = inner if inside == 1 else outer
            if i < 0 or not (black[i] > 0.0 and half[i] > 0.0 and quality[i] > 0.0):
                continue
            share = 1.0
            if inside == 1:
                share = 1.0 - abs(k) / (black[i] * root * BLEND)
                if not share > 0.0:
                    continue
            weight = share * quality[i] / (half[i] * half[i])
            total += weight
            vol += weight * black[i]
            wide += weight * half[i]
            worth += weight * quality[i]
        out[1, j] = vol / total if total > 0.0 else np.nan
        out[2, j] = wide / total if total > 0.0 else np.nan
        out[3, j] = worth / total if total > 0.0 else 0.0


def smile_of(rungs: Ladder, figures: Figures, hygiene: Hygiene, point: Point) -> Smile:
    """Return the one volatility of each strike of a ladder, (m,); quotes with one of the FAULTS are left out."""
    out = np.full((4, rungs.strikes.size), np.nan)
    if point.forward > 0.0:
        root = float(np.sqrt(max(point.terms.years, 0.0)))
        quality = np.where(hygiene.bits & FAULTS, 0.0, hygiene.quality)
        columns = (figures.black, figures.half_spread, quality)
        _blend(rungs.strikes, rungs.contract, *columns, point.forward, root, out)
    else:
        out[3] = 0.0
    return Smile(*out)
