"""Read a stretch of one partition, and nothing else: for recovery, proofs and tools."""

import time
from collections.abc import Iterator, Mapping

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from streams.log.producer import QUIET

IDLE_SECONDS_MAX = 60.0


class UnreadableLogError(RuntimeError):
    """A stretch of the log that should be there cannot be read."""


def reader_settings(kafka: Mapping[str, str], isolation: str = "read_uncommitted") -> dict[str, str | int | bool]:
    """Return librdkafka settings of a consumer that reads by offset and joins no group."""
    return {
        **kafka,
        "group.id": "aiots-reader",
        "log_level": QUIET,
        "enable.auto.commit": False,
        "auto.offset.reset": "error",
        "enable.partition.eof": True,
        "isolation.level": isolation,
        "check.crcs": True,
        "fetch.queue.backoff.ms": 5,
        "queued.max.messages.kbytes": 16_384,
        "fetch.wait.max.ms": 50,
    }


def paced_settings(pace_s: float) -> dict[str, str | int | bool]:
    """Return what else a consumer sets that has time: while records lie here it asks for none, and looks after pace_s.

    At 1,000 records/s the broker otherwise answers for each that is appended, and wakes each reader for it. Where
    nothing comes, a request waits at the broker as before. pace_s: > 0; whole ms.
    """
    return {"queued.min.messages": 1, "fetch.queue.backoff.ms": round(pace_s * 1e3)}


def bounds(kafka: Mapping[str, str], topic: str, partition: int, seconds_max: float = 30.0) -> tuple[int, int]:
    """Return the first offset and the end offset (that of the next record) of a partition.

    Waits up to seconds_max for a partition that is still looking for its leader, as a new one does for a moment.
    """
    consumer = Consumer(reader_settings(kafka))
    deadline_s = time.monotonic() + seconds_max
    try:
        while True:
            try:
                place = TopicPartition(topic, partition)
                found: tuple[int, int] = consumer.get_watermark_offsets(place, timeout=seconds_max)
                return found
            except KafkaException as error:
                if error.args[0].code() not in _LEADERLESS or time.monotonic() > deadline_s:
                    raise
                time.sleep(0.05)
    finally:
        consumer.close()


def read(
    kafka: Mapping[str, str],
    topic: str,
    partition: int,
    start: int | None = None,
    end: int | None = None,
    *,
    committed: bool = False,
    idle_seconds_max: float = IDLE_SECONDS_MAX,
) -> Iterator[Message]:
    """Yield the records of [start, end) in order; by default from the log's start to its end as of now.

    committed: leave out records of aborted transactions; waits for transactions that are open below `end`.
    Raises UnreadableLogError where nothing comes for idle_seconds_max.
    """
    low, high = bounds(kafka, topic, partition)
    first = low if start is None else start
    last = high if end is None else end
    if first >= last:
        return
    consumer = Consumer(reader_settings(kafka, "read_committed" if committed else "read_uncommitted"))
    try:
        # By number: librdkafka waits half a second before it asks where "the beginning" is.
        consumer.assign([TopicPartition(topic, partition, max(first, low))])
        yield from _until(consumer, topic, partition, last, idle_seconds_max)
    finally:
        consumer.close()


def _until(consumer: Consumer, topic: str, partition: int, end: int, idle_seconds_max: float) -> Iterator[Message]:
    quiet_since_s = time.monotonic()
    while True:
        messages = consumer.consume(num_messages=1_000, timeout=0.05)
        for message in messages:
            error = message.error()
            if error is None:
                offset = message.offset() or 0
                if offset >= end:
                    return
                quiet_since_s = time.monotonic()
                yield message
                if offset + 1 >= end:
                    return
            elif error.code() == KafkaError._PARTITION_EOF:
                # An end seen below `end` is that of an open transaction: its owner ends it, or the broker does.
                if (message.offset() or 0) >= end:
                    return
            elif not error.retriable() and error.code() not in _PASSING:
                raise KafkaException(error)
        if time.monotonic() - quiet_since_s > idle_seconds_max:
            raise UnreadableLogError(
                f"{topic}/{partition}: nothing to read for {idle_seconds_max:.0f} s before offset {end}"
            )


_LEADERLESS = {KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE}
_PASSING = {KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError._RESOLVE, KafkaError._TIMED_OUT}
