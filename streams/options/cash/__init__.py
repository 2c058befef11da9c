"""Options on a spot that falls by cash at ex-dates: the spot model, by finite differences, and its tables."""

from streams.options.cash.builder import advance
from streams.options.cash.measure import CashReading, price_of, vol_of
from streams.options.cash.price import CashDividends, CashPrices, cash_price, yield_of_cash
from streams.options.cash.quotes import cash_greeks, cash_iv
from streams.options.cash.table import CashMarket, CashTables, new_tables

__all__ = [
    "CashDividends",
    "CashMarket",
    "CashPrices",
    "CashReading",
    "CashTables",
    "advance",
    "cash_greeks",
    "cash_iv",
    "cash_price",
    "new_tables",
    "price_of",
    "vol_of",
    "yield_of_cash",
]
