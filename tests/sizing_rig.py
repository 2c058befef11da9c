"""What tests of sizing share: an account that holds options, tickets, and marks of contracts."""

from typing import Any

from schemas.records import (
    Fill,
    OptionMark,
    OrderIntent,
    OrderKind,
    OrderTicket,
    Record,
    Side,
    TimeInForce,
)
from streams.sizing import stage
from streams.sizing.stage import Params
from tests.orderpath_rig import NAN, Stage, at, fill, mandate, mark

CALL, PUT = "SPY   131019C00100000", "SPY   131019P00095000"


def started(*records: Record, **changes: Any) -> Stage:
    """Return sizing with one account."""
    return Stage(stage.advance, Params(), mandate(**changes), *records)


def option(contract: str = CALL, second: float = 1, bid: float = 2.0, **changes: Any) -> OptionMark:
    """Return a mark of a contract of SPY, ten cents wide, delta a half."""
    figures: dict[str, Any] = dict.fromkeys(
        ("gamma", "vega", "theta", "rho", "vanna", "volga", "charm", "rate", "dividends"), 0.0
    )
    fields: dict[str, Any] = {
        "symbol": contract,
        "underlying": "SPY",
        "event_ns": at(second),
        "expiry_ns": at(864_000),
        "bid": bid,
        "ask": bid + 0.1,
        "bid_size": 10,
        "ask_size": 10,
        "last": NAN,
        "spot": 100.0,
        "forward": 100.0,
        "theoretical": bid + 0.05,
        "iv": 0.2,
        "delta": 0.5 if "C00" in contract else -0.3,
        "bits": 0,
        "quality": 1.0,
        "surface_ns": at(1),
    }
    return OptionMark(**{**figures, **fields, **changes})


def ticket(symbol: str = CALL, side: Side = Side.BUY, quantity: int = 2, **changes: Any) -> OrderTicket:
    """Return a person's market order."""
    fields: dict[str, Any] = {
        "id": f"t{symbol}{side}",
        "account": "paper",
        "symbol": symbol,
        "event_ns": 0,
        "side": side,
        "quantity": quantity,
        "kind": OrderKind.MARKET,
        "limit_cents": 0,
        "trigger_cents": 0,
        "time_in_force": TimeInForce.GTC,
        "legs": (),
        "multiplier": 100 if len(symbol) == 21 else 1,
        "bracket": False,
        "stop": NAN,
        "target": NAN,
        "reason": "a test",
    }
    return OrderTicket(**{**fields, **changes})


def filled(order: OrderIntent, price_cents: int = 210, quantity: int | None = None, **changes: Any) -> Fill:
    """Return the fill of an order."""
    done = order.quantity if quantity is None else quantity
    fields: dict[str, Any] = {
        "symbol": order.symbol,
        "event_ns": order.event_ns,
        "purpose": order.purpose,
        "signal_id": order.signal_id,
        "strategy": order.strategy,
        "stop": order.stop,
        "target": order.target,
        "expires_ns": order.expires_ns,
        "multiplier": order.multiplier,
        "origin": order.origin,
        "id": f"f{order.id}{changes.get('remaining', 0)}",
    }
    return fill(order.id, order.side, done, price_cents, **{**fields, **changes})


def account_of(run: Stage) -> Any:
    """Return what sizing keeps of the account."""
    return run.state["account/paper"]


def holding_calls(**changes: Any) -> Stage:
    """Return sizing that holds two calls that a person bought."""
    run = started(mark(second=1), option(), **changes)
    (order,) = run(ticket())
    run(filled(order))
    return run
