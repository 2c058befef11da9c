"""What the log holds of each task, as digests: what a proof compares with."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import Message

from schemas.topics import full_name
from streams.log.filter import find_header, split_headers
from streams.log.ids import ID_HEADER, PREVIOUS_HEADER, Place, parse_place
from streams.log.reader import read
from streams.runtime.task import Snapshot, Target

DIGEST_BYTES = 16


@dataclass
class Recorded:
    """What one origin has in one partition: distinct records, as digests, with the offset of each."""

    digests: bytearray = field(default_factory=bytearray)
    offsets: list[int] = field(default_factory=list)
    duplicates: int = 0
    newest: Place | None = None


class Recordings:
    """Reads each output partition once and keeps digests by origin.

    starts: by origin, from where its task is folded: what it wrote before is left out; None: from the beginning.
    """

    def __init__(self, kafka: Mapping[str, str], world: str, starts: Mapping[str, Snapshot | None]) -> None:
        self._kafka, self._world = kafka, world
        self._starts = {origin.encode(): snapshot for origin, snapshot in starts.items()}
        self._read: dict[Target, dict[bytes, Recorded]] = {}

    def of(self, target: Target, origin: bytes) -> Recorded:
        if target not in self._read:
            self._read[target] = self._load(target)
        return self._read[target].get(origin, Recorded())

    def _load(self, target: Target) -> dict[bytes, Recorded]:
        found: dict[bytes, Recorded] = {}
        for origin, snapshot in self._starts.items():
            if snapshot is not None:
                found[origin] = Recorded(newest=snapshot.chain.get(target))
        for message in read(self._kafka, full_name(self._world, target[0]), target[1], self._first(target)):
            offset = message.offset() or 0
            origin, text, _ = split_headers(message.headers(), b"foreign", offset)
            one, place = found.setdefault(origin, Recorded()), parse_place(text)
            if one.newest is not None and place <= one.newest:
                one.duplicates += 1
                continue
            one.newest = place
            one.digests += digest(message.headers(), bytes(message.key() or b""), bytes(message.value() or b""))
            one.offsets.append(offset)
        return found

    def _first(self, target: Target) -> int | None:
        """Return an offset that no record to compare stands below; None: the log's start."""
        snapshots = list(self._starts.values())
        ends = [snapshot.ends[target] for snapshot in snapshots if snapshot is not None and target in snapshot.ends]
        return min(ends) if ends and None not in snapshots else None

    def fetch(self, target: Target, offset: int) -> Message:
        return next(iter(read(self._kafka, full_name(self._world, target[0]), target[1], offset, offset + 1)))


def digest(headers: Any, key: bytes, payload: bytes) -> bytes:
    """Return a digest of what makes a record what it is: id, predecessor, key and payload."""
    made = hashlib.blake2b(digest_size=DIGEST_BYTES)
    for part in (find_header(headers, ID_HEADER) or b"", find_header(headers, PREVIOUS_HEADER) or b"", key, payload):
        made.update(len(part).to_bytes(4, "little"))
        made.update(part)
    return made.digest()
