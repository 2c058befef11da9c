"""What the gateway's tests share: a writer of the log, a gateway in the test's own loop, a subscriber."""

import asyncio
import json
import math
import os
import re
import select
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

import aiohttp

from gateway.app import Gateway
from gateway.settings import Settings
from schemas import wire
from schemas.records import (
    Decision,
    Direction,
    Evidence,
    Fill,
    Grade,
    Mark,
    OrderIntent,
    PositionReport,
    Priority,
    Purpose,
    Record,
    RiskReport,
    Side,
    Signal,
    Verdict,
)
from schemas.topics import full_name, partition_of
from streams.log.ids import Place, RecordId, headers_of
from streams.log.producer import LogProducer

NEW_YORK_0930_NS = 1_402_061_400_000_000_000  # 2014-06-06 09:30 in New York
SECOND_NS = 1_000_000_000
START_S_MAX = 40.0
CHROMIUM = "/usr/bin/chromium"
QUIET = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync"
)
"""A browser's options: it talks to nobody but the page."""
WAIT_S = 20.0


def signal(number: int, symbol: str = "SPY", grade: Grade = Grade.D, strategy: str = "momentum_breakout") -> Signal:
    """Return the number-th signal of a symbol."""
    event_ns = NEW_YORK_0930_NS + number * SECOND_NS
    return Signal(
        id=f"{number:016x}",
        strategy=strategy,
        symbol=symbol,
        event_ns=event_ns,
        ordinal=0,
        direction=Direction.LONG if number % 2 == 0 else Direction.SHORT,
        entry=100.0 + number / 100,
        stop=96.0,
        target=108.0,
        expires_ns=event_ns + 600 * SECOND_NS,
        confidence=0.62,
        calibrated=False,
        grade=grade,
        priority=Priority.HIGH,
        bid=math.nan,
        ask=100.0 + number / 100,
        evidence=(Evidence("volume_ratio", 2.5),),
        text=f"{symbol} broke out",
    )


def intent(number: int, account: str = "paper", symbol: str = "SPY") -> OrderIntent:
    """Return the number-th intent of an account."""
    return OrderIntent(
        id=f"{number:016x}",
        account=account,
        symbol=symbol,
        event_ns=NEW_YORK_0930_NS + number * SECOND_NS,
        side=Side.BUY,
        quantity=100,
        purpose=Purpose.ENTRY,
        signal_id=f"{number:016x}",
        strategy="momentum_breakout",
        reference=100.0,
        stop=96.0,
        target=108.0,
        expires_ns=NEW_YORK_0930_NS + 600 * SECOND_NS,
    )


def verdict(number: int, account: str = "paper", symbol: str = "SPY") -> Verdict:
    """Return risk's answer to the number-th intent."""
    asked = intent(number, account, symbol)
    return Verdict(asked, asked.event_ns, Decision.CUT, 60, "concentration", ("too much of SPY",), 10_000_000, 6_000.0)


def fill(number: int, account: str = "paper", symbol: str = "SPY") -> Fill:
    """Return what the venue did for the number-th intent."""
    asked = intent(number, account, symbol)
    return Fill(
        id=f"{number:016x}",
        intent_id=asked.id,
        account=account,
        symbol=symbol,
        event_ns=asked.event_ns + SECOND_NS,
        side=Side.BUY,
        quantity=60,
        price_cents=10_002,
        fee_cents=100,
        slippage_cents=120,
        purpose=Purpose.ENTRY,
        signal_id=asked.signal_id,
        strategy=asked.strategy,
        stop=96.0,
        target=108.0,
        expires_ns=asked.expires_ns,
    )


def mark(number: int, symbol: str = "SPY") -> Mark:
    """Return a mark, which the gateway keeps to itself."""
    return Mark(symbol, NEW_YORK_0930_NS + number * SECOND_NS, 100.0, 100.02, 100.01, 100.05, 99.9, 1_000)


def report(number: int, account: str = "paper") -> RiskReport:
    """Return an account's state."""
    return RiskReport(
        account=account,
        event_ns=NEW_YORK_0930_NS + number * SECOND_NS,
        cash_cents=9_399_880,
        equity_cents=10_012_345,
        peak_cents=10_050_000,
        drawdown=0.0037,
        daily_pnl_cents=12_345,
        realised_cents=-2_000,
        fees_cents=100,
        gross_notional_usd=6_012.0,
        net_notional_usd=6_012.0,
        halted=False,
        positions=(PositionReport("SPY", 60, 600_120, 601_200),),
    )


class Writer:
    """Append records to a world as a stage does: one origin a partition, each record naming the one before it."""

    def __init__(self, kafka: Mapping[str, str], world: str, partitions: int = 3, origin: str = "rig") -> None:
        self._producer = LogProducer(kafka, f"test-{origin}")
        self._world = world
        self._partitions = partitions
        self._origin = origin
        self._newest: dict[tuple[str, int], Place] = {}
        self._count = 0

    def send(self, topic: str, record: Record, key: str) -> tuple[int, RecordId]:
        """Append a record; return its partition and id."""
        partition = partition_of(key, self._partitions)
        before = self._newest.get((topic, partition))
        self._count += 1
        record_id = RecordId(f"{self._origin}/{partition}", self._count, 0)
        self._newest[topic, partition] = record_id.place
        self.send_as(topic, partition, wire.encode(record), key, record_id, before)
        return partition, record_id

    def send_as(
        self, topic: str, partition: int, value: bytes | None, key: str, record_id: RecordId, before: Place | None
    ) -> None:
        """Append bytes under an id: for duplicates, gaps and poison."""
        name = full_name(self._world, topic)
        self._producer.send(name, partition, key.encode(), value, headers_of(record_id, before))

    def signals(self, first: int, count: int, symbols: tuple[str, ...] = ("SPY", "AAPL", "IBM")) -> None:
        """Append signals numbered from first on, by turns of the symbols; return when they are in the log."""
        for number in range(first, first + count):
            symbol = symbols[number % len(symbols)]
            self.send("signals", signal(number, symbol), symbol)
        self.flush()

    def flush(self) -> None:
        """Return when all is in the log."""
        self._producer.flush()


@asynccontextmanager
async def gateway_on(kafka: Mapping[str, str], world: str, **settings: Any) -> AsyncIterator[Gateway]:
    """Run a gateway on a free port in this loop; yield it when it is ready."""
    gateway = Gateway(Settings(**({"port": 0, "watch_s": 0.2} | settings)), kafka, world)
    await gateway.open()
    running = asyncio.create_task(gateway.run())
    try:
        await until(lambda: running.done() or not gateway.rest.reasons())
        yield gateway
    finally:
        gateway.stop()
        await running


async def until(condition: Callable[[], bool], seconds_max: float = WAIT_S) -> None:
    """Wait for a condition, within a bound."""
    async with asyncio.timeout(seconds_max):
        while not condition():
            await asyncio.sleep(0.005)


class Subscriber:
    """A WebSocket client that keeps what it gets."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.cursor: str | None = None

    async def tell(self, message: Any) -> None:
        """Send a message as JSON."""
        await self.socket.send_str(json.dumps(message))

    async def subscribe(self, cursor: str | None = None, **members: list[str]) -> dict[str, Any]:
        """Subscribe and return the answer."""
        await self.tell({"subscribe": members} | ({} if cursor is None else {"cursor": cursor}))
        return await self.next(heartbeats=False)

    async def next(self, seconds_max: float = WAIT_S, heartbeats: bool = True) -> dict[str, Any]:
        """Return the next message."""
        async with asyncio.timeout(seconds_max):
            while True:
                message = await self.socket.receive()
                if message.type != aiohttp.WSMsgType.TEXT:
                    raise ClosedError(self.socket.close_code or 0, str(message.extra or message.type.name))
                found: dict[str, Any] = json.loads(message.data)
                if "cursor" in found:
                    self.cursor = found["cursor"]
                if heartbeats or "heartbeat" not in found:
                    return found

    async def take(self, count: int) -> list[dict[str, Any]]:
        """Return the next messages that carry a record."""
        found: list[dict[str, Any]] = []
        while len(found) < count:
            message = await self.next()
            if "record" in message:
                found.append(message)
        return found

    async def nothing_more(self) -> None:
        """Assert that no record waits: a ping is answered first."""
        await self.tell({"ping": "end"})
        while True:
            message = await self.next()
            assert "record" not in message, message
            if message.get("pong") == "end":
                return


class ClosedError(Exception):
    """The connection was closed, with this code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code} {reason}")
        self.code = code
        self.reason = reason


@asynccontextmanager
async def subscriber(gateway: Gateway, **options: Any) -> AsyncIterator[Subscriber]:
    """Connect to a gateway's stream."""
    async with aiohttp.ClientSession() as session:
        socket = await session.ws_connect(f"{gateway.url}v1/stream", **options)
        try:
            yield Subscriber(socket)
        finally:
            with suppress(Exception):
                await socket.close()


async def get(gateway: Gateway, path: str, **options: Any) -> tuple[int, str]:
    """Return status and text of GET path."""
    async with aiohttp.ClientSession() as session, session.get(f"{gateway.url}{path}", **options) as answer:
        return answer.status, await answer.text()


def figure(metrics: str, name: str) -> float:
    """Return a figure of Prometheus' text, by its name with labels; 0 where it is absent."""
    return next((float(line.split()[-1]) for line in metrics.splitlines() if line.rpartition(" ")[0] == name), 0.0)


def command(kafka: Mapping[str, str], world: str, *options: str) -> subprocess.Popen[str]:
    """Start `aiots gateway`."""
    environ = os.environ | {"KAFKA_BOOTSTRAP_SERVERS": kafka["bootstrap.servers"], "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "aiots", "gateway", "--world", world, *options],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextmanager
def gateway_process(kafka: Mapping[str, str], world: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run `aiots gateway` on a free port; yield the process and the URL that it prints."""
    process = command(kafka, world, "--port", "0")
    try:
        assert process.stdout is not None
        ready, _, _ = select.select([process.stdout], [], [], START_S_MAX)
        line = process.stdout.readline() if ready else ""
        found = re.search(r"http://\S+/", line)
        assert found, f"{line!r} {process.stderr.read() if process.poll() is not None and process.stderr else ''}"
        yield process, found.group()
    finally:
        process.kill()
        process.communicate()
