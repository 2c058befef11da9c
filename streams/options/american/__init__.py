"""American options under continuous rate and yield: boundaries solved once per expiry, read for every option."""

from streams.options.american.measure import (
    AmericanPrice,
    AmericanValue,
    american_greeks,
    american_iv,
    american_price,
    exercise_boundary,
    greeks_on,
    iv_on,
    open_table,
    price_on,
    tables_beside,
    value_on,
)
from streams.options.american.tables import AmericanTable, american_table

__all__ = [
    "AmericanPrice",
    "AmericanTable",
    "AmericanValue",
    "american_greeks",
    "american_iv",
    "american_price",
    "american_table",
    "exercise_boundary",
    "greeks_on",
    "iv_on",
    "open_table",
    "price_on",
    "tables_beside",
    "value_on",
]
