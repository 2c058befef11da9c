"""Nothing is opened in a symbol that has no price yet, or no greeks: no limit could be measured."""

from streams.risk.limit import Measure, Objection, OrderView, exposed_of


def _unknown(view: OrderView) -> list[str]:
    return [one.symbol for one in exposed_of(view) if one.price_cents is None]


def judge(view: OrderView) -> Objection | None:
    """Object to all that opens without a mark."""
    if view.price_cents is None:
        return Objection(0, f"no mark of {', '.join(_unknown(view))} seen yet: it is not listed, or not quoted")
    return None


def measure(view: OrderView) -> Measure | None:
    """Return how many of the order's symbols have no mark."""
    return Measure(float(len(_unknown(view))), 0.0)
