"""Limit of the account's vega for 1 % of volatility, every working order in its worst case."""

from streams.risk.limit import Measure, Objection, OrderView, measure_of, objection_of


def judge(view: OrderView) -> Objection | None:
    """Object to the units that take it beyond vega_usd_max, on the side to which they add."""
    if view.bands is None:
        return None
    return objection_of("vega", view, view.bands.vega, view.account.mandate.vega_usd_max)


def measure(view: OrderView) -> Measure | None:
    """Return its size with the whole order."""
    return None if view.bands is None else measure_of(view, view.bands.vega, view.account.mandate.vega_usd_max)
