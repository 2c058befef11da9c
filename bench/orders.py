"""Orders a second through sizing, risk and the venue over Kafka: a person's tickets in, the venue's fills out.

Closed loop: so many tickets are under way at once, and each fill lets the next one go, so that what is measured is what
the three processes can do and not how long a queue can grow. Half of the orders buy a share, half sell it again.
"""

import time
from collections.abc import Iterator

import numpy as np
from confluent_kafka import Consumer

from aiots.commands.control import publish
from aiots.mandates import DEFAULTS
from bench.cluster import Process, World, until
from bench.context import Context
from bench.figures import at_least
from bench.latency import follow
from schemas import wire
from schemas.records import Fill, Mandate, Mark, OrderKind, OrderTicket, Side, TimeInForce
from schemas.topics import partition_of
from streams.log.ids import Place, RecordId, headers_of
from streams.log.producer import LogProducer, client_name

SECTION = "orders"
STAGES = ("sizing", "risk", "venue")
RATE_MIN = 1_000.0
ORDERS, WARM = 20_000, 4_000
UNDER_WAY = 150
PARTITIONS = 3
ACCOUNTS = tuple(f"paper{number}" for number in range(9))
LIMITS = ("position_notional_usd_max", "gross_notional_usd_max", "daily_loss_usd_max")
SETTINGS = f"accounts = {list(ACCOUNTS)}\n"
START_NS = 1_748_871_000_000_000_000
"""2025-06-02 09:30 New York."""


class Desk:
    """Writes tickets and marks into `book`, each partition's in a chain of ids."""

    def __init__(self, world: World) -> None:
        self._producer = LogProducer(world.cluster.kafka, client_name("bench-orders"))
        self._topic, self._partitions = world.full("book"), world.partitions
        self._places: dict[int, Place] = {}
        self._sequence = 0

    def send(self, record: OrderTicket | Mark, key: str, partition: int) -> None:
        """Send a record; it is on its way when this returns."""
        self._sequence += 1
        record_id = RecordId(f"bench/orders/{partition}", self._sequence, 0)
        headers = headers_of(record_id, self._places.get(partition))
        self._producer.send(self._topic, partition, key.encode(), wire.encode(record), headers)
        self._places[partition] = record_id.place

    def mark(self, event_ns: int) -> None:
        """Tell every partition the market."""
        mark = Mark("SPY", event_ns, 99.99, 100.01, 100.0, 100.0, 100.0, 1_000_000)
        for partition in range(self._partitions):
            self.send(mark, "SPY", partition)

    def ticket(self, number: int) -> str:
        """Send order `number`; return its ticket's id."""
        account = ACCOUNTS[number % len(ACCOUNTS)]
        buying = number // len(ACCOUNTS) % 2 == 0
        # Each at a limit of its own that the market meets: a second order of the same terms would be a duplicate.
        limit_cents = 10_100 + number % UNDER_WAY if buying else 9_900 - number % UNDER_WAY
        ticket = OrderTicket(
            f"{number:016x}", account, "SPY", 0, Side.BUY if buying else Side.SELL, 1, OrderKind.LIMIT, limit_cents, 0,
            TimeInForce.GTC, (), 1, False, float("nan"), float("nan"), "",
        )  # fmt: skip
        self.send(ticket, account, partition_of(account, self._partitions))
        return ticket.id

    def settle(self) -> None:
        """Serve deliveries."""
        self._producer.poll()


def run(context: Context) -> None:
    """Measure how many orders a second come back filled."""
    with context.cluster(SECTION) as cluster:
        world = cluster.world("orders", PARTITIONS, SETTINGS)
        limits = dict.fromkeys(
            ("position_notional_usd_max", "gross_notional_usd_max", "daily_loss_usd_max"), 1000000000.0
        )
        mandates = [Mandate(account=name, **{**DEFAULTS, **limits, "concentration_max": 1.0}) for name in ACCOUNTS]
        publish(cluster.kafka, world.name, world.partitions, mandates)
        processes = [world.stage(name, 0) for name in STAGES]
        until("the order path to run", lambda: _running(processes), 300.0, 0.2)
        desk = Desk(world)
        _drive(context, world, desk, 0, context.size(WARM, 200))
        before = [process.cpu_seconds() for process in processes]
        orders = context.size(ORDERS, 400)
        seconds, latencies, unfilled = _drive(context, world, desk, context.size(WARM, 200), orders)
        spent = [process.cpu_seconds() - start for process, start in zip(processes, before, strict=True)]
    shares = ", ".join(f"{name} {used / seconds:.0%}" for name, used in zip(STAGES, spent, strict=True))
    note = (
        f"{orders:,} orders of {len(ACCOUNTS)} accounts, {UNDER_WAY} under way; one process a stage: {shares} of a core"
    )
    context.add(at_least(SECTION, "ticket -> fill", orders / seconds, "orders/s", RATE_MIN, note=note))
    p50, p99 = (np.percentile(latencies, (50, 99)) * 1e3).tolist()
    context.figure(SECTION, "ticket -> fill, p50", p50, "ms", note="closed loop: what is under way waits its turn")
    context.figure(SECTION, "ticket -> fill, p99", p99, "ms")
    context.figure(SECTION, "orders that ended unfilled", float(unfilled), "orders")


def _running(processes: list[Process]) -> bool:
    for process in processes:
        process.check()
    states = [task["state"] for one in processes for task in one.health().get("tasks", {}).values()]
    return states.count("running") == len(STAGES) * PARTITIONS


def _drive(context: Context, world: World, desk: Desk, first: int, count: int) -> tuple[float, list[float], int]:
    """Send `count` orders, never more than UNDER_WAY at once; return seconds, latencies of all, and how many failed."""
    consumer = follow(world, ("book",))
    sent: dict[str, float] = {}
    latencies: list[float] = []
    unfilled = 0
    number, event_ns = first, START_NS + first * 1_000_000
    begun_s = marked_s = time.monotonic()
    desk.mark(event_ns)
    while len(latencies) < count:
        while number < first + count and len(sent) < UNDER_WAY:
            sent[desk.ticket(number)] = time.monotonic()
            number += 1
        now_s = time.monotonic()
        if now_s - marked_s > 0.1:
            event_ns, marked_s = event_ns + 100_000_000, now_s
            desk.mark(event_ns)
        desk.settle()
        for fill in _fills(consumer):
            if fill.remaining or fill.signal_id not in sent:
                continue
            latencies.append(time.monotonic() - sent.pop(fill.signal_id))
            unfilled += fill.quantity == 0
        if now_s - begun_s > 300:
            raise TimeoutError(f"{len(sent)} orders have not come back in 300 s; {len(latencies)} have")
    seconds = time.monotonic() - begun_s
    consumer.close()
    context.say(f"{SECTION}: {count} orders in {seconds:.1f} s")
    return seconds, latencies, unfilled


def _fills(consumer: Consumer) -> Iterator[Fill]:
    for message in consumer.consume(500, 0.002):
        payload = message.value() or b""
        if message.error() is None and wire.name_of(payload) == "Fill":
            record = wire.decode(payload)
            assert isinstance(record, Fill)
            yield record
