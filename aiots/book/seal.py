"""The daily hash chain over `verdicts`: whoever keeps one day's hash can show that no record before it was changed.

    hash(day) = sha256(hash(day before) + for each record of the day, in log order: length and bytes of key and payload)

A day is New York's date of event time, which never goes back in a world; a record without an event time of its own
belongs to the day of the record before it. A day is closed, and sealed, once a record of a later day stands in the log.
Headers (lineage, offsets) and append times are not part of it: another run with the same decisions has the same hash.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

from schemas import wire
from streams.options.contracts.clock import new_york_day

GENESIS = "0" * 64


@dataclass(frozen=True)
class Seal:
    """One closed day of one partition. first, last: offsets; previous: the hash before; sha256: its own."""

    partition: int
    day: str
    first: int
    last: int
    records: int
    verdicts: int
    previous: str
    sha256: str


def seals(partition: int, records: Iterable[tuple[int, bytes, bytes]]) -> Iterator[Seal]:
    """Yield a seal for each closed day among (offset, key, payload) of a partition from its first record on."""
    current: date | None = None
    previous, digest = GENESIS, hashlib.sha256(GENESIS.encode())
    first = last = count = verdicts = 0
    for offset, key, payload in records:
        event_ns = _event_ns(payload)
        day = new_york_day(event_ns) if event_ns else current
        if not count:
            first = offset
        if current is None:
            current = day
        elif day is not None and day > current:
            sealed = digest.hexdigest()
            yield Seal(partition, current.isoformat(), first, last, count, verdicts, previous, sealed)
            current, first, count, verdicts = day, offset, 0, 0
            previous, digest = sealed, hashlib.sha256(sealed.encode())
        for part in (key, payload):
            digest.update(len(part).to_bytes(8, "big") + part)
        last, count = offset, count + 1
        verdicts += wire.name_of(payload) == "Verdict"


def _event_ns(payload: bytes) -> int:
    """Return a record's event time; 0 where it has none, or cannot be read."""
    try:
        return int(getattr(wire.decode(payload), "event_ns", 0))
    except wire.WireError:
        return 0


def load(path: Path) -> list[Seal]:
    """Return the seals of a file; ValueError where a line is none."""
    found = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        try:
            found.append(Seal(**json.loads(line)))
        except (ValueError, TypeError) as error:
            raise ValueError(f"{path}, line {number}: expected a seal, was {line[:80]!r} ({error})") from error
    return found


def save(path: Path, added: Iterable[Seal]) -> None:
    """Append seals to a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        for seal in added:
            file.write(json.dumps(asdict(seal)) + "\n")


def compared(kept: Iterable[Seal], found: Iterable[Seal]) -> tuple[list[Seal], str]:
    """Return the seals that are new, and the first difference from what was kept; empty where there is none."""
    now = {(seal.partition, seal.day): seal for seal in found}
    for seal in sorted(kept, key=lambda one: (one.partition, one.day)):
        other = now.pop((seal.partition, seal.day), None)
        if other is None:
            return [], f"partition {seal.partition}, {seal.day}: {seal.records} records were sealed, the log has none"
        if other.sha256 != seal.sha256:
            return [], (
                f"partition {seal.partition}, {seal.day}: sealed {seal.records} records with sha256 {seal.sha256},"
                f" the log has {other.records} with {other.sha256}"
            )
    return sorted(now.values(), key=lambda one: (one.day, one.partition)), ""
