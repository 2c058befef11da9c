"""Limit of one sector: the sum of its underlyings' sizes by delta, each in its worst case."""

from streams.risk.limit import Measure, Objection, OrderView, measure_of, objection_of


def judge(view: OrderView) -> Objection | None:
    """Object to the units that take it beyond sector_notional_usd_max, on the side to which they add."""
    if view.bands is None:
        return None
    return objection_of(
        f"sector {view.bands.sector_name}", view, view.bands.sector, view.account.mandate.sector_notional_usd_max
    )


def measure(view: OrderView) -> Measure | None:
    """Return its size with the whole order."""
    return (
        None
        if view.bands is None
        else measure_of(view, view.bands.sector, view.account.mandate.sector_notional_usd_max)
    )
