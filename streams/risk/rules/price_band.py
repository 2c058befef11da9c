"""Largest distance of an order's limit from the market, as a share of it.

The market is what the symbol counts for in equity. A combination's net can be near 0, so its distance is a share of
all its legs' prices together.
"""

from schemas.records import OrderKind
from streams.book.money import text_of
from streams.risk.account import parts_of
from streams.risk.limit import Measure, Objection, OrderView
from streams.risk.payoff import middle_cents


def _distance(view: OrderView) -> tuple[int, int, int] | None:
    """Return limit and market of one unit in cents, and what the distance is a share of; None without a limit.

    Where the market is unknown the last is 0.
    """
    order = view.intent
    if order is None or order.kind not in (OrderKind.LIMIT, OrderKind.STOP_LIMIT):
        return None
    found = middle_cents(parts_of(order), view.markets)
    limit = order.limit_cents * order.multiplier
    if found is None:
        return limit, 0, 0
    net, size = found
    return limit, net if order.legs else size, size


def judge(view: OrderView) -> Objection | None:
    """Object to all that opens at a limit further away than price_band."""
    band, found = view.account.mandate.price_band, _distance(view)
    if not band or found is None:
        return None
    limit, market, size = found
    if not size:
        return Objection(0, f"limit {text_of(limit)} USD cannot be compared: no market is known")
    if abs(limit - market) <= band * size:
        return None
    away = abs(limit - market) / size
    return Objection(0, f"limit {text_of(limit)} USD is {away:.4f} away from {text_of(market)} USD, limit {band:.4f}")


def measure(view: OrderView) -> Measure | None:
    """Return the distance, per 1.00 of the market; infinity where the market is unknown."""
    band, found = view.account.mandate.price_band, _distance(view)
    if not band or found is None:
        return None
    limit, market, size = found
    return Measure(abs(limit - market) / size if size else float("inf"), band)
