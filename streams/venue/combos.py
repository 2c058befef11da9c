"""Combinations: several legs that trade together or not at all.

- A combination fills where every leg can be dealt in at its executable side: the side's price known, its size as much
  as the units need, each leg's quote of no earlier than the order and no older than `quote_age_s` than the newest.
- LIMIT: the net of one, every leg rounded to a cent against the account, is at most limit_cents. That net is money:
  ratios times prices times multipliers, negative where it brings some. MARKET: each leg less the slippage.
- Whole units at once, as many as the least leg allows; all legs stand in one Fill. A cheaper leg makes no dearer one
  good for another unit, and no leg is ever left alone.
"""

from collections.abc import Sequence
from typing import NamedTuple

from schemas.records import Leg, LegFill, OrderKind, Side
from streams.book.money import micro_of, slipped_cents
from streams.venue.matching import given_cents
from streams.venue.order import Order
from streams.venue.quotes import Quote, executable


class ComboDeal(NamedTuple):
    """A trade of a combination: units, net of one, given away in all, legs."""

    quantity: int
    net_cents: int
    slippage_cents: int
    legs: tuple[LegFill, ...]


def fresh(order: Order, quotes: Sequence[Quote], age_ns: int) -> bool:
    """Return whether every leg's quote may be used together with the others."""
    newest = max(quote.event_ns for quote in quotes)
    oldest = min(quote.event_ns for quote in quotes)
    return oldest >= order.start_ns and newest - oldest <= age_ns and all(quote.fit for quote in quotes)


def combo_deal(order: Order, quotes: Sequence[Quote], rooms: Sequence[int], slippage_bps: float) -> ComboDeal | None:
    """Return the trade of a combination; None where there is none. quotes, rooms: by leg, in order."""
    intent = order.intent
    units = min(order.remaining, *(room // leg.ratio for leg, room in zip(intent.legs, rooms, strict=True)))
    prices = [executable(quote, leg.side is Side.BUY) for leg, quote in zip(intent.legs, quotes, strict=True)]
    if units < 1 or any(price != price for price in prices):
        return None
    bps = slippage_bps if order.kind is OrderKind.MARKET else 0.0
    cents = [slipped_cents(micro_of(price), bps, _buys(leg)) for leg, price in zip(intent.legs, prices, strict=True)]
    net = sum(_sign(leg) * leg.ratio * leg.multiplier * one for leg, one in zip(intent.legs, cents, strict=True))
    if order.kind is OrderKind.LIMIT and net > intent.limit_cents:
        return None
    given = sum(
        given_cents(price, one, _buys(leg), units * leg.ratio * leg.multiplier)
        for leg, price, one in zip(intent.legs, prices, cents, strict=True)
    )
    legs = tuple(
        LegFill(leg.symbol, leg.side, units * leg.ratio, one, leg.multiplier)
        for leg, one in zip(intent.legs, cents, strict=True)
    )
    return ComboDeal(units, net, given, legs)


def _buys(leg: Leg) -> bool:
    return leg.side is Side.BUY


def _sign(leg: Leg) -> int:
    return 1 if leg.side is Side.BUY else -1
