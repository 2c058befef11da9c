"""The fan-out: every batch from Kafka goes to every subscriber it concerns, and no subscriber makes another wait."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from gateway.client import GOING_AWAY, STOPPING, Client, Wire
from gateway.cursor import Layout
from gateway.feed import Batch
from gateway.message import dumps, text_frame
from gateway.metrics import Metrics
from gateway.settings import Settings
from gateway.source import Gap
from gateway.subscription import Subscription
from gateway.tail import Tail


class Hub:
    """Clients, channels (one a distinct subscription) and the tail. Lives in the event loop's thread only.

    positions: next offset of every slot, after the last batch. delivered: messages handed to sockets.
    """

    def __init__(
        self, settings: Settings, layout: Layout, kafka: Mapping[str, str], metrics: Metrics, start: Sequence[int]
    ) -> None:
        self.settings = settings
        self.layout = layout
        self.kafka = kafka
        self.metrics = metrics
        self.clients: set[Client] = set()
        self.positions = list(start)
        self.tail = Tail(layout, start, settings.tail_messages_max, settings.tail_bytes_max)
        self.delivered = 0
        self.delivered_before = 0
        self.history_turns = asyncio.Semaphore(settings.history_readers_max)
        self.history_pool = ThreadPoolExecutor(settings.history_readers_max, "gateway-history")
        self._channels: dict[Subscription, set[Client]] = {}
        self._batch_came = asyncio.Event()
        metrics.gauge("gateway_clients", "Connected clients", lambda: len(self.clients))
        metrics.gauge("gateway_channels", "Distinct subscriptions", lambda: len(self._channels))
        metrics.gauge("gateway_queue_bytes", "Largest queue of a client", self.queue_bytes)
        metrics.gauge("gateway_queue_messages", "Longest queue of a client", self.queue_messages)
        metrics.gauge("gateway_tail_messages", "Messages kept in memory", self.tail.count)
        metrics.gauge("gateway_tail_bytes", "Bytes of messages kept in memory", lambda: self.tail.bytes)

    def connect(self, wire: Wire) -> Client:
        """Return the client of a new connection."""
        client = Client(self, wire)
        self.clients.add(client)
        return client

    def attach(self, client: Client) -> None:
        """Make a client live: it gets every later message of its subscription."""
        assert client.subscription is not None
        self._channels.setdefault(client.subscription, set()).add(client)

    def detach(self, client: Client) -> None:
        """Send a client nothing more of its subscription."""
        if client.subscription in self._channels:
            channel = self._channels[client.subscription]
            channel.discard(client)
            if not channel:
                del self._channels[client.subscription]

    def on_batch(self, batch: Batch) -> None:
        """Keep a batch and send it to the live clients; those that catch up find it in the tail."""
        self.positions = list(batch.positions)
        if batch.gap is not None:
            self.tail.lose(batch.gap.slot, batch.gap.end)
            topic = self.layout.slots[batch.gap.slot][0]
            self._broadcast(self.gap_frame(batch.gap, self.positions), frozenset({topic}))
        for one in batch.messages:
            self.tail.append(one)
        for topic, count in Counter(one.topic for one in batch.messages).items():
            self.metrics.received.labels(topic).inc(count)
        if batch.messages:
            for subscription, channel in list(self._channels.items()):
                frames = [one.frame for one in batch.messages if subscription.matches(one)]
                if frames:
                    chunk = b"".join(frames)
                    for client in list(channel):
                        client.push(chunk, len(frames))
            now_ms = time.time() * 1e3
            for one in batch.messages:
                self.metrics.latency.observe(max(0.0, now_ms - one.appended_ms) / 1e3)
        self._batch_came.set()
        self._batch_came = asyncio.Event()

    async def next_batch(self, seconds_max: float) -> None:
        """Wait for the next batch, or for so long."""
        try:
            async with asyncio.timeout(seconds_max):
                await self._batch_came.wait()
        except TimeoutError:
            return

    def heartbeat(self, members: Mapping[str, object]) -> None:
        """Send every live client the newest cursor."""
        payload = dumps({"cursor": self.layout.text(self.positions), "heartbeat": dict(members)})
        self._broadcast(text_frame(payload), None)

    def gap_frame(self, gap: Gap, positions: Sequence[int]) -> bytes:
        """Return the frame that tells a client what it can no longer get."""
        topic, partition = self.layout.slots[gap.slot]
        lost = {"topic": topic, "partition": partition, "from": gap.begin, "to": gap.end, "lost": gap.end - gap.begin}
        self.metrics.gaps.inc(gap.end - gap.begin)
        return text_frame(dumps({"cursor": self.layout.text(list(positions)), "gap": lost}))

    def in_background(self, step: Callable[[], None]) -> None:
        """Run something short that blocks, off the loop."""
        try:
            self.history_pool.submit(step)
        except RuntimeError:  # the pool is shut: the gateway stops
            step()

    def queue_bytes(self) -> int:
        """Return the bytes that wait for the client with the most."""
        return max((client.queued_bytes() for client in self.clients), default=0)

    def queue_messages(self) -> int:
        """Return the messages that wait for the client with the most."""
        return max((client.queued_messages() for client in self.clients), default=0)

    async def close(self) -> None:
        """Close every client with 1001, wait for them within bounds, and let the threads go."""
        for client in list(self.clients):
            client.drop(GOING_AWAY, STOPPING, "the gateway stops; come back with your cursor")
        give_up_s = time.monotonic() + self.settings.stop_s
        while self.clients and time.monotonic() < give_up_s:
            await asyncio.sleep(0.01)
        for client in list(self.clients):
            client.abort()
        self.history_pool.shutdown(wait=False, cancel_futures=False)

    def _broadcast(self, frame: bytes, topics: frozenset[str] | None) -> None:
        for subscription, channel in list(self._channels.items()):
            if topics is None or topics & subscription.topics:
                for client in list(channel):
                    client.push(frame, 1)
