"""What sizing keeps of an account.

One idea of signals at a time per account and symbol: while an order works or waits for a person, or a position is held,
further signals on the symbol are counted no-trades. So each position of a signal has one bracket, and each exit
reduces. What a person's orders opened has no bracket here: a person closes it.
"""

from dataclasses import dataclass, field, replace
from typing import Any

from schemas.records import (
    Fill,
    Mandate,
    Mode,
    OrderIntent,
    OrderOrigin,
    OrderTicket,
    Purpose,
    Settlement,
    SettlementKind,
    Side,
)
from streams.book.ledger import Ledger, apply_fill, apply_settlement, quantity_of
from streams.sizing.market import Seen


@dataclass(frozen=True, slots=True)
class Holding:
    """A position under its bracket. quantity: shares, negative when short. leaving: why it must be closed, if so."""

    signal_id: str
    strategy: str
    quantity: int
    entry_ns: int
    stop: float
    target: float
    expires_ns: int
    leaving: Purpose | None = None


@dataclass(frozen=True, slots=True)
class Working:
    """An order under way. symbols: all that it trades."""

    symbols: tuple[str, ...]
    origin: OrderOrigin


@dataclass(frozen=True, slots=True)
class Kept:
    """What one unit of a position is worth until an instant, or a split's Settlement, cents; None: its cost counts."""

    until_ns: int
    value_cents: int | None


@dataclass(frozen=True, slots=True)
class Account:
    """One account. holdings by symbol; working by order id; parked: orders that wait for a person, by id; waiting:
    tickets that wait for a mark; waiting_since: of each the first mark of anything after it, ns, by id; no_trades by
    reason. flatten: why all is to be closed, if so. peak_cents: highest equity, kept where drawdown_flatten is set.
    hedged: shares that hedging bought (> 0) or sold, by underlying. kept: positions
    whose split is under way (splits.py), by symbol.
    """

    mandate: Mandate
    ledger: Ledger
    halted: str = ""
    orders: int = 0
    holdings: dict[str, Holding] = field(default_factory=dict)
    working: dict[str, Working] = field(default_factory=dict)
    parked: dict[str, OrderIntent] = field(default_factory=dict)
    waiting: tuple[OrderTicket, ...] = ()
    waiting_since: dict[str, int] = field(default_factory=dict)
    no_trades: dict[str, int] = field(default_factory=dict)
    flatten: str = ""
    peak_cents: int = 0
    hedged: dict[str, int] = field(default_factory=dict)
    kept: dict[str, Kept] = field(default_factory=dict)


def opened(mandate: Mandate) -> Account:
    """Return a new account with the mandate's capital as cash."""
    return Account(mandate, Ledger(mandate.capital_cents, {}), peak_cents=mandate.capital_cents)


def mode_of(mandate: Mandate, strategy: str) -> Mode:
    """Return what may be done for a strategy: its own mode, else that of the empty name, else AUTO."""
    modes = {one.strategy: one.mode for one in mandate.modes}
    return modes.get(strategy, modes.get("", Mode.AUTO))


def is_working(account: Account, symbol: str) -> bool:
    """Return whether an order that trades a symbol is under way."""
    return any(symbol in order.symbols for order in account.working.values())


def is_busy(account: Account, symbol: str) -> bool:
    """Return whether a signal on a symbol has to stand back: it is held, traded, or waits for a person."""
    if symbol in account.holdings or is_working(account, symbol):
        return True
    return any(intent.symbol == symbol for intent in account.parked.values())


def reason_to_leave(holding: Holding, seen: Seen, now_ns: int) -> Purpose | None:
    """Return why a position must be closed after trades in this range: the stop first, where both were touched."""
    if seen.event_ns <= holding.entry_ns:
        return None
    long = holding.quantity > 0
    if (seen.low <= holding.stop) if long else (seen.high >= holding.stop):
        return Purpose.STOP
    if (seen.high >= holding.target) if long else (seen.low <= holding.target):
        return Purpose.TARGET
    return Purpose.EXPIRY if now_ns >= holding.expires_ns else None


def symbols_of(intent: OrderIntent) -> tuple[str, ...]:
    """Return the instruments that an order trades."""
    return tuple(leg.symbol for leg in intent.legs) or (intent.symbol,)


def with_order(account: Account, intent: OrderIntent) -> Account:
    """Return the account with an order under way, or, where it is parked, waiting for a person."""
    orders = account.orders + 1
    if intent.parked:
        return replace(account, orders=orders, parked={**account.parked, intent.id: intent})
    working = {**account.working, intent.id: Working(symbols_of(intent), intent.origin)}
    return replace(account, orders=orders, working=working)


def without_parked(account: Account, order_id: str) -> Account:
    """Return the account with an order less that waits for a person."""
    return replace(account, parked={key: intent for key, intent in account.parked.items() if key != order_id})


def without_trade(account: Account, reason: str) -> Account:
    """Return the account with one more no-trade of this reason."""
    return replace(account, no_trades={**account.no_trades, reason: account.no_trades.get(reason, 0) + 1})


def after_fill(account: Account, fill: Fill) -> Account:
    """Return the account after a fill: cash and positions, the bracket of what is held now, and the order less that
    has ended.

    A fill that sizing did not ask for changes cash and position too: the ledger is what the venue says.
    """
    changes: dict[str, Any] = {}
    if not fill.remaining and fill.intent_id in account.working:
        changes["working"] = {key: order for key, order in account.working.items() if key != fill.intent_id}
    if fill.quantity:
        changes["ledger"] = ledger = apply_fill(account.ledger, fill)
        symbols = tuple(leg.symbol for leg in fill.legs) or (fill.symbol,)
        holdings = {key: held for key, held in account.holdings.items() if key not in symbols}
        for symbol in symbols:
            held = _held(account.holdings.get(symbol), fill, symbol, quantity_of(ledger, symbol))
            if held is not None:
                holdings[symbol] = held
        changes["holdings"] = holdings
        if account.kept:
            changes["kept"] = {key: one for key, one in account.kept.items() if key in ledger.positions}
        if fill.origin is OrderOrigin.HEDGE:
            shares = account.hedged.get(fill.symbol, 0) + (fill.quantity if fill.side is Side.BUY else -fill.quantity)
            changes["hedged"] = {**account.hedged, fill.symbol: shares}
    return replace(account, **changes) if changes else account


def _held(holding: Holding | None, fill: Fill, symbol: str, quantity: int) -> Holding | None:
    """Return the bracket of what is held after a fill; None where nothing is, or where no signal stands behind it.

    A signal's fills change its holding both ways; a person's only where they reduce it; a hedge's shares stand beside.
    """
    signed = _signed(fill, symbol)
    if holding is None:
        if fill.purpose is not Purpose.ENTRY or fill.origin is not OrderOrigin.SIGNAL or fill.legs:
            return None
        return Holding(fill.signal_id, fill.strategy, signed, fill.event_ns, fill.stop, fill.target, fill.expires_ns)
    if fill.origin is OrderOrigin.HEDGE or (fill.origin is OrderOrigin.TICKET and signed * holding.quantity > 0):
        return holding
    left = holding.quantity + signed
    return replace(holding, quantity=left) if left * holding.quantity > 0 and quantity else None


def _signed(fill: Fill, symbol: str) -> int:
    """Return by how much a fill changes what is held of a symbol."""
    parts = fill.legs or (fill,)
    return sum(part.quantity if part.side is Side.BUY else -part.quantity for part in parts if part.symbol == symbol)


def after_settlement(account: Account, settlement: Settlement) -> Account:
    """Return the account after an event in the life of a position; a split moves its bracket, too."""
    ledger = apply_settlement(account.ledger, settlement)
    holdings = dict(account.holdings)
    for symbol in {transfer.symbol for transfer in settlement.transfers} & set(holdings):
        holding, old, new = holdings.pop(symbol), quantity_of(account.ledger, symbol), quantity_of(ledger, symbol)
        if old * new <= 0:
            continue
        if settlement.kind is SettlementKind.SPLIT:
            ratio = old / new
            quantity = holding.quantity * new // old
            holding = replace(holding, quantity=quantity, stop=holding.stop * ratio, target=holding.target * ratio)
        elif abs(new) < abs(holding.quantity):
            holding = replace(holding, quantity=new)
        holdings[symbol] = holding
    hedged = account.hedged
    if settlement.kind is SettlementKind.SPLIT and settlement.symbol in hedged:
        old, new = quantity_of(account.ledger, settlement.symbol), quantity_of(ledger, settlement.symbol)
        hedged = {**hedged, settlement.symbol: hedged[settlement.symbol] * new // old if old else 0}
    kept = account.kept
    if kept and settlement.kind is SettlementKind.SPLIT:
        kept = {symbol: one for symbol, one in kept.items() if symbol != settlement.symbol}
    return replace(account, ledger=ledger, holdings=holdings, hedged=hedged, kept=kept)
