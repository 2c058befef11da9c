"""What the gateway asks of Kafka: which topics there are, where they begin and end, and readers of its own.

It joins no consumer group: it reads by offset, remembers nothing at the broker, and so any number of gateways can run.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from gateway.cursor import Layout, ServedTopic
from gateway.message import SERVED
from gateway.record import Record
from schemas.topics import full_name
from streams.log.producer import client_name
from streams.log.reader import paced_settings

UUID_CHARS = 8
_OLD_LEADER = {
    KafkaError.FENCED_LEADER_EPOCH,
    KafkaError.UNKNOWN_LEADER_EPOCH,
    KafkaError.NOT_LEADER_FOR_PARTITION,
}


class SourceError(RuntimeError):
    """The broker does not answer, or the world's topics are not there or no longer the same."""


@dataclass(frozen=True)
class Gap:
    """Records of a slot that are gone: offsets begin to end - 1."""

    slot: int
    begin: int
    end: int


def open_admin(kafka: Mapping[str, str]) -> AdminClient:
    """Return a client for questions about topics; quiet where the broker is away, as its answers say so."""
    quiet: dict[str, Any] = {"client.id": client_name("gateway"), "error_cb": _ignore, "log_level": 0}
    return AdminClient({**kafka, **quiet})


def find_layout(admin: AdminClient, world: str, seconds_max: float) -> Layout:
    """Return the served topics of a world as they stand at the broker; SourceError names the remedy."""
    names = {logical: full_name(world, logical) for logical in SERVED}
    give_up_s = time.monotonic() + seconds_max
    while True:
        try:
            described = admin.describe_topics(TopicCollection(list(names.values())), request_timeout=5.0)
            found = {name: future.result() for name, future in described.items()}
            break
        except KafkaException as error:
            code = error.args[0].code()
            if code == KafkaError.UNKNOWN_TOPIC_OR_PART:
                raise SourceError(
                    f"world {world!r} has no topics at this broker: make them with `aiots topics --world {world}`"
                ) from None
            if time.monotonic() > give_up_s:
                raise SourceError(
                    f"the broker did not answer for {seconds_max:.0f} s: {error.args[0].str()};"
                    " start it with `aiots broker start`, or set KAFKA_BOOTSTRAP_SERVERS"
                ) from None
    topics = (
        ServedTopic(logical, str(found[name].topic_id)[:UUID_CHARS], len(found[name].partitions))
        for logical, name in names.items()
    )
    return Layout(world, tuple(topics))


def ends_of(admin: AdminClient, partitions: Sequence[tuple[str, int]], seconds_max: float) -> list[int]:
    """Return the end offsets (that of the next record) of partitions (full topic name, number); KafkaException."""
    latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]  # its stub has no types
    asked = {TopicPartition(topic, partition): latest for topic, partition in partitions}
    try:
        answers = admin.list_offsets(asked, request_timeout=seconds_max)
        by_place = {(place.topic, place.partition): future.result().offset for place, future in answers.items()}
    except KafkaException as error:
        if error.args[0].code() in _OLD_LEADER:
            # After a broker's restart librdkafka asks with the leader epoch it knew, for minutes, unless told anew.
            admin.list_topics(timeout=seconds_max)
        raise
    return [by_place[place] for place in partitions]


def open_consumer(kafka: Mapping[str, str], queued_kbytes: int, *, ends: bool = False, pace_s: float = 0.0) -> Consumer:
    """Return a consumer that reads by offset and joins no group.

    ends: it reports the end of each partition. pace_s: how long records may wait for others, 0: not at all.
    """
    return Consumer(
        {
            **kafka,
            "client.id": client_name("gateway"),
            "group.id": "aiots-gateway",
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "error",
            "enable.partition.eof": ends,
            "fetch.wait.max.ms": 100,
            "fetch.queue.backoff.ms": 5,
            "queued.max.messages.kbytes": queued_kbytes,
            "reconnect.backoff.max.ms": 1_000,
            "error_cb": _ignore,
            "log_level": 0,
            **(paced_settings(pace_s) if pace_s > 0 else {}),
        }
    )


def fetch(consumer: Consumer, records_max: int, seconds_max: float) -> list[Record]:
    """Return what is there, at least one record unless none comes in time."""
    # consume() alone waits for a full batch; so one is awaited, and the rest taken as it lies.
    first = consumer.poll(seconds_max)
    if first is None:
        return []
    rest = consumer.consume(records_max - 1, timeout=0) if records_max > 1 else []
    return [_record(one) for one in (first, *rest)]


def low_of(consumer: Consumer, topic: str, partition: int, seconds_max: float = 10.0) -> tuple[int, int]:
    """Return the first offset still there and the end offset of a partition; SourceError where none is to be had."""
    give_up_s = time.monotonic() + seconds_max
    while True:
        try:
            found: tuple[int, int] = consumer.get_watermark_offsets(
                TopicPartition(topic, partition), timeout=min(5.0, seconds_max)
            )
            return found
        except KafkaException as error:
            # A broker that comes up, and a topic made a moment ago, have no leader yet.
            if time.monotonic() > give_up_s or error.args[0].fatal():
                raise SourceError(f"{topic}/{partition}: {error.args[0].str()}") from None
            time.sleep(0.05)


def _ignore(_: KafkaError) -> None:
    return None


def _record(message: Message) -> Record:
    return Record(
        message.topic() or "",
        -1 if message.partition() is None else message.partition(),  # type: ignore[arg-type]  # its stub allows None
        -1 if message.offset() is None else message.offset(),  # type: ignore[arg-type]  # its stub allows None
        message.key(),
        message.value(),
        message.headers(),
        message.timestamp()[1],
        message.error(),
    )
