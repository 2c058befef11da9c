"""States of an order, as Fills tell them; their names are those a broker uses (streams/venue/venue.py maps IBKR's).

    verdict ─┬─ REJECTED
             ├─ FILLED                                        (whole, at once: nothing else is told)
             └─ ACKNOWLEDGED or PARTIALLY_FILLED ─┬─ FILLED
                                                  ├─ CANCELLED  by a person, a halt, the other exit, a split
                                                  └─ EXPIRED    signal, session's close or contract

Each order ends exactly once: by the one Fill whose `remaining` is 0. SENT and IN_DOUBT are of venues beyond a wire.
"""

import hashlib
from dataclasses import replace

from schemas.records import Fill, LegFill, OrderIntent, OrderStatus
from streams.venue.order import Order


def fill_id(intent_id: str, ordinal: int | str) -> str:
    """Return the 16 hex digits that name a fill."""
    return hashlib.sha256(f"{intent_id}|{ordinal}".encode()).hexdigest()[:16]


def told(intent: OrderIntent, ordinal: int | str, event_ns: int, status: OrderStatus, reason: str = "") -> Fill:
    """Return news of an order without a trade, at its end; more by `replace`."""
    return Fill(
        id=fill_id(intent.id, ordinal),
        intent_id=intent.id,
        account=intent.account,
        symbol=intent.symbol,
        event_ns=event_ns,
        side=intent.side,
        quantity=0,
        price_cents=0,
        fee_cents=0,
        slippage_cents=0,
        purpose=intent.purpose,
        signal_id=intent.signal_id,
        strategy=intent.strategy,
        stop=intent.stop,
        target=intent.target,
        expires_ns=intent.expires_ns,
        reason=reason,
        status=status,
        multiplier=intent.multiplier,
        origin=intent.origin,
    )


def rejected(intent: OrderIntent, event_ns: int, reason: str) -> Fill:
    """Return the answer to an order that the venue does not take."""
    return told(intent, 0, event_ns, OrderStatus.REJECTED, reason)


def acknowledged(order: Order, event_ns: int) -> Fill:
    """Return the news that an order works."""
    news = told(order.intent, f"acknowledged|{order.acks}", event_ns, OrderStatus.ACKNOWLEDGED)
    return replace(news, remaining=order.remaining)


def ended(order: Order, event_ns: int, status: OrderStatus, reason: str) -> Fill:
    """Return the news that an order has ended before it was filled whole."""
    return told(order.intent, order.fills, event_ns, status, reason)


def traded(
    order: Order,
    event_ns: int,
    quantity: int,
    price_cents: int,
    fee_cents: int,
    slippage_cents: int,
    legs: tuple[LegFill, ...] = (),
) -> Fill:
    """Return the news of a trade, of an order as it stood before."""
    remaining = order.remaining - quantity
    return replace(
        told(order.intent, order.fills, event_ns, OrderStatus.PARTIALLY_FILLED if remaining else OrderStatus.FILLED),
        quantity=quantity,
        price_cents=price_cents,
        fee_cents=fee_cents,
        slippage_cents=slippage_cents,
        remaining=remaining,
        legs=legs,
    )
