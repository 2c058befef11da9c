"""Coming back with a cursor on a real broker: nothing missed, nothing repeated, and losses told."""

import asyncio
import random
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from gateway.app import Gateway
from schemas.topics import full_name
from tests.gateway_rig import Writer, figure, gateway_on, get, mark, signal, subscriber, until, verdict

pytestmark = pytest.mark.broker
TOTAL = 3_000


def place(message: dict[str, Any]) -> tuple[str, int, int]:
    return (message["topic"], message["partition"], message["offset"])


async def write_steadily(writer: Writer, total: int) -> None:
    """Append signals and verdicts, marks among them, a few at a time, for some seconds."""
    symbols = ("SPY", "AAPL", "IBM", "QQQ")
    for number in range(total):
        writer.send("signals", signal(number, symbols[number % 4]), symbols[number % 4])
        if number % 5 == 0:
            writer.send("verdicts", mark(number), "paper")
            writer.send("verdicts", verdict(number), "paper")
        if number % 50 == 0:
            await asyncio.to_thread(writer.flush)
            await asyncio.sleep(0.01)
    await asyncio.to_thread(writer.flush)


async def collect_across_cuts(
    gateway: Gateway, wanted: int, found: list[dict[str, Any]], rng: random.Random, cursor: str
) -> int:
    """Take messages until there are so many, cutting the connection at random points; return the number of cuts."""
    cuts = 0
    while len(found) < wanted:
        async with subscriber(gateway) as client:
            answer = await client.subscribe(cursor)
            assert "subscribed" in answer, answer
            for _ in range(rng.randrange(1, 250)):
                message = await client.next()
                assert "gap" not in message
                if "record" in message:
                    found.append(message)
                cursor = message["cursor"]
                if len(found) == wanted:
                    break
            assert client.socket._response.connection is not None
            transport = client.socket._response.connection.transport
            assert transport is not None
            transport.abort()
            cuts += 1
    return cuts


def check_whole(found: list[dict[str, Any]], total: int) -> None:
    places = [place(one) for one in found]
    assert len(places) == len(set(places)), "a record came twice"
    signals = [one["record"]["id"] for one in found if one["type"] == "Signal"]
    verdicts = [one["record"]["intent"]["id"] for one in found if one["type"] == "Verdict"]
    assert sorted(signals) == sorted(signal(number).id for number in range(total))
    assert sorted(verdicts) == sorted(signal(number).id for number in range(0, total, 5))
    for partition in range(3):
        offsets = [one["offset"] for one in found if (one["topic"], one["partition"]) == ("signals", partition)]
        assert offsets == sorted(offsets), "order within a partition was lost"


@pytest.mark.parametrize("tail", [20_000, 100], ids=["tail in memory", "most from Kafka"])
def test_nothing_is_missed_or_repeated_across_cuts(
    broker: Mapping[str, str], topics: Callable[..., str], tail: int
) -> None:
    """A subscriber whose connection is cut at random points while records are written gets each once, in order."""
    world, rng = topics(), random.Random(tail)

    async def scenario() -> None:
        writer = Writer(broker, world)
        async with gateway_on(broker, world, tail_messages_max=tail) as gateway:
            async with subscriber(gateway) as client:
                start = (await client.subscribe())["cursor"]
            writing = asyncio.create_task(write_steadily(writer, TOTAL))
            # A head start, so that the short tail no longer holds where the subscriber begins.
            await until(lambda: sum(gateway.hub.positions) > 500)
            found: list[dict[str, Any]] = []
            cuts = await collect_across_cuts(gateway, TOTAL + TOTAL // 5, found, rng, start)
            await writing
            assert cuts >= 10
            check_whole(found, TOTAL)
            _, metrics = await get(gateway, "metrics")
            assert figure(metrics, "gateway_resumed_total") == cuts
            assert (figure(metrics, "gateway_history_reads_total") > 0) == (tail < TOTAL)

    asyncio.run(scenario())


def test_a_cursor_outlives_the_gateway(broker: Mapping[str, str], topics: Callable[..., str]) -> None:
    """Another gateway, whose order across partitions differs and whose tail is short, goes on where the first ended."""
    world, rng = topics(), random.Random(7)

    async def scenario() -> None:
        writer = Writer(broker, world)
        found: list[dict[str, Any]] = []
        async with gateway_on(broker, world) as gateway, subscriber(gateway) as client:
            cursor = (await client.subscribe())["cursor"]
            await write_steadily(writer, 400)
            found += await client.take(130)
            cursor = found[-1]["cursor"]
        for tail in (50, 20_000, 300):
            async with gateway_on(broker, world, tail_messages_max=tail) as gateway, subscriber(gateway) as client:
                await client.subscribe(cursor)
                found += await client.take(rng.randrange(20, 100))
                cursor = found[-1]["cursor"]
        async with gateway_on(broker, world) as gateway:
            await collect_across_cuts(gateway, 480, found, rng, cursor)
        check_whole(found, 400)

    asyncio.run(scenario())


def trim(kafka: Mapping[str, str], topic: str, partition: int, before: int) -> None:
    """Delete records as retention does."""
    admin = AdminClient(dict(kafka))
    for future in admin.delete_records([TopicPartition(topic, partition, before)]).values():
        future.result(10)


def test_what_retention_took_is_told(broker: Mapping[str, str], topics: Callable[..., str]) -> None:
    """A cursor from before the log's start gets a gap message with the offsets lost, then everything that is left."""
    world = topics(1)

    async def scenario() -> None:
        writer = Writer(broker, world, partitions=1)
        async with gateway_on(broker, world) as gateway, subscriber(gateway) as client:
            start = (await client.subscribe())["cursor"]
        await asyncio.to_thread(writer.signals, 0, 500)
        await asyncio.to_thread(trim, broker, full_name(world, "signals"), 0, 200)
        async with gateway_on(broker, world, tail_messages_max=100) as gateway, subscriber(gateway) as client:
            await client.subscribe(start)
            first = await client.next()
            assert first["gap"] == {"topic": "signals", "partition": 0, "from": 0, "to": 200, "lost": 200}
            assert [one["offset"] for one in await client.take(300)] == list(range(200, 500))
            await client.nothing_more()
            # The cursor of the gap message itself is past the gap.
            assert "|signals." in first["cursor"]
            await client.subscribe(first["cursor"])
            assert [one["offset"] for one in await client.take(300)] == list(range(200, 500))

    asyncio.run(scenario())


def test_a_gateway_that_falls_behind_retention_says_so(broker: Mapping[str, str], topics: Callable[..., str]) -> None:
    """Live subscribers are told too, where retention overtakes the reader: records and gap make the whole."""
    world = topics(1)

    async def scenario() -> None:
        writer = Writer(broker, world, partitions=1)
        tight = {"batches_ahead_max": 1, "batch_records_max": 1, "feed_queue_kbytes": 1}
        async with gateway_on(broker, world, **tight) as gateway, subscriber(gateway) as client:
            await client.subscribe()
            feed = gateway._feed
            await until(lambda: feed._ahead.acquire(blocking=False))
            before_s = feed.progress_s
            await asyncio.to_thread(writer.signals, 0, 10)
            # The reader holds a record that it cannot hand over, and more than its queue may hold behind it.
            await until(lambda: feed.progress_s > before_s)
            await asyncio.to_thread(writer.signals, 10, 500)
            await asyncio.to_thread(trim, broker, full_name(world, "signals"), 0, 300)
            feed.done()
            seen: list[int] = []
            while not seen or seen[-1] < 509:
                message = await client.next()
                if "gap" in message:
                    assert message["gap"]["to"] == 300
                    seen.extend(range(message["gap"]["from"], 300))
                elif "record" in message:
                    assert message["offset"] < 200 or message["offset"] >= 300
                    seen.append(message["offset"])
            assert seen == list(range(510))

    asyncio.run(scenario())


def test_a_cursor_ahead_of_the_log_is_refused(broker: Mapping[str, str], topics: Callable[..., str]) -> None:
    """Offsets that the log has not reached, after a wait for a gateway that lags, are an error with a remedy."""
    world = topics(1)

    async def scenario() -> None:
        writer = Writer(broker, world, partitions=1)
        async with gateway_on(broker, world, ahead_s=0.3) as gateway, subscriber(gateway) as client:
            cursor = (await client.subscribe())["cursor"]
            head, _, tail = cursor.partition("|signals.")
            uuid, _, rest = tail.partition(":0")
            await client.subscribe(f"{head}|signals.{uuid}:5{rest}")
            error = (await client.next(heartbeats=False))["error"]
            assert error["reason"] == "cursor_ahead"
            assert "without a cursor" in error["remedy"]
            # A little ahead is no error: the gateway waits for the log, and skips what the client has.
            await client.subscribe(f"{head}|signals.{uuid}:2{rest}")
            await asyncio.to_thread(writer.signals, 0, 4)
            assert [one["offset"] for one in await client.take(2)] == [2, 3]

    asyncio.run(scenario())
