"""Margin in the risk stage: the rule, the verdict's figures, and what is kept by underlying."""

from typing import Any

from schemas.records import Decision, Leg, MarginKind, OptionMark, OrderKind, OrderStatus, Side, Verdict
from streams.risk import stage
from streams.risk.account import Account, Margin
from streams.risk.params import Params
from tests.orderpath_rig import NAN, Stage, at, fill, intent, mandate, mark

PUT, CALL, WING = "XYZ   131220P00100000", "XYZ   131220C00110000", "XYZ   131220C00115000"
WIDE: dict[str, Any] = {
    "position_notional_usd_max": 1e9,
    "gross_notional_usd_max": 1e9,
    "concentration_max": 1.0,
    "daily_loss_usd_max": 1e9,
    "drawdown_max": 0.99,
}


def option_mark(symbol: str, price: float) -> OptionMark:
    """Return a mark of a contract of XYZ at 100 that is worth this; its delta is near nothing."""
    names = ("gamma", "vega", "theta", "rho", "vanna", "volga", "charm", "rate", "dividends")
    fields: dict[str, Any] = dict.fromkeys(names, 0.0)
    fields |= {"symbol": symbol, "underlying": "XYZ", "event_ns": at(1), "expiry_ns": at(7_000_000)}
    fields |= {"bid": price, "ask": price, "bid_size": 10, "ask_size": 10, "last": price, "spot": 100.0}
    fields |= {"forward": 100.0, "theoretical": price, "iv": 0.2, "bits": 0, "quality": 1.0, "surface_ns": at(0)}
    return OptionMark(**fields, delta=0.01 if symbol[-9] == "C" else -0.01)


def world(capital_usd: int, kind: MarginKind = MarginKind.REG_T, **params: Any) -> Stage:
    """Return the risk stage with one account, XYZ at 100 and its options at 2, 1.50 and 1."""
    marks = option_mark(PUT, 2.0), option_mark(CALL, 1.5), option_mark(WING, 1.0)
    given = mandate(capital_cents=capital_usd * 100, margin=kind, **WIDE)
    return Stage(stage.advance, Params(**params), given, mark("XYZ"), *marks)


def verdict_on(run: Stage, symbol: str, side: Side, quantity: int, order: str = "1", **changes: Any) -> Verdict:
    """Return the verdict on an order; options at 2.00."""
    option = len(symbol) == 21
    fields = {"reference": 2.0 if option else 100.0, "multiplier": 100 if option else 1, "stop": NAN, "target": NAN}
    made = intent(order, side, quantity, **{"symbol": symbol, "second": 2, **fields, **changes})
    (found,) = (one for one in run(made) if isinstance(one, Verdict))
    return found


def account_of(run: Stage) -> Account:
    """Return the account as risk keeps it."""
    found: Account = run.state["account/paper"]
    return found


def test_verdict_tells_margin_and_buying_power() -> None:
    """A put at the money needs 20 % of 100 x 100 beside its premium; 10,000 less 2,000 is left."""
    found = verdict_on(world(10_000), PUT, Side.SELL, 1)
    assert (found.decision, found.margin_cents, found.buying_power_cents) == (Decision.APPROVE, 200_000, 800_000)
    (figure,) = (one for one in found.figures if one.name == "buying_power")
    assert (figure.value, figure.limit) == (2_000.0, 10_000.0)


def test_order_is_cut_to_what_equity_covers() -> None:
    """Equity 10,000, 2,000 a put: five pass of eight; then none."""
    run = world(10_000)
    found = verdict_on(run, PUT, Side.SELL, 8)
    assert (found.decision, found.quantity, found.rule) == (Decision.CUT, 5, "buying_power")
    assert found.reasons == ("buying_power: margin would be 16000.00 USD, equity 10000.00 USD",)
    assert (found.margin_cents, found.buying_power_cents) == (1_000_000, 0)
    assert verdict_on(run, PUT, Side.SELL, 1, "2").decision is Decision.REFUSE


def test_shares_are_bought_with_twice_the_equity() -> None:
    """Reg T: 10,000 buys 200 shares at 100; a cash account 100, and one with less than 2,000 of equity no more."""

    def bought(run: Stage, *counts: int) -> list[int]:
        for name in ("ABC", "DEF"):
            run(mark(name))
        wanted = enumerate(zip(("XYZ", "ABC", "DEF"), counts, strict=False))
        return [verdict_on(run, name, Side.BUY, count, str(i)).quantity for i, (name, count) in wanted]

    assert bought(world(10_000), 95, 95, 30) == [95, 95, 10]
    assert bought(world(10_000, MarginKind.CASH), 60, 60) == [60, 40]
    assert bought(world(1_500), 10, 10) == [10, 5]


def test_covering_order_passes_where_the_naked_one_does_not() -> None:
    """A call 110 needs 20 % of 10,000 less 1,000 = 1,000; with the wing 115 in one order 500 less the credit of 50."""
    legs = Leg(CALL, Side.SELL, 1, 100), Leg(WING, Side.BUY, 1, 100)
    found = verdict_on(world(2_000), CALL, Side.SELL, 3)
    assert (found.decision, found.quantity) == (Decision.CUT, 2)
    limit: dict[str, Any] = {
        "kind": OrderKind.LIMIT,
        "limit_cents": -5_000,
        "reference": -0.5,
        "legs": legs,
        "multiplier": 1,
    }
    found = verdict_on(world(2_000), "XYZ", Side.BUY, 4, **limit)
    assert (found.decision, found.margin_cents) == (Decision.APPROVE, 4 * 45_000)


def test_cash_account_sells_no_naked_call() -> None:
    """What the account's kind may not hold is refused with its reason; a put is secured by its strike's cash."""
    run = world(20_000, MarginKind.CASH)
    found = verdict_on(run, CALL, Side.SELL, 1)
    assert (found.decision, found.rule) == (Decision.REFUSE, "buying_power")
    assert "a cash account sells no call that shares do not cover" in found.reasons[0]
    found = verdict_on(run, PUT, Side.SELL, 3, "2")
    assert (found.quantity, found.margin_cents) == (2, 2 * (1_000_000 - 20_000))


def test_rates_of_the_config_hold_from_their_day() -> None:
    """A house rate of 40 % from the day before: 4,000 for the put."""
    found = verdict_on(world(10_000, margin={"2013-10-07": {"naked_bps": 4000}}), PUT, Side.SELL, 1)
    assert found.margin_cents == 400_000
    found = verdict_on(world(10_000, margin={"2013-10-09": {"naked_bps": 4000}}), PUT, Side.SELL, 1)
    assert found.margin_cents == 200_000


def test_margin_is_kept_by_underlying_through_fills_and_marks() -> None:
    """Kept from approval, through the fill, with the next report anew, gone once nothing is left."""
    run = world(50_000)
    verdict_on(run, PUT, Side.SELL, 1)
    assert account_of(run).margins == {"XYZ": Margin(200_000, 200_000)}
    sold = {"symbol": PUT, "multiplier": 100, "event_ns": at(3)}
    run(fill("1", Side.SELL, 1, 200, **sold))
    assert account_of(run).margins == {"XYZ": Margin(200_000, 200_000)}
    # At 110 it is 10 out of the money: 20 % of 11,000 less 1,000.
    run(mark("XYZ", 4, 110.0))
    assert account_of(run).margins == {"XYZ": Margin(200_000, 200_000)}
    run(mark("XYZ", 64, 110.0))
    assert account_of(run).margins == {"XYZ": Margin(120_000, 120_000)}
    run(fill("2", Side.BUY, 1, 200, **sold))
    assert account_of(run).margins == {}


def test_cancelled_order_needs_nothing_any_more() -> None:
    """What an order that works needs is given back when it ends unfilled."""
    run = world(50_000)
    verdict_on(run, PUT, Side.SELL, 2)
    run(fill("1", Side.SELL, 0, 0, symbol=PUT, multiplier=100, status=OrderStatus.CANCELLED, remaining=0))
    assert account_of(run).margins == {}


def test_exit_passes_in_an_account_short_of_equity() -> None:
    """What only closes is never judged: a rule does not stand between an account and the exit."""
    run = world(10_000)
    assert verdict_on(run, PUT, Side.SELL, 5).quantity == 5
    run(fill("1", Side.SELL, 5, 200, symbol=PUT, multiplier=100, event_ns=at(3)))
    run(mark("XYZ", 4, 60.0))
    run(option_mark(PUT, 40.0))
    found = verdict_on(run, PUT, Side.BUY, 5, "2", second=5)
    assert found.decision is Decision.APPROVE
    assert found.buying_power_cents < 0


def test_fill_keeps_the_worst_case_until_it_matters() -> None:
    """What a position closed needed is still counted in another underlying's figures, and cuts no order."""
    run = world(10_000)
    run(mark("ABC"))
    assert verdict_on(run, PUT, Side.SELL, 5, "1").margin_cents == 1_000_000
    run(fill("1", Side.SELL, 5, 200, symbol=PUT, multiplier=100))
    assert verdict_on(run, PUT, Side.BUY, 5, "2").decision is Decision.APPROVE
    run(fill("2", Side.BUY, 5, 200, symbol=PUT, multiplier=100))
    assert (account_of(run).margins["XYZ"].initial_cents, account_of(run).stale) == (1_000_000, ("XYZ",))
    found = verdict_on(run, "ABC", Side.BUY, 95, "3")
    assert (found.decision, found.margin_cents, account_of(run).stale) == (Decision.APPROVE, 475_000, ())
