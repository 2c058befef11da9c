"""What an account's positions and working orders need, by underlying.

    requirement(positions, prices, working, row)    a whole account
    of_underlying(...)                              one underlying: all that an order or a mark changes
    total(parts)                                    the sum

**Worst case of working orders.** What is needed is greatest over which of them fill. A requirement is convex in the
contracts and shares that an order adds (it is the least over pairings), so a part of an order is never worse than none
or all of it. Of an underlying's orders

- up to EXACT_MAX: every choice of filled and unfilled is reckoned, and the greatest counts;
- more: a bound. Options that single orders sell are filled, as that only takes cover away or asks for some; of shares
  either all buys or all sells. Options that single orders buy are paid and cover nothing. A combination needs what it
  would alone, as two books together never need more than each by itself. What a sale brings counts only as far as it
  stays naked.

An order that gives away worth (a limit beyond the mark) needs that, too.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import compress, product
from typing import NamedTuple

from schemas.records import MarginKind
from streams.risk.margin.contract import (
    Held,
    Holding,
    Order,
    by_underlying,
    is_option,
    line_of,
    rates_of,
    ticker_of,
)
from streams.risk.margin.rules import BPS, MarginRow
from streams.risk.margin.underlying import Known, Requirement, of_positions

EXACT_MAX = 2
UNCOVERED = ("naked call", "naked put", "short straddle", "short strangle", "cash-secured put")
"""Strategies that need at least the premium of what they sell, and keep it."""


class Power(NamedTuple):
    """What an account can still do, cents, negative where it is short of equity.

    available: equity beyond the initial requirement, which long options, premiums and requirements are paid from.
    shares: worth of shares it can buy with that. excess: equity beyond maintenance; a margin call below 0.
    """

    available_cents: int
    shares_cents: int
    excess_cents: int


def requirement(
    positions: Mapping[str, Held],
    prices: Mapping[str, int],
    working: Iterable[Order],
    row: MarginRow,
    kind: MarginKind = MarginKind.REG_T,
) -> Requirement:
    """Return what positions, and working orders in their worst case, need. prices: cents a share by symbol."""
    orders = orders_by_underlying(working)
    held = by_underlying(positions)
    return total(
        of_underlying(
            ticker, {name: positions[name] for name in held.get(ticker, ())}, prices, orders.get(ticker, ()), row, kind
        )
        for ticker in sorted({*held, *orders})
    )


def orders_by_underlying(working: Iterable[Order]) -> dict[str, list[Order]]:
    """Return orders by underlying; one over several is cut, and its parts cost what they are worth."""
    found: dict[str, list[Order]] = {}
    for order in working:
        for ticker in sorted({ticker_of(leg.symbol) for leg in order.legs}):
            found.setdefault(ticker, []).append(part_in(order, ticker))
    return found


def part_in(order: Order, ticker: str) -> Order:
    """Return what of an order is of an underlying: all of it, or a part that costs what it is worth."""
    if len(order.legs) == 1:
        return order
    legs = tuple(leg for leg in order.legs if ticker_of(leg.symbol) == ticker)
    return order if len(legs) == len(order.legs) else Order(legs, order.quantity)


def total(parts: Iterable[Requirement]) -> Requirement:
    """Return the sum of requirements."""
    all_parts = tuple(parts)
    return Requirement(
        sum(part.initial_cents for part in all_parts),
        sum(part.maintenance_cents for part in all_parts),
        sum(part.short_value_cents for part in all_parts),
        tuple(strategy for part in all_parts for strategy in part.strategies),
        tuple(symbol for part in all_parts for symbol in part.unpriced),
        tuple(text for part in all_parts for text in part.forbidden),
    )


def power(equity_cents: int, initial_cents: int, maintenance_cents: int, row: MarginRow, kind: MarginKind) -> Power:
    """Return what equity (cash and all positions at market, cents) leaves; no leverage below the least equity."""
    available = equity_cents - initial_cents
    leverage = MarginKind.REG_T is kind and equity_cents >= row.equity_least_cents
    shares = available * BPS // row.long_initial_bps if leverage else available
    return Power(available, shares, equity_cents - maintenance_cents)


def of_underlying(
    ticker: str,
    positions: Mapping[str, Held],
    prices: Mapping[str, int],
    working: Sequence[Order],
    row: MarginRow,
    kind: MarginKind = MarginKind.REG_T,
) -> Requirement:
    """Return what one underlying's positions need with its working orders in their worst case."""
    known: Known = {}
    base = of_positions(ticker, positions, prices, row, kind, known)
    if not working:
        return base
    if len(working) <= EXACT_MAX:
        choices = [hits for hits in product((False, True), repeat=len(working)) if any(hits)]
        others = [
            _filled(ticker, positions, prices, list(compress(working, hits)), row, kind, dict(known))
            for hits in choices
        ]
    else:
        others = _bounds(ticker, positions, prices, working, row, kind, known, base)
    return Requirement(
        max(base.initial_cents, *(one.initial_cents for one in others)),
        max(base.maintenance_cents, *(one.maintenance_cents for one in others)),
        base.short_value_cents,
        base.strategies,
        tuple(sorted({*base.unpriced, *(symbol for one in others for symbol in one.unpriced)})),
        tuple(sorted({*base.forbidden, *(text for one in others for text in one.forbidden)})),
    )


def _filled(
    ticker: str,
    positions: Mapping[str, Held],
    prices: Mapping[str, int],
    orders: Iterable[Order],
    row: MarginRow,
    kind: MarginKind,
    known: Known,
) -> Requirement:
    """Return what is needed once orders are filled, with what they give away against the marks."""
    after = dict(positions)
    given = 0
    for order in orders:
        _add(after, order)
        given += order.quantity * _given_away(order, prices)
    need = of_positions(ticker, after, prices, row, kind, known)
    return _more(need, given) if given else need


def _bounds(
    ticker: str,
    positions: Mapping[str, Held],
    prices: Mapping[str, int],
    working: Iterable[Order],
    row: MarginRow,
    kind: MarginKind,
    known: Known,
    base: Requirement,
) -> list[Requirement]:
    """Return bounds of what is needed whichever orders fill: with the shares that orders buy, and with those sold."""
    after = dict(positions)
    paid = alone_initial = alone_maintenance = 0
    sold: dict[str, int] = {}
    unpriced: list[str] = []
    forbidden: list[str] = []
    ways: dict[bool, tuple[list[Order], int]] = {}
    for order in working:
        leg, given = order.legs[0], order.quantity * _given_away(order, prices)
        if len(order.legs) > 1:
            alone = _alone(ticker, order, given, prices, row, kind)
            if alone.initial_cents > 0:
                alone_initial += alone.initial_cents
                alone_maintenance += alone.maintenance_cents
                unpriced += alone.unpriced
                forbidden += alone.forbidden
        elif not is_option(leg.symbol):
            shares, so_far = ways.setdefault(leg.quantity > 0, ([], 0))
            shares.append(order)
            ways[leg.quantity > 0] = shares, so_far + given
        elif leg.quantity > 0:
            paid += given + order.quantity * _value(order, prices)
        else:
            _add(after, order)
            paid += given - order.quantity * _value(order, prices)
            opened = -after[leg.symbol].quantity if leg.symbol in after else 0
            sold[leg.symbol] = max(0, min(opened, sold.get(leg.symbol, 0) - order.quantity * leg.quantity))
    found = []
    # Of shares either all buys fill or all sells; where there are orders of one side only, the other is without any.
    for buying in (True, False) if ways else (True,):
        shares, given = ways.get(buying, ([], 0))
        then = _with_shares(after, shares, ticker in prices)
        need = of_positions(ticker, then, prices, row, kind, dict(known)) if then != positions else base
        more = paid + given - (_kept(need, then, prices, dict(sold)) if sold else 0)
        found.append(
            Requirement(
                need.initial_cents + more + alone_initial,
                need.maintenance_cents + more + alone_maintenance,
                unpriced=(*need.unpriced, *unpriced),
                forbidden=(*need.forbidden, *forbidden),
            )
        )
    return found


def _with_shares(positions: dict[str, Held], orders: Sequence[Order], priced: bool) -> dict[str, Held]:
    """Return positions once orders in shares, all of one side, have filled; cost counts only without a price."""
    after = dict(positions)
    if not priced or not orders:
        for order in orders:
            _add(after, order)
        return after
    (symbol, _, multiplier) = orders[0].legs[0]
    held = after.pop(symbol, None)
    count = sum([order.legs[0].quantity * order.quantity for order in orders])
    if held is not None:
        count, multiplier = count + held.quantity, held.multiplier
    if count:
        after[symbol] = Holding(count, 0, multiplier)
    return after


def _kept(need: Requirement, after: Mapping[str, Held], prices: Mapping[str, int], sold: dict[str, int]) -> int:
    """Return what sales bring that stays with the account, cents: of what they leave naked. sold: is used up."""
    kept = 0
    for strategy in need.strategies:
        if strategy.name in UNCOVERED:
            for symbol, quantity in strategy.legs:
                count = min(sold.get(symbol, 0), -quantity)
                kept += count * prices.get(symbol, 0) * after[symbol].multiplier
                sold[symbol] = sold.get(symbol, 0) - count
    return kept


def _alone(
    ticker: str, order: Order, given: int, prices: Mapping[str, int], row: MarginRow, kind: MarginKind
) -> Requirement:
    """Return what a combination needs by itself. Most are a contract sold and one bought, which need no pairing."""
    if len(order.legs) == 2 and kind is MarginKind.REG_T and all(is_option(leg.symbol) for leg in order.legs):
        rates, n = rates_of(ticker, prices, row), order.quantity
        (one, first), (two, second) = (
            line_of(leg.symbol, Holding(leg.quantity * n, 0, leg.multiplier), prices, rates) for leg in order.legs
        )
        if one == two and first.is_call == second.is_call and first.quantity == -second.quantity:
            sold, bought = (first, second) if first.quantity < 0 else (second, first)
            if bought.day >= sold.day:
                width = sold.strike - bought.strike if not sold.is_call else bought.strike - sold.strike
                loss = min(max(0, width) * one.multiplier, sold.premium + sold.addon)
                cents = -(-(loss + bought.premium - sold.premium) * bought.quantity // 10) + given
                return Requirement(cents, cents)
    return _filled(ticker, {}, prices, [order], row, kind, {})


def _more(need: Requirement, cents: int) -> Requirement:
    return replace(need, initial_cents=need.initial_cents + cents, maintenance_cents=need.maintenance_cents + cents)


def _add(after: dict[str, Held], order: Order) -> None:
    """Add a filled order to positions; one of 0 is not kept."""
    for symbol, ratio, multiplier in order.legs:
        held = after.pop(symbol, None)
        count = ratio * order.quantity
        cost = order.quantity * (order.cost_cents or 0) if len(order.legs) == 1 else 0
        if held is not None:
            count, cost, multiplier = count + held.quantity, cost + held.cost_cents, held.multiplier
        if count:
            after[symbol] = Holding(count, cost, multiplier)


def _value(order: Order, prices: Mapping[str, int]) -> int:
    """Return what one unit is worth, cents; what it costs where a single leg has no price."""
    if len(order.legs) == 1:
        symbol, quantity, multiplier = order.legs[0]
        price = prices.get(symbol)
        return order.cost_cents or 0 if price is None else quantity * multiplier * price
    return sum([quantity * multiplier * prices.get(symbol, 0) for symbol, quantity, multiplier in order.legs])


def _given_away(order: Order, prices: Mapping[str, int]) -> int:
    """Return what one unit costs beyond its worth, cents, >= 0."""
    return max(0, order.cost_cents - _value(order, prices)) if order.cost_cents is not None else 0
