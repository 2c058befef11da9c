"""Options trade while every stage is killed: the book reconciles to the cent, and all equals an undisturbed run."""

import secrets
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aiots.commands.order import ticket_of
from schemas.records import (
    Approval,
    Cancel,
    Mark,
    OrderIntent,
    OrderTicket,
)
from tests.kills.book_laws import check_ledgers
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
            ordered("BUY 100 AAPL", bracket=True, target=203.0, stop=150.0),
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
    check_ledgers(run.kafka, run.config, ACCOUNT)
