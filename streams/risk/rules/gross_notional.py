"""Limit of the sum of all positions' sizes, every working order filled in its worst case."""

from streams.book.money import cents_down, dollars_of, text_of
from streams.risk.limit import Measure, Objection, OrderView, exposed_of


def _after(view: OrderView, units: int) -> int:
    """Return the sum with so many units more, cents: of each symbol the greater of its two sides."""
    total = view.other_gross_cents
    for one in exposed_of(view):
        total += max(one.quantity + units * one.ratio, one.other, 0) * (one.price_cents or 0)
    return total


def judge(view: OrderView) -> Objection | None:
    """Object to the units beyond gross_notional_usd_max."""
    if view.price_cents is None:
        return None
    limit = cents_down(view.account.mandate.gross_notional_usd_max)
    after = _after(view, view.opening)
    if after <= limit:
        return None
    # The sum does not fall with more units: the most that keep it are found by halves.
    least, most = -1, view.opening
    while most - least > 1:
        middle = (least + most) // 2
        least, most = (middle, most) if _after(view, middle) <= limit else (least, middle)
    return Objection(max(0, least), f"gross would be {text_of(after)} USD, limit {text_of(limit)} USD")


def measure(view: OrderView) -> Measure | None:
    """Return the sum with the whole order."""
    if view.price_cents is None:
        return None
    return Measure(dollars_of(_after(view, view.opening)), view.account.mandate.gross_notional_usd_max)
