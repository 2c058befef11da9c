"""One subscriber: its commands, its bounded queue, and its way from a cursor to the live records."""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from gateway.cursor import AFRESH, CursorError, CursorReason
from gateway.history import History
from gateway.message import Message, dumps, framed, text_frame
from gateway.source import SourceError
from gateway.subscription import ClientError, Ping, Subscribe, Subscription, Unsubscribe, parse_command

if TYPE_CHECKING:
    from gateway.hub import Hub

GOING_AWAY, TRY_AGAIN_LATER = 1001, 1013
SLOW, UNREADABLE, STOPPING = "slow", "history_unavailable", "stopping"


class Wire(Protocol):
    """The connection under a client. write never waits; the client's pause() and resume() say when to hold back."""

    def write(self, data: bytes) -> None: ...

    def buffered(self) -> int: ...

    def close(self, code: int, reason: str) -> None: ...

    def abort(self) -> None: ...


class Client:
    """A subscriber. It is idle, catching up (a task of its own), or live (in a channel of the hub)."""

    def __init__(self, hub: "Hub", wire: Wire) -> None:
        self.subscription: Subscription | None = None
        self._hub = hub
        self._wire = wire
        self._queue: deque[tuple[bytes, int]] = deque()
        self._queued_bytes = 0
        self._queued_messages = 0
        self._writable = asyncio.Event()
        self._writable.set()
        self._closing = False
        self._task: asyncio.Task[None] | None = None

    # -- what the connection tells it

    def receive(self, text: bytes) -> None:
        """Follow a message of the client; answer with an error where it cannot be followed."""
        try:
            command = parse_command(text)
            if isinstance(command, Subscribe):
                self._subscribe(command)
            elif isinstance(command, Unsubscribe):
                self._leave()
                self._answer({"unsubscribed": True})
            elif isinstance(command, Ping):
                self._answer({"pong": command.value})
        except ClientError as error:
            self.refuse(error.reason, error.detail)
        except CursorError as error:
            self.refuse(error.reason, error.detail, error.remedy)

    def refuse(self, reason: str, detail: str, remedy: str | None = None) -> None:
        """Send an error; the connection lives on."""
        self._hub.metrics.client_errors.labels(reason).inc()
        error = {"reason": reason, "detail": detail} | ({} if remedy is None else {"remedy": remedy})
        self.push(text_frame(dumps({"error": error})), 1)

    def pause(self) -> None:
        """The socket takes no more."""
        self._writable.clear()

    def resume(self) -> None:
        """The socket takes more: hand it what waits."""
        self._writable.set()
        while self._queue and self._writable.is_set():
            frames, count = self._queue.popleft()
            self._queued_bytes -= len(frames)
            self._queued_messages -= count
            self._write(frames, count)

    def gone(self) -> None:
        """The connection has ended."""
        self._closing = True
        self._leave()
        self._empty()
        self._hub.clients.discard(self)

    # -- what the hub tells it

    def push(self, frames: bytes, count: int) -> None:
        """Send whole frames, so many messages, after all before them; drop the client where too much waits for it."""
        if self._closing:
            return
        if self._writable.is_set() and not self._queue:
            self._write(frames, count)
            return
        self._queue.append((frames, count))
        self._queued_bytes += len(frames)
        self._queued_messages += count
        settings = self._hub.settings
        if self._queued_messages > settings.queue_messages_max or self.queued_bytes() > settings.queue_bytes_max:
            waiting = f"{self._queued_messages} messages, {self.queued_bytes()} bytes waiting"
            self.drop(TRY_AGAIN_LATER, SLOW, f"slow: {waiting}; come back with your cursor")

    def queued_bytes(self) -> int:
        """Return how many bytes wait for this client."""
        return self._queued_bytes + self._wire.buffered()

    def queued_messages(self) -> int:
        """Return how many messages wait for this client, without those in the socket's buffer."""
        return self._queued_messages

    def drop(self, code: int, label: str, reason: str) -> None:
        """Close the connection with a reason; what waits is let go, as the cursor brings it back."""
        if self._closing:
            return
        self._closing = True
        self._leave()
        self._empty()
        self._hub.metrics.dropped.labels(label).inc()
        self._wire.close(code, reason)
        asyncio.get_running_loop().call_later(self._hub.settings.slow_grace_s, self._wire.abort)

    def abort(self) -> None:
        """End the connection at once."""
        self._wire.abort()

    # -- its own

    def _write(self, frames: bytes, count: int) -> None:
        self._wire.write(frames)
        self._hub.delivered += count

    def _answer(self, members: dict[str, Any]) -> None:
        cursor = self._hub.layout.text(self._hub.positions)
        self.push(text_frame(dumps(members | {"cursor": cursor})), 1)

    def _empty(self) -> None:
        self._queue.clear()
        self._queued_bytes = self._queued_messages = 0

    def _leave(self) -> None:
        self._hub.detach(self)
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def _subscribe(self, command: Subscribe) -> None:
        hub = self._hub
        positions = list(hub.positions) if command.cursor is None else hub.layout.parse(command.cursor)
        self._leave()
        self.subscription = command.subscription
        members = {"subscribed": command.subscription.plain(), "cursor": hub.layout.text(positions)}
        self.push(text_frame(dumps(members)), 1)
        if command.cursor is None:
            hub.attach(self)
        else:
            # A cursor is a point in all topics: those not subscribed to are passed over.
            for slot, (topic, _) in enumerate(hub.layout.slots):
                if topic not in command.subscription.topics:
                    positions[slot] = max(positions[slot], hub.positions[slot])
            hub.metrics.resumed.inc()
            self._task = asyncio.get_running_loop().create_task(self._catch_up(command.subscription, positions))

    async def _catch_up(self, subscription: Subscription, positions: list[int]) -> None:
        """Send what lies between the positions and the live records, then go live, without gap or repeat."""
        try:
            async with asyncio.timeout(None) as patience:
                await self._follow(subscription, positions, patience)
        except TimeoutError:
            self.drop(TRY_AGAIN_LATER, SLOW, "slow: took nothing while catching up; come back with your cursor")
        except SourceError as error:
            self.refuse("history_unavailable", str(error), "come back with your cursor when the broker is up")
            self.drop(TRY_AGAIN_LATER, UNREADABLE, "older records cannot be read now; come back with your cursor")
        except CursorError as error:
            self.refuse(error.reason, error.detail, error.remedy)

    async def _follow(self, subscription: Subscription, positions: list[int], patience: asyncio.Timeout) -> None:
        hub, loop = self._hub, asyncio.get_running_loop()
        slots = hub.layout.slots_of(subscription.topics)
        ahead_until_s = loop.time() + hub.settings.ahead_s
        await self._drained(patience)
        while True:
            if targets := {
                slot: hub.positions[slot] for slot in slots if positions[slot] < hub.tail.covered_from[slot]
            }:
                await self._from_kafka(subscription, positions, targets, patience)
                continue
            reached = list(hub.positions)
            found = [one for one in hub.tail.since(subscription.topics, positions) if subscription.matches(one)]
            ahead = [slot for slot in slots if positions[slot] > reached[slot]]
            if len(found) <= hub.settings.catch_up_chunk and not ahead:
                # No await between the look at the tail and the channel: nothing can come in between.
                self._send_own(found, positions)
                if not self._closing:
                    hub.attach(self)
                return
            for first in range(0, len(found), hub.settings.catch_up_chunk):
                self._send_own(found[first : first + hub.settings.catch_up_chunk], positions)
                await self._drained(patience)
            positions[:] = [max(pair) for pair in zip(positions, reached, strict=True)]
            if ahead:
                if loop.time() > ahead_until_s:
                    raise _ahead_error(hub, ahead[0], positions)
                await hub.next_batch(hub.settings.ahead_s)

    async def _from_kafka(
        self, subscription: Subscription, positions: list[int], targets: dict[int, int], patience: asyncio.Timeout
    ) -> None:
        hub, loop = self._hub, asyncio.get_running_loop()
        hub.metrics.history_reads.inc()
        async with hub.history_turns:
            history = History(hub.kafka, hub.layout, positions, targets, hub.settings)
            # A cancelled task must not close a reader that a thread still uses: each step is let finish.
            step: asyncio.Future[Any] = loop.run_in_executor(hub.history_pool, history.open)
            try:
                for gap in await asyncio.shield(step):
                    self.push(hub.gap_frame(gap, positions), 1)
                while True:
                    step = loop.run_in_executor(hub.history_pool, history.read, hub.settings.batch_records_max)
                    found = await asyncio.shield(step)
                    if found is None:
                        return
                    wanted = [one.frame for one in found if subscription.matches(one)]
                    if wanted:
                        self.push(b"".join(wanted), len(wanted))
                    await self._drained(patience)
            finally:
                step.add_done_callback(lambda _: hub.in_background(history.close))

    def _send_own(self, messages: Sequence[Message], positions: list[int]) -> None:
        """Send messages of the tail with this client's own cursor: it may be further than the gateway in some slots."""
        frames = []
        for one in messages:
            positions[:] = [max(pair) for pair in zip(positions, one.positions, strict=True)]
            if tuple(positions) == one.positions:
                frames.append(one.frame)
            else:
                frames.append(framed(self._hub.layout.text(positions), one.body)[0])
        if frames:
            self.push(b"".join(frames), len(frames))

    async def _drained(self, patience: asyncio.Timeout) -> None:
        """Wait until the socket takes more; TimeoutError of `patience` where it takes nothing for too long."""
        patience.reschedule(asyncio.get_running_loop().time() + self._hub.settings.catch_up_stall_s)
        await self._writable.wait()
        await asyncio.sleep(0)
        patience.reschedule(None)


def _ahead_error(hub: "Hub", slot: int, positions: Sequence[int]) -> CursorError:
    topic, partition = hub.layout.slots[slot]
    return CursorError(
        CursorReason.CURSOR_AHEAD,
        f"the cursor says {topic}/{partition} was read up to {positions[slot]}, but it ends at {hub.positions[slot]}",
        AFRESH,
    )
