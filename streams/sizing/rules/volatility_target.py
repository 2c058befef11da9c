"""Take a position that adds a stated annual volatility to the account.

    shares = equity × volatility_target ÷ (price × realised annual volatility), rounded down

Source: Moskowitz, Ooi, Pedersen (2012), Time series momentum, section 2.4 (position size by ex ante volatility).
"""

from streams.sizing.sizer import Request, Size


def size(request: Request) -> Size:
    """Return the shares whose annual volatility is volatility_target of equity; none before volatility is known."""
    if not request.volatility_annual > 0:
        return Size(0, "volatility_unknown")
    budget_cents = request.equity_cents * request.mandate.volatility_target
    quantity = int(budget_cents / (request.price_cents * request.volatility_annual))
    return Size(quantity) if quantity else Size(0, "below_one_share")
