"""Options trade while every stage is killed: the book reconciles to the cent, and all equals an undisturbed run."""

import secrets
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aiots.commands.order import ticket_of
from schemas.records import (
    Alert,
    Approval,
    Cancel,
    Control,
    ControlAction,
    Decision,
    Fill,
    Mark,
    OrderIntent,
    OrderOrigin,
    OrderStatus,
    OrderTicket,
    Purpose,
    SettlementKind,
    Verdict,
)
from tests.kills.book_laws import check_orders, check_reconciled, records_of
from tests.kills.option_session import EXPIRY, LATER
from tests.kills.trading_scenario import ACCOUNT, NAMES, Outcome, Trading

pytestmark = [pytest.mark.broker, pytest.mark.slow, pytest.mark.timeout(300)]
NAN = float("nan")
SECONDS = (50, 120, 190, 238)
"""Where shares of the recording end; the first session ends at 240, the second follows."""


@pytest.fixture
def trading(tmp_path: Path) -> Iterator[list[Trading]]:
    """What a test puts here is closed after it."""
    made: list[Trading] = []
    yield made
    for one in made:
        one.close()


def ordered(text: str, **changes: Any) -> OrderTicket:
    """Return the ticket of an order as `aiots order send` makes it; changes: bracket, target, stop."""
    bracket = {"bracket": False, "target": NAN, "stop": NAN} | changes
    ticket, _ = ticket_of(ACCOUNT, text, "", False, bracket["bracket"], bracket["target"], bracket["stop"], "a test")
    return replace(ticket, id=secrets.token_hex(8))


def answer_newest(run: Trading, *, approved: bool) -> None:
    """Answer the newest order that waits for a person, if any does once all that the market told is worked through."""
    run.settle()
    now_ns = max(one.event_ns for one in run.read("orders", Mark))
    answered = {one.order_id for one in run.read("book", Approval)}
    parked = [one for one in run.read("orders", OrderIntent) if one.parked and one.expires_ns > now_ns]
    asked = [one.id for one in parked if one.id not in answered]
    if asked:
        run.put(Approval(ACCOUNT, 0, asked[-1], approved, "a test"))


def trade(run: Trading, number: int) -> None:
    """Act after a share: orders of every kind first, answers to what is asked, at last a cancel of all that works."""
    if number == 0:
        run.put(
            ordered(f"BUY 25 SPY {EXPIRY} C 100"),
            ordered(f"BUY 5 SPY {LATER} C 102"),
            ordered(f"BUY 3 SPY {EXPIRY} C 98 / SELL 3 SPY {EXPIRY} C 100 @ 4.00"),
            ordered("BUY 100 AAPL", bracket=True, target=202.0, stop=150.0),
        )
        answer_newest(run, approved=False)
    elif number == 1:
        run.put(
            ordered(f"SELL 4 SPY {EXPIRY} P 104"),
            ordered(f"BUY 1 SPY {LATER} P 98 @ 0.05"),
            ordered(f"SELL 2 SPY {LATER} C 104"),
        )
        answer_newest(run, approved=True)
    elif number == 2:
        answer_newest(run, approved=True)
        run.put(ordered(f"BUY 2 SPY {LATER} P 100"))
    elif number == len(SECONDS):
        run.settle()
        run.put(Cancel(ACCOUNT, 0, "", "the test is over"))


def check_as_undisturbed(outcome: Outcome, run: Trading, kills_min: int) -> None:
    """Features and signals equal an undisturbed run's, the rest the fold of its inbox; every stage was killed."""
    for topic in ("features", "signals"):
        assert any(place[0] == topic for place in outcome.expected), f"no {topic} were expected: nothing is proved"
    assert outcome.recorded == outcome.expected
    assert outcome.certificate is not None
    assert outcome.certificate.ok, [str(one) for one in outcome.certificate.differences]
    assert not outcome.certificate.bugs
    assert not run.rejects()
    assert all(outcome.kills[name] >= kills_min for name in NAMES), outcome.kills


def test_options_trade_through_the_death_of_every_stage(tmp_path: Path, trading: list[Trading]) -> None:
    """Single options, a vertical, a short put, a bracket, hedges, orders that ask, an expiry; the broker dies once."""
    run = Trading(tmp_path, SECONDS, trade, seed=1)
    trading.append(run)
    outcome = run.run(kill_broker_at=2)
    print(outcome.kills, outcome.ended_by_themselves, outcome.suppressed, f"{outcome.seconds:.0f} s")
    check_as_undisturbed(outcome, run, kills_min=2)
    assert outcome.kills["broker"] == 1
    book = check_reconciled(run.kafka, run.config, ACCOUNT)
    states = check_orders(run.kafka, run.config, ACCOUNT)
    print(Counter(states.values()), book.held(), Counter(one.kind for one in book.settlements))
    check_happened(run, book.fills, Counter(one.kind for one in book.settlements))


def check_happened(run: Trading, fills: list[Fill], settled: Counter[SettlementKind]) -> None:
    """The run was of use: each kind of order was filled, in parts too, and each end of a contract came."""
    traded = [fill for fill in fills if fill.quantity]
    assert {OrderOrigin.TICKET, OrderOrigin.HEDGE, OrderOrigin.SIGNAL} <= {fill.origin for fill in traded}
    assert any(fill.legs for fill in traded)
    assert any(fill.status is OrderStatus.PARTIALLY_FILLED for fill in traded)
    assert any(fill.symbol == "AAPL" and fill.purpose is Purpose.TARGET for fill in traded), "the bracket's exit"
    assert settled[SettlementKind.EXERCISE] >= 1
    assert settled[SettlementKind.ASSIGNMENT] >= 1
    asked = [one for one in records_of(run.kafka, run.config, ACCOUNT, "risk", Alert) if one.rule == "ask"]
    assert asked
    approvals = list(records_of(run.kafka, run.config, ACCOUNT, "book", Approval))
    assert {one.approved for one in approvals} == {True, False}


def stop(run: Trading, number: int) -> None:
    """Buy and sell first; pull the emergency stop with all of it held, kill everything, and try to open more."""
    if number == 0:
        run.put(
            ordered(f"BUY 5 SPY {LATER} C 102"),
            ordered(f"SELL 4 SPY {LATER} P 98"),
            ordered("BUY 100 AAPL"),
            ordered(f"BUY 1 SPY {LATER} P 98 @ 0.05"),
        )
    elif number == 1:
        run.await_reading("book", Fill, lambda fills: sum(fill.quantity > 0 for fill in fills) >= 3, "three fills")
        run.put(Control(ACCOUNT, 0, ControlAction.HALT, "enough", flatten=True))
        run.kill(NAMES, 0.1)
        run.put(ordered("BUY 10 AAPL"), ordered(f"BUY 1 SPY {LATER} C 100"))
    elif number == 2:
        run.put(ordered("BUY 10 SPY"))


def test_the_emergency_stop_holds_through_the_death_of_every_stage(tmp_path: Path, trading: list[Trading]) -> None:
    """From the market's ticks to the fills every stage dies, again and again: all is closed, nothing is opened."""
    run = Trading(tmp_path, (60, 110, 160, 200), stop, seed=2)
    trading.append(run)
    outcome = run.run()
    print(outcome.kills, outcome.ended_by_themselves, outcome.suppressed, f"{outcome.seconds:.0f} s")
    check_as_undisturbed(outcome, run, kills_min=3)
    book = check_reconciled(run.kafka, run.config, ACCOUNT)
    check_orders(run.kafka, run.config, ACCOUNT)
    assert book.held() == {}
    traded = [fill for fill in book.fills if fill.quantity]
    first = next(at for at, fill in enumerate(traded) if fill.purpose is Purpose.FLATTEN)
    assert {fill.purpose for fill in traded[first:]} == {Purpose.FLATTEN}
    refused = [
        one
        for one in records_of(run.kafka, run.config, ACCOUNT, "verdicts", Verdict)
        if one.decision is Decision.REFUSE and any("halted: enough" in reason for reason in one.reasons)
    ]
    assert {one.intent.origin for one in refused} == {OrderOrigin.TICKET}
    assert len(refused) == 3
