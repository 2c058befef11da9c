"""What one underlying's positions need, of a margin or a cash account."""

from collections.abc import Mapping
from dataclasses import dataclass

from schemas.records import MarginKind
from streams.risk.margin.cash import cash_strategies
from streams.risk.margin.contract import Class, Held, is_option, line_of, rates_of
from streams.risk.margin.hedged import Shares, share_strategies, shares_alone
from streams.risk.margin.pairing import best_plan
from streams.risk.margin.rules import MarginRow
from streams.risk.margin.spread import Line
from streams.risk.margin.strategies import Strategy, long_options, option_strategies

Known = dict[str, tuple[Held, Class, Line]]
"""Options' figures by symbol, and the position that they are of."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """What equity has to cover. Amounts: cents, with the working orders' worst case; strategies: without them.

    short_value_cents: market value of what is short; with it a requirement is as the manuals tell it.
    unpriced: symbols without a price that count at cost or strike. forbidden: what the account may not hold, and why.
    """

    initial_cents: int = 0
    maintenance_cents: int = 0
    short_value_cents: int = 0
    strategies: tuple[Strategy, ...] = ()
    unpriced: tuple[str, ...] = ()
    forbidden: tuple[str, ...] = ()


def of_positions(
    ticker: str,
    positions: Mapping[str, Held],
    prices: Mapping[str, int],
    row: MarginRow,
    kind: MarginKind,
    known: Known | None = None,
) -> Requirement:
    """Return what one underlying's positions need without orders.

    prices: cents a share by symbol. known: figures of options found before at these prices, to which those found are
    added.
    """
    known = {} if known is None else known
    rates = rates_of(ticker, prices, row)
    classes: dict[Class, list[Line]] = {}
    unpriced, shares, owed = [], 0, 0
    for symbol in sorted(positions):
        held, price = positions[symbol], prices.get(symbol)
        if price is None:
            unpriced.append(symbol)
        if not is_option(symbol):
            shares = held.quantity
            continue
        before = known.get(symbol)
        if before is None or before[0] is not held:
            before = known[symbol] = (held, *line_of(symbol, held, prices, rates))
        _, key, line = before
        classes.setdefault(key, []).append(line)
        if held.quantity < 0:
            owed += -held.quantity * line.premium
    spot = _share_price(ticker, positions, prices)
    if shares < 0:
        owed += -shares * 10 * spot
    if classes and ticker not in prices and ticker not in unpriced:
        unpriced.append(ticker)
    if kind is MarginKind.CASH:
        strategies, forbidden = cash_strategies(ticker, shares, 10 * spot, classes, row)
    else:
        strategies, forbidden = _margined(ticker, shares, 10 * spot, classes, row), []
    return Requirement(
        sum(one.initial_cents for one in strategies),
        sum(one.maintenance_cents for one in strategies),
        owed // 10,
        tuple(strategies),
        tuple(unpriced),
        tuple(forbidden),
    )


def _share_price(ticker: str, positions: Mapping[str, Held], prices: Mapping[str, int]) -> int:
    """Return a share's price, cents; where there is none, its cost, 0 without shares."""
    held, price = positions.get(ticker), prices.get(ticker)
    if price is None:
        return -(-abs(held.cost_cents) // abs(held.quantity)) if held is not None and held.quantity else 0
    return price


def _margined(
    ticker: str, shares: int, spot: int, classes: Mapping[Class, list[Line]], row: MarginRow
) -> list[Strategy]:
    """Return a margin account's strategies; shares stand by the standard contracts first. spot: mills."""
    found = []
    for key in sorted(classes):
        plan = best_plan(classes[key], shares, key.multiplier)
        hedged, free, shares = share_strategies(plan, Shares(ticker, shares, spot, key.multiplier, row))
        found += [*option_strategies(plan), *hedged, *long_options(free)]
    if shares:
        found.append(shares_alone(Shares(ticker, shares, spot, 1, row)))
    return found
