"""Limit of the sum of all positions' sizes, every working order filled in its worst case."""

from streams.book.money import cents_down, text_of
from streams.risk.limit import AccountView, Breach, Objection, OrderView, shares_within


def judge(view: OrderView) -> Objection | None:
    """Object to the shares beyond gross_notional_usd_max."""
    if view.price_cents is None:
        return None
    limit = cents_down(view.account.mandate.gross_notional_usd_max)
    allowed = shares_within(view, limit - view.other_gross_cents)
    if view.other_gross_cents + view.other_side_quantity * view.price_cents > limit:
        allowed = 0
    if allowed == view.opening:
        return None
    size = max(view.side_quantity + view.opening, view.other_side_quantity)
    after = view.other_gross_cents + size * view.price_cents
    return Objection(allowed, f"gross would be {text_of(after)} USD, limit {text_of(limit)} USD")


def watch(view: AccountView) -> Breach | None:
    """Nothing to watch."""
    return None
