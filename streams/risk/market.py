"""Markets as risk keeps them: what a share or contract is worth, how big it counts, and its greeks in dollars.

Worth (equity): streams/book/valuation.py.
Size (limits): a share's is the higher of last and ask; a contract's is |delta| x spot, and at least its ask.
Greeks in micro-dollars a share of the contract, so that sums over positions are whole numbers and exact:
    delta: delta x spot      gamma: gamma x spot² / 100, for 1 % of spot      vega: vega / 100, for 1 % of volatility
A contract without greeks yet counts with a delta of 1 at its strike; nothing is opened in it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from schemas.osi import OptionSymbol, parse_osi
from schemas.records import Mark, OptionMark
from streams.book.ledger import Position
from streams.book.money import MICRO_PER_CENT, MICRO_PER_DOLLAR, cents_nearest, cents_up, micro_of
from streams.book.valuation import OPTION_CHARS, is_option, option_micro, unit_cents


@dataclass(frozen=True, slots=True)
class Market:
    """One underlying. value_cents: of a share, to value it; exposure_cents: to limit it; None when unknown."""

    event_ns: int
    value_cents: int | None
    exposure_cents: int | None

    __hash__ = object.__hash__  # by identity, and so at once: unit_of keeps what it made of this very object


@dataclass(frozen=True, slots=True)
class OptionMarket:
    """One contract, micro-dollars a share; None when unknown. bid and ask are of the last mark, the rest is the newest
    known.
    """

    event_ns: int
    underlying: str
    expiry_ns: int
    value_micro: int | None
    bid_micro: int | None
    ask_micro: int | None
    spot_micro: int | None
    delta_micro: int | None
    gamma_micro: int = 0
    vega_micro: int = 0

    __hash__ = object.__hash__  # as Market's


class Unit(NamedTuple):
    """One share, or one contract with all its shares. known: whether limits can be measured.

    value_cents: None counts at cost. size_cents: rounded up. delta, gamma, vega: micro-dollars, signed.
    """

    underlying: str
    known: bool
    value_cents: int | None
    size_cents: int
    delta: int
    gamma: int
    vega: int


@dataclass(frozen=True, slots=True)
class Kept:
    """What one unit of a position counts until an instant, or until a split's Settlement: see Unit."""

    until_ns: int
    underlying: str
    known: bool
    value_cents: int | None
    size_cents: int
    delta: int
    gamma: int
    vega: int


@lru_cache(maxsize=8_192)
def terms_of(symbol: str) -> OptionSymbol | None:
    """Return a contract's terms; None of what is no OSI symbol."""
    found = parse_osi(symbol) if is_option(symbol) else None
    return found if isinstance(found, OptionSymbol) else None


def market_key(symbol: str) -> str:
    """Return the state's key of a market."""
    return "option/" + symbol if len(symbol) == OPTION_CHARS else "market/" + symbol


def after_mark(market: Market | None, mark: Mark) -> Market:
    """Return the market after a mark; one older than the newest changes nothing. An unknown price keeps the old."""
    if market is None:
        market = Market(0, None, None)
    if mark.event_ns < market.event_ns:
        return market
    value = cents_nearest(mark.last) if mark.last == mark.last else market.value_cents
    known = [price for price in (mark.last, mark.ask) if price == price]
    exposure = cents_up(max(known)) if known else market.exposure_cents
    return Market(mark.event_ns, value, exposure)


def after_option_mark(market: OptionMarket | None, mark: OptionMark) -> OptionMarket:
    """Return a contract's market after a mark; one older than the newest changes nothing."""
    if market is not None and mark.event_ns < market.event_ns:
        return market
    bid, ask, spot = mark.bid, mark.ask, mark.spot
    if mark.delta == mark.delta and spot == spot:
        delta: int | None = _signed(mark.delta * spot)
        gamma = _signed(mark.gamma * spot * spot / 100.0) if mark.gamma == mark.gamma else 0
        vega = _signed(mark.vega / 100.0) if mark.vega == mark.vega else 0
    elif market is not None:
        delta, gamma, vega = market.delta_micro, market.gamma_micro, market.vega_micro
    else:
        delta, gamma, vega = None, 0, 0
    return OptionMarket(
        mark.event_ns,
        mark.underlying,
        mark.expiry_ns,
        option_micro(mark, None if market is None else market.value_micro),
        micro_of(bid) if bid == bid else None,
        micro_of(ask) if ask == ask else None,
        micro_of(spot) if spot == spot else None if market is None else market.spot_micro,
        delta,
        gamma,
        vega,
    )


def _signed(dollars: float) -> int:
    return micro_of(dollars) if dollars >= 0 else -micro_of(-dollars)


@lru_cache(maxsize=16_384)
def unit_of(symbol: str, multiplier: int, market: Any) -> Unit | None:
    """Return one share or contract by its market; None where no size is known.

    Kept for the very object that a market is: an order asks for all that works, and little of it has changed.
    """
    if isinstance(market, OptionMarket):
        if market.delta_micro is None:
            return _unknown_option(symbol, multiplier, market)
        delta, value = market.delta_micro * multiplier, market.value_micro
        ask = market.ask_micro or value or 0
        size = max(abs(delta), ask * multiplier)
        return Unit(
            market.underlying,
            True,
            unit_cents(value, multiplier),
            -(-size // MICRO_PER_CENT),
            delta,
            market.gamma_micro * multiplier,
            market.vega_micro * multiplier,
        )
    if isinstance(market, Market) and market.exposure_cents is not None:
        exposure = market.exposure_cents
        return Unit(symbol, True, market.value_cents, exposure, exposure * MICRO_PER_CENT, 0, 0)
    return _unknown_option(symbol, multiplier, None)


def _unknown_option(symbol: str, multiplier: int, market: OptionMarket | None) -> Unit | None:
    terms = terms_of(symbol)
    if terms is None:
        return None
    strike = terms.strike_mills * (MICRO_PER_DOLLAR // 1_000) * multiplier
    value = None if market is None else unit_cents(market.value_micro, multiplier)
    underlying = terms.underlying if market is None else market.underlying
    return Unit(underlying, False, value, -(-strike // MICRO_PER_CENT), strike if terms.is_call else -strike, 0, 0)


def held_unit(symbol: str, position: Position, market: Any) -> Unit:
    """Return one share or contract of a position; shares without a market count at cost, rounded up."""
    unit = unit_of(symbol, position.multiplier, market)
    if unit is not None:
        return unit
    cost = -(-abs(position.cost_cents) // abs(position.quantity))
    return Unit(symbol, False, None, cost, cost * MICRO_PER_CENT, 0, 0)


def unit_in(kept: Mapping[str, Kept], symbol: str, position: Position, market: Any) -> Unit:
    """Return one share or contract of a position: as it is kept through a split, else by its market."""
    one = kept.get(symbol) if kept else None
    if one is None:
        return held_unit(symbol, position, market)
    return Unit(one.underlying, one.known, one.value_cents, one.size_cents, one.delta, one.gamma, one.vega)


def order_unit(symbol: str, multiplier: int, reference_cents: int, markets: Mapping[str, Any]) -> Unit:
    """Return one share or contract of an order; shares without a market count at the order's reference."""
    unit = unit_of(symbol, multiplier, markets.get(market_key(symbol)))
    return unit or Unit(symbol, False, None, reference_cents, reference_cents * MICRO_PER_CENT, 0, 0)
