"""Limit of the account's gamma, the change of delta in dollars for 1 % of spot, in its worst case."""

from streams.risk.limit import Measure, Objection, OrderView, measure_of, objection_of


def judge(view: OrderView) -> Objection | None:
    """Object to the units that take it beyond gamma_usd_max, on the side to which they add."""
    if view.bands is None:
        return None
    return objection_of("gamma", view, view.bands.gamma, view.account.mandate.gamma_usd_max)


def measure(view: OrderView) -> Measure | None:
    """Return its size with the whole order."""
    return None if view.bands is None else measure_of(view, view.bands.gamma, view.account.mandate.gamma_usd_max)
