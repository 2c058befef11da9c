"""A verdict comes to the venue: refused, filled at once, or an order that works. Each is answered.

An order is rejected, with a reason, that risk refused, or whose account has no mandate or is halted (if it opens), that
names an unknown or an expired contract, stands between steps of price, is no order that this venue works, or comes
while too many work; and with `reject_closed` outside the session.
"""

from dataclasses import replace

from schemas.osi import OptionSymbol, parse_osi
from schemas.records import Decision, OrderIntent, OrderKind, OrderStatus, Side, Verdict
from streams.book.checks import check_intent
from streams.checks import bad
from streams.venue.brackets import after_trade
from streams.venue.fees import day_of
from streams.venue.fills import meet
from streams.venue.order import MILLISECOND_NS, Order, is_option, of_day, opens
from streams.venue.states import ended, rejected
from streams.venue.ticks import tick_cents
from streams.venue.turn import Turn

LIMITED = (OrderKind.LIMIT, OrderKind.STOP_LIMIT)
TRIGGERED = (OrderKind.STOP, OrderKind.STOP_LIMIT)


def accept(turn: Turn, verdict: Verdict) -> None:
    """Answer a verdict. An order that waits for a person (parked) is not one yet."""
    intent = verdict.intent
    check_intent(intent)
    refused = verdict.decision is Decision.REFUSE
    if not (verdict.quantity == 0 if refused else 0 < verdict.quantity <= intent.quantity):
        raise bad("verdict.quantity", verdict.quantity, f"0 where refused, else 1 to {intent.quantity}")
    if intent.parked:
        return
    account = turn.account(intent.account)
    if account is None:
        turn.tell(rejected(intent, intent.event_ns, "no mandate"))
        return
    if intent.id in account.seen or turn.order(intent.id) is not None:
        raise bad("verdict.intent.id", intent.id, "one that was not answered before")
    seen = (*account.seen[-turn.params.seen_max + 1 :], intent.id)
    turn.put(f"account/{intent.account}", replace(account, seen=seen))
    newest_ns = max(turn.quote(symbol).event_ns for symbol in _symbols(intent))
    if refused:
        turn.tell(rejected(intent, intent.event_ns, f"refused: {verdict.rule}"))
    elif opens(intent) and account.halted:
        turn.tell(rejected(intent, max(newest_ns, intent.event_ns), f"halted: {account.halted}"))
    elif fault := _fault(turn, intent):
        turn.tell(rejected(intent, intent.event_ns, fault))
    else:
        _work(turn, verdict, newest_ns)


def _work(turn: Turn, verdict: Verdict, newest_ns: int) -> None:
    """Fill an order at once as far as it may, and let the rest work."""
    intent, params = verdict.intent, turn.params
    order = Order(
        intent=intent,
        number=0,
        start_ns=verdict.event_ns + params.latency_ms * MILLISECOND_NS,
        quantity=verdict.quantity,
        remaining=verdict.quantity,
        kind=intent.kind,
        ahead=params.queue_shares if intent.kind is OrderKind.LIMIT else -1,
    )
    if opens(intent) and 0 < intent.expires_ns <= newest_ns and newest_ns >= order.start_ns:
        turn.tell(ended(order, newest_ns, OrderStatus.EXPIRED, "expired"))
        return
    after = meet(turn, order)
    traded = order.remaining - after.remaining
    most = max(len(turn.book(symbol)) for symbol in order.symbols)
    if after.remaining and most >= params.waiting_max:
        reason = f"{most} orders wait for a mark"
        turn.tell(
            ended(after, newest_ns, OrderStatus.CANCELLED, reason)
            if traded
            else rejected(intent, intent.event_ns, reason)
        )
    elif after.remaining:
        after = turn.rest(replace(after, ends_ns=_ends(turn, intent)))
        if of_day(intent) and turn.session().end_ns < intent.event_ns:
            turn.wait_for_session(intent.id)
        if not traded:
            turn.acknowledge(after, intent.event_ns)
    if traded:
        after_trade(turn, after, traded, newest_ns)


def _ends(turn: Turn, intent: OrderIntent) -> tuple[int, ...]:
    """Return the instants at which an order ends by itself, as far as they are known."""
    ends = {turn.quote(symbol).expiry_ns for symbol in _symbols(intent)}
    if opens(intent):
        ends.add(intent.expires_ns)
    if of_day(intent) and turn.session().end_ns >= intent.event_ns:
        ends.add(turn.session().end_ns + 1)
    return tuple(sorted(end_ns for end_ns in ends if end_ns > 0))


def _symbols(intent: OrderIntent) -> tuple[str, ...]:
    return tuple(leg.symbol for leg in intent.legs) or (intent.symbol,)


def _fault(turn: Turn, intent: OrderIntent) -> str:
    """Return why the venue does not take an order; empty where it does."""
    session = turn.session()
    if turn.params.reject_closed and session.known and not session.has(intent.event_ns):
        return "market closed"
    for symbol in _symbols(intent):
        if is_option(symbol) and (fault := _fault_of_contract(turn, symbol, intent.event_ns)):
            return fault
    return _fault_of_legs(intent) if intent.legs else _fault_of_prices(turn, intent)


def _fault_of_contract(turn: Turn, symbol: str, event_ns: int) -> str:
    contract, expiry_ns = parse_osi(symbol), turn.quote(symbol).expiry_ns
    if not isinstance(contract, OptionSymbol):
        return f"unknown contract: {symbol}, {contract.value}"
    # Until a mark has told the instant of expiry, only the days after it are known to be too late.
    if expiry_ns <= event_ns if expiry_ns else contract.expiry < day_of(event_ns):
        return f"expired contract: {symbol}"
    return ""


def _fault_of_prices(turn: Turn, intent: OrderIntent) -> str:
    contract = parse_osi(intent.symbol) if is_option(intent.symbol) else None
    known = contract if isinstance(contract, OptionSymbol) else None
    prices = [("limit_cents", intent.limit_cents)] if intent.kind in LIMITED else []
    prices += [("trigger_cents", intent.trigger_cents)] if intent.kind in TRIGGERED else []
    for name, cents in prices:
        if cents < 1:
            return f"{name} must be > 0, was {cents}"
        tick = tick_cents(known, cents, turn.params.penny)
        if cents % tick:
            return f"bad tick size: {name} must be a multiple of {tick}, was {cents}"
    return ""


def _fault_of_legs(intent: OrderIntent) -> str:
    legs = intent.legs
    good = len({leg.symbol for leg in legs}) == len(legs) >= 2 and all(
        min(leg.ratio, leg.multiplier) > 0 for leg in legs
    )
    if not good or intent.side is not Side.BUY or intent.bracket or intent.kind in TRIGGERED:
        return "a combination is bought, MARKET or LIMIT, without a bracket, of two or more legs, each once"
    return ""
