"""A look at a task's state from outside: its newest checkpoint, and what its inbox has had since, folded here.

Nothing is fenced and nothing is written: the process that runs the task does not notice.
"""

from collections.abc import Mapping
from typing import Any

from schemas.topics import full_name
from streams.log.reader import bounds, read
from streams.runtime.checkpoint import Checkpoint, RefusedStartError, decode
from streams.runtime.options import build_of, fold_factory, make_params, stage_named
from streams.runtime.task import Task, TaskKey
from streams.runtime.upgrade import checkpoint_entries

BATCH_RECORDS = 1_000


def peek(
    kafka: Mapping[str, str], world: str, key: TaskKey, params: Mapping[str, object], partitions: int
) -> tuple[Any, Any]:
    """Return a task's fold as of now, and its parameters.

    RefusedStartError where another build wrote the checkpoint, as this one would not fold the same, or it is damaged.
    """
    row = stage_named(key.stage)
    made = make_params(row, params)
    build = build_of(row, made)
    fold = fold_factory(row, made, key.partition, partitions)()
    task = Task(key, fold, "peek", partitions)
    found = newest(kafka, world, key)
    topic = full_name(world, key.topic)
    low, end = bounds(kafka, topic, key.partition)
    task.position = low
    if found is not None:
        if found.manifest.build != build:
            raise RefusedStartError(
                f"{key}: the checkpoint is of code {found.manifest.build.code} with parameters"
                f" {found.manifest.build.params}, this is {build.code} with {build.params}: it would not fold the same"
            )
        try:
            task.restore(found.manifest.snapshot, found.state)
        except (ValueError, EOFError) as error:
            raise RefusedStartError(f"{key}: the checkpoint's state is cut off or damaged: {error}") from error
    batch = []
    for message in read(kafka, topic, key.partition, task.position, end):
        batch.append(message)
        if len(batch) == BATCH_RECORDS:
            task.apply(batch)
            batch = []
    task.apply(batch)
    return fold, made


def newest(kafka: Mapping[str, str], world: str, key: TaskKey) -> Checkpoint | None:
    """Return a task's newest checkpoint that is whole, None where there is none."""
    entries = list(checkpoint_entries(kafka, world, key))
    manifest = f"{key}/@".encode()
    whole = next((at + 1 for at in range(len(entries) - 1, -1, -1) if entries[at][0] == manifest), 0)
    return decode(key, entries[:whole])
