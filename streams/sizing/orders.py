"""How sizing writes orders: each has a name that follows from what caused it."""

import hashlib
from typing import Any

from schemas.records import OrderIntent, OrderOrigin, Purpose, Side

NEVER_NS = 4_102_444_800_000_000_000
"""2100-01-01: the expiry instant of an order that has none."""
NAN = float("nan")


def intent_id(account: str, cause: str, purpose: Purpose, event_ns: int, ordinal: int) -> str:
    """Return the 16 hex digits that name an order. cause: the signal's, ticket's or position's name."""
    return hashlib.sha256(f"{account}|{cause}|{purpose}|{event_ns}|{ordinal}".encode()).hexdigest()[:16]


def market_order(
    account: str,
    symbol: str,
    quantity: int,
    purpose: Purpose,
    *,
    cause: str,
    strategy: str,
    event_ns: int,
    ordinal: int,
    reference: float,
    origin: OrderOrigin,
    **changes: Any,
) -> OrderIntent:
    """Return an order at the market. quantity: to be bought (> 0) or sold (< 0). reference: executable price."""
    return OrderIntent(
        id=intent_id(account, cause, purpose, event_ns, ordinal),
        account=account,
        symbol=symbol,
        event_ns=event_ns,
        side=Side.BUY if quantity > 0 else Side.SELL,
        quantity=abs(quantity),
        purpose=purpose,
        signal_id=cause,
        strategy=strategy,
        reference=reference,
        **{"stop": NAN, "target": NAN, "expires_ns": NEVER_NS, **changes},
        origin=origin,
    )
