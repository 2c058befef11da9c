"""Sizing beyond signals: a person's orders, modes, the emergency stop, hedges, and what happens to positions."""

from dataclasses import replace
from typing import Any

import pytest

from schemas.records import (
    Approval,
    Cancel,
    Control,
    ControlAction,
    Leg,
    LegFill,
    Mode,
    OrderIntent,
    OrderKind,
    OrderOrigin,
    OrderStatus,
    Purpose,
    Record,
    Settlement,
    SettlementKind,
    Side,
    StrategyMode,
    TimeInForce,
    Transfer,
)
from streams.stage import RecordError
from tests.orderpath_rig import NAN, Stage, at, mark, signal
from tests.sizing_rig import CALL, PUT, account_of, filled, holding_calls, option, started, ticket

STOP = Control("paper", 0, ControlAction.HALT, "enough", flatten=True)
RESUME = Control("paper", 0, ControlAction.RESUME, "again")


def test_a_ticket_becomes_an_order_as_it_stands() -> None:
    """Its price is the executable one, its instant the newest mark's, and the venue's words are the person's."""
    run = started(mark(second=1), option(second=2))
    (order,) = run(ticket(kind=OrderKind.LIMIT, limit_cents=205, time_in_force=TimeInForce.DAY))
    assert (order.symbol, order.side, order.quantity, order.multiplier) == (CALL, Side.BUY, 2, 100)
    assert (order.kind, order.limit_cents, order.time_in_force) == (OrderKind.LIMIT, 205, TimeInForce.DAY)
    assert (order.reference, order.event_ns) == (2.1, at(2))
    assert (order.purpose, order.origin, order.strategy) == (Purpose.ENTRY, OrderOrigin.TICKET, "by_hand")
    assert order.signal_id == f"t{CALL}BUY"


def test_a_tickets_position_has_no_bracket_of_ours_and_a_closing_one_is_no_entry() -> None:
    """What a person bought a person sells; until then no mark makes an order."""
    run = holding_calls()
    assert account_of(run).ledger.positions[CALL].quantity == 2
    assert account_of(run).ledger.cash_cents == 10_000_000 - 2 * 210 * 100
    assert account_of(run).holdings == {}
    assert run(option(second=3, bid=0.05)) == []
    (order,) = run(ticket(side=Side.SELL))
    assert order.purpose is Purpose.FLATTEN
    (more,) = run(ticket(side=Side.SELL, quantity=3))
    assert more.purpose is Purpose.ENTRY


def test_a_combination_is_one_order_at_the_net_of_its_sides() -> None:
    """Bought: the ask of what is bought less the bid of what is sold; all legs are under way at once."""
    run = started(mark(second=1), option(), option(PUT, bid=1.0))
    legs = (Leg(CALL, Side.BUY, 1, 100), Leg(PUT, Side.SELL, 2, 100))
    (order,) = run(ticket("SPY", legs=legs, kind=OrderKind.LIMIT, limit_cents=2_000, multiplier=1))
    assert order.reference == pytest.approx(210 - 2 * 100)
    run(
        filled(
            order,
            10,
            legs=(LegFill(CALL, Side.BUY, 2, 210, 100), LegFill(PUT, Side.SELL, 4, 100, 100)),
        )
    )
    positions = account_of(run).ledger.positions
    assert (positions[CALL].quantity, positions[PUT].quantity) == (2, -4)
    assert account_of(run).ledger.cash_cents == 10_000_000 - 2 * 21_000 + 4 * 10_000
    assert account_of(run).working == {}


def test_a_covered_call_is_priced_as_a_whole() -> None:
    """A hundred shares at 100.01 less a call at 2.00 cost 9,801 dollars."""
    run = started(mark(second=1), option())
    legs = (Leg("SPY", Side.BUY, 100, 1), Leg(CALL, Side.SELL, 1, 100))
    (order,) = run(ticket("SPY", quantity=1, legs=legs, multiplier=1))
    assert order.reference == pytest.approx(9_801)


def test_a_ticket_waits_for_the_first_mark_of_all_it_trades() -> None:
    """A contract is watched since it was ordered: its first mark sends the order; a cancel drops what waits."""
    run = started()
    legs = (Leg(CALL, Side.BUY, 1, 100), Leg(PUT, Side.SELL, 1, 100))
    for one in (ticket(), ticket("SPY", legs=legs, multiplier=1, id="both"), ticket(PUT, id="put")):
        assert run(one) == []
    (order,) = run(option())
    assert (order.symbol, order.reference, order.event_ns) == (CALL, 2.1, at(1))
    run(Cancel("paper", 0, "put", ""))
    (both,) = run(option(PUT, second=2, bid=1.0))
    assert (both.signal_id, both.event_ns) == ("both", at(2))
    assert account_of(run).waiting == ()


def test_a_market_order_waits_for_a_side_and_one_with_a_limit_does_not() -> None:
    """Nobody asks for it: what it may cost is not known, except by its limit."""
    run = started(option(ask=NAN))
    assert run(ticket()) == []
    (order,) = run(ticket(kind=OrderKind.LIMIT, limit_cents=150))
    assert order.reference == 1.5
    assert len(run(option(second=2))) == 1


@pytest.mark.parametrize(
    ("modes", "expected"),
    [
        ((StrategyMode("momentum_breakout", Mode.OFF),), "none"),
        ((StrategyMode("", Mode.OFF),), "none"),
        ((StrategyMode("", Mode.OFF), StrategyMode("momentum_breakout", Mode.AUTO)), "sent"),
        ((StrategyMode("", Mode.ASK),), "parked"),
        ((StrategyMode("other", Mode.OFF),), "sent"),
    ],
)
def test_modes_are_by_strategy(modes: tuple[StrategyMode, ...], expected: str) -> None:
    """A strategy's own mode, else the empty name's, else AUTO."""
    run = started(mark(second=1), modes=modes)
    orders = run(signal(second=1))
    assert expected == ("none" if not orders else "parked" if orders[0].parked else "sent")
    assert account_of(run).no_trades == ({"not_followed": 1} if expected == "none" else {})


def asked(**changes: Any) -> tuple[Stage, OrderIntent]:
    """Return sizing with an order that waits for a person, and the order."""
    run = started(mark(second=1), modes=(StrategyMode("", Mode.ASK),), **changes)
    (order,) = run(signal(second=1))
    assert order.parked
    return run, order


def test_a_parked_order_is_sent_as_it_was_once_a_person_says_so() -> None:
    """The same id, at the instant of now; meanwhile the symbol is busy, afterwards it works."""
    run, order = asked()
    run(signal(second=2))
    assert account_of(run).no_trades == {"busy": 1}
    run(mark(second=5, price=100.2))
    (sent,) = run(Approval("paper", 0, order.id, True, "go"))
    assert sent == replace(order, parked=False, event_ns=at(5))
    assert (list(account_of(run).working), account_of(run).parked) == ([order.id], {})
    with pytest.raises(RecordError, match="an order that waits for a person"):
        run(Approval("paper", 0, order.id, True, "twice"))


@pytest.mark.parametrize(
    ("records", "answer", "reason"),
    [
        ((), False, "not_approved"),
        ((Control("paper", 0, ControlAction.HALT, "x"),), True, "halted"),
        ((mark(second=9, price=103.0),), True, "passed"),
    ],
)
def test_what_became_of_it_meanwhile_counts(records: tuple[Record, ...], answer: bool, reason: str) -> None:
    """A halt and a price that has left the bracket stop an approved order."""
    run, order = asked()
    for record in records:
        run(record)
    assert run(Approval("paper", 0, order.id, answer, "")) == []
    assert (account_of(run).no_trades, account_of(run).parked) == ({reason: 1}, {})


def test_a_parked_order_ends_with_its_signal_or_by_a_cancel() -> None:
    """The first mark at its expiry drops it; a cancel by its id, or of all, does at once."""
    run, _ = asked()
    run(mark(second=3601))
    assert (account_of(run).no_trades, account_of(run).parked) == ({"not_answered": 1}, {})
    run, order = asked()
    run(Cancel("paper", 0, "another", ""))
    assert account_of(run).parked
    run(Cancel("paper", 0, order.id, ""))
    assert (account_of(run).no_trades, account_of(run).parked) == ({"cancelled": 1}, {})


def test_the_emergency_stop_closes_all_at_once_what_is_short_first() -> None:
    """One order a position at the market; a person's halt on top; nothing is sent twice while they work."""
    run = started(mark(second=1), option(), option(PUT, bid=1.0))
    for one in (ticket(), ticket(PUT, Side.SELL, 3), ticket("SPY", quantity=10)):
        (order,) = run(one)
        run(filled(order, 100))
    orders = run(STOP)
    assert [(one.symbol, one.side, one.quantity) for one in orders] == [
        (PUT, Side.BUY, 3),
        ("SPY", Side.SELL, 10),
        (CALL, Side.SELL, 2),
    ]
    assert {(one.kind, one.purpose, one.origin) for one in orders} == {
        (OrderKind.MARKET, Purpose.FLATTEN, OrderOrigin.BOOK)
    }
    assert [one.multiplier for one in orders] == [100, 1, 100]
    assert run(mark(second=2)) == []
    assert run(option(second=2)) == []
    assert account_of(run).halted == "enough"


def test_a_close_that_ended_unfilled_is_sent_again_with_the_next_mark_of_its_symbol() -> None:
    """Not in answer to its end: an order that cannot be filled would go round for ever."""
    run = holding_calls()
    (order,) = run(STOP)
    assert run(filled(order, quantity=0, status=OrderStatus.CANCELLED)) == []
    assert run(mark(second=2)) == []
    (again,) = run(option(second=2))
    assert (again.symbol, again.quantity) == (CALL, 2)
    assert again.id != order.id
    run(filled(again, quantity=1, remaining=1, status=OrderStatus.PARTIALLY_FILLED))
    run(filled(again, quantity=0, status=OrderStatus.CANCELLED))
    (rest,) = run(option(second=3))
    assert rest.quantity == 1


def test_what_an_order_of_before_the_stop_brings_is_closed_with_its_fill() -> None:
    """The stop came while an entry was under way: its fill is answered at once."""
    run = started(mark(second=1))
    (order,) = run(signal(second=1))
    assert run(STOP) == []
    (close,) = run(filled(order, 10_001))
    assert (close.symbol, close.side, close.quantity, close.purpose) == (
        "SPY",
        Side.SELL,
        order.quantity,
        Purpose.FLATTEN,
    )


def test_a_resume_ends_the_stop() -> None:
    """Later marks close nothing, and signals are followed again."""
    run = holding_calls()
    (order,) = run(STOP)
    run(filled(order, quantity=0, status=OrderStatus.CANCELLED))
    run(RESUME)
    assert run(option(second=2)) == []
    assert len(run(signal(second=2))) == 1


def test_a_fall_from_the_peak_flattens_where_the_mandate_says_so() -> None:
    """The peak is the highest equity at marks; equity counts options at their middle."""
    run = holding_calls(drawdown_max=0.0005, drawdown_flatten=0.001)
    assert run(option(second=2, bid=3.95)) == []
    assert account_of(run).peak_cents == 10_000_000 - 42_000 + 80_000
    cancel, order = run(option(second=3, bid=1.95))
    assert (cancel.account, cancel.order_id) == ("paper", ""), "what works goes first, exits of brackets with it"
    assert (order.symbol, order.quantity, order.purpose) == (CALL, 2, Purpose.FLATTEN)
    assert "below its peak, limit 0.0010" in account_of(run).flatten
    assert account_of(run).halted == account_of(run).flatten


def test_a_split_moves_the_bracket_with_the_shares() -> None:
    """Seven for one: seven times the shares, a seventh of stop and target."""
    run = started(mark(second=1))
    (order,) = run(signal(second=1))
    run(filled(order, 10_000, 10))
    transfers = (Transfer("SPY", -10, 0, 1), Transfer("SPY", 70, 0, 1))
    run(Settlement("s", "paper", "SPY", at(2), SettlementKind.SPLIT, 10, 0, transfers, True, 0, 0, ""))
    held = account_of(run).holdings["SPY"]
    assert (held.quantity, held.stop, held.target) == (70, pytest.approx(99 / 7), pytest.approx(102 / 7))
    assert account_of(run).ledger.positions["SPY"].quantity == 70


def test_shares_that_an_exercise_takes_leave_the_bracket_too() -> None:
    """A short call of a person's is assigned on a signal's shares: the bracket holds what is left."""
    run = started(mark(second=1), option())
    (order,) = run(signal(second=1))
    run(filled(order, 10_000, 150))
    (short,) = run(ticket(side=Side.SELL, quantity=1))
    run(filled(short, 200))
    transfers = (Transfer(CALL, 1, 0, 100), Transfer("SPY", -100, -1_000_000, 1))
    run(Settlement("s", "paper", CALL, at(2), SettlementKind.ASSIGNMENT, -1, 10_000, transfers, True, 1_000_000, 0, ""))
    assert account_of(run).holdings["SPY"].quantity == 50
    assert account_of(run).ledger.positions["SPY"].quantity == 50
    assert CALL not in account_of(run).ledger.positions
