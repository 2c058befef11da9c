"""Limit of one position as a share of equity, every working order on its side filled."""

from streams.book.money import share_of, text_of
from streams.risk.limit import AccountView, Breach, Objection, OrderView, shares_within


def judge(view: OrderView) -> Objection | None:
    """Object to the shares beyond concentration_max of equity; to all where equity is not > 0."""
    if view.price_cents is None:
        return None
    equity = max(0, view.account.equity_cents)
    limit = share_of(equity, view.account.mandate.concentration_max)
    allowed = shares_within(view, limit)
    if allowed == view.opening:
        return None
    after = (view.side_quantity + view.opening) * view.price_cents
    return Objection(
        allowed,
        f"{view.symbol} would be {text_of(after)} USD, limit {text_of(limit)} USD,"
        f" {view.account.mandate.concentration_max:.4g} of equity {text_of(equity)} USD",
    )


def watch(view: AccountView) -> Breach | None:
    """Nothing to watch."""
    return None
