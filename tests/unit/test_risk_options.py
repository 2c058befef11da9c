"""Risk of options: worth, greeks in dollars, orders filled in parts, combinations, settlements, and running sums."""

from typing import Any

import pytest

from schemas.records import (
    Alert,
    Decision,
    Leg,
    LegFill,
    MarketEvent,
    MarketEventKind,
    OrderStatus,
    RiskReport,
    Settlement,
    SettlementKind,
    Side,
    Transfer,
)
from streams.book.valuation import BAD_BITS
from streams.options.hygiene.bits import QuoteBits
from streams.risk.market import after_option_mark
from tests.orderpath_rig import NAN, at, fill
from tests.risk_rig import CALL, EXPIRY_NS, HIGHER, judged, option, option_mark, started, sums_hold, vertical


def test_bad_bits_are_those_of_quotes() -> None:
    """The number is the sum of the named bits; the rest are for information."""
    fine = QuoteBits.LOCKED | QuoteBits.PENNY | QuoteBits.AT_EXERCISE_VALUE | QuoteBits.BUTTERFLY
    assert int(~fine & sum(QuoteBits)) == BAD_BITS


@pytest.mark.parametrize(
    ("changes", "value"),
    [
        ({}, 2_000_000),
        ({"bits": int(QuoteBits.PENNY)}, 2_000_000),
        ({"bits": int(QuoteBits.WIDE)}, 2_010_000),
        ({"bid": NAN}, 2_010_000),
        ({"ask": NAN, "theoretical": NAN}, None),
    ],
)
def test_a_contract_is_worth_the_middle_of_a_good_quote(changes: dict[str, Any], value: int | None) -> None:
    """Else the theoretical value; what is unknown keeps what was known."""
    assert after_option_mark(None, option_mark(**changes)).value_micro == value
    before = after_option_mark(None, option_mark(second=-1, bid=3.0, ask=3.2))
    kept = after_option_mark(before, option_mark(bid=NAN, theoretical=NAN, delta=NAN))
    assert (kept.value_micro, kept.delta_micro, kept.gamma_micro) == (3_100_000, 50_000_000, 4_000_000)
    assert after_option_mark(kept, option_mark(second=-5)) is kept


def test_contracts_count_in_equity_and_reports() -> None:
    """10 contracts bought at 2.10 are worth 10 × 100 × 2.00; marks move them."""
    run = started()
    (report,) = run(fill(symbol=CALL, quantity=10, price_cents=210, multiplier=100))
    assert isinstance(report, RiskReport)
    assert (report.cash_cents, report.equity_cents) == (10_000_000 - 210_000, 10_000_000 - 10_000)
    assert [(one.symbol, one.quantity, one.value_cents) for one in report.positions] == [(CALL, 10, 200_000)]
    run(option_mark(second=5, bid=2.9, ask=3.1))
    sums_hold(run)
    assert run.state["account/paper"].equity_cents == 10_000_000 + 90_000


def test_an_order_works_until_nothing_remains() -> None:
    """Parts fill in turn: what remains keeps its piece of the limits, and the sum of both stays what was approved."""
    run = started(position_notional_usd_max=10_000.0)
    # One contract's size is 0.5 × 100 × 100 = 5,000 USD.
    assert judged(run, option("1", 5)).quantity == 2
    run(fill("1", quantity=0, remaining=2, status=OrderStatus.ACKNOWLEDGED, symbol=CALL, multiplier=100))
    partly: dict[str, Any] = {"remaining": 1, "status": OrderStatus.PARTIALLY_FILLED, "symbol": CALL, "multiplier": 100}
    run(fill("1", quantity=1, price_cents=210, **partly))
    assert judged(run, option("2", 1)).decision is Decision.REFUSE
    run(fill("1", quantity=0, status=OrderStatus.CANCELLED, symbol=CALL, multiplier=100))
    assert run.state["account/paper"].working == {}
    assert judged(run, option("3", 5)).quantity == 1


@pytest.mark.parametrize(
    ("limit", "rule", "allowed"),
    [
        ({"delta_usd_max": 15_000.0}, "delta_usd", 3),
        ({"gamma_usd_max": 900.0}, "gamma_usd", 2),
        ({"vega_usd_max": 50.0}, "vega_usd", 4),
        ({"net_notional_usd_max": 5_000.0}, "net_notional", 1),
        ({"underlying_notional_usd_max": 20_000.0}, "underlying_notional", 4),
        ({"sector_notional_usd_max": 20_000.0}, "sector_notional", 4),
        ({"strategy_notional_usd_max": 20_000.0}, "strategy_notional", 4),
        ({"order_notional_usd_max": 30_000.0}, "order_notional", 6),
        ({"order_quantity_max": 7}, "order_quantity", 7),
        ({"trade_loss_usd_max": 500.0}, "trade_loss", 2),
        ({"restricted": ("SPY",)}, "restricted", 0),
    ],
)
def test_each_limit_cuts_an_order_of_contracts(limit: dict[str, Any], rule: str, allowed: int) -> None:
    """Of a contract: delta 5,000 USD, gamma 400 USD for 1 %, vega 11 USD for 1 %, at most 210 USD to lose."""
    verdict = judged(started(**limit), option(quantity=10))
    assert (verdict.rule, verdict.quantity) == (rule, allowed)
    assert any(figure.name == rule and figure.value > figure.limit for figure in verdict.figures)
    assert [figure.name for figure in verdict.figures] == sorted(figure.name for figure in verdict.figures)


def test_a_combination_fills_whole_and_counts_net() -> None:
    """A vertical's delta is 0.5 − 0.3: 2,000 USD a unit; its legs' positions count one by one."""
    run = started(delta_usd_max=7_000.0)
    assert judged(run, vertical(quantity=5)).quantity == 3
    legs = (LegFill(CALL, Side.BUY, 2, 210, 100), LegFill(HIGHER, Side.SELL, 2, 85, 100))
    partly: dict[str, Any] = {"remaining": 1, "status": OrderStatus.PARTIALLY_FILLED, "legs": legs}
    run(fill("1", quantity=2, price_cents=12_500, **partly))
    sums_hold(run)
    account = run.state["account/paper"]
    assert account.sums == {"SPY": {"momentum_breakout": (4_000_000_000, 100_000_000, 400_000_0)}}
    assert judged(run, vertical("2", 1)).decision is Decision.REFUSE
    # Selling the call alone would leave the short one behind: for the account it reduces, so it passes.
    assert judged(run, option("3", 2, Side.SELL)).decision is Decision.APPROVE


def test_a_combination_that_closes_each_leg_passes_while_halted() -> None:
    """A roll opens a leg, so it does not."""
    legs = (LegFill(CALL, Side.BUY, 2, 210, 100), LegFill(HIGHER, Side.SELL, 2, 85, 100))
    run = started(fill("1", quantity=2, price_cents=12_500, legs=legs), drawdown_max=0.0001)
    run(option_mark(second=2, bid=0.1, ask=0.2))
    assert run.state["account/paper"].halted.startswith("drawdown_stop")
    close = (Leg(CALL, Side.SELL, 1, 100), Leg(HIGHER, Side.BUY, 1, 100))
    roll = (Leg(CALL, Side.SELL, 1, 100), Leg("SPY   131018C00110000", Side.BUY, 1, 100))
    assert judged(run, vertical("2", 3, legs=roll)).decision is Decision.REFUSE
    verdict = judged(run, vertical("3", 3, legs=close))
    assert (verdict.decision, verdict.quantity, verdict.rule) == (Decision.CUT, 2, "drawdown_stop")


def test_contracts_without_greeks_open_nothing() -> None:
    """A contract that was never marked is named; a position in one counts with a delta of 1 at its strike."""
    other = "SPY   131018P00090000"
    run = started()
    verdict = judged(run, option(symbol=other))
    assert verdict.reasons == (f"market_known: no mark of {other} seen yet: it is not listed, or not quoted",)
    run(fill(symbol=other, quantity=1, price_cents=50, multiplier=100))
    assert run.state["account/paper"].sums == {"SPY": {"momentum_breakout": (-9_000_000_000, 0, 0)}}
    run(option_mark(other, 3, 0.4, 0.5, delta=-0.1))
    sums_hold(run)
    assert run.state["account/paper"].sums["SPY"]["momentum_breakout"][0] == -1_000_000_000


def test_an_exercise_turns_contracts_into_shares_of_the_same_strategy() -> None:
    """Two calls become 200 shares, whose delta is the strategy's from then on."""
    run = started(fill(symbol=CALL, quantity=2, price_cents=210, multiplier=100))
    shares = (Transfer(CALL, -2, 0, 100), Transfer("SPY", 200, 2_000_000, 1))
    settlement = Settlement(
        "e", "paper", CALL, at(9), SettlementKind.EXERCISE, 2, 10_000, shares, True, -2_000_000, 0, ""
    )
    (report,) = run(settlement)
    sums_hold(run)
    account = run.state["account/paper"]
    assert report.cash_cents == 10_000_000 - 42_000 - 2_000_000
    assert account.held["SPY"][0].quantity == 200
    assert account.sums == {"SPY": {"momentum_breakout": (200 * 100_010_000, 0, 0)}}


def test_a_parked_order_is_told_and_takes_nothing() -> None:
    """A person sees what the verdict would be; no verdict goes to the venue and nothing works."""
    run = started(order_quantity_max=4)
    (alert,) = run(option(quantity=10, parked=True))
    assert isinstance(alert, Alert)
    assert (alert.rule, alert.value, alert.limit) == ("ask", 4.0, 10.0)
    assert alert.text.endswith(
        "risk would cut it, 4 of 10; order_quantity: 10 of " + CALL + " would be opened, limit 4"
    )
    assert run.state["account/paper"].working == {}
    assert judged(run, option(quantity=10)).quantity == 4


def test_contracts_long_expired_are_forgotten() -> None:
    """A week after expiry their markets go at the next session, but those still held."""
    run = started(fill(symbol=HIGHER, quantity=1, price_cents=90, multiplier=100))
    day = 86_400 * 1_000_000_000
    run(MarketEvent("", "test", EXPIRY_NS + 6 * day, MarketEventKind.SESSION_OPEN))
    assert run.state[f"option/{CALL}"] is not None
    run(MarketEvent("", "test", EXPIRY_NS + 8 * day, MarketEventKind.SESSION_OPEN))
    assert run.state[f"option/{CALL}"] is None
    assert run.state[f"option/{HIGHER}"] is not None
