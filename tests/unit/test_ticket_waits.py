"""A ticket for what is never marked is answered: refused by name after a bounded event time, and not before."""

from typing import Any

import pytest

from schemas.records import Cancel, Decision, Leg, OptionMark, OrderIntent, OrderKind, Purpose, Side, Verdict, Watch
from streams.sizing.stage import Params
from tests.chain_frames import NOW_NS, chain_frame, every_name
from tests.orderpath_rig import Chain, Stage, at, mandate, mark
from tests.sizing_rig import CALL, PUT, account_of, filled, option, started, ticket

WAIT_S = Params().ticket_wait_s


def waiting(**changes: Any) -> Stage:
    """Return sizing with a ticket that waits, and nothing marked."""
    run = started()
    assert run(ticket(**changes)) == []
    return run


def test_the_wait_begins_with_the_first_mark_of_anything() -> None:
    """A night without marks is no wait; then the ticket is sent as it stands, at no price, once."""
    run = waiting(event_ns=0)
    night = 60_000
    assert run(mark(second=night)) == []
    assert run(mark(second=night + WAIT_S - 1)) == []
    (order,) = run(mark(second=night + WAIT_S))
    assert (order.symbol, order.event_ns, order.reference) == (CALL, at(night + WAIT_S), 0.01)
    assert account_of(run).waiting == ()
    assert account_of(run).waiting_since == {}
    assert run(mark(second=night + 2 * WAIT_S)) == []


def test_a_limit_tells_a_price_and_a_combination_needs_none() -> None:
    """What stands in the ticket goes to risk; one leg without a mark is enough to wait."""
    run = waiting(kind=OrderKind.LIMIT, limit_cents=155)
    legs = (Leg(CALL, Side.BUY, 1, 100), Leg(PUT, Side.SELL, 1, 100))
    assert run(ticket("SPY", legs=legs, multiplier=1, id="both")) == []
    assert run(option(PUT, second=1)) == []
    single, both = run(option(PUT, second=1 + WAIT_S))
    assert (single.reference, both.reference) == (1.55, 0.01)


def test_what_is_marked_in_time_is_sent_at_its_price() -> None:
    """The first mark ends the wait; a cancel ends it, too, and nothing of it is kept."""
    run = waiting(id="a")
    assert run(ticket(PUT, id="b")) == []
    assert run(mark(second=1)) == []
    (order,) = run(option(second=WAIT_S))
    assert (order.signal_id, order.reference) == ("a", 2.1)
    run(Cancel("paper", 0, "b", ""))
    assert (account_of(run).waiting, account_of(run).waiting_since) == ((), {})


def test_what_is_marked_but_not_offered_goes_on_waiting() -> None:
    """It is listed: somebody may still offer it."""
    run = started(option(ask=float("nan")))
    assert run(ticket()) == []
    assert run(option(second=2, ask=float("nan"))) == run(option(second=3 + WAIT_S, ask=float("nan"))) == []
    assert len(account_of(run).waiting) == 1


@pytest.mark.parametrize("missing", ["delta", "spot"])
def test_what_opens_waits_for_greeks_and_what_closes_does_not(missing: str) -> None:
    """A first mark may tell quotes alone: risk could not measure what is opened by it, and needs not what is closed."""
    bare: dict[str, Any] = {missing: float("nan")}
    run = started(option(**bare))
    assert run(ticket()) == []
    assert run(option(second=2, **bare)) == []
    (order,) = run(option(second=3))
    assert (order.purpose, order.reference) == (Purpose.ENTRY, 2.1)
    run(filled(order))
    assert run(option(second=4, **bare)) == []
    (closing,) = run(ticket(id="close", side=Side.SELL, quantity=order.quantity))
    assert (closing.purpose, closing.reference) == (Purpose.FLATTEN, 2.0)


def test_the_path_refuses_what_is_not_listed() -> None:
    """The Watch goes to rejects, the ticket to a Verdict that names contract and reason; nothing reaches the venue."""
    absent = "XYZ   240119C00101000"
    chain = Chain()
    chain.put("book", mandate())
    chain.put("features", Watch("XYZ", every_name()[0], NOW_NS))
    chain.put("features", chain_frame(NOW_NS, every_name(), True))
    with pytest.raises(AssertionError, match="must be in XYZ's chain"):
        chain.put("features", Watch("XYZ", absent, NOW_NS))
    chain.put("book", ticket(absent))
    for second in (5, WAIT_S, 5 + WAIT_S):
        assert chain.of("orders", OrderIntent) == []
        chain.put("features", chain_frame(NOW_NS + second * 1_000_000_000, every_name(), False))
    assert len(chain.of("book", OptionMark)) == 4
    assert len(chain.of("orders", OrderIntent)) == 1
    (verdict,) = chain.of("verdicts", Verdict)
    assert (verdict.decision, verdict.rule) == (Decision.REFUSE, "market_known")
    assert verdict.reasons[0] == f"market_known: no mark of {absent} seen yet: it is not listed, or not quoted"
    assert verdict.intent.signal_id == ticket(absent).id
