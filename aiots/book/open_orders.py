"""An account's orders that have not ended: tickets that wait for a mark, orders that wait for a person or work.

All of it is asked of the stages' own state (streams/runtime/peek.py), which they will act on. Ages are event time.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from aiots.book.whatif import Stages
from schemas.names import name_of
from schemas.records import Leg, OrderIntent, OrderKind, OrderTicket, Side
from streams.sizing.account import Account
from streams.sizing.quotes import executable_of, net_of, newest_ns
from streams.sizing.tickets import instruments
from streams.venue.order import Order

SECOND_NS = 1_000_000_000


@dataclass(frozen=True)
class OpenOrder:
    """One order. id: the order's, of one that waits for a mark its ticket's. state: waiting, asks (a person), sent (the
    venue has not answered yet), working. age_s: since it was made, event time; None where that is not known. filled,
    quantity: shares, contracts or combinations. waits_for: in words.
    """

    id: str
    state: str
    order: str
    by: str
    age_s: float | None
    filled: int
    quantity: int
    waits_for: str


def open_orders(stages: Stages, name: str) -> list[OpenOrder]:
    """Return an account's orders that have not ended: tickets first, then what asks, then what works, as they came.

    KeyError where the account has no mandate.
    """
    state = stages.sizing[0]
    account: Account = state[f"account/{name}"]
    now_ns = _now_ns(state)
    rows = [_waiting(account, ticket, state, now_ns) for ticket in account.waiting]
    rows += [_asks(intent, now_ns) for intent in account.parked.values()]
    venue = stages.venue[0]
    orders = [venue.get(f"order/{one}") for one in venue[f"account/{name}"].working]
    rows += [_working(order, state, now_ns) for order in orders if order is not None]
    known = {row.id for row in rows}
    rows += [
        OpenOrder(one, "sent", ", ".join(map(name_of, order.symbols)), order.origin.lower(), None, 0, 0, "the venue")
        for one, order in account.working.items()
        if one not in known
    ]
    return rows


def as_dict(row: OpenOrder) -> dict[str, Any]:
    """Return a row as plain JSON."""
    return asdict(row)


def _now_ns(state: Mapping[str, Any]) -> int:
    names = (key.partition("/")[2] for key in state if key.startswith(("market/", "contract/")))
    return max((newest_ns(state, name) for name in names), default=0)


def _age_s(now_ns: int, since_ns: int) -> float | None:
    return max(now_ns - since_ns, 0) / SECOND_NS if since_ns and now_ns else None


def _waiting(account: Account, ticket: OrderTicket, state: Mapping[str, Any], now_ns: int) -> OpenOrder:
    missing = [name_of(one) for one in instruments(ticket) if not newest_ns(state, one)]
    since_ns = account.waiting_since.get(ticket.id, 0)
    waits = f"a mark of {', '.join(missing)}" if missing else "a price to trade at"
    text = asked_text(ticket.side, ticket.quantity, ticket.symbol, ticket.legs, ticket.kind, ticket.limit_cents)
    return OpenOrder(ticket.id, "waiting", text, "ticket", _age_s(now_ns, since_ns), 0, ticket.quantity, waits)


def _asks(intent: OrderIntent, now_ns: int) -> OpenOrder:
    waits = f"a person: aiots order approve {intent.account} {intent.id}"
    age_s = _age_s(now_ns, intent.event_ns)
    return OpenOrder(intent.id, "asks", intent_text(intent), intent.strategy, age_s, 0, intent.quantity, waits)


def _working(order: Order, state: Mapping[str, Any], now_ns: int) -> OpenOrder:
    intent = order.intent
    age_s, filled = _age_s(now_ns, intent.event_ns), order.quantity - order.remaining
    waits = _waits_for(order, state)
    return OpenOrder(intent.id, "working", intent_text(intent), intent.strategy, age_s, filled, order.quantity, waits)


def _waits_for(order: Order, state: Mapping[str, Any]) -> str:
    """Return what an order needs to be filled, and how the market stands."""
    intent = order.intent
    price = net_of(state, intent.legs) if intent.legs else executable_of(state, intent.symbol, intent.side)
    now = "not known" if price != price else f"{price:,.2f}"
    side = "at most" if intent.legs or intent.side is Side.BUY else "at least"
    if order.kind in (OrderKind.STOP, OrderKind.STOP_LIMIT):
        return f"a price of {intent.trigger_cents / 100:,.2f}, now {now}"
    if order.kind is OrderKind.LIMIT:
        return f"{'net' if intent.legs else 'a price of'} {side} {intent.limit_cents / 100:,.2f}, now {now}"
    return f"a quote with size, now {now}"


def intent_text(intent: OrderIntent) -> str:
    """Return what an order asks for, as a person types it."""
    return asked_text(intent.side, intent.quantity, intent.symbol, intent.legs, intent.kind, intent.limit_cents)


def asked_text(side: Side, quantity: int, symbol: str, legs: tuple[Leg, ...], kind: OrderKind, limit_cents: int) -> str:
    """Return an order as a person types it (aiots/order_text.py)."""
    limited = kind in (OrderKind.LIMIT, OrderKind.STOP_LIMIT)
    if not legs:
        return f"{side} {quantity} {name_of(symbol)}" + (f" @ {limit_cents / 100:.2f}" if limited else "")
    text = " / ".join(f"{leg.side} {leg.ratio * quantity} {name_of(leg.symbol)}" for leg in legs)
    share = limit_cents / 100 / max(leg.multiplier for leg in legs)
    return text + (f" @ {share:.2f}" if limited else "")
