"""Earnings dates of an underlying, and what its expiries say that the next one moves."""

from dataclasses import dataclass

import numpy as np

from streams.chain.chain import Surface
from streams.options.surface.events import event_variance
from streams.options.surface.smile import smile_figures

KEPT_MAX = 8
ERROR_MIN = 0.005
"""No expiry's variance is better known than to twice this share of it."""
NONE = (0, float("nan"))


@dataclass(frozen=True)
class Events:
    """Instants that are known, ns UTC, the earliest first."""

    instants: tuple[int, ...] = ()

    def with_event(self, at_ns: int) -> "Events":
        """Return them with one more."""
        return Events(tuple(sorted({*self.instants, at_ns}))[-KEPT_MAX:])

    def implied(self, surface: Surface, event_ns: int) -> tuple[int, float]:
        """Return the next event's instant (0: none) and its implied move (NaN: expiries do not tell)."""
        ahead = [at_ns for at_ns in self.instants if at_ns > event_ns]
        if not ahead:
            return NONE
        smiles = smile_figures(surface.fit.slices, np.array([one.years for one in surface.standing]))
        variance = smiles.swap_variance
        error = 2.0 * variance * np.maximum(surface.fit.rms / smiles.atm_vol, ERROR_MIN)
        after = np.array([key.expiry_ns > ahead[0] for key in surface.keys], np.bool_)
        # What lies beyond the event after it says little of this one.
        near = np.array([len(ahead) < 2 or key.expiry_ns <= ahead[1] for key in surface.keys], np.bool_)
        found = event_variance(surface.clock[near], variance[near], error[near], after[near])
        return ahead[0], found.move
