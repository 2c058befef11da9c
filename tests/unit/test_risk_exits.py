"""Exits of brackets in risk: one of both counts, from the entry's fill on, until the venue says they ended."""

from typing import Any

from schemas.records import (
    Control,
    ControlAction,
    Decision,
    Fill,
    OrderOrigin,
    OrderStatus,
    Purpose,
    Record,
    Side,
    Verdict,
)
from streams.risk import stage as risk
from streams.risk.account import Account
from streams.risk.exposure import Worst
from streams.sizing import stage as sizing
from streams.venue import stage as venue
from tests.orderpath_rig import NAN, Stage, at, fill, intent, mandate, mark

HALT = Control("paper", at(4), ControlAction.HALT, "enough")
WIDE: dict[str, Any] = {"concentration_max": 1.0, "position_notional_usd_max": 1e9, "gross_notional_usd_max": 1e9}


def world(*before: Record, **changes: Any) -> Stage:
    return Stage(risk.advance, risk.Params(), mandate(**WIDE, **changes), mark("SPY", 0), *before)


def entered(quantity: int = 100, **changes: Any) -> Stage:
    """Return risk after a bracket's entry was approved and has filled, before the venue told of exits."""
    order = intent("1", Side.BUY, quantity, bracket=True, origin=OrderOrigin.TICKET, **changes)
    return world(order, fill("1", Side.BUY, quantity))


def news(order: str, purpose: Purpose, quantity: int, remaining: int, status: OrderStatus) -> Fill:
    return fill(
        order, Side.SELL, quantity, 10_000 if quantity else 0, purpose=purpose, remaining=remaining, status=status
    )


def told(order: str, purpose: Purpose, remaining: int) -> Fill:
    return news(order, purpose, 0, remaining, OrderStatus.ACKNOWLEDGED)


def sides(run: Stage) -> tuple[int, int, int]:
    """Return position, working buys and working sells."""
    return Worst(account_of(run), run.state).sides("SPY")[:3]


def account_of(run: Stage) -> Account:
    found: Account = run.state["account/paper"]
    return found


def close(quantity: int, order: str = "2", **changes: Any) -> Any:
    fields: dict[str, Any] = {"purpose": Purpose.FLATTEN, "origin": OrderOrigin.TICKET, "second": 5, "signal_id": "c"}
    return intent(order, Side.SELL, quantity, **{**fields, "stop": NAN, "target": NAN, **changes})


def verdict(run: Stage, order: Any) -> tuple[Decision, int]:
    (found,) = (one for one in run(order) if isinstance(one, Verdict))
    return found.decision, found.quantity


def test_of_two_exits_the_worse_counts_and_not_the_sum() -> None:
    """From the fill on, as the venue tells, and as they fill: what one sells goes off the other."""
    run = entered()
    assert sides(run) == (100, 0, 100)
    run(told("t", Purpose.TARGET, 100))
    run(told("p", Purpose.STOP, 100))
    assert sides(run) == (100, 0, 100)
    run(news("t", Purpose.TARGET, 30, 70, OrderStatus.PARTIALLY_FILLED))
    assert sides(run) == (70, 0, 70)
    run(news("p", Purpose.STOP, 70, 0, OrderStatus.FILLED))
    run(news("t", Purpose.TARGET, 0, 0, OrderStatus.CANCELLED))
    assert (sides(run), account_of(run).exits) == ((0, 0, 0), {})


def test_an_entry_that_fills_in_parts_makes_its_exits_larger() -> None:
    """40 and 60, each told of by the venue; a bracket without a stop has one exit."""
    run = world(
        intent("1", Side.BUY, 100, bracket=True, stop=NAN),
        fill("1", Side.BUY, 40, remaining=60, status=OrderStatus.PARTIALLY_FILLED),
    )
    run(told("t", Purpose.TARGET, 40))
    assert sides(run) == (40, 60, 40)
    run(fill("1", Side.BUY, 60))
    run(told("t", Purpose.TARGET, 100))
    (one,) = account_of(run).exits.values()
    assert (one.target, one.stop, sides(run)) == (100, 0, (100, 0, 100))


def test_a_close_beside_a_live_bracket_is_judged_as_what_opens() -> None:
    """Both could sell 100 of 100: a halted account refuses it, and lets it pass once the exits have ended."""
    run = entered()
    run(HALT)
    assert verdict(run, close(100)) == (Decision.REFUSE, 0)
    run(told("t", Purpose.TARGET, 100))
    run(told("p", Purpose.STOP, 100))
    for order, purpose in (("t", Purpose.TARGET), ("p", Purpose.STOP)):
        run(news(order, purpose, 0, 0, OrderStatus.CANCELLED))
    assert verdict(run, close(100, "3")) == (Decision.APPROVE, 100)


def test_what_exits_leave_may_be_closed() -> None:
    """150 held, 100 of them under exits: 50 only reduce."""
    run = entered()
    run(fill("x", Side.BUY, 50, signal_id="other"))
    run(HALT)
    assert verdict(run, close(80)) == (Decision.CUT, 50)


def test_the_emergency_stop_closes_beside_exits() -> None:
    """Its orders come after the cancel of all, so a halted account's bracket holds nothing up."""
    run = entered()
    run(HALT)
    assert verdict(run, close(100, origin=OrderOrigin.BOOK)) == (Decision.APPROVE, 100)
    assert account_of(run).exits == {}


def test_margin_counts_shares_that_an_exit_may_sell() -> None:
    """Shares that cover a call are under a bracket: once sold, the call is naked, and that is what is needed."""
    call = "SPY   131220C00100000"
    run = entered()
    run(fill("c", Side.SELL, 1, 200, symbol=call, multiplier=100, signal_id="c"))
    with_exits = account_of(run).margins["SPY"].initial_cents
    run(told("t", Purpose.TARGET, 100))
    for order, purpose in (("t", Purpose.TARGET), ("p", Purpose.STOP)):
        run(news(order, purpose, 0, 0, OrderStatus.CANCELLED))
    run(fill("d", Side.BUY, 1, 200, symbol=call, multiplier=100, signal_id="c"))
    run(fill("c", Side.SELL, 1, 200, symbol=call, multiplier=100, signal_id="c"))
    covered = account_of(run).margins["SPY"].initial_cents
    # Naked: 20 % of 10,000 and at least 2.00 of premium beside it; covered: half of 10,000 less the premium.
    assert (with_exits, covered) == (max(200_000, covered), 480_000)


def test_venue_sizing_and_risk_agree_on_a_flatten_by_drawdown() -> None:
    """Sizing cancels all before it closes; the venue's exits are gone, and the close leaves nothing that could turn."""
    given = mandate(**WIDE, drawdown_flatten=0.05, drawdown_max=0.04)
    order = intent("1", Side.BUY, 900, bracket=True, origin=OrderOrigin.TICKET, stop=50.0, target=150.0, second=1)
    stages = [Stage(one.advance, one.Params(), given, mark("SPY", 0)) for one in (sizing, risk, venue)]
    size, check, deal = stages
    fills = [one for record in check(order) if isinstance(record, Verdict) for one in deal(record)]
    fills += deal(mark("SPY", 2))
    assert [one.purpose for one in fills].count(Purpose.STOP) == 1
    for one in fills:
        for stage in (size, check):
            stage(one)
    check(mark("SPY", 2))
    crash = mark("SPY", 9, 90.0)
    made = size(crash)
    assert [type(one).__name__ for one in made] == ["Cancel", "OrderIntent"]
    check(crash)
    deal(crash)
    ended = deal(made[0])
    check(made[0])
    assert {one.status for one in ended} == {OrderStatus.CANCELLED}
    (answer,) = (one for one in check(made[1]) if isinstance(one, Verdict))
    assert (answer.decision, answer.quantity) == (Decision.APPROVE, 900)
