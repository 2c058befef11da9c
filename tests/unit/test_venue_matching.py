"""What quotes do to orders of one instrument: limits, stops, queues, sizes, states, and what is not taken."""

from typing import Any

import pytest

from schemas.records import Fill, Mark, OrderKind, OrderStatus, Purpose, Side, Verdict
from streams.options.hygiene import QuoteBits
from streams.venue.quotes import UNFIT
from streams.venue.stage import Params
from tests.orderpath_rig import NAN, at, mark
from tests.venue_rig import CALL, EXPIRY_NS, ends, limit, option, option_mark, order, started, trades


@pytest.mark.parametrize(
    ("side", "cents", "expected"),
    [
        (Side.BUY, 10_001, [("1", 10, 10_001, 0)]),
        (Side.BUY, 10_500, [("1", 10, 10_001, 0)]),
        (Side.BUY, 10_000, []),
        (Side.SELL, 9_999, [("1", 10, 9_999, 0)]),
        (Side.SELL, 9_000, [("1", 10, 9_999, 0)]),
        (Side.SELL, 10_000, []),
    ],
)
def test_a_limit_fills_where_the_executable_side_meets_it(side: Side, cents: int, expected: list[Any]) -> None:
    """At the quote of 99.99 to 100.01, better than the limit only where the quote is; slippage does not touch it."""
    assert trades(started(mark(), slippage_bps=50.0)(limit("1", side, 10, cents))) == expected


def test_a_quote_between_cents_meets_no_limit_that_it_is_beyond() -> None:
    """100.005 does not sell at 100.00, and 99.995 costs a whole 100.00."""
    run = started(mark(ask=100.005), limit("1", Side.BUY, 1, 10_000))
    assert trades(run(mark(second=2, ask=99.995, bid=99.98))) == [("1", 1, 10_000, 0)]


def test_states_of_an_order_that_works() -> None:
    """ACKNOWLEDGED once, PARTIALLY_FILLED as often as it takes, FILLED at the end; each with an id of its own."""
    run = started(mark(), params=Params(participation=0.1))
    told: list[Fill] = run(limit("1", Side.BUY, 25, 9_990))
    for second in (2, 3, 4, 5):
        told += run(mark(second=second, price=99.8, volume=100))
    assert [(one.status, one.quantity, one.remaining) for one in told] == [
        (OrderStatus.ACKNOWLEDGED, 0, 25),
        (OrderStatus.PARTIALLY_FILLED, 10, 15),
        (OrderStatus.PARTIALLY_FILLED, 10, 5),
        (OrderStatus.FILLED, 5, 0),
    ]
    assert len({one.id for one in told}) == 4
    assert not [key for key in run.state if key.startswith(("order/", "book/")) and run.state[key]]
    assert run.state["account/paper"].working == ()


def test_participation_is_of_a_marks_volume_and_an_accounts_own() -> None:
    """Two orders of an account share a tenth of the volume, in the order in which they came."""
    run = started(mark(volume=100), params=Params(participation=0.1))
    assert trades(run(order("1", quantity=8))) == [("1", 8, 10_001, 0)]
    assert trades(run(order("2", quantity=8))) == [("2", 2, 10_001, 6)]
    run(order("3", quantity=1))
    assert trades(run(mark(second=2, volume=70))) == [("2", 6, 10_001, 0), ("3", 1, 10_001, 0)]


@pytest.mark.parametrize(
    ("changes", "traded"),
    [
        ({"price": 99.9, "ask": 99.95}, []),  # its trades touched 99.95, but the queue is not through
        ({"low": 99.94, "high": 100.0, "bid": 99.95, "ask": 99.97, "volume": 500}, []),
        ({"low": 99.94, "high": 100.0, "bid": 99.95, "ask": 99.97, "volume": 504}, [("1", 4, 9_995, 6)]),
        ({"low": 99.96, "high": 100.0, "bid": 99.95, "ask": 99.97, "volume": 900}, []),  # never touched
        ({"low": 99.94, "high": 100.0, "bid": 99.96, "ask": 99.97, "volume": 900}, []),  # outside the quote by now
    ],
)
def test_a_resting_limit_waits_for_the_queue_ahead(changes: dict[str, Any], traded: list[Any]) -> None:
    """500 shares stand ahead at 99.95: what trades beyond them fills the order, at its limit."""
    run = started(mark(), limit("1", Side.BUY, 10, 9_995), params=Params(queue_shares=500))
    if changes["ask"] == 99.95:  # the market has moved through
        assert trades(run(mark(second=2, **changes))) == [("1", 10, 9_995, 0)]
        return
    assert trades(run(mark(second=2, **changes))) == traded


def test_the_queue_moves_mark_by_mark_and_not_by_trades_before_the_order() -> None:
    """The first mark after the order began before it and counts for nothing; then 300 and 300 of 500 ahead."""
    touching: dict[str, Any] = {"low": 99.94, "high": 100.0, "bid": 99.95, "ask": 99.97, "volume": 300}
    run = started(mark(), params=Params(queue_shares=500))
    run(limit("1", Side.BUY, 150, 9_995, second=1.5))
    assert [trades(run(mark(second=second, **touching))) for second in (2, 3, 4, 5)] == [
        [],
        [],
        [("1", 100, 9_995, 50)],
        [("1", 50, 9_995, 0)],
    ]


def test_without_a_known_queue_only_a_quote_that_moves_through_fills() -> None:
    """Trades below the limit are not enough by default."""
    run = started(mark(), limit("1", Side.BUY, 10, 9_995))
    assert run(mark(second=2, low=99.0, bid=99.94, ask=99.96, volume=10**6)) == []
    assert trades(run(mark(second=3, price=99.94))) == [("1", 10, 9_995, 0)]


@pytest.mark.parametrize(
    ("side", "changes", "price"),
    [
        (Side.SELL, {"price": 98.9}, 9_889),
        (Side.SELL, {"low": 99.0}, 9_999),
        (Side.SELL, {"low": 99.01}, None),
        (Side.BUY, {"high": 101.0}, 10_001),
        (Side.BUY, {"price": 102.0}, 10_201),
        (Side.BUY, {"high": 100.99}, None),
        (Side.BUY, {"high": NAN, "low": NAN, "ask": 101.0}, 10_100),
    ],
)
def test_a_stop_is_a_market_order_once_touched(side: Side, changes: dict[str, Any], price: int | None) -> None:
    """By a trade at its price after the order, or by the executable side where the mark tells of no trade."""
    trigger = 10_100 if side is Side.BUY else 9_900
    run = started(mark(), order("1", side, kind=OrderKind.STOP, trigger_cents=trigger))
    assert trades(run(mark(second=2, **changes))) == ([] if price is None else [("1", 10, price, 0)])


def test_a_stop_is_not_touched_by_what_was_before_it() -> None:
    """The mark of the order's own instant tells of trades before it."""
    run = started(mark(low=98.0))
    (works,) = run(order("1", Side.SELL, kind=OrderKind.STOP, trigger_cents=9_900))
    assert works.status is OrderStatus.ACKNOWLEDGED
    assert run(mark(second=1, low=98.0)) == []
    assert trades(run(mark(second=2, low=98.0))) == [("1", 10, 9_999, 0)]


def test_a_stop_limit_is_a_limit_once_touched() -> None:
    """Touched at 99, it sells at 98.50 or better: not at a gap to 98, but when the market comes back."""
    run = started(mark(), order("1", Side.SELL, kind=OrderKind.STOP_LIMIT, trigger_cents=9_900, limit_cents=9_850))
    assert run(mark(second=2, price=98.0)) == []
    assert run.state["order/1"].kind is OrderKind.LIMIT
    assert trades(run(mark(second=3, price=98.6))) == [("1", 10, 9_859, 0)]


def test_a_mark_looks_only_at_the_orders_that_its_prices_concern() -> None:
    """Orders far away are not touched: their state is the same object after the mark."""
    run = started(mark())
    for number in range(50):
        run(limit(f"b{number}", Side.BUY, 1, 9_900 - number))
        run(limit(f"s{number}", Side.SELL, 1, 10_100 + number))
    assert run(mark(second=2)) == []
    assert trades(run(mark(second=3, price=98.97))) == [("b0", 1, 9_898, 0), ("b1", 1, 9_898, 0), ("b2", 1, 9_898, 0)]
    assert len(run.state["book/SPY"].below) == 47


@pytest.mark.parametrize("bits", [bit for bit in QuoteBits if bit & UNFIT])
def test_a_quote_that_says_it_is_no_good_fills_nothing(bits: QuoteBits) -> None:
    """Crossed, locked, stale or suspicious: the next good one fills. The bits are those of hygiene."""
    run = started(option_mark(bits=int(bits)))
    assert trades(run(option("1", Side.BUY, 1))) == []
    assert trades(run(option_mark(second=2))) == [("1", 1, 210, 0)]
    assert QuoteBits(UNFIT) == QuoteBits.CROSSED | QuoteBits.LOCKED | QuoteBits.STALE | QuoteBits.SUSPICIOUS


def test_an_option_fills_at_its_side_as_far_as_its_size_goes() -> None:
    """What was taken stays taken while the quote is the same; another size is new. Never at the last trade."""
    run = started(option_mark(ask_size=4))
    assert trades(run(option("1", Side.BUY, 10, 210))) == [("1", 4, 210, 6)]
    assert run(option_mark(second=2, ask_size=4)) == []
    assert trades(run(option_mark(second=3, ask_size=3))) == [("1", 3, 210, 3)]
    assert trades(run(option_mark(second=4, ask_size=3, ask=2.05))) == [("1", 3, 205, 0)]
    assert trades(run(option("2", Side.SELL, 2, second=4))) == [("2", 2, 200, 0)]
    run(option("3", Side.SELL, 1, second=5))
    assert run(option_mark(second=5, bid=NAN, last=2.0)) == []


def test_option_money_counts_the_multiplier() -> None:
    """A fill carries it; what is given away is of all shares: 5 cents on each of 300."""
    (done,) = started(option_mark(), slippage_bps=200.0)(option("1", Side.BUY, 3))
    assert (done.multiplier, done.price_cents, done.slippage_cents) == (100, 215, 5 * 300)


def test_an_options_stop_is_touched_by_its_quote() -> None:
    """A sale by the bid: trades of contracts are not told one by one."""
    run = started(option_mark(), option("1", Side.SELL, 2, kind=OrderKind.STOP, trigger_cents=150))
    assert run(option_mark(second=2, last=1.0, bid=1.55, ask=1.6)) == []
    assert trades(run(option_mark(second=3, bid=1.5, ask=1.6))) == [("1", 2, 150, 0)]


@pytest.mark.parametrize(
    ("verdict", "reason"),
    [
        (
            limit("1", Side.BUY, 1, 211, symbol="IBM   131018C00200000"),
            "bad tick size: limit_cents must be a multiple of 5",
        ),
        (option("1", Side.BUY, 1, 301), "bad tick size: limit_cents must be a multiple of 5, was 301"),
        (option("1", Side.BUY, 1, kind=OrderKind.STOP, trigger_cents=303), "bad tick size: trigger_cents"),
        (option("1", Side.BUY, 1, symbol="AAPL  131399C00500000"), "unknown contract: AAPL  131399C00500000, expiry"),
        (option("1", Side.BUY, 1, symbol="AAPL  131004C00500000"), "expired contract"),
        (option("1", Side.BUY, 1, event_ns=EXPIRY_NS), "expired contract"),
    ],
)
def test_orders_that_are_not_taken(verdict: Verdict, reason: str) -> None:
    """REJECTED, at once and once, and nothing works."""
    run = started(mark(), option_mark())
    told = run(verdict)
    ((name, status, why),) = ends(told)
    assert (name, status) == ("1", OrderStatus.REJECTED)
    assert why.startswith(reason)
    assert run.state["account/paper"].working == ()


@pytest.mark.parametrize(("symbol", "cents"), [(CALL, 211), (CALL, 305), ("SPY   131019C00165000", 301)])
def test_steps_of_prices_that_are_taken(symbol: str, cents: int) -> None:
    """A cent below three dollars in the penny programme, five above; of SPY a cent at any price."""
    (told,) = started(mark())(option("1", Side.BUY, 1, cents, symbol=symbol))
    assert told.status is OrderStatus.ACKNOWLEDGED


def test_a_parked_order_is_none_yet() -> None:
    """It is judged while it waits for a person; the same id comes again when it is approved."""
    run = started(mark())
    assert run(order("1", parked=True)) == []
    assert trades(run(order("1"))) == [("1", 10, 10_001, 0)]


def test_an_exit_is_no_opening_order() -> None:
    """Purposes other than ENTRY have no expiry: what closes is wanted all the more."""
    run = started(mark(), limit("1", Side.SELL, 5, 10_100, purpose=Purpose.FLATTEN, expires_ns=at(2)))
    assert trades(run(mark(second=3, price=102.0))) == [("1", 5, 10_199, 0)]


def test_a_late_mark_fills_nothing() -> None:
    """Though its price would."""
    run = started(mark(second=5), limit("1", Side.BUY, 5, 9_900))
    late: Mark = mark(second=4, price=98.0)
    assert run(late) == []
