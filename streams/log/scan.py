"""Scan a partition for what each origin has already written: a writer that comes back goes on after that."""

from collections.abc import Iterable, Mapping

from confluent_kafka import Message

from streams.log.filter import split_headers
from streams.log.ids import Place, parse_place
from streams.log.reader import read


def newest_places(kafka: Mapping[str, str], topic: str, partition: int, start: int | None = None) -> dict[str, Place]:
    """Return the newest place of every origin in a partition at or after `start` (default: its beginning)."""
    return fold_places(read(kafka, topic, partition, start), f"foreign/{topic}/{partition}")


def fold_places(messages: Iterable[Message], foreign: str) -> dict[str, Place]:
    """Return the newest place by origin among records."""
    newest: dict[str, Place] = {}
    for message in messages:
        origin, text, _ = split_headers(message.headers(), foreign.encode(), message.offset() or 0)
        place = parse_place(text)
        name = origin.decode()
        if name not in newest or newest[name] < place:
            newest[name] = place
    return newest
