"""The shape of a risk rule: one file in rules/, found by its name, with pure functions.

    judge(view) -> Objection | None     before an order: how many of its opening units may pass
    watch(view) -> Breach | None        after a mark or fill: what a person must know, and whether the account halts
    measure(view) -> Measure | None     the figure that judge looked at, with the whole order, and its limit

The last two may be left out. Only what an order opens is judged. The part that reduces a position, even if every
working order fills first, always passes: a rule never stands between an account and the exit.

Every measure is taken in its worst case. Each working order may fill wholly, partly or not at all, so a measure that is
linear in what fills lies between

    up = now + sum of the working orders' positive parts        down = now + sum of their negative parts

and whatever fills, in whatever order, it stays there: a fill moves a part from "working" into "now", an end takes it
away, and neither raises up nor lowers down. An order is approved only if its own part keeps that end, to which it adds,
within the limit. So no sequence of fills passes a limit that the approvals kept; only markets can, and what reduces.
A sum of sizes (gross, sectors, strategies) is limited by the sum of each one's worst case, which is never less.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from schemas.records import Mandate, OrderIntent
from streams.book.money import MICRO_PER_CENT, micro_of, text_of

NO_MARKETS: Mapping[str, Any] = {}


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


class Exposed(NamedTuple):
    """One symbol of an order, its other orders in their worst case. price_cents: size of one, None when unknown.

    ratio: of it in one unit of the order, > 0. quantity: on the order's side before it, after its reducing part; < 0
    while it would still reduce. other: on the other side, >= 0. gross_cents: its size in the worst case before.
    """

    symbol: str
    ratio: int
    price_cents: int | None
    quantity: int
    other: int


class Band(NamedTuple):
    """A signed measure in micro-dollars: the least and greatest that fills can make of it, the order's reducing part
    with them, and what one more unit adds. others: what other underlyings take of the same limit, >= 0.
    """

    down: int
    up: int
    unit: int
    others: int = 0

    def after(self, units: int) -> int:
        """Return its size on the order's side with so many units more, and the others'."""
        if self.unit >= 0:
            return self.others + max(0, self.up + units * self.unit)
        return self.others + max(0, -(self.down + units * self.unit))

    def within(self, limit: int, opening: int) -> int:
        """Return how many units keep it within a limit, 0 to opening; all where a unit adds nothing."""
        if self.unit == 0:
            return opening
        room = limit - self.others - (self.up if self.unit > 0 else -self.down)
        return max(0, min(opening, room // abs(self.unit)))


@dataclass(frozen=True, slots=True)
class Bands:
    """The signed measures of an order: the account's, and the delta of its underlying, sector and strategy."""

    delta: Band
    gamma: Band
    vega: Band
    underlying: Band
    sector: Band
    strategy: Band
    underlying_name: str
    sector_name: str
    strategy_name: str


@dataclass(frozen=True, slots=True)
class OrderView:
    """An order and the exposure it would add to, with every working order filled in its worst case.

    opening: units of the order that open or add, > 0. price_cents: of a share, None without a mark.
    side_quantity: shares on the order's side in the worst case before it, after its reducing part, >= 0.
    other_side_quantity: shares on the other side in the worst case, >= 0 (a short that working sells may make).
    other_gross_cents: worst-case notional of all other symbols. working: orders under way; working_max: their bound.
    exposed: of each leg of a combination. intent: the order; None only in tests. account_state: streams.risk.account's
    Account, with ledger, positions and working orders; markets: state by key (streams.risk.market.market_key).
    duplicate: id of a working order that this one repeats. day_trades: those of the last sessions, with those that what
    was opened in this one may still become, and the order's. hedging: opening units that only bring the
    underlying's delta nearer to nothing, where the order is a hedge. pattern_equity_cents: equity from which day trades
    are free. needs: what margin the account needs with so many of the opening units (streams.risk.margins.Need).
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
    exposed: tuple[Exposed, ...] = ()
    bands: Bands | None = None
    intent: OrderIntent | None = None
    account_state: Any = None
    markets: Mapping[str, Any] = field(default_factory=dict)
    duplicate: str = ""
    day_trades: int = 0
    hedging: int = 0
    pattern_equity_cents: int = 0
    needs: Callable[[int], Any] | None = None


class Objection(NamedTuple):
    """How many of the opening units may pass (0 <= quantity < opening), and why not more."""

    quantity: int
    reason: str


class Breach(NamedTuple):
    """A limit that the account itself has passed."""

    text: str
    value: float
    limit: float
    halts: bool


class Measure(NamedTuple):
    """A rule's figure with the whole order, every working order in its worst case, and its limit."""

    value: float
    limit: float


Judge = Callable[[OrderView], Objection | None]
Watch = Callable[[AccountView], Breach | None]


def watch_nothing(view: AccountView) -> Breach | None:
    """Return that there is nothing to tell: the rule is one of orders only."""
    return None


def measure_nothing(view: OrderView) -> Measure | None:
    """Return that there is no figure."""
    return None


class Rule(NamedTuple):
    """A rule's functions."""

    judge: Judge
    watch: Watch = watch_nothing
    measure: Callable[[OrderView], Measure | None] = measure_nothing


def exposed_of(view: OrderView) -> tuple[Exposed, ...]:
    """Return each symbol of the order."""
    return view.exposed or (Exposed(view.symbol, 1, view.price_cents, view.side_quantity, view.other_side_quantity),)


def size_after(side: Exposed, units: int) -> int:
    """Return a symbol's size on the order's side with so many units more, cents."""
    assert side.price_cents is not None, "an order without a price is refused before it is measured"
    return max(0, side.quantity + units * side.ratio) * side.price_cents


def units_within(view: OrderView, limit_cents: int) -> int:
    """Return how many of the opening units keep each symbol's notional on the order's side within a limit, >= 0."""
    allowed = view.opening
    for side in exposed_of(view):
        assert side.price_cents is not None, "an order without a price is refused before it is measured"
        if side.price_cents:
            allowed = min(allowed, (limit_cents // side.price_cents - side.quantity) // side.ratio)
    return max(0, allowed)


def largest(view: OrderView, units: int) -> tuple[str, int]:
    """Return the symbol of the order that is largest with so many units more, and its size in cents."""
    found = max(exposed_of(view), key=lambda side: size_after(side, units))
    return found.symbol, size_after(found, units)


def opening_only(view: OrderView, reason: str) -> Objection | None:
    """Return an objection to all that opens, but what hedges; None where all of it does."""
    return Objection(view.hedging, reason) if view.hedging < view.opening else None


def objection_of(what: str, view: OrderView, band: Band, limit_usd: float) -> Objection | None:
    """Return an objection to what takes a signed measure beyond a limit; none where the limit is 0."""
    if not limit_usd:
        return None
    allowed = band.within(micro_of(limit_usd), view.opening)
    if allowed == view.opening:
        return None
    after = -(-band.after(view.opening) // MICRO_PER_CENT)
    return Objection(allowed, f"{what} would be {text_of(after)} USD, limit {limit_usd:.2f} USD")


def measure_of(view: OrderView, band: Band, limit_usd: float) -> Measure | None:
    """Return a signed measure's size with the whole order; None where the limit is 0."""
    return Measure(band.after(view.opening) / 1e6, limit_usd) if limit_usd else None
