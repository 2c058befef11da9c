"""How fast the gateway fans out, beside a bare picows loop and a bare aiohttp loop in the same run.

    pytest tests/bench/test_gateway_bench.py -m bench -s

Fan-out: one core serves (server and clients are different processes, pinned to different cores where there are two).
Latency: from LogAppendTime at the broker to the client's message handler, at a low rate.
"""

import asyncio
import json
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable, Mapping
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

import aiohttp
import aiohttp.web
import picows
import pytest

from gateway.message import framed
from tests.gateway_rig import Writer, gateway_on, signal, subscriber

pytestmark = [pytest.mark.broker, pytest.mark.bench]
CLIENTS = 200
MESSAGES = 1_500
ROUND_S_MAX = 90.0


class Counting(picows.WSListener):
    """A client that counts messages of 200 bytes and more, and is done at a number."""

    def __init__(self, wanted: int) -> None:
        super().__init__()
        self.left = wanted
        self.done = asyncio.get_running_loop().create_future()

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        if frame.payload_size > 200 and b'"record"' in frame.get_payload_as_bytes():
            self.left -= 1
            if self.left == 0:
                self.done.set_result(time.perf_counter())


def same(listener: Counting) -> Counting:
    """Return what is given: picows asks for a factory."""
    return listener


def clients_process(pipe: Connection, port: int, path: str, command: str) -> None:
    """Connect all clients, say so, and tell when each has everything."""

    async def run() -> None:
        listeners = [Counting(MESSAGES) for _ in range(CLIENTS)]
        for listener in listeners:
            transport, _ = await picows.ws_connect(partial(same, listener), f"ws://127.0.0.1:{port}{path}")
            transport.send(picows.WSMsgType.TEXT, command.encode())
        pipe.send("ready")
        await asyncio.wait_for(asyncio.gather(*(one.done for one in listeners)), ROUND_S_MAX)
        pipe.send("done")

    pin(1)
    asyncio.run(run())


def pin(core: int) -> None:
    """Keep this process on one core, where there are several."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[core % len(cores)]})


async def rate_of(port: int, path: str, send: Callable[[], Any]) -> float:
    """Return deliveries a second: all clients in another process, `send` begins the round."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    command = json.dumps({"subscribe": {"topics": ["signals"]}})
    process = context.Process(target=clients_process, args=(theirs, port, path, command))
    process.start()
    try:
        assert await asyncio.to_thread(ours.poll, 60)
        assert ours.recv() == "ready"
        await asyncio.sleep(0.2)
        begin_s = time.perf_counter()
        await send()
        assert await asyncio.to_thread(ours.poll, ROUND_S_MAX)
        assert ours.recv() == "done"
        return CLIENTS * MESSAGES / (time.perf_counter() - begin_s)
    finally:
        await asyncio.to_thread(process.join, 10)
        process.kill()


def payload() -> bytes:
    """Return a message as the gateway sends it."""
    body = b"," + json.dumps({"topic": "signals", "record": {"text": "x" * 520}}).encode()[1:]
    frame, _ = framed("bench|risk.aaaaaaaa:0,0,0|signals.bbbbbbbb:0,0,0|verdicts.cccccccc:0,0,0", body)
    return frame[4:]


async def bare_picows() -> float:
    """Return the rate of a loop that does nothing but send each message to each client by picows."""
    transports: list[picows.WSTransport] = []

    class Kept(picows.WSListener):
        def on_ws_connected(self, transport: picows.WSTransport) -> None:
            transports.append(transport)

        def pause_writing(self) -> None: ...

        def resume_writing(self) -> None: ...

    server = await picows.ws_create_server(lambda _: Kept(), "127.0.0.1", 0)
    message = payload()

    async def send() -> None:
        for _ in range(MESSAGES):
            for transport in transports:
                transport.send(picows.WSMsgType.TEXT, message)
            await asyncio.sleep(0)

    try:
        return await rate_of(server.sockets[0].getsockname()[1], "/", send)
    finally:
        server.close()


async def bare_aiohttp() -> float:
    """Return the same of aiohttp."""
    sockets: list[aiohttp.web.WebSocketResponse] = []

    async def connect(request: aiohttp.web.Request) -> aiohttp.web.WebSocketResponse:
        socket = aiohttp.web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        sockets.append(socket)
        async for _ in socket:
            pass
        return socket

    app = aiohttp.web.Application()
    app.router.add_get("/", connect)
    runner = aiohttp.web.AppRunner(app)
    await runner.setup()
    site = aiohttp.web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    message = payload().decode()

    async def send() -> None:
        for _ in range(MESSAGES):
            for socket in sockets:
                await socket.send_str(message)

    try:
        return await rate_of(runner.addresses[0][1], "/", send)
    finally:
        await runner.cleanup()


async def whole_gateway(kafka: Mapping[str, str], world: str) -> float:
    """Return the rate of the gateway itself: Kafka, Avro, JSON, cursors and bounds included."""
    writer = Writer(kafka, world)
    async with gateway_on(kafka, world, queue_bytes_max=64 * 1024 * 1024) as gateway:

        async def send() -> None:
            await asyncio.to_thread(writer.signals, 0, MESSAGES)

        return await rate_of(gateway.port, "/v1/stream", send)


@pytest.mark.timeout(400)
def test_fan_out(broker: Mapping[str, str], topics: Callable[..., str]) -> None:
    """The whole gateway delivers at least as fast as a bare loop that sends message by message."""
    before = os.sched_getaffinity(0)
    pin(0)
    try:
        rates = {
            "gateway": asyncio.run(whole_gateway(broker, topics())),
            "bare picows": asyncio.run(bare_picows()),
            "bare aiohttp": asyncio.run(bare_aiohttp()),
        }
    finally:
        os.sched_setaffinity(0, before)
    size = len(payload())
    for name, rate in rates.items():
        print(f"\n{name}: {rate:,.0f} deliveries/s, {rate / rates['bare picows']:.2f} x bare picows", end="")
    print(f"\n{CLIENTS} clients, {MESSAGES} messages of about {size} bytes")
    assert rates["gateway"] > 0.5 * rates["bare aiohttp"]


@pytest.mark.timeout(200)
def test_latency(broker: Mapping[str, str], topics: Callable[..., str]) -> None:
    """At 100 signals a second, half of them reach a client within 10 ms of their append."""
    world, count = topics(), 1_000

    async def scenario() -> list[float]:
        writer = Writer(broker, world)
        waits_ms: list[float] = []

        def send() -> None:
            for number in range(count):
                writer.send("signals", signal(number, f"S{number % 7}"), f"S{number % 7}")
                writer.flush()
                time.sleep(0.01)

        async with gateway_on(broker, world) as gateway, subscriber(gateway) as client:
            await client.subscribe(topics=["signals"])
            sending = asyncio.create_task(asyncio.to_thread(send))
            while len(waits_ms) < count:
                (message,) = await client.take(1)
                waits_ms.append(time.time() * 1e3 - message["appended_ms"])
            await sending
        return waits_ms

    waits_ms = sorted(asyncio.run(scenario()))
    p50, p99 = statistics.median(waits_ms), waits_ms[int(0.99 * len(waits_ms))]
    print(f"\nappend to client, {count} signals: p50 {p50:.1f} ms, p99 {p99:.1f} ms, most {waits_ms[-1]:.1f} ms")
    assert p50 < 10
