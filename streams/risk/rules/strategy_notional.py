"""Limit of one strategy: the sum of its sizes by delta in each underlying, in its worst case."""

from streams.risk.limit import Measure, Objection, OrderView, measure_of, objection_of


def judge(view: OrderView) -> Objection | None:
    """Object to the units that take it beyond strategy_notional_usd_max, on the side to which they add."""
    if view.bands is None:
        return None
    return objection_of(
        f"strategy {view.bands.strategy_name}",
        view,
        view.bands.strategy,
        view.account.mandate.strategy_notional_usd_max,
    )


def measure(view: OrderView) -> Measure | None:
    """Return its size with the whole order."""
    return (
        None
        if view.bands is None
        else measure_of(view, view.bands.strategy, view.account.mandate.strategy_notional_usd_max)
    )
