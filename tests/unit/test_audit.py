"""An account's day from its log alone: each order's story from the signal to the fill, as all five stages wrote it."""

from datetime import date

import pytest

from aiots.book.reading import AccountLog, log_of
from aiots.book.trail import lines_of, trails_of
from schemas import wire
from schemas.records import Approval, Control, ControlAction, Mode, OrderIntent, Purpose, StrategyMode
from streams.signals import stage as signals
from tests.orderpath_rig import Chain, at, frame, mandate, signal

DAY = date(2013, 10, 8)
NO_STRATEGIES = signals.Params(strategies=("every_bar",), settings={"every_bar": {"interval_s": 300}})


def log_from(chain: Chain, *, marks: bool = False) -> AccountLog:
    """Return the account's log as the chain's topics have it."""
    topics = {
        name: [(offset, wire.encode(record)) for offset, record in enumerate(chain.topics.get(name, []))]
        for name in ("verdicts", "book", "risk")
    }
    return log_of("paper", topics["verdicts"], topics["book"], topics["risk"], marks=marks)


def played() -> Chain:
    """Return a chain in which a signal was followed to its stop."""
    chain = Chain(NO_STRATEGIES)
    chain.put("book", mandate(), mandate("other"))
    chain.put("features", frame(second=1), frame(second=2))
    chain.put("signals", signal(second=2, text="A breakout.", id="5160a1"))
    chain.put("features", frame(second=3), frame(second=4, price=98.0), frame(second=5, price=98.0))
    return chain


def test_each_order_is_told_from_its_signal_to_its_fill() -> None:
    """Two orders, an entry and its stop: why, what risk said with which figures, what the venue did."""
    found = trails_of(log_from(played()), DAY)
    entry, leave = found.trails.values()
    assert (entry.intent.purpose, leave.intent.purpose) == (Purpose.ENTRY, Purpose.STOP)
    assert all(trail.intent.account == "paper" for trail in (entry, leave))
    text = "\n".join(lines_of(entry))
    assert "because  signal 5160a1: LONG at 100.00, stop 99.00, target 102.00, confidence 0.50 (not calibrated)" in text
    assert "A breakout." in text
    assert f"APPROVE {entry.intent.quantity} of {entry.intent.quantity}" in text
    assert f"filled {entry.intent.quantity} at " in text
    assert "09:30:02" in text


def test_another_day_and_another_account_have_nothing_of_it() -> None:
    """Each order belongs to one account and to one day."""
    log = log_from(played())
    assert trails_of(log, date(2013, 10, 9)).trails == {}
    assert log.days() == [DAY]
    assert {entry.record.intent.account for entry in log.entries if hasattr(entry.record, "intent")} == {"paper"}


def test_a_refused_order_names_its_rule() -> None:
    """A halted account opens nothing: the story says who halted it, and that the order ended unfilled."""
    chain = Chain(NO_STRATEGIES)
    chain.put("book", mandate())
    chain.put("features", frame(second=1))
    chain.put("signals", signal(second=1))
    halted = Control("paper", 0, ControlAction.HALT, "lunch")
    order = next(one for one in chain.of("orders", OrderIntent))
    chain.put("book", halted)
    chain.put("orders", order.__class__(**{**{name: getattr(order, name) for name in order.__slots__}, "id": "late"}))
    found = trails_of(log_from(chain), DAY)
    text = "\n".join(lines_of(found.trails["late"]))
    assert "REFUSE 0 of" in text
    assert "kill_switch: account is halted: lunch" in text
    assert found.controls[0][1] == halted


def test_a_persons_answer_stands_in_the_story() -> None:
    """An order that was parked, and approved."""
    chain = Chain(NO_STRATEGIES)
    chain.put("book", mandate(modes=(StrategyMode("", Mode.ASK),)))
    chain.put("features", frame(second=1))
    chain.put("signals", signal(second=1))
    (parked,) = chain.of("orders", OrderIntent)
    assert parked.parked
    chain.put("book", Approval("paper", 0, parked.id, True, "looks good"))
    chain.put("features", frame(second=2))
    trail = trails_of(log_from(chain), DAY).trails[parked.id]
    assert "person   approved: looks good" in "\n".join(lines_of(trail))
    assert trail.fills[-1].quantity == parked.quantity


def test_a_halt_is_told_at_the_newest_mark_before_it() -> None:
    """A control has no time of its own; the marks before it are passed over, but not their time."""
    chain = Chain(NO_STRATEGIES)
    chain.put("book", mandate())
    chain.put("features", frame(second=1), frame(second=7))
    chain.put("book", Control("paper", 0, ControlAction.HALT, "lunch"))
    ((event_ns, _),) = trails_of(log_from(chain), DAY).controls
    assert event_ns == at(7)


@pytest.mark.parametrize("marks", [False, True])
def test_marks_are_read_where_they_are_wanted(marks: bool) -> None:
    """They are most of the log; the story of orders does without them."""
    kinds = {type(entry.record).__name__ for entry in log_from(played(), marks=marks).entries}
    assert ("Mark" in kinds) is marks
