"""What risk keeps of an account: its ledger, what works for it, running sums, its session days, and its report."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from schemas.records import (
    Fill,
    Mandate,
    OrderIntent,
    OrderKind,
    OrderOrigin,
    PositionReport,
    RiskReport,
    Side,
)
from streams.book.ledger import Ledger, equity_cents
from streams.book.money import cents_up, dollars_of
from streams.risk.day_trades import Session, Traded
from streams.risk.limit import AccountView
from streams.risk.market import Kept, market_key, unit_in
from streams.risk.statement import Compared

DAY_NS = 86_400_000_000_000
DAY_CUT_NS = 8 * 3_600_000_000_000
"""A session day runs from 08:00 UTC to 08:00 UTC: 03:00 or 04:00 in New York, when no US market trades."""

Sums = dict[str, dict[str, tuple[int, int, int]]]
"""By underlying and strategy: delta, gamma and vega in micro-dollars."""


@dataclass(frozen=True, slots=True)
class Part:
    """What one unit of an order moves in a symbol: ratio, > 0 where the order buys it."""

    symbol: str
    ratio: int
    multiplier: int


@dataclass(frozen=True, slots=True)
class Working:
    """An order under way, as approved, of which quantity may still fill. reference_cents: its price when it was made,
    rounded up (0 of a combination that brings money). target, stop: exits that the venue works of what has filled.
    """

    symbol: str
    side: Side
    quantity: int
    reference_cents: int
    parts: tuple[Part, ...]
    strategy: str
    kind: OrderKind
    limit_cents: int
    origin: OrderOrigin
    event_ns: int
    target: bool = False
    stop: bool = False


@dataclass(frozen=True, slots=True)
class Exits:
    """A bracket's exits: what each may still fill, and the order that stands for the worse of both (exits.py)."""

    target: int
    stop: int
    order: Working


@dataclass(frozen=True, slots=True)
class Held:
    """What a strategy holds of a symbol, signed."""

    strategy: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Margin:
    """What an underlying's positions and working orders need, cents (margins.py)."""

    initial_cents: int
    maintenance_cents: int


@dataclass(frozen=True, slots=True)
class Account:
    """One account. working by order id. day: number of the session day, -1 before the first. alerted: what was told.

    held, worth_cents, gross_cents, sums: see holdings.py. sessions: the last five, oldest first. traded: what was
    opened in the newest, by symbol. soft_ns: when soft limits were looked at last. margins: by underlying;
    stale: of which of them no more is known than that they are enough (margins.py). kept: by symbol, what
    positions count while a split is under way (splits.py). exits: of brackets, by signal and symbol (exits.py).
    """

    mandate: Mandate
    ledger: Ledger
    peak_cents: int
    day_open_cents: int
    working: dict[str, Working] = field(default_factory=dict)
    halted: str = ""
    day: int = -1
    now_ns: int = 0
    report_ns: int = 0
    alerted: tuple[str, ...] = ()
    held: dict[str, tuple[Held, ...]] = field(default_factory=dict)
    worth_cents: int = 0
    gross_cents: int = 0
    sums: Sums = field(default_factory=dict)
    sessions: tuple[Session, ...] = ()
    traded: dict[str, Traded] = field(default_factory=dict)
    soft_ns: int = 0
    margins: dict[str, Margin] = field(default_factory=dict)
    stale: tuple[str, ...] = ()
    kept: dict[str, Kept] = field(default_factory=dict)
    exits: dict[str, Exits] = field(default_factory=dict)

    @property
    def equity_cents(self) -> int:
        """Cash and positions at the last marks, by the running sum."""
        return self.ledger.cash_cents + self.worth_cents


class Leg(NamedTuple):
    """One symbol of a fill. side and quantity as in Fill."""

    symbol: str
    side: Side
    quantity: int


def opened(mandate: Mandate) -> Account:
    """Return a new account with the mandate's capital as cash."""
    capital = mandate.capital_cents
    return Account(mandate, Ledger(capital, {}), peak_cents=capital, day_open_cents=capital)


def equity(account: Account, markets: Mapping[str, Any]) -> int:
    """Return cash and positions at the last marks, cents, reckoned anew. markets: state by key."""
    values: dict[str, int] = {}
    for symbol, position in account.ledger.positions.items():
        value = unit_in(account.kept, symbol, position, markets.get(market_key(symbol))).value_cents
        if value is not None:
            values[symbol] = value
    return equity_cents(account.ledger, values)


def view_of(account: Account) -> AccountView:
    """Return the account as rules see it."""
    equity_now = account.ledger.cash_cents + account.worth_cents
    return AccountView(account.mandate, equity_now, account.peak_cents, account.day_open_cents, account.halted)


def at_day(account: Account, event_ns: int) -> Account:
    """Return the account in the session day of an instant: a new one opens with the equity before what happens now."""
    day = (event_ns - DAY_CUT_NS) // DAY_NS
    return replace(account, day=day, day_open_cents=account.equity_cents, alerted=()) if day > account.day else account


def at_time(account: Account, event_ns: int) -> Account:
    """Return the account at an instant, in its session day."""
    account = at_day(account, event_ns)
    return account if event_ns <= account.now_ns else replace(account, now_ns=event_ns)


def with_worth(account: Account, now_ns: int, worth_cents: int, gross_cents: int, sums: Sums) -> Account:
    """Return the account at an instant, valued anew. Every mark comes here, and `replace` is slow."""
    return Account(
        account.mandate,
        account.ledger,
        account.peak_cents,
        account.day_open_cents,
        account.working,
        account.halted,
        account.day,
        now_ns,
        account.report_ns,
        account.alerted,
        account.held,
        worth_cents,
        gross_cents,
        sums,
        account.sessions,
        account.traded,
        account.soft_ns,
        account.margins,
        account.stale,
        account.kept,
        account.exits,
    )


def parts_of(intent: OrderIntent) -> tuple[Part, ...]:
    """Return what one unit of an order moves; legs of one symbol are taken together, those that cancel are gone."""
    sign = 1 if intent.side is Side.BUY else -1
    if not intent.legs:
        return (Part(intent.symbol, sign, intent.multiplier),)
    ratios: dict[str, int] = {}
    multipliers: dict[str, int] = {}
    for leg in intent.legs:
        signed = sign * leg.ratio if leg.side is Side.BUY else -sign * leg.ratio
        ratios[leg.symbol] = ratios.get(leg.symbol, 0) + signed
        multipliers[leg.symbol] = leg.multiplier
    return tuple(Part(symbol, ratio, multipliers[symbol]) for symbol, ratio in ratios.items() if ratio)


def with_order(account: Account, intent: OrderIntent, parts: tuple[Part, ...], quantity: int) -> Account:
    """Return the account with an approved order under way."""
    order = Working(
        intent.symbol,
        intent.side,
        quantity,
        cents_up(intent.reference) if intent.reference > 0 else 0,
        parts,
        intent.strategy,
        intent.kind,
        intent.limit_cents,
        intent.origin,
        intent.event_ns,
        intent.bracket and intent.target > 0,
        intent.bracket and intent.stop > 0,
    )
    return replace(account, working={**account.working, intent.id: order})


def after_answer(account: Account, fill: Fill) -> Account:
    """Return the account after what a fill says of its order: what remains works on, at 0 it has ended."""
    order = account.working.get(fill.intent_id)
    if order is None or fill.remaining == order.quantity:
        return account
    working = {key: one for key, one in account.working.items() if key != fill.intent_id or fill.remaining}
    if fill.remaining:
        working[fill.intent_id] = replace(order, quantity=fill.remaining)
    return replace(account, working=working)


def report(account: Account, markets: Mapping[str, Any]) -> RiskReport:
    """Return the account's state as a record. markets: state by key."""
    now = account.equity_cents
    stated: Compared | None = markets.get(f"statement/{account.mandate.account}")
    positions = []
    for symbol, position in sorted(account.ledger.positions.items()):
        value = unit_in(account.kept, symbol, position, markets.get(market_key(symbol))).value_cents
        worth = position.cost_cents if value is None else position.quantity * value
        positions.append(PositionReport(symbol, position.quantity, position.cost_cents, worth))
    return RiskReport(
        account=account.mandate.account,
        event_ns=account.now_ns,
        cash_cents=account.ledger.cash_cents,
        equity_cents=now,
        peak_cents=account.peak_cents,
        drawdown=1.0 - now / account.peak_cents,
        daily_pnl_cents=now - account.day_open_cents,
        realised_cents=account.ledger.realised_cents,
        fees_cents=account.ledger.fees_cents,
        gross_notional_usd=dollars_of(sum(abs(position.value_cents) for position in positions)),
        net_notional_usd=dollars_of(sum(position.value_cents for position in positions)),
        halted=bool(account.halted),
        positions=tuple(positions),
        statement_ns=stated.event_ns if stated is not None else 0,
        statement_differences=stated.differences if stated is not None else 0,
    )
