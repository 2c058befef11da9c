"""Limit of what one order can lose: shares to their stop, options and combinations the worst at expiry (payoff.py)."""

from streams.book.money import cents_down, dollars_of, text_of
from streams.risk.account import parts_of
from streams.risk.limit import Measure, Objection, OrderView
from streams.risk.payoff import unit_loss_cents


def _loss(view: OrderView) -> int | None:
    assert view.intent is not None
    return unit_loss_cents(view.intent, parts_of(view.intent), view.markets)


def judge(view: OrderView) -> Objection | None:
    """Object to the units beyond trade_loss_usd_max; to all where nothing bounds the loss."""
    limit_usd = view.account.mandate.trade_loss_usd_max
    if not limit_usd or view.intent is None:
        return None
    loss, limit = _loss(view), cents_down(limit_usd)
    if loss is None:
        return Objection(0, f"nothing bounds the loss, or a price is missing; limit {text_of(limit)} USD")
    if loss * view.opening <= limit:
        return None
    return Objection(limit // loss, f"could lose {text_of(loss * view.opening)} USD, limit {text_of(limit)} USD")


def measure(view: OrderView) -> Measure | None:
    """Return what the part that opens can lose; infinity where nothing bounds it."""
    limit = view.account.mandate.trade_loss_usd_max
    if not limit or view.intent is None:
        return None
    loss = _loss(view)
    return Measure(float("inf") if loss is None else dollars_of(loss * view.opening), limit)
