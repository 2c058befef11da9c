"""The paper venue: prices, costs, waiting, and one answer to each verdict; and the money rules under it."""

import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.records import (
    Control,
    ControlAction,
    Decision,
    Fill,
    OrderIntent,
    OrderStatus,
    Purpose,
    Record,
    Side,
    Verdict,
)
from streams.book import money
from streams.stage import RecordError, RejectReason
from streams.venue import stage
from streams.venue.stage import Params
from tests.orderpath_rig import NAN, Stage, at, fill, intent, mandate, mark, signal

HALT = Control("paper", 0, ControlAction.HALT, "test")
RESUME = Control("paper", 0, ControlAction.RESUME, "test")


def started(*records: Record, params: Params | None = None, **changes: Any) -> Stage:
    """Return the venue with one account."""
    return Stage(stage.advance, params or Params(), mandate(**changes), *records)


def approved(order: OrderIntent, quantity: int | None = None) -> Verdict:
    """Return the verdict that lets an order pass, cut where a quantity is given."""
    if quantity is None:
        return Verdict(order, order.event_ns, Decision.APPROVE, order.quantity, "", (), 0, 0.0)
    return Verdict(order, order.event_ns, Decision.CUT, quantity, "concentration", ("why",), 0, 0.0)


def refused(order: OrderIntent) -> Verdict:
    """Return the verdict that refuses an order."""
    return Verdict(order, order.event_ns, Decision.REFUSE, 0, "kill_switch", ("why",), 0, 0.0)


@pytest.mark.parametrize(
    ("side", "bps", "price", "slippage"),
    [
        (Side.BUY, 0.0, 10_001, 0),
        (Side.SELL, 0.0, 9_999, 0),
        (Side.BUY, 1.0, 10_003, 2 * 100),  # 100.01 × 1.0001 = 100.020001, up
        (Side.SELL, 1.0, 9_998, 1 * 100),  # 99.99 × 0.9999 = 99.980001, down
        (Side.BUY, 25.0, 10_027, 26 * 100),  # 100.260025, up
    ],
)
def test_a_fill_is_at_the_executable_side_less_slippage(side: Side, bps: float, price: int, slippage: int) -> None:
    """Ask to buy, bid to sell, rounded to a cent against the account."""
    (done,) = started(mark(), slippage_bps=bps)(approved(intent(side=side, quantity=100)))
    assert (done.side, done.quantity, done.price_cents, done.slippage_cents) == (side, 100, price, slippage)


def test_a_fill_says_what_the_order_was() -> None:
    """Identity from the order's, and the bracket that sizing will watch."""
    order = intent("abc", quantity=100)
    (done,) = started(mark(second=2))(approved(order))
    assert done == Fill(
        id=hashlib.sha256(b"abc|0").hexdigest()[:16],
        intent_id="abc",
        account="paper",
        symbol="SPY",
        event_ns=at(2),
        side=Side.BUY,
        quantity=100,
        price_cents=10_003,
        fee_cents=100,
        slippage_cents=200,
        purpose=Purpose.ENTRY,
        signal_id="s",
        strategy="momentum_breakout",
        stop=99.0,
        target=102.0,
        expires_ns=at(3600),
        reason="",
    )


def test_a_cut_order_fills_what_was_allowed() -> None:
    """The verdict's quantity counts, not the intent's."""
    (done,) = started(mark())(approved(intent(quantity=100), 40))
    assert done.quantity == 40


@pytest.mark.parametrize(("quantity", "fee"), [(1, 100), (200, 100), (201, 101), (1_000, 500)])
def test_fees(quantity: int, fee: int) -> None:
    """Half a cent a share, rounded up, at least a dollar."""
    (done,) = started(mark())(approved(intent(quantity=quantity)))
    assert done.fee_cents == fee


def test_without_a_quote_the_last_trade_is_the_price() -> None:
    """And the last known trade, where a mark has none."""
    run = started(mark(second=1, bid=NAN, ask=NAN, price=50.0), slippage_bps=0.0)
    assert run(approved(intent("1")))[0].price_cents == 5_000
    run(mark(second=2, bid=NAN, ask=NAN, last=NAN, high=NAN, low=NAN))
    assert run(approved(intent("2")))[0].price_cents == 5_000


def test_an_order_waits_for_a_mark_of_its_own_time() -> None:
    """No mark yet, an older mark, a mark without any price: it waits; then it fills, once."""
    run = started()
    (works,) = run(approved(intent("1", second=5)))
    assert (works.status, works.quantity, works.remaining) == (OrderStatus.ACKNOWLEDGED, 0, 10)
    assert run(mark(second=4, bid=NAN, ask=NAN, last=NAN, high=NAN, low=NAN)) == []
    assert run(mark(second=5, bid=NAN, ask=NAN, last=NAN, high=NAN, low=NAN)) == []
    (done,) = run(mark(second=6))
    assert (done.intent_id, done.event_ns) == ("1", at(6))
    assert run(mark(second=7)) == []


def test_latency_is_event_time() -> None:
    """With a latency of 1.5 s an order of second 1 fills at the mark of second 3."""
    run = started(mark(second=1), params=Params(latency_ms=1_500))
    assert run(approved(intent(second=1)))[0].status is OrderStatus.ACKNOWLEDGED
    assert run(mark(second=2)) == []
    assert run(mark(second=3))[0].event_ns == at(3)


def test_a_late_mark_is_no_news() -> None:
    """A mark older than the newest neither prices nor fills."""
    run = started(mark(second=5, price=100.0), slippage_bps=0.0)
    run(mark(second=4, price=50.0))
    assert run(approved(intent(second=5)))[0].price_cents == 10_001


@pytest.mark.parametrize("purpose", list(Purpose))
def test_an_expired_entry_ends_unfilled_and_an_exit_fills(purpose: Purpose) -> None:
    """The expiry voids what opens; what closes is wanted all the more."""
    run = started()
    run(approved(intent(purpose=purpose, second=3_599)))
    (done,) = run(mark(second=3_600))
    if purpose is Purpose.ENTRY:
        assert (done.quantity, done.reason, done.price_cents, done.fee_cents) == (0, "expired", 0, 0)
    else:
        assert (done.quantity, done.reason) == (10, "")


def test_a_refused_order_ends_unfilled() -> None:
    """So that sizing knows that nothing works any more."""
    (done,) = started(mark())(refused(intent()))
    assert (done.quantity, done.reason, done.event_ns) == (0, "refused: kill_switch", at(1))


def test_an_account_without_a_mandate_gets_no_fill() -> None:
    """Its costs are unknown."""
    (done,) = started(mark())(approved(intent(account="nobody")))
    assert (done.account, done.quantity, done.reason) == ("nobody", 0, "no mandate")


def test_a_halt_ends_the_entries_that_wait_and_leaves_the_exits() -> None:
    """The stop acts at once, and until RESUME for entries that were approved before it."""
    run = started(mandate("other"))
    run(approved(intent("in", second=5)))
    run(approved(intent("out", Side.SELL, second=5, purpose=Purpose.STOP)))
    run(approved(intent("theirs", second=5, account="other")))
    (ended,) = run(HALT)
    assert (ended.intent_id, ended.quantity, ended.reason) == ("in", 0, "halted: test")
    (ended,) = run(approved(intent("late", second=5)))
    assert (ended.quantity, ended.reason) == (0, "halted: test")
    assert [(done.intent_id, done.quantity) for done in run(mark(second=5))] == [("out", 10), ("theirs", 10)]
    run(RESUME)
    assert run(approved(intent("again", second=5)))[0].quantity == 10


def test_waiting_orders_are_bounded() -> None:
    """Beyond the bound an order ends unfilled at once."""
    run = started(params=Params(waiting_max=1))
    run(approved(intent("1")))
    (done,) = run(approved(intent("2")))
    assert (done.quantity, done.reason) == (0, "1 orders wait for a mark")


def test_no_order_is_answered_twice() -> None:
    """A second verdict on an order is rejected; what is remembered is bounded."""
    run = started(mark(), params=Params(seen_max=2))
    for order in ("1", "2", "3"):
        run(approved(intent(order)))
    with pytest.raises(RecordError, match=r"verdict\.intent\.id must be one that was not answered before, was 3"):
        run(approved(intent("3")))
    assert run.state["account/paper"].seen == ("2", "3")


def test_its_own_fills_come_by_and_change_nothing() -> None:
    """They are passed on along the line."""
    run = started(mark())
    before = dict(run.state)
    assert run(fill()) == []
    assert run.state == before


def test_a_new_mandate_changes_costs() -> None:
    """The newest counts."""
    run = started(mark())
    run(mandate(fee_min_cents=700))
    assert run(approved(intent()))[0].fee_cents == 700


@pytest.mark.parametrize(
    ("record", "text"),
    [
        (approved(intent(quantity=10), 11), "verdict.quantity must be 0 where refused, else 1 to 10, was 11"),
        (approved(intent(quantity=10), 0), "verdict.quantity must be 0 where refused, else 1 to 10, was 0"),
        (Verdict(intent(), 0, Decision.REFUSE, 1, "", (), 0, 0.0), "verdict.quantity must be 0 where refused"),
        (Control("nobody", 0, ControlAction.HALT, ""), "control.account must be an account with a mandate"),
        (mark(last=-5.0), "mark.last must be > 0 or NaN, was -5.0"),
        (mandate(slippage_bps=NAN), "mandate.slippage_bps must be >= 0 and < 10,000, was nan"),
    ],
)
def test_bad_values_say_what_was_seen(record: Record, text: str) -> None:
    """The reason is bad_value; the detail names field, bound and value."""
    with pytest.raises(RecordError, match=text) as caught:
        started()(record)
    assert caught.value.reason is RejectReason.BAD_VALUE


def test_other_records_are_rejected() -> None:
    """The venue reads verdicts and what risk passes on."""
    with pytest.raises(RecordError, match="venue does not read Signal"):
        started()(signal())


@pytest.mark.parametrize(
    "given",
    [
        {"latency_ms": -1},
        {"waiting_max": 0},
        {"seen_max": 0},
        {"participation": NAN},
        {"fees": "none"},
        {"queue_shares": -2},
    ],
)
def test_parameters_out_of_bounds_say_so(given: dict[str, Any]) -> None:
    """The error names the parameter."""
    with pytest.raises(ValueError, match=next(iter(given))):
        Params(**given)


@pytest.mark.parametrize("cents", [1, 1_007, 1_005, 28_999, 123_456_789])
def test_prices_in_cents_are_exact(cents: int) -> None:
    """A price that is a whole number of cents stays it by every rounding, though 10.07 × 100 is not 1007 in floats."""
    dollars = cents / 100
    assert money.cents_up(dollars) == money.cents_down(dollars) == money.cents_nearest(dollars) == cents
    assert money.slipped_cents(money.micro_of(dollars), 0.0, True) == cents
    assert money.slipped_cents(money.micro_of(dollars), 0.0, False) == cents


def test_rounding_rules() -> None:
    """Half a cent goes up to value, and against the account to trade; nothing is ever sold for nothing."""
    assert (money.cents_nearest(1.005), money.cents_up(1.001), money.cents_down(1.009)) == (101, 101, 100)
    assert (money.slipped_cents(1_000_100, 0.0, True), money.slipped_cents(1_009_900, 0.0, False)) == (101, 100)
    assert money.slipped_cents(1, 0.0, False) == 1
    assert money.share_of(999, 0.5) == 499
    assert [money.text_of(cents) for cents in (0, 5, -123, 10_050)] == ["0.00", "0.05", "-1.23", "100.50"]


@given(micro=st.integers(1, 10**13), bps=st.integers(0, 999_900), buying=st.booleans())
def test_slippage_is_never_in_the_accounts_favour(micro: int, bps: int, buying: bool) -> None:
    """Bought at no less than the quote, sold at no more, and off by less than a cent from the exact figure."""
    cents = money.slipped_cents(micro, bps / 100, buying)
    if buying:
        assert cents * 10_000 >= micro
    else:
        assert cents == 1 or cents * 10_000 <= micro
    exact = micro * (1_000_000 + (bps if buying else -bps))
    assert abs(cents * 10_000 * 1_000_000 - exact) < 10_000 * 1_000_000
