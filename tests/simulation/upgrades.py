"""Another version takes over a task, if it may."""

from typing import TYPE_CHECKING, Any

from streams.runtime.checkpoint import Checkpoint, RefusedStartError, decode
from streams.runtime.recovery import targets_of
from streams.runtime.task import TaskKey
from tests.simulation.memory_log import MemoryTaskLog
from tests.simulation.stages import PARTITIONS, TOPICS, build_of

if TYPE_CHECKING:
    from tests.simulation.world import Process, World


def upgrade(world: "World", acting: "Process", key: TaskKey) -> None:
    """Start the next version: must be refused unless the task was drained and has written nothing beyond."""
    others = [process for process in world.processes if process.stage is acting.stage]
    if any(process.busy and process is not acting for process in others):
        return
    # An upgrade's premise: no process of the old version runs on.
    for process in others:
        if key in process.holdings or any(process.buffers.values()):
            world.crash(process)
    world.live[key] = None
    world.upgrading.add(key)
    try:
        _start_next(world, key)
    finally:
        world.upgrading.remove(key)


def _start_next(world: "World", key: TaskKey) -> None:
    allowed, beyond = world.drained.get(key, False), _written_beyond(world, key)
    try:
        holding = world.start(key, world.version[key] + 1)
    except RefusedStartError as error:
        world.seen["upgrades refused: undrained" if not allowed else "upgrades refused: written beyond"] += 1
        if allowed and not beyond:
            world.wrong.append(f"{key}: an upgrade of a drained task was refused: {error}")
        if "aiots upgrade" not in str(error):
            world.wrong.append(f"{key}: the refusal names no remedy: {error}")
        return
    if not allowed or beyond:
        world.wrong.append(f"{key}: another version was started from a task that was not drained")
    found = _checkpoint(world, key)
    if holding is None and (found is None or found.manifest.build != build_of(world.version[key] + 1)):
        return  # it failed before it had left its mark
    world.version[key] += 1
    world.cuts[key].append((found.manifest.snapshot.position if found else 0, world.version[key]))
    world.seen["upgrades"] += 1


def _checkpoint(world: "World", key: TaskKey) -> Checkpoint | None:
    log = MemoryTaskLog(world.broker, key, ())
    return decode(key, log.read_checkpoint())


def _written_beyond(world: "World", key: TaskKey) -> bool:
    """Whether an output of an input beyond the checkpoint stands in the log."""
    found = _checkpoint(world, key)
    position = found.manifest.snapshot.position if found else 0
    origin = f"{key.stage}/{key.partition}/{world.broker.uuids[key.topic]}:".encode()
    for topic, partition in targets_of(key, [t for t in TOPICS if "." not in t], PARTITIONS):
        for record in world.broker.partition((topic, partition)).records:
            text: Any = dict(record.heads or ()).get("id")
            own = isinstance(text, bytes) and text.startswith(origin)
            if own and int(text[len(origin) :].split(b".")[0]) >= position:
                return True
    return False
