"""What a contract delivers, as a state may keep it, and what it is worth at a price of its underlying.

Standard contracts follow from their symbol; those that a split has changed are kept (`adjusted`), and
streams/options/contracts/adjusted.py has the rules. Amounts are whole numbers: micro-dollars for prices and values,
cents for cash. A contract is worth what it delivers against strike x multiplier.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING

from schemas.osi import OptionSymbol, parse_osi, underlying_of
from streams.book.money import MICRO_PER_CENT
from streams.book.valuation import is_option

if TYPE_CHECKING:
    from streams.options.contracts import Terms

CASH_SETTLED = frozenset({"SPX", "XSP", "NDX", "RUT", "VIX", "OEX", "DJX"})
"""Indices: their options are settled in cash."""
OPENING = frozenset({"SPX", "NDX", "RUT", "VIX", "DJX"})
"""Roots that are settled by the opening value of the day they expire on (AM); all others by the close (PM)."""
SATURDAY = 5
MICRO_PER_MILL = 1_000


@dataclass(frozen=True, slots=True)
class Contract:
    """One contract. shares: (ticker, whole shares) delivered; of an index, its ticker and the multiplier.

    fraction: (ticker, numerator, denominator) of a share whose price in cash is not fixed yet.
    """

    symbol: str
    multiplier: int
    shares: tuple[tuple[str, int], ...]
    cash_cents: int = 0
    fraction: tuple[str, int, int] | None = None


@lru_cache(maxsize=4_096)
def parts_of(symbol: str) -> OptionSymbol:
    """Return the parts of an OSI symbol; ValueError where it is none."""
    parts = parse_osi(symbol)
    if not isinstance(parts, OptionSymbol):
        raise ValueError(f"{symbol!r} is no OSI symbol: {parts}")
    return parts


def underlying(symbol: str) -> str:
    """Return the ticker that a position hangs on: a contract's underlying, or the ticker itself."""
    return underlying_of(parts_of(symbol).root) if is_option(symbol) else symbol


def is_cash_settled(symbol: str) -> bool:
    """Return whether a contract is settled in cash: an index's."""
    return underlying(symbol) in CASH_SETTLED


def is_opening(symbol: str) -> bool:
    """Return whether a contract is settled by the opening value (AM)."""
    return parts_of(symbol).root in OPENING


def last_day(symbol: str) -> date:
    """Return the day on which a contract ends, holidays not counted: before 2015 symbols name the Saturday after."""
    day = parts_of(symbol).expiry
    return day - timedelta(days=1) if day.weekday() == SATURDAY else day


def standard(symbol: str, multiplier: int) -> Contract:
    """Return a contract that delivers `multiplier` shares of its underlying."""
    return Contract(symbol, multiplier, ((underlying(symbol), multiplier),))


def strike_cents(contract: Contract) -> int:
    """Return what is paid for what one contract delivers, cents, to the nearest."""
    return (parts_of(contract.symbol).strike_mills * contract.multiplier + 5) // 10


def intrinsic_micro(contract: Contract, prices_micro: Mapping[str, int]) -> int | None:
    """Return what one contract is worth exercised, micro-dollars, negative out of the money; None without a price."""
    delivered = contract.cash_cents * MICRO_PER_CENT
    for ticker, count in contract.shares:
        if ticker not in prices_micro:
            return None
        delivered += count * prices_micro[ticker]
    if contract.fraction is not None:
        ticker, numerator, denominator = contract.fraction
        delivered += prices_micro.get(ticker, 0) * numerator // denominator
    parts = parts_of(contract.symbol)
    strike = parts.strike_mills * MICRO_PER_MILL * contract.multiplier
    return delivered - strike if parts.is_call else strike - delivered


def terms_of(contract: Contract) -> "Terms":
    """Return a contract as the rules of corporate actions take it."""
    from streams.options.contracts import Deliverable, Terms

    ticker, numerator, denominator = contract.fraction or ("", 0, 1)
    fraction = (ticker, Fraction(numerator, denominator)) if ticker else None
    delivered = Deliverable(contract.shares, contract.cash_cents, fraction)
    return Terms(parts_of(contract.symbol), contract.multiplier, delivered)


def contract_of(terms: "Terms") -> Contract:
    """Return a contract of the rules of corporate actions as a state keeps it."""
    from streams.options.contracts import osi

    one = terms.deliverable
    fraction = None
    if one.fraction is not None:
        fraction = (one.fraction[0], one.fraction[1].numerator, one.fraction[1].denominator)
    return Contract(osi(terms.symbol), terms.multiplier, one.shares, one.cash_cents, fraction)
