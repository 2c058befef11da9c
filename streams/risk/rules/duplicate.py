"""The same order twice within a while, of which the first still works, is one too many.

Same: account, symbol or legs, side, kind, limit and origin. Signals' orders are not looked at: their ids are a hash of
what they are for, and a second of the same id is rejected before it comes here.
"""

from streams.risk.limit import Measure, Objection, OrderView


def judge(view: OrderView) -> Objection | None:
    """Object to all that opens by an order that repeats one that works."""
    if view.duplicate:
        return Objection(0, f"order {view.duplicate} is the same, was sent shortly before and still works")
    return None


def measure(view: OrderView) -> Measure | None:
    """Return how many of its like work."""
    return Measure(1.0 if view.duplicate else 0.0, 0.0)
