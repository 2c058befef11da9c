"""A person's orders: a ticket becomes an order as it stands, and a parked one is sent, or not, as its person says.

A ticket waits until all that it trades has been marked: a contract is watched, and told of, only since it was ordered.
What it opens waits for a mark with value and greeks, too: risk measures nothing without them.
It waits for so much event time at most, from the first mark of anything on that comes after it (so a night is no wait);
then it is sent as it stands, and risk refuses to open what has no mark: a contract that is not listed never has one.
A ticket is its person's doing: the mandate's modes are for strategies. Every limit holds for it all the same.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from schemas.records import Approval, Leg, OrderIntent, OrderOrigin, OrderTicket, Purpose, Side
from streams.book.ledger import quantity_of
from streams.checks import bad
from streams.sizing.account import Account, symbols_of, with_order, without_parked, without_trade
from streams.sizing.orders import NEVER_NS, intent_id
from streams.sizing.quotes import executable_of, is_measured, net_of, newest_ns

STRATEGY = "by_hand"
UNKNOWN = 0.01
"""Stands for the price of what has none; no risk rule lets it be opened."""


def instruments(ticket: OrderTicket) -> tuple[str, ...]:
    """Return what a ticket trades."""
    return tuple(leg.symbol for leg in ticket.legs) or (ticket.symbol,)


def waited(
    account: Account, symbol: str, event_ns: int, state: Mapping[str, Any], wait_ns: int
) -> tuple[Account, list[OrderIntent]]:
    """Return the account after a mark of any symbol while tickets wait, and the orders of those that do no more."""
    left, orders, since = [], list[OrderIntent](), {}
    for ticket in account.waiting:
        began_ns = account.waiting_since.get(ticket.id, event_ns)
        late_ns = event_ns if event_ns - began_ns >= wait_ns else 0
        asked = late_ns or symbol in instruments(ticket)
        order = order_of(account, ticket, state, late_ns) if asked else None
        if order is None:
            left.append(ticket)
            since[ticket.id] = began_ns
        else:
            account = with_order(account, order)
            orders.append(order)
    if orders or since != account.waiting_since:
        account = replace(account, waiting=tuple(left), waiting_since=since)
    return account, orders


def order_of(account: Account, ticket: OrderTicket, state: Mapping[str, Any], late_ns: int = 0) -> OrderIntent | None:
    """Return the order of a ticket; None while what it trades has no mark, or none to measure what it opens by, or
    nothing tells its price.

    late_ns: now, where one of which there is no such mark is sent all the same; 0: not yet.
    """
    marks = [newest_ns(state, symbol) for symbol in instruments(ticket)]
    purpose = Purpose.FLATTEN if _reduces(account, ticket) else Purpose.ENTRY
    ready = all(marks) and (purpose is Purpose.FLATTEN or all(is_measured(state, one) for one in instruments(ticket)))
    reference = _reference(ticket, state)
    if late_ns and not ready:
        reference = reference or UNKNOWN
    elif not ready or reference is None:
        return None
    event_ns = max(ticket.event_ns, late_ns, *marks, newest_ns(state, ticket.symbol))
    return OrderIntent(
        id=intent_id(account.mandate.account, f"ticket/{ticket.id}", purpose, event_ns, account.orders),
        account=account.mandate.account,
        symbol=ticket.symbol,
        event_ns=event_ns,
        side=ticket.side,
        quantity=ticket.quantity,
        purpose=purpose,
        signal_id=ticket.id,
        strategy=STRATEGY,
        reference=reference,
        stop=ticket.stop,
        target=ticket.target,
        expires_ns=NEVER_NS,
        kind=ticket.kind,
        limit_cents=ticket.limit_cents,
        trigger_cents=ticket.trigger_cents,
        time_in_force=ticket.time_in_force,
        legs=ticket.legs,
        multiplier=ticket.multiplier,
        bracket=ticket.bracket,
        origin=OrderOrigin.TICKET,
    )


def _reference(ticket: OrderTicket, state: Mapping[str, Any]) -> float | None:
    """Return what a share of it costs now, a combination's net; its limit where that is not known, else None."""
    price = net_of(state, ticket.legs) if ticket.legs else executable_of(state, ticket.symbol, ticket.side)
    if price == price and (price > 0 or ticket.legs):
        return price
    given = ticket.limit_cents or ticket.trigger_cents
    return given / 100 if given else None


def _reduces(account: Account, ticket: OrderTicket) -> bool:
    """Return whether all of a ticket closes what is held."""
    legs = ticket.legs or (Leg(ticket.symbol, ticket.side, 1, ticket.multiplier),)
    for leg in legs:
        held = quantity_of(account.ledger, leg.symbol)
        closes = held > 0 if leg.side is Side.SELL else held < 0
        if not closes or leg.ratio * ticket.quantity > abs(held):
            return False
    return True


def answered(account: Account, approval: Approval, state: Mapping[str, Any]) -> tuple[Account, OrderIntent | None]:
    """Return the account after a person's answer to a parked order, and the order, where it is to be sent."""
    intent = account.parked.get(approval.order_id)
    if intent is None:
        raise bad("approval.order_id", repr(approval.order_id), "an order that waits for a person")
    account = without_parked(account, intent.id)
    now_ns = max([intent.event_ns, *(newest_ns(state, symbol) for symbol in symbols_of(intent))])
    reason = "not_approved" if not approval.approved else _why_not(account, intent, now_ns, state)
    if reason:
        return without_trade(account, reason), None
    intent = replace(intent, parked=False, event_ns=now_ns)
    return with_order(account, intent), intent


def _why_not(account: Account, intent: OrderIntent, now_ns: int, state: Mapping[str, Any]) -> str:
    """Return why an order that a person has approved is not sent any more; empty where it is."""
    if account.halted:
        return "halted"
    if now_ns >= intent.expires_ns:
        return "expired"
    price = executable_of(state, intent.symbol, intent.side)
    low, high = sorted((intent.stop, intent.target))
    return "passed" if price == price and low == low and not low < price < high else ""
