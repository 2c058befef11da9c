"""Orders under way are bounded: each holds a piece of the limits until the venue answers."""

from streams.risk.limit import AccountView, Breach, Objection, OrderView


def judge(view: OrderView) -> Objection | None:
    """Object to all that opens while as many orders work as may."""
    if view.working >= view.working_max:
        return Objection(0, f"{view.working} orders are working, limit {view.working_max}")
    return None


def watch(view: AccountView) -> Breach | None:
    """Nothing to watch."""
    return None
