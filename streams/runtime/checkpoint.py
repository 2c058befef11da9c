"""What a checkpoint looks like in its compacted topic, and how a task comes back from it.

All of one checkpoint is written in one Kafka transaction, to the partition of the task's own number:

| key | value |
|---|---|
| task/@ | the manifest: JSON of Manifest |
| task/=key/n | the n-th chunk of a changed key's state; the first begins with the number of chunks |

A key that is gone gets a tombstone. Chunks beyond the current number are stale and ignored.

With the first checkpoint of another day the one before it, whole, goes into the archive topic under task/day/@ and
task/day/=key/n: what a proof of that other day begins from.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from streams.log.ids import Place
from streams.runtime.task import Snapshot, Target, TaskKey

CHUNK_BYTES = 512 * 1024
FORMAT = 1

Entry = tuple[bytes, bytes | None]


class RefusedStartError(RuntimeError):
    """A stage may not start from what it finds; the text says what was found and the remedy."""


@dataclass(frozen=True)
class Build:
    """What must be the same for a checkpoint to be continued: code version, parameters, state layout."""

    code: str
    params: str
    layout: int


@dataclass(frozen=True)
class Manifest:
    """A checkpoint without its state. topic_ids: UUID by logical topic, of the input and of every output."""

    snapshot: Snapshot
    build: Build
    topic_ids: Mapping[str, str]
    sequence: int
    drained: bool
    day: str = ""
    """Of the newest event that is known of, YYYY-MM-DD in UTC; empty before the first."""
    history: tuple[tuple[str, str, int], ...] = ()
    """(code, params, first input offset) of each build before this one."""


@dataclass(frozen=True)
class Checkpoint:
    """A manifest and the encoded state by key."""

    manifest: Manifest
    state: Mapping[str, bytes]


def params_hash(params: Any) -> str:
    """Return the sha256 of a frozen dataclass of parameters, 16 hex digits."""
    text = json.dumps(asdict(params), sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def entries(key: TaskKey | str, manifest: Manifest, changes: Mapping[str, bytes | None]) -> Iterator[Entry]:
    """Yield the records of a checkpoint: each changed key's chunks, then the manifest. Their names begin with `key`."""
    for name, data in sorted(changes.items()):
        if data is None:
            yield _state_key(key, name, 0), None
            continue
        chunks = [data[start : start + CHUNK_BYTES] for start in range(0, len(data), CHUNK_BYTES)] or [b""]
        for number, chunk in enumerate(chunks):
            head = len(chunks).to_bytes(4, "big") if number == 0 else b""
            yield _state_key(key, name, number), head + chunk
    yield f"{key}/@".encode(), json.dumps(_manifest_plain(manifest), sort_keys=True).encode()


def archive_name(key: TaskKey, day: str) -> str:
    """Return what the names of an archived checkpoint's records begin with."""
    return f"{key}/{day}"


def decode(key: TaskKey | str, records: Iterable[Entry]) -> Checkpoint | None:
    """Return the newest checkpoint of a task among records in log order, None where there is none.

    The records must end with whole checkpoints, as they do for whoever has fenced the task's writer.
    Raises RefusedStartError where a checkpoint is not whole or of another format.
    """
    manifest: Manifest | None = None
    prefix, chunks = f"{key}/".encode(), dict[bytes, bytes]()
    for name, value in records:
        if not name.startswith(prefix):
            continue
        if name == prefix + b"@":
            manifest = None if value is None else _manifest(key, value)
        elif value is None:
            chunks.pop(name, None)
        else:
            chunks[name] = value
    return None if manifest is None else Checkpoint(manifest, _joined(key, chunks))


def decode_manifest(key: TaskKey | str, records: Iterable[Entry]) -> Manifest | None:
    """Return the newest manifest of a task among records in log order, None where there is none.

    For onlookers: a manifest is its checkpoint's last record, so one that is cut off at the end is not yet there.
    """
    manifest, name = None, f"{key}/@".encode()
    for own, value in records:
        if own == name:
            manifest = None if value is None else _manifest(key, value)
    return manifest


def check(
    key: TaskKey,
    manifest: Manifest,
    build: Build,
    topic_ids: Mapping[str, str],
    log_start: int,
    log_end: int,
) -> Manifest:
    """Return the manifest to go on from; raise RefusedStartError, with the remedy, where that would be wrong."""
    for topic, uuid in sorted(topic_ids.items()):
        known = manifest.topic_ids.get(topic)
        if known is not None and known != uuid:
            raise RefusedStartError(
                f"{key}: topic {topic} was created anew (expected UUID {known}, was {uuid}); "
                f"start a new world, or throw this checkpoint away with: aiots rebuild {key.stage}"
            )
    position = manifest.snapshot.position
    if not log_start <= position <= log_end:
        raise RefusedStartError(
            f"{key}: the checkpoint stands at offset {position}, but the log holds {log_start} to {log_end}; "
            "records were lost or have expired: start a new world and replay into it"
        )
    if manifest.build == build:
        return manifest
    if not manifest.drained:
        raise RefusedStartError(
            f"{key}: the checkpoint is of {_said(manifest.build)}, this is {_said(build)}, and it was not drained; "
            f"start the old version once and stop it with: aiots upgrade, or rebuild in a new world"
        )
    if manifest.build.layout != build.layout:
        raise RefusedStartError(
            f"{key}: the state's layout is {manifest.build.layout}, this code reads {build.layout}; "
            "rebuild in a new world"
        )
    old = (manifest.build.code, manifest.build.params, position)
    return replace(manifest, build=build, history=(*manifest.history, old))


def first_start(key: TaskKey, log_start: int) -> None:
    """Raise RefusedStartError where a task without a checkpoint cannot see its inbox from the beginning."""
    if log_start > 0:
        raise RefusedStartError(
            f"{key}: there is no checkpoint and the log begins at offset {log_start}, not 0: its start has expired; "
            "start a new world and replay into it"
        )


def _said(build: Build) -> str:
    return f"code {build.code} with parameters {build.params}"


def _state_key(key: TaskKey | str, name: str, number: int) -> bytes:
    return f"{key}/={name}/{number}".encode()


def _joined(key: TaskKey | str, chunks: Mapping[bytes, bytes]) -> dict[str, bytes]:
    prefix, state = f"{key}/=".encode(), dict[str, bytes]()
    for name, first in chunks.items():
        if not name.endswith(b"/0"):
            continue
        stem, count = name[:-1], int.from_bytes(first[:4], "big")
        parts = [first[4:]]
        for number in range(1, count):
            part = chunks.get(stem + str(number).encode())
            if part is None:
                raise RefusedStartError(
                    f"{key}: chunk {number} of {count} of {name.decode()} is missing; rebuild in a new world"
                )
            parts.append(part)
        state[name[len(prefix) : -2].decode()] = b"".join(parts)
    return state


def _manifest_plain(manifest: Manifest) -> dict[str, Any]:
    snapshot = manifest.snapshot
    return {
        "format": FORMAT,
        "position": snapshot.position,
        "seen": {origin: list(place) for origin, place in snapshot.seen.items()},
        "chain": [[topic, partition, list(place)] for (topic, partition), place in sorted(snapshot.chain.items())],
        "ends": [[topic, partition, end] for (topic, partition), end in sorted(snapshot.ends.items())],
        "build": asdict(manifest.build),
        "topic_ids": dict(manifest.topic_ids),
        "sequence": manifest.sequence,
        "drained": manifest.drained,
        "day": manifest.day,
        "history": [list(row) for row in manifest.history],
    }


def _manifest(key: TaskKey | str, value: bytes) -> Manifest:
    try:
        return _manifest_of(json.loads(value))
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise RefusedStartError(
            f"{key}: the checkpoint's manifest is cut off or damaged ({type(error).__name__}: {error});"
            " rebuild in a new world"
        ) from error


def _manifest_of(data: dict[str, Any]) -> Manifest:
    if data.get("format") != FORMAT:
        raise RefusedStartError(
            f"the checkpoint's format is {data.get('format')}, this code reads {FORMAT}; rebuild in a new world"
        )
    chain: dict[Target, Place] = {(topic, partition): (place[0], place[1]) for topic, partition, place in data["chain"]}
    ends: dict[Target, int] = {(topic, partition): end for topic, partition, end in data["ends"]}
    seen: dict[str, Place] = {origin: (place[0], place[1]) for origin, place in data["seen"].items()}
    snapshot = Snapshot(data["position"], seen, chain, ends)
    history = tuple((code, params, offset) for code, params, offset in data["history"])
    build = Build(**data["build"])
    return Manifest(snapshot, build, data["topic_ids"], data["sequence"], data["drained"], data.get("day", ""), history)
