"""Synthetic forwards of an expiry's strikes, and which of them are near enough to the money to be asked.

low = K + (call bid - put ask) / discount is what the forward can be sold at, high = K + (call ask - put bid) / discount
what it can be bought at, of prices less the premium of early exercise. Where a side is missing the bound is infinite.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streams.options.forward.parity import DEVIATION, FOUND, HIGH, LOW, MIDDLE, SHARE, USED, locate
from streams.options.hygiene.bits import BELOW_INTRINSIC, CROSSED, STALE, SUSPICIOUS, VERTICAL, WIDTH
from streams.options.ladder import CALL, PUT, Ladder

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
U16 = NDArray[np.uint16]
Bool = NDArray[np.bool_]

FAULTS = CROSSED | STALE | SUSPICIOUS | BELOW_INTRINSIC | VERTICAL | WIDTH
"""Bits that keep a quote out of the forward while there are CLEAN_MIN strikes without them."""
CLEAN_MIN = 3
REACH = 1.0
"""How many standard deviations of the expiry a strike may be away."""
NEAREST_MIN = 4
"""Strikes that are asked however far away they are."""
STRADDLE_TO_DEVIATION = 1.2533141373155003
"""sqrt(pi / 2): a straddle at the forward is worth sqrt(2 / pi) standard deviations."""


@dataclass(frozen=True)
class Rungs:
    """The strikes of a ladder that have both rights, (w,) each: prices of the sides, NaN where one is missing.

    bid, ask: (2, w), row 0 the puts. weight: product of the rights' qualities. rows: (2, w) indices of the contracts.
    """

    strikes: F64
    bid: F64
    ask: F64
    weight: F64
    faulty: Bool
    rows: I64

    def some(self, chosen: I64 | Bool) -> "Rungs":
        """Return the chosen strikes alone."""
        at = chosen
        return Rungs(
            self.strikes[at], self.bid[:, at], self.ask[:, at], self.weight[at], self.faulty[at], self.rows[:, at]
        )

    @property
    def mid(self) -> F64:
        """Return the middles, (2, w), NaN where a side is missing."""
        return np.asarray(0.5 * (self.bid + self.ask))

    @property
    def two_sided(self) -> Bool:
        """Return which strikes have all four sides, no right of them crossed."""
        return np.asarray((self.bid <= self.ask).all(axis=0))


def rungs_of(rungs: Ladder, bid: F64, ask: F64, quality: F64, bits: U16) -> Rungs:
    """Return the strikes with both rights; a side that is not positive and finite is missing."""
    both = (rungs.contract >= 0).all(axis=0)
    rows = rungs.contract[:, both]
    sides = [np.where((one > 0.0) & (one < np.inf), one, np.nan)[rows] for one in (bid, ask)]
    worth = np.where(quality > 0.0, quality, 0.0)[rows]
    faulty = np.asarray((bits[rows] & FAULTS).any(axis=0))
    return Rungs(rungs.strikes[both], sides[0], sides[1], worth[PUT] * worth[CALL], faulty, rows)


def synthetic(rungs: Rungs, discount: float, premium: F64 | float = 0.0) -> tuple[F64, F64]:
    """Return low and high of each strike, (w,); premium: (2, w) of early exercise. Infinite where a side is missing."""
    bid, ask = rungs.bid - premium, rungs.ask - premium
    low = rungs.strikes + (bid[CALL] - ask[PUT]) / discount
    high = rungs.strikes + (ask[CALL] - bid[PUT]) / discount
    return np.where(np.isnan(low), -np.inf, low), np.where(np.isnan(high), np.inf, high)


def agreed(low: F64, high: F64, weight: F64) -> F64:
    """Return what parity.py finds, (FOUND,); intervals without an end are left out."""
    found = np.empty(FOUND)
    whole = (low > -np.inf) & (high < np.inf)
    locate(np.where(whole, low, np.nan), high, weight, found)
    return found


def near_the_money(rungs: Rungs, forward: float, discount: float, count: int) -> Rungs:
    """Return up to `count` two-sided strikes nearest to a forward, within REACH deviations or among NEAREST_MIN.

    The deviation is the straddle's at the nearest strike. Faulty quotes are left out while CLEAN_MIN strikes remain.
    """
    sound = rungs.two_sided & (rungs.weight > 0.0)
    clean = sound & ~rungs.faulty
    usable = np.flatnonzero(clean if np.count_nonzero(clean) >= CLEAN_MIN else sound)
    away = np.abs(rungs.strikes[usable] - forward)
    order = usable[np.argsort(away, kind="stable")]
    if not order.size:
        return rungs.some(order)
    straddle = rungs.mid[:, order[0]]
    reach = REACH * STRADDLE_TO_DEVIATION * float(straddle[PUT] + straddle[CALL]) / discount
    near = np.abs(rungs.strikes[order] - forward) <= reach
    near[:NEAREST_MIN] = True
    return rungs.some(np.sort(order[near][:count]))


__all__ = [
    "DEVIATION", "HIGH", "LOW", "MIDDLE", "SHARE", "STRADDLE_TO_DEVIATION", "USED", "Rungs", "agreed", "near_the_money",
    "rungs_of", "synthetic",
]  # fmt: skip
