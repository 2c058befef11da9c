"""Brackets: once an order with `bracket` has filled, the venue works two exits of what was filled.

- The target is a LIMIT at the order's target, the stop a STOP at its stop; the other side, GTC, from the next mark on.
  Ids: hashes of the order's id. A price that is NaN makes no exit; prices stand at a step (a target on the far side).
- Each further fill of the order makes both larger, or, where they have ended by then, makes two new ones.
- What one fills goes off the other; so when one has filled whole the other is cancelled.
- A Cancel of the order cancels what is left of it, and once it has ended, its exits.
"""

import hashlib
from dataclasses import replace

from schemas.osi import OptionSymbol, parse_osi
from schemas.records import OrderIntent, OrderKind, OrderStatus, Purpose, Side, TimeInForce
from streams.book.money import cents_nearest
from streams.venue.order import Exits, Order, is_option
from streams.venue.ticks import at_tick
from streams.venue.turn import Turn

NONE = Exits("", "", 0)


def exit_id(order_id: str, purpose: Purpose, pair: int) -> str:
    """Return the 16 hex digits that name an exit."""
    return hashlib.sha256(f"{order_id}|{purpose}|{pair}".encode()).hexdigest()[:16]


def after_trade(turn: Turn, order: Order, quantity: int, event_ns: int) -> None:
    """Let exits follow what an order has just traded."""
    if order.parent:
        _reduce_other(turn, order, quantity, event_ns)
    elif order.intent.bracket:
        exits = turn.exits(order.intent.id) or NONE
        working = [one for one in (turn.order(name) for name in (exits.target, exits.stop) if name) if one is not None]
        for one in working:
            more = replace(one, quantity=one.quantity + quantity, remaining=one.remaining + quantity)
            turn.acknowledge(more, event_ns)
        if not working:
            _open(turn, order.intent, quantity, exits.pairs, event_ns)


def _reduce_other(turn: Turn, order: Order, quantity: int, event_ns: int) -> None:
    exits = turn.exits(order.parent) or NONE
    other = turn.order(exits.stop if order.intent.purpose is Purpose.TARGET else exits.target)
    if other is None:
        return
    left = other.remaining - quantity
    if left > 0:
        turn.put(f"order/{other.intent.id}", replace(other, quantity=other.quantity - quantity, remaining=left))
    else:
        turn.end(other, event_ns, OrderStatus.CANCELLED, "the other exit filled")


def _open(turn: Turn, parent: OrderIntent, quantity: int, pair: int, event_ns: int) -> None:
    """Make two exits."""
    target = _exit(turn, parent, Purpose.TARGET, quantity, pair, event_ns)
    stop = _exit(turn, parent, Purpose.STOP, quantity, pair, event_ns)
    if target or stop:
        turn.put(f"exits/{parent.id}", Exits(target, stop, pair + 1))


def _exit(turn: Turn, parent: OrderIntent, purpose: Purpose, quantity: int, pair: int, event_ns: int) -> str:
    """Make an exit and return its id; empty where the order names no price."""
    at_target = purpose is Purpose.TARGET
    price = parent.target if at_target else parent.stop
    if not price > 0:
        return ""
    side = Side.SELL if parent.side is Side.BUY else Side.BUY
    contract = parse_osi(parent.symbol) if is_option(parent.symbol) else None
    known = contract if isinstance(contract, OptionSymbol) else None
    cents = at_tick(known, max(1, cents_nearest(price)), turn.params.penny, up=(side is Side.SELL) == at_target)
    intent = replace(
        parent,
        id=exit_id(parent.id, purpose, pair),
        event_ns=event_ns,
        side=side,
        quantity=quantity,
        purpose=purpose,
        reference=price,
        kind=OrderKind.LIMIT if at_target else OrderKind.STOP,
        limit_cents=cents if at_target else 0,
        trigger_cents=0 if at_target else max(1, cents),
        time_in_force=TimeInForce.GTC,
        bracket=False,
    )
    expiry_ns = turn.quote(parent.symbol).expiry_ns
    order = Order(
        intent=intent,
        number=0,
        start_ns=event_ns + 1,
        quantity=quantity,
        remaining=quantity,
        kind=intent.kind,
        ahead=turn.params.queue_shares if at_target else -1,
        ends_ns=(expiry_ns,) if expiry_ns else (),
        parent=parent.id,
    )
    working = turn.rest(order)
    turn.acknowledge(working, event_ns)
    return intent.id
