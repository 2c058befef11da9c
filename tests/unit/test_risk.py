"""Risk: verdicts with their figures, halts, session days, and what a report says."""

from typing import Any

import pytest

from schemas.records import (
    Alert,
    Control,
    ControlAction,
    Decision,
    OrderStatus,
    PositionReport,
    Purpose,
    Record,
    RiskReport,
    Side,
    Verdict,
)
from streams.risk import stage
from streams.risk.stage import Params
from streams.stage import RecordError, RejectReason
from tests.orderpath_rig import NAN, Stage, at, fill, intent, mandate, mark, signal

HALT = Control("paper", 0, ControlAction.HALT, "test")
RESUME = Control("paper", 0, ControlAction.RESUME, "test")
DAY_S = 86_400


def started(*records: Record, **changes: Any) -> Stage:
    """Return risk with one account and a mark of SPY at 100, whose ask is 100.01."""
    return Stage(stage.advance, Params(), mandate(**changes), mark(second=0), *records)


def holding(quantity: int = 100, **changes: Any) -> Stage:
    """Return risk whose account holds so many shares, bought (or sold short) at 100."""
    side = Side.BUY if quantity > 0 else Side.SELL
    return started(fill("held", side, abs(quantity)), **changes)


def judged(run: Stage, order: Record) -> Verdict:
    """Return the verdict on an order."""
    (verdict,) = run(order)
    assert isinstance(verdict, Verdict)
    return verdict


def test_an_order_within_all_limits_is_approved_whole() -> None:
    """The verdict carries the intent, equity, and gross with the order itself counted as filled."""
    order = intent(quantity=100)
    verdict = judged(started(), order)
    assert (verdict.decision, verdict.quantity, verdict.rule, verdict.reasons) == (Decision.APPROVE, 100, "", ())
    assert (verdict.intent, verdict.event_ns) == (order, at(1))
    assert (verdict.equity_cents, verdict.gross_notional_usd) == (10_000_000, 10_001.0)


@pytest.mark.parametrize(
    ("changes", "rule", "allowed"),
    [
        ({"position_notional_usd_max": 10_000.0}, "position_notional", 99),
        ({"gross_notional_usd_max": 5_000.5}, "gross_notional", 50),
        ({"concentration_max": 0.2}, "concentration", 199),
    ],
)
def test_an_order_beyond_a_limit_is_cut_to_it(changes: dict[str, Any], rule: str, allowed: int) -> None:
    """Shares count at the ask of 100.01; the reason tells what would be, and the limit."""
    verdict = judged(started(**changes), intent(quantity=450))
    assert (verdict.decision, verdict.quantity, verdict.rule) == (Decision.CUT, allowed, rule)
    (reason,) = verdict.reasons
    assert reason.startswith(f"{rule}: ")
    assert "45004.50 USD, limit " in reason


def test_each_rule_that_objects_gives_its_reason_and_the_strictest_decides() -> None:
    """Reasons in order of the rules' names."""
    run = started(position_notional_usd_max=20_000.0, gross_notional_usd_max=10_000.0, concentration_max=0.3)
    verdict = judged(run, intent(quantity=400))
    assert (verdict.rule, verdict.quantity) == ("gross_notional", 99)
    assert [reason.partition(":")[0] for reason in verdict.reasons] == [
        "concentration",
        "gross_notional",
        "position_notional",
    ]


def test_working_orders_count_as_filled() -> None:
    """What may still fill uses the limit up; once it has ended unfilled, the room is there again."""
    run = started(position_notional_usd_max=10_001.0)
    assert judged(run, intent("1", quantity=60)).quantity == 60
    assert judged(run, intent("2", quantity=60)).quantity == 40
    refused = judged(run, intent("3", quantity=60))
    assert (refused.decision, refused.quantity, refused.rule) == (Decision.REFUSE, 0, "position_notional")
    run(fill("1", quantity=0))
    assert judged(run, intent("4", quantity=60)).quantity == 60


def test_working_sells_do_not_make_room_for_buys() -> None:
    """In the worst case the sell does not fill."""
    run = holding(position_notional_usd_max=10_001.0)
    assert judged(run, intent("1", Side.SELL, 100)).decision is Decision.APPROVE
    assert judged(run, intent("2", Side.BUY, 10)).decision is Decision.REFUSE


def test_a_short_counts_like_a_long() -> None:
    """Shorts are limited by their size."""
    verdict = judged(started(position_notional_usd_max=10_000.0), intent(side=Side.SELL, quantity=150))
    assert (verdict.decision, verdict.quantity) == (Decision.CUT, 99)


def test_gross_counts_all_symbols_in_their_worst_case() -> None:
    """A working order in IBM takes from the gross limit of SPY."""
    run = started(mark("IBM", 0, 50.0), gross_notional_usd_max=20_000.0)
    judged(run, intent("1", quantity=200, symbol="IBM", reference=50.0))
    verdict = judged(run, intent("2", quantity=150))
    # IBM: 200 × 50.01 = 10,002 USD; 9,998 USD are left, at 100.01 a share.
    assert (verdict.quantity, verdict.rule) == (99, "gross_notional")


@pytest.mark.parametrize("held", [100, -100])
def test_a_reducing_order_passes_whatever_the_limits(held: int) -> None:
    """Halted, broke and over all limits: an exit passes whole."""
    run = holding(held, position_notional_usd_max=1.0, gross_notional_usd_max=1.0, concentration_max=0.0)
    run(HALT)
    side = Side.SELL if held > 0 else Side.BUY
    verdict = judged(run, intent("out", side, 100, purpose=Purpose.STOP))
    assert (verdict.decision, verdict.quantity, verdict.reasons) == (Decision.APPROVE, 100, ())


def test_what_goes_beyond_the_position_is_opening() -> None:
    """Selling 150 of 100 while halted closes 100; a second exit while the first works opens, so it is refused."""
    run = holding()
    run(HALT)
    verdict = judged(run, intent("1", Side.SELL, 150))
    assert (verdict.decision, verdict.quantity, verdict.rule) == (Decision.CUT, 100, "kill_switch")
    assert verdict.reasons == ("kill_switch: account is halted: test",)
    assert judged(run, intent("2", Side.SELL, 10)).decision is Decision.REFUSE


def test_a_flip_is_limited_by_what_it_opens() -> None:
    """From 100 long, selling 300 closes 100 and opens what the limit allows."""
    verdict = judged(holding(position_notional_usd_max=10_000.0), intent("1", Side.SELL, 300))
    assert verdict.quantity == 199


def test_nothing_is_opened_without_a_mark() -> None:
    """No limit could be measured; other rules stay silent."""
    verdict = judged(started(), intent(symbol="IBM"))
    assert (verdict.rule, verdict.reasons) == (
        "market_known",
        ("market_known: no mark of IBM seen yet: it is not listed, or not quoted",),
    )


def test_working_orders_are_bounded() -> None:
    """At the bound nothing is opened, but exits pass."""
    run = Stage(stage.advance, Params(working_max=1), mandate(), mark(), fill("held"))
    assert judged(run, intent("1")).decision is Decision.APPROVE
    assert judged(run, intent("2")).rule == "working_orders"
    assert judged(run, intent("3", Side.SELL, 10)).decision is Decision.APPROVE


def test_halt_and_resume() -> None:
    """A halted account opens nothing until resumed; both are reported."""
    run = started()
    (report,) = run(HALT)
    assert report.halted
    assert judged(run, intent("1")).rule == "kill_switch"
    (report,) = run(RESUME)
    assert not report.halted
    assert judged(run, intent("2")).decision is Decision.APPROVE


def test_the_drawdown_stop_halts_once_and_tells() -> None:
    """At 10 % below the peak the account halts, with one alert; a rise does not lift it, RESUME does."""
    run = holding(1_000, daily_loss_usd_max=1e9)
    assert run(mark(second=1, price=90.01)) == []
    (alert, *_) = run(mark(second=2, price=90.0))
    assert isinstance(alert, Alert)
    assert (alert.account, alert.rule, alert.event_ns) == ("paper", "drawdown_stop", at(2))
    assert alert.value == pytest.approx(0.1)
    assert alert.limit == 0.1
    assert alert.text == "equity 90000.00 USD is 0.1000 below its peak 100000.00 USD, limit 0.1000"
    assert run(mark(second=3, price=89.0)) == []
    run(mark(second=4, price=99.0))
    verdict = judged(run, intent("1", quantity=1, event_ns=at(4)))
    assert (verdict.decision, verdict.rule) == (Decision.REFUSE, "concentration")
    assert any(reason.startswith("kill_switch: account is halted: drawdown_stop") for reason in verdict.reasons)
    (report,) = run(RESUME)
    assert (report.halted, report.peak_cents, report.drawdown) == (False, 9_900_000, 0.0)


def test_the_daily_loss_closes_the_day_but_does_not_halt() -> None:
    """From a loss of 2,000 USD on nothing is opened; the next session day it is again."""
    run = holding(400, drawdown_max=1.0, concentration_max=1.0)
    run(mark(second=1, price=95.01))
    assert judged(run, intent("1", quantity=1)).decision is Decision.APPROVE
    (alert,) = run(mark(second=2, price=95.0))
    assert (alert.rule, alert.value, alert.limit) == ("daily_loss", 2_000.0, 2_000.0)
    verdict = judged(run, intent("2", quantity=1, second=2))
    assert verdict.reasons == ("daily_loss: lost 2000.00 USD today, limit 2000.00 USD",)
    run(mark(second=DAY_S, price=95.0))
    assert judged(run, intent("3", quantity=1, second=DAY_S)).decision is Decision.APPROVE


def test_a_session_day_begins_at_eight_utc() -> None:
    """The day's result is that since 08:00 UTC: the rig's open is 13:30, so 18 h 30 min later a new day begins."""
    run = holding(100)
    evening = run(mark(second=66_599, price=101.0))
    morning = run(mark(second=66_660, price=103.0))
    assert [report.daily_pnl_cents for report in (*evening, *morning)] == [10_000, 20_000]


def test_a_report_says_all() -> None:
    """Cash, equity, peak, result, fees, exposure and positions, after a fill."""
    run = started(mark("IBM", 0, 50.0))
    (first,) = run(fill("1", quantity=100, price_cents=10_000, fee_cents=100))
    (report,) = run(fill("2", Side.SELL, 10, 5_000, symbol="IBM", fee_cents=100, event_ns=at(2)))
    assert isinstance(first, RiskReport)
    assert report == RiskReport(
        account="paper",
        event_ns=at(2),
        cash_cents=10_000_000 - 1_000_000 + 50_000 - 200,
        equity_cents=10_000_000 - 200,
        peak_cents=10_000_000,
        drawdown=1.0 - 9_999_800 / 10_000_000,
        daily_pnl_cents=-200,
        realised_cents=-200,
        fees_cents=200,
        gross_notional_usd=10_500.0,
        net_notional_usd=9_500.0,
        halted=False,
        positions=(PositionReport("IBM", -10, -50_000, -50_000), PositionReport("SPY", 100, 1_000_000, 1_000_000)),
    )


def test_reports_come_at_most_once_a_minute_of_event_time() -> None:
    """Marks alone report each minute while something is held; an account without positions is silent."""
    run = started()
    assert [run(mark(second=second)) for second in (60, 120, 180)] == [[], [], []]
    run(fill("1", event_ns=at(200)))
    found = [second for second in range(201, 400) if run(mark(second=second))]
    assert found == [260, 320, 380]


def test_a_fill_without_shares_only_ends_its_order() -> None:
    """No report, no change of cash."""
    run = started()
    run(intent("1"))
    assert run(fill("1", quantity=0)) == []
    account = run.state["account/paper"]
    assert (account.working, account.ledger.cash_cents) == ({}, 10_000_000)


def test_an_order_counts_until_nothing_of_it_remains() -> None:
    """A part that has filled counts as held, the rest as working; an acknowledgement changes nothing."""
    run = started(mark())
    run(intent(quantity=100))
    run(fill(quantity=0, remaining=100, status=OrderStatus.ACKNOWLEDGED))
    assert run.state["account/paper"].working["1"].quantity == 100
    run(fill(quantity=60, remaining=40, status=OrderStatus.PARTIALLY_FILLED))
    account = run.state["account/paper"]
    assert (account.working["1"].quantity, account.ledger.positions["SPY"].quantity) == (40, 60)
    run(fill(quantity=40))
    assert run.state["account/paper"].working == {}


def test_positions_without_a_mark_count_at_cost() -> None:
    """A fill of a symbol never marked: equity at cost, exposure at cost rounded up."""
    run = started()
    (report,) = run(fill("1", quantity=3, price_cents=3_333, symbol="XYZ"))
    assert report.equity_cents == 10_000_000
    assert report.positions == (PositionReport("XYZ", 3, 9_999, 9_999),)
    assert judged(run, intent("2", quantity=1)).gross_notional_usd == 99.99 + 100.01


def test_late_and_empty_marks_keep_what_is_known() -> None:
    """A mark older than the newest, or one without prices, moves nothing."""
    run = holding()
    run(mark(second=5, price=110.0))
    run(mark(second=4, price=1.0))
    run(mark(second=6, bid=NAN, ask=NAN, last=NAN, high=NAN, low=NAN))
    assert run.state["market/SPY"].value_cents == 11_000
    assert judged(run, intent("1", second=6)).equity_cents == 10_100_000


def test_a_new_mandate_changes_limits_and_not_cash() -> None:
    """The newest counts."""
    run = started()
    run(mandate(capital_cents=1, position_notional_usd_max=0.0))
    verdict = judged(run, intent())
    assert (verdict.rule, verdict.equity_cents) == ("position_notional", 10_000_000)


@pytest.mark.parametrize(
    ("record", "text"),
    [
        (intent(quantity=0), "intent.quantity must be > 0, was 0"),
        (intent(reference=NAN), "intent.reference must be > 0, was nan"),
        (intent(account="nobody"), "intent.account must be an account with a mandate, was 'nobody'"),
        (fill(account="nobody"), "fill.account must be an account with a mandate"),
        (Control("nobody", 0, ControlAction.HALT, ""), "control.account must be an account"),
        (mark(ask=0.0), "mark.ask must be > 0 or NaN, was 0.0"),
        (fill(fee_cents=-1), "fill.fee_cents must be >= 0, was -1"),
        (mandate(drawdown_max=1.5), "mandate.drawdown_max must be 0 to 1, was 1.5"),
    ],
)
def test_bad_values_say_what_was_seen(record: Record, text: str) -> None:
    """The reason is bad_value; the detail names field, bound and value."""
    with pytest.raises(RecordError, match=text) as caught:
        started()(record)
    assert caught.value.reason is RejectReason.BAD_VALUE


def test_an_order_under_way_cannot_come_again() -> None:
    """A second intent of the same id would be counted twice."""
    run = started()
    run(intent("1"))
    with pytest.raises(RecordError, match=r"intent\.id must be one that is not under way, was 1"):
        run(intent("1"))


def test_other_records_are_rejected() -> None:
    """Risk reads orders and what sizing passes on."""
    with pytest.raises(RecordError, match="risk does not read Signal"):
        started()(signal())


@pytest.mark.parametrize("given", [{"report_interval_s": 0}, {"working_max": 0}])
def test_parameters_out_of_bounds_say_so(given: dict[str, Any]) -> None:
    """The error names the parameter."""
    with pytest.raises(ValueError, match=f"{next(iter(given))} must be >= 1, was 0"):
        Params(**given)
