"""Positions, orders and prices as margin sees them.

A symbol of 21 characters is an option's, any other a ticker. Option contracts of one underlying can be paired where
their class is one: the multiplier, and the root where a digit says that what it delivers was adjusted. `prices` are
cents a share by symbol; that of an adjusted root (AAPL1), where there is one, goes before its underlying's.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple, Protocol

from schemas.osi import LENGTH, TAIL, underlying_of
from schemas.records import OrderIntent, Side
from streams.risk.margin.formulas import naked_addon
from streams.risk.margin.rules import MarginRow
from streams.risk.margin.spread import Line

AM_ROOTS = frozenset({"NDX", "RUT", "SPX", "VIX"})
"""Index options that end at the open of their day: they do not cover one that ends at its close."""


class Held(Protocol):
    """A position, such as the ledger's. cost_cents counts where there is no price; it has the quantity's sign."""

    @property
    def quantity(self) -> int:
        """Shares or contracts, negative when short."""

    @property
    def cost_cents(self) -> int:
        """What it cost, negative where it brought money."""

    @property
    def multiplier(self) -> int:
        """Shares that its price is for."""


class Class(NamedTuple):
    """What contracts that can be paired have in common; the standard contract's sorts first. root: an adjusted one."""

    oddness: int
    multiplier: int
    root: str


class Holding(NamedTuple):
    """A position made here."""

    quantity: int
    cost_cents: int
    multiplier: int


class OrderLeg(NamedTuple):
    """What one unit of an order adds: shares or contracts, negative where sold."""

    symbol: str
    quantity: int
    multiplier: int


class Order(NamedTuple):
    """An order as far as it still works. quantity: units, > 0. cost_cents: paid for one unit, None: its legs' worth."""

    legs: tuple[OrderLeg, ...]
    quantity: int
    cost_cents: int | None = None


def order_of(intent: OrderIntent, quantity: int) -> Order:
    """Return so many units of an intent; a limit is what they cost, others cost what they are worth."""
    sign = 1 if intent.side is Side.BUY else -1
    legs = tuple(
        OrderLeg(leg.symbol, sign * (leg.ratio if leg.side is Side.BUY else -leg.ratio), leg.multiplier)
        for leg in intent.legs
    )
    if not legs:
        legs = (OrderLeg(intent.symbol, sign, intent.multiplier),)
    limited = intent.kind.name in ("LIMIT", "STOP_LIMIT")
    return Order(legs, quantity, sign * intent.limit_cents * intent.multiplier if limited else None)


def is_option(symbol: str) -> bool:
    """Return whether a symbol is an option's."""
    return len(symbol) == LENGTH


def ticker_of(symbol: str) -> str:
    """Return the underlying's ticker, of an option or of shares themselves."""
    return underlying_of(symbol[:-TAIL].rstrip()) if is_option(symbol) else symbol


def class_of(symbol: str, multiplier: int) -> Class:
    """Return the class of an option."""
    root = symbol[:-TAIL].rstrip()
    return Class(abs(multiplier - 100), multiplier, root if root[-1].isdigit() else "")


def by_underlying(symbols: Iterable[str]) -> dict[str, list[str]]:
    """Return the symbols by underlying, both in name order."""
    found: dict[str, list[str]] = {}
    for symbol in sorted(symbols):
        found.setdefault(ticker_of(symbol), []).append(symbol)
    return dict(sorted(found.items()))


def spot_of(underlying: str, symbol: str, prices: Mapping[str, int]) -> int | None:
    """Return the underlying's price as an option's strike sees it, cents; None where there is none."""
    root = symbol[:-TAIL].rstrip()
    return prices.get(root, prices.get(underlying)) if root[-1].isdigit() else prices.get(underlying)


def line_of(symbol: str, held: Held, spot: int | None, price: int | None, rate_bps: int, row: MarginRow) -> Line:
    """Return an option position with its figures. spot, price: cents a share; where None, the strike and the cost."""
    strike, multiplier = int(symbol[-8:]), held.multiplier
    is_call, underlying = symbol[-9] == "C", strike if spot is None else 10 * spot
    premium = 10 * price * multiplier if price is not None else 10 * abs(held.cost_cents) // max(1, abs(held.quantity))
    worth = max(0, underlying - strike if is_call else strike - underlying) * multiplier
    addon = 0
    if held.quantity < 0:
        addon = naked_addon(is_call, strike, underlying, multiplier, rate_bps, row.naked_least_bps)
    day = 2 * int(symbol[-TAIL:-9]) + (symbol[:-TAIL].rstrip() not in AM_ROOTS)
    return Line(symbol, day, is_call, strike, held.quantity, premium, addon, worth)
