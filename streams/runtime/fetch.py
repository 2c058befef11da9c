"""How a stage's process comes by the records of its partitions: fetched, filtered, folded.

Two ways, the same records: MessageFetch takes confluent-kafka's messages; NativeFetch (native/fetch.py) takes them from
librdkafka's memory. The group's consumer fetches nothing: its partitions stay paused.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from streams.log.reader import paced_settings, reader_settings
from streams.runtime.task import Outbound, Task

FETCH_SETTINGS: Mapping[str, str | int | bool] = {"enable.partition.eof": False, "fetch.wait.max.ms": 100}
"""What differs from a reader of a stretch."""
ANSWER_SECONDS_MAX = 5.0
COMPANY_SECONDS = 0.001
"""What an answer brings of other partitions is here within this time of its first record."""


class Applied(NamedTuple):
    """A part of a partition's inbox that its task has folded.

    place: full topic name and partition. stamp_ms: append time of the last record, payload: its bytes.
    """

    place: tuple[str, int]
    outputs: Sequence[Outbound]
    records: int
    stamp_ms: int
    payload: bytes


OnError = Callable[[KafkaError, tuple[str, int]], None]
"""Told what the client says instead of a record, and of which place; raises where that is not to be survived."""


class Fetch(Protocol):
    """Fetches partitions for their tasks; one thread calls it."""

    def first(self, topic: str, partition: int) -> int:
        """Return the first offset that a partition still has, -1 where no broker says so within 5 s.

        Asked before start(), it makes the connections, which a restart would otherwise wait for once more.
        """
        ...

    def start(self, topic: str, partition: int, task: Task) -> None:
        """Fetch a partition from its task's position on; topic: full name."""
        ...

    def stop(self, topic: str, partition: int) -> None:
        """Fetch a partition no more; nothing of it comes after this. Nothing happens where it is not fetched."""
        ...

    def turn(self, wait_s: float, records_max: int) -> Iterator[Applied]:
        """Wait for records, apply each to its task, yield what came of it; raises what tasks raise."""
        ...

    def end(self, topic: str, partition: int) -> int:
        """Return a partition's end as the last fetch has told it, -1 where none has."""
        ...

    def close(self) -> None:
        """Let go of the connections."""
        ...


class MessageFetch:
    """By confluent-kafka's messages. pace_s: how long records may wait for others, 0: not at all."""

    def __init__(self, kafka: Mapping[str, str], on_error: OnError, pace_s: float = 0.0) -> None:
        self._on_error = on_error
        pace = paced_settings(pace_s) if pace_s > 0 else {}
        self._consumer = Consumer({**reader_settings(kafka), **FETCH_SETTINGS, **pace})
        self._paced, self._behind = pace_s > 0, False
        self._tasks: dict[tuple[str, int], Task] = {}

    def first(self, topic: str, partition: int) -> int:
        try:
            low, _ = self._consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=ANSWER_SECONDS_MAX)
        except KafkaException:
            return -1
        return int(low)

    def start(self, topic: str, partition: int, task: Task) -> None:
        self._consumer.incremental_assign([TopicPartition(topic, partition, task.position)])
        self._tasks[topic, partition] = task

    def stop(self, topic: str, partition: int) -> None:
        if self._tasks.pop((topic, partition), None) is not None:
            self._consumer.incremental_unassign([TopicPartition(topic, partition)])

    def turn(self, wait_s: float, records_max: int) -> Iterator[Applied]:
        first = self._consumer.poll(wait_s)
        if first is None:
            return
        if self._paced and not self._behind:
            time.sleep(COMPANY_SECONDS)
        # consume() waits to fill its batch, so the wait is poll's and consume takes what is there.
        messages = (first, *self._consumer.consume(records_max - 1, 0))
        self._behind = len(messages) == records_max
        batches: dict[tuple[str, int], list[Message]] = {}
        for message in messages:
            place = (message.topic() or "", message.partition() or 0)
            error = message.error()
            if error is not None:
                self._on_error(error, place)
            else:
                batches.setdefault(place, []).append(message)
        for place, batch in batches.items():
            task = self._tasks.get(place)
            if task is not None:
                last = batch[-1]
                yield Applied(place, task.apply(batch), len(batch), last.timestamp()[1], last.value() or b"")

    def end(self, topic: str, partition: int) -> int:
        _, high = self._consumer.get_watermark_offsets(TopicPartition(topic, partition), cached=True)
        return int(high)

    def close(self) -> None:
        self._consumer.close()


def make_fetch(kafka: Mapping[str, str], on_error: OnError, *, joined: bool, pace_s: float = 0.0) -> Fetch:
    """Return the fastest way there is: by messages where kernels are not compiled, or librdkafka cannot be found.

    joined: the fold reads payloads as they lie in memory, and they come as soon as they are there. Others want bytes,
    and are called with a few at a time: by messages they come a little cheaper. pace_s: see MessageFetch.
    """
    if not joined:
        return MessageFetch(kafka, on_error, pace_s)
    from streams.numerics.jit import DISABLED
    from streams.runtime.native.library import library

    found = library()
    if DISABLED or found is None:
        return MessageFetch(kafka, on_error)
    from streams.runtime.native.fetch import NativeFetch

    return NativeFetch(found, kafka, on_error)
