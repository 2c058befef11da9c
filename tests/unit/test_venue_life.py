"""Orders over time: brackets, sessions and half days, halts, cancels, the emergency stop, splits."""

import pytest

from schemas.records import (
    Cancel,
    Control,
    ControlAction,
    Fill,
    MarketEventKind,
    OrderKind,
    OrderStatus,
    Purpose,
    Side,
    TimeInForce,
)
from streams.stage import RecordError
from streams.venue.brackets import exit_id
from streams.venue.stage import Params
from tests.orderpath_rig import NAN, Stage, at, intent, mandate, mark
from tests.venue_rig import (
    CALL,
    EXPIRY_NS,
    approved,
    ends,
    event,
    limit,
    option,
    option_mark,
    order,
    session,
    started,
    trades,
)

TARGET, STOP = exit_id("1", Purpose.TARGET, 0), exit_id("1", Purpose.STOP, 0)
DAY = {"time_in_force": TimeInForce.DAY}
HALT, RESUME = (Control("paper", 0, action, "test") for action in ControlAction)


def bracketed(quantity: int = 100) -> Stage:
    """Return a venue where a bracket of 99 and 102 was bought at 100.01, and its exits work."""
    run = started(mark(volume=100))
    told = run(order("1", quantity=quantity, bracket=True))
    assert trades(told[:1]) == [("1", quantity, 10_001, 0)]
    assert [(one.intent_id, one.status, one.remaining) for one in told[1:]] == [
        (TARGET, OrderStatus.ACKNOWLEDGED, quantity),
        (STOP, OrderStatus.ACKNOWLEDGED, quantity),
    ]
    return run


def idle(run: Stage) -> bool:
    """Return whether nothing works, and nothing of what has worked is kept."""
    kept = [key for key, state in run.state.items() if state and key.startswith(("order/", "book/", "exits/"))]
    desk = run.state.get("desk")
    return not kept and not (desk and desk.agenda) and run.state["account/paper"].working == ()


@pytest.mark.parametrize(
    ("price", "name", "cents", "purpose", "other"),
    [(102.01, TARGET, 10_200, Purpose.TARGET, STOP), (98.5, STOP, 9_849, Purpose.STOP, TARGET)],
)
def test_one_exit_cancels_the_other(price: float, name: str, cents: int, purpose: Purpose, other: str) -> None:
    """The target is a limit at 102, the stop a market order from 99 down; nothing is left to work."""
    run = bracketed()
    assert run(mark(second=2, price=101.0)) == []
    done, cancelled = run(mark(second=3, price=price))
    assert trades([done]) == [(name, 100, cents, 0)]
    assert (done.side, done.purpose, done.signal_id) == (Side.SELL, purpose, "s")
    assert ends([cancelled]) == [(other, OrderStatus.CANCELLED, "the other exit filled")]
    assert idle(run)


def test_exits_do_not_see_the_mark_that_filled_the_entry() -> None:
    """Its low of 98 was before there was a position."""
    run = started(mark(low=98.0))
    run(order("1", bracket=True))
    assert run(mark(second=1, low=98.0)) == []
    assert run(mark(second=2)) == []


def test_exits_follow_what_the_entry_fills() -> None:
    """They grow with it; what one fills goes off the other; when both have ended, further fills get new ones."""
    run = started(mark(volume=100), params=Params(participation=0.1))
    run(limit("1", Side.BUY, 25, 10_001, bracket=True))
    told: list[Fill] = run(mark(second=2, volume=100))
    assert [(one.intent_id, one.remaining) for one in told] == [("1", 5), (TARGET, 20), (STOP, 20)]
    assert trades(run(mark(second=3, price=102.5, volume=80))) == [(TARGET, 8, 10_249, 12)]
    assert run.state[f"order/{STOP}"].remaining == 12
    told = run(mark(second=4, price=102.5, volume=200))
    assert trades(told) == [(TARGET, 12, 10_249, 0)]
    assert ends(told) == [(STOP, OrderStatus.CANCELLED, "the other exit filled")]
    told = run(mark(second=5, volume=100))
    assert [(one.intent_id, one.remaining) for one in told] == [
        ("1", 0),
        (exit_id("1", Purpose.TARGET, 1), 5),
        (exit_id("1", Purpose.STOP, 1), 5),
    ]
    run(mark(second=6, price=98.0, volume=100))
    assert idle(run)


def test_a_bracket_may_have_one_exit() -> None:
    """A price that is NaN makes none; of an option exits stand at a step of its prices."""
    run = started(option_mark(bid=3.0, ask=3.1))
    bought = option("1", Side.BUY, 2, bracket=True, stop=NAN, target=4.02)
    assert [one.intent_id for one in run(bought)] == ["1", TARGET]
    assert run.state[f"order/{TARGET}"].intent.limit_cents == 405
    assert trades(run(option_mark(second=2, bid=4.05, ask=4.2))) == [(TARGET, 2, 405, 0)]
    assert idle(run)


def test_a_cancel_of_the_entry_leaves_its_exits_until_it_has_ended() -> None:
    """What was bought stays protected; the second cancel is of the exits."""
    run = started(mark(volume=100), params=Params(participation=0.1))
    run(limit("1", Side.BUY, 25, 10_001, bracket=True))
    cancel = Cancel("paper", at(2), "1", "test")
    assert ends(run(cancel)) == [("1", OrderStatus.CANCELLED, "cancelled: test")]
    told = run(cancel)
    assert ends(told) == [(name, OrderStatus.CANCELLED, "cancelled: test") for name in (TARGET, STOP)]
    assert idle(run)
    assert run(cancel) == []


def test_a_cancel_without_an_id_is_of_all_of_an_account() -> None:
    """Others' orders stay, and so do orders of another account named by their id."""
    run = started(mark(), limit("1", Side.BUY, 1, 9_000), limit("2", Side.BUY, 1, 9_000))
    run(mandate("other"))
    run(limit("3", Side.BUY, 1, 9_000, account="other"))
    assert run(Cancel("paper", 0, "3", "")) == []
    told = run(Cancel("paper", 0, "", ""))
    assert ends(told) == [(name, OrderStatus.CANCELLED, "cancelled: by hand") for name in ("1", "2")]
    assert "order/3" in run.state
    with pytest.raises(RecordError, match=r"cancel\.account must be an account with a mandate"):
        run(Cancel("nobody", 0, "", ""))


def test_a_halt_of_an_account_leaves_exits_and_a_flattening_one_nothing() -> None:
    """What opens ends at once; the emergency stop ends all, the closing orders that follow it pass."""
    run = bracketed()
    run(limit("2", Side.BUY, 1, 9_000))
    assert ends(run(HALT)) == [("2", OrderStatus.CANCELLED, "halted: test")]
    assert ends(run(limit("3", Side.BUY, 1, 9_000))) == [("3", OrderStatus.REJECTED, "halted: test")]
    told = run(Control("paper", at(9), ControlAction.HALT, "stop", flatten=True))
    assert ends(told) == [(name, OrderStatus.CANCELLED, "halted: stop") for name in (TARGET, STOP)]
    assert idle(run)
    assert trades(run(order("4", Side.SELL, 100, purpose=Purpose.FLATTEN))) == [("4", 100, 9_999, 0)]


def test_a_day_order_ends_with_its_session_and_a_gtc_order_does_not() -> None:
    """Marks of the closing instant still fill; what comes later says that the session is over. Half days end early."""
    run = started(session(0, 12_600), mark(second=1))
    run(limit("1", Side.BUY, 1, 9_000, **DAY))
    run(limit("2", Side.BUY, 1, 9_500, **DAY))
    run(limit("3", Side.BUY, 1, 9_400))
    assert trades(run(mark(second=12_600, price=94.99))) == [("2", 1, 9_500, 0)]
    (ended,) = run(mark("IBM", second=12_601))
    assert ends([ended]) == [("1", OrderStatus.EXPIRED, "session closed")]
    assert ended.event_ns == at(12_600)
    assert "order/3" in run.state


def test_the_sessions_close_ends_day_orders_whatever_comes_again() -> None:
    """The same news comes from every partition; a late one of yesterday changes nothing."""
    close = event(MarketEventKind.SESSION_CLOSE, 23_400)
    run = started(session(), session(), limit("1", Side.BUY, 1, 9_000, **DAY))
    assert ends(run(close)) == [("1", OrderStatus.EXPIRED, "session closed")]
    assert run(close) == run(session()) == []
    run(session(86_400, 109_800, 86_000))
    run(limit("2", Side.BUY, 1, 9_000, second=86_401, **DAY))
    assert run(close) == run(session()) == []
    assert ends(run(event(MarketEventKind.SESSION_CLOSE, 109_800))) == [("2", OrderStatus.EXPIRED, "session closed")]
    assert idle(run)


def test_a_day_order_from_outside_ends_with_the_next_session() -> None:
    """Also where no session was known; and a cancel takes it off the list of those that wait."""
    run = started(limit("1", Side.BUY, 1, 9_000, **DAY), limit("2", Side.BUY, 1, 9_000, **DAY))
    run(Cancel("paper", 0, "2", ""))
    assert run.state["session"].waiting == ("1",)
    run(session())
    assert ends(run(mark(second=23_401))) == [("1", OrderStatus.EXPIRED, "session closed")]
    run(limit("3", Side.BUY, 1, 9_000, second=30_000, **DAY))
    assert ends(run(session(86_400, 109_800, 86_000))) == []
    assert ends(run(mark(second=109_801))) == [("3", OrderStatus.EXPIRED, "session closed")]


def test_outside_the_session_orders_wait_or_are_refused() -> None:
    """By parameter; without a known session none is refused."""
    early = limit("1", Side.BUY, 1, 9_000, second=-60)
    assert started(session())(early)[0].status is OrderStatus.ACKNOWLEDGED
    strict = Params(reject_closed=True)
    assert started(params=strict)(early)[0].status is OrderStatus.ACKNOWLEDGED
    assert ends(started(session(), params=strict)(early)) == [("1", OrderStatus.REJECTED, "market closed")]


def test_options_are_dealt_in_within_the_session() -> None:
    """A quote before the open or after the close fills nothing."""
    run = started(session(0, 100), option_mark(second=-5), option("1", Side.BUY, 1, second=-6))
    assert run(option_mark(second=-1)) == []
    assert trades(run(option_mark(second=0))) == [("1", 1, 210, 0)]
    run(option("2", Side.BUY, 1, second=100.5))
    assert run(option_mark(second=101)) == []


def test_a_signals_entry_expires_without_a_mark_of_its_own_symbol() -> None:
    """Any news of the instant will do."""
    run = started(approved(intent("1", symbol="IBM")))
    assert run(mark(second=3_599)) == []
    assert ends(run(mark(second=3_600))) == [("1", OrderStatus.EXPIRED, "expired")]
    assert idle(run)


def test_an_order_ends_with_its_contract() -> None:
    """Though the contract's expiry was told after the order came."""
    run = started(option("1", Side.SELL, 1, 500), option_mark())
    (ended,) = run(event(MarketEventKind.HEARTBEAT, (EXPIRY_NS - at(0)) / 10**9))
    assert ends([ended]) == [("1", OrderStatus.EXPIRED, "contract expired")]
    assert ended.event_ns == EXPIRY_NS
    assert idle(run)


@pytest.mark.parametrize("symbol", ["SPY", ""])
def test_nothing_fills_in_a_halted_symbol(symbol: str) -> None:
    """A halt of the symbol, or of all, until it resumes; quotes of the time of the halt are no news after it."""
    run = started(mark(), event(MarketEventKind.HALT, 2, symbol))
    assert trades(run(order("1", second=2))) == []
    assert run(mark(second=3)) == []
    assert run(event(MarketEventKind.RESUME, 4, symbol)) == run(event(MarketEventKind.RESUME, 4, symbol)) == []
    assert trades(run(order("2", second=4))) == []
    assert trades(run(mark(second=5))) == [("1", 10, 10_001, 0), ("2", 10, 10_001, 0)]


def test_another_symbols_halt_stops_nothing() -> None:
    """It is that symbol's and its options'."""
    run = started(event(MarketEventKind.HALT, 0, "AAPL"), mark(), option_mark())
    assert trades(run(order("1"))) == [("1", 10, 10_001, 0)]
    assert trades(run(option("2", Side.BUY, 1))) == []


def test_a_split_cancels_what_was_priced_before_it() -> None:
    """Orders on the shares and on their options; others stay."""
    run = started(limit("1", Side.BUY, 1, 9_000), limit("2", Side.BUY, 1, 45_000, symbol="AAPL"))
    run(option("3", Side.SELL, 1, 500))
    told = run(event(MarketEventKind.SPLIT, 5, "AAPL", value=7.0))
    assert ends(told) == [(name, OrderStatus.CANCELLED, "split of AAPL") for name in ("2", "3")]
    assert run.state["account/paper"].working == ("1",)
    assert CALL not in "".join(key for key, kept in run.state.items() if kept and key.startswith("book/"))


def test_a_stop_waits_through_a_halt() -> None:
    """And is a market order at the first quote after it."""
    run = started(mark(), order("1", Side.SELL, kind=OrderKind.STOP, trigger_cents=9_900))
    run(event(MarketEventKind.HALT, 2, "SPY"))
    assert run(mark(second=3, price=90.0)) == []
    run(event(MarketEventKind.RESUME, 4, "SPY"))
    assert trades(run(mark(second=5, price=91.0))) == [("1", 10, 9_099, 0)]
