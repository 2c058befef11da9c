"""Limit of one position as a share of equity, every working order on its side filled."""

from streams.book.money import share_of, text_of
from streams.risk.limit import Measure, Objection, OrderView, largest, units_within


def judge(view: OrderView) -> Objection | None:
    """Object to the units beyond concentration_max of equity; to all where equity is not > 0."""
    if view.price_cents is None:
        return None
    equity = max(0, view.account.equity_cents)
    limit = share_of(equity, view.account.mandate.concentration_max)
    allowed = units_within(view, limit)
    if allowed == view.opening:
        return None
    symbol, after = largest(view, view.opening)
    return Objection(
        allowed,
        f"{symbol} would be {text_of(after)} USD, limit {text_of(limit)} USD,"
        f" {view.account.mandate.concentration_max:.4g} of equity {text_of(equity)} USD",
    )


def measure(view: OrderView) -> Measure | None:
    """Return the largest position as a share of equity; none where equity is not > 0."""
    if view.price_cents is None or view.account.equity_cents <= 0:
        return None
    after = largest(view, view.opening)[1]
    return Measure(after / view.account.equity_cents, view.account.mandate.concentration_max)
