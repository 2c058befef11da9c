"""Options: implied volatility, prices and greeks as arrays in, arrays out; docs/option_pricing.md is the guide.

Only names for a notebook stand here; each is explained where it is made.
"""

from streams.options.greeks import Greeks, greeks
from streams.options.implied import ImpliedVolatility, implied_volatility
from streams.options.status import Status, labels

__all__ = ["Greeks", "ImpliedVolatility", "Status", "greeks", "implied_volatility", "labels"]
