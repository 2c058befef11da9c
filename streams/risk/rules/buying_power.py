"""Limit of margin: what the account needs with the order, working orders in their worst case, stays within its equity.

A requirement is convex in an order's units, so where the whole order is too much, the share of it that the room is of
its cost is never too much. An order that does not raise the need passes, even in an account that is short of equity.
Nothing is opened that the account's kind may not hold; below a margin account's least equity it is held as cash's are.
"""

from streams.book.money import dollars_of, text_of
from streams.risk.limit import Measure, Objection, OrderView


def judge(view: OrderView) -> Objection | None:
    """Object to the units whose margin equity does not cover."""
    if view.needs is None or view.price_cents is None:
        return None
    equity, whole = view.account.equity_cents, view.needs(view.opening)
    if whole.initial_cents <= equity and not whole.forbidden:
        return None
    none = view.needs(0)
    new = [text for text in whole.forbidden if text not in none.forbidden]
    if new:
        return Objection(0, "; ".join(new))
    if whole.initial_cents <= max(equity, none.initial_cents):
        return None
    reason = f"margin would be {text_of(whole.initial_cents)} USD, equity {text_of(equity)} USD"
    room, cost = equity - none.initial_cents, whole.initial_cents - none.initial_cents
    units = max(0, view.opening * room // cost)
    if units and view.needs(units).initial_cents > equity:
        units = 0
    return Objection(units, reason)


def measure(view: OrderView) -> Measure | None:
    """Return the initial requirement with the whole order, and equity, USD."""
    if view.needs is None or view.price_cents is None:
        return None
    whole = view.needs(view.opening)
    return Measure(dollars_of(whole.initial_cents), dollars_of(view.account.equity_cents))
