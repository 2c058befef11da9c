"""Lose a fixed share of equity if the stop is hit.

    shares = equity × risk_fraction ÷ |entry − stop|, rounded down

Source: Vince (1990), Portfolio Management Formulas, fixed fractional trading.
"""

from streams.book.money import share_of
from streams.sizing.sizer import Request, Size


def size(request: Request) -> Size:
    """Return the shares whose loss at the stop is risk_fraction of equity, rounded down."""
    quantity = share_of(request.equity_cents, request.mandate.risk_fraction) // request.risk_cents
    return Size(quantity) if quantity else Size(0, "below_one_share")
