"""The gateway as a process on a real broker: refusals at start, SIGTERM, a broker that dies, the page."""

import asyncio
import json
import re
import signal as signals
import socket
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import aiohttp
import pytest
from confluent_kafka.admin import AdminClient

from deploy.local.admin import ensure_topics
from deploy.local.broker import start_broker
from gateway.source import SourceError
from schemas.topics import full_name
from tests.gateway_rig import (
    CHROMIUM,
    QUIET,
    START_S_MAX,
    Writer,
    command,
    fill,
    gateway_on,
    gateway_process,
    get,
    report,
    signal,
    subscriber,
    until,
    verdict,
)

pytestmark = pytest.mark.broker


def refusal(kafka: Mapping[str, str], world: str, *options: str) -> str:
    """Return what `aiots gateway` says when it will not start."""
    process = command(kafka, world, *options)
    try:
        _, said = process.communicate(timeout=START_S_MAX)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 1, said
    assert said.startswith("error: "), said
    return said


def test_a_port_in_use_is_named(broker: Mapping[str, str], topics: Callable[..., str]) -> None:
    """The gateway takes the port it was told or none, and says what to do."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        said = refusal(broker, topics(1), "--port", str(port))
    assert f"port {port} on 127.0.0.1 is in use" in said
    assert "--port" in said


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.0.7", "::", "example.com"])
def test_only_loopback_is_bound(broker: Mapping[str, str], host: str) -> None:
    """Without authentication nobody else may reach the gateway."""
    said = refusal(broker, "any", "--host", host)
    assert "loopback only" in said
    assert repr(host) in said


def test_a_world_without_topics_is_named(broker: Mapping[str, str], world: str) -> None:
    """The remedy stands in the message."""
    assert f"aiots topics --world {world}" in refusal(broker, world)


def test_sigterm_closes_clients_with_1001(broker: Mapping[str, str], topics: Callable[..., str]) -> None:
    """A stop is told to every client, takes seconds, and exits with 0."""
    with gateway_process(broker, topics(1)) as (process, url):

        async def scenario() -> None:
            async with aiohttp.ClientSession() as session, session.ws_connect(f"{url}v1/stream") as socket:
                await socket.send_str('{"subscribe": {}}')
                assert "subscribed" in (await socket.receive(10)).data
                process.send_signal(signals.SIGTERM)
                message = await socket.receive(10)
                assert message.type == aiohttp.WSMsgType.CLOSE
                assert message.data == 1001
                assert "come back with your cursor" in (message.extra or "")

        asyncio.run(scenario())
        assert process.wait(10) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""


@pytest.mark.slow
def test_a_broker_that_dies_and_comes_back(tmp_path: Path, world: str) -> None:
    """Health turns 503 with the reason; after the restart the stream goes on with nothing lost."""
    broker = start_broker(tmp_path / "broker")
    port = broker.port
    kafka = {"bootstrap.servers": broker.bootstrap}

    async def scenario() -> None:
        nonlocal broker
        await asyncio.to_thread(ensure_topics, kafka, world, 1)
        writer = Writer(kafka, world, partitions=1)
        async with gateway_on(kafka, world, broker_silence_s=1.0) as gateway, subscriber(gateway) as client:
            await client.subscribe(topics=["signals"])
            await asyncio.to_thread(writer.signals, 0, 10)
            before = await client.take(10)
            await asyncio.to_thread(broker.kill)
            await until(lambda: time.monotonic() - gateway._watch.answered_s > 1.5, 30)
            status, text = await get(gateway, "healthz")
            assert status == 503
            assert any("broker" in reason for reason in json.loads(text)["reasons"])
            writer.send("signals", signal(10), "SPY")
            broker = await asyncio.to_thread(start_broker, tmp_path / "broker", port)
            await asyncio.to_thread(writer.signals, 11, 5)
            after = await client.take(6)
            assert [one["offset"] for one in before + after] == list(range(16))
            await until(lambda: not gateway.rest.reasons(), 30)
            assert (await get(gateway, "healthz"))[0] == 200

    try:
        asyncio.run(scenario())
    finally:
        broker.kill()


def test_topics_made_again_end_the_gateway(broker: Mapping[str, str], topics: Callable[..., str]) -> None:
    """A topic deleted and made again under a running gateway is noticed, and the gateway ends loudly."""
    world = topics(1)

    async def scenario() -> None:
        writer = Writer(broker, world, partitions=1)
        await asyncio.to_thread(writer.signals, 0, 20)
        async with gateway_on(broker, world, shrunk_s=0.5) as gateway:
            admin, name = AdminClient(dict(broker)), full_name(world, "signals")
            admin.delete_topics([name])[name].result(20)
            await until(lambda: bool(gateway.rest.reasons()))
            await asyncio.to_thread(ensure_topics, broker, world, 1)
            await until(lambda: gateway._failure is not None)

    with pytest.raises(SourceError, match="was it deleted and made again"):
        asyncio.run(scenario())


def test_the_page_shows_signals_as_they_arrive(broker: Mapping[str, str], topics: Callable[..., str]) -> None:
    """In a real browser: earlier and arriving signals, verdicts, the account, filters, and a stream that comes back."""
    if not Path(CHROMIUM).exists():
        pytest.skip(f"no {CHROMIUM}: apt-get install chromium")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    world = topics()
    writer = Writer(broker, world)
    writer.signals(0, 3)
    with gateway_process(broker, world) as (_, url), playwright.sync_playwright() as run:
        browser = run.chromium.launch(executable_path=CHROMIUM, headless=True, args=QUIET.split())
        try:
            page = browser.new_page(viewport={"width": 1400, "height": 820})
            troubles: list[str] = []
            page.on("pageerror", lambda error: troubles.append(str(error)))
            page.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
            page.goto(url)
            playwright.expect(page.locator("#state")).to_have_text("live")
            rows = page.locator("#rows-signals tr")
            playwright.expect(rows).to_have_count(3)
            writer.signals(3, 3)
            writer.send("verdicts", verdict(1), "paper")
            writer.send("verdicts", fill(1), "paper")
            writer.send("risk", report(1), "paper")
            writer.flush()
            playwright.expect(rows).to_have_count(6)
            playwright.expect(rows.first).to_contain_text(re.compile(r"2014-06-06 09:30:0\d"))
            playwright.expect(rows.first).to_contain_text("uncalibrated")
            playwright.expect(page.locator("#accounts")).to_contain_text("$100,123.45")
            playwright.expect(page.locator("#accounts")).to_contain_text("SPY")
            page.fill("#symbol", "aapl")
            playwright.expect(rows).to_have_count(2)
            page.fill("#symbol", "")
            page.select_option("#grade", "A")
            playwright.expect(rows).to_have_count(0)
            page.select_option("#grade", "")
            page.click("#tab-orders")
            playwright.expect(page.locator("#rows-orders tr")).to_have_count(2)
            playwright.expect(page.locator("#rows-orders")).to_contain_text("60 of 100")
            playwright.expect(page.get_by_text("no investment advice")).to_be_visible()
            # The stream is cut; the page comes back by its cursor and shows what came meanwhile, once.
            page.evaluate("socket.close()")
            writer.signals(6, 3)
            page.click("#tab-signals")
            playwright.expect(rows).to_have_count(9)
            playwright.expect(page.locator("#state")).to_have_text("live")
            assert troubles == []
        finally:
            browser.close()
