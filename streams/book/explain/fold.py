"""An account's P&L explained from its records: marks, fills, what happened to positions; by strategy, symbol and day.

Values are those of equity (valuation.py), in cents; so an interval's terms and its unexplained are the change of
equity, and the rows of a day sum to that of the day, to rounding of doubles. Rules:

- Each strategy has a ledger of its own; their sum is the account's. What closes a position is of those who opened it
  (books.py): so are exercise, assignment and expiry, and what a person, the emergency stop or the drawdown sells.
- An interval of a contract ends with the first mark `step_ns` after its beginning, before a fill or settlement of it,
  and with the day's last mark (New York's day). Its rows are of the day of its end: a night is the next day's.
- Shares are valued at their last trade: all of their change is delta.
- A fill's spread is its price against the newest value before it. A position that nothing values yet stands at its
  cost; once something does, the difference is spread, too. (Strategies that hold such a one against each other do so
  at their own costs.) The fee of a combination stands under its underlying.
- After a split the newest mark of before is carried over by the ratio, so that the split itself moves nothing but what
  it pays.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from schemas.osi import underlying_of
from schemas.records import Fill, Mark, OptionMark, Settlement, SettlementKind
from streams.book.explain.books import fee_parts, fill_parts, settlement_parts
from streams.book.explain.option import Point, along, point_of
from streams.book.explain.terms import NOTHING, Terms, closed
from streams.book.ledger import Ledger, apply_fill, apply_settlement
from streams.book.money import MICRO_PER_CENT
from streams.book.valuation import is_option, option_micro, share_value_cents, unit_cents
from streams.options.contracts.clock import new_york_day

MINUTE_NS = 60_000_000_000


@dataclass(frozen=True)
class Row:
    """What a strategy's position in a symbol came to on a day. terms: US dollars."""

    day: str
    account: str
    strategy: str
    symbol: str
    underlying: str
    terms: Terms


class Valued(NamedTuple):
    """A mark and what one share is valued at by it, micro-dollars."""

    mark: Mark | OptionMark
    micro: int


def explain(records: Iterable[Any], account: str, step_ns: int = MINUTE_NS) -> tuple[Row, ...]:
    """Return the rows of every day, by day, strategy and symbol. records: of the account's log, from its beginning."""
    fold = Explainer(account, step_ns)
    for record in records:
        fold.take(record)
    return fold.rows()


def sums(rows: Iterable[Row], by: Callable[[Row], str]) -> dict[str, Terms]:
    """Return the sums of rows by what `by` says of each: strategy, symbol, underlying, day; in order of the names."""
    found: dict[str, Terms] = {}
    for row in rows:
        found[by(row)] = found.get(by(row), NOTHING).plus(row.terms)
    return dict(sorted(found.items()))


class Explainer:
    """Follows the records of one account; records of others are passed over, and kinds that move nothing."""

    def __init__(self, account: str, step_ns: int = MINUTE_NS) -> None:
        self._account, self._step_ns = account, step_ns
        self._ledgers: dict[str, Ledger] = {}
        self._newest: dict[str, Valued] = {}
        self._base: dict[str, Valued] = {}
        """Marks that values are of."""
        self._points: dict[str, Point] = {}
        """Of the contracts' newest marks that were reckoned."""
        self._found: dict[tuple[str, str, str], Terms] = {}

    def take(self, record: Any) -> None:
        """Take the next record of the log."""
        if isinstance(record, Mark | OptionMark):
            self._take_mark(record)
        elif isinstance(record, Fill) and record.account == self._account and record.quantity:
            self._take_fill(record)
        elif isinstance(record, Settlement) and record.account == self._account:
            self._take_settlement(record)

    def rows(self) -> tuple[Row, ...]:
        """Return the rows so far, up to the newest marks."""
        for symbol in sorted(self._newest):
            self._go_on(symbol)
        return tuple(
            Row(day, self._account, strategy, symbol, underlying_name(symbol), terms)
            for (day, strategy, symbol), terms in sorted(self._found.items())
        )

    def _take_mark(self, mark: Mark | OptionMark) -> None:
        symbol, before = mark.symbol, self._newest.get(mark.symbol)
        micro = _micro(mark, before)
        if micro is None or (before is not None and mark.event_ns < before.mark.event_ns):
            return
        if before is not None and _day(mark.event_ns) != _day(before.mark.event_ns):
            self._go_on(symbol)
        self._newest[symbol] = Valued(mark, micro)
        base = self._base.get(symbol)
        if base is None or mark.event_ns - base.mark.event_ns >= self._step_ns:
            self._go_on(symbol)

    def _go_on(self, symbol: str) -> None:
        """Explain what moved a symbol's positions from the mark that values are of to the newest."""
        base, newest = self._base.get(symbol), self._newest.get(symbol)
        if newest is None or newest is base:
            return
        holders = [(name, ledger.positions[symbol]) for name, ledger in self._ledgers.items()
                   if symbol in ledger.positions]  # fmt: skip
        self._base[symbol] = newest
        if not holders:
            return
        first, last = self._point(base), self._point(newest)
        share = along(first, last) if first is not None and last is not None else NOTHING
        for strategy, held in holders:
            value = held.quantity * _cents(newest, held.multiplier)
            if base is None:
                terms = Terms(spread=(value - held.cost_cents) / 100)
            else:
                moved = (value - held.quantity * _cents(base, held.multiplier)) / 100
                size = held.quantity * held.multiplier
                terms = closed(share.times(size), moved) if is_option(symbol) else Terms(delta=moved)
            self._add(newest.mark.event_ns, strategy, symbol, terms)

    def _point(self, valued: Valued | None) -> Point | None:
        """Return the point of a contract's mark; the newest is remembered, as the next way begins there."""
        if valued is None or not isinstance(valued.mark, OptionMark):
            return None
        known = self._points.get(valued.mark.symbol)
        if known is not None and known.mark is valued.mark:
            return known
        found = point_of(valued.mark, valued.micro)
        if found is not None:
            self._points[valued.mark.symbol] = found
        return found

    def _take_fill(self, fill: Fill) -> None:
        symbols = sorted({fill.symbol, *(leg.symbol for leg in fill.legs)})
        for symbol in symbols:
            self._go_on(symbol)
        parts = fill_parts(self._ledgers, fill)
        for strategy, part in parts:
            before = self._ledgers.get(strategy, Ledger(0, {}))
            after = self._ledgers[strategy] = apply_fill(before, part)
            given_cents = self._equity(after) - self._equity(before)
            self._add(fill.event_ns, strategy, part.symbol, Terms(spread=given_cents / 100))
        for strategy, cents in fee_parts(parts, fill.fee_cents):
            self._add(fill.event_ns, strategy, fill.symbol, Terms(fees=-cents / 100))

    def _take_settlement(self, settlement: Settlement) -> None:
        for symbol in sorted({settlement.symbol, *(one.symbol for one in settlement.transfers)}):
            self._go_on(symbol)
        parts = settlement_parts(self._ledgers, settlement)
        before = {strategy: self._ledgers.get(strategy, Ledger(0, {})) for strategy, _ in parts}
        equity = {strategy: self._equity(ledger) for strategy, ledger in before.items()}
        for strategy, part in parts:
            self._ledgers[strategy] = apply_settlement(before[strategy], part)
        if settlement.kind is SettlementKind.SPLIT and settlement.transfers:
            self._carry_over(before[parts[0][0]], self._ledgers[parts[0][0]], settlement)
        for strategy, part in parts:
            fee = part.fee_cents / 100
            rest = (self._equity(self._ledgers[strategy]) - equity[strategy] + part.fee_cents) / 100
            is_dividend = part.kind is SettlementKind.DIVIDEND
            terms = Terms(fees=-fee, dividends=rest) if is_dividend else Terms(fees=-fee, exercise=rest)
            self._add(part.event_ns, strategy, part.symbol, terms)

    def _carry_over(self, before: Ledger, after: Ledger, settlement: Settlement) -> None:
        """Take the newest mark of before a split for what it became, by the ratio of the sizes."""
        old, into = settlement.symbol, settlement.transfers[-1].symbol
        base, held, got = self._base.get(old), before.positions.get(old), after.positions.get(into)
        if base is None or held is None or got is None or (into != old and into in self._base):
            return
        ratio = (got.quantity * got.multiplier) / (held.quantity * held.multiplier)
        carried = Valued(_scaled(replace(base.mark, symbol=into), ratio), round(base.micro / ratio))
        self._base[into] = self._newest[into] = carried

    def _equity(self, ledger: Ledger) -> int:
        """Return cash and positions at the values that they stand at, cents."""
        total = ledger.cash_cents
        for symbol, held in ledger.positions.items():
            base = self._base.get(symbol)
            total += held.cost_cents if base is None else held.quantity * _cents(base, held.multiplier)
        return total

    def _add(self, event_ns: int, strategy: str, symbol: str, terms: Terms) -> None:
        if any(terms):
            key = (_day(event_ns), strategy, symbol)
            self._found[key] = self._found.get(key, NOTHING).plus(terms)


def underlying_name(symbol: str) -> str:
    """Return the ticker that a position's symbol is of."""
    return underlying_of(symbol[:6].rstrip()) if is_option(symbol) else symbol


def _day(event_ns: int) -> str:
    return new_york_day(event_ns).isoformat()


def _micro(mark: Mark | OptionMark, before: Valued | None) -> int | None:
    """Return what a share is valued at, micro-dollars; None when unknown."""
    if isinstance(mark, OptionMark):
        return option_micro(mark, None if before is None else before.micro)
    cents = share_value_cents(mark.last)
    return None if cents is None else cents * MICRO_PER_CENT


def _cents(valued: Valued, multiplier: int) -> int:
    """Return what one unit is valued at, cents."""
    return unit_cents(valued.micro, multiplier) or 0


def _scaled(mark: Any, ratio: float) -> Any:
    """Return a mark of what one share before is `ratio` shares of now."""
    prices = ("bid", "ask", "last")
    if isinstance(mark, Mark):
        return replace(mark, **{name: getattr(mark, name) / ratio for name in (*prices, "high", "low")})
    smaller = (*prices, "spot", "forward", "dividends", "theoretical", "vega", "theta", "rho", "volga")
    changes = {name: getattr(mark, name) / ratio for name in smaller}
    return replace(mark, gamma=mark.gamma * ratio, **changes)
