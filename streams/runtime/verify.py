"""The proof: fold the recorded inboxes again, and compare with what was recorded, byte for byte.

For every task of the topology: its recorded inbox goes through a fresh task; each output's id, key, payload and
predecessor must equal those of the distinct records that this task's origin has in the log, in order, none missing
and none too many. Any difference is named by topic, partition, offset and field.
"""

import hashlib
import os
import platform
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from typing import Any

from confluent_kafka import Message

from schemas import wire
from schemas.topics import full_name
from streams.log.filter import find_header, split_headers
from streams.log.ids import ID_HEADER, PREVIOUS_HEADER, parse_place
from streams.log.reader import bounds, read
from streams.runtime.archive import archived_before, day_of
from streams.runtime.checkpoint import Checkpoint
from streams.runtime.kafka_log import topic_ids
from streams.runtime.options import build_of, fold_factory, make_params
from streams.runtime.recorded import DIGEST_BYTES, Recorded, Recordings, digest
from streams.runtime.recovery import targets_of
from streams.runtime.task import Outbound, Snapshot, Target, Task, TaskKey
from streams.runtime.upgrade import newest_manifest
from streams.stage import Stage
from streams.topology import STAGES

BATCH_RECORDS = 500
Params = Mapping[str, Mapping[str, object]]


@dataclass(frozen=True)
class Difference:
    """The first place where the proof fails."""

    task: str
    topic: str
    partition: int
    offset: int
    """Of the recorded record; -1 where it is missing."""
    field: str
    recorded: str
    computed: str

    def __str__(self) -> str:
        place = (
            f"{self.topic}/{self.partition} offset {self.offset}"
            if self.offset >= 0
            else f"{self.topic}/{self.partition}"
        )
        return f"{self.task}: {place}: {self.field}: recorded {self.recorded}, computed {self.computed}"


@dataclass
class Certificate:
    """What was compared, where, and whether it held."""

    world: str
    ok: bool
    records_folded: int
    records_compared: int
    differences: list[Difference]
    topics: dict[str, dict[str, Any]]
    bugs: list[str]
    environment: dict[str, str]

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {**self.__dict__, "differences": [str(one) for one in self.differences]}


def verify(
    kafka: Mapping[str, str],
    world: str,
    partitions: int,
    params: Params,
    progress: Callable[[str], None],
    day: date | None = None,
) -> Certificate:
    """Prove every stage of a world. Records appended to the inboxes after the call began are not looked at.

    day: only outputs of this day (UTC, by event time) are compared and counted. Every task is folded from what was
    archived of it at the end of an earlier day, from the log's start where nothing was.
    """
    stages = list(STAGES)
    names = sorted({topic for stage in stages for topic in (*stage.reads, *stage.writes)})
    ids = topic_ids(kafka, world, names)
    ends = {
        (topic, partition): bounds(kafka, full_name(world, topic), partition)[1]
        for topic in names
        for partition in range(partitions)
    }
    certificate = Certificate(world, False, 0, 0, [], {}, [], environment())
    tasks = [
        _Prepared(kafka, world, stage, TaskKey(stage.name, topic, partition), params, ids, partitions, day)
        for stage in stages
        for topic in stage.reads
        for partition in range(partitions)
    ]
    recorded = Recordings(kafka, world, {one.task.origin: one.snapshot for one in tasks})
    for one in tasks:
        progress(one.said())
        end = ends[one.task.key.topic, one.task.key.partition]
        _Proof(kafka, world, one, recorded, day).run(end, certificate)
    for topic in names:
        certificate.topics[topic] = _summary(kafka, world, topic, partitions, ends)
    certificate.ok = not certificate.differences and certificate.records_compared > 0
    return certificate


class _Prepared:
    """A task at the place where its proof begins."""

    def __init__(
        self,
        kafka: Mapping[str, str],
        world: str,
        stage: Stage,
        key: TaskKey,
        params: Params,
        ids: Mapping[str, str],
        partitions: int,
        day: date | None,
    ) -> None:
        made = make_params(stage, params.get(stage.name, {}))
        fold = fold_factory(stage, made, key.partition, partitions)()
        self.build = build_of(stage, made)
        self.task = Task(key, fold, f"{key.stage}/{key.partition}/{ids[key.topic]}", partitions)
        self.targets = targets_of(key, stage.writes, partitions)
        self.snapshot: Snapshot | None = None
        self._archived_day = ""
        if day is not None:
            self._go_to(archived_before(kafka, world, key, day.isoformat(), self.build), ids)

    def _go_to(self, archived: Checkpoint | None, ids: Mapping[str, str]) -> None:
        if archived is None or archived.manifest.topic_ids.get(self.task.key.topic) != ids[self.task.key.topic]:
            return
        self.snapshot, self._archived_day = archived.manifest.snapshot, archived.manifest.day
        self.task.restore(self.snapshot, archived.state)

    def said(self) -> str:
        start = f" from the checkpoint of {self._archived_day}" if self.snapshot is not None else ""
        return f"{self.task.key}{start}"


class _Proof:
    """Folds one task's inbox and compares."""

    def __init__(
        self, kafka: Mapping[str, str], world: str, prepared: _Prepared, recorded: Recordings, day: date | None
    ) -> None:
        self._kafka, self._world, self._task, self._recorded = kafka, world, prepared.task, recorded
        self._day = None if day is None else day.isoformat()
        self._key, self._origin, self._build = self._task.key, self._task.origin.encode(), prepared.build
        self._seen: dict[Target, int] = dict.fromkeys(prepared.targets, 0)
        self._compared = 0
        self._differences: list[Difference] = []

    def run(self, end: int, certificate: Certificate) -> None:
        """Fold the inbox below `end`, and add what is found to the certificate."""
        self._check_build()
        if not self._differences:
            self._fold(end)
        if not self._differences:
            self._check_rest(end)
        certificate.records_folded += self._task.counters.records
        certificate.records_compared += self._compared
        certificate.differences += self._differences
        bugs = self._task.counters.rejects.get("bug", 0)
        if bugs:
            certificate.bugs.append(f"{self._key}: {bugs} records were rejected as bug: see {self._key.stage}.rejects")

    def _check_build(self) -> None:
        manifest = newest_manifest(self._kafka, self._world, self._key)
        if manifest is not None and manifest.build != self._build:
            self._differ(self._key.stage, self._key.partition, -1, "build", manifest.build, self._build)

    def _fold(self, end: int) -> None:
        batch: list[Message] = []
        topic = full_name(self._world, self._key.topic)
        for message in read(self._kafka, topic, self._key.partition, self._task.position, end):
            batch.append(message)
            if len(batch) == BATCH_RECORDS:
                self._compare(batch)
                batch = []
                if self._differences:
                    return
        self._compare(batch)

    def _compare(self, batch: list[Message]) -> None:
        for out in self._task.apply(batch):
            target = (out.topic, out.partition)
            index = self._seen[target]
            self._seen[target] = index + 1
            if self._day is not None and day_of(out.payload) != self._day:
                continue
            recorded = self._recorded.of(target, self._origin)
            start = index * DIGEST_BYTES
            if recorded.digests[start : start + DIGEST_BYTES] != digest(out.headers, out.key, out.payload):
                self._name_difference(out, target, recorded, index)
                return
            self._compared += 1

    def _name_difference(self, out: Outbound, target: Target, recorded: Recorded, index: int) -> None:
        own = _header(out.headers, ID_HEADER)
        if index >= len(recorded.offsets):
            self._differ(*target, -1, "record", "nothing: the stage is behind, or a record is missing", own)
            return
        message = self._recorded.fetch(target, recorded.offsets[index])
        for name, there, here in _fields(message, out):
            if there != here:
                self._differ(*target, recorded.offsets[index], name, there, here)
                return
        self._differ(*target, recorded.offsets[index], "digest", "other bytes", own)

    def _check_rest(self, end: int) -> None:
        """What is recorded beyond what was computed is too much, unless it came of records beyond `end`."""
        for target, count in self._seen.items():
            recorded = self._recorded.of(target, self._origin)
            if len(recorded.offsets) > count and not self._differences:
                message = self._recorded.fetch(target, recorded.offsets[count])
                _, place, _ = split_headers(message.headers(), b"", message.offset() or 0)
                if parse_place(place)[0] < end:
                    own = _header(message.headers(), ID_HEADER)
                    self._differ(*target, recorded.offsets[count], "record", own, "nothing")

    def _differ(self, topic: str, partition: int, offset: int, what: str, there: object, here: object) -> None:
        self._differences.append(Difference(str(self._key), topic, partition, offset, what, str(there), str(here)))


def _fields(message: Message, out: Outbound) -> Iterator[tuple[str, str, str]]:
    """Yield (name, recorded, computed) of what makes up a record, the payload field by field."""
    yield "id", _header(message.headers(), ID_HEADER), _header(out.headers, ID_HEADER)
    yield "prev", _header(message.headers(), PREVIOUS_HEADER), _header(out.headers, PREVIOUS_HEADER)
    yield "key", bytes(message.key() or b"").decode(errors="replace"), out.key.decode(errors="replace")
    there, here = _decoded(bytes(message.value() or b"")), _decoded(out.payload)
    yield "type", type(there).__name__, type(here).__name__
    for name in getattr(there, "__dataclass_fields__", {}):
        yield name, str(getattr(there, name)), str(getattr(here, name, None))


def _decoded(payload: bytes) -> object:
    try:
        return wire.decode(payload)
    except wire.WireError as error:
        return error


def _header(headers: Any, name: str) -> str:
    return (find_header(headers, name) or b"").decode(errors="replace")


def _summary(
    kafka: Mapping[str, str], world: str, topic: str, partitions: int, ends: Mapping[Target, int]
) -> dict[str, Any]:
    """Return offsets, the count of records and the sha256 over keys and payloads of a topic, partition by partition."""
    parts = []
    for partition in range(partitions):
        digest, count, end = hashlib.sha256(), 0, ends[topic, partition]
        for message in read(kafka, full_name(world, topic), partition, None, end):
            digest.update(bytes(message.key() or b"") + b"\0" + bytes(message.value() or b""))
            count += 1
        parts.append({"partition": partition, "end_offset": end, "records": count, "sha256": digest.hexdigest()})
    return {"records": sum(part["records"] for part in parts), "partitions": parts}


def environment() -> dict[str, str]:
    """Return what the promise of equal bytes rests on: code, CPU, libc, numba and numpy."""
    from streams.runtime.source import code_version

    return {
        "code": code_version(),
        "cpu": _cpu_model(),
        "libc": " ".join(platform.libc_ver()) or platform.platform(),
        "python": platform.python_version(),
        "numba": version("numba"),
        "numpy": version("numpy"),
        "architecture": platform.machine(),
    }


def _cpu_model() -> str:
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo") as lines:
            for line in lines:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    return platform.processor() or "unknown"
