"""What happens to orders that work without a trade: time, the session, halts, cancels and splits."""

from dataclasses import replace

from schemas.osi import OptionSymbol, parse_osi
from schemas.records import (
    Cancel,
    Control,
    ControlAction,
    CorporateAction,
    CorporateActionKind,
    MarketEvent,
    MarketEventKind,
    OrderStatus,
)
from streams.checks import bad
from streams.venue.book import everyone
from streams.venue.order import Order, is_option, opens
from streams.venue.session import Halt, Session
from streams.venue.turn import Turn


def pass_time(turn: Turn, now_ns: int) -> None:
    """End the orders whose time has come."""
    desk = turn.desk()
    while desk.agenda and desk.agenda[0][0] <= now_ns:
        end_ns, order_id = desk.agenda[0]
        order = turn.order(order_id)
        assert order is not None, f"{order_id} is on the agenda and does not work"
        _expire(turn, order, end_ns, now_ns)
        desk = turn.desk()


def _expire(turn: Turn, order: Order, end_ns: int, now_ns: int) -> None:
    if opens(order.intent) and end_ns == order.intent.expires_ns:
        turn.end(order, now_ns, OrderStatus.EXPIRED, "expired")
    elif any(end_ns == turn.quote(symbol).expiry_ns for symbol in order.symbols):
        turn.end(order, end_ns, OrderStatus.EXPIRED, "contract expired")
    else:
        turn.end(order, end_ns - 1, OrderStatus.EXPIRED, "session closed")


def on_event(turn: Turn, event: MarketEvent) -> None:
    """Take note of a session, a halt or a split."""
    session = turn.session()
    if event.kind is MarketEventKind.SESSION_OPEN and event.start_ns > session.start_ns:
        pass_time(turn, event.event_ns)
        _open_session(turn, event)
    elif event.kind is MarketEventKind.SESSION_CLOSE and event.event_ns >= session.start_ns:
        pass_time(turn, max(event.event_ns, session.end_ns) + 1)
    else:
        pass_time(turn, event.event_ns)
    halt: Halt | None = turn.get(f"halt/{event.symbol}")
    if event.kind is MarketEventKind.HALT:
        if halt is None or event.event_ns > max(halt.event_ns, halt.until_ns):
            turn.put(f"halt/{event.symbol}", Halt(event.event_ns))
    elif event.kind is MarketEventKind.RESUME:
        if halt is not None and halt.until_ns < 0:
            turn.put(f"halt/{event.symbol}", replace(halt, until_ns=event.event_ns))
    elif event.kind is MarketEventKind.SPLIT:
        _split(turn, event)


def _open_session(turn: Turn, event: MarketEvent) -> None:
    waiting = turn.session().waiting
    turn.put("session", Session(event.start_ns, event.end_ns))
    for order_id in waiting:
        order = turn.order(order_id)
        if order is not None:
            turn.end_at(order, event.end_ns + 1)


def _split(turn: Turn, event: MarketEvent) -> None:
    """Cancel every order on the shares that are others now, and on their options."""
    for key in turn.keys("book/"):
        symbol = key.removeprefix("book/")
        contract = parse_osi(symbol) if is_option(symbol) else None
        underlying = contract.underlying if isinstance(contract, OptionSymbol) else symbol
        if event.symbol == underlying:
            for order_id in everyone(turn.book(symbol)):
                _cancel(turn, turn.order(order_id), event.event_ns, f"split of {event.symbol}")


def on_action(turn: Turn, action: CorporateAction) -> None:
    """Cancel an account's orders on what will be others then: options of the share, at a merger the share too."""
    account = turn.account(action.account)
    if account is None:
        raise bad("action.account", repr(action.account), "an account with a mandate")
    merger = action.kind is CorporateActionKind.CASH_MERGER
    for order_id in account.working:
        order = turn.order(order_id)
        if order is None:
            continue
        contracts = [parse_osi(symbol) for symbol in order.symbols if is_option(symbol)]
        named = {one.underlying for one in contracts if isinstance(one, OptionSymbol)}
        if action.symbol in named or (merger and action.symbol in order.symbols):
            _cancel(turn, order, action.event_ns, f"{action.kind.lower().replace('_', ' ')} of {action.symbol}")


def on_control(turn: Turn, control: Control) -> None:
    """Halt or resume an account: a halt cancels what opens, and with `flatten` all that works."""
    account = turn.account(control.account)
    if account is None:
        raise bad("control.account", repr(control.account), "an account with a mandate")
    if control.action is ControlAction.RESUME:
        turn.put(f"account/{control.account}", replace(account, halted=""))
        return
    reason = control.reason or "by hand"
    turn.put(f"account/{control.account}", replace(account, halted=reason))
    for order_id in account.working:
        order = turn.order(order_id)
        if order is not None and (control.flatten or opens(order.intent)):
            _cancel(turn, order, control.event_ns, f"halted: {reason}")


def on_cancel(turn: Turn, cancel: Cancel) -> None:
    """Cancel an order, or the exits of one that has filled, or all of an account; what has ended stays as it is."""
    account = turn.account(cancel.account)
    if account is None:
        raise bad("cancel.account", repr(cancel.account), "an account with a mandate")
    orders = account.working
    if cancel.order_id:
        exits = turn.exits(cancel.order_id)
        is_working = turn.order(cancel.order_id) is not None or exits is None
        orders = (cancel.order_id,) if is_working or exits is None else (exits.target, exits.stop)
    for order_id in orders:
        order = turn.order(order_id)
        if order is not None and order.intent.account == cancel.account:
            _cancel(turn, order, cancel.event_ns, f"cancelled: {cancel.reason or 'by hand'}")


def _cancel(turn: Turn, order: Order | None, event_ns: int, reason: str) -> None:
    if order is not None:
        newest_ns = max(turn.quote(symbol).event_ns for symbol in order.symbols)
        turn.end(order, max(event_ns, newest_ns, order.intent.event_ns), OrderStatus.CANCELLED, reason)
