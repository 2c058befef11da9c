"""From a Kafka record to the JSON message that every client gets, made once.

    {"cursor": "...", "topic": "signals", "partition": 0, "offset": 12, "type": "Signal", "key": "SPY",
     "id": "signals/0/...:40.0", "appended_ms": 1700000000000, "record": {...}, "text": null}

text says in words what verdicts, fills, settlements and alerts are (words.py); null of other records.
NaN and infinities are null. Instants are nanoseconds: read them as 64-bit integers where the last digits matter.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from gateway.cursor import Layout
from gateway.record import Record
from gateway.words import words
from schemas import records, wire
from streams.log.filter import GapError, IdFilter, id_of

SERVED: Mapping[str, frozenset[str]] = {
    # What `verdicts` passes on from stage to stage (marks) is no news to a subscriber.
    "signals": frozenset({"Signal"}),
    "verdicts": frozenset({"Verdict", "Fill", "Settlement", "Cancel", "Control", "Mandate"}),
    "risk": frozenset({"RiskReport", "Alert"}),
}
"""The topics served, and the records served of each."""
TYPES = frozenset().union(*SERVED.values())


@dataclass(frozen=True, slots=True, eq=False)
class Message:
    """A record as clients get it.

    sequence: its place among all that this process has read, ascending. slot: its partition, by the layout.
    positions: the next offset of every slot once this record is delivered. symbol, grade, strategy: None where the
    record has none. frame: the WebSocket text frame; body_at: where in it the JSON after the cursor begins.
    """

    sequence: int
    slot: int
    offset: int
    topic: str
    type: str
    symbol: str | None
    grade: str | None
    strategy: str | None
    appended_ms: int
    positions: tuple[int, ...]
    frame: bytes
    body_at: int

    @property
    def body(self) -> bytes:
        """Return the JSON after the cursor, from its comma on."""
        return self.frame[self.body_at :]


class Refused(dict[str, int]):
    """Count what was not served, by reason: not_framed, unknown_schema, malformed, bug, duplicate, origin_gap."""

    def count(self, reason: str) -> None:
        self[reason] = self.get(reason, 0) + 1


class Reader:
    """Turn the records of all slots into messages, in order, without duplicates and what cannot be read.

    positions: next offset of every slot; kept up to date.
    """

    def __init__(self, layout: Layout, positions: list[int], refused: Refused, sequence: int = 0) -> None:
        self.positions = positions
        self._layout = layout
        self._foreign = [f"foreign/{topic}/{partition}".encode() for topic, partition in layout.slots]
        self._filters = [IdFilter(strict=False) for _ in layout.slots]
        self._refused = refused
        self._sequence = sequence

    def prime(self, record: Record, slot: int) -> None:
        """Let the duplicate filter see a record that lies before the starting point."""
        self._id_of_new(record, slot, Refused())

    def take(self, record: Record, slot: int) -> Message | None:
        """Return the message of a slot's next record, None where nobody gets it; the position moves on anyway."""
        self.positions[slot] = record.offset + 1
        text = self._id_of_new(record, slot, self._refused)
        if text is None:
            self._refused.count("duplicate")
            return None
        try:
            return self._message(record, slot, text.decode())
        except wire.WireError as error:
            self._refused.count(error.reason)
        except Exception:  # a record that breaks our own code must not stop the others; it is counted and alarmed
            self._refused.count("bug")
        return None

    def _id_of_new(self, record: Record, slot: int, refused: Refused) -> bytes | None:
        """Return the text of a record's id, None where it is not new."""
        try:
            return self._filters[slot].accept_headers(record.headers, self._foreign[slot], record.offset)
        except GapError:
            # A stage stops at a gap; a subscriber is better served by what there is. Counted, and unhealthy.
            refused.count("origin_gap")
            topic, partition = self._layout.slots[slot]
            record_id, _ = id_of(record.headers, topic, partition, record.offset)
            newest = self._filters[slot].newest() | {record_id.origin: record_id.place}
            self._filters[slot] = IdFilter(newest, strict=False)
            return str(record_id).encode()

    def _message(self, record: Record, slot: int, text: str) -> Message | None:
        topic, partition = self._layout.slots[slot]
        name = wire.name_of(record.value or b"")
        if name not in SERVED[topic]:
            return None
        found = wire.decode(record.value or b"")
        about: Any = found.intent if isinstance(found, records.Verdict) else found
        body = dumps(
            {
                "topic": topic,
                "partition": partition,
                "offset": record.offset,
                "type": name,
                "key": None if record.key is None else record.key.decode(errors="replace"),
                "id": text,
                "appended_ms": record.appended_ms,
                "record": found,
                "text": words(found),
            }
        )
        positions = tuple(self.positions)
        frame, body_at = framed(self._layout.text(positions), b"," + body[1:])
        self._sequence += 1
        return Message(
            sequence=self._sequence,
            slot=slot,
            offset=record.offset,
            topic=topic,
            type=name,
            symbol=getattr(about, "symbol", None),
            grade=getattr(about, "grade", None),
            strategy=getattr(about, "strategy", None),
            appended_ms=record.appended_ms,
            positions=positions,
            frame=frame,
            body_at=body_at,
        )


def dumps(value: Any) -> bytes:
    """Return compact JSON in UTF-8: records are objects, NaN and infinities null, bytes hexadecimal."""
    return orjson.dumps(value, _in_json, orjson.OPT_SERIALIZE_NUMPY)


def _in_json(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    raise TypeError(f"no JSON is made of {type(value).__name__}")


def framed(cursor: str, rest: bytes) -> tuple[bytes, int]:
    """Return the text frame of {"cursor": ...rest, and where rest begins in it.

    rest: JSON that begins with a comma and ends the object.
    """
    head = b'{"cursor":"' + cursor.encode() + b'"'
    frame = text_frame(head + rest)
    return frame, len(frame) - len(rest)


def text_frame(payload: bytes) -> bytes:
    """Return a WebSocket text frame, whole and unmasked, as a server sends it (RFC 6455, 5.2)."""
    size = len(payload)
    if size < 126:
        return bytes((0x81, size)) + payload
    if size < 65_536:
        return b"\x81\x7e" + size.to_bytes(2, "big") + payload
    return b"\x81\x7f" + size.to_bytes(8, "big") + payload
