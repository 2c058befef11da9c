"""Orders as people write them, and their tickets.

    BUY 100 AAPL
    BUY 2 AAPL 2026-12-18 C 200 @ 3.20
    BUY 1 "AAPL  261218C00200000"                                        an OSI symbol; its spaces may be left out
    BUY 5 SPY 2026-12-18 P 400 / SELL 5 SPY 2026-12-18 P 390 @ 2.15       a combination: five vertical spreads
    SELL 1 SPY 2026-12-18 C 420 / BUY 1 SPY 2026-12-18 C 430 @ -1.80      the net of one brings 1.80 a share

Behind @ stands the limit a share, in dollars: what is paid at most where it is bought, received at least where it is
sold; of a combination the net of one, paid at most, and negative where it must bring money.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation

from schemas.osi import OptionSymbol, SymbolFault, osi, parse_osi
from schemas.records import Leg, Side
from streams.options.contracts.adjusted import standard_terms

_TICKER = re.compile(r"[A-Z][A-Z0-9.]{0,9}")
FORM = "BUY|SELL QUANTITY TICKER [YYYY-MM-DD C|P STRIKE] [/ another leg ...] [@ LIMIT]"


@dataclass(frozen=True)
class OrderText:
    """What a text asks for. symbol: ticker, OSI symbol, or a combination's underlying. quantity: shares, contracts or
    combinations. legs: of a combination, else empty. limit_cents: a share, of a combination the money of one; None
    where the text has none.
    contracts: OSI symbols, with their underlyings.
    """

    symbol: str
    side: Side
    quantity: int
    multiplier: int
    legs: tuple[Leg, ...]
    limit_cents: int | None
    contracts: tuple[tuple[str, str], ...]


def parse_order(text: str) -> OrderText:
    """Return what an order's text says; ValueError says what was seen and what was expected."""
    body, at, price = text.partition("@")
    limit = cents_of(price.strip(), "limit") if at else None
    parts = [_part(part) for part in body.split("/")]
    contracts = tuple(dict.fromkeys((symbol, under) for _, _, symbol, under, _ in parts if symbol != under))
    if len(parts) == 1:
        side, quantity, symbol, _, multiplier = parts[0]
        if limit is not None and limit <= 0:
            raise ValueError(f"the limit must be > 0, was {price.strip()}")
        return OrderText(symbol, side, quantity, multiplier, (), limit, contracts)
    underlyings = sorted({under for _, _, _, under, _ in parts})
    if len(underlyings) > 1:
        raise ValueError(f"a combination has one underlying, these legs have {', '.join(underlyings)}")
    symbols = [symbol for _, _, symbol, _, _ in parts]
    if len(set(symbols)) < len(symbols):
        raise ValueError(f"each leg must be another instrument, {max(symbols, key=symbols.count)} stands twice")
    units = math.gcd(*(quantity for _, quantity, _, _, _ in parts))
    legs = tuple(Leg(symbol, side, quantity // units, multiplier) for side, quantity, symbol, _, multiplier in parts)
    limit = None if limit is None else limit * max(leg.multiplier for leg in legs)
    return OrderText(underlyings[0], Side.BUY, units, 1, legs, limit, contracts)


def cents_of(text: str, what: str) -> int:
    """Return dollars in cents, exactly; ValueError where there are fractions of a cent."""
    try:
        cents = Decimal(text) * 100
    except InvalidOperation:
        raise ValueError(f"the {what} must be a number of dollars, was {text!r}") from None
    if not cents.is_finite() or cents != int(cents):
        raise ValueError(f"the {what} must be whole cents, was {text}")
    return int(cents)


def _part(text: str) -> tuple[Side, int, str, str, int]:
    """Return side, quantity, symbol, underlying and multiplier of one leg."""
    words = text.replace('"', " ").split()
    if len(words) < 3 or words[0].upper() not in ("BUY", "SELL"):
        raise ValueError(f"an order is {FORM}, was {text.strip()!r}")
    if not (words[1].isascii() and words[1].isdigit() and int(words[1]) > 0):
        raise ValueError(f"the quantity must be a whole number > 0, was {words[1]!r}")
    side, quantity = Side(words[0].upper()), int(words[1])
    symbol = _option([word.upper() for word in words[2:]])
    if isinstance(symbol, str):
        return side, quantity, symbol, symbol, 1
    return side, quantity, osi(symbol), symbol.underlying, _multiplier(symbol)


def _option(words: Sequence[str]) -> OptionSymbol | str:
    """Return the contract that words name, or a ticker."""
    if len(words) == 4:
        ticker, day, right, strike = words
        try:
            expiry = date.fromisoformat(day)
        except ValueError:
            raise ValueError(f"the expiry must be YYYY-MM-DD, was {day!r}") from None
        if right not in ("C", "P", "CALL", "PUT"):
            raise ValueError(f"the right must be C or P, was {right!r}")
        try:
            mills = Decimal(strike) * 1000
        except InvalidOperation:
            raise ValueError(f"the strike must be a number, was {strike!r}") from None
        if mills != int(mills):
            raise ValueError(f"a strike has at most three decimals, was {strike}")
        return OptionSymbol(ticker, expiry, right[0] == "C", int(mills))
    compact = "".join(words)
    if len(words) <= 2 and len(compact) > 15:
        found = parse_osi(compact)
        if isinstance(found, SymbolFault):
            raise ValueError(f"{' '.join(words)!r} is no OSI symbol: its {found.value} cannot be read")
        return found
    if len(words) == 1 and _TICKER.fullmatch(words[0]):
        return words[0]
    raise ValueError(f"expected a ticker, an OSI symbol, or TICKER YYYY-MM-DD C|P STRIKE, was {' '.join(words)!r}")


def _multiplier(symbol: OptionSymbol) -> int:
    """Return the shares that a contract's price is for: 100, or 10 of a mini."""
    try:
        return standard_terms(symbol).multiplier
    except ValueError as error:
        raise ValueError(f"{osi(symbol)} is an adjusted contract: {error}") from error
