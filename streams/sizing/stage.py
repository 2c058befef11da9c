"""Sizing: turns an account's inbox into orders. Entries from signals and tickets, exits from marks, hedges from deltas;
what the next stage must know (PASSED_ON) is passed on first, byte for byte.

No-trade reasons, counted per account: not_followed (not a strategy of the account, or its mode is OFF), halted, busy,
expired, passed (the price has left the bracket), no_equity, not_approved, and those of the sizing rule. No entry of a
signal is sized above equity: nothing is bought with borrowed money here.
"""

from collections import ChainMap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from schemas.records import (
    Approval,
    Cancel,
    Control,
    ControlAction,
    CorporateAction,
    Fill,
    Mandate,
    Mark,
    MarketEvent,
    OptionMark,
    OrderIntent,
    OrderTicket,
    Purpose,
    Record,
    Settlement,
    Signal,
    Statement,
)
from schemas.topics import PASSED_ON
from streams.book.checks import (
    check_approval,
    check_cancel,
    check_fill,
    check_mandate,
    check_mark,
    check_option_mark,
    check_settlement,
    check_signal,
    check_ticket,
)
from streams.book.splits import Split
from streams.checks import bad, unexpected
from streams.fold import PureFold
from streams.sizing import account as accounts
from streams.sizing import flatten, splits, tickets
from streams.sizing.account import Account
from streams.sizing.entries import entry, leaving
from streams.sizing.hedge import hedge
from streams.sizing.market import Market, Seen, after_mark
from streams.sizing.quotes import Contract, after_option_mark, equity_cents
from streams.sizing.rules import RULES
from streams.stage import Emit, Step

TOPIC = "orders"
SECOND_NS = 1_000_000_000


@dataclass(frozen=True)
class Params:
    """decay: of the volatility's mean, per minute. pause_s: a longer one between marks starts no return, seconds.

    samples_min: returns before volatility is known. recent_marks_max: ranges of trades kept per symbol, against
    which a fill that comes late is checked. ticket_wait_s: how long a ticket waits for marks of what it trades, seconds
    of event time from the first mark after it; then risk answers it.
    """

    decay: float = 0.94
    pause_s: int = 900
    samples_min: int = 20
    recent_marks_max: int = 64
    ticket_wait_s: int = 180

    def __post_init__(self) -> None:
        if not 0 < self.decay < 1:
            raise ValueError(f"decay must be > 0 and < 1, was {self.decay}")
        for name, least in (("pause_s", 60), ("samples_min", 2), ("recent_marks_max", 1), ("ticket_wait_s", 1)):
            if not getattr(self, name) >= least:
                raise ValueError(f"{name} must be >= {least}, was {getattr(self, name)}")


@dataclass(frozen=True, slots=True)
class Index:
    """The accounts of this partition, in name order."""

    names: tuple[str, ...]


STATE: dict[str, type] = {"index": Index, "account": Account, "market": Market, "contract": Contract, "split": Split}
NONE = Index(())


def make(params: Params, partition: int, partitions: int) -> PureFold:
    """Return the fold of one partition."""
    return PureFold(advance, params, STATE, forwards=PASSED_ON, forward_topic=TOPIC)


def advance(state: Mapping[str, Any], record: Record, params: Params) -> Step:
    """Return the orders that a record of the inbox makes, and what it changes."""
    if isinstance(record, Mark):
        return _on_mark(state, record, params)
    if isinstance(record, OptionMark):
        return _on_option_mark(state, record, params)
    if isinstance(record, Signal):
        return _on_signal(state, record, params)
    if isinstance(record, Fill):
        return _on_fill(state, record)
    if isinstance(record, Settlement):
        return _on_settlement(state, record)
    if isinstance(record, OrderTicket):
        return _on_ticket(state, record)
    if isinstance(record, Approval):
        return _on_approval(state, record)
    if isinstance(record, Cancel):
        return _on_cancel(state, record)
    if isinstance(record, Control):
        return _on_control(state, record)
    if isinstance(record, Mandate):
        return _on_mandate(state, record)
    if isinstance(record, MarketEvent):
        return Step(splits.after_event(state, state.get("index", NONE).names, record), ())
    if isinstance(record, Statement | CorporateAction):
        return Step({}, ())
    raise unexpected("sizing", record)


def _emit(order: OrderIntent | Cancel) -> Emit:
    return Emit(TOPIC, order.account, order)


def _on_mark(state: Mapping[str, Any], mark: Mark, params: Params) -> Step:
    check_mark(mark)
    key = f"market/{mark.symbol}"
    market = after_mark(state.get(key), mark, params.decay, params.pause_s, params.recent_marks_max)
    changed: dict[str, Any] = {key: market}
    outputs: list[Emit] = []
    for name in state.get("index", NONE).names:
        before: Account = state[f"account/{name}"]
        account = splits.released(before, mark.symbol, mark.event_ns) if before.kept else before
        holding = account.holdings.get(mark.symbol) if mark.symbol not in account.kept else None
        orders: list[OrderIntent | Cancel] = []
        if before.parked:
            account = _without_late(account, mark.symbol, mark.event_ns)
        if before.waiting:
            now = _with(state, key, market)
            account, made = tickets.waited(account, mark.symbol, mark.event_ns, now, params.ticket_wait_s * SECOND_NS)
            orders += made
        if before.ledger.positions and _watches(before):
            account, acts = _acted(account, mark.symbol, mark.symbol, mark.event_ns, _with(state, key, market))
            orders += acts
        if holding is not None and not account.flatten and not accounts.is_working(account, mark.symbol):
            seen = Seen(mark.event_ns, mark.high, mark.low)
            purpose = holding.leaving or accounts.reason_to_leave(holding, seen, mark.event_ns)
            if purpose is not None:
                account, order = leaving(account, mark.symbol, holding, purpose, market)
                orders.append(order)
        if account is not before:
            changed[f"account/{name}"] = account
            outputs += [_emit(order) for order in orders]
    return Step(changed, outputs)


def _on_option_mark(state: Mapping[str, Any], mark: OptionMark, params: Params) -> Step:
    check_option_mark(mark)
    key = f"contract/{mark.symbol}"
    contract = after_option_mark(state.get(key), mark)
    changed: dict[str, Any] = {key: contract}
    outputs: list[Emit] = []
    for name in state.get("index", NONE).names:
        before: Account = state[f"account/{name}"]
        account = splits.released(before, mark.symbol, mark.event_ns) if before.kept else before
        orders: list[OrderIntent | Cancel] = []
        if before.waiting:
            now = _with(state, key, contract)
            account, made = tickets.waited(account, mark.symbol, mark.event_ns, now, params.ticket_wait_s * SECOND_NS)
            orders += made
        if before.ledger.positions and _watches(before):
            now = _with(state, key, contract)
            account, acts = _acted(account, mark.symbol, mark.underlying, mark.event_ns, now)
            orders += acts
        if account is not before:
            changed[f"account/{name}"] = account
            outputs += [_emit(order) for order in orders]
    return Step(changed, outputs)


def _with(state: Mapping[str, Any], key: str, value: Any) -> Mapping[str, Any]:
    """Return the state with one key's newest value."""
    return ChainMap({key: value}, state)  # type: ignore[arg-type]  # only read


def _watches(account: Account) -> bool:
    """Return whether marks mean more to an account than its brackets."""
    return bool(account.flatten or account.mandate.drawdown_flatten or account.mandate.hedge_band_usd)


def _acted(
    account: Account, symbol: str, underlying: str, event_ns: int, state: Mapping[str, Any]
) -> tuple[Account, Sequence[OrderIntent | Cancel]]:
    """Return the account after the emergency stop and the hedge have looked at a mark, and their orders."""
    peak, reason = flatten.breached(account, state)
    if peak != account.peak_cents:
        account = replace(account, peak_cents=peak)
    if account.flatten:
        return flatten.closing(account, state, event_ns, only=symbol)
    if reason:
        account, closing = flatten.closing(_stopped(account, reason), state, event_ns)
        # What works goes first, exits of brackets with it: they would sell once more what is closed here.
        return account, [Cancel(account.mandate.account, event_ns, "", reason), *closing]
    order = hedge(account, state, underlying)
    return (account, []) if order is None else (accounts.with_order(account, order), [order])


def _stopped(account: Account, reason: str) -> Account:
    """Return the account in its emergency stop: nothing waits for a person any more."""
    return replace(account, halted=account.halted or reason, flatten=reason, parked={}, waiting=(), waiting_since={})


def _without_late(account: Account, symbol: str, event_ns: int) -> Account:
    """Return the account without orders of a symbol that nobody has answered in time."""
    late = [intent for intent in account.parked.values() if intent.symbol == symbol and event_ns >= intent.expires_ns]
    for intent in late:
        account = accounts.without_trade(accounts.without_parked(account, intent.id), "not_answered")
    return account


def _on_signal(state: Mapping[str, Any], signal: Signal, params: Params) -> Step:
    check_signal(signal)
    changed: dict[str, Any] = {}
    outputs = []
    for name in state.get("index", NONE).names:
        account: Account = state[f"account/{name}"]
        found = entry(state, account, signal, params)
        if isinstance(found, str):
            changed[f"account/{name}"] = accounts.without_trade(account, found)
        else:
            changed[f"account/{name}"] = accounts.with_order(account, found)
            outputs.append(_emit(found))
    return Step(changed, outputs)


def _on_fill(state: Mapping[str, Any], fill: Fill) -> Step:
    check_fill(fill)
    account = accounts.after_fill(_account(state, "fill", fill.account), fill)
    market: Market | None = state.get(f"market/{fill.symbol}")
    holding = account.holdings.get(fill.symbol)
    if account.flatten:
        # What an order of before the stop has brought is closed at once; one that was to close waits for a mark.
        if fill.remaining or fill.purpose is Purpose.FLATTEN:
            return _step(account, ())
        return _step(*flatten.closing(account, state, fill.event_ns))
    busy = accounts.is_working(account, fill.symbol) or fill.symbol in account.kept
    if market is None or holding is None or busy or holding.leaving:
        return _step(account, ())
    # Marks may have come while the fill was under way: their trades count against the bracket all the same.
    for seen in market.recent:
        purpose = accounts.reason_to_leave(holding, seen, market.event_ns)
        if purpose is not None:
            account, order = leaving(account, fill.symbol, holding, purpose, market)
            return _step(account, (order,))
    return _step(account, ())


def _on_settlement(state: Mapping[str, Any], settlement: Settlement) -> Step:
    check_settlement(settlement)
    before = _account(state, "settlement", settlement.account)
    carried = splits.carried(state, before, settlement)
    account, orders = accounts.after_settlement(before, settlement), list[OrderIntent]()
    if account.flatten:
        account, orders = flatten.closing(account, {**state, **carried}, settlement.event_ns)
    step = _step(account, orders)
    return Step({**step.changed, **carried}, step.outputs)


def _on_ticket(state: Mapping[str, Any], ticket: OrderTicket) -> Step:
    check_ticket(ticket)
    account = _account(state, "ticket", ticket.account)
    order = tickets.order_of(account, ticket, state)
    if order is None:
        return _step(replace(account, waiting=(*account.waiting, ticket)), ())
    return _step(accounts.with_order(account, order), (order,))


def _on_approval(state: Mapping[str, Any], approval: Approval) -> Step:
    check_approval(approval)
    account, order = tickets.answered(_account(state, "approval", approval.account), approval, state)
    return _step(account, () if order is None else (order,))


def _on_cancel(state: Mapping[str, Any], cancel: Cancel) -> Step:
    """A parked order or a waiting ticket is dropped here; what works is the venue's to cancel, and its Fill says so."""
    check_cancel(cancel)
    account = _account(state, "cancel", cancel.account)
    for order_id in list(account.parked):
        if cancel.order_id in ("", order_id):
            account = accounts.without_trade(accounts.without_parked(account, order_id), "cancelled")
    kept = tuple(ticket for ticket in account.waiting if cancel.order_id not in ("", ticket.id))
    if len(kept) < len(account.waiting):
        since = {ticket.id: account.waiting_since[ticket.id] for ticket in kept if ticket.id in account.waiting_since}
        account = accounts.without_trade(replace(account, waiting=kept, waiting_since=since), "cancelled")
    return _step(account, ())


def _on_control(state: Mapping[str, Any], control: Control) -> Step:
    account = _account(state, "control", control.account)
    if control.action is ControlAction.RESUME:
        peak = max(1, equity_cents(state, account))
        return _step(replace(account, halted="", flatten="", peak_cents=peak), ())
    reason = control.reason or "by hand"
    if not control.flatten:
        return _step(replace(account, halted=reason), ())
    return _step(*flatten.closing(_stopped(replace(account, halted=reason), reason), state, control.event_ns))


def _on_mandate(state: Mapping[str, Any], mandate: Mandate) -> Step:
    check_mandate(mandate)
    if mandate.sizing not in RULES:
        raise bad("mandate.sizing", repr(mandate.sizing), f"one of {', '.join(RULES)}")
    key = f"account/{mandate.account}"
    if key in state:
        return Step({key: replace(state[key], mandate=mandate)}, ())
    names = tuple(sorted((*state.get("index", NONE).names, mandate.account)))
    return Step({key: accounts.opened(mandate), "index": Index(names)}, ())


def _step(account: Account, orders: Iterable[OrderIntent]) -> Step:
    return Step({f"account/{account.mandate.account}": account}, [_emit(order) for order in orders])


def _account(state: Mapping[str, Any], what: str, name: str) -> Account:
    account: Account | None = state.get(f"account/{name}")
    if account is None:
        raise bad(f"{what}.account", repr(name), "an account with a mandate")
    return account
