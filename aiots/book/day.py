"""What an account's day came to: a fold of its log, as plain figures that the page and the JSON show alike.

Money is in cents until it is shown. Positions are valued as sizing and risk value them (streams/book/valuation.py).
Greeks are those of the newest mark of each contract: delta_usd = delta x spot, gamma_usd the change of delta_usd for
1 % of spot, vega_usd for 1 % of volatility, theta_usd for a calendar day; all times quantity and multiplier.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from operator import attrgetter
from typing import Any

from aiots.book.reading import AccountLog, Entry, date_of
from aiots.book.trail import cash_of, trails_of
from schemas.osi import OptionSymbol, parse_osi
from schemas.records import Decision, Fill, Mandate, MarginKind, Mark, OptionMark, Settlement, Side, Statement, Verdict
from streams.book.explain.fold import Explainer, Row, sums
from streams.book.ledger import Ledger, apply_fill, apply_settlement, equity_cents
from streams.book.valuation import is_option, option_micro, share_value_cents, unit_cents
from streams.risk.calls import Book, moves_of
from streams.risk.margin.contract import ticker_of
from streams.risk.margin.forecast import PERCENTS, Forecast, Greeks, nearest
from streams.risk.margin.rules import MarginRow, MarginRules

MINUTE_NS = 60_000_000_000
BANDS = (0.8, 0.9, 0.95, 0.975, 1.025, 1.05, 1.1, 1.2)
"""Edges of strike over spot, by which strikes are put together."""
GREEKS = ("delta_usd", "gamma_usd", "vega_usd", "theta_usd")

EXPLAINED_BY: dict[str, Callable[[Row], str]] = {
    "by_strategy": lambda row: row.strategy,
    "by_symbol": lambda row: row.symbol,
}


@dataclass(frozen=True)
class Held:
    """A position at the day's end. Amounts in cents; greeks in dollars, NaN where they are not known."""

    symbol: str
    quantity: int
    multiplier: int
    cost_cents: int
    value_cents: int
    priced: bool
    greeks: Mapping[str, float]
    expiry: str = ""
    band: str = ""


@dataclass
class DayFigures:
    """One account's day. curve: (instant, equity in cents), a point a minute in which something was marked.

    statement: the venue's, of this day's close. statement_differences: figures in which risk's ledger was another;
    None: it was not compared. margin_call: at which moves of the market one comes, at the day's end.
    """

    account: str
    day: date
    equity_before_cents: int = 0
    equity_cents: int = 0
    cash_cents: int = 0
    realised_cents: int = 0
    fees_cents: int = 0
    slippage_cents: int = 0
    low_cents: int = 0
    high_cents: int = 0
    curve: list[tuple[int, int]] = field(default_factory=list)
    positions: list[Held] = field(default_factory=list)
    fills: list[Fill] = field(default_factory=list)
    settlements: list[Settlement] = field(default_factory=list)
    refused: list[Verdict] = field(default_factory=list)
    cut: list[Verdict] = field(default_factory=list)
    rules: Counter[str] = field(default_factory=Counter)
    alerts: list[Any] = field(default_factory=list)
    cash_by_strategy: dict[str, int] = field(default_factory=dict)
    explained: tuple[Row, ...] = ()
    statement: Statement | None = None
    statement_differences: int | None = None
    margin_call: Forecast | None = None

    @property
    def pnl_cents(self) -> int:
        """Equity less that of before the day."""
        return self.equity_cents - self.equity_before_cents

    @property
    def reconciled(self) -> str:
        """Return whether the ledger was equal to the venue's statement at the close, in words."""
        if self.statement is None:
            return "not stated"
        if self.statement_differences is None:
            return "stated, not compared"
        return f"no, {self.statement_differences} differences" if self.statement_differences else "yes"

    def by_expiry(self) -> dict[tuple[str, str], dict[str, float]]:
        """Return the sums of greeks by expiry and band of strikes; shares stand under ("", "shares")."""
        found: dict[tuple[str, str], dict[str, float]] = defaultdict(lambda: dict.fromkeys(GREEKS, 0.0))
        for held in self.positions:
            row = found[(held.expiry, held.band)]
            for name in GREEKS:
                row[name] += held.greeks[name]
        return dict(sorted(found.items()))


class _Fold:
    """The account's ledger and the newest marks, record by record."""

    def __init__(self) -> None:
        self.ledger = Ledger(0, {})
        self.shares: dict[str, Mark] = {}
        self.options: dict[str, OptionMark] = {}
        self.values: dict[str, int | None] = {}
        self.opened = False
        self.margin = MarginKind.REG_T

    def take(self, record: Any) -> None:
        if isinstance(record, Mark):
            if record.last == record.last:
                self.shares[record.symbol] = record
        elif isinstance(record, OptionMark):
            self.options[record.symbol] = record
            self.values[record.symbol] = option_micro(record, self.values.get(record.symbol))
        elif isinstance(record, Fill):
            self.ledger = apply_fill(self.ledger, record)
        elif isinstance(record, Settlement):
            self.ledger = apply_settlement(self.ledger, record)
        elif isinstance(record, Mandate):
            self.margin = record.margin
            if not self.opened:
                self.ledger, self.opened = Ledger(record.capital_cents, {}), True

    def value_of(self, symbol: str, multiplier: int) -> int | None:
        """Return what one unit is valued at, cents; None when unknown."""
        if is_option(symbol):
            return unit_cents(self.values.get(symbol), multiplier)
        share = self.shares.get(symbol)
        return share_value_cents(share.last) if share is not None else None

    def equity(self) -> int:
        values = {symbol: self.value_of(symbol, held.multiplier) for symbol, held in self.ledger.positions.items()}
        return equity_cents(self.ledger, {symbol: value for symbol, value in values.items() if value is not None})


def day_of(log: AccountLog, day: date, rules: MarginRules | None = None) -> DayFigures:
    """Return what a day came to. log: with marks. rules: of margin, the built-in ones where none are given.

    ValueError where the account had no mandate by then.
    """
    fold, found, explainer = _Fold(), DayFigures(log.account, day), Explainer(log.account)
    before: Ledger | None = None
    # A recording that is played fast is marked far ahead of what the venue answers: the log's order is not the day's.
    for entry in sorted(log.entries, key=attrgetter("event_ns")):
        today = date_of(entry.event_ns)
        if today is not None and today > day:
            break
        if today == day and before is None and fold.opened:
            before, found.equity_before_cents = fold.ledger, fold.equity()
        fold.take(entry.record)
        explainer.take(entry.record)
        if today == day:
            _count(found, entry, fold)
    if not fold.opened:
        raise ValueError(f"{log.account} had no mandate by {day}")
    if before is None:
        before, found.equity_before_cents = fold.ledger, fold.equity()
    found.equity_cents, found.cash_cents = fold.equity(), fold.ledger.cash_cents
    found.realised_cents = fold.ledger.realised_cents - before.realised_cents
    found.fees_cents = fold.ledger.fees_cents - before.fees_cents
    levels = [found.equity_before_cents, found.equity_cents, *(cents for _, cents in found.curve)]
    found.low_cents, found.high_cents = min(levels), max(levels)
    found.positions = [_held(fold, symbol) for symbol in sorted(fold.ledger.positions)]
    found.alerts = [alert for alert in log.alerts if date_of(alert.event_ns) == day]
    found.margin_call = _margin_call(fold, (rules or MarginRules()).at(day))
    _reconcile(found, log)
    found.explained = tuple(row for row in explainer.rows() if row.day == day.isoformat())
    _count_verdicts(found, (trail.verdicts for trail in trails_of(log, day).trails.values()))
    return found


def _margin_call(fold: _Fold, row: MarginRow) -> Forecast | None:
    """Return at which moves of the market, 1 to 20 percent, equity falls below maintenance; None where none is held."""
    held: dict[str, dict[str, Any]] = defaultdict(dict)
    for symbol, position in sorted(fold.ledger.positions.items()):
        held[ticker_of(symbol)][symbol] = position
    books = {}
    for ticker, positions in held.items():
        marks = [fold.options[symbol] for symbol in positions if symbol in fold.options]
        values = {symbol: fold.value_of(symbol, 1) for symbol in (*positions, ticker)}
        spots = [(mark.event_ns, mark.spot) for mark in marks if mark.spot > 0]
        if values[ticker] is None and spots:
            values[ticker] = share_value_cents(max(spots)[1])
        greeks = {
            mark.symbol: Greeks(mark.delta, mark.gamma)
            for mark in marks
            if mark.delta - mark.gamma == mark.delta - mark.gamma
        }
        books[ticker] = Book(positions, {name: cents for name, cents in values.items() if cents is not None}, greeks)
    equity = fold.equity()
    kind = MarginKind.CASH if equity < row.equity_least_cents else fold.margin
    return nearest(moves_of(books, equity, row, kind, PERCENTS)) if books else None


def _reconcile(found: DayFigures, log: AccountLog) -> None:
    """Find the venue's statement of the day, which may come with the next opening, and what risk said of it."""
    stated = [entry.record for entry in log.entries if isinstance(entry.record, Statement)]
    found.statement = next((one for one in reversed(stated) if one.day == found.day.isoformat()), None)
    if found.statement is not None:
        said = [one for one in log.reports if one.statement_ns == found.statement.event_ns]
        found.statement_differences = said[0].statement_differences if said else None


def _count(found: DayFigures, entry: Entry, fold: _Fold) -> None:
    record = entry.record
    if isinstance(record, Fill) and record.quantity:
        found.fills.append(record)
        found.slippage_cents += record.slippage_cents
        flows = found.cash_by_strategy
        flows[record.strategy] = flows.get(record.strategy, 0) + cash_of(record)
    elif isinstance(record, Settlement):
        found.settlements.append(record)
    elif isinstance(record, Mark | OptionMark) and fold.opened:
        minute = entry.event_ns // MINUTE_NS * MINUTE_NS
        if not found.curve or found.curve[-1][0] < minute:
            found.curve.append((minute, fold.equity()))


def _count_verdicts(found: DayFigures, trails: Iterable[Iterable[Verdict]]) -> None:
    for verdicts in trails:
        for verdict in verdicts:
            if verdict.intent.parked or verdict.decision is Decision.APPROVE:
                continue
            (found.refused if verdict.decision is Decision.REFUSE else found.cut).append(verdict)
            found.rules[verdict.rule] += 1


def _held(fold: _Fold, symbol: str) -> Held:
    position = fold.ledger.positions[symbol]
    value = fold.value_of(symbol, position.multiplier)
    expiry, band, greeks = _greeks(fold, symbol, position.quantity * position.multiplier)
    return Held(
        symbol,
        position.quantity,
        position.multiplier,
        position.cost_cents,
        position.cost_cents if value is None else value * position.quantity,
        value is not None,
        greeks,
        expiry,
        band,
    )


def _greeks(fold: _Fold, symbol: str, size: int) -> tuple[str, str, dict[str, float]]:
    """Return expiry, band of strikes, and greeks in dollars of so many shares or options on shares."""
    if not is_option(symbol):
        share = fold.shares.get(symbol)
        price = share.last if share is not None else float("nan")
        return "", "shares", dict.fromkeys(GREEKS, 0.0) | {"delta_usd": size * price}
    contract, mark = parse_osi(symbol), fold.options.get(symbol)
    expiry = contract.expiry.isoformat() if isinstance(contract, OptionSymbol) else ""
    if mark is None or not isinstance(contract, OptionSymbol):
        return expiry, "not marked", dict.fromkeys(GREEKS, float("nan"))
    spot = mark.spot
    return (
        expiry,
        band_of(contract.strike / spot),
        {
            "delta_usd": size * mark.delta * spot,
            "gamma_usd": size * mark.gamma * spot * spot / 100,
            "vega_usd": size * mark.vega / 100,
            "theta_usd": size * mark.theta / 365,
        },
    )


def band_of(moneyness: float) -> str:
    """Return the band of a strike over spot, in words: for example "95 to 97.5 %"."""
    edges = [f"{edge * 100:g}" for edge in BANDS]
    below = sum(moneyness >= edge for edge in BANDS)
    if below == 0:
        return f"below {edges[0]} %"
    return f"from {edges[-1]} %" if below == len(BANDS) else f"{edges[below - 1]} to {edges[below]} %"


def as_dict(found: DayFigures) -> dict[str, Any]:
    """Return a day as plain JSON, money in dollars."""
    return {
        "account": found.account,
        "day": found.day.isoformat(),
        "equity_usd": found.equity_cents / 100,
        "equity_before_usd": found.equity_before_cents / 100,
        "pnl_usd": found.pnl_cents / 100,
        "low_usd": found.low_cents / 100,
        "high_usd": found.high_cents / 100,
        "cash_usd": found.cash_cents / 100,
        "realised_usd": found.realised_cents / 100,
        "fees_usd": found.fees_cents / 100,
        "slippage_usd": found.slippage_cents / 100,
        "fills": len(found.fills),
        "shares_or_contracts": sum(fill.quantity for fill in found.fills),
        "bought": sum(fill.side is Side.BUY for fill in found.fills),
        "cash_by_strategy_usd": {name: cents / 100 for name, cents in sorted(found.cash_by_strategy.items())},
        "explained_usd": {
            name: {key: terms._asdict() for key, terms in sums(found.explained, by).items()}
            for name, by in EXPLAINED_BY.items()
        },
        "positions": [
            {
                "symbol": held.symbol,
                "quantity": held.quantity,
                "multiplier": held.multiplier,
                "cost_usd": held.cost_cents / 100,
                "value_usd": held.value_cents / 100,
                "marked": held.priced,
                **held.greeks,
            }
            for held in found.positions
        ],
        "greeks": [{"expiry": expiry, "strikes": band, **row} for (expiry, band), row in found.by_expiry().items()],
        "settlements": [
            {
                "kind": str(one.kind),
                "symbol": one.symbol,
                "quantity": one.quantity,
                "cash_usd": one.cash_cents / 100,
                "text": one.text,
            }
            for one in found.settlements
        ],
        "limits": {
            "refused": len(found.refused),
            "cut": len(found.cut),
            "rules": dict(sorted(found.rules.items())),
        },
        "reconciled_at_close": found.reconciled,
        "statement": None
        if found.statement is None
        else {
            "cash_usd": found.statement.cash_cents / 100,
            "fees_usd": found.statement.fees_cents / 100,
            "positions": {one.symbol: one.quantity for one in found.statement.positions},
        },
        "margin_call_percent": None
        if found.margin_call is None
        else {"down": found.margin_call.down_percent, "up": found.margin_call.up_percent},
        "alerts": [
            {"rule": one.rule, "text": one.text, "value": one.value, "limit": one.limit} for one in found.alerts
        ],
    }
