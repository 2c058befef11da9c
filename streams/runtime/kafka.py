"""The process of a stage: a consumer group member that runs a task on each partition it is given.

One loop consumes, folds and produces. Recovery and checkpoint commits run on threads beside it. Everything that is
wrong with the world (broker gone, fenced, a gap in the log) ends the process loudly; the supervisor starts it again,
and start is recovery.
"""

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import structlog
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from schemas.topics import full_name
from streams.log.producer import BrokenLogError, LogProducer, client_name
from streams.runtime import garbage
from streams.runtime.archive import day_of
from streams.runtime.consumer import consumer_settings
from streams.runtime.fetch import Applied, make_fetch
from streams.runtime.kafka_log import KafkaTaskLog, topic_ids
from streams.runtime.metrics import StageMetrics
from streams.runtime.options import RunOptions, build_of, first_checkpoint, fold_factory, make_params, stage_named
from streams.runtime.recovery import CheckpointAbortedError, FencedError, Pending, Recovered, recover
from streams.runtime.task import Target, TaskKey
from streams.runtime.threads import in_thread

log = structlog.get_logger()

LOOP_SECONDS = 0.1
GROUP_SECONDS = 0.02
IDLE_SECONDS = 0.02
"""A turn's wait while partitions are not yet all there: it is what a restart waits for."""
LINGER_MS = 20
"""Outputs of a turn are sent together, by settle(); only where a stage is behind does this count."""
SETTLE_SECONDS_MAX = 0.1
HURRY_RECORDS = 500
"""A turn of so many is behind: it folds on while its outputs are under way."""
KERNELS_SECONDS_SAID = 5.0
ABORTED_CHECKPOINTS_MAX = 20
_PASSING = {KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError._RESOLVE, KafkaError._TIMED_OUT}
_GONE_SECONDS_MAX = 60.0
_CLOSE_SECONDS_MAX = 5.0


@dataclass
class Owned:
    """A partition that this process has been given."""

    key: TaskKey
    log: KafkaTaskLog
    recovery: Future[Recovered] = field(default_factory=Future)
    ends: Mapping[Target, int] = field(default_factory=dict)
    """Of the outputs, as they were a checkpoint ago."""
    ready: Recovered | None = None
    commit: Future[None] | None = None
    checkpoint_due_s: float = 0.0
    checkpoint_s: float = 0.0
    aborted: int = 0
    drained: bool = False
    told: tuple[int, int, int] = (0, 0, 0)
    newest: bytes = b""
    """The payload folded last."""


class StageProcess:
    """One process of one stage. Call run() from the main thread, stop() from a signal handler."""

    def __init__(self, options: RunOptions) -> None:
        self._options = options
        self._stage = stage_named(options.stage)
        self._params = make_params(self._stage, options.params)
        self._build = build_of(self._stage, self._params)
        self._load_kernels()
        self._owned: dict[tuple[str, int], Owned] = {}
        self._logical = {full_name(options.world, topic): topic for topic in self._stage.reads}
        self._names: dict[str, str] = {}
        self._stopping = False
        self._broker_gone_s: float | None = None
        self._group: Any = None
        """The group's metadata as of the last time that the loop asked for it: commits on threads need it."""
        self.metrics = StageMetrics(self._stage.name, options.metrics_port)
        client = client_name(f"{self._stage.name}-{options.slot}")
        self._producer = LogProducer(options.kafka, client, linger_ms=LINGER_MS)
        self._ids = topic_ids(options.kafka, options.world, [*self._stage.reads, *self._stage.writes])
        self._consumer = Consumer(consumer_settings(options, self._stage, self._on_error))
        """Keeps the place in the group; its partitions stay paused."""
        self._group_due_s = 0.0
        stage = self._stage
        self._fetch = make_fetch(options.kafka, self._on_fetch_error, joined=stage.joined, pace_s=stage.pace_s)

    def _load_kernels(self) -> None:
        """Compile, or load, what the fold calls: on a new machine over a minute, in which a member would be put out."""
        begun_s = time.monotonic()
        fold_factory(self._stage, self._params, 0, self._options.partitions)().apply([])
        if (seconds := time.monotonic() - begun_s) > KERNELS_SECONDS_SAID:
            log.info("kernels.loaded", stage=self._stage.name, seconds=round(seconds, 1))

    def stop(self) -> None:
        """Ask run() to drain, checkpoint and return."""
        self._stopping = True

    def run(self) -> None:
        """Consume until stop(); raises where the process must end loudly."""
        self._consumer.subscribe(
            list(self._logical), on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
        )
        garbage.settle()
        log.info("stage.started", stage=self._stage.name, slot=self._options.slot, code=self._build.code)
        try:
            while not self._stopping:
                self._turn()
            leaving = list(self._owned.values())
            self._owned.clear()
            self._let_go(leaving)
        finally:
            self.metrics.close()
        self._close()
        log.info("stage.stopped", stage=self._stage.name, slot=self._options.slot)

    def _close(self) -> None:
        """Close the consumers, for a while: they may wait for a broker that does not answer, or the group's others."""

        def close() -> None:
            self._fetch.close()
            self._consumer.close()

        try:
            in_thread(close).result(_CLOSE_SECONDS_MAX)
        except TimeoutError:
            log.warning("consumer.not_closed", stage=self._stage.name, slot=self._options.slot)

    def _turn(self) -> None:
        self._group_turn()
        waiting = not self._owned or any(owned.ready is None for owned in self._owned.values())
        wait_s = IDLE_SECONDS if waiting else LOOP_SECONDS
        records = 0
        for applied in self._fetch.turn(wait_s, self._options.batch_records_max):
            self._append(applied)
            records += applied.records
        self._producer.poll()
        if records < HURRY_RECORDS:
            self._producer.settle(SETTLE_SECONDS_MAX)
        self._take_over()
        self._checkpoints()
        self._watch_broker()
        self.metrics.observe(self._owned.values(), self._lag, self._producer.queued())

    def _group_turn(self) -> None:
        """Let the group's consumer do its part, now and then: partitions come and go by its callbacks."""
        if (now_s := time.monotonic()) < self._group_due_s:
            return
        self._group_due_s = now_s + GROUP_SECONDS
        message = self._consumer.poll(0)
        if message is not None and (error := message.error()) is not None:
            self._on_fetch_error(error, (message.topic() or "", message.partition() or 0))

    def _append(self, applied: Applied) -> None:
        names, send = self._names, self._producer.send
        for topic, partition, key, payload, headers in applied.outputs:
            name = names.get(topic)
            if name is None:
                name = names[topic] = full_name(self._options.world, topic)
            send(name, partition, key, payload, headers)
        topic, partition = applied.place
        self._owned[self._logical[topic], partition].newest = applied.payload
        self.metrics.batch(applied.stamp_ms, applied.records)

    # Partitions come and go.

    def _on_assign(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        if self._stopping:
            return  # Given while it leaves, when nothing is fetched any more: whoever comes next recovers them.
        for place in places:
            # An offset to stand at, paused; by number, as librdkafka waits half a second before it asks where "the
            # beginning" is.
            first = self._fetch.first(place.topic, place.partition)
            place.offset = first if first >= 0 else OFFSET_BEGINNING
        consumer.incremental_assign(places)
        consumer.pause(places)
        self._group = consumer.consumer_group_metadata()
        for place in places:
            key = TaskKey(self._stage.name, self._logical[place.topic], place.partition)
            task_log = KafkaTaskLog(self._options.kafka, self._options.world, key, self._ids, lambda: self._group)
            owned = self._owned[key.topic, key.partition] = Owned(key, task_log)
            owned.recovery = in_thread(self._recover, owned)

    def _recover(self, owned: Owned) -> Recovered:
        fresh = fold_factory(self._stage, self._params, owned.key.partition, self._options.partitions)
        writes, partitions = self._stage.writes, self._options.partitions
        ready = recover(owned.key, owned.log, fresh, self._build, writes, partitions)
        self._ask_ends(owned, ready)
        return ready

    def _take_over(self) -> None:
        """Begin to consume for the tasks whose recovery is done."""
        for owned in self._owned.values():
            if owned.ready is None and owned.recovery.done():
                ready = owned.recovery.result()
                self._fetch.start(*self._place(owned), ready.task)
                owned.ready = ready
                owned.checkpoint_s = time.monotonic()
                first_due = first_checkpoint(owned.key, self._options.partitions) * self._options.checkpoint_seconds
                owned.checkpoint_due_s = time.monotonic() + first_due
                log.info(
                    "task.ready", task=str(owned.key), position=ready.task.position, behind_records=ready.replay_records
                )

    def _on_revoke(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        leaving = [self._owned.pop((self._logical[place.topic], place.partition), None) for place in places]
        self._let_go([owned for owned in leaving if owned is not None])
        consumer.incremental_unassign(places)

    def _on_lost(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        """Another process may own them already: no checkpoint, which would be fenced; ids keep the log right."""
        for place in places:
            owned = self._owned.pop((self._logical[place.topic], place.partition), None)
            if owned is not None:
                log.warning("task.lost", task=str(owned.key))
                self._fetch.stop(*self._place(owned))
                owned.log.close()
        consumer.incremental_unassign(places)

    # Checkpoints.

    def _checkpoints(self) -> None:
        now_s = time.monotonic()
        due = [owned for owned in self._owned.values() if owned.ready is not None and self._is_due(owned, now_s)]
        if not due:
            return
        self._producer.flush()
        self._group = self._consumer.consumer_group_metadata()
        for owned in due:
            assert owned.ready is not None
            owned.commit = in_thread(self._commit, owned, self._take(owned))
            owned.checkpoint_due_s = now_s + self._options.checkpoint_seconds

    def _is_due(self, owned: Owned, now_s: float) -> bool:
        if owned.commit is not None and owned.commit.done():
            self._finished(owned)
        if owned.commit is not None or now_s < owned.checkpoint_due_s:
            return False
        assert owned.ready is not None
        if owned.ready.task.position == owned.ready.checkpoints.committed_position:
            owned.checkpoint_s = now_s
            owned.checkpoint_due_s = now_s + self._options.checkpoint_seconds
            return False
        return True

    def _take(self, owned: Owned, *, drained: bool = False) -> Pending:
        assert owned.ready is not None
        writer = owned.ready.checkpoints
        return writer.take(owned.ends, drained=drained, day=day_of(owned.newest))

    def _commit(self, owned: Owned, pending: Pending) -> None:
        assert owned.ready is not None
        begun_s = time.monotonic()
        owned.ready.checkpoints.commit(pending)
        self.metrics.checkpointed(time.monotonic() - begun_s)
        self._ask_ends(owned, owned.ready)

    def _ask_ends(self, owned: Owned, ready: Recovered) -> None:
        """Learn where the outputs end, for the next checkpoint: older ends make its scan longer, never wrong.

        Asked on a thread, as every question is a round trip that the loop would stand still for.
        """
        try:
            owned.ends = owned.log.ends(ready.checkpoints.targets)
        except KafkaException as failure:
            log.warning("ends.unknown", task=str(owned.key), reason=failure.args[0].str())

    def _finished(self, owned: Owned) -> None:
        assert owned.commit is not None
        try:
            owned.commit.result()
            owned.checkpoint_s, owned.aborted = time.monotonic(), 0
            self._tell_unusual(owned)
        except CheckpointAbortedError as error:
            owned.aborted += 1
            owned.checkpoint_due_s = time.monotonic() + min(1.0, self._options.checkpoint_seconds)
            log.warning("checkpoint.aborted", task=str(owned.key), reason=str(error), in_a_row=owned.aborted)
            if owned.aborted >= ABORTED_CHECKPOINTS_MAX:
                raise BrokenLogError(
                    f"{owned.key}: {owned.aborted} checkpoints in a row were aborted: {error}"
                ) from error
        finally:
            owned.commit = None

    def _tell_unusual(self, owned: Owned) -> None:
        """Log what only faults cause, when there is more of it."""
        assert owned.ready is not None
        counters = owned.ready.task.counters
        unusual = (counters.duplicates_dropped, counters.emissions_suppressed, sum(counters.rejects.values()))
        if unusual != owned.told:
            owned.told = unusual
            names = ("duplicates_dropped", "emissions_suppressed", "rejects")
            log.info("task.unusual", task=str(owned.key), **dict(zip(names, unusual, strict=True)))

    def _let_go(self, leaving: Sequence[Owned]) -> None:
        """Bring everything emitted into the log and checkpoint it: what comes after starts without a replay."""
        if not leaving:
            return
        for owned in leaving:
            self._fetch.stop(*self._place(owned))
        self._producer.flush()
        self._group = self._consumer.consumer_group_metadata()
        deadline_s = time.monotonic() + self._options.drain_seconds_max
        for owned in leaving:
            try:
                while not owned.drained and time.monotonic() < deadline_s:
                    self._drain_once(owned, deadline_s)
            except FencedError as error:
                # Its next owner has been quicker: what is not checkpointed it folds again.
                log.warning("task.fenced", task=str(owned.key), reason=str(error))
            owned.log.close()
            log.info("task.drained" if owned.drained else "task.not_drained", task=str(owned.key))

    def _drain_once(self, owned: Owned, deadline_s: float) -> None:
        if owned.ready is None:
            # A recovery that runs cannot be called off: left alone, it would go on to fence the next owner.
            if owned.recovery.cancel():
                owned.drained = True
                return
            try:
                owned.ready = owned.recovery.result(timeout=max(0.1, deadline_s - time.monotonic()))
            except TimeoutError:
                return
        try:
            if owned.commit is not None:
                owned.commit.result(timeout=max(0.1, deadline_s - time.monotonic()))
                owned.commit = None
            self._commit(owned, self._take(owned, drained=True))
            self._tell_unusual(owned)
            owned.drained = True
        except (CheckpointAbortedError, TimeoutError) as error:
            owned.commit = None
            log.warning("checkpoint.aborted", task=str(owned.key), reason=str(error))

    # The broker.

    def _lag(self, owned: Owned) -> int:
        """Return how many records of the inbox are not yet folded, as the consumer knows without asking."""
        if owned.ready is None:
            return 0
        return max(0, self._fetch.end(*self._place(owned)) - owned.ready.task.position)

    def _place(self, owned: Owned) -> tuple[str, int]:
        return full_name(self._options.world, owned.key.topic), owned.key.partition

    def _on_error(self, error: KafkaError) -> None:
        if error.code() == KafkaError._ALL_BROKERS_DOWN and self._broker_gone_s is None:
            self._broker_gone_s = time.monotonic()
            log.error("broker.gone", reason=error.str())

    def _on_fetch_error(self, error: KafkaError, place: tuple[str, int]) -> None:
        if error.code() == KafkaError._AUTO_OFFSET_RESET:
            raise BrokenLogError(
                f"{place[0]}/{place[1]}: {error.str()}; the records this stage needs have expired: "
                "start a new world and replay into it"
            )
        if error.code() in _PASSING or error.retriable():
            return
        raise KafkaException(error)

    def _watch_broker(self) -> None:
        if self._broker_gone_s is None:
            return
        for owned in self._owned.values():
            try:
                if owned.ready is not None:
                    owned.log.input_bounds()
                    self._broker_gone_s = None
                    log.info("broker.back")
                    return
            except KafkaException:
                break
        if self._broker_gone_s is not None and time.monotonic() - self._broker_gone_s > _GONE_SECONDS_MAX:
            raise BrokenLogError(f"no broker answers for {_GONE_SECONDS_MAX:.0f} s")
