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
from streams.options.surface import (
    EventVariance,
    SmileFigures,
    Surface,
    SurfaceFit,
    VolatilityClock,
    distribution,
    event_variance,
    fit_chain,
    fit_surface,
    quote_edge,
    smile_figures,
    surface_vol,
    volatility_clock,
    volatility_years,
    with_event,
)

__all__ = [
    "AmericanPrice",
    "AmericanTable",
    "CashDividends",
    "EventVariance",
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
    "SmileFigures",
    "Status",
    "Surface",
    "SurfaceFit",
    "VolatilityClock",
    "american_greeks",
    "american_iv",
    "american_price",
    "american_table",
    "bit_labels",
    "cash_greeks",
    "cash_iv",
    "cash_price",
    "distribution",
    "event_variance",
    "exercise_boundary",
    "expiry_forward",
    "fit_chain",
    "fit_surface",
    "greeks",
    "implied_volatility",
    "labels",
    "ladder",
    "quote_edge",
    "quote_hygiene",
    "slice_of",
    "smile_figures",
    "surface_vol",
    "terms",
    "volatility_clock",
    "volatility_years",
    "with_event",
]
