"""Checks of the order path's records: what is good passes, each bad value is refused and named, NaN never passes."""

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import pytest

from schemas.records import (
    Approval,
    Cancel,
    Decision,
    Figure,
    Leg,
    LegFill,
    MarginKind,
    Mode,
    OptionMark,
    OrderKind,
    OrderStatus,
    OrderTicket,
    Settlement,
    SettlementKind,
    Side,
    StrategyMode,
    TimeInForce,
    Transfer,
    Verdict,
    Watch,
)
from streams.book import checks
from streams.stage import RecordError, RejectReason
from tests.orderpath_rig import NAN, at, fill, intent, mandate, mark

CALL, PUT = "AAPL  140606C00645000", "AAPL  140606P00645000"
INF = float("inf")
LEGS = (Leg(CALL, Side.BUY, 1, 100), Leg(PUT, Side.SELL, 2, 100))
FILLED_LEGS = (LegFill(CALL, Side.BUY, 3, 210, 100), LegFill(PUT, Side.SELL, 6, 150, 100))
MARK = OptionMark(
    CALL, "AAPL", at(1), at(9_000), 2.0, 2.2, 10, 20, NAN, 645.5, 645.7, 0.01, 0.0, 2.1, 0.3,
    0.5, 0.02, 40.0, -90.0, 20.0, 0.1, 12.0, -3.0, 0, 0.9, at(0),
)  # fmt: skip
UNKNOWN: dict[str, Any] = dict.fromkeys(checks.GREEKS, NAN)
TICKET = OrderTicket(
    "1", "paper", "AAPL", 0, Side.BUY, 5, OrderKind.MARKET, 0, 0, TimeInForce.DAY, (), 1, False, NAN, NAN, "why"
)
SETTLED = Settlement(
    "1", "paper", CALL, at(1), SettlementKind.EXERCISE, 2, 64_500,
    (Transfer(CALL, -2, 0, 100), Transfer("AAPL", 200, 12_900_000, 1)), True, -12_900_000, 0, "exercised",
)  # fmt: skip
VERDICT = Verdict(intent(quantity=10), at(1), Decision.APPROVE, 10, "", (), 10_000_000, 0.0)
LIMITED: dict[str, Any] = {"limit_cents": 100, "kind": OrderKind.LIMIT}
COMBINED = replace(intent(), symbol="AAPL", legs=LEGS, kind=OrderKind.LIMIT, limit_cents=-90, reference=-0.9)

GOOD: list[tuple[Callable[[Any], object], Any]] = [
    (checks.check_mark, mark()),
    (checks.check_mark, mark(bid=NAN, ask=NAN, high=NAN, low=NAN)),
    (checks.check_option_mark, MARK),
    (checks.check_option_mark, replace(MARK, bid=NAN, ask=NAN, spot=NAN, forward=NAN, theoretical=NAN, iv=NAN)),
    (checks.check_option_mark, replace(MARK, **UNKNOWN, bid=2.3, theoretical=0.0)),
    (checks.check_mandate, mandate()),
    (
        checks.check_mandate,
        mandate(
            drawdown_reduce=0.05,
            drawdown_flatten=0.2,
            modes=(StrategyMode("", Mode.ASK), StrategyMode("gap", Mode.OFF)),
            margin=MarginKind.CASH,
            restricted=("GME",),
        ),
    ),
    (checks.check_fill, fill()),
    (checks.check_fill, fill(quantity=0, price_cents=0, status=OrderStatus.ACKNOWLEDGED, remaining=10)),
    (checks.check_fill, fill(quantity=0, price_cents=0, status=OrderStatus.REJECTED, reason="halted")),
    (checks.check_fill, fill(quantity=4, status=OrderStatus.PARTIALLY_FILLED, remaining=6, multiplier=100)),
    (checks.check_fill, fill(quantity=3, symbol="AAPL", price_cents=-90, legs=FILLED_LEGS)),
    (checks.check_intent, intent()),
    (checks.check_intent, intent(kind=OrderKind.STOP_LIMIT, limit_cents=101, trigger_cents=100, multiplier=100)),
    (checks.check_intent, intent(bracket=True, stop=99.0, target=NAN)),
    (checks.check_intent, COMBINED),
    (checks.check_intent, replace(COMBINED, limit_cents=0, reference=0.0)),
    (checks.check_ticket, TICKET),
    (checks.check_ticket, replace(TICKET, bracket=True, target=700.0, **LIMITED)),
    (checks.check_ticket, replace(TICKET, legs=LEGS)),
    (checks.check_verdict, VERDICT),
    (checks.check_verdict, replace(VERDICT, decision=Decision.CUT, quantity=9, figures=(Figure("vega", 1.0, INF),))),
    (checks.check_verdict, replace(VERDICT, decision=Decision.REFUSE, quantity=0, figures=(Figure("vega", NAN, 1.0),))),
    (checks.check_settlement, SETTLED),
    (checks.check_settlement, replace(SETTLED, kind=SettlementKind.EXPIRY, carries=False, price_cents=0, quantity=-1)),
    (checks.check_cancel, Cancel("paper", 0, "", "")),
    (checks.check_approval, Approval("paper", 0, "1", True, "")),
    (checks.check_watch, Watch("AAPL", CALL, 0)),
    (checks.check_watch, Watch("SPX", "SPXW  240119C04700000", at(1))),
    (checks.check_watch, Watch("BRK.B", "BRKB  240119C00300000", at(1))),
    (checks.check_watch, Watch("AAPL", "AAPL1 240119C00300000", at(1))),
]


@pytest.mark.parametrize(("check", "record"), GOOD)
def test_what_is_good_passes(check: Callable[[Any], object], record: Any) -> None:
    """No check refuses what the schemas' words allow, and none gives anything back."""
    assert check(record) is None


SHORT_LEG = (LEGS[0], replace(LEGS[1], ratio=0))
BAD: list[tuple[Callable[[Any], object], Any, str]] = [
    (checks.check_option_mark, replace(MARK, symbol="AAPL"), "option_mark.symbol must be an OSI symbol .* 'AAPL'"),
    (checks.check_option_mark, replace(MARK, symbol=CALL[:12] + "X" + CALL[13:], iv=NAN), "its right is wrong"),
    (checks.check_option_mark, replace(MARK, symbol="AAPL140606C00645000"), "its length is wrong"),
    (checks.check_option_mark, replace(MARK, underlying=""), "underlying must be a name"),
    (checks.check_option_mark, replace(MARK, expiry_ns=0), "expiry_ns must be > 0, was 0"),
    (checks.check_option_mark, replace(MARK, bid=0.0), "bid must be > 0 or NaN, was 0.0"),
    (checks.check_option_mark, replace(MARK, ask=-1.0), "ask must be > 0 or NaN"),
    (checks.check_option_mark, replace(MARK, last=INF), "last must be > 0 or NaN"),
    (checks.check_option_mark, replace(MARK, bid_size=-1), "bid_size must be >= 0"),
    (checks.check_option_mark, replace(MARK, rate=NAN), "rate must be finite, was nan"),
    (checks.check_option_mark, replace(MARK, dividends=NAN), "dividends must be >= 0, was nan"),
    (checks.check_option_mark, replace(MARK, theoretical=-INF), "theoretical must be finite"),
    (checks.check_option_mark, replace(MARK, vanna=INF), "vanna must be finite, was inf"),
    (checks.check_option_mark, replace(MARK, gamma=-INF, delta=INF), "delta must be finite, was inf"),
    (checks.check_option_mark, replace(MARK, quality=NAN), "quality must be 0 to 1, was nan"),
    (checks.check_option_mark, replace(MARK, bits=-1), "bits must be >= 0"),
    (checks.check_mandate, mandate(capital_cents=0), "capital_cents must be > 0"),
    (checks.check_mandate, mandate(slippage_bps=10_000.0), "slippage_bps must be >= 0 and < 10,000"),
    (checks.check_mandate, mandate(drawdown_reduce=0.2), "drawdown_reduce must be <= drawdown_max"),
    (checks.check_mandate, mandate(drawdown_flatten=0.05), "drawdown_flatten must be >= drawdown_max"),
    (checks.check_mandate, mandate(modes=(StrategyMode("", Mode.ASK),) * 2), "modes must be one mode a strategy"),
    (checks.check_mandate, mandate(restricted=("",)), "restricted must be a name"),
    (checks.check_fill, fill(price_cents=0), "price_cents must be > 0, was 0"),
    (checks.check_fill, fill(remaining=-1), "remaining must be >= 0"),
    (checks.check_fill, fill(multiplier=0), "multiplier must be > 0"),
    (checks.check_fill, fill(remaining=1), "remaining must be 0 where FILLED, was 1"),
    (checks.check_fill, fill(status=OrderStatus.ACKNOWLEDGED, remaining=1), "quantity must be 0 where ACKNOWLEDGED"),
    (checks.check_fill, fill(status=OrderStatus.ACKNOWLEDGED, quantity=0), "an order that works must be > 0, was 0"),
    (checks.check_fill, fill(status=OrderStatus.PARTIALLY_FILLED), "remaining of a part must be > 0"),
    (checks.check_fill, fill(status=OrderStatus.CANCELLED, quantity=0, remaining=3), "remaining must be 0"),
    (checks.check_fill, fill(quantity=3, legs=FILLED_LEGS[:1]), "legs must be >= 2, or none, was 1"),
    (checks.check_fill, fill(quantity=2, legs=FILLED_LEGS), "legs quantity must be > 0, a multiple of 2 combi"),
    (checks.check_fill, fill(quantity=3, legs=FILLED_LEGS[:1] * 2), "each of an instrument of its own"),
    (
        checks.check_fill,
        fill(quantity=3, legs=(FILLED_LEGS[0], replace(FILLED_LEGS[1], price_cents=0))),
        "legs price_cents must be > 0",
    ),
    (checks.check_intent, intent(quantity=0), "quantity must be > 0, was 0"),
    (checks.check_intent, intent(reference=NAN), "reference must be > 0, was nan"),
    (checks.check_intent, intent(kind=OrderKind.LIMIT), "limit_cents of a LIMIT must be > 0, was 0"),
    (checks.check_intent, intent(kind=OrderKind.STOP_LIMIT, trigger_cents=5), "limit_cents of a STOP_LIMIT"),
    (checks.check_intent, intent(kind=OrderKind.STOP), "trigger_cents of a STOP must be > 0"),
    (checks.check_intent, intent(multiplier=0), "multiplier must be > 0"),
    (checks.check_intent, intent(bracket=True, stop=NAN, target=0.0), "stop and target of a bracket must be > 0"),
    (checks.check_intent, replace(COMBINED, legs=LEGS[:1]), "legs must be >= 2, or none, was 1"),
    (checks.check_intent, replace(COMBINED, legs=SHORT_LEG), "legs ratio must be > 0, was 0"),
    (checks.check_intent, replace(COMBINED, legs=LEGS[:1] * 2), "each of an instrument of its own"),
    (checks.check_intent, replace(COMBINED, side=Side.SELL), "side of a combination must be BUY"),
    (checks.check_intent, replace(COMBINED, kind=OrderKind.STOP), "kind of a combination must be MARKET or LIMIT"),
    (checks.check_intent, replace(COMBINED, multiplier=100), "multiplier of a combination must be 1"),
    (checks.check_intent, replace(COMBINED, reference=NAN), "reference must be finite, was nan"),
    (checks.check_ticket, replace(TICKET, id=""), "id must be a name"),
    (checks.check_ticket, replace(TICKET, kind=OrderKind.LIMIT), "limit_cents of a LIMIT"),
    (checks.check_ticket, replace(TICKET, stop=-1.0), "stop must be > 0 or NaN"),
    (checks.check_verdict, replace(VERDICT, quantity=9), r"quantity must be the intent's \(10\) where approved"),
    (checks.check_verdict, replace(VERDICT, decision=Decision.CUT), "where cut, was 10"),
    (checks.check_verdict, replace(VERDICT, decision=Decision.REFUSE), "quantity must be 0 where refused"),
    (checks.check_verdict, replace(VERDICT, figures=(Figure("vega", NAN, 1.0),)), "vega must be figures, was nan"),
    (checks.check_verdict, replace(VERDICT, intent=intent(quantity=-1)), "intent.quantity must be > 0"),
    (checks.check_settlement, replace(SETTLED, quantity=0), "quantity must be contracts or shares"),
    (checks.check_settlement, replace(SETTLED, price_cents=0), "strike"),
    (checks.check_settlement, replace(SETTLED, fee_cents=-1), "fee_cents must be >= 0"),
    (checks.check_settlement, replace(SETTLED, transfers=SETTLED.transfers[:1]), "transfers must be >= 2"),
    (checks.check_settlement, replace(SETTLED, transfers=(Transfer("", 1, 0, 1),) * 2), "symbol must be a name"),
    (checks.check_settlement, replace(SETTLED, transfers=(Transfer("A", 0, 0, 1),) * 2), "quantity must be other"),
    (checks.check_settlement, replace(SETTLED, transfers=(Transfer("A", 1, 0, 0),) * 2), "multiplier must be > 0"),
    (checks.check_cancel, Cancel("", 0, "1", ""), "account must be a name"),
    (checks.check_cancel, Cancel("paper", -1, "1", ""), "event_ns must be >= 0"),
    (checks.check_approval, Approval("paper", 0, "", True, ""), "order_id must be a name"),
    (checks.check_watch, Watch("", CALL, 0), "symbol must be a name"),
    (checks.check_watch, Watch("AAPL", "AAPL", 0), "watch.contract must be an OSI symbol .* length"),
    (checks.check_watch, Watch("MSFT", CALL, 0), "a contract of MSFT"),
]  # fmt: skip


@pytest.mark.parametrize(("check", "record", "text"), BAD)
def test_what_is_bad_is_refused_by_name(check: Callable[[Any], object], record: Any, text: str) -> None:
    """It is a bad value, and the words say which and what was seen."""
    with pytest.raises(RecordError, match=text) as error:
        check(record)
    assert error.value.reason is RejectReason.BAD_VALUE


MAY_BE_UNKNOWN = {
    checks.check_mark: {"bid", "ask", "last", "high", "low"},
    checks.check_option_mark: {"bid", "ask", "last", "spot", "forward", "theoretical", "iv", *checks.GREEKS},
    checks.check_intent: {"stop", "target"},
    checks.check_ticket: {"stop", "target"},
    checks.check_fill: {"stop", "target"},
    checks.check_mandate: set[str](),
}


@pytest.mark.parametrize(
    ("check", "record"),
    [
        (checks.check_mark, mark()),
        (checks.check_option_mark, MARK),
        (checks.check_intent, intent()),
        (checks.check_ticket, TICKET),
        (checks.check_fill, fill()),
        (checks.check_mandate, mandate()),
    ],
)
def test_nan_passes_only_where_it_means_unknown(check: Callable[[Any], object], record: Any) -> None:
    """Every figure in turn becomes NaN: refused, unless the schema says that it may be unknown."""
    floats = [one.name for one in fields(record) if one.type is float]
    assert floats or check is checks.check_fill
    for name in floats:
        changed = replace(record, **{name: NAN})
        if name in MAY_BE_UNKNOWN[check]:
            assert check(changed) is None
        else:
            with pytest.raises(RecordError, match=f"{name} must be"):
                check(changed)
