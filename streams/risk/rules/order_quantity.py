"""Limit of one order's shares or contracts: of a combination, of its largest leg."""

from streams.risk.limit import Measure, Objection, OrderView, exposed_of


def _ratio(view: OrderView) -> int:
    return max(one.ratio for one in exposed_of(view))


def judge(view: OrderView) -> Objection | None:
    """Object to the units beyond order_quantity_max."""
    limit = view.account.mandate.order_quantity_max
    asked = view.opening * _ratio(view)
    if not limit or asked <= limit:
        return None
    return Objection(limit // _ratio(view), f"{asked} of {view.symbol} would be opened, limit {limit}")


def measure(view: OrderView) -> Measure | None:
    """Return the shares or contracts that the order opens."""
    limit = view.account.mandate.order_quantity_max
    return Measure(float(view.opening * _ratio(view)), float(limit)) if limit else None
