"""Margin calls ahead: at which move of the whole market equity falls below maintenance (margin/forecast.py).

All underlyings that have a price move by the same part at once; what has none stays. Looked at with each report that
marks cause; told by an Alert of the rule "margin_call" once a level and session day, the nearest level of each
direction, and with it the underlyings that would do it alone. A level that was told tells those beyond it. Working
orders are not counted: what they need is the buying power's business.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from schemas.records import Alert, MarginKind, OrderIntent
from streams.book.money import text_of as dollars
from streams.risk.account import Account, Part, parts_of
from streams.risk.margin.contract import Held, Holding, is_option, ticker_of
from streams.risk.margin.forecast import PERCENTS, Forecast, Greeks, Moved, after_move, forecast, nearest
from streams.risk.margin.rules import MarginRow, MarginRules
from streams.risk.margin.underlying import of_positions
from streams.risk.margins import kind_of, prices_of, row_of
from streams.risk.market import OptionMarket, market_key

RULE = "margin_call"
LEVELS = (-10, -5, -2, 0, 2, 5, 10)
"""Moves that are told, percent. 0: the call is there."""


class Book(NamedTuple):
    """One underlying: positions, prices in cents a share, greeks of a share of a contract."""

    positions: Mapping[str, Held]
    prices: Mapping[str, int]
    greeks: Mapping[str, Greeks]


def filled(intent: OrderIntent, quantity: int) -> list[tuple[Part, int]]:
    """Return what so many units of an order would add to positions."""
    return [(part, part.ratio * quantity) for part in parts_of(intent)]


def books_of(account: Account, markets: Mapping[str, Any], more: Sequence[tuple[Part, int]] = ()) -> dict[str, Book]:
    """Return the account's positions, and more with them, by underlying."""
    held: dict[str, dict[str, Held]] = {}
    for symbol, position in account.ledger.positions.items():
        held.setdefault(ticker_of(symbol), {})[symbol] = position
    for part, quantity in more:
        mine = held.setdefault(ticker_of(part.symbol), {})
        before = mine.pop(part.symbol, None)
        count = quantity + (before.quantity if before is not None else 0)
        if count:
            mine[part.symbol] = Holding(count, before.cost_cents if before is not None else 0, part.multiplier)
    return {
        ticker: Book(mine, prices_of(ticker, mine, markets), greeks_of(mine, markets))
        for ticker, mine in sorted(held.items())
    }


def greeks_of(symbols: Mapping[str, Any], markets: Mapping[str, Any]) -> dict[str, Greeks]:
    """Return delta and gamma of contracts as far as they are known."""
    found = {}
    for symbol in symbols:
        market = markets.get(market_key(symbol)) if is_option(symbol) else None
        if isinstance(market, OptionMarket) and market.delta_micro is not None and market.spot_micro:
            spot = market.spot_micro / 1e6
            found[symbol] = Greeks(market.delta_micro / market.spot_micro, market.gamma_micro / 1e4 / (spot * spot))
    return found


def moves_of(
    books: Mapping[str, Book], equity_cents: int, row: MarginRow, kind: MarginKind, percents: Sequence[int]
) -> list[Moved]:
    """Return the account after moves of all underlyings that have a price."""
    still = sum(
        of_positions(ticker, book.positions, book.prices, row, kind).maintenance_cents
        for ticker, book in books.items()
        if ticker not in book.prices
    )
    moves = []
    for percent in percents:
        equity, need = equity_cents, still
        for ticker, book in books.items():
            if ticker in book.prices:
                change, asked = after_move(ticker, *book, percent, row, kind)
                equity, need = equity + change, need + asked
        moves.append(Moved(percent, equity, need))
    return moves


def forecast_of(
    account: Account, markets: Mapping[str, Any], rules: MarginRules, more: Sequence[tuple[Part, int]] = ()
) -> Forecast:
    """Return where margin calls come for moves of the whole market, 1 to 20 percent; more: positions beside its own."""
    row = row_of(rules, account)
    books = books_of(account, markets, more)
    return nearest(moves_of(books, account.equity_cents, row, kind_of(account, row), PERCENTS))


def text_of(found: Forecast) -> str:
    """Return a forecast in words."""
    moves = [f"{one:+d} %" for one in (found.down_percent, found.up_percent) if one is not None]
    return ", ".join(moves) or "none within 20 %"


def told(account: Account, markets: Mapping[str, Any], rules: MarginRules) -> tuple[Account, list[Alert]]:
    """Return the account and what it is told of margin calls ahead; nothing while a split is under way."""
    if not account.ledger.positions or account.kept:
        return account, []
    row = row_of(rules, account)
    kind, books = kind_of(account, row), books_of(account, markets)
    moves = {one.percent: one for one in moves_of(books, account.equity_cents, row, kind, LEVELS)}
    alerts, names = [], list(account.alerted)
    for side in (-1, 1):
        ways = [percent for percent in sorted(LEVELS, key=abs) if percent * side >= 0]
        called = next((percent for percent in ways if moves[percent].excess_cents < 0), None)
        if called is None or f"{RULE} {called}" in names:
            continue
        names += [name for one in ways if abs(one) >= abs(called) and (name := f"{RULE} {one}") not in names]
        text = _text(moves[called], _alone(books, account.equity_cents, called, row, kind))
        alerts.append(Alert(account.mandate.account, account.now_ns, RULE, text, float(called), 0.0))
    return (replace(account, alerted=tuple(names)), alerts) if alerts else (account, [])


def _alone(books: Mapping[str, Book], equity: int, percent: int, row: MarginRow, kind: MarginKind) -> list[str]:
    """Return the underlyings whose move alone brings the call."""
    needs = {
        ticker: of_positions(ticker, book.positions, book.prices, row, kind).maintenance_cents
        for ticker, book in books.items()
    }
    whole = sum(needs.values())
    return [
        ticker
        for ticker, book in books.items()
        if percent
        and ticker in book.prices
        and forecast(ticker, *book, equity, whole - needs[ticker], row, kind, (percent,)).moves[0].excess_cents < 0
    ]


def _text(moved: Moved, alone: Sequence[str]) -> str:
    figures = f"equity {dollars(moved.equity_cents)} USD, maintenance {dollars(moved.maintenance_cents)} USD"
    short = dollars(-moved.excess_cents)
    if not moved.percent:
        return f"margin call: {figures}, {short} USD short"
    way = "fall" if moved.percent < 0 else "rise"
    who = f"; {', '.join(alone)} would do it alone" if alone else ""
    return f"a {way} of {abs(moved.percent)} % of the market brings a margin call of {short} USD: {figures}{who}"
