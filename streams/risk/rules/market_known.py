"""Nothing is opened in a symbol that has no price yet: no limit could be measured."""

from streams.risk.limit import AccountView, Breach, Objection, OrderView


def judge(view: OrderView) -> Objection | None:
    """Object to all that opens without a mark."""
    if view.price_cents is None:
        return Objection(0, f"no mark of {view.symbol} seen yet")
    return None


def watch(view: AccountView) -> Breach | None:
    """Nothing to watch."""
    return None
