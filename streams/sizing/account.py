"""What sizing keeps of an account. One idea at a time per account and symbol: while an order works or a position is
held, further signals on the symbol are counted no-trades. So each position has one bracket, and each exit reduces.
"""

from dataclasses import dataclass, field, replace

from schemas.records import Fill, Mandate, OrderIntent, Purpose, Side
from streams.book.ledger import Ledger, apply_fill
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
class Account:
    """One account. holdings and working (the id of the order under way) by symbol; no_trades by reason."""

    mandate: Mandate
    ledger: Ledger
    halted: str = ""
    orders: int = 0
    holdings: dict[str, Holding] = field(default_factory=dict)
    working: dict[str, str] = field(default_factory=dict)
    no_trades: dict[str, int] = field(default_factory=dict)


def opened(mandate: Mandate) -> Account:
    """Return a new account with the mandate's capital as cash."""
    return Account(mandate, Ledger(mandate.capital_cents, {}))


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


def with_order(account: Account, intent: OrderIntent) -> Account:
    """Return the account with an order under way."""
    return replace(account, orders=account.orders + 1, working={**account.working, intent.symbol: intent.id})


def without_trade(account: Account, reason: str) -> Account:
    """Return the account with one more no-trade of this reason."""
    return replace(account, no_trades={**account.no_trades, reason: account.no_trades.get(reason, 0) + 1})


def after_fill(account: Account, fill: Fill) -> Account:
    """Return the account after a fill: cash and position, the bracket of what is held now, and the order under way
    as long as the venue says that something of it remains.

    A fill that sizing did not ask for changes cash and position too: the ledger is what the venue says.
    """
    working = account.working
    if not fill.remaining and working.get(fill.symbol) == fill.intent_id:
        working = {symbol: order for symbol, order in working.items() if symbol != fill.symbol}
    holding = account.holdings.get(fill.symbol)
    if fill.quantity:
        signed = fill.quantity if fill.side is Side.BUY else -fill.quantity
        if fill.purpose is Purpose.ENTRY and holding is None:
            holding = Holding(
                fill.signal_id, fill.strategy, signed, fill.event_ns, fill.stop, fill.target, fill.expires_ns
            )
        elif holding is not None:
            holding = replace(holding, quantity=holding.quantity + signed)
    holdings = {symbol: held for symbol, held in account.holdings.items() if symbol != fill.symbol}
    if holding is not None and holding.quantity:
        holdings[fill.symbol] = holding
    return replace(account, ledger=apply_fill(account.ledger, fill), holdings=holdings, working=working)
