"""What must hold of a world that has settled, whatever happened to it."""

from collections.abc import Iterator
from typing import Any

from schemas import wire
from schemas.records import Reject
from streams.runtime.recovery import recover
from streams.runtime.task import Target, TaskKey
from streams.stage import ALL_PARTITIONS, Rejected
from streams.state import encode_state
from tests.simulation.memory_log import MemoryTaskLog, Stored
from tests.simulation.stages import PARTITIONS, STAGES, TOPICS, build_of, make_fold
from tests.simulation.world import World

Expected = tuple[bytes, bytes | tuple[str, int]]
"""Key and payload; of a reject its reason and offset instead, as its text may name more."""

Distinct = dict[Target, list[Stored]]


def broken_laws(world: World, calm: bool) -> list[str]:
    """Return every law that does not hold; calm: nothing may stand in the log twice."""
    inboxes = {(topic, p): list(_distinct(world, (topic, p))) for topic in TOPICS for p in range(PARTITIONS)}
    return [
        *world.wrong,
        *_source_law(world, inboxes),
        *_id_laws(world, calm),
        *(text for key in world.keys for text in _fold_law(world, key, inboxes)),
        *(text for key in world.keys for text in _checkpoint_law(world, key)),
    ]


def _distinct(world: World, target: Target) -> Iterator[Stored]:
    """A partition's records in order, later copies of an id dropped; written apart from IdFilter on purpose."""
    seen: set[Any] = set()
    for record in world.broker.partition(target).records:
        text = _id(record)
        if text is None:
            yield record
        elif text not in seen:
            seen.add(text)
            yield record


def _id(record: Stored) -> bytes | None:
    for name, text in record.heads or ():
        if name == "id" and isinstance(text, bytes) and b":" in text and b"." in text and text.isascii():
            return text
    return None


def _source_law(world: World, distinct: Distinct) -> Iterator[str]:
    """The first stage reads the recording, in order, each row once: so its outputs are the undisturbed run's."""
    for partition in range(PARTITIONS):
        seen = [record.payload for record in distinct["ticks", partition]]
        if seen != [payload for payload, _ in world.source[partition]]:
            yield f"ticks/{partition}: not the recording"


def _id_laws(world: World, calm: bool) -> Iterator[str]:
    """No two payloads under one id; places grow and each names the one before; copies only where someone repeated."""
    for topic, partitions in world.broker.topics.items():
        if topic == "ticks":
            continue
        for number, partition in enumerate(partitions):
            payloads: dict[bytes, Any] = {}
            newest: dict[bytes, bytes] = {}
            for record in partition.records:
                text = _id(record)
                assert text is not None, "every output has an id"
                if text in payloads:
                    if payloads[text] != (record.key, record.payload):
                        yield f"{topic}/{number}: two payloads under {text!r}"
                    if calm:
                        yield f"{topic}/{number}: {text!r} stands in the log twice, though nobody repeated it"
                    continue
                payloads[text] = (record.key, record.payload)
                origin, _, place = text.rpartition(b":")
                if dict(record.heads or ()).get("prev") != newest.get(origin):
                    yield f"{topic}/{number}: {text!r} does not follow {newest.get(origin)!r}"
                newest[origin] = place


def _folded(world: World, key: TaskKey, distinct: Distinct) -> tuple[dict[Target, list[Expected]], dict[str, bytes]]:
    """Fold a task's inbox as it stands, each id once, by the versions that were to fold it."""
    cuts = list(world.cuts[key])
    fold, out = make_fold(key.stage, cuts.pop(0)[1]), dict[Target, list[Expected]]()
    for record in distinct[key.topic, key.partition]:
        while cuts and record.at >= cuts[0][0]:
            state = {name: encode_state(value) for name, value in fold.state.items()}
            fold = make_fold(key.stage, cuts.pop(0)[1])
            fold.load(state)
        for result in fold.apply([record.payload or b""]):
            if isinstance(result, Rejected):
                target = (f"{key.stage}.rejects", key.partition)
                out.setdefault(target, []).append((b"", (str(result.reason), record.at)))
                continue
            everyone = range(PARTITIONS)
            one = key.partition if result.partition is None else result.partition
            for partition in everyone if result.partition == ALL_PARTITIONS else (one,):
                out.setdefault((result.topic, partition), []).append((result.key, result.payload))
    return out, {name: encode_state(value) for name, value in fold.state.items()}


def _fold_law(world: World, key: TaskKey, distinct: Distinct) -> Iterator[str]:
    """State and outputs are the fold of the inbox: none lost, changed, invented or out of order."""
    expected, state = _folded(world, key, distinct)
    origin = f"{key.stage}/{key.partition}/{world.broker.uuids[key.topic]}:".encode()
    seen: dict[Target, list[Expected]] = {}
    for target, records in distinct.items():
        for record in records if target[0] != "ticks" else ():
            if record.heads and bytes(record.heads[0][1] or b"").startswith(origin):  # type: ignore[arg-type]
                seen.setdefault(target, []).append((record.key, _shown(target[0], record)))
    for target in sorted(expected.keys() | seen.keys()):
        if expected.get(target) != seen.get(target):
            yield f"{key}: outputs in {target} are not the fold of its inbox"
    holding = world.live[key]
    assert holding is not None
    fold: Any = holding.task.fold
    if {name: encode_state(value) for name, value in fold.state.items()} != state:
        yield f"{key}: state is not the fold of its inbox"


def _shown(topic: str, record: Stored) -> bytes | tuple[str, int]:
    payload = record.payload or b""
    if not topic.endswith(".rejects"):
        return payload
    reject = wire.decode(payload)
    assert isinstance(reject, Reject)
    return (reject.reason, reject.offset)


def _checkpoint_law(world: World, key: TaskKey) -> Iterator[str]:
    """A checkpoint taken now brings back this very task, and it has nothing left to do."""
    holding = world.live[key]
    assert holding is not None
    process = next(p for p in world.processes if p.holdings.get(key) is holding)
    world.take(process, holding, drained=True)
    if not world.commit(process, key, holding, surely=True):
        yield f"{key}: the live owner cannot checkpoint"
        return
    stage = next(stage for stage in STAGES if stage.name == key.stage)
    version = world.version[key]
    log = MemoryTaskLog(world.broker, key, stage.writes)
    made = recover(key, log, lambda: make_fold(key.stage, version), build_of(version), stage.writes, PARTITIONS)
    before: Any = holding.task.fold
    after: Any = made.task.fold
    if made.replay_records or made.task.position != holding.task.position or before.state != after.state:
        yield f"{key}: the checkpoint is not the task"
    if made.task.snapshot({}) != holding.task.snapshot({}):
        yield f"{key}: the checkpoint forgets ids or the chain"
