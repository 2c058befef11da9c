"""Earnings dates of an underlying, and what its expiries say that the next one moves."""

from dataclasses import dataclass

import numpy as np

from streams.chain.chain import ChainView
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

    def implied(self, view: ChainView) -> tuple[int, float]:
        """Return the next event's instant (0: none) and its implied move (NaN: expiries do not tell)."""
        ahead = [at_ns for at_ns in self.instants if at_ns > view.event_ns]
        if not ahead:
            return NONE
        years = np.array([one.terms.years for one in view.expiries])
        smiles = smile_figures(view.surface.slices, years)
        variance = smiles.swap_variance
        error = 2.0 * variance * np.maximum(view.surface.rms / smiles.atm_vol, ERROR_MIN)
        after = np.array([one.key.expiry_ns > ahead[0] for one in view.expiries])
        # What lies beyond the event after it says little of this one.
        near = np.array([len(ahead) < 2 or one.key.expiry_ns <= ahead[1] for one in view.expiries])
        found = event_variance(view.clock[near], variance[near], error[near], after[near])
        return ahead[0], found.move
