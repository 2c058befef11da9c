"""A record of Kafka, as the gateway reads it."""

from typing import Any, NamedTuple

from confluent_kafka import KafkaError


class Record(NamedTuple):
    """What a consumer returns: a record, or an error in its place.

    topic: full name. headers: (name, bytes) pairs, or None. appended_ms: when the broker appended it.
    """

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Any
    appended_ms: int
    error: KafkaError | None
