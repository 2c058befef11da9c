"""Options: implied volatility, prices and greeks as arrays in, arrays out; docs/option_pricing.md is the guide.

Only names for a notebook stand here; each is explained where it is made.
"""

from streams.options.american import (
    AmericanPrice,
    AmericanTable,
    american_greeks,
    american_iv,
    american_price,
    american_table,
    exercise_boundary,
)
from streams.options.cash import CashDividends, cash_greeks, cash_iv, cash_price
from streams.options.forward import (
    ExpiryForward,
    ExpirySlice,
    ForwardStatus,
    SliceState,
    expiry_forward,
    slice_of,
    terms,
)
from streams.options.greeks import Greeks, greeks
from streams.options.hygiene import Hygiene, HygieneLimits, QuoteBits, bit_labels, quote_hygiene
from streams.options.implied import ImpliedVolatility, implied_volatility
from streams.options.ladder import Ladder, ladder
from streams.options.status import Status, labels

__all__ = [
    "AmericanPrice",
    "AmericanTable",
    "CashDividends",
    "ExpiryForward",
    "ExpirySlice",
    "ForwardStatus",
    "Greeks",
    "Hygiene",
    "HygieneLimits",
    "ImpliedVolatility",
    "Ladder",
    "QuoteBits",
    "SliceState",
    "Status",
    "american_greeks",
    "american_iv",
    "american_price",
    "american_table",
    "bit_labels",
    "cash_greeks",
    "cash_iv",
    "cash_price",
    "exercise_boundary",
    "expiry_forward",
    "greeks",
    "implied_volatility",
    "labels",
    "ladder",
    "quote_hygiene",
    "slice_of",
    "terms",
]
