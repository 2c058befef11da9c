"""The stream on a real broker: subscribe, filter, errors, poison, duplicates."""

import asyncio
import json
from collections.abc import Callable, Mapping

import aiohttp
import pytest

from schemas import wire
from schemas.records import Grade
from streams.log.ids import RecordId
from tests.gateway_rig import (
    Writer,
    figure,
    fill,
    gateway_on,
    get,
    mark,
    report,
    signal,
    subscriber,
    until,
    verdict,
)

pytestmark = pytest.mark.broker


def test_records_reach_a_subscriber_as_json(broker: Mapping[str, str], topics: Callable[..., str]) -> None:
    """A signal, a verdict, a fill and a risk report arrive whole, NaN as null; marks do not."""
    world = topics()

    async def scenario() -> None:
        writer = Writer(broker, world)
        async with gateway_on(broker, world) as gateway, subscriber(gateway) as client:
            answer = await client.subscribe()
            assert answer["subscribed"]["topics"] == ["risk", "signals", "verdicts"]
            partition, record_id = writer.send("signals", signal(1), "SPY")
            writer.send("verdicts", mark(1), "paper")
            writer.send("verdicts", verdict(1), "paper")
            writer.send("verdicts", fill(1), "paper")
            writer.send("risk", report(1), "paper")
            writer.flush()
            found = {message["type"]: message for message in await client.take(4)}
            assert set(found) == {"Signal", "Verdict", "Fill", "RiskReport"}
            one = found["Signal"]
            assert (one["topic"], one["partition"], one["key"]) == ("signals", partition, "SPY")
            assert (one["offset"], one["id"]) == (0, str(record_id))
            assert one["record"]["bid"] is None
            assert one["record"]["entry"] == 100.01
            assert one["record"]["evidence"] == [{"name": "volume_ratio", "value": 2.5}]
            assert one["cursor"].startswith(f"{world}|risk.")
            assert found["Verdict"]["record"]["intent"]["quantity"] == 100
            assert found["RiskReport"]["record"]["positions"][0]["value_cents"] == 601_200
            await client.nothing_more()

    asyncio.run(scenario())


def test_a_subscription_narrows_by_topic_symbol_grade_and_type(
    broker: Mapping[str, str], topics: Callable[..., str]
) -> None:
    """Each filter holds back what it should and nothing else; a new subscription replaces the old one."""
    world = topics()

    async def scenario() -> None:
        writer = Writer(broker, world)
        async with (
            gateway_on(broker, world) as gateway,
            subscriber(gateway) as narrow,
            subscriber(gateway) as graded,
            subscriber(gateway) as typed,
        ):
            await narrow.subscribe(topics=["signals", "risk"], symbols=["AAPL"])
            await graded.subscribe(topics=["signals"], grades=["A", "B"])
            await typed.subscribe(types=["Fill"])
            writer.send("signals", signal(1, "SPY", Grade.A), "SPY")
            writer.send("signals", signal(2, "AAPL", Grade.D), "AAPL")
            writer.send("verdicts", verdict(2, symbol="AAPL"), "paper")
            writer.send("verdicts", fill(3), "paper")
            writer.send("risk", report(1), "paper")
            writer.flush()
            assert {one["type"] for one in await narrow.take(2)} == {"Signal", "RiskReport"}
            assert [one["record"]["grade"] for one in await graded.take(1)] == ["A"]
            assert [one["type"] for one in await typed.take(1)] == ["Fill"]
            for client in (narrow, graded, typed):
                await client.nothing_more()
            await narrow.subscribe(topics=["verdicts"], symbols=["AAPL"])
            await graded.tell({"unsubscribe": True})
            assert (await graded.next())["unsubscribed"] is True
            writer.send("signals", signal(4, "AAPL", Grade.A), "AAPL")
            writer.send("verdicts", verdict(5, symbol="AAPL"), "paper")
            writer.flush()
            assert [one["type"] for one in await narrow.take(1)] == ["Verdict"]
            await narrow.nothing_more()
            await graded.nothing_more()

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("text", "reason", "says"),
    [
        ("{", "bad_json", "expected a JSON object"),
        ("[1]", "bad_json", "expected a JSON object"),
        ('{"hello": 1}', "unknown_command", "subscribe, unsubscribe or ping"),
        ('{"subscribe": 3}', "bad_subscription", "must be an object"),
        ('{"subscribe": {"topic": ["signals"]}}', "bad_subscription", "unknown member 'topic'"),
        ('{"subscribe": {"topics": ["ticks"]}}', "bad_subscription", "no 'ticks'"),
        ('{"subscribe": {"grades": ["E"]}}', "bad_subscription", "known: A, B, C, D"),
        ('{"subscribe": {"symbols": [7]}}', "bad_subscription", "must hold names"),
        ('{"subscribe": {}, "cursor": "elsewhere|signals.x:0"}', "other_world", "is of world 'elsewhere'"),
        ('{"subscribe": {}, "cursor": 12}', "bad_cursor", "expected the text"),
        ('{"subscribe": {}, "cursor": "WORLD|nonsense"}', "bad_cursor", "no topic 'nonsense'"),
    ],
)
def test_a_bad_message_gets_an_error_and_the_connection_lives(
    broker: Mapping[str, str], topics: Callable[..., str], text: str, reason: str, says: str
) -> None:
    """Whatever a client sends, it is told what was expected, counted, and can go on."""
    world = topics()

    async def scenario() -> None:
        async with gateway_on(broker, world) as gateway, subscriber(gateway) as client:
            await client.socket.send_str(text.replace("WORLD", world))
            error = (await client.next())["error"]
            assert error["reason"] == reason
            assert says in error["detail"]
            assert "remedy" in error or reason in ("bad_json", "unknown_command", "bad_subscription")
            await client.nothing_more()
            _, metrics = await get(gateway, "metrics")
            assert figure(metrics, f'gateway_client_errors_total{{reason="{reason}"}}') == 1

    asyncio.run(scenario())


def test_a_recreated_topic_is_told_from_the_old_one(broker: Mapping[str, str], topics: Callable[..., str]) -> None:
    """A cursor that names another UUID is refused with the way out."""
    world = topics()

    async def scenario() -> None:
        async with gateway_on(broker, world) as gateway, subscriber(gateway) as client:
            cursor = (await client.subscribe())["cursor"]
            other = cursor.replace("|signals.", "|signals.x")
            error = (await client.subscribe(other))["error"]
            assert error["reason"] == "topic_recreated"
            assert "without a cursor" in error["remedy"]

    asyncio.run(scenario())


def test_poison_is_counted_and_the_rest_goes_on(broker: Mapping[str, str], topics: Callable[..., str]) -> None:
    """Bytes that are no record, an unknown schema, a cut datum and a null value stop nobody."""
    world = topics()

    async def scenario() -> None:
        writer = Writer(broker, world)
        partition, first = writer.send("signals", signal(1), "SPY")
        for number, value in enumerate((b"hello", b"\0\0\0\0\xff", wire.HEADERS["Signal"] + b"\1", None), start=1):
            writer.send_as("signals", partition, value, "SPY", RecordId("poison", number, 0), None)
        writer.flush()  # before the gateway begins, so that none of these counts as new
        async with gateway_on(broker, world) as gateway, subscriber(gateway) as client:
            await client.subscribe()
            writer.send("signals", signal(2), "SPY")
            writer.flush()
            (one,) = await client.take(1)
            assert one["record"]["id"] == signal(2).id
            assert one["offset"] == 5
            _, metrics = await get(gateway, "metrics")
            assert figure(metrics, 'gateway_records_refused{reason="not_framed"}') == 2
            assert figure(metrics, 'gateway_records_refused{reason="unknown_schema"}') == 1
            assert figure(metrics, 'gateway_records_refused{reason="malformed"}') == 1
            status, _ = await get(gateway, "healthz")
            assert status == 200
            assert first.major == 1

    asyncio.run(scenario())


def test_a_repeated_record_is_sent_once(broker: Mapping[str, str], topics: Callable[..., str]) -> None:
    """A record appended again under its id, as after a crash, reaches nobody."""
    world = topics()

    async def scenario() -> None:
        writer = Writer(broker, world)
        partition, early = writer.send("signals", signal(1), "SPY")
        writer.signals(2, 30, ("SPY",))
        writer.flush()
        # The tail begins after the first record, so only priming can know it.
        async with gateway_on(broker, world, tail_messages_max=10) as gateway, subscriber(gateway) as client:
            await client.subscribe()
            writer.send_as("signals", partition, wire.encode(signal(1)), "SPY", early, None)
            writer.send("signals", signal(40), "SPY")
            writer.flush()
            (one,) = await client.take(1)
            assert one["record"]["id"] == signal(40).id
            await client.nothing_more()
            _, metrics = await get(gateway, "metrics")
            assert figure(metrics, 'gateway_records_refused{reason="duplicate"}') == 1

    asyncio.run(scenario())


def test_http_tells_the_newest_signals(broker: Mapping[str, str], topics: Callable[..., str]) -> None:
    """/v1/signals gives the newest first, by symbol, strategy and limit, and a cursor that goes on from there."""
    world = topics()

    async def scenario() -> None:
        writer = Writer(broker, world)
        writer.signals(1, 30)
        async with gateway_on(broker, world) as gateway:
            await until(lambda: gateway.hub.tail.count() == 30)
            status, text = await get(gateway, "v1/signals?limit=500")
            assert status == 200
            answer = json.loads(text)
            assert {one["record"]["id"] for one in answer["signals"]} == {signal(n).id for n in range(1, 31)}
            _, text = await get(gateway, "v1/signals?symbol=AAPL&strategy=momentum_breakout&limit=2")
            assert [one["record"]["symbol"] for one in json.loads(text)["signals"]] == ["AAPL", "AAPL"]
            assert json.loads(text)["signals"][0]["offset"] > json.loads(text)["signals"][1]["offset"]
            _, text = await get(gateway, "v1/signals?strategy=none")
            assert json.loads(text)["signals"] == []
            for wrong in ("limit=0", "limit=x", "limit=5000", "sort=up"):
                status, text = await get(gateway, f"v1/signals?{wrong}")
                assert (status, "error" in json.loads(text)) == (400, True)
            writer.signals(31, 3)
            async with subscriber(gateway) as client:
                await client.subscribe(answer["cursor"])
                assert {one["record"]["id"] for one in await client.take(3)} == {signal(n).id for n in (31, 32, 33)}
                await client.nothing_more()
            assert (await get(gateway, "nothing"))[0] == 404
            assert (await get(gateway, "v1/stream"))[0] == 426

    asyncio.run(scenario())


def test_pages_from_elsewhere_are_refused(broker: Mapping[str, str], topics: Callable[..., str]) -> None:
    """DNS rebinding shows in Host, another site's script in Origin; both are refused, on HTTP and on the stream."""
    world = topics()

    async def scenario() -> None:
        async with gateway_on(broker, world, origins=("http://localhost:3000",)) as gateway:
            own = gateway.url.rstrip("/")
            for headers, status in (
                ({"Host": "evil.example"}, 403),
                ({"Origin": "http://evil.example"}, 403),
                ({"Origin": "null"}, 403),
                ({"Origin": "http://127.0.0.1:1"}, 403),
                ({"Origin": own}, 200),
                ({"Origin": "http://localhost:3000"}, 200),
                ({"Host": f"localhost:{gateway.port}"}, 200),
            ):
                assert (await get(gateway, "v1/signals", headers=headers))[0] == status, headers
            async with aiohttp.ClientSession() as session:
                with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                    await session.ws_connect(f"{gateway.url}v1/stream", headers={"Origin": "http://evil.example"})
                assert refused.value.status == 403

    asyncio.run(scenario())


def test_firefox_may_connect(broker: Mapping[str, str], topics: Callable[..., str]) -> None:
    """Firefox says `Connection: keep-alive, Upgrade`, which is right by RFC 9110."""
    world = topics()

    async def scenario() -> None:
        async with gateway_on(broker, world) as gateway:
            reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
            writer.write(
                f"GET /v1/stream HTTP/1.1\r\nHost: 127.0.0.1:{gateway.port}\r\nConnection: keep-alive, Upgrade\r\n"
                "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
            )
            assert b" 101 " in await asyncio.wait_for(reader.readline(), 5)
            writer.close()

    asyncio.run(scenario())
