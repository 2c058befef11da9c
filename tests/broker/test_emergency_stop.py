"""The emergency stop while every stage of the order path is killed: all is closed, and nothing is opened any more."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from schemas import wire
from schemas.records import (
    Control,
    ControlAction,
    Decision,
    Fill,
    OrderKind,
    OrderTicket,
    Purpose,
    Record,
    Side,
    TimeInForce,
    Verdict,
)
from schemas.topics import full_name, partition_of
from streams.book.ledger import Ledger, apply_fill
from streams.log.ids import Place, RecordId, headers_of
from streams.log.producer import LogProducer, client_name
from streams.log.reader import read
from tests.kills.processes import Pipeline, wait_until
from tests.orderpath_rig import NAN, mandate, mark
from tests.sizing_rig import CALL, option

pytestmark = [pytest.mark.broker, pytest.mark.slow, pytest.mark.timeout(300)]
STAGES = ("sizing", "risk", "venue")
CAPITAL_CENTS = 10_000_000
LIMITS: dict[str, Any] = {"position_notional_usd_max": 1e6, "gross_notional_usd_max": 1e6, "concentration_max": 1.0}


class Inbox:
    """Writes an account's inbox, and reads what became of it."""

    def __init__(self, kafka: Mapping[str, str], world: str) -> None:
        self.kafka, self.world = kafka, world
        self._producer = LogProducer(kafka, client_name("test"))
        self._place: Place | None = None
        self._sequence = 0
        self.second = 0.0

    def put(self, *records: Record) -> None:
        """Append records; return once the broker has them."""
        for record in records:
            self._sequence += 1
            record_id = RecordId("test/0", self._sequence, 0)
            headers = headers_of(record_id, self._place)
            self._producer.send(full_name(self.world, "book"), 0, b"paper", wire.encode(record), headers)
            self._place = record_id.place
        self._producer.flush()

    def market(self) -> None:
        """Tell the market of another second: shares at 100, the call at 2."""
        self.second += 1
        self.put(mark(second=self.second), mark("AAPL", second=self.second), option(second=self.second, bid_size=500))

    def read(self, topic: str) -> list[Record]:
        """Return all records of a topic."""
        return [wire.decode(one.value()) for one in read(self.kafka, full_name(self.world, topic), 0)]

    def fills(self) -> list[Fill]:
        """Return what the venue did."""
        return [one for one in self.read("book") if isinstance(one, Fill) and one.quantity]

    def held(self) -> dict[str, int]:
        """Return what the account holds after all fills."""
        ledger = Ledger(CAPITAL_CENTS, {})
        for fill in self.fills():
            ledger = apply_fill(ledger, fill)
        return {symbol: position.quantity for symbol, position in ledger.positions.items()}


def ticket(name: str, symbol: str, side: Side, quantity: int) -> OrderTicket:
    """Return a person's market order."""
    multiplier = 100 if symbol == CALL else 1
    return OrderTicket(
        name, "paper", symbol, 0, side, quantity, OrderKind.MARKET, 0, 0, TimeInForce.GTC, (), multiplier, False, NAN,
        NAN, "a test",
    )  # fmt: skip


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
        wait_until(lambda: _moved(inbox) and inbox.held() == {}, 60, f"nothing held, {inbox.held()}", every_s=0.3)
        for stage in STAGES:
            pipeline.kill(f"{stage}-0")
            pipeline.start_stage(stage)
        inbox.put(ticket("later", "AAPL", Side.BUY, 10))
        wait_until(lambda: _moved(inbox) and len(_refused(inbox)) == 2, 60, "two refusals", every_s=0.3)
        after = inbox.fills()[before:]
        assert {fill.purpose for fill in after} == {Purpose.FLATTEN}
        assert inbox.held() == {}
        assert all("halted: enough" in reason for verdict in _refused(inbox) for reason in verdict.reasons)
        assert len({fill.id for fill in inbox.fills()}) == len(inbox.fills())
    finally:
        pipeline.kill_all()


def _moved(inbox: Inbox) -> bool:
    """The market goes on: what waits for a mark gets one."""
    inbox.market()
    time.sleep(0.2)
    return True


def _refused(inbox: Inbox) -> list[Verdict]:
    return [one for one in inbox.read("verdicts") if isinstance(one, Verdict) and one.decision is Decision.REFUSE]
