"""What the venue keeps to know what becomes of positions: each account's ledger, prices, dividends, contracts."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from schemas.records import CorporateActionKind, Settlement, SettlementKind
from streams.book.ledger import Ledger, apply_settlement
from streams.book.settle_rules import Quote
from streams.book.settle_terms import Contract, is_opening, last_day, standard
from streams.book.valuation import is_option
from streams.stage import Emit
from streams.venue import fees

TOPIC = "book"
DAY_NS = 86_400_000_000_000
EPOCH = date(1970, 1, 1)
NEVER_NS = 2**63 - 1


@dataclass(frozen=True)
class Params:
    """pin_cents: distance from the strike, a share, within which assignment at expiry is a chance. pin_seed: of that.

    exercise_calls: whether the account's own calls are exercised before a dividend that is worth more than their time
    value. settle_wait_s: how long after an expiry its closing price may still come, event time. fees: flat (of the
    mandate; exercise and assignment cost nothing) or ibkr_fixed.
    """

    pin_cents: int = 10
    pin_seed: int = 0
    exercise_calls: bool = True
    settle_wait_s: int = 900
    fees: str = fees.FLAT

    def __post_init__(self) -> None:
        for name in ("pin_cents", "pin_seed", "settle_wait_s"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must be >= 0, was {getattr(self, name)}")
        if self.fees not in fees.SCHEDULES:
            raise ValueError(f"fees must be one of {', '.join(fees.SCHEDULES)}, was {self.fees!r}")


@dataclass(frozen=True, slots=True)
class Pending:
    """A short position that has ended, of which the account is told the next morning. assigned: contracts, of all."""

    symbol: str
    assigned: int


@dataclass(frozen=True, slots=True)
class Holder:
    """An account's ledger as its venue keeps it, and what it is not told yet."""

    ledger: Ledger
    pending: tuple[Pending, ...] = ()


@dataclass(frozen=True, slots=True)
class Dividend:
    """Cash of one share that goes ex on a day (days since 1970)."""

    ex_day: int
    cash_micro: int


@dataclass(frozen=True, slots=True)
class Action:
    """A corporate action of a share that an account was told of (actions.py). day: days since 1970."""

    kind: CorporateActionKind
    cash_cents: int
    day: int


@dataclass(frozen=True, slots=True)
class Underlying:
    """A ticker. price: of its last trade (micro-dollars, 0 before the first), spot: that options were reckoned at."""

    price_micro: int = 0
    price_ns: int = 0
    spot_micro: int = 0
    spot_ns: int = 0
    dividends: tuple[Dividend, ...] = ()
    paid_day: int = -1
    split_day: int = -1

    @property
    def micro(self) -> int:
        """Return the last price known, micro-dollars, 0 where none is: a trade's, else the options' spot."""
        return self.price_micro or self.spot_micro


@dataclass(frozen=True, slots=True)
class Clock:
    """The newest session (day: days since 1970, -1 before the first) and the accounts here, in name order.

    due_ns: the earliest end of a contract that is held and not settled. before_ns: the close of the session before.
    """

    day: int = -1
    open_ns: int = 0
    close_ns: int = 0
    due_ns: int = NEVER_NS
    accounts: tuple[str, ...] = ()
    before_ns: int = 0


STATE: dict[str, type] = {
    "life": Clock,
    "holder": Holder,
    "action": Action,
    "ticker": Underlying,
    "contract": Quote,
    "terms": Contract,
}
NOTHING = Underlying()


class Draft:
    """The state while one record changes it, and what comes out: lives no longer than the record."""

    def __init__(self, state: Mapping[str, Any], changed: Mapping[str, Any], schedule: str = fees.FLAT) -> None:
        self.changed = dict(changed)
        self.schedule = schedule
        self.outputs: list[Emit] = []
        self._state = state

    def get(self, key: str) -> Any:
        """Return a key's state, None where there is none."""
        return self.changed[key] if key in self.changed else self._state.get(key)

    @property
    def clock(self) -> Clock:
        """Return the clock."""
        clock: Clock | None = self.get("life")
        return clock if clock is not None else Clock()

    def under(self, ticker: str) -> Underlying:
        """Return what is known of a ticker."""
        known: Underlying | None = self.get(f"ticker/{ticker}")
        return known if known is not None else NOTHING

    def holders(self) -> Iterator[tuple[str, Holder]]:
        """Yield the accounts by name."""
        for name in self.clock.accounts:
            yield name, self.get(f"holder/{name}")

    def contract(self, symbol: str, multiplier: int) -> Contract:
        """Return a contract's terms: kept ones, else those of its symbol and multiplier."""
        kept: Contract | None = self.get(f"terms/{symbol}")
        return kept if kept is not None else standard(symbol, multiplier)

    def prices(self, contract: Contract) -> dict[str, int]:
        """Return the last prices of what a contract delivers, micro-dollars; unknown ones left out."""
        known = ((ticker, self.under(ticker).micro) for ticker, _ in contract.shares)
        return {ticker: micro for ticker, micro in known if micro}

    def settle(self, account: str, settlement: Settlement) -> None:
        """Apply a settlement to the account's ledger, with what an exercise or assignment costs, and tell it."""
        if settlement.kind in (SettlementKind.EXERCISE, SettlementKind.ASSIGNMENT):
            settlement = replace(settlement, fee_cents=fees.of_exercise(self.schedule, settlement))
        holder: Holder = self.get(f"holder/{account}")
        self.changed[f"holder/{account}"] = Holder(apply_settlement(holder.ledger, settlement), holder.pending)
        self.outputs.append(Emit(TOPIC, account, settlement))

    def end_ns(self, symbol: str) -> int:
        """Return when a contract ends, ns UTC: as its marks say, else by the session of its day; NEVER_NS: unknown."""
        quote: Quote | None = self.get(f"contract/{symbol}")
        if quote is not None:
            return quote.expiry_ns
        clock, day = self.clock, (last_day(symbol) - EPOCH).days
        if day != clock.day:
            return NEVER_NS if day > clock.day else clock.before_ns
        return clock.open_ns if is_opening(symbol) else clock.close_ns

    def due_ns(self) -> int:
        """Return the earliest end of a contract that is held and not settled."""
        ends = [NEVER_NS]
        for _, holder in self.holders():
            told = {one.symbol for one in holder.pending}
            ends += [self.end_ns(one) for one in holder.ledger.positions if is_option(one) and one not in told]
        return min(ends)


def day_of(event_ns: int) -> int:
    """Return the days since 1970 of an instant between 04:00 and 20:00 in New York: there UTC has the same date."""
    return event_ns // DAY_NS


def text_day(day: int) -> str:
    """Return a day for people."""
    return (EPOCH + timedelta(days=day)).isoformat()
