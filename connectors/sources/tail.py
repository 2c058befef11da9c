"""Where a source stands in a world's log: what the last record of each partition is, and whose."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from confluent_kafka import Message

from schemas.records import BarFrame, MarketEvent, MarketEventKind, OptionFrame, Record, TickFrame
from schemas.wire import WireError, decode
from streams.log.filter import id_of
from streams.log.ids import RecordId
from streams.log.reader import bounds, read

TAIL_RECORDS = 4_000
"""Read first from a partition's end: holds a heartbeat unless a minute has more frames than this."""


class ForeignTimeError(RuntimeError):
    """The world's log is already later than the source begins: event time never goes back in a world."""


@dataclass(frozen=True)
class Standing:
    """How far a source has got in one partition.

    last: id of the partition's last record where the source has written there, None where it has not.
    complete: the last that the source said of itself is its SOURCE_CLOSE.
    newest_ns: event time of the partition's last record, whosever it is; None for an empty partition.
    """

    last: RecordId | None
    complete: bool
    newest_ns: int | None


def standing(kafka: Mapping[str, str], topic: str, partition: int, plan: str, first_ns: int) -> Standing:
    """Return how far the source of this plan got in a partition; ForeignTimeError where another is in the way.

    One writer at a time, in order and without gaps: a source's records are a prefix of what it gives, so the last says
    all. Its own records name the plan; those of a recording do not, but no other plan stands after it unless refused.
    """
    low, high = bounds(kafka, topic, partition)
    if low >= high:
        return Standing(None, False, None)
    own = f"{plan}/{partition}"
    found = _last_of(read(kafka, topic, partition, max(low, high - TAIL_RECORDS), high), own)
    if not found.seen and high - low > TAIL_RECORDS and found.newest_ns >= first_ns:
        found = _last_of(read(kafka, topic, partition, low, high), own)
    if not found.seen and found.newest_ns > first_ns:
        raise ForeignTimeError(
            f"{topic}/{partition} already holds records of another source up to {_clock(found.newest_ns)}, and this one"
            f" begins at {_clock(first_ns)}. Event time never goes back in a world; use --world NEW"
        )
    if not found.seen:
        return Standing(None, False, found.newest_ns)
    return Standing(found.last, found.complete, found.newest_ns)


@dataclass
class _Tail:
    seen: bool = False
    last: RecordId | None = None
    complete: bool = False
    newest_ns: int = 0


def _last_of(messages: Iterable[Message], own: str) -> _Tail:
    tail, message, own_message = _Tail(), None, None
    for message in messages:
        record_id, _ = id_of(message.headers(), message.topic() or "", message.partition() or 0, message.offset() or 0)
        if record_id.origin == own:
            own_message = message
        tail.last = record_id
    if message is not None:
        newest = _record(message)
        tail.newest_ns = event_ns_of(newest) if newest else 0
    if own_message is not None:
        said = _record(own_message)
        tail.seen = True
        tail.complete = isinstance(said, MarketEvent) and said.kind is MarketEventKind.SOURCE_CLOSE
    return tail


def _record(message: Message) -> Record | None:
    try:
        return decode(message.value() or b"")
    except WireError:
        return None


def _clock(event_ns: int) -> str:
    return f"{datetime.fromtimestamp(event_ns / 1e9, UTC):%Y-%m-%d %H:%M:%S} UTC"


def event_ns_of(record: Record) -> int:
    """Return the newest event time in a record of market.ticks, ns; 0 for others."""
    if isinstance(record, TickFrame | BarFrame | OptionFrame):
        return record.base_ns + int(record.delta_ns.sum())
    return record.event_ns if isinstance(record, MarketEvent) else 0
