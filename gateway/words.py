"""Records of the order path in words, for the page and for phones: contracts by name, prices a share, and the money.

bought 3 GOOG 2015-12-24 C 750 at 5.01 a share: 1,503.00 USD paid, fee 1.95; 2 still work
"""

import re
from typing import Any

from schemas.names import name_of, named
from schemas.records import Alert, Decision, Fill, OrderIntent, OrderKind, Settlement, Side, Verdict

_ASKED = re.compile(r"order ([0-9a-f]{16}) ")


def words(record: Any) -> str | None:
    """Return what a record says in one sentence; None of one that is shown by its fields."""
    if isinstance(record, Verdict):
        return _verdict(record)
    if isinstance(record, Fill):
        return _fill(record)
    if isinstance(record, Settlement):
        said = named(record.text) or f"{record.kind.lower()} of {record.quantity} {name_of(record.symbol)}"
        return f"{said}; {money(record.cash_cents)}" if record.cash_cents else said
    if isinstance(record, Alert):
        return named(record.text) + _answer(record)
    return None


def _answer(alert: Alert) -> str:
    """Return how a person answers an order that waits for them; empty where none does."""
    found = _ASKED.match(alert.text) if alert.rule == "ask" else None
    if found is None:
        return ""
    which = f"{alert.account} {found[1]}"
    return f". Answer: aiots order approve {which}, or aiots order refuse {which}"


def _verdict(verdict: Verdict) -> str:
    intent, whole = verdict.intent, verdict.intent.quantity
    decided = {
        Decision.APPROVE: "approved",
        Decision.CUT: f"cut to {verdict.quantity} of {whole}",
        Decision.REFUSE: "refused",
    }[verdict.decision]
    why = f" by {verdict.rule}" if verdict.rule else ""
    reasons = f": {named('; '.join(verdict.reasons))}" if verdict.reasons else ""
    return f"{decided}{why}: {order(intent)}{reasons}"


def order(intent: OrderIntent) -> str:
    """Return what an order asks for."""
    if intent.legs:
        legs = " / ".join(f"{leg.side.lower()} {leg.ratio} {name_of(leg.symbol)}" for leg in intent.legs)
        what, price = f"{intent.quantity} x ({legs})", f"net {_usd(intent.limit_cents)} USD each"
    else:
        what = f"{intent.side.lower()} {intent.quantity} {name_of(intent.symbol)}"
        price = f"{_usd(intent.limit_cents)} a share"
    limit = f", limit {price}" if intent.kind in (OrderKind.LIMIT, OrderKind.STOP_LIMIT) else ", at the market"
    stop = f", once at {_usd(intent.trigger_cents)}" if intent.trigger_cents else ""
    return f"{what}{limit}{stop}"


def _fill(fill: Fill) -> str:
    if not fill.quantity:
        state = fill.status.lower().replace("_", " ")
        what = f"order {fill.intent_id} in {name_of(fill.symbol)} {state}"
        left = f", {fill.remaining} still work" if fill.remaining else ""
        return f"{what}{left}{f': {fill.reason}' if fill.reason else ''}"
    if fill.legs:
        legs = " / ".join(
            f"{_did(leg.side)} {leg.quantity} {name_of(leg.symbol)} at {_usd(leg.price_cents)}" for leg in fill.legs
        )
        what = f"{fill.quantity} x combination: {legs}"
    else:
        what = f"{_did(fill.side)} {fill.quantity} {name_of(fill.symbol)} at {_usd(fill.price_cents)} a share"
    left = f"; {fill.remaining} still work" if fill.remaining else ""
    return f"{what}: {money(cash_cents(fill))}, fee {_usd(fill.fee_cents)}{left}"


def cash_cents(fill: Fill) -> int:
    """Return what a fill brings (> 0) or costs, cents, without its fee."""
    parts = fill.legs or (fill,)
    return sum(
        (part.quantity if part.side is Side.SELL else -part.quantity) * part.price_cents * part.multiplier
        for part in parts
    )


def money(cents: int) -> str:
    """Return an amount that came or went, in words."""
    return f"{_usd(abs(cents))} USD {'received' if cents >= 0 else 'paid'}"


def _did(side: Side) -> str:
    return "bought" if side is Side.BUY else "sold"


def _usd(cents: int) -> str:
    return f"{cents / 100:,.2f}"
