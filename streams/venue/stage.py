"""The paper venue: fills approved orders at the newest quote, with stated slippage and fees.

- An order fills at the first mark that is not older than itself (plus `latency_ms`): ask to buy, bid to sell, the
  last trade where no quote is known; less slippage, rounded to a cent against the account. All or nothing.
- Until such a mark comes it waits. Orders waiting are bounded per symbol; an entry that waits past its expiry, or
  while its account is halted by a person, ends unfilled.
- Each verdict gets exactly one Fill. Quantity 0 says that the order ended unfilled, and why (refused, expired, halted,
  too many waiting, no mandate): sizing and risk would otherwise count it as under way for ever.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from schemas.records import (
    Cancel,
    Control,
    ControlAction,
    Decision,
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
    Verdict,
)
from streams.book.checks import check_fill, check_intent, check_mandate, check_mark
from streams.book.money import MICRO_PER_CENT, fee_cents, micro_of, slipped_cents
from streams.checks import bad, unexpected
from streams.fold import PureFold
from streams.stage import Emit, Step

TOPIC = "book"
MILLISECOND_NS = 1_000_000


@dataclass(frozen=True)
class Params:
    """latency_ms: event time from an order to the first mark it may fill at. waiting_max: orders that wait for a mark,
    per symbol. seen_max: order ids remembered per account, so that no order fills twice.
    """

    latency_ms: int = 0
    waiting_max: int = 1_000
    seen_max: int = 256

    def __post_init__(self) -> None:
        for name, least in (("latency_ms", 0), ("waiting_max", 1), ("seen_max", 1)):
            if not getattr(self, name) >= least:
                raise ValueError(f"{name} must be >= {least}, was {getattr(self, name)}")


@dataclass(frozen=True, slots=True)
class Quote:
    """The newest mark of a symbol, quote currency, NaN when unknown, and the orders that wait for the next."""

    event_ns: int
    bid: float
    ask: float
    last: float
    waiting: tuple[Verdict, ...] = ()


@dataclass(frozen=True, slots=True)
class Account:
    """What the venue must know of an account: its costs, whether a person halted it, and the orders it answered."""

    mandate: Mandate
    halted: str = ""
    seen: tuple[str, ...] = ()


STATE: dict[str, type] = {"account": Account, "quote": Quote}
NAN = float("nan")
UNKNOWN = Quote(-1, NAN, NAN, NAN)


def make(params: Params, partition: int, partitions: int) -> PureFold:
    """Return the fold of one partition."""
    return PureFold(advance, params, STATE)


def advance(state: Mapping[str, Any], record: Record, params: Params) -> Step:
    """Return the fills that a record makes, and what it changes."""
    if isinstance(record, Mark):
        return _on_mark(state, record, params)
    if isinstance(record, Verdict):
        return _on_verdict(state, record, params)
    if isinstance(record, Control):
        return _on_control(state, record)
    if isinstance(record, Mandate):
        return _on_mandate(state, record)
    if isinstance(record, Fill):  # news of this venue's own making, on its way round
        check_fill(record)
        return Step({}, ())
    if isinstance(record, OptionMark | MarketEvent | Settlement | Cancel):
        return Step({}, ())
    raise unexpected("venue", record)


def fill_id(intent_id: str, ordinal: int) -> str:
    """Return the 16 hex digits that name a fill."""
    return hashlib.sha256(f"{intent_id}|{ordinal}".encode()).hexdigest()[:16]


def _on_mark(state: Mapping[str, Any], mark: Mark, params: Params) -> Step:
    check_mark(mark)
    key = f"quote/{mark.symbol}"
    before: Quote = state.get(key, UNKNOWN)
    if mark.event_ns < before.event_ns:
        return Step({}, ())
    last = mark.last if mark.last == mark.last else before.last
    quote = Quote(mark.event_ns, mark.bid, mark.ask, last, before.waiting)
    if not before.waiting:
        return Step({key: quote}, ())
    waiting, outputs = [], []
    for verdict in before.waiting:
        fill = _fill(quote, verdict, state[f"account/{verdict.intent.account}"], params)
        if fill is None:
            waiting.append(verdict)
        else:
            outputs.append(Emit(TOPIC, fill.account, fill))
    return Step({key: replace(quote, waiting=tuple(waiting))}, outputs)


def _on_verdict(state: Mapping[str, Any], verdict: Verdict, params: Params) -> Step:
    intent = verdict.intent
    check_intent(intent)
    refused = verdict.decision is Decision.REFUSE
    if not (verdict.quantity == 0 if refused else 0 < verdict.quantity <= intent.quantity):
        raise bad("verdict.quantity", verdict.quantity, f"0 where refused, else 1 to {intent.quantity}")
    key, quote_key = f"account/{intent.account}", f"quote/{intent.symbol}"
    account: Account | None = state.get(key)
    if account is None:
        return Step({}, (Emit(TOPIC, intent.account, _unfilled(intent, intent.event_ns, "no mandate")),))
    if intent.id in account.seen:
        raise bad("verdict.intent.id", intent.id, "one that was not answered before")
    changed: dict[str, Any] = {key: replace(account, seen=(*account.seen[-params.seen_max + 1 :], intent.id))}
    if refused:
        fill = _unfilled(intent, intent.event_ns, f"refused: {verdict.rule}")
        return Step(changed, (Emit(TOPIC, intent.account, fill),))
    quote: Quote = state.get(quote_key, UNKNOWN)
    done = _fill(quote, verdict, account, params)
    if done is None and len(quote.waiting) >= params.waiting_max:
        done = _unfilled(intent, intent.event_ns, f"{len(quote.waiting)} orders wait for a mark")
    if done is None:
        changed[quote_key] = replace(quote, waiting=(*quote.waiting, verdict))
        return Step(changed, ())
    return Step(changed, (Emit(TOPIC, intent.account, done),))


def _fill(quote: Quote, verdict: Verdict, account: Account, params: Params) -> Fill | None:
    """Return what becomes of an approved order at this quote; None while it waits for a mark of its own time."""
    intent = verdict.intent
    opening = intent.purpose is Purpose.ENTRY
    if opening and account.halted:
        return _unfilled(intent, max(quote.event_ns, intent.event_ns), f"halted: {account.halted}")
    if quote.event_ns < verdict.event_ns + params.latency_ms * MILLISECOND_NS:
        return None
    if opening and quote.event_ns >= intent.expires_ns:
        return _unfilled(intent, quote.event_ns, "expired")
    buying = intent.side is Side.BUY
    side = quote.ask if buying else quote.bid
    price = side if side == side else quote.last
    if price != price:
        return None
    micro = micro_of(price)
    price_cents = slipped_cents(micro, account.mandate.slippage_bps, buying)
    at_quote = (micro * verdict.quantity + MICRO_PER_CENT // 2) // MICRO_PER_CENT
    given = price_cents * verdict.quantity - at_quote
    fee = fee_cents(verdict.quantity, account.mandate.fee_per_share_cents, account.mandate.fee_min_cents)
    return _answer(intent, quote.event_ns, verdict.quantity, price_cents, fee, max(0, given if buying else -given), "")


def _unfilled(intent: OrderIntent, event_ns: int, reason: str) -> Fill:
    return _answer(intent, event_ns, 0, 0, 0, 0, reason)


def _answer(
    intent: OrderIntent, event_ns: int, quantity: int, price_cents: int, fee: int, slippage_cents: int, reason: str
) -> Fill:
    return Fill(
        id=fill_id(intent.id, 0),
        intent_id=intent.id,
        account=intent.account,
        symbol=intent.symbol,
        event_ns=event_ns,
        side=intent.side,
        quantity=quantity,
        price_cents=price_cents,
        fee_cents=fee,
        slippage_cents=slippage_cents,
        purpose=intent.purpose,
        signal_id=intent.signal_id,
        strategy=intent.strategy,
        stop=intent.stop,
        target=intent.target,
        expires_ns=intent.expires_ns,
        reason=reason,
    )


def _on_control(state: Mapping[str, Any], control: Control) -> Step:
    key = f"account/{control.account}"
    account: Account | None = state.get(key)
    if account is None:
        raise bad("control.account", repr(control.account), "an account with a mandate")
    if control.action is ControlAction.RESUME:
        return Step({key: replace(account, halted="")}, ())
    halted = replace(account, halted=control.reason or "by hand")
    changed: dict[str, Any] = {key: halted}
    outputs = []
    for quote_key in sorted(name for name in state if name.startswith("quote/")):
        quote: Quote = state[quote_key]
        kept = []
        for verdict in quote.waiting:
            intent = verdict.intent
            if intent.account == control.account and intent.purpose is Purpose.ENTRY:
                unfilled = _unfilled(intent, max(quote.event_ns, intent.event_ns), f"halted: {halted.halted}")
                outputs.append(Emit(TOPIC, intent.account, unfilled))
            else:
                kept.append(verdict)
        if len(kept) < len(quote.waiting):
            changed[quote_key] = replace(quote, waiting=tuple(kept))
    return Step(changed, outputs)


def _on_mandate(state: Mapping[str, Any], mandate: Mandate) -> Step:
    check_mandate(mandate)
    key = f"account/{mandate.account}"
    account: Account | None = state.get(key)
    return Step({key: Account(mandate) if account is None else replace(account, mandate=mandate)}, ())
