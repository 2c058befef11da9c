"""Limit of one order's size, by delta: of a combination, of all its legs together."""

from streams.risk.limit import Band, Measure, Objection, OrderView, measure_of, objection_of


def _own(view: OrderView) -> Band | None:
    """Return the order's delta alone, as if nothing else were there."""
    return None if view.bands is None else Band(0, 0, view.bands.delta.unit)


def judge(view: OrderView) -> Objection | None:
    """Object to the units beyond order_notional_usd_max."""
    own = _own(view)
    if own is None:
        return None
    return objection_of(f"the order in {view.symbol}", view, own, view.account.mandate.order_notional_usd_max)


def measure(view: OrderView) -> Measure | None:
    """Return the size of what the order opens."""
    own = _own(view)
    return None if own is None else measure_of(view, own, view.account.mandate.order_notional_usd_max)
