"""Options: implied volatility, prices and greeks as arrays in, arrays out; docs/option_pricing.md is the guide.

Only names for a notebook stand here; each is explained where it is made.
"""

from streams.options.cash import CashDividends, cash_greeks, cash_iv, cash_price
from streams.options.greeks import Greeks, greeks
from streams.options.implied import ImpliedVolatility, implied_volatility
from streams.options.status import Status, labels

__all__ = [
    "CashDividends",
    "Greeks",
    "ImpliedVolatility",
    "Status",
    "cash_greeks",
    "cash_iv",
    "cash_price",
    "greeks",
    "implied_volatility",
    "labels",
]
