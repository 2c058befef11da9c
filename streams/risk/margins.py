"""An account's margin as risk keeps it: by underlying, so that an order or a mark reckons one underlying anew.

`Account.margins` holds what each underlying's positions and working orders need (streams/risk/margin). It is reckoned
anew for an underlying at each approval, settlement and end of an order in it, and for all with each report that marks
cause. A fill never makes the need greater than the worst case that was reckoned at the order's approval, so it leaves
the figure and calls it `stale`. An order is judged at the marks of now: the need of its own underlyings is reckoned
with it, that of the others is as kept, at most `report_interval_s` old; before that cuts an order, what is stale is
reckoned anew.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any, NamedTuple

from schemas.osi import underlying_of
from schemas.records import MarginKind, OrderIntent, OrderKind, Side
from streams.book.ledger import Position
from streams.book.money import MICRO_PER_CENT
from streams.risk.account import Account, Margin, Part, Working, with_order
from streams.risk.exits import under_way
from streams.risk.margin.contract import Order, OrderLeg, ticker_of
from streams.risk.margin.requirement import Power, of_underlying, part_in, power
from streams.risk.margin.rules import MarginRow, MarginRules
from streams.risk.market import Market, OptionMarket, market_key

HEAD = 7
"""Characters of an option's symbol that end in the first of its year; no ticker has so many."""
EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
HALF_CENT = MICRO_PER_CENT // 2
LIMITED = (OrderKind.LIMIT, OrderKind.STOP_LIMIT)


class Need(NamedTuple):
    """What an account needs, cents. margins: by underlying. forbidden: what its kind may not hold, and why."""

    initial_cents: int
    maintenance_cents: int
    margins: dict[str, Margin]
    forbidden: tuple[str, ...]


def row_of(rules: MarginRules, account: Account) -> MarginRow:
    """Return the rates of the account's session day."""
    return rules.at(date.fromordinal(EPOCH_ORDINAL + max(0, account.day)))


def kind_of(account: Account, row: MarginRow) -> MarginKind:
    """Return the kind of account by whose rules it is held: a cash account's where its equity is below the least."""
    poor = account.equity_cents < row.equity_least_cents
    return MarginKind.CASH if poor else account.mandate.margin


def order_of(working: Working, quantity: int) -> Order:
    """Return so many units of a working order: at its limit, else at its reference where it is of one symbol."""
    sign = 1 if working.side is Side.BUY else -1
    limited = working.kind in LIMITED
    cents = working.limit_cents if limited else working.reference_cents
    if len(working.parts) == 1:
        (part,) = working.parts
        cost = sign * cents * part.multiplier if limited or cents else None
        return Order((OrderLeg(part.symbol, part.ratio, part.multiplier),), quantity, cost)
    legs = tuple([OrderLeg(part.symbol, part.ratio, part.multiplier) for part in working.parts])
    return Order(legs, quantity, sign * cents if limited else None)


def remargined(account: Account, symbols: Iterable[str], markets: Mapping[str, Any], rules: MarginRules) -> Account:
    """Return the account with the margin of these symbols' underlyings reckoned anew."""
    tickers = {ticker_of(symbol) for symbol in symbols}
    margins = _need(account, None, tickers, markets, row_of(rules, account)).margins
    return replace(account, margins=margins, stale=tuple(one for one in account.stale if one not in tickers))


def filled(account: Account, symbols: Iterable[str]) -> Account:
    """Return the account after an order of these symbols, which was under way, has filled in whole or in part."""
    tickers = {ticker_of(symbol) for symbol in symbols}
    if tickers.issubset(account.stale):
        return account
    return replace(account, stale=tuple(sorted(tickers.union(account.stale))))


def approved(account: Account, need: Need, parts: tuple[Part, ...]) -> Account:
    """Return the account with what it needs with an order of these parts."""
    tickers = {ticker_of(part.symbol) for part in parts}
    return replace(account, margins=need.margins, stale=tuple(one for one in account.stale if one not in tickers))


def power_of(account: Account, rules: MarginRules) -> tuple[int, Power]:
    """Return the initial requirement as kept, cents, and what equity leaves."""
    initial = sum(one.initial_cents for one in account.margins.values())
    maintenance = sum(one.maintenance_cents for one in account.margins.values())
    row = row_of(rules, account)
    return initial, power(account.equity_cents, initial, maintenance, row, account.mandate.margin)


class Needs:
    """What an account needs with an order's reducing part and so many of its opening units; each reckoned once."""

    def __init__(
        self,
        account: Account,
        intent: OrderIntent,
        parts: tuple[Part, ...],
        reducing: int,
        markets: Mapping[str, Any],
        rules: MarginRules,
    ) -> None:
        self._account, self._parts, self._reducing, self._markets = account, parts, reducing, markets
        self._working = with_order(account, intent, parts, intent.quantity).working[intent.id]
        self._found: dict[int, Need] = {}
        self._row = row_of(rules, account)

    def __call__(self, units: int) -> Need:
        """Return the need with the reducing part and so many opening units."""
        if units not in self._found:
            quantity = self._reducing + units
            order = replace(self._working, quantity=quantity) if quantity else None
            tickers = {ticker_of(part.symbol) for part in self._parts}
            self._found[units] = _need(self._account, order, tickers, self._markets, self._row)
        return self._found[units]


def _need(
    account: Account, more: Working | None, tickers: set[str], markets: Mapping[str, Any], row: MarginRow
) -> Need:
    """Return the need with what works and one order more; other underlyings are as kept."""
    margins = dict(account.margins)
    forbidden: list[str] = []
    heads = _Tickers()
    orders: dict[str, list[Order]] = {ticker: [] for ticker in tickers}
    for one in (*under_way(account), more) if more is not None else under_way(account):
        first, *more_parts = one.parts
        of = heads[first.symbol[:HEAD]]
        if all(heads[part.symbol[:HEAD]] == of for part in more_parts):
            if of in tickers:
                orders[of].append(order_of(one, one.quantity))
            continue
        for ticker in {heads[part.symbol[:HEAD]] for part in one.parts} & tickers:
            orders[ticker].append(part_in(order_of(one, one.quantity), ticker))
    positions: dict[str, dict[str, Position]] = {ticker: {} for ticker in tickers}
    for symbol, position in account.ledger.positions.items():
        if (ticker := heads[symbol[:HEAD]]) in positions:
            positions[ticker][symbol] = position
    for ticker in sorted(tickers):
        margins.pop(ticker, None)
        mine, held = orders[ticker], positions[ticker]
        if held or mine:
            prices = prices_of(ticker, {*held, *(leg.symbol for order in mine for leg in order.legs)}, markets)
            found = of_underlying(ticker, held, prices, mine, row, kind_of(account, row))
            margins[ticker] = Margin(found.initial_cents, found.maintenance_cents)
            forbidden += found.forbidden
    kept = margins.values()
    initial, maintenance = sum(one.initial_cents for one in kept), sum(one.maintenance_cents for one in kept)
    return Need(initial, maintenance, margins, tuple(forbidden))


class _Tickers(dict[str, str]):
    """Underlyings by what of a symbol tells them, each asked for once: a root and a digit, or a ticker."""

    def __missing__(self, key: str) -> str:
        found = self[key] = underlying_of(key[:-1].rstrip()) if len(key) == HEAD else key
        return found


def prices_of(ticker: str, symbols: Iterable[str], markets: Mapping[str, Any]) -> dict[str, int]:
    """Return known prices, cents a share: of symbols, and of the underlying by its mark or by an option's."""
    found: dict[str, int] = {}
    spots = []
    for symbol in symbols:
        market = markets.get(market_key(symbol))
        if isinstance(market, OptionMarket):
            if market.value_micro is not None:
                found[symbol] = (market.value_micro + HALF_CENT) // MICRO_PER_CENT
            if market.spot_micro is not None:
                spots.append((market.event_ns, market.spot_micro))
    market = markets.get(market_key(ticker))
    if isinstance(market, Market) and market.value_cents is not None:
        found[ticker] = market.value_cents
    elif spots:
        found[ticker] = (max(spots)[1] + HALF_CENT) // MICRO_PER_CENT
    return found
