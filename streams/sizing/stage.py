"""Sizing: turns an account's inbox into orders. Entries from signals, exits from marks; what the next stage must know
(Mark, Fill, Control, Mandate) is passed on first, byte for byte.

No-trade reasons, counted per account: not_followed, halted, busy, expired, passed (the price has left the bracket),
no_equity, and those of the sizing rule. No entry is sized above equity: nothing is bought with borrowed money here.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from schemas.records import (
    Cancel,
    Control,
    ControlAction,
    Direction,
    Fill,
    Mandate,
    Mark,
    MarketEvent,
    OptionMark,
    OrderIntent,
    Purpose,
    Record,
    Settlement,
    Side,
    Signal,
)
from schemas.topics import PASSED_ON
from streams.book.checks import check_fill, check_mandate, check_mark, check_signal
from streams.book.ledger import equity_cents
from streams.book.money import cents_up
from streams.checks import bad, unexpected
from streams.fold import PureFold
from streams.sizing import account as accounts
from streams.sizing.account import Account, Holding
from streams.sizing.market import Market, Seen, after_mark, executable, value_cents, volatility_annual
from streams.sizing.rules import RULES
from streams.sizing.sizer import Request
from streams.stage import Emit, Step

TOPIC = "orders"


@dataclass(frozen=True)
class Params:
    """decay: of the volatility's mean, per minute. pause_s: a longer one between marks starts no return, seconds.

    samples_min: returns before volatility is known. recent_marks_max: ranges of trades kept per symbol, against
    which a fill that comes late is checked.
    """

    decay: float = 0.94
    pause_s: int = 900
    samples_min: int = 20
    recent_marks_max: int = 64

    def __post_init__(self) -> None:
        if not 0 < self.decay < 1:
            raise ValueError(f"decay must be > 0 and < 1, was {self.decay}")
        for name, least in (("pause_s", 60), ("samples_min", 2), ("recent_marks_max", 1)):
            if not getattr(self, name) >= least:
                raise ValueError(f"{name} must be >= {least}, was {getattr(self, name)}")


@dataclass(frozen=True, slots=True)
class Index:
    """The accounts of this partition, in name order."""

    names: tuple[str, ...]


STATE: dict[str, type] = {"index": Index, "account": Account, "market": Market}
NONE = Index(())


def make(params: Params, partition: int, partitions: int) -> PureFold:
    """Return the fold of one partition."""
    return PureFold(advance, params, STATE, forwards=PASSED_ON, forward_topic=TOPIC)


def advance(state: Mapping[str, Any], record: Record, params: Params) -> Step:
    """Return the orders that a record of the inbox makes, and what it changes."""
    if isinstance(record, Mark):
        return _on_mark(state, record, params)
    if isinstance(record, Signal):
        return _on_signal(state, record, params)
    if isinstance(record, Fill):
        return _on_fill(state, record)
    if isinstance(record, Control):
        return _on_control(state, record)
    if isinstance(record, Mandate):
        return _on_mandate(state, record)
    if isinstance(record, OptionMark | MarketEvent | Settlement | Cancel):
        return Step({}, ())
    raise unexpected("sizing", record)


def intent_id(account: str, signal_id: str, purpose: Purpose, event_ns: int, ordinal: int) -> str:
    """Return the 16 hex digits that name an order."""
    return hashlib.sha256(f"{account}|{signal_id}|{purpose}|{event_ns}|{ordinal}".encode()).hexdigest()[:16]


def _on_mark(state: Mapping[str, Any], mark: Mark, params: Params) -> Step:
    check_mark(mark)
    key = f"market/{mark.symbol}"
    market = after_mark(state.get(key), mark, params.decay, params.pause_s, params.recent_marks_max)
    changed: dict[str, Any] = {key: market}
    outputs = []
    seen = Seen(mark.event_ns, mark.high, mark.low)
    for name in state.get("index", NONE).names:
        account: Account = state[f"account/{name}"]
        holding = account.holdings.get(mark.symbol)
        if holding is None or mark.symbol in account.working:
            continue
        purpose = holding.leaving or accounts.reason_to_leave(holding, seen, mark.event_ns)
        if purpose is not None:
            changed[f"account/{name}"], emit = _leave(account, mark.symbol, holding, purpose, market)
            outputs.append(emit)
    return Step(changed, outputs)


def _leave(account: Account, symbol: str, holding: Holding, purpose: Purpose, market: Market) -> tuple[Account, Emit]:
    name = account.mandate.account
    side = Side.SELL if holding.quantity > 0 else Side.BUY
    price = executable(market, side)
    intent = OrderIntent(
        id=intent_id(name, holding.signal_id, purpose, market.event_ns, account.orders),
        account=name,
        symbol=symbol,
        event_ns=market.event_ns,
        side=side,
        quantity=abs(holding.quantity),
        purpose=purpose,
        signal_id=holding.signal_id,
        strategy=holding.strategy,
        reference=price if price == price else holding.stop,
        stop=holding.stop,
        target=holding.target,
        expires_ns=holding.expires_ns,
    )
    holdings = {**account.holdings, symbol: replace(holding, leaving=purpose)}
    return accounts.with_order(replace(account, holdings=holdings), intent), Emit(TOPIC, name, intent)


def _on_signal(state: Mapping[str, Any], signal: Signal, params: Params) -> Step:
    check_signal(signal)
    changed: dict[str, Any] = {}
    outputs = []
    for name in state.get("index", NONE).names:
        account: Account = state[f"account/{name}"]
        found = _entry(state, account, signal, params)
        if isinstance(found, str):
            changed[f"account/{name}"] = accounts.without_trade(account, found)
        else:
            changed[f"account/{name}"] = accounts.with_order(account, found)
            outputs.append(Emit(TOPIC, name, found))
    return Step(changed, outputs)


def _entry(state: Mapping[str, Any], account: Account, signal: Signal, params: Params) -> OrderIntent | str:
    """Return the order that opens a position on a signal, or why there is none."""
    mandate, symbol = account.mandate, signal.symbol
    if mandate.strategies and signal.strategy not in mandate.strategies:
        return "not_followed"
    if account.halted:
        return "halted"
    if symbol in account.holdings or symbol in account.working:
        return "busy"
    market: Market | None = state.get(f"market/{symbol}")
    side = Side.BUY if signal.direction is Direction.LONG else Side.SELL
    event_ns, price = signal.event_ns, signal.entry
    if market is not None and market.event_ns > event_ns:
        newest = executable(market, side)
        event_ns, price = market.event_ns, newest if newest == newest else price
    if event_ns >= signal.expires_ns:
        return "expired"
    low, high = sorted((signal.stop, signal.target))
    if not low < price < high:
        return "passed"
    equity = _equity(state, account)
    if equity <= 0:
        return "no_equity"
    price_cents = cents_up(price)
    volatility = volatility_annual(market, params.samples_min) if market is not None else float("nan")
    size = RULES[mandate.sizing](Request(equity, price_cents, cents_up(abs(price - signal.stop)), volatility, mandate))
    quantity = min(size.quantity, equity // price_cents)
    if quantity < 1:
        return size.reason or "below_one_share"
    return OrderIntent(
        id=intent_id(mandate.account, signal.id, Purpose.ENTRY, event_ns, account.orders),
        account=mandate.account,
        symbol=symbol,
        event_ns=event_ns,
        side=side,
        quantity=quantity,
        purpose=Purpose.ENTRY,
        signal_id=signal.id,
        strategy=signal.strategy,
        reference=price,
        stop=signal.stop,
        target=signal.target,
        expires_ns=signal.expires_ns,
    )


def _equity(state: Mapping[str, Any], account: Account) -> int:
    prices = {symbol: value_cents(state.get(f"market/{symbol}")) for symbol in account.ledger.positions}
    return equity_cents(account.ledger, {symbol: price for symbol, price in prices.items() if price is not None})


def _on_fill(state: Mapping[str, Any], fill: Fill) -> Step:
    check_fill(fill)
    key = f"account/{fill.account}"
    if key not in state:
        raise bad("fill.account", repr(fill.account), "an account with a mandate")
    account = accounts.after_fill(state[key], fill)
    market: Market | None = state.get(f"market/{fill.symbol}")
    holding = account.holdings.get(fill.symbol)
    if market is None or holding is None or fill.symbol in account.working or holding.leaving:
        return Step({key: account}, ())
    # Marks may have come while the fill was under way: their trades count against the bracket all the same.
    for seen in market.recent:
        purpose = accounts.reason_to_leave(holding, seen, market.event_ns)
        if purpose is not None:
            account, emit = _leave(account, fill.symbol, holding, purpose, market)
            return Step({key: account}, (emit,))
    return Step({key: account}, ())


def _on_control(state: Mapping[str, Any], control: Control) -> Step:
    key = f"account/{control.account}"
    if key not in state:
        raise bad("control.account", repr(control.account), "an account with a mandate")
    halted = (control.reason or "by hand") if control.action is ControlAction.HALT else ""
    return Step({key: replace(state[key], halted=halted)}, ())


def _on_mandate(state: Mapping[str, Any], mandate: Mandate) -> Step:
    check_mandate(mandate)
    if mandate.sizing not in RULES:
        raise bad("mandate.sizing", repr(mandate.sizing), f"one of {', '.join(RULES)}")
    key = f"account/{mandate.account}"
    if key in state:
        return Step({key: replace(state[key], mandate=mandate)}, ())
    names = tuple(sorted((*state.get("index", NONE).names, mandate.account)))
    return Step({key: accounts.opened(mandate), "index": Index(names)}, ())
