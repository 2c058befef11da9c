"""What tests of the venue share: one account, verdicts, marks of options, and what a run has told."""

from collections.abc import Iterable
from typing import Any

from schemas.records import (
    Decision,
    Fill,
    Leg,
    MarketEvent,
    MarketEventKind,
    OptionMark,
    OrderIntent,
    OrderKind,
    OrderStatus,
    Record,
    Side,
    Verdict,
)
from streams.venue import stage
from streams.venue.stage import Params
from tests.orderpath_rig import NAN, Stage, at, intent, mandate

CALL, HIGHER, PUT = "AAPL  131018C00500000", "AAPL  131018C00510000", "AAPL  131018P00500000"
EXPIRY_NS = 1_382_126_400 * 1_000_000_000
"""2013-10-18 20:00 UTC: 16:00 in New York."""


def started(*records: Record, params: Params | None = None, **changes: Any) -> Stage:
    """Return the venue with one account, whose fees are none and slippage is 0."""
    free = {"slippage_bps": 0.0, "fee_per_share_cents": 0.0, "fee_min_cents": 0}
    return Stage(stage.advance, params or Params(), mandate(**{**free, **changes}), *records)


def approved(order: OrderIntent) -> Verdict:
    """Return the verdict that lets an order pass."""
    return Verdict(order, order.event_ns, Decision.APPROVE, order.quantity, "", (), 0, 0.0)


def order(name: str = "1", side: Side = Side.BUY, quantity: int = 10, second: float = 1, **changes: Any) -> Verdict:
    """Return the verdict on an order without an expiry of its own."""
    return approved(intent(name, side, quantity, second, **{"expires_ns": 0, **changes}))


def limit(name: str, side: Side, quantity: int, cents: int, **changes: Any) -> Verdict:
    """Return the verdict on a limit order."""
    return order(name, side, quantity, kind=OrderKind.LIMIT, limit_cents=cents, **changes)


def option_mark(
    symbol: str = CALL, second: float = 1, bid: float = 2.0, ask: float = 2.1, **changes: Any
) -> OptionMark:
    """Return the mark of a contract of AAPL, 10 contracts on each side."""
    figures = ("forward", "theoretical", "iv", "delta", "gamma", "vega", "theta", "rho", "vanna", "volga", "charm")
    fields: dict[str, Any] = {
        "symbol": symbol,
        "underlying": "AAPL",
        "event_ns": at(second),
        "expiry_ns": EXPIRY_NS,
        "bid": bid,
        "ask": ask,
        "bid_size": 10,
        "ask_size": 10,
        "last": NAN,
        "spot": 500.0,
        "rate": 0.001,
        "dividends": 0.0,
        "bits": 0,
        "quality": 1.0,
        "surface_ns": 0,
        **dict.fromkeys(figures, NAN),
    }
    return OptionMark(**{**fields, **changes})


def option(name: str, side: Side, quantity: int, cents: int = 0, **changes: Any) -> Verdict:
    """Return the verdict on an order of CALL: LIMIT where cents are given, else MARKET."""
    kind = OrderKind.LIMIT if cents else OrderKind.MARKET
    fields = {"symbol": CALL, "multiplier": 100, "kind": kind, "limit_cents": cents}
    return order(name, side, quantity, **{**fields, **changes})


def vertical(name: str, quantity: int, cents: int, **changes: Any) -> Verdict:
    """Return the verdict on a purchase of the 500 call against the 510, at most cents for one."""
    legs = (Leg(CALL, Side.BUY, 1, 100), Leg(HIGHER, Side.SELL, 1, 100))
    fields: dict[str, Any] = {"symbol": "AAPL", "legs": legs, "kind": OrderKind.LIMIT, "limit_cents": cents}
    return order(name, Side.BUY, quantity, **{**fields, **changes})


def event(kind: MarketEventKind, second: float = 0, symbol: str = "", **changes: Any) -> MarketEvent:
    """Return an event of a market or an underlying."""
    return MarketEvent(symbol, "test", at(second), kind, **changes)


def session(open_s: float = 0, close_s: float = 23_400, told_s: float = 0) -> MarketEvent:
    """Return the opening of a session, by default of a whole day."""
    return event(MarketEventKind.SESSION_OPEN, told_s, start_ns=at(open_s), end_ns=at(close_s))


def trades(told: Iterable[Any]) -> list[tuple[str, int, int, int]]:
    """Return (order, quantity, price, remaining) of what was traded."""
    fills = [one for one in told if isinstance(one, Fill)]
    return [(one.intent_id, one.quantity, one.price_cents, one.remaining) for one in fills if one.quantity]


def ends(told: Iterable[Any]) -> list[tuple[str, OrderStatus, str]]:
    """Return (order, state, reason) of what ended without a trade."""
    fills = [one for one in told if isinstance(one, Fill)]
    return [(one.intent_id, one.status, one.reason) for one in fills if not one.quantity and not one.remaining]
