"""Sizing: how much, when not, when to leave, and what an account remembers."""

from dataclasses import replace
from typing import Any

import pytest

from schemas.records import Control, ControlAction, Direction, OrderIntent, OrderStatus, Purpose, Record, Side
from streams.book.money import cents_up
from streams.sizing import stage
from streams.sizing.market import after_mark, volatility_annual
from streams.sizing.rules import fixed_fraction, volatility_target
from streams.sizing.sizer import Request, Size
from streams.sizing.stage import Params
from streams.stage import RecordError, RejectReason
from tests.orderpath_rig import NAN, Stage, at, fill, frame, intent, mandate, mark, signal

HALT = Control("paper", 0, ControlAction.HALT, "test")
RESUME = Control("paper", 0, ControlAction.RESUME, "test")


def started(*records: Record, **changes: Any) -> Stage:
    """Return sizing with one account."""
    return Stage(stage.advance, Params(), mandate(**changes), *records)


def filled(order: OrderIntent, quantity: int | None = None, second: float = 1, **changes: Any) -> Record:
    """Return the fill of an order."""
    return fill(
        order.id,
        order.side,
        order.quantity if quantity is None else quantity,
        symbol=order.symbol,
        event_ns=at(second),
        purpose=order.purpose,
        signal_id=order.signal_id,
        stop=order.stop,
        target=order.target,
        expires_ns=order.expires_ns,
        **changes,
    )


def holding(*, side: Direction = Direction.LONG, **changes: Any) -> Stage:
    """Return sizing that holds a position of 100 at 100, its stop a dollar away and its target two."""
    sign = 1 if side is Direction.LONG else -1
    run = started(mark(second=1), **changes)
    (order,) = run(signal(direction=side, stop=100.0 - sign, target=100.0 + 2 * sign))
    run(filled(order, 100))
    return run


def test_fixed_fraction_loses_the_fraction_at_the_stop() -> None:
    """0.1 % of 100,000 USD is 100 USD; the stop is 101 cents from the ask of 100.01: 99 shares."""
    (order,) = started(mark(second=1))(signal(second=0, entry=100.0))
    assert (order.side, order.quantity, order.purpose) == (Side.BUY, 99, Purpose.ENTRY)
    assert (order.reference, order.event_ns) == (100.01, at(1))
    assert (order.stop, order.target, order.expires_ns) == (99.0, 102.0, at(3600))
    assert (order.account, order.symbol, order.strategy) == ("paper", "SPY", "momentum_breakout")
    assert len(order.id) == 16


def test_a_short_sells_at_the_bid() -> None:
    """The mirror image, priced at the other side of the quote."""
    short = signal(second=0, direction=Direction.SHORT, stop=101.0, target=98.0)
    (order,) = started(mark(second=1))(short)
    assert (order.side, order.quantity, order.reference) == (Side.SELL, 99, 99.99)


def test_without_a_newer_mark_the_signal_is_the_price() -> None:
    """A mark of the signal's own instant or before does not replace its entry."""
    (order,) = started(mark(second=1, price=100.5))(signal(second=1, entry=100.0))
    assert (order.reference, order.event_ns) == (100.0, at(1))
    (order,) = started()(signal(second=1, entry=100.0))
    assert order.reference == 100.0


@pytest.mark.parametrize(
    ("fraction", "expected"), [(0.001, Size(99)), (1e-7, Size(0, "below_one_share")), (0.0, Size(0, "below_one_share"))]
)
def test_the_fixed_fraction_rule(fraction: float, expected: Size) -> None:
    """Equity × fraction ÷ risk a share, rounded down."""
    assert fixed_fraction.size(Request(10_000_000, 10_001, 101, NAN, mandate(risk_fraction=fraction))) == expected


@pytest.mark.parametrize(
    ("volatility", "expected"),
    [
        (0.2, Size(500)),
        (0.0, Size(0, "volatility_unknown")),
        (NAN, Size(0, "volatility_unknown")),
        (1e4, Size(0, "below_one_share")),
    ],
)
def test_the_volatility_target_rule(volatility: float, expected: Size) -> None:
    """100,000 USD × 0.1 ÷ (100 USD × 0.2) is 500 shares; none before the volatility is known."""
    assert volatility_target.size(Request(10_000_000, 10_000, 100, volatility, mandate())) == expected


def test_volatility_is_that_of_minutes() -> None:
    """Returns of 1 % a minute are 0.01 × sqrt(252 × 390) a year; seconds, nights and late marks count for nothing."""
    market = None
    second, price = 0, 100.0
    for number in range(30):
        second, price = second + 60, price * (1.01 if number % 2 else 1 / 1.01)
        for when in (second, second + 1, second + 30):
            market = after_mark(market, mark(second=when, price=price), 0.94, 900, 64)
    assert market is not None
    assert market.samples == 29
    assert volatility_annual(market, 20) == pytest.approx(0.01 * (252 * 390) ** 0.5, rel=0.01)
    assert volatility_annual(market, 30) != volatility_annual(market, 30)
    morning = after_mark(market, mark(second=second + 60_000, price=200.0), 0.94, 900, 64)
    assert (morning.samples, morning.sample) == (29, 200.0)
    late = after_mark(market, mark(second=1, price=1.0), 0.94, 900, 64)
    assert (late.last, late.samples, len(late.recent)) == (market.last, 29, 64)


def test_volatility_target_end_to_end() -> None:
    """The account's rule is the mandate's: no trade before twenty minutes, then one."""
    run = started(sizing="volatility_target")
    for minute in range(22):
        run(mark(second=60 * minute, price=100.0 + minute % 2))
        made = run(signal(second=60 * minute, id=f"{minute:016x}", entry=100.0, expires_ns=at(99_999), target=103.0))
        if made:
            break
    assert minute == 20
    assert run.state["account/paper"].no_trades == {"volatility_unknown": 20}


def test_nothing_is_bought_with_borrowed_money() -> None:
    """However near the stop, an entry is never above equity: 100,000 USD at 100.01 is 999 shares."""
    (order,) = started(mark(second=1), risk_fraction=1.0)(signal(second=0))
    assert order.quantity == 10_000_000 // cents_up(100.01) == 999


@pytest.mark.parametrize(
    ("records", "changes", "reason"),
    [
        ((), {"strategies": ("volatility_squeeze",)}, "not_followed"),
        ((HALT,), {}, "halted"),
        ((mark(second=3601),), {}, "expired"),
        ((mark(second=2, price=102.5),), {}, "passed"),
        ((mark(second=2, price=98.5),), {}, "passed"),
        ((), {"risk_fraction": 0.0}, "below_one_share"),
        ((), {"capital_cents": 50, "risk_fraction": 1.0}, "below_one_share"),
    ],
)
def test_no_trades_have_a_reason_that_is_counted(
    records: tuple[Record, ...], changes: dict[str, Any], reason: str
) -> None:
    """Each is counted in the account's state."""
    run = started(*records, **changes)
    assert run(signal(second=1)) == []
    assert run.state["account/paper"].no_trades == {reason: 1}


def test_an_account_without_equity_trades_nothing() -> None:
    """A loss beyond all cash leaves nothing to size by."""
    run = started(fill("x", Side.SELL, 0), fill("y", fee_cents=10_000_001))
    assert run(signal("IBM")) == []
    assert run.state["account/paper"].no_trades == {"no_equity": 1}


def test_a_halted_account_opens_again_after_resume() -> None:
    """RESUME lifts the halt."""
    run = started(HALT)
    assert run(signal()) == []
    run(RESUME)
    assert len(run(signal())) == 1


def test_one_idea_at_a_time_per_symbol() -> None:
    """While an order works or a position is held, a signal on the symbol is a no-trade; on another it is not."""
    run = started()
    (order,) = run(signal())
    assert run(signal(second=2)) == []
    run(filled(order))
    assert run(signal(second=3)) == []
    assert len(run(signal("IBM", second=3))) == 1
    assert run.state["account/paper"].no_trades == {"busy": 2}


def test_an_order_that_ended_unfilled_frees_the_symbol() -> None:
    """A fill of 0 shares means that nothing is held and nothing works."""
    run = started()
    (order,) = run(signal())
    run(filled(order, 0))
    assert len(run(signal(second=2))) == 1


def test_a_part_of_an_order_frees_nothing() -> None:
    """Until the venue says that nothing remains, the order works; then the stop that was passed meanwhile counts."""
    run = started(mark())
    (order,) = run(signal())
    part = {"signal_id": order.signal_id, "status": OrderStatus.PARTIALLY_FILLED}
    run(fill(order.id, quantity=0, remaining=order.quantity, **part | {"status": OrderStatus.ACKNOWLEDGED}))
    run(fill(order.id, quantity=order.quantity - 1, remaining=1, **part))
    assert list(run.state["account/paper"].working) == [order.id]
    assert run(mark(second=2, price=98.0)) == []
    (leaving,) = run(fill(order.id, quantity=1, signal_id=order.signal_id))
    assert (leaving.quantity, leaving.purpose) == (order.quantity, Purpose.STOP)
    assert list(run.state["account/paper"].working) == [leaving.id]


@pytest.mark.parametrize(
    ("side", "touch", "purpose"),
    [
        (Direction.LONG, {"low": 99.0}, Purpose.STOP),
        (Direction.LONG, {"high": 102.0}, Purpose.TARGET),
        (Direction.LONG, {"low": 99.0, "high": 102.0}, Purpose.STOP),
        (Direction.SHORT, {"high": 101.0}, Purpose.STOP),
        (Direction.SHORT, {"low": 98.0}, Purpose.TARGET),
        (Direction.SHORT, {"low": 98.0, "high": 101.0}, Purpose.STOP),
    ],
)
def test_brackets(side: Direction, touch: dict[str, Any], purpose: Purpose) -> None:
    """A touched stop or target closes all that is held; where both were touched, the stop came first."""
    run = holding(side=side)
    assert run(mark(second=2, high=100.5, low=99.5)) == []
    (order,) = run(mark(second=3, **touch))
    long = side is Direction.LONG
    assert (order.purpose, order.side, order.quantity) == (purpose, Side.SELL if long else Side.BUY, 100)
    assert (order.reference, order.event_ns) == (99.99 if long else 100.01, at(3))
    assert run(mark(second=4, **touch)) == []  # one order is under way


def test_expiry_closes() -> None:
    """At the expiry instant, not before, and by a mark without trades too."""
    run = holding()
    assert run(mark(second=3600)) == []
    (order,) = run(mark(second=3601, high=NAN, low=NAN))
    assert order.purpose is Purpose.EXPIRY


def test_a_halted_account_still_leaves() -> None:
    """A halt stops entries only."""
    run = holding()
    run(HALT)
    (order,) = run(mark(second=2, low=98.0))
    assert order.purpose is Purpose.STOP


def test_trades_before_the_entry_do_not_touch_the_bracket() -> None:
    """A mark of the entry's own instant tells trades from before it."""
    run = started()
    (order,) = run(signal(second=1))
    run(filled(order, second=5))
    assert run(mark(second=5, low=98.0)) == []
    assert run(mark(second=6, low=98.0))[0].purpose is Purpose.STOP


def test_a_fill_that_comes_late_is_checked_against_the_marks_that_came_before_it() -> None:
    """Marks overtook the fill: the stop they touched counts, at the newest quote."""
    run = started(mark(second=1))
    (order,) = run(signal(second=1))
    run(mark(second=2, low=98.5))
    run(mark(second=3))
    (leaving,) = run(filled(order, second=1))
    assert (leaving.purpose, leaving.event_ns, leaving.reference) == (Purpose.STOP, at(3), 99.99)


def test_what_must_be_left_is_left_even_if_the_first_order_fails() -> None:
    """An exit that ended unfilled, or in part, is tried again at the next mark, though the price has come back."""
    run = holding()
    (first,) = run(mark(second=2, low=98.0))
    run(filled(first, 0, second=2))
    (second,) = run(mark(second=3))
    assert (second.purpose, second.quantity) == (Purpose.STOP, 100)
    assert second.id != first.id
    run(filled(second, 60, second=3))
    (third,) = run(mark(second=4))
    assert third.quantity == 40
    run(filled(third, 40, second=4))
    assert run(mark(second=5, low=50.0)) == []
    assert run.state["account/paper"].holdings == {}


def test_without_a_price_an_exit_names_its_stop() -> None:
    """Where neither side nor a last trade is known, the reference is the stop."""
    run = started()
    (order,) = run(signal(second=1))
    run(filled(order, second=1))
    (leaving,) = run(mark(second=3600, bid=NAN, ask=NAN, last=NAN, high=NAN, low=NAN)) or run(
        mark(second=3601, bid=NAN, ask=NAN, last=NAN, high=NAN, low=NAN)
    )
    assert (leaving.purpose, leaving.reference) == (Purpose.EXPIRY, 99.0)


def test_equity_sizes_at_the_last_marks() -> None:
    """A gain on what is held makes the next position larger: 100,000 + 100 × 50 USD, 0.1 % of it at 101 cents."""
    run = holding()
    run(mark(second=2, price=100.0))
    run.state["account/paper"] = replace(run.state["account/paper"], mandate=mandate())
    run(mark(second=3, price=150.0, high=100.0, low=100.0))
    (order,) = run(signal("IBM", entry=100.01))
    assert order.quantity == (10_000_000 + 100 * 5_000) // 1_000 // 101


def test_fills_from_elsewhere_change_cash_but_no_bracket() -> None:
    """A fill that sizing did not order: the ledger is what the venue says."""
    run = started()
    run(fill("foreign", Side.SELL, 10, 5_000, purpose=Purpose.STOP))
    account = run.state["account/paper"]
    assert account.ledger.cash_cents == 10_050_000
    assert account.holdings == {}


def test_the_newest_mandate_counts_and_leaves_cash_alone() -> None:
    """A later mandate changes what may be done, not what is owned."""
    run = started()
    run(mandate(capital_cents=99, strategies=("none",)))
    account = run.state["account/paper"]
    assert account.ledger.cash_cents == 10_000_000
    assert account.mandate.strategies == ("none",)
    assert run(signal()) == []


def test_each_account_has_its_own_order() -> None:
    """One signal, two accounts, two ids, in the order of their names."""
    run = started(mandate("alpha"))
    orders = run(signal())
    assert [order.account for order in orders] == ["alpha", "paper"]
    assert len({order.id for order in orders}) == 2


@pytest.mark.parametrize(
    ("record", "text"),
    [
        (mark(bid=-1.0), "mark.bid must be > 0 or NaN, was -1.0"),
        (mark(low=101.0), "mark.low must be <= mark.high"),
        (mark(symbol=""), "mark.symbol must be a name"),
        (signal(entry=NAN), "signal.entry must be > 0, was nan"),
        (signal(stop=100.5), "signal.entry must be between stop"),
        (signal(expires_ns=at(1)), "signal.expires_ns must be >"),
        (fill(quantity=-1), "fill.quantity must be >= 0, was -1"),
        (fill(price_cents=0), "fill.price_cents must be > 0, was 0"),
        (fill(account="nobody"), "fill.account must be an account with a mandate, was 'nobody'"),
        (Control("nobody", 0, ControlAction.HALT, ""), "control.account must be an account with a mandate"),
        (mandate(sizing="guess"), "mandate.sizing must be one of fixed_fraction, volatility_target, was 'guess'"),
        (mandate(risk_fraction=NAN), "mandate.risk_fraction must be 0 to 1, was nan"),
        (mandate(capital_cents=0), "mandate.capital_cents must be > 0, was 0"),
        (mandate(slippage_bps=10_000.0), "mandate.slippage_bps must be >= 0 and < 10,000"),
        (mandate(fee_per_share_cents=NAN), "mandate.fee_per_share_cents must be >= 0, was nan"),
    ],
)
def test_bad_values_say_what_was_seen(record: Record, text: str) -> None:
    """The reason is bad_value; the detail names field, bound and value."""
    with pytest.raises(RecordError, match=text) as caught:
        started()(record)
    assert caught.value.reason is RejectReason.BAD_VALUE


@pytest.mark.parametrize("record", [frame(), intent()])
def test_other_records_are_rejected(record: Record) -> None:
    """Sizing reads an account's inbox and nothing else."""
    with pytest.raises(RecordError, match="sizing does not read") as caught:
        started()(record)
    assert caught.value.reason is RejectReason.UNEXPECTED_TYPE


@pytest.mark.parametrize(
    "given", [{"decay": 1.0}, {"decay": NAN}, {"pause_s": 1}, {"samples_min": 1}, {"recent_marks_max": 0}]
)
def test_parameters_out_of_bounds_say_so(given: dict[str, Any]) -> None:
    """The error names the parameter."""
    with pytest.raises(ValueError, match=next(iter(given))):
        Params(**given)
