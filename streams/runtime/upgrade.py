"""Checkpoints from outside: which build wrote them, whether they are drained, and how to throw them away."""

from collections.abc import Callable, Iterator, Mapping

from confluent_kafka import KafkaException, Producer

from schemas import wire
from schemas.records import Version
from schemas.topics import full_name
from streams.log.producer import BrokenLogError
from streams.log.reader import bounds, read
from streams.runtime.checkpoint import Entry, Manifest, RefusedStartError, decode_manifest
from streams.runtime.options import build_of, make_params, stage_named
from streams.runtime.task import TaskKey
from streams.topology import STAGES

StageParams = Mapping[str, Mapping[str, object]]


def checkpoint_entries(kafka: Mapping[str, str], world: str, key: TaskKey) -> Iterator[Entry]:
    """Yield the committed records of a task's checkpoint partition; the newest one may be cut off."""
    for message in read(kafka, full_name(world, f"{key.stage}.checkpoint"), key.partition, committed=True):
        name, value = message.key(), message.value()
        yield bytes(name or b""), None if value is None else bytes(value)


def newest_manifest(kafka: Mapping[str, str], world: str, key: TaskKey) -> Manifest | None:
    """Return the manifest of a task's newest checkpoint, None where it has none."""
    return decode_manifest(key, checkpoint_entries(kafka, world, key))


def rebuild_stage(
    kafka: Mapping[str, str], world: str, stage: str, partitions: int, params: Mapping[str, object]
) -> Iterator[str]:
    """Write a tombstone over every record of a stage's checkpoints; yields a line a task.

    Fences each task first, so that a process that still runs it stops. RefusedStartError where another build wrote
    the checkpoint, as its outputs would not be those of this one.
    """
    row = stage_named(stage)
    build = build_of(row, make_params(row, params))
    for topic in row.reads:
        for partition in range(partitions):
            key = TaskKey(stage, topic, partition)
            manifest = newest_manifest(kafka, world, key)
            if manifest is not None and manifest.build != build:
                raise RefusedStartError(
                    f"{key}: the checkpoint is of code {manifest.build.code} with parameters {manifest.build.params}, "
                    f"this is {build.code} with {build.params}: it would not write the same; replay into a new world"
                )
            yield f"{key}: {_erase(kafka, world, key)} records thrown away"


def _erase(kafka: Mapping[str, str], world: str, key: TaskKey) -> int:
    producer = Producer({**kafka, "transactional.id": f"{world}.{key.stage}.{key.topic}.{key.partition}"})
    try:
        producer.init_transactions(30.0)
        names = {name for name, value in checkpoint_entries(kafka, world, key) if name.startswith(f"{key}/".encode())}
        producer.begin_transaction()
        for name in sorted(names):
            topic = full_name(world, f"{key.stage}.checkpoint")
            producer.produce(topic, key=name, value=None, partition=key.partition)
        producer.commit_transaction(30.0)
    except KafkaException as error:
        raise BrokenLogError(f"{key}: {error.args[0].str()}") from error
    return len(names)


def upgrade_world(
    kafka: Mapping[str, str], world: str, partitions: int, params: StageParams, say: Callable[[str], None]
) -> bool:
    """Return whether another build may go on from every task, saying why not; where it may, record the new build."""
    ready = True
    waiting: list[tuple[TaskKey, Version]] = []
    for stage in STAGES:
        build = build_of(stage, make_params(stage, params.get(stage.name, {})))
        for topic in stage.reads:
            for partition in range(partitions):
                key = TaskKey(stage.name, topic, partition)
                manifest = newest_manifest(kafka, world, key)
                if manifest is None:
                    say(f"{key}: never ran")
                    continue
                behind = bounds(kafka, full_name(world, topic), partition)[1] - manifest.snapshot.position
                state = "drained" if manifest.drained else "NOT DRAINED: start its version and stop it with SIGTERM"
                ready = ready and manifest.drained
                say(f"{key}: code {manifest.build.code}, {behind} records behind, {state}")
                if manifest.build != build:
                    waiting.append((key, Version(stage.name, build.code, build.params)))
    if not ready:
        say("not ready: a stage that is not drained may have written more than its checkpoint says")
    elif not waiting:
        say("nothing to do: every checkpoint is of this version")
    else:
        _record(kafka, world, waiting)
        say(f"ready: {len(waiting)} tasks go on with the new version when they are started")
    return ready


def _record(kafka: Mapping[str, str], world: str, versions: list[tuple[TaskKey, Version]]) -> None:
    producer = Producer({**kafka, "enable.idempotence": True})
    for key, version in versions:
        topic = full_name(world, f"{key.stage}.checkpoint")
        producer.produce(topic, key=f"{key}/version".encode(), value=wire.encode(version), partition=key.partition)
    if producer.flush(30.0):
        raise BrokenLogError("the new version could not be recorded: is the broker up?")
