"""What a contract is: its symbol, its instant of expiry, what it delivers, and which expiries a class lists."""

from schemas.osi import OptionSymbol, SymbolFault, osi, parse_osi
from streams.options.contracts.adjusted import Deliverable, Terms, spot_of, standard_terms
from streams.options.contracts.classes import CLASSES, Cycle, Expiry, OptionClass, class_of, expiries
from streams.options.contracts.days import TradingDays
from streams.options.contracts.expiry import Settlement, expiry_ns, last_trade_day, monthly_expiry, years_to

__all__ = [
    "CLASSES",
    "Cycle",
    "Deliverable",
    "Expiry",
    "OptionClass",
    "OptionSymbol",
    "Settlement",
    "SymbolFault",
    "Terms",
    "TradingDays",
    "class_of",
    "expiries",
    "expiry_ns",
    "last_trade_day",
    "monthly_expiry",
    "osi",
    "parse_osi",
    "spot_of",
    "standard_terms",
    "years_to",
]
