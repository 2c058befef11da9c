"""Limit of one position: shares × price, every working order on its side filled."""

from streams.book.money import cents_down, text_of
from streams.risk.limit import AccountView, Breach, Objection, OrderView, shares_within


def judge(view: OrderView) -> Objection | None:
    """Object to the shares beyond position_notional_usd_max."""
    if view.price_cents is None:
        return None
    limit = cents_down(view.account.mandate.position_notional_usd_max)
    allowed = shares_within(view, limit)
    if allowed == view.opening:
        return None
    after = (view.side_quantity + view.opening) * view.price_cents
    return Objection(allowed, f"{view.symbol} would be {text_of(after)} USD, limit {text_of(limit)} USD")


def watch(view: AccountView) -> Breach | None:
    """Nothing to watch: a position that the market made too big is not closed by this rule."""
    return None
