"""`aiots order list` and answers to what asks, with the real stages: what waits, asks and works, and for what."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from aiots.__main__ import build_app
from gateway.words import words
from schemas.records import Alert, Mode, OrderIntent, OrderKind, OrderTicket, Side, StrategyMode
from tests.kills.inbox import CAPITAL_CENTS, Inbox, ticket
from tests.kills.processes import Pipeline, wait_until
from tests.orderpath_rig import at, mandate, signal
from tests.sizing_rig import CALL, PUT

pytestmark = [pytest.mark.broker, pytest.mark.timeout(240)]
STAGES = ("sizing", "risk", "venue")
LIMITS: dict[str, Any] = {"position_notional_usd_max": 1e6, "gross_notional_usd_max": 1e6, "concentration_max": 1.0}


def told(*arguments: str) -> str:
    """Return what a command prints; it must succeed."""
    result = CliRunner().invoke(build_app(), list(arguments))
    assert result.exit_code == 0, result.output
    return result.output


def listed() -> dict[str, dict[str, Any]]:
    """Return the account's open orders by state."""
    return {row["state"]: row for row in json.loads(told("order", "list", "paper", "--json"))["paper"]}


def test_open_orders_are_listed_and_answered(
    broker: Mapping[str, str], topics: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ticket that waits for its first mark, an order that asks, one that works; approved as its alert says."""
    world = topics(partitions=1)
    environment = {
        "KAFKA_BOOTSTRAP_SERVERS": broker["bootstrap.servers"],
        "AIOTS_WORLD": world,
        "AIOTS_PARTITIONS": "1",
        "XDG_STATE_HOME": str(tmp_path),
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    pipeline, inbox = Pipeline(world, tmp_path, environment), Inbox(broker, world)
    modes = (StrategyMode("", Mode.ASK),)
    try:
        inbox.put(mandate(capital_cents=CAPITAL_CENTS, modes=modes, **LIMITS))
        inbox.market()
        for stage in STAGES:
            pipeline.start_stage(stage)
        inbox.put(ticket("waits", PUT, Side.BUY, 2), limited(), signal(second=1, expires_ns=at(3_600)))
        wait_until(lambda: bool(inbox.of("risk", Alert)), 60, "an order asks")
        inbox.market()
        wait_until(lambda: set(listed()) == {"waiting", "asks", "working"}, 60, f"three states, {listed()}", 0.3)
        found = listed()
        assert found["waiting"]["id"] == "waits"
        assert found["waiting"]["waits_for"] == "a mark of SPY 2013-10-19 P 95"
        assert found["working"]["order"] == "BUY 3 SPY 2013-10-19 C 100 @ 1.50"
        assert found["working"]["waits_for"] == "a price of at most 1.50, now 2.10"
        assert (found["working"]["filled"], found["working"]["quantity"]) == (0, 3)
        assert found["working"]["age_s"] >= 1.0
        text = told("order", "list")
        assert re.search(r"paper: 3 open", text)
        assert "a mark of SPY 2013-10-19 P 95" in text
        (alert,) = inbox.of("risk", Alert)
        said = re.search(r"aiots (order approve paper [0-9a-f]{16})", words(alert) or "")
        assert said is not None
        told(*said[1].split())
        wait_until(lambda: inbox.goes_on() and "SPY" in inbox.held(), 60, "the approved order is filled", 0.3)
        told("order", "cancel", "paper")
        wait_until(lambda: listed() == {}, 60, f"nothing is open, {listed()}", 0.3)
        assert "no order waits or works" in told("order", "list", "paper")
        assert [one.parked for one in inbox.of("orders", OrderIntent) if one.signal_id == signal(second=1).id] == [
            True,
            False,
        ]
    finally:
        pipeline.kill_all()


def limited() -> OrderTicket:
    """Return an order that the market does not reach."""
    return replace(ticket("works", CALL, Side.BUY, 3), kind=OrderKind.LIMIT, limit_cents=150)
