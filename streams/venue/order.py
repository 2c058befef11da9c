"""What the venue keeps of an account and of an order that works."""

from dataclasses import dataclass

from schemas.osi import LENGTH
from schemas.records import Mandate, OrderIntent, OrderKind, Purpose, Side, TimeInForce

SECOND_NS = 1_000_000_000
MILLISECOND_NS = 1_000_000


@dataclass(frozen=True, slots=True)
class Account:
    """An account: its costs, whether a person halted it, orders it had an answer to, ids that work as they came."""

    mandate: Mandate
    halted: str = ""
    seen: tuple[str, ...] = ()
    working: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tally:
    """What an order has traded so far, which is what its fees are reckoned of. Amounts in cents, > 0."""

    shares: int = 0
    contracts: int = 0
    cents: int = 0
    sold_shares: int = 0
    sold_contracts: int = 0
    sold_cents: int = 0
    fee_cents: int = 0


@dataclass(frozen=True, slots=True)
class Order:
    """An order that works.

    number: the how manyeth to come to rest at the venue, which is its place among its like. start_ns: it meets quotes
    from here on. quantity: approved, of an exit what it is for by now. kind: what it is by now: a stop that was
    touched is a market or limit order. ahead: shares that stand before it in the queue at its limit. fills, acks:
    told of it so far. ends_ns: instants at which it may end by itself. parent: of an exit, the order it leaves.
    """

    intent: OrderIntent
    number: int
    start_ns: int
    quantity: int
    remaining: int
    kind: OrderKind
    ahead: int = -1
    fills: int = 0
    acks: int = 0
    tally: Tally = Tally()
    ends_ns: tuple[int, ...] = ()
    parent: str = ""

    @property
    def buying(self) -> bool:
        """Return whether it buys."""
        return self.intent.side is Side.BUY

    @property
    def symbols(self) -> tuple[str, ...]:
        """Return the instruments whose quotes it looks at, each once."""
        legs = self.intent.legs
        return tuple(dict.fromkeys(leg.symbol for leg in legs)) if legs else (self.intent.symbol,)


@dataclass(frozen=True, slots=True)
class Exits:
    """Exits under way of a bracket order: ids, empty where there is none now. pairs: made so far."""

    target: str
    stop: str
    pairs: int


def opens(intent: OrderIntent) -> bool:
    """Return whether an order opens a position: what a halt stops, and what ends at the signal's expiry."""
    return intent.purpose is Purpose.ENTRY


def is_option(symbol: str) -> bool:
    """Return whether a symbol is of an option's length."""
    return len(symbol) == LENGTH


def of_day(intent: OrderIntent) -> bool:
    """Return whether an order ends with the session."""
    return intent.time_in_force is TimeInForce.DAY
