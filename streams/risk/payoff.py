"""What one unit of an order can lose: shares to their stop, options and combinations by their payoffs at expiry.

A payoff at expiry is linear between strikes, so its least stands at 0 or at a strike, unless it falls for ever: then
the loss is undefined. All short contracts must expire together. A long contract that expires before them covers
nothing. One that expires after them is worth at least what exercise gives, so it covers as if it expired with them; an
index's is not, since it cannot be exercised before.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

from schemas.osi import INDEX_ROOTS, OptionSymbol
from schemas.records import OrderIntent, OrderKind, Side
from streams.book.money import MICRO_PER_CENT, cents_down, cents_up
from streams.risk.account import Part
from streams.risk.market import Market, OptionMarket, market_key, terms_of

EUROPEAN = frozenset({*INDEX_ROOTS.values(), "DJX", "MRUT", "XSP", "XND"})


def unit_loss_cents(intent: OrderIntent, parts: tuple[Part, ...], markets: Mapping[str, Any]) -> int | None:
    """Return the most that one unit of an order that opens can lose, cents >= 0; None where nothing bounds it."""
    if not intent.legs and terms_of(intent.symbol) is None:
        return _share_loss(intent)
    paid = paid_cents(intent, parts, markets)
    worst = worst_payoff_cents(parts)
    return None if paid is None or worst is None else max(0, paid - worst)


def _share_loss(intent: OrderIntent) -> int | None:
    """Return the loss of a share from its price to its stop; without a stop a share bought can lose all."""
    buying, stop = intent.side is Side.BUY, intent.stop
    price = intent.limit_cents or intent.trigger_cents or cents_up(intent.reference)
    if not stop > 0:
        return price * intent.multiplier if buying else None
    loss = price - cents_down(stop) if buying else cents_up(stop) - price
    return max(0, loss) * intent.multiplier


def paid_cents(intent: OrderIntent, parts: tuple[Part, ...], markets: Mapping[str, Any]) -> int | None:
    """Return what one unit costs, negative where it brings money: at its limit, else at the sides that can be dealt on;
    None where one is missing.
    """
    if intent.kind in (OrderKind.LIMIT, OrderKind.STOP_LIMIT):
        sign = 1 if intent.legs or intent.side is Side.BUY else -1
        return sign * intent.limit_cents * intent.multiplier
    total = 0
    for part in parts:
        market = markets.get(market_key(part.symbol))
        if isinstance(market, OptionMarket):
            price = market.ask_micro if part.ratio > 0 else market.bid_micro
        else:
            price = _share_micro(market)
        if price is None:
            return None
        total += part.ratio * part.multiplier * price
    return -(-total // MICRO_PER_CENT)


def _share_micro(market: Market | None) -> int | None:
    return None if market is None or market.exposure_cents is None else market.exposure_cents * MICRO_PER_CENT


def middle_cents(parts: tuple[Part, ...], markets: Mapping[str, Any]) -> tuple[int, int] | None:
    """Return the market of one unit as it counts for equity: net, and of all parts by size; None where unknown."""
    net = size = 0
    for part in parts:
        market = markets.get(market_key(part.symbol))
        if isinstance(market, OptionMarket):
            value = market.value_micro
        else:
            value = None if market is None or market.value_cents is None else market.value_cents * MICRO_PER_CENT
        if value is None:
            return None
        net += part.ratio * part.multiplier * value
        size += abs(part.ratio) * part.multiplier * value
    return net // MICRO_PER_CENT, size // MICRO_PER_CENT


def worst_payoff_cents(parts: tuple[Part, ...]) -> int | None:
    """Return the least that one unit is worth when its short contracts expire, cents; None where nothing bounds it."""
    options = [(terms, part.ratio * part.multiplier) for part in parts if (terms := terms_of(part.symbol)) is not None]
    shares = sum(part.ratio * part.multiplier for part in parts if terms_of(part.symbol) is None)
    ends = {terms.expiry for terms, shares_of in options if shares_of < 0}
    if len(ends) > 1:
        return None
    end = min(ends, default=max((terms.expiry for terms, _ in options), default=None))
    counted = [(terms, shares_of) for terms, shares_of in options if _covers(terms, end)]
    if shares + sum(shares_of for terms, shares_of in counted if terms.is_call) < 0:
        return None
    spots = [0, *(terms.strike_mills for terms, _ in counted)]
    return min(shares * spot + sum(of * _exercise(terms, spot) for terms, of in counted) for spot in spots) // 10


def _covers(terms: OptionSymbol, end: date | None) -> bool:
    return terms.expiry == end or (end is not None and terms.expiry > end and terms.underlying not in EUROPEAN)


def _exercise(terms: OptionSymbol, spot_mills: int) -> int:
    return max(0, spot_mills - terms.strike_mills if terms.is_call else terms.strike_mills - spot_mills)
