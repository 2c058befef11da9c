"""One record's work at the venue: the state as it was, what has changed by now, and what is told.

A stage's advance is pure: it makes a Turn, lets the rules change it, and returns its Step. Nothing of it lives longer.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from schemas.records import Fill, OrderStatus, Purpose
from streams.stage import Emit, Step
from streams.venue import book as books
from streams.venue.book import Book, Desk
from streams.venue.order import Account, Exits, Order
from streams.venue.params import Params
from streams.venue.quotes import UNKNOWN, Quote
from streams.venue.session import UNKNOWN as NO_SESSION
from streams.venue.session import Halt, Session
from streams.venue.states import acknowledged, ended

TOPIC = "book"
NO_BOOK, NO_DESK = Book(), Desk()


class Turn:
    """State by key: account/NAME, quote/SYMBOL, book/SYMBOL, order/ID, exits/ID of a bracket, halt/SYMBOL; desk and
    session.
    """

    def __init__(self, state: Mapping[str, Any], params: Params) -> None:
        self.params = params
        self.outputs: list[Emit] = []
        self._state = state
        self._changed: dict[str, Any] = {}

    def step(self) -> Step:
        """Return what has changed and is told."""
        return Step(self._changed, self.outputs)

    def get(self, key: str) -> Any:
        """Return what stands under a key, None where nothing does."""
        return self._changed[key] if key in self._changed else self._state.get(key)

    def put(self, key: str, value: Any) -> None:
        """Put something under a key; None takes it away."""
        self._changed[key] = value

    def keys(self, prefix: str) -> list[str]:
        """Return the keys of a kind, in order: for rare news, as it looks at all there are."""
        return [key for key in sorted({*self._state, *self._changed}) if key.startswith(prefix) and self.get(key)]

    def tell(self, fill: Fill) -> None:
        """Tell an account of an order."""
        self.outputs.append(Emit(TOPIC, fill.account, fill))

    def account(self, name: str) -> Account | None:
        """Return an account; None without a mandate."""
        return self.get(f"account/{name}")  # type: ignore[no-any-return]  # a key of this kind holds this

    def order(self, order_id: str) -> Order | None:
        """Return an order that works."""
        return self.get(f"order/{order_id}")  # type: ignore[no-any-return]  # a key of this kind holds this

    def exits(self, order_id: str) -> Exits | None:
        """Return the exits of a bracket order."""
        return self.get(f"exits/{order_id}")  # type: ignore[no-any-return]  # a key of this kind holds this

    def quote(self, symbol: str) -> Quote:
        """Return an instrument's newest quote."""
        return self.get(f"quote/{symbol}") or UNKNOWN

    def book(self, symbol: str) -> Book:
        """Return the orders that look at an instrument."""
        return self.get(f"book/{symbol}") or NO_BOOK

    def desk(self) -> Desk:
        """Return what is kept of all orders."""
        return self.get("desk") or NO_DESK

    def session(self) -> Session:
        """Return the newest session."""
        return self.get("session") or NO_SESSION

    def halted(self, symbol: str, quote: Quote) -> bool:
        """Return whether an instrument, its underlying or all trading was halted at a quote's instant."""
        halts: list[Halt | None] = [self.get(f"halt/{one}") for one in ("", symbol, quote.underlying)]
        return any(halt is not None and halt.stops(quote.event_ns) for halt in halts)

    def working(self, order_id: str) -> Order:
        """Return an order that is known to work."""
        order = self.order(order_id)
        assert order is not None, f"{order_id} is in a book and does not work"
        return order

    def rest(self, order: Order) -> Order:
        """Let an order work; return it with its place among the others."""
        account = self.account(order.intent.account)
        assert account is not None, "an order without an account"
        self.put(f"account/{order.intent.account}", replace(account, working=(*account.working, order.intent.id)))
        desk = self.desk()
        agenda = desk.agenda
        for end_ns in order.ends_ns:
            agenda = books.inserted(agenda, (end_ns, order.intent.id))
        self.put("desk", Desk(desk.count + 1, agenda))
        order = replace(order, number=desk.count)
        self._into_books(order)
        return order

    def wait_for_session(self, order_id: str) -> None:
        """Let a DAY order that works end with the session that comes next."""
        session = self.session()
        self.put("session", replace(session, waiting=(*session.waiting, order_id)))

    def end_at(self, order: Order, end_ns: int) -> None:
        """Let an order that works end at an instant, too."""
        if end_ns in order.ends_ns:
            return
        desk = self.desk()
        self.put("desk", replace(desk, agenda=books.inserted(desk.agenda, (end_ns, order.intent.id))))
        self.put(f"order/{order.intent.id}", replace(order, ends_ns=(*order.ends_ns, end_ns)))

    def change(self, before: Order, order: Order) -> None:
        """Put an order that works in its new form."""
        if books.wake_of(before) != books.wake_of(order):
            self._out_of_books(before)
            self._into_books(order)
        else:
            self.put(f"order/{order.intent.id}", order)

    def leave(self, order: Order) -> None:
        """Let an order work no more."""
        name, order_id = order.intent.account, order.intent.id
        account = self.account(name)
        assert account is not None, "an order without an account"
        self.put(f"account/{name}", replace(account, working=tuple(one for one in account.working if one != order_id)))
        if order.ends_ns:
            desk = self.desk()
            agenda = desk.agenda
            for end_ns in order.ends_ns:
                agenda = books.removed(agenda, (end_ns, order_id))
            self.put("desk", replace(desk, agenda=agenda))
        session = self.session()
        if order_id in session.waiting:
            self.put("session", replace(session, waiting=tuple(one for one in session.waiting if one != order_id)))
        self._out_of_books(order)
        self.put(f"order/{order_id}", None)

    def acknowledge(self, order: Order, event_ns: int) -> Order:
        """Tell that an order works; return it as it then is."""
        self.tell(acknowledged(order, event_ns))
        after = replace(order, acks=order.acks + 1)
        self.put(f"order/{order.intent.id}", after)
        return after

    def end(self, order: Order, event_ns: int, status: OrderStatus, reason: str) -> None:
        """End an order that works, and tell."""
        self.leave(order)
        self.tell(ended(order, event_ns, status, reason))
        self.without_exit(order)

    def without_exit(self, order: Order) -> None:
        """Take an order that has ended off its bracket; forget the bracket when nothing of it works any more."""
        bracket = order.parent or order.intent.id
        exits = self.exits(bracket)
        if exits is None:
            return
        if order.parent:
            target = order.intent.purpose is Purpose.TARGET
            exits = replace(exits, target="") if target else replace(exits, stop="")
        alive = exits.target or exits.stop or self.order(bracket) is not None
        self.put(f"exits/{bracket}", exits if alive else None)

    def _into_books(self, order: Order) -> None:
        for symbol in order.symbols:
            self.put(f"book/{symbol}", books.put(self.book(symbol), order))
        self.put(f"order/{order.intent.id}", order)

    def _out_of_books(self, order: Order) -> None:
        for symbol in order.symbols:
            left = books.drop(self.book(symbol), order)
            self.put(f"book/{symbol}", left if len(left) else None)
