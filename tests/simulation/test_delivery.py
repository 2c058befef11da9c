"""The delivery guarantee, held by the production code under seeded schedules of every fault that we know of."""

import copy
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from streams.runtime.checkpoint import RefusedStartError
from streams.runtime.recovery import recover
from streams.runtime.task import TaskKey
from tests.simulation.delivery import ACTIONS, caught, run
from tests.simulation.memory_log import MemoryTaskLog
from tests.simulation.plants import Plant
from tests.simulation.stages import PARTITIONS, STAGES, build_of, make_fold
from tests.simulation.world import World

CHUNK = 125
MUST_HAPPEN = (
    "aborted checkpoints",
    "commits",
    "compacted",
    "crashed at start",
    "crashes",
    "duplicates dropped",
    "emissions suppressed",
    "fenced at commit",
    "fenced at start",
    "interlude at commit",
    "interlude at fence",
    "interlude at read",
    "interlude at scan",
    "moves",
    "overtaken at start",
    "records lost with their process",
    "rejects",
    "sent twice",
    "source repeats",
    "upgrades",
    "upgrades refused: undrained",
    "zombies",
)
CAUGHT_MIN = {
    Plant.NO_FILTER: 90,
    Plant.CHECKPOINT_BEFORE_FLUSH: 60,
    Plant.READ_BEFORE_FENCE: 45,
    Plant.LOST_SEND: 70,
    Plant.NO_TAIL_SCAN: 80,
    Plant.LATE_ENDS: 80,
    Plant.CHAIN_NOT_RESTORED: 80,
    Plant.DRAINED_NOT_CLEARED: 50,
    Plant.SHORT_SCAN: 1,
    Plant.CHANGES_DROPPED: 15,
    Plant.SEEN_NOT_RESTORED: 40,
}


def test_some_schedules_hold() -> None:
    """The first of the thousand, quickly."""
    assert {seed: laws[:3] for seed in range(40) if (laws := run(seed)[0])} == {}


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, 1_000, CHUNK))
def test_schedules_hold(first: int) -> None:
    """Whatever happens, every law holds; and in each chunk everything that can happen does."""
    happened: Counter[str] = Counter()
    for seed in range(first, first + CHUNK):
        laws, seen = run(seed)
        assert not laws, f"seed {seed}: {laws[:3]}"
        happened += seen
    assert [what for what in MUST_HAPPEN if not happened[what]] == []


@pytest.mark.slow
@pytest.mark.parametrize("plant", Plant)
def test_planted_bugs_are_caught(plant: Plant) -> None:
    """A simulation that cannot fail proves nothing: of 100 schedules with a bug, so many at least must break a law."""
    assert caught(plant, range(100)) >= CAUGHT_MIN[plant]


def settled(seed: int) -> World:
    """A world after a schedule, every task checkpointed."""
    world = World(seed)
    for _ in range(ACTIONS // 2):
        world.act()
    world.settle()
    for process in world.processes:
        for key, holding in list(process.holdings.items()):
            if world.live[key] is holding:
                holding.pending = None
                world.take(process, holding)
                world.commit(process, key, holding, surely=True)
    return world


def restart(world: World, key: TaskKey) -> None:
    """Recover a task as the next process would."""
    stage = next(stage for stage in STAGES if stage.name == key.stage)
    version = world.version[key]
    log = MemoryTaskLog(world.broker, key, stage.writes)
    recover(key, log, lambda: make_fold(key.stage, version), build_of(version), stage.writes, PARTITIONS)


@pytest.mark.parametrize("seed", range(12))
def test_a_log_that_is_not_the_same_is_refused(seed: int) -> None:
    """A topic created anew, records expired or lost: each is refused at the start, and the text names what to do."""
    world, rng = settled(seed), random.Random(seed)
    key = rng.choice([key for key in world.keys if world.broker.partition((key.topic, key.partition)).end > 2])
    restart(copy.deepcopy(world), key)
    stage = next(stage for stage in STAGES if stage.name == key.stage)

    anew = copy.deepcopy(world)
    anew.broker.create(rng.choice((key.topic, *stage.writes)))
    with pytest.raises(RefusedStartError, match=r"created anew.* aiots rebuild"):
        restart(anew, key)

    expired = copy.deepcopy(world)
    inbox = expired.broker.partition((key.topic, key.partition))
    inbox.append(b"", b"", None)
    inbox.start = inbox.end
    with pytest.raises(RefusedStartError, match="records were lost or have expired: start a new world"):
        restart(expired, key)

    lost = copy.deepcopy(world)
    del lost.broker.partition((key.topic, key.partition)).records[-1]
    with pytest.raises(RefusedStartError, match="records were lost or have expired: start a new world"):
        restart(lost, key)


def test_outputs_of_lost_inputs_are_refused() -> None:
    """The inbox lost records above the checkpoint: new ones at their offsets must not pass for what was written."""
    world = World(4, calm=True)
    key = next(key for key in world.keys if key.stage == "keyed")
    world.source_sent = [0] * PARTITIONS
    while world.source_sent[key.partition] < 10:
        world.feed()
    holding = world.live[key]
    assert holding is not None
    process = next(process for process in world.processes if process.holdings.get(key) is holding)
    while world.step(process, holding, 50):
        pass
    world.send(process, whole=True)
    del world.broker.partition((key.topic, key.partition)).records[2:]
    with pytest.raises(RefusedStartError, match=r"it has lost records: start a new world"):
        restart(world, key)


def test_the_command_line_says_that_seeds_hold() -> None:
    """The entry that a stranger runs."""
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-m", "tests.simulation.delivery", "5"], cwd=root, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "5 seeds hold" in done.stdout
