"""Limit of one position: shares × price, contracts × size, every working order on its side filled."""

from streams.book.money import cents_down, dollars_of, text_of
from streams.risk.limit import Measure, Objection, OrderView, largest, units_within


def judge(view: OrderView) -> Objection | None:
    """Object to the units beyond position_notional_usd_max."""
    if view.price_cents is None:
        return None
    limit = cents_down(view.account.mandate.position_notional_usd_max)
    allowed = units_within(view, limit)
    if allowed == view.opening:
        return None
    symbol, after = largest(view, view.opening)
    return Objection(allowed, f"{symbol} would be {text_of(after)} USD, limit {text_of(limit)} USD")


def measure(view: OrderView) -> Measure | None:
    """Return the size of the order's largest position."""
    if view.price_cents is None:
        return None
    return Measure(dollars_of(largest(view, view.opening)[1]), view.account.mandate.position_notional_usd_max)
