"""The shape of a risk rule: one file in rules/, found by its name, with two pure functions.

    judge(view) -> Objection | None     before an order: how many of its opening shares may pass
    watch(view) -> Breach | None        after a mark or fill: what a person must know, and whether the account halts

Only what an order opens is judged. The part that reduces a position, even if every working order fills first, always
passes: a rule never stands between an account and the exit.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from schemas.records import Mandate


@dataclass(frozen=True, slots=True)
class AccountView:
    """An account as rules see it. Amounts in cents.

    equity, peak, day_open: now, highest, and at the start of the session day. halted: why it is, or empty.
    """

    mandate: Mandate
    equity_cents: int
    peak_cents: int
    day_open_cents: int
    halted: str


@dataclass(frozen=True, slots=True)
class OrderView:
    """An order and the exposure it would add to, with every working order filled in its worst case.

    opening: shares of the order that open or add, > 0. price_cents: of a share, None without a mark.
    side_quantity: shares on the order's side in the worst case before it, after its reducing part, >= 0.
    other_side_quantity: shares on the other side in the worst case, >= 0 (a short that working sells may make).
    other_gross_cents: worst-case notional of all other symbols. working: orders under way; working_max: their bound.
    """

    account: AccountView
    symbol: str
    opening: int
    price_cents: int | None
    side_quantity: int
    other_side_quantity: int
    other_gross_cents: int
    working: int
    working_max: int


class Objection(NamedTuple):
    """How many of the opening shares may pass (0 <= quantity < opening), and why not more."""

    quantity: int
    reason: str


class Breach(NamedTuple):
    """A limit that the account itself has passed."""

    text: str
    value: float
    limit: float
    halts: bool


Judge = Callable[[OrderView], Objection | None]
Watch = Callable[[AccountView], Breach | None]


class Rule(NamedTuple):
    """A rule's two functions."""

    judge: Judge
    watch: Watch


def shares_within(view: OrderView, limit_cents: int) -> int:
    """Return how many of the opening shares keep the symbol's notional on the order's side within a limit, >= 0."""
    assert view.price_cents is not None, "an order without a price is refused before it is measured"
    return max(0, min(view.opening, limit_cents // view.price_cents - view.side_quantity))
