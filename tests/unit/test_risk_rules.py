"""Risk rules of orders and of the account: losses, prices, repeats, day trades, drawdown, hedges, soft limits."""

from typing import Any

import pytest

from schemas.records import (
    Alert,
    Control,
    ControlAction,
    Decision,
    Leg,
    MarginKind,
    MarketEvent,
    MarketEventKind,
    OrderKind,
    OrderOrigin,
    Side,
)
from streams.risk.account import parts_of
from streams.risk.params import Params
from streams.risk.payoff import worst_payoff_cents
from tests.orderpath_rig import NAN, Stage, at, fill, intent, mark
from tests.risk_rig import CALL, HIGHER, judged, option, option_mark, started, vertical

DAY_S = 86_400
PUT, PUT_LOWER = "SPY   131018P00100000", "SPY   131018P00095000"
LATER = "SPY   131115C00100000"
INDEX_LATER, INDEX = "SPXW  131115C01000000", "SPXW  131018C01005000"


def combination(*legs: tuple[str, int]) -> Any:
    """Return an order of legs: symbol and signed ratio, shares at 1 and contracts at 100."""
    sides = (Side.SELL, Side.BUY)
    made = tuple(Leg(symbol, sides[ratio > 0], abs(ratio), 100 if len(symbol) == 21 else 1) for symbol, ratio in legs)
    return intent(quantity=1, legs=made)


@pytest.mark.parametrize(
    ("legs", "payoff"),
    [
        ([(CALL, 1), (HIGHER, -1)], 0),
        ([(CALL, -1), (HIGHER, 1)], -50_000),
        ([(PUT_LOWER, 1), (PUT, -1), (CALL, -1), (HIGHER, 1)], -50_000),
        ([(CALL, 1), (HIGHER, -2)], None),
        ([(CALL, -1), (PUT, -1)], None),
        ([("SPY", 100), (CALL, -1)], 0),
        ([("SPY", 100), (CALL, -1), (PUT, 1)], 1_000_000),
        ([("SPY", -100), (CALL, 1)], -1_000_000),
        ([(PUT, -1), (PUT_LOWER, 1)], -50_000),
        ([(HIGHER, -1), (LATER, 1)], 0),
        ([(LATER, -1), (CALL, 1)], None),
        ([(LATER, -1), (HIGHER, -1), (CALL, 2)], None),
        ([(INDEX, -1), (INDEX_LATER, 1)], None),
    ],
)
def test_worst_payoffs_by_hand(legs: list[tuple[str, int]], payoff: int | None) -> None:
    """A call spread sold loses its width, 5 USD × 100; what is short without cover has no bound."""
    assert worst_payoff_cents(parts_of(combination(*legs))) == payoff


@pytest.mark.parametrize(
    ("order", "allowed"),
    [
        (intent(quantity=500), 200),
        (intent(quantity=500, stop=NAN), 2),
        (intent(quantity=500, side=Side.SELL, stop=101.0), 200),
        (intent(quantity=500, side=Side.SELL, stop=NAN), 0),
        (vertical(quantity=10, kind=OrderKind.LIMIT, limit_cents=10_000), 2),
        (vertical(quantity=10), 1),
        (option(side=Side.SELL), 0),
    ],
)
def test_the_loss_of_a_trade_is_bounded(order: Any, allowed: int) -> None:
    """200 USD: shares to a stop a dollar away; a vertical at its limit of 100 USD, or at the sides' 125 USD."""
    verdict = judged(started(trade_loss_usd_max=200.0), order)
    assert (verdict.quantity, verdict.rule) == (allowed, "trade_loss")


@pytest.mark.parametrize(
    ("order", "passes"),
    [
        (intent(kind=OrderKind.LIMIT, limit_cents=10_400), True),
        (intent(kind=OrderKind.LIMIT, limit_cents=10_600), False),
        (intent(kind=OrderKind.LIMIT, limit_cents=9_400), False),
        (intent(), True),
        (option(kind=OrderKind.LIMIT, limit_cents=209), True),
        (option(kind=OrderKind.LIMIT, limit_cents=220), False),
        (vertical(kind=OrderKind.LIMIT, limit_cents=12_000), True),
        (vertical(kind=OrderKind.LIMIT, limit_cents=13_000), False),
    ],
)
def test_a_limit_far_from_the_market_is_refused(order: Any, passes: bool) -> None:
    """Within 5 % of a share's last, of a contract's middle, or, of a combination, of its legs' 2.90 USD × 100."""
    verdict = judged(started(price_band=0.05), order)
    assert (verdict.decision is Decision.APPROVE) == passes
    assert passes or (verdict.rule == "price_band" and verdict.reasons)


def test_the_same_order_twice_is_one_too_many() -> None:
    """A person's order is refused while its like works and is fresh; another side, or later, passes."""
    run = started()
    ticket: dict[str, Any] = {"origin": OrderOrigin.TICKET}
    assert judged(run, intent("1", **ticket)).decision is Decision.APPROVE
    assert judged(run, intent("2", **ticket)).rule == "duplicate"
    assert judged(run, intent("3", Side.SELL, **ticket)).decision is Decision.APPROVE
    assert judged(run, intent("4", second=62, **ticket)).decision is Decision.APPROVE
    run(fill("4"))
    run(fill("1"))
    assert judged(run, intent("5", second=62, **ticket)).decision is Decision.APPROVE


def trade(run: Stage, second: float, side: Side, quantity: int = 10, symbol: str = "SPY") -> None:
    run(fill(f"{second}{symbol}", side, quantity, symbol=symbol, event_ns=at(second)))


def test_day_trades_are_counted_as_finra_does() -> None:
    """Buy, buy, sell, sell is one; buy, sell, buy, sell two; what was held overnight and is sold is none."""
    run = started()
    for second, side in enumerate((Side.BUY, Side.BUY, Side.SELL, Side.SELL)):
        trade(run, second, side)
    assert [one.trades for one in run.state["account/paper"].sessions] == [1]
    for second, side in enumerate((Side.BUY, Side.SELL, Side.BUY, Side.SELL, Side.BUY)):
        trade(run, 10 + second, side)
    trade(run, DAY_S, Side.SELL)
    trade(run, DAY_S + 1, Side.BUY)
    assert [one.trades for one in run.state["account/paper"].sessions] == [3, 0]


def test_day_trades_of_a_small_account_are_limited_in_their_worst_case() -> None:
    """Below 25,000 USD what is open of today, what works and the order count; five sessions later nothing does."""
    run = started(mark("IBM", 0), capital_cents=2_000_000, day_trades_max=2)
    trade(run, 1, Side.BUY)
    trade(run, 2, Side.SELL)
    assert judged(run, intent("1", second=3)).decision is Decision.APPROVE
    verdict = judged(run, intent("2", second=4, symbol="IBM"))
    assert (verdict.rule, verdict.decision) == ("day_trades", Decision.REFUSE)
    assert "3 day trades in five sessions could become of it, limit 2" in verdict.reasons[0]
    run(fill("1", quantity=0))
    for day in range(1, 6):
        run(MarketEvent("", "test", at(day * DAY_S), MarketEventKind.SESSION_OPEN))
        run(MarketEvent("", "test", at(day * DAY_S), MarketEventKind.SESSION_OPEN))
    sessions = run.state["account/paper"].sessions
    assert (len(sessions), sum(one.trades for one in sessions)) == (5, 0)
    for changes in ({"margin": MarginKind.CASH}, {"capital_cents": 2_500_000}):
        free = started(**{"capital_cents": 2_000_000, "day_trades_max": 1, **changes})
        trade(free, 1, Side.BUY)
        trade(free, 2, Side.SELL)
        assert judged(free, intent("1", second=3)).decision is Decision.APPROVE


def test_steps_of_drawdown_reduce_halt_and_flatten() -> None:
    """At 2 % orders are cut to half, at 4 % the account halts, at 6 % it is told that all is closed."""
    steps: dict[str, Any] = {
        "drawdown_reduce": 0.02,
        "drawdown_max": 0.04,
        "drawdown_flatten": 0.06,
        "daily_loss_usd_max": 1e9,
    }
    run = started(mark("IBM", 0), fill("held", quantity=1_000), **steps)
    (alert,) = run(mark(second=1, price=98.0))
    assert (alert.rule, alert.limit) == ("drawdown_reduce", 0.02)
    verdict = judged(run, intent("1", quantity=11, second=2, symbol="IBM"))
    assert (verdict.quantity, verdict.rule) == (5, "drawdown_reduce")
    (alert,) = run(mark(second=3, price=96.0))
    assert alert.rule == "drawdown_stop"
    assert judged(run, intent("2", quantity=11, second=3, symbol="IBM")).decision is Decision.REFUSE
    (alert,) = run(mark(second=4, price=94.0))
    assert (alert.rule, alert.limit) == ("drawdown_flatten", 0.06)
    assert alert.text.endswith("all is closed")
    assert judged(run, intent("3", Side.SELL, 1_000, second=5)).decision is Decision.APPROVE


def test_a_hedge_passes_while_halted_as_far_as_it_reduces_delta() -> None:
    """10 calls have a delta of 50,000 USD: 499 shares at 100.01 may be sold short, and none bought."""
    run = started(fill(symbol=CALL, quantity=10, price_cents=210, multiplier=100))
    run(Control("paper", 0, ControlAction.HALT, "test"))
    hedge: dict[str, Any] = {"origin": OrderOrigin.HEDGE, "strategy": "hedge"}
    assert judged(run, intent("1", Side.BUY, 100, **hedge)).decision is Decision.REFUSE
    verdict = judged(run, intent("2", Side.SELL, 600, **hedge))
    assert (verdict.quantity, verdict.rule) == (499, "kill_switch")
    assert judged(run, intent("3", Side.SELL, 100, **hedge)).decision is Decision.REFUSE
    assert judged(run, intent("4", Side.SELL, 100)).decision is Decision.REFUSE


def test_a_person_is_told_once_when_a_measure_comes_near_its_limit() -> None:
    """At four fifths of the limit, once a rule and session day, after a fill or with marks every five seconds."""
    run = started(vega_usd_max=100.0, delta_usd_max=1e6)
    assert not [one for one in run(bought(7, 0)) if isinstance(one, Alert)]
    (alert, _) = run(bought(1, 1))
    assert (alert.rule, alert.value, alert.limit) == ("vega_usd", 88.0, 100.0)
    assert alert.text == "vega is 88, 0.88 of its limit 100"
    assert not [one for one in run(bought(1, 2)) if isinstance(one, Alert)]
    run = started(vega_usd_max=100.0)
    run(bought(7, 0))
    assert run(option_mark(second=4, vega=13.0)) == []
    assert [one.rule for one in run(option_mark(second=6, vega=13.0))] == ["vega_usd"]


def bought(quantity: int, second: float) -> Any:
    return fill(f"{second}", quantity=quantity, symbol=CALL, price_cents=200, multiplier=100, event_ns=at(second))


def test_sectors_of_the_table_and_of_the_config() -> None:
    """A symbol in no table is of "other"; the config's names go over the table's."""
    params = Params(sectors={"SPY": "funds", "IBM": "technology"})
    assert (params.sectors["SPY"], params.sectors["IBM"], params.sectors["AAPL"]) == (
        "funds",
        "technology",
        "technology",
    )
    run = started(mark("IBM", 0), mark("XYZ", 0), sector_notional_usd_max=10_000.0)
    assert judged(run, intent("1", quantity=60, symbol="IBM")).quantity == 60
    verdict = judged(run, intent("2", Side.SELL, 60, symbol="XYZ"))
    assert (verdict.quantity, verdict.rule) == (39, "sector_notional")
    assert judged(run, intent("3", quantity=60)).quantity == 60
