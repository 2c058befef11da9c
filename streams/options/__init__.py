"""Options: implied volatility, prices and greeks as arrays in, arrays out; docs/option_pricing.md is the guide.

Only names for a notebook stand here; each is explained where it is made.
"""

from streams.options.status import Status, labels

__all__ = ["Status", "labels"]
