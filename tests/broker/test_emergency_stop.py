"""The emergency stop while every stage of the order path is killed: all is closed, and nothing is opened any more."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from schemas.records import Control, ControlAction, Decision, Purpose, Side, Verdict
from schemas.topics import partition_of
from tests.kills.inbox import CAPITAL_CENTS, Inbox, ticket
from tests.kills.processes import Pipeline, wait_until
from tests.orderpath_rig import mandate
from tests.sizing_rig import CALL

pytestmark = [pytest.mark.broker, pytest.mark.slow, pytest.mark.timeout(300)]
STAGES = ("sizing", "risk", "venue")
LIMITS: dict[str, Any] = {"position_notional_usd_max": 1e6, "gross_notional_usd_max": 1e6, "concentration_max": 1.0}


def test_the_stop_holds_through_the_death_of_every_stage(
    broker: Mapping[str, str], topics: Callable[..., str], tmp_path: Path
) -> None:
    """Shares long and short and options are held when it is pulled; all three stages are killed at once, and again."""
    world = topics(partitions=1)
    assert partition_of("paper", 1) == 0
    environment = {
        "KAFKA_BOOTSTRAP_SERVERS": broker["bootstrap.servers"],
        "AIOTS_WORLD": world,
        "AIOTS_PARTITIONS": "1",
        "XDG_STATE_HOME": str(tmp_path),
    }
    pipeline, inbox = Pipeline(world, tmp_path, environment), Inbox(broker, world)
    try:
        inbox.put(mandate(capital_cents=CAPITAL_CENTS, **LIMITS))
        inbox.market()
        for stage in STAGES:
            pipeline.start_stage(stage)
        inbox.put(
            ticket("one", "SPY", Side.BUY, 100),
            ticket("two", "AAPL", Side.SELL, 50),
            ticket("three", CALL, Side.BUY, 5),
        )
        wait_until(lambda: inbox.held() == {"SPY": 100, "AAPL": -50, CALL: 5}, 60, f"three fills, {inbox.held()}")
        before = len(inbox.fills())
        inbox.put(Control("paper", 0, ControlAction.HALT, "enough", flatten=True))
        inbox.put(ticket("late", "SPY", Side.BUY, 10))
        for stage in STAGES:
            pipeline.kill(f"{stage}-0")
        for stage in STAGES:
            pipeline.start_stage(stage)
        wait_until(lambda: inbox.goes_on() and inbox.held() == {}, 60, f"nothing held, {inbox.held()}", every_s=0.3)
        for stage in STAGES:
            pipeline.kill(f"{stage}-0")
            pipeline.start_stage(stage)
        inbox.put(ticket("later", "AAPL", Side.BUY, 10))
        wait_until(lambda: inbox.goes_on() and len(_refused(inbox)) == 2, 60, "two refusals", every_s=0.3)
        after = inbox.fills()[before:]
        assert {fill.purpose for fill in after} == {Purpose.FLATTEN}
        assert inbox.held() == {}
        assert all("halted: enough" in reason for verdict in _refused(inbox) for reason in verdict.reasons)
        assert len({fill.id for fill in inbox.fills()}) == len(inbox.fills())
    finally:
        pipeline.kill_all()


def _refused(inbox: Inbox) -> list[Verdict]:
    return [one for one in inbox.read("verdicts") if isinstance(one, Verdict) and one.decision is Decision.REFUSE]
