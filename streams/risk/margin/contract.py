"""Positions, orders and prices as margin sees them.

A symbol of 21 characters is an option's, any other a ticker. Option contracts of one underlying can be paired where
their class is one: the multiplier, and the root where a digit says that what it delivers was adjusted. `prices` are
cents a share by symbol; that of an adjusted root (AAPL1), where there is one, goes before its underlying's.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
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


STANDARD = Class(0, 100, "")


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


def by_underlying(symbols: Iterable[str]) -> dict[str, list[str]]:
    """Return the symbols by underlying, both in name order."""
    found: dict[str, list[str]] = {}
    for symbol in sorted(symbols):
        found.setdefault(ticker_of(symbol), []).append(symbol)
    return dict(sorted(found.items()))


class Terms(NamedTuple):
    """What a contract's symbol says. day: see Line. adjusted: the root where it is one. strike: mills."""

    adjusted: str
    day: int
    is_call: bool
    strike: int


@lru_cache(maxsize=8_192)
def terms_of(symbol: str) -> Terms:
    """Return a contract's terms; an order and each mark after it ask for the same ones."""
    root = symbol[:-TAIL].rstrip()
    day = 2 * int(symbol[-TAIL:-9]) + (root not in AM_ROOTS)
    return Terms(root if root[-1].isdigit() else "", day, symbol[-9] == "C", int(symbol[-8:]))


class Rates(NamedTuple):
    """What options of an underlying are reckoned with. spot: mills a share, None where unknown."""

    ticker: str
    spot: int | None
    rate_bps: int
    least_bps: int


def rates_of(ticker: str, prices: Mapping[str, int], row: MarginRow) -> Rates:
    """Return an underlying's rates."""
    rate = row.naked_broad_bps if ticker in row.broad_based else row.naked_bps
    spot = prices.get(ticker)
    return Rates(ticker, None if spot is None else 10 * spot, rate, row.naked_least_bps)


def line_of(symbol: str, held: Held, prices: Mapping[str, int], rates: Rates) -> tuple[Class, Line]:
    """Return an option position with its figures, and its class.

    Where there is no price of it its cost counts; without the underlying's, its strike.
    """
    adjusted, day, is_call, strike = terms_of(symbol)
    quantity, multiplier, price, spot = held.quantity, held.multiplier, prices.get(symbol), rates.spot
    if adjusted and adjusted in prices:
        spot = 10 * prices[adjusted]
    elif spot is None:
        spot = strike
    premium = 10 * price * multiplier if price is not None else 10 * abs(held.cost_cents) // max(1, abs(quantity))
    worth = addon = 0
    if quantity < 0:
        inside = spot - strike if is_call else strike - spot
        worth = inside * multiplier if inside > 0 else 0
        addon = naked_addon(is_call, strike, spot, multiplier, rates.rate_bps, rates.least_bps)
    key = STANDARD if multiplier == 100 and not adjusted else Class(abs(multiplier - 100), multiplier, adjusted)
    return key, Line(symbol, day, is_call, strike, quantity, premium, addon, worth)
