"""Volatility's place among its daily closes: the rank of IV."""

from dataclasses import dataclass

import numpy as np

CLOSES_MAX = 252
CLOSES_MIN = 60
"""Below so many closes there is no rank."""


@dataclass(frozen=True)
class ClosingVols:
    """The last 30-day volatility of each day that is over, the oldest first, and that of the day that is not.

    day: ordinal of New York's date of `last`; 0: none yet. last: NaN where the surface said none.
    """

    vols: tuple[float, ...] = ()
    day: int = 0
    last: float = float("nan")

    def at(self, day: int, vol: float) -> "ClosingVols":
        """Return them after a volatility on a day; one that is no number changes nothing."""
        if not np.isfinite(vol):
            return self
        if day == self.day or self.day == 0:
            return ClosingVols(self.vols, day, vol)
        return ClosingVols((*self.vols, self.last)[-CLOSES_MAX:], day, vol)

    def rank(self, vol: float) -> float:
        """Return (vol - least) / (greatest - least) over the closes, from 0 to 1; NaN below CLOSES_MIN of them."""
        if len(self.vols) < CLOSES_MIN or not np.isfinite(vol):
            return float("nan")
        low, high = min(self.vols), max(self.vols)
        return min(max((vol - low) / (high - low), 0.0), 1.0) if high > low else 0.5
