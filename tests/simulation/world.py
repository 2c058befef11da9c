"""A world of processes that run the production tasks and that crash, freeze, lose, repeat and race.

A seed chooses everything.
"""

import random
from collections import Counter
from dataclasses import dataclass, field, replace

from streams.log.filter import IdFilter
from streams.runtime.recovery import (
    CheckpointAbortedError,
    CheckpointWriter,
    FencedError,
    Pending,
    recover,
)
from streams.runtime.task import Outbound, Target, Task, TaskKey
from streams.stage import Stage
from tests.simulation.memory_log import Broker, CommitPlan, Crash, MemoryTaskLog
from tests.simulation.plants import AcceptAll, Plant, PlantedLog
from tests.simulation.stages import PARTITIONS, STAGES, TOPICS, build_of, make_fold, recording
from tests.simulation.upgrades import upgrade

BUFFER_RECORDS_MAX = 40
DEPTH_MAX = 2


@dataclass
class Holding:
    """A task as one process holds it; pending: a checkpoint taken and not yet committed."""

    task: Task
    writer: CheckpointWriter
    log: MemoryTaskLog
    pending: Pending | None = None


@dataclass(eq=False)
class Process:
    """One process of one stage: a producer with a buffer a partition, and the tasks it holds or believes to hold."""

    stage: Stage
    holdings: dict[TaskKey, Holding] = field(default_factory=dict)
    buffers: dict[Target, list[Outbound]] = field(default_factory=dict)
    busy: bool = False
    dead: bool = False


class World:
    """calm: no zombies and no repeated sends, so that nothing may stand in the log twice."""

    def __init__(self, seed: int, plants: frozenset[Plant] = frozenset(), *, calm: bool = False) -> None:
        self.rng = random.Random(seed)
        self.calm = calm
        self.plants = plants
        self.broker = Broker(PARTITIONS)
        self.seen: Counter[str] = Counter()
        """What has happened, for tests that assert that it does."""
        self.wrong: list[str] = []
        """Laws broken while it ran."""
        self.version: dict[TaskKey, int] = {}
        self.cuts: dict[TaskKey, list[tuple[int, int]]] = {}
        """Per task: (input offset, version that folds from there)."""
        self.drained: dict[TaskKey, bool] = {}
        self.live: dict[TaskKey, Holding | None] = {}
        self.upgrading: set[TaskKey] = set()
        self.processes: list[Process] = []
        self._depth = 0
        for topic in TOPICS:
            self.broker.create(topic)
        self.keys = [TaskKey(s.name, topic, p) for s in STAGES for topic in s.reads for p in range(PARTITIONS)]
        self.source = [recording(seed, p) for p in range(PARTITIONS)]
        self.source_sent = [0] * PARTITIONS
        for stage in STAGES:
            self.processes += [Process(stage), Process(stage)]
        for key in self.keys:
            self.version[key], self.cuts[key] = 1, [(0, 1)]
        for key in self.keys:
            if self.live.get(key) is None:
                self.start(key, self.version[key])

    # Sources.

    def feed(self) -> None:
        """Append some of the recording; now and then the last ones again, as a writer that was cut off does."""
        p = self.rng.randrange(PARTITIONS)
        first = self.source_sent[p]
        if first and not self.calm and self.rng.random() < 0.15:
            first = max(0, first - self.rng.randint(1, 4))
            self.seen["source repeats"] += 1
        last = min(len(self.source[p]), self.source_sent[p] + self.rng.randint(1, 6))
        partition = self.broker.partition(("ticks", p))
        for at in range(first, last):
            payload, headers = self.source[p][at]
            if at < self.source_sent[p] and not (headers and str(headers[0][1]).startswith("b'sim/")):
                continue  # a record without an id cannot be told from its copy
            partition.append(b"", payload, headers)
        self.source_sent[p] = max(last, self.source_sent[p])

    # The rest of the world.

    def interlude(self, at: str) -> None:
        """Now and then, before any step at the broker, others act."""
        if self.calm or self._depth >= DEPTH_MAX or self.rng.random() > 0.06:
            return
        self._depth += 1
        self.seen[f"interlude at {at}"] += 1
        for _ in range(self.rng.randint(1, 8)):
            self.act()
        self._depth -= 1

    def last_checkpoint(self, key: TaskKey) -> None:
        """The owner before gets to work once more, and its checkpoint lands."""
        for process in list(self.processes):
            holding = process.holdings.get(key)
            if holding is not None and not process.busy and holding.log.newest_owner():
                self.live[key] = holding
                self.step(process, holding, 6)
                self.take(process, holding)
                self.commit(process, key, holding, surely=True)
                self.live[key] = None

    def act(self) -> None:
        """One action of one process that is not in the middle of another."""
        free = [process for process in self.processes if not process.busy]
        if not free or self.rng.random() < 0.10:
            return self.feed()
        process = self.rng.choice(free)
        process.busy = True
        try:
            self._act(process)
        except Crash:
            self.crash(process)
        finally:
            process.busy = False

    def _act(self, process: Process) -> None:
        chance, rng = self.rng.random(), self.rng
        if chance < 0.30:
            self.send(process)
        elif not process.holdings:
            self.adopt(process)
        else:
            key = rng.choice(list(process.holdings))
            holding = process.holdings[key]
            if chance < 0.70:
                self.step(process, holding, rng.randint(1, 6))
            elif chance < 0.80:
                self.take(process, holding)
            elif chance < 0.92:
                self.commit(process, key, holding)
            else:
                self.disturb(process, key)

    def disturb(self, process: Process, key: TaskKey) -> None:
        """Crash, freeze, move, drain, upgrade, compact."""
        chance = self.rng.random()
        if chance < 0.20:
            self.crash(process)
        elif chance < 0.50 and not self.calm:
            self.freeze(process)
        elif chance < 0.70:
            self.move(process, key)
        elif chance < 0.85:
            self.drain(process, key)
        elif chance < 0.93:
            upgrade(self, process, key)
        else:
            self.seen["compacted"] += self.broker.compact(key.stage, key.partition)

    # A process at work.

    def step(self, process: Process, holding: Holding, count: int) -> bool:
        """Read on; now and then from further back, as after a seek. Return whether there was anything."""
        inbox = self.broker.partition((holding.task.key.topic, holding.task.key.partition)).records
        first = holding.task.position
        batch = inbox[max(0, first - self.rng.choice((0, 0, 0, 2))) : first + count]
        counters = holding.task.counters
        before = (counters.duplicates_dropped, counters.emissions_suppressed, sum(counters.rejects.values()))
        for out in holding.task.apply(batch):
            process.buffers.setdefault((out.topic, out.partition), []).append(out)
        self.seen["duplicates dropped"] += counters.duplicates_dropped - before[0]
        self.seen["emissions suppressed"] += counters.emissions_suppressed - before[1]
        self.seen["rejects"] += sum(counters.rejects.values()) - before[2]
        if sum(map(len, process.buffers.values())) > BUFFER_RECORDS_MAX:
            self.send(process)
        return holding.task.position > first

    def send(self, process: Process, whole: bool = False) -> None:
        """The producer's own pace: each partition by itself, always in order."""
        for target in sorted(process.buffers):
            buffer = process.buffers[target]
            count = len(buffer) if whole else self.rng.randint(0, len(buffer))
            if count:
                self._append(process, target, buffer[:count])
                del buffer[:count]

    def _append(self, process: Process, target: Target, records: list[Outbound]) -> None:
        if Plant.LOST_SEND in self.plants and len(records) > 1 and self.rng.random() < 0.05:
            del records[self.rng.randrange(len(records) - 1)]
            self.seen["lost in the middle"] += 1
        again = not self.calm and self.rng.random() < 0.05
        for _ in range(2 if again else 1):
            for record in records:
                self.broker.partition(target).append(record.key, record.payload, record.headers)
        self.seen["sent twice"] += again

    def take(self, process: Process, holding: Holding, *, drained: bool = False) -> None:
        """Flush and take a checkpoint; the ends are read before or after that."""
        if holding.pending is not None and not drained:
            return
        early = self.rng.random() < 0.5 and holding.log.ends(holding.writer.targets)
        if Plant.CHECKPOINT_BEFORE_FLUSH not in self.plants:
            self.send(process, whole=True)
        ends = early or holding.log.ends(holding.writer.targets)
        holding.pending = holding.writer.take(ends, drained=drained)

    def commit(self, process: Process, key: TaskKey, holding: Holding, *, surely: bool = False) -> bool:
        """Commit what was taken, perhaps long ago; return whether it landed. A fenced owner lets go of the task."""
        pending = holding.pending
        if pending is None:
            return False
        if Plant.LATE_ENDS in self.plants:
            self.step(process, holding, 6)
            self.send(process, whole=True)
            snapshot = replace(pending.manifest.snapshot, ends=holding.log.ends(holding.writer.targets))
            pending = replace(pending, manifest=replace(pending.manifest, snapshot=snapshot))
        chance = 1.0 if surely else self.rng.random()
        plan = holding.log.plan = CommitPlan(
            crash_after=self.rng.randint(0, 3) if chance < 0.05 else None,
            aborted=0.05 <= chance < 0.25,
            landed_but_said_aborted=0.25 <= chance < 0.35,
        )
        holding.pending = None
        try:
            holding.writer.commit(pending)
        except CheckpointAbortedError:
            self.seen["aborted checkpoints"] += 1
            if plan.landed_but_said_aborted:
                self.drained[key] = pending.manifest.drained
            if Plant.CHANGES_DROPPED in self.plants:
                holding.writer._unsaved.clear()
            return False
        except FencedError:
            self.seen["fenced at commit"] += 1
            self.let_go(process, key, holding)
            return False
        self.seen["commits"] += 1
        self.drained[key] = pending.manifest.drained
        return True

    def let_go(self, process: Process, key: TaskKey, holding: Holding) -> None:
        """Forget a task; what it had sent stays in the producer's buffer."""
        if process.holdings.get(key) is holding:
            del process.holdings[key]
        if self.live.get(key) is holding:
            self.live[key] = None

    # Ownership.

    def start(self, key: TaskKey, version: int, process: Process | None = None) -> Holding | None:
        """Recover a task in a process; None where that failed, and then nobody owns it."""
        stage = next(stage for stage in STAGES if stage.name == key.stage)
        process = process or self._home(stage)
        was_busy, process.busy = process.busy, True
        self.live[key] = None
        log = PlantedLog(self.broker, key, stage.writes, self.interlude)
        log.plants, log.starting, log.between = self.plants, True, self.last_checkpoint
        if not self.calm and self.rng.random() < 0.05:
            log.plan = CommitPlan(crash_after=self.rng.randint(0, 1))
        try:
            made = recover(key, log, lambda: make_fold(key.stage, version), build_of(version), stage.writes, PARTITIONS)
        except FencedError:
            self.seen["fenced at start"] += 1
            return None
        except Crash:
            self.seen["crashed at start"] += 1
            self.crash(process)
            return None
        finally:
            process.busy = was_busy
        self.seen["waits for an open transaction"] += log.waited
        log.starting = False
        holding = Holding(made.task, made.checkpoints, log)
        self._plant(holding)
        process.holdings[key] = holding
        if log.newest_owner():
            self.live[key] = holding
            self.drained[key] = False
        else:
            self.seen["overtaken at start"] += 1
        return holding

    def _home(self, stage: Stage) -> Process:
        free = [p for p in self.processes if p.stage is stage and not p.busy and not p.dead]
        if free and self.rng.random() < 0.7:
            return self.rng.choice(free)
        self.processes.append(Process(stage))
        return self.processes[-1]

    def _plant(self, holding: Holding) -> None:
        task = holding.task
        if Plant.NO_FILTER in self.plants:
            task.filter = AcceptAll(task.filter.newest())
        if Plant.SEEN_NOT_RESTORED in self.plants:
            task.filter = IdFilter(strict=False)
        if Plant.CHAIN_NOT_RESTORED in self.plants:
            task._chain = {}

    def adopt(self, process: Process) -> None:
        """Start a task that nobody holds; an idle process that finds none ends."""
        orphans = [k for k in self.keys if k.stage == process.stage.name and self.live.get(k) is None]
        orphans = [key for key in orphans if key not in self.upgrading]
        if orphans:
            self.start(orphans[0], self.version[orphans[0]], process)
        elif not any(process.buffers.values()) and process in self.processes and len(self.processes) > 4:
            self.processes.remove(process)

    def crash(self, process: Process) -> None:
        """What was not flushed is gone."""
        self.seen["crashes"] += 1
        self.seen["records lost with their process"] += sum(map(len, process.buffers.values()))
        process.dead = True
        if process in self.processes:
            self.processes.remove(process)
        for key, holding in list(process.holdings.items()):
            self.let_go(process, key, holding)

    def freeze(self, process: Process) -> None:
        """Taken for dead, it goes on: others recover its tasks while it steps, sends and tries to checkpoint."""
        self.seen["zombies"] += 1
        process.busy = False  # it acts on while others take over
        for key, holding in list(process.holdings.items()):
            if self.live.get(key) is holding:
                heir = self._home(process.stage)
                made = self.start(key, self.version[key], heir)
                if process.holdings.get(key) is holding and self.rng.random() < 0.5:
                    self.step(process, holding, 6)
                    self.send(process)
                if made is not None and not heir.dead and self.rng.random() < 0.7:
                    self.falter(heir, key, made)

    def falter(self, process: Process, key: TaskKey, holding: Holding) -> None:
        """A checkpoint soon after the start, and another crash, or another version."""
        busy, process.busy = process.busy, True
        self.step(process, holding, 1)
        self.take(process, holding)
        landed = self.commit(process, key, holding, surely=True)
        chance = self.rng.random()
        if landed and chance < 0.5:
            self.crash(process)
        elif landed and chance < 0.8:
            self.drain(process, key)
        process.busy = busy

    def move(self, process: Process, key: TaskKey) -> None:
        """Rebalance: revoked (flushed, mostly checkpointed) or lost (neither)."""
        self.seen["moves"] += 1
        holding = process.holdings[key]
        if self.calm or self.rng.random() < 0.6:
            self.take(process, holding, drained=True)
            self.commit(process, key, holding)
        self.let_go(process, key, holding)
        if self.live.get(key) is None:
            self.start(key, self.version[key])

    def drain(self, process: Process, key: TaskKey) -> None:
        """Stop a task as SIGTERM does, and leave it stopped for a while, or start another version at once."""
        holding = process.holdings[key]
        if self.live.get(key) is not holding:
            return
        self.take(process, holding, drained=True)
        landed = self.commit(process, key, holding)
        self.let_go(process, key, holding)
        if landed and self.rng.random() < 0.8:
            upgrade(self, process, key)

    # The end.

    def settle(self) -> None:
        """No more faults: zombies have their last words, then every inbox is folded to its end, in flow order."""
        self.calm = True
        while min(map(len, self.source)) > min(self.source_sent):
            self.feed()
        for key, live in list(self.live.items()):
            if live is not None and not live.log.newest_owner():
                self.live[key] = None  # fenced by one that never came up: its next checkpoint would end it
        for process in list(self.processes):
            if not any(self.live.get(key) is holding for key, holding in process.holdings.items()):
                self.send(process)
                self.crash(process)
        for stage in STAGES:
            for key in [key for key in self.keys if key.stage == stage.name]:
                holding = self.live[key] or self.start(key, self.version[key])
                assert holding is not None, f"{key}: cannot start though nothing is wrong"
                process = next(p for p in self.processes if p.holdings.get(key) is holding)
                while self.step(process, holding, 50):
                    pass
                self.send(process, whole=True)
