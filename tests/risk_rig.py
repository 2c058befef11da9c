"""What tests of options before risk share: marks, orders, and risk with one account that checks its running sums."""

from typing import Any

from schemas.records import Leg, OptionMark, Record, Side, Verdict
from streams.risk import stage
from streams.risk.holdings import counted_anew
from streams.risk.params import Params
from tests.orderpath_rig import NAN, Stage, at, intent, mandate, mark

CALL = "SPY   131018C00100000"
HIGHER = "SPY   131018C00105000"
EXPIRY_NS = at(10 * 86_400)


def option_mark(
    symbol: str = CALL, second: float = 0, bid: float = 1.9, ask: float = 2.1, **changes: Any
) -> OptionMark:
    """Return a good mark of a contract of SPY at 100: delta 0.5, gamma 0.04, vega 11."""
    figures = dict.fromkeys(("theta", "rho", "vanna", "volga", "charm"), 0.0)
    fields: dict[str, Any] = {
        "symbol": symbol,
        "underlying": "SPY",
        "event_ns": at(second),
        "expiry_ns": EXPIRY_NS,
        "bid": bid,
        "ask": ask,
        "bid_size": 10,
        "ask_size": 10,
        "last": 2.05,
        "spot": 100.0,
        "forward": 100.0,
        "rate": 0.0,
        "dividends": 0.0,
        "theoretical": 2.01,
        "iv": 0.2,
        "delta": 0.5,
        "gamma": 0.04,
        "vega": 11.0,
        **figures,
        "bits": 0,
        "quality": 1.0,
        "surface_ns": at(0),
    }
    return OptionMark(**{**fields, **changes})


def option(order: str = "1", quantity: int = 10, side: Side = Side.BUY, **changes: Any) -> Any:
    """Return an order for contracts of the call."""
    more = {"symbol": CALL, "multiplier": 100, "reference": 2.1, "stop": NAN, "target": NAN, **changes}
    return intent(order, side, quantity, **more)


def vertical(order: str = "1", quantity: int = 5, **changes: Any) -> Any:
    """Return an order that buys the call at 100 and sells that at 105."""
    legs = (Leg(CALL, Side.BUY, 1, 100), Leg(HIGHER, Side.SELL, 1, 100))
    return intent(order, quantity=quantity, **{"legs": legs, "reference": 1.2, "stop": NAN, "target": NAN, **changes})


def started(*records: Record, **changes: Any) -> Stage:
    """Return risk with one account and marks of SPY and two of its calls; limits by field."""
    wide = {"position_notional_usd_max": 1e6, "gross_notional_usd_max": 1e6, "concentration_max": 1.0, **changes}
    higher = option_mark(HIGHER, 0, 0.85, 0.95, delta=0.3, gamma=0.035, vega=9.0, theoretical=0.9)
    return Stage(stage.advance, Params(), mandate(**wide), mark(second=0), option_mark(), higher, *records)


def judged(run: Stage, order: Record) -> Verdict:
    """Return the verdict on an order, and hold the running sums to those reckoned anew."""
    (verdict,) = run(order)
    assert isinstance(verdict, Verdict)
    sums_hold(run)
    return verdict


def sums_hold(run: Stage) -> None:
    """Hold the running sums to those reckoned anew."""
    account = run.state["account/paper"]
    assert (account.worth_cents, account.gross_cents, account.sums) == counted_anew(account, run.state)
