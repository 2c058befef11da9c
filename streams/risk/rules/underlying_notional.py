"""Limit of one underlying's shares and options together, by delta, in its worst case."""

from streams.risk.limit import Measure, Objection, OrderView, measure_of, objection_of


def judge(view: OrderView) -> Objection | None:
    """Object to the units that take it beyond underlying_notional_usd_max, on the side to which they add."""
    if view.bands is None:
        return None
    return objection_of(
        f"{view.bands.underlying_name}", view, view.bands.underlying, view.account.mandate.underlying_notional_usd_max
    )


def measure(view: OrderView) -> Measure | None:
    """Return its size with the whole order."""
    return (
        None
        if view.bands is None
        else measure_of(view, view.bands.underlying, view.account.mandate.underlying_notional_usd_max)
    )
