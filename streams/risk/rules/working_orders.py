"""Orders under way are bounded: each holds a piece of the limits until the venue answers."""

from streams.risk.limit import Measure, Objection, OrderView


def judge(view: OrderView) -> Objection | None:
    """Object to all that opens while as many orders work as may."""
    if view.working >= view.working_max:
        return Objection(0, f"{view.working} orders are working, limit {view.working_max}")
    return None


def measure(view: OrderView) -> Measure | None:
    """Return the orders under way with this one."""
    return Measure(float(view.working + 1), float(view.working_max))
