"""Archived checkpoints: the last of each day, so that any day can be verified from the one before it."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from schemas import wire
from schemas.topics import full_name
from streams.log.reader import read
from streams.runtime.checkpoint import Build, Checkpoint, Entry, decode
from streams.runtime.task import TaskKey


def day_of(payload: bytes) -> str:
    """Return the day of a record's event, YYYY-MM-DD in UTC; empty where it has none or cannot be read."""
    try:
        record = wire.decode(payload)
    except wire.WireError:
        return ""
    event_ns = getattr(record, "event_ns", None) or getattr(record, "base_ns", None)
    return "" if event_ns is None else datetime.fromtimestamp(event_ns / 1e9, UTC).date().isoformat()


def newest_before(key: TaskKey, day: str, build: Build, records: Iterable[Entry]) -> Checkpoint | None:
    """Return a task's newest archived checkpoint of a day before `day` and of this build, None where there is none.

    records: of the task's archive partition, in log order.
    """
    prefix = f"{key}/".encode()
    open_records: dict[bytes, list[Entry]] = {}
    newest: tuple[str, list[Entry]] = ("", [])
    for name, value in records:
        if not name.startswith(prefix):
            continue
        own_day = name[len(prefix) :].partition(b"/")[0]
        open_records.setdefault(own_day, []).append((name, value))
        if name.endswith(b"/@"):
            # Each archive is whole and ends with its manifest.
            whole = open_records.pop(own_day)
            found = decode(f"{key}/{own_day.decode()}", whole)
            usable = found is not None and found.manifest.build == build
            if usable and newest[0] <= own_day.decode() < day:
                newest = (own_day.decode(), whole)
    return decode(f"{key}/{newest[0]}", newest[1])


def archived_before(kafka: Mapping[str, str], world: str, key: TaskKey, day: str, build: Build) -> Checkpoint | None:
    """Return the archived checkpoint that a proof of `day` begins from; None: it begins at the log's start."""
    topic = full_name(world, f"{key.stage}.archive")
    messages = read(kafka, topic, key.partition, committed=True)
    records = ((bytes(one.key() or b""), bytes(one.value() or b"")) for one in messages)
    return newest_before(key, day, build, records)
