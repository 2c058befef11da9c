"""The paper venue: works the orders that risk let pass against recorded quotes, and tells what became of each.

- An order meets quotes that are not older than itself (plus `latency_ms`): the newest at once, where there is one; what
  does not fill works until it is filled, cancelled or expired. How orders fill: matching.py, combos.py, quotes.py;
  which exits follow: brackets.py; when they end: session.py, events.py; what they cost: fees.py; states: states.py.
- Each order ends exactly once, by the Fill whose `remaining` is 0; sizing and risk count it as under way until then.
- A mark looks only at the orders that its prices concern (book.py).
- What becomes of positions without an order (expiry, assignment, dividends, splits) follows what orders did: life/.
- At each session's close every account is stated as the venue keeps it: statement.py.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from schemas.records import (
    Cancel,
    Control,
    CorporateAction,
    Fill,
    Mandate,
    Mark,
    MarketEvent,
    OptionMark,
    Record,
    Settlement,
    Statement,
    Verdict,
)
from streams.book.checks import check_action, check_fill, check_mandate, check_mark, check_option_mark
from streams.checks import unexpected
from streams.fold import PureFold
from streams.stage import Step
from streams.venue import life, quotes, statement
from streams.venue.accept import accept
from streams.venue.book import Book, Desk, everyone, woken
from streams.venue.brackets import after_trade
from streams.venue.events import on_action, on_cancel, on_control, on_event, pass_time
from streams.venue.fills import meet
from streams.venue.order import Account, Exits, Order
from streams.venue.params import Params
from streams.venue.quotes import Quote
from streams.venue.session import Halt, Session
from streams.venue.turn import Turn

__all__ = ["STATE", "Params", "advance", "make"]

STATE: dict[str, type] = {
    "account": Account,
    "book": Book,
    "desk": Desk,
    "exits": Exits,
    "halt": Halt,
    "order": Order,
    "quote": Quote,
    "session": Session,
    **life.STATE,
    **statement.STATE,
}


def make(params: Params, partition: int, partitions: int) -> PureFold:
    """Return the fold of one partition."""
    return PureFold(advance, params, STATE)


def advance(state: Mapping[str, Any], record: Record, params: Params) -> Step:
    """Return what a record makes of orders, and what it changes."""
    turn = Turn(state, params)
    if isinstance(record, Mark | OptionMark):
        quote = _quoted(state, record)
        if quote is not None and _is_quiet(state, record.symbol, quote.event_ns):
            step = life.after(state, record, Step({f"quote/{record.symbol}": quote}, ()), params)
            return statement.after(state, record, step)
        if quote is not None:
            _on_quote(turn, record.symbol, quote)
    elif isinstance(record, Verdict):
        accept(turn, record)
    elif isinstance(record, Fill):  # news of this venue's own making, on its way round
        check_fill(record)
    elif isinstance(record, Control):
        on_control(turn, record)
    elif isinstance(record, Cancel):
        on_cancel(turn, record)
    elif isinstance(record, MarketEvent):
        on_event(turn, record)
    elif isinstance(record, CorporateAction):
        check_action(record)
        on_action(turn, record)
    elif isinstance(record, Mandate):
        _on_mandate(turn, record)
    elif not isinstance(record, Settlement | Statement):
        raise unexpected("venue", record)
    return statement.after(state, record, life.after(state, record, turn.step(), params))


def _quoted(state: Mapping[str, Any], mark: Mark | OptionMark) -> Quote | None:
    """Return the quote after a mark; None after one that is older than the newest, which is no news."""
    before: Quote = state.get(f"quote/{mark.symbol}", quotes.UNKNOWN)
    if isinstance(mark, Mark):
        check_mark(mark)
        return quotes.of_shares(before, mark) if mark.event_ns >= before.event_ns else None
    check_option_mark(mark)
    return quotes.of_option(before, mark) if mark.event_ns >= before.event_ns else None


def _is_quiet(state: Mapping[str, Any], symbol: str, now_ns: int) -> bool:
    """Return whether no order looks at an instrument and none is due: so it is with nearly every mark."""
    desk: Desk | None = state.get("desk")
    due = desk is not None and bool(desk.agenda) and desk.agenda[0][0] <= now_ns
    return not due and state.get(f"book/{symbol}") is None


def _on_quote(turn: Turn, symbol: str, quote: Quote) -> None:
    """Let the orders that a newer quote concerns meet it."""
    before = turn.quote(symbol)
    turn.put(f"quote/{symbol}", quote)
    book: Book | None = turn.get(f"book/{symbol}")
    if book is not None and quote.expiry_ns != before.expiry_ns:
        for order_id in everyone(book):
            turn.end_at(turn.working(order_id), quote.expiry_ns)
    pass_time(turn, quote.event_ns)
    if book is None:
        return
    concerned = [turn.order(order_id) for order_id in woken(turn.book(symbol), *quotes.reach(quote))]
    for one in sorted((order for order in concerned if order is not None), key=lambda order: order.number):
        order = turn.order(one.intent.id)  # an exit may have ended with the other
        if order is not None:
            _meet(turn, order, quote.event_ns)


def _meet(turn: Turn, order: Order, event_ns: int) -> None:
    after = meet(turn, order)
    if after.remaining == 0:
        turn.leave(order)
    elif after is not order:
        turn.change(order, after)
    if after.remaining < order.remaining:
        after_trade(turn, after, order.remaining - after.remaining, event_ns)
    if after.remaining == 0:
        turn.without_exit(order)


def _on_mandate(turn: Turn, mandate: Mandate) -> None:
    check_mandate(mandate)
    account = turn.account(mandate.account)
    after = Account(mandate) if account is None else replace(account, mandate=mandate)
    turn.put(f"account/{mandate.account}", after)
