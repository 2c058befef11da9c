"""Working orders in the order of the prices that concern them: a mark finds those that it may fill without a look at
the others, and time finds those that end.

An order to buy at a limit, and a stop that sells, are woken by prices at or below their own; an order to sell at a
limit, and a stop that buys, at or above; one that any quote may fill is always awake.
"""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass

from schemas.records import OrderKind
from streams.book.money import MICRO_PER_CENT
from streams.venue.order import Order

Wake = tuple[int, str]
"""A price in micro-dollars, or an instant in nanoseconds; and an order's id."""
ALWAYS = 1 << 62
LAST = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class Book:
    """Orders of one instrument, each by the price that wakes it, ascending."""

    below: tuple[Wake, ...] = ()
    above: tuple[Wake, ...] = ()

    def __len__(self) -> int:
        return len(self.below) + len(self.above)


@dataclass(frozen=True, slots=True)
class Desk:
    """count: orders that have come to rest. agenda: instants at which orders may end, ascending."""

    count: int = 0
    agenda: tuple[Wake, ...] = ()


def wake_of(order: Order) -> tuple[bool, int]:
    """Return whether an order is woken by prices above its own, and that price, micro-dollars."""
    intent = order.intent
    if intent.legs or order.kind is OrderKind.MARKET:
        return False, ALWAYS
    if order.kind is OrderKind.LIMIT:
        return not order.buying, intent.limit_cents * MICRO_PER_CENT
    return order.buying, intent.trigger_cents * MICRO_PER_CENT


def put(book: Book, order: Order) -> Book:
    """Return the book with an order."""
    above, price = wake_of(order)
    wake = (price, order.intent.id)
    return Book(book.below, inserted(book.above, wake)) if above else Book(inserted(book.below, wake), book.above)


def drop(book: Book, order: Order) -> Book:
    """Return the book without an order, which is in it."""
    above, price = wake_of(order)
    wake = (price, order.intent.id)
    return Book(book.below, removed(book.above, wake)) if above else Book(removed(book.below, wake), book.above)


def woken(book: Book, lowest: int, highest: int) -> list[str]:
    """Return the ids of the orders that prices from lowest to highest concern, micro-dollars."""
    low = book.below[bisect_left(book.below, (lowest, "")) :]
    high = book.above[: bisect_right(book.above, (highest, LAST))]
    return [order for _, order in low] + [order for _, order in high]


def everyone(book: Book) -> list[str]:
    """Return the ids of all orders."""
    return [order for _, order in (*book.below, *book.above)]


def inserted(row: tuple[Wake, ...], wake: Wake) -> tuple[Wake, ...]:
    """Return an ascending row with one more."""
    at = bisect_left(row, wake)
    return (*row[:at], wake, *row[at:])


def removed(row: tuple[Wake, ...], wake: Wake) -> tuple[Wake, ...]:
    """Return an ascending row without one that is in it."""
    at = bisect_left(row, wake)
    assert row[at] == wake, f"{wake} is not where it should be"
    return (*row[:at], *row[at + 1 :])
