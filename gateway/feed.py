"""The one reader of the live topics: a thread that makes messages of records and hands them to the event loop."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog
from confluent_kafka import KafkaError, TopicPartition

from gateway import message, source
from gateway.cursor import Layout
from gateway.record import Record
from gateway.settings import Settings
from gateway.source import Gap, SourceError
from schemas.topics import full_name

POLL_S = 0.2
PACE_S = 0.005
"""Between two batches: those that come meanwhile are handed over together, which a fan-out is the cheaper for."""
FETCH_PACE_S = 0.01
"""Between two questions to the broker while records come."""

log = structlog.get_logger()


@dataclass(frozen=True)
class Batch:
    """Consecutive messages, and the next offset of every slot after them. A gap comes alone, before what follows it."""

    messages: tuple[message.Message, ...]
    positions: tuple[int, ...]
    gap: Gap | None = None


class Feed(threading.Thread):
    """Read every slot from `start` on, for good.

    deliver(batch) and fail(error) are called in this thread. After each deliver the loop calls done(); the thread is at
    most batches_ahead_max ahead of it. start: where the messages begin, by slot; ends: the log's ends as found then.
    """

    def __init__(
        self,
        kafka: Mapping[str, str],
        layout: Layout,
        settings: Settings,
        deliver: Callable[[Batch], object],
        fail: Callable[[BaseException], object],
    ) -> None:
        super().__init__(name="gateway-feed", daemon=True)
        self.refused = message.Refused()
        self.progress_s = time.monotonic()
        self._layout = layout
        self._settings = settings
        self._deliver = deliver
        self._fail = fail
        self._ahead = threading.Semaphore(settings.batches_ahead_max)
        self._stopping = threading.Event()
        self._names = [full_name(layout.world, topic) for topic, _ in layout.slots]
        self._slots = {
            (name, place[1]): slot for slot, (name, place) in enumerate(zip(self._names, layout.slots, strict=True))
        }
        self._consumer = source.open_consumer(kafka, settings.feed_queue_kbytes, pace_s=FETCH_PACE_S)
        self._alarmed: set[str] = set()
        self.start_offsets, self.ends, self._prime = self._bounds()

    def done(self) -> None:
        """Let the thread go on: the loop has dealt with one batch."""
        self._ahead.release()

    def stop(self) -> None:
        """End the thread and wait for it."""
        self._stopping.set()
        self._ahead.release()
        if self.is_alive():
            self.join(self._settings.stop_s)

    def run(self) -> None:
        try:
            self._read()
        except BaseException as error:  # handed to the loop, which ends the process
            self._fail(error)
        finally:
            self._consumer.close()

    def _bounds(self) -> tuple[list[int], list[int], list[int]]:
        start, ends, prime = [], [], []
        for name, (_, partition) in zip(self._names, self._layout.slots, strict=True):
            low, high = source.low_of(self._consumer, name, partition, self._settings.start_s)
            start.append(max(low, high - self._settings.tail_messages_max))
            ends.append(high)
            prime.append(max(low, start[-1] - self._settings.prime_records))
        return start, ends, prime

    def _read(self) -> None:
        reader = message.Reader(self._layout, list(self.start_offsets), self.refused)
        self._assign(self._prime)
        while not self._stopping.is_set():
            messages: list[message.Message] = []
            before = list(reader.positions)
            for record in source.fetch(self._consumer, self._settings.batch_records_max, POLL_S):
                if record.error is not None:
                    self._hand_over(messages, reader)
                    messages = []
                    self._on_error(record, record.error, reader)
                    continue
                slot = self._slots[record.topic, record.partition]
                if record.offset < self.start_offsets[slot]:
                    reader.prime(record, slot)
                elif record.offset >= reader.positions[slot] and (found := reader.take(record, slot)) is not None:
                    messages.append(found)
            if messages or reader.positions != before:
                self._hand_over(messages, reader)
                self._stopping.wait(PACE_S)
            self._alarm()

    def _hand_over(self, messages: list[message.Message], reader: message.Reader, gap: Gap | None = None) -> None:
        self.progress_s = time.monotonic()
        self._ahead.acquire()
        if not self._stopping.is_set():
            self._deliver(Batch(tuple(messages), tuple(reader.positions), gap))

    def _on_error(self, record: Record, error: KafkaError, reader: message.Reader) -> None:
        if error.code() == KafkaError._AUTO_OFFSET_RESET:
            self._skip_what_is_gone(self._slots[record.topic, record.partition], reader)
        elif error.fatal():
            raise SourceError(f"{record.topic}/{record.partition}: {error.str()}")
        # All else passes: librdkafka reconnects by itself, and the watch says meanwhile that the broker is away.

    def _skip_what_is_gone(self, slot: int, reader: message.Reader) -> None:
        name, partition = self._names[slot], self._layout.slots[slot][1]
        low, high = source.low_of(self._consumer, name, partition)
        position = reader.positions[slot]
        if position > high:
            # A broker that has just come back may know less of its log's end than it will; the watch tells for good.
            self._stopping.wait(POLL_S)
        if low > position:
            log.error(
                "records lost to retention before they were read",
                topic=name,
                partition=partition,
                begin=position,
                end=low,
            )
            reader.positions[slot] = low
            self._hand_over([], reader, Gap(slot, position, low))
        self._assign(reader.positions)

    def _assign(self, positions: list[int]) -> None:
        places = zip(self._names, self._layout.slots, positions, strict=True)
        self._consumer.assign([TopicPartition(name, place[1], offset) for name, place, offset in places])

    def _alarm(self) -> None:
        for reason in set(self.refused) - self._alarmed - {"duplicate"}:
            self._alarmed.add(reason)
            log.error("a record could not be served; further ones are counted only", reason=reason)
