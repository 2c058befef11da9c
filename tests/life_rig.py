"""What tests of positions' lives share: contracts, sessions and marks, and the venue's life without its matching."""

from datetime import date, time
from typing import Any

from schemas.records import (
    CorporateAction,
    CorporateActionKind,
    Fill,
    LegFill,
    Mandate,
    Mark,
    MarketEvent,
    MarketEventKind,
    OptionMark,
    Record,
    Settlement,
    Side,
)
from streams.book.ledger import Ledger, apply_fill, apply_settlement
from streams.stage import Emit, Step
from streams.state import decode_state, encode_state
from streams.venue import statement
from streams.venue.life import STATE, Params, after
from tests.orderpath_rig import fill, mandate

NAN = float("nan")
SECOND_NS = 1_000_000_000
EPOCH = date(1970, 1, 1)
KEPT = {**STATE, **statement.STATE}


def new_york(day: date, clock: time) -> int:
    """Return an instant of a summer's day (UTC-4)."""
    seconds = (clock.hour + 4) * 3600 + clock.minute * 60 + clock.second
    return ((day - EPOCH).days * 86_400 + seconds) * SECOND_NS


def contract(day: date, right: str, strike: float, root: str = "SPY") -> str:
    """Return an OSI symbol."""
    return f"{root:6}{day:%y%m%d}{right}{round(strike * 1000):08d}"


def opening(day: date, close: time = time(16)) -> MarketEvent:
    """Return a session's opening as sources tell it: at 04:00."""
    kind = MarketEventKind.SESSION_OPEN
    start, end = new_york(day, time(9, 30)), new_york(day, close)
    return MarketEvent("", "test", new_york(day, time(4)), kind, start, end, 0.0, "")


def closing(day: date) -> MarketEvent:
    """Return a session's end: at 20:00."""
    return MarketEvent("", "test", new_york(day, time(20)), MarketEventKind.SESSION_CLOSE, 0, 0, 0.0, "")


def dividend(ticker: str, told: date, ex: date, cash: float) -> MarketEvent:
    """Return a dividend as it is declared."""
    kind, ex_ns = MarketEventKind.DIVIDEND, new_york(ex, time(9, 30))
    return MarketEvent(ticker, "test", new_york(told, time(4)), kind, ex_ns, 0, cash, "")


def split(ticker: str, day: date, ratio: float) -> MarketEvent:
    """Return a split as it is told: at 04:00."""
    return MarketEvent(ticker, "test", new_york(day, time(4)), MarketEventKind.SPLIT, 0, 0, ratio, "")


def action(kind: CorporateActionKind, ticker: str, told: date, day: date, cents: int) -> CorporateAction:
    """Return a corporate action as a person tells it to the account paper: at 12:00."""
    return CorporateAction("paper", new_york(told, time(12)), ticker, kind, cents, day.isoformat())


def price(ticker: str, day: date, clock: time, last: float) -> Mark:
    """Return a mark of a trade."""
    return Mark(ticker, new_york(day, clock), last - 0.01, last + 0.01, last, last, last, 100)


def option_mark(symbol: str, day: date, clock: time, expiry_ns: int, **figures: Any) -> OptionMark:
    """Return a contract's mark; figures by field name, NaN and 0 elsewhere."""
    fields: dict[str, Any] = dict.fromkeys(OptionMark.__dataclass_fields__, NAN)
    fields |= {"symbol": symbol, "underlying": symbol[:6].strip(), "event_ns": new_york(day, clock)}
    fields |= {"expiry_ns": expiry_ns, "bid_size": 10, "ask_size": 10, "bits": 0, "quality": 1.0, "surface_ns": 0}
    return OptionMark(**{**fields, "rate": 0.0, "dividends": 0.0, **figures})


def bought(symbol: str, quantity: int, cents: int, day: date, **changes: Any) -> Fill:
    """Return a fill of the account paper at noon; quantity below 0: sold."""
    side = Side.BUY if quantity > 0 else Side.SELL
    multiplier = 100 if len(symbol) == 21 else 1
    known: dict[str, Any] = {"symbol": symbol, "event_ns": new_york(day, time(12)), "multiplier": multiplier}
    return fill(f"{symbol}{quantity}{day}", side, abs(quantity), cents, **{**known, **changes})


def leg(symbol: str, quantity: int, cents: int) -> LegFill:
    """Return a leg; quantity below 0: sold."""
    side = Side.BUY if quantity > 0 else Side.SELL
    return LegFill(symbol, side, abs(quantity), cents, 100 if len(symbol) == 21 else 1)


class Life:
    """The venue's accounts without its matching: fills come as they are given. Every record's state goes through bytes,
    and a ledger that applies what is told is held against the venue's own.
    """

    def __init__(self, params: Params | None = None, start: Mandate | None = None) -> None:
        self.params = params or Params()
        start = start or mandate()
        self.name, self.ledger = start.account, Ledger(start.capital_cents, {})
        self.state: dict[str, Any] = {}
        self.told: list[Record] = []
        self(start)

    def __call__(self, *records: Record) -> list[Settlement]:
        """Return the settlements that records make."""
        settled: list[Settlement] = []
        for record in records:
            filled = (Emit("book", record.account, record),) if isinstance(record, Fill) else ()
            step = statement.after(self.state, record, after(self.state, record, Step({}, filled), self.params))
            for key, value in step.changed.items():
                if value is None:
                    self.state.pop(key, None)
                else:
                    self.state[key] = decode_state(KEPT[key.partition("/")[0]], encode_state(value))
            for emit in step.outputs:
                assert (emit.topic, emit.key) == ("book", self.name)
                self.told.append(emit.record)
                if isinstance(emit.record, Fill):
                    self.ledger = apply_fill(self.ledger, emit.record)
                elif isinstance(emit.record, Settlement):
                    self.ledger = apply_settlement(self.ledger, emit.record)
                    settled.append(emit.record)
            assert self.state[f"holder/{self.name}"].ledger == self.ledger
        return settled

    def held(self) -> dict[str, int]:
        """Return the positions' quantities."""
        return {symbol: position.quantity for symbol, position in self.ledger.positions.items()}

    def cost(self, symbol: str) -> int:
        """Return what a position cost, cents."""
        return self.ledger.positions[symbol].cost_cents
