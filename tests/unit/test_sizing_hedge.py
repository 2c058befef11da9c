"""Hedging by a band of delta."""

from schemas.records import Control, ControlAction, OrderOrigin, Purpose, Side
from tests.orderpath_rig import NAN, mark, signal
from tests.sizing_rig import account_of, filled, holding_calls, option, ticket


def test_delta_beyond_the_band_is_hedged_to_nothing() -> None:
    """Two calls of delta a half are a hundred shares; 10,000 USD of them are beyond a band of 5,000."""
    run = holding_calls(hedge_band_usd=5_000.0)
    (order,) = run(mark(second=2))
    assert (order.symbol, order.side, order.quantity, order.origin) == ("SPY", Side.SELL, 100, OrderOrigin.HEDGE)
    assert run(option(second=3)) == []
    run(filled(order, 9_999))
    assert (account_of(run).hedged, account_of(run).holdings) == ({"SPY": -100}, {})
    assert run(mark(second=4)) == []
    (more,) = run(option(second=5, delta=0.8))
    assert (more.side, more.quantity) == (Side.SELL, 60)


def test_a_hedge_acts_in_a_halt_and_goes_with_its_options() -> None:
    """It only reduces delta; once the calls are gone its own shares are bought back, and no other's."""
    run = holding_calls(hedge_band_usd=5_000.0)
    run(Control("paper", 0, ControlAction.HALT, "x"))
    (order,) = run(mark(second=2))
    run(filled(order, 9_999))
    (own,) = run(ticket("SPY", quantity=7))
    run(filled(own, 10_001))
    (close,) = run(ticket(side=Side.SELL))
    run(filled(close, 200))
    (back,) = run(mark(second=3))
    assert (back.side, back.quantity, back.origin) == (Side.BUY, 100, OrderOrigin.HEDGE)


def test_a_signals_shares_are_not_hedged() -> None:
    """They are its own risk, under its own bracket; its exit leaves the hedge alone."""
    run = holding_calls(hedge_band_usd=5_000.0)
    (entry,) = run(signal(second=1))
    run(filled(entry, 10_001))
    (order,) = run(mark(second=2))
    assert order.quantity == 100
    run(filled(order, 9_999))
    assert account_of(run).holdings["SPY"].quantity == entry.quantity
    (leave,) = run(mark(second=3, price=98.0))
    assert (leave.purpose, leave.quantity) == (Purpose.STOP, entry.quantity)


def test_unknown_deltas_are_not_hedged() -> None:
    """One contract without a delta, or without a mark, and nothing is known of the whole."""
    run = holding_calls(hedge_band_usd=1.0)
    run(option(second=2, delta=NAN))
    assert run(mark(second=2)) == []
