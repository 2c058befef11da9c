"""What is known of an expiry's borrow from event to event: a mean and its deviation, Kalman's filter in one number.

Between events the deviation grows like a random walk of DRIFT per square root of a day. A measurement counts for the
share dt / renewed of itself at most, renewed being the quotes' mean age or RENEWED_NS, the longer: quotes that have not
moved since the last event say nothing new. No number of measurements makes the borrow better known than to STANDING of
one's own deviation: what a quote is off by stands on from event to event. One that is further off than JUMP deviations
of both is not averaged: the borrow has changed, and the filter begins anew.

The forward itself is the parity of this event and the spot carried by the borrow known before, by their precisions;
where both disagree by more than JUMP deviations, parity alone. Its deviation is that of the weighted mean of two whose
errors go together, as the borrow was learnt from the same quotes: never better than the better of the two.
"""

from dataclasses import dataclass

import numpy as np

from streams.options.contracts.clock import DAY_NS

DRIFT = 0.003
"""Per 1.00 and year, per square root of a day."""
RENEWED_NS = 5_000_000_000
STANDING = 0.3
"""Share of a measurement's deviation that does not average out."""
JUMP = 4.0
WIDEST = 0.03
"""Deviation of a borrow that nobody has measured, per 1.00 and year."""
FLOOR = 1e-5
"""A borrow is never taken for better known than this over the years: 0.1 basis points of the forward."""
BORROW_SIZE_MAX = 1.0


@dataclass(frozen=True)
class Borrow:
    """A borrow and its deviation, per 1.00 and year, as of an event; event_ns 0: taken from elsewhere, not measured."""

    mean: float = 0.0
    deviation: float = WIDEST
    event_ns: int = 0

    @property
    def measured(self) -> bool:
        """Return whether this expiry's own parity has said it."""
        return self.event_ns > 0

    def at(self, event_ns: int) -> "Borrow":
        """Return what is left of it at a later event."""
        days = max(event_ns - self.event_ns, 0) / DAY_NS if self.measured else 0.0
        wider = float(np.sqrt(self.deviation * self.deviation + DRIFT * DRIFT * days))
        return Borrow(self.mean, min(wider, WIDEST), self.event_ns)

    def met_by(
        self, value: float, deviation: float, event_ns: int, years: float, renewed_ns: float = RENEWED_NS
    ) -> "Borrow":
        """Return it after a measurement with its deviation; a value that is no number leaves it as it is.

        renewed_ns: after so long a measurement counts whole again.
        """
        if not (np.isfinite(value) and deviation > 0.0):
            return self
        apart = abs(value - self.mean)
        if self.measured and apart > JUMP * _together(deviation, self.deviation):
            return Borrow(_bounded(value), min(deviation, WIDEST), event_ns)
        fresh = 1.0
        if self.measured:
            fresh = min(max(event_ns - self.event_ns, 0) / renewed_ns, 1.0)
        own, given = fresh / (deviation * deviation), 1.0 / (self.deviation * self.deviation)
        mean = (own * value + given * self.mean) / (own + given)
        least = max(min(self.deviation, STANDING * deviation), FLOOR / years)
        return Borrow(_bounded(mean), max(float(np.sqrt(1.0 / (own + given))), least), event_ns)


def _together(one: float, other: float) -> float:
    return float(np.sqrt(one * one + other * other))


def _bounded(value: float) -> float:
    return float(min(max(value, -BORROW_SIZE_MAX), BORROW_SIZE_MAX))


def joined(parity: float, deviation: float, carried: float, other: float) -> tuple[float, float]:
    """Return forward and deviation from parity's and the carried spot's; parity's where the other is no number."""
    if not (other > 0.0 and np.isfinite(carried)):
        return parity, deviation
    if abs(parity - carried) > JUMP * _together(deviation, other):
        return parity, deviation
    own, given = 1.0 / (deviation * deviation), 1.0 / (other * other)
    together = (own * deviation + given * other) / (own + given)
    return (own * parity + given * carried) / (own + given), together
