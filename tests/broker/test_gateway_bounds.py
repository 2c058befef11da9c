"""The gateway's bounds on a real broker: slow clients, too many clients, big messages, and the sizes of queues."""

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

import aiohttp
import pytest

from tests.gateway_rig import ClosedError, Writer, figure, gateway_on, get, signal, subscriber, until

pytestmark = pytest.mark.broker


@asynccontextmanager
async def by_hand(
    port: int, receive_bytes: int, cursor: str | None = None
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Subscribe to signals on a socket with a small receive buffer, and read nothing of what comes."""
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    raw.setblocking(False)
    await asyncio.get_running_loop().sock_connect(raw, ("127.0.0.1", port))
    reader, writer = await asyncio.open_connection(sock=raw, limit=receive_bytes)
    writer.write(
        f"GET /v1/stream HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
    )
    await reader.readuntil(b"\r\n\r\n")
    command = {"subscribe": {"topics": ["signals"]}} | ({} if cursor is None else {"cursor": cursor})
    writer.write(masked(0x81, json.dumps(command).encode()))
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


def masked(first: int, payload: bytes) -> bytes:
    """Return a client's frame: first byte given, masked with zeros."""
    size = len(payload)
    head = bytes((first, 0x80 | size)) if size < 126 else bytes((first, 0xFE)) + struct.pack(">H", size)
    return head + bytes(4) + payload


async def read_to_close(reader: asyncio.StreamReader) -> tuple[int, int, str]:
    """Read frames to the close frame; return how many messages came, its code and reason."""
    messages = 0
    while True:
        first, second = await reader.readexactly(2)
        size = second & 0x7F
        if size == 126:
            size = int.from_bytes(await reader.readexactly(2), "big")
        elif size == 127:
            size = int.from_bytes(await reader.readexactly(8), "big")
        payload = await reader.readexactly(size)
        if first & 0x0F == 8:
            return messages, struct.unpack(">H", payload[:2])[0], payload[2:].decode()
        messages += first & 0x0F == 1


def test_a_slow_client_is_dropped_and_others_never_wait(broker: Mapping[str, str], topics: Callable[..., str]) -> None:
    """A client that reads nothing is closed with a reason once its queue is full; another gets every record."""
    world, total, queue_bytes = topics(1), 8_000, 200_000

    async def scenario() -> None:
        writer = Writer(broker, world, partitions=1)
        bounds = {"queue_bytes_max": queue_bytes, "queue_messages_max": 10_000, "slow_grace_s": 30.0}
        async with gateway_on(broker, world, **bounds) as gateway, subscriber(gateway) as fast:
            await fast.subscribe(topics=["signals"])
            async with by_hand(gateway.port, 4_096) as (reader, _):
                await until(lambda: len(gateway.hub.clients) == 2)
                largest = 0
                writing = asyncio.create_task(asyncio.to_thread(writer.signals, 0, total))
                for number in range(total):
                    (one,) = await fast.take(1)
                    assert one["offset"] == number
                    largest = max(largest, gateway.hub.queue_bytes())
                await writing
                # One batch may stand above the bound, as it is measured after it came. How full the queue was when this
                # loop looked is chance; that it was full at last is what the drop below says.
                assert largest < queue_bytes + 400_000
                messages, code, reason = await read_to_close(reader)
            assert code == 1013
            assert reason.startswith("slow: ")
            assert "come back with your cursor" in reason
            assert 0 < messages < total
            _, metrics = await get(gateway, "metrics")
            assert figure(metrics, 'gateway_clients_dropped_total{reason="slow"}') == 1
            await until(lambda: len(gateway.hub.clients) == 1)

    asyncio.run(scenario())


def test_a_client_that_never_reads_is_cut_off(broker: Mapping[str, str], topics: Callable[..., str]) -> None:
    """A dropped client that does not even read the reason is aborted after the grace, and its memory let go."""
    world = topics(1)

    async def scenario() -> None:
        writer = Writer(broker, world, partitions=1)
        async with (
            gateway_on(broker, world, queue_messages_max=500, slow_grace_s=0.2) as gateway,
            by_hand(gateway.port, 4_096),
        ):
            await until(lambda: len(gateway.hub.clients) == 1)
            await asyncio.to_thread(writer.signals, 0, 8_000)
            await until(lambda: not gateway.hub.clients)
            assert gateway.hub.queue_bytes() == 0

    asyncio.run(scenario())


def test_a_client_that_stalls_while_catching_up_is_dropped(
    broker: Mapping[str, str], topics: Callable[..., str]
) -> None:
    """Catching up is paced by the client; one that takes nothing for too long is dropped; memory is bounded."""
    world = topics(1)

    async def scenario() -> None:
        writer = Writer(broker, world, partitions=1)
        async with gateway_on(broker, world, tail_messages_max=50, catch_up_stall_s=0.5, slow_grace_s=0.1) as gateway:
            async with subscriber(gateway) as client:
                cursor = (await client.subscribe())["cursor"]
            await asyncio.to_thread(writer.signals, 0, 10_000)
            async with by_hand(gateway.port, 4_096, cursor):
                await until(lambda: len(gateway.hub.clients) == 1)
                largest = 0

                def is_gone() -> bool:
                    nonlocal largest
                    largest = max(largest, gateway.hub.queue_bytes())
                    return not gateway.hub.clients

                await until(is_gone)
            assert largest < 1_000_000
            _, metrics = await get(gateway, "metrics")
            assert figure(metrics, 'gateway_clients_dropped_total{reason="slow"}') == 1

    asyncio.run(scenario())


def test_clients_and_messages_are_limited(broker: Mapping[str, str], topics: Callable[..., str]) -> None:
    """The client after the last gets 503; a message that is too big is closed with 1009."""
    world = topics(1)

    async def scenario() -> None:
        async with (
            gateway_on(broker, world, clients_max=2, client_message_bytes_max=2_000) as gateway,
            subscriber(gateway) as one,
            subscriber(gateway) as two,
        ):
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                async with subscriber(gateway):
                    pass
            assert refused.value.status == 503
            await one.socket.send_str("x" * 2_001)
            with pytest.raises(ClosedError) as closed:
                await one.next()
            assert closed.value.code == 1009
            await two.nothing_more()

    asyncio.run(scenario())


def test_a_message_in_parts_is_put_together(broker: Mapping[str, str], topics: Callable[..., str]) -> None:
    """Fragments make one message (RFC 6455, 5.4), within the same bound of size."""
    world = topics(1)

    async def scenario() -> None:
        async with (
            gateway_on(broker, world, client_message_bytes_max=300) as gateway,
            by_hand(gateway.port, 65_536) as (reader, writer),
        ):
            text = json.dumps({"ping": "parts"}).encode()
            writer.write(masked(0x01, text[:5]) + masked(0x80, text[5:]))
            await asyncio.wait_for(reader.readuntil(b'"pong":"parts"'), 5)
            await reader.readuntil(b"}")
            for first in (0x01, 0x00, 0x00, 0x00):
                writer.write(masked(first, b"z" * 100))
            _, code, _ = await read_to_close(reader)
            assert code == 1009

    asyncio.run(scenario())


def test_a_silent_connection_is_pinged_and_closed(broker: Mapping[str, str], topics: Callable[..., str]) -> None:
    """A connection whose other side no longer answers pings is closed; one that answers is kept."""
    world = topics(1)

    async def scenario() -> None:
        async with (
            gateway_on(broker, world, ping_idle_s=0.3, ping_reply_s=0.3) as gateway,
            subscriber(gateway) as alive,
            by_hand(gateway.port, 65_536),
        ):
            await until(lambda: len(gateway.hub.clients) == 2)
            reading = asyncio.create_task(alive.socket.receive())
            await until(lambda: len(gateway.hub.clients) == 1)
            await alive.tell({"ping": 1})
            assert json.loads((await reading).data)["pong"] == 1

    asyncio.run(scenario())


def test_the_tail_is_bounded_by_count_and_bytes(broker: Mapping[str, str], topics: Callable[..., str]) -> None:
    """The messages kept for clients that come back never exceed their bounds, which are on a gauge."""
    world = topics(1)

    async def scenario() -> None:
        writer = Writer(broker, world, partitions=1)
        async with gateway_on(broker, world, tail_messages_max=1_000, tail_bytes_max=40_000) as gateway:
            await asyncio.to_thread(writer.signals, 0, 500)
            await until(lambda: sum(gateway.hub.positions) == 500)
            assert gateway.hub.tail.bytes <= 40_000
            assert 20 < gateway.hub.tail.count() < 100
            _, metrics = await get(gateway, "metrics")
            assert figure(metrics, "gateway_tail_bytes") == gateway.hub.tail.bytes
            newest = next(iter(gateway.hub.tail.newest_first(["signals"])))
            assert signal(499).id.encode() in newest.body

    asyncio.run(scenario())
