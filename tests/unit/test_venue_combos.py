"""Combinations at the venue: net limits, whole units, sizes and freshness of every leg."""

from typing import Any

import pytest

from schemas.records import Leg, LegFill, MarketEventKind, OptionMark, OrderKind, OrderStatus, Side
from streams.venue.stage import Params
from tests.orderpath_rig import NAN, Stage, mark
from tests.venue_rig import CALL, HIGHER, ends, event, option, option_mark, order, started, trades, vertical


def quoted(second: float = 1, **changes: Any) -> tuple[OptionMark, OptionMark]:
    """Return marks of both legs: 2.00 to 2.10 and 1.50 to 1.60, so that the vertical costs 60 dollars."""
    return option_mark(CALL, second, **changes), option_mark(HIGHER, second, 1.5, 1.6)


@pytest.mark.parametrize(
    ("cents", "traded"), [(6_000, [("1", 3, 6_000, 0)]), (9_000, [("1", 3, 6_000, 0)]), (5_999, [])]
)
def test_a_combination_fills_where_the_net_of_executable_sides_meets_the_limit(cents: int, traded: list[Any]) -> None:
    """210 dollars paid less 150 received. The middle, 50, is nobody's."""
    assert trades(started(*quoted())(vertical("1", 3, cents))) == traded


def test_every_leg_stands_in_the_one_fill() -> None:
    """At its own side's price, its quantity that of the whole fill."""
    (done,) = started(*quoted())(vertical("1", 3, 6_000))
    assert done.legs == (LegFill(CALL, Side.BUY, 3, 210, 100), LegFill(HIGHER, Side.SELL, 3, 150, 100))
    assert (done.symbol, done.side, done.multiplier, done.status) == ("AAPL", Side.BUY, 1, OrderStatus.FILLED)


def test_a_combination_that_brings_money_has_a_negative_net() -> None:
    """Sold at 2.00 and bought at 1.60: 40 dollars come in, at least 40 asked."""
    legs = (Leg(CALL, Side.SELL, 1, 100), Leg(HIGHER, Side.BUY, 1, 100))
    run = started(*quoted())
    assert trades(run(vertical("1", 1, -4_001, legs=legs))) == []
    assert trades(run(vertical("2", 1, -4_000, legs=legs))) == [("2", 1, -4_000, 0)]


def test_whole_units_as_far_as_the_smallest_leg_goes() -> None:
    """Seven of the first leg, at two a unit, are three units; the next quote fills the rest."""
    legs = (Leg(CALL, Side.BUY, 2, 100), Leg(HIGHER, Side.SELL, 1, 100))
    run = started(*quoted(ask_size=7))
    assert trades(run(vertical("1", 4, 30_000, legs=legs))) == [("1", 3, 27_000, 1)]
    assert run(option_mark(CALL, 2, ask_size=7)) == []  # one contract is left of that quote
    assert run(option_mark(CALL, 3, ask_size=1)) == []
    assert trades(run(option_mark(CALL, 4, ask_size=2))) == [("1", 1, 27_000, 0)]


def test_shares_may_be_a_leg() -> None:
    """A covered call: 100 shares at 100.01 and a call sold at 2.00 cost 9,801 dollars."""
    legs = (Leg("SPY", Side.BUY, 100, 1), Leg(CALL, Side.SELL, 1, 100))
    run = started(mark(), *quoted())
    assert trades(run(vertical("1", 2, 980_099, legs=legs, symbol="SPY"))) == []
    (done,) = run(vertical("2", 2, 980_100, legs=legs, symbol="SPY"))
    assert (done.price_cents, [leg.quantity for leg in done.legs]) == (980_100, [200, 2])


def test_every_legs_quote_must_be_fresh() -> None:
    """No older than the order, and no further from the newest than the parameter."""
    run = started(*quoted(), params=Params(quote_age_s=2))
    assert trades(run(vertical("1", 1, 9_000, second=1.5))) == []
    assert run(option_mark(CALL, 2)) == []
    assert run(option_mark(CALL, 5)) == []
    assert run(option_mark(HIGHER, 2, 1.5, 1.6)) == []  # three seconds apart
    assert trades(run(option_mark(HIGHER, 3, 1.5, 1.6))) == [("1", 1, 6_000, 0)]


@pytest.mark.parametrize("changes", [{"ask": NAN}, {"bits": 4}, {"ask_size": 0}])
def test_a_leg_that_cannot_be_dealt_in_stops_all(changes: dict[str, Any]) -> None:
    """No leg is ever left alone."""
    run = started(*quoted(**changes))
    assert trades(run(vertical("1", 1, 90_000))) == []
    assert run(option_mark(HIGHER, 2, 1.5, 1.6)) == []
    assert trades(run(option_mark(CALL, 3))) == [("1", 1, 6_000, 0)]


def test_a_halt_of_the_underlying_stops_the_legs() -> None:
    """What works fills after it, when each leg was quoted anew."""
    run = started(event(MarketEventKind.HALT, 0, "AAPL"), *quoted())
    assert trades(run(vertical("1", 1, 6_000))) == []
    run(event(MarketEventKind.RESUME, 2, "AAPL"))
    assert run(option_mark(CALL, 3)) == []
    assert trades(run(option_mark(HIGHER, 3, 1.5, 1.6))) == [("1", 1, 6_000, 0)]


def test_at_the_market_each_leg_gives_slippage_away() -> None:
    """One percent: 2.121 and 1.485, each to a cent against the account."""
    (done,) = started(*quoted(), slippage_bps=100.0)(vertical("1", 2, 0, kind=OrderKind.MARKET))
    assert [leg.price_cents for leg in done.legs] == [213, 148]
    assert (done.price_cents, done.slippage_cents) == (6_500, 200 * (3 + 2))


def test_what_one_order_takes_of_a_leg_the_next_does_not_get() -> None:
    """Ten are shown: a single order takes eight, two units are left."""
    run = started(*quoted())
    run(option("1", Side.BUY, 8))
    assert trades(run(vertical("2", 5, 6_000))) == [("2", 2, 6_000, 3)]


def test_a_combination_with_a_bracket_is_not_taken() -> None:
    """Exits of a combination are a person's."""
    run: Stage = started(*quoted())
    ((_, status, reason),) = ends(run(vertical("1", 1, 6_000, bracket=True)))
    assert status is OrderStatus.REJECTED
    assert reason.startswith("a combination is bought")


def test_a_combination_ends_with_the_first_of_its_contracts() -> None:
    """All legs expire together here; the books of both are empty then."""
    run = started(*quoted(), vertical("1", 1, 1_000))
    late = quoted()[0].expiry_ns
    assert ends(run(mark("AAPL", event_ns=late))) == [("1", OrderStatus.EXPIRED, "contract expired")]
    assert not [key for key, kept in run.state.items() if key.startswith(("order/", "book/")) and kept]
    assert trades(run(order("2", symbol="AAPL", event_ns=late))) == [("2", 10, 10_001, 0)]
