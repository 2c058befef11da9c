"""The one writer of every source: append its records to a world's market.ticks, each once, as fast as is asked for.

    result = Writer(kafka, world="demo-7", partitions=3).play(source, speed=10.0)

A restart goes on after what the log already holds. Paced by event time (speed 1, 10, ...), or as fast as the stages can
follow: with speed None the lag of the consumers and the free disk bound it.
"""

import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from confluent_kafka import Consumer, KafkaException, TopicPartition

from connectors.sources.record import Source, SourceRecord
from connectors.sources.tail import Standing, standing
from schemas.records import Reject
from schemas.topics import full_name, partition_of
from schemas.wire import encode
from streams.log.ids import Place, RecordId, headers_of
from streams.log.producer import BrokenLogError, LogProducer, client_name
from streams.log.reader import reader_settings
from streams.log.scan import newest_places

TOPIC = "market.ticks"
REJECTS = "sources.rejects"
SILENCE_SECONDS_MAX = 60.0
ANSWER_SECONDS_MAX = 15.0
IDLE_SECONDS_MAX = 120.0
"""A pause of event time longer than this (a night, a weekend) is not waited for when pacing."""
_LOOK_EVERY_SECONDS = 0.5
_LOOK_EVERY_RECORDS = 256
_PACE_WAIT_SECONDS_MAX = 0.05


class DiskFullError(RuntimeError):
    """Too little disk is free to go on."""


class OtherLogError(RuntimeError):
    """The log holds a record of this plan that the source does not give."""


@dataclass(frozen=True)
class Bounds:
    """What keeps a fast writer from running away.

    lag_records_max: of the stage that reads the topic, all partitions together; 0: not looked at. A group that has
    never committed is not waited for. disk_path: the broker's data; None: not on this machine.
    """

    lag_records_max: int = 200_000
    lag_group: str = "analytics"
    disk_path: Path | None = None
    disk_free_bytes_min: int = 2_000_000_000


@dataclass
class Progress:
    """What a run has done so far; handed to `report` about twice a second."""

    source: Source
    rows: int = 0
    records: int = 0
    skipped_records: int = 0
    skipped_rows: int = 0
    event_ns: int = 0
    lag_records: int = 0
    waiting_for: str = ""
    started_s: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """Return wall-clock seconds since the start."""
        return time.monotonic() - self.started_s


@dataclass(frozen=True)
class Result:
    """What a run has done. complete_before: the log already held everything."""

    rows: int
    records: int
    skipped_records: int
    rejected: Mapping[str, int]
    seconds: float
    complete_before: bool


class Writer:
    """Append sources to a world; raises BrokenLogError, DiskFullError, ForeignTimeError, OtherLogError."""

    def __init__(
        self,
        kafka: Mapping[str, str],
        world: str,
        partitions: int,
        limits: Bounds | None = None,
        report: Callable[[Progress], None] = lambda progress: None,
        silence_seconds_max: float = SILENCE_SECONDS_MAX,
        answer_seconds_max: float = ANSWER_SECONDS_MAX,
        *,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        """check: asked between records at least as often as `report`; ends the run by what it raises."""
        self._check = check
        self._answer_seconds_max = answer_seconds_max
        self._kafka, self._world, self._partitions = kafka, world, partitions
        self._limits, self._report, self._silence_seconds_max = limits or Bounds(), report, silence_seconds_max
        self._topic, self._rejects_topic = full_name(world, TOPIC), full_name(world, REJECTS)

    def play(self, source: Source, speed: float | None = None) -> Result:
        """Append what the log does not yet hold. speed: event seconds a second, None: as fast as its readers follow.

        When interrupted (KeyboardInterrupt), what was given to the broker is flushed before it goes on to the caller.
        """
        standings = [self._standing(source, partition) for partition in range(self._partitions)]
        if all(one.complete for one in standings):
            return Result(0, 0, 0, {}, 0.0, complete_before=True)
        progress = Progress(source)
        producer = LogProducer(self._kafka, client_name(f"source-{source.name}"), self._silence_seconds_max)
        try:
            self._append(source, _Resume(standings), speed, producer, progress)
        except BrokenLogError:
            raise  # What is queued cannot be delivered; the next run sends it anew.
        except BaseException:
            producer.flush()  # Ctrl-C, a full disk: what is queued is in order, so the log ends with a prefix.
            raise
        producer.flush()
        rejected = {str(reason): count for reason, count in sorted(source.rejects.counts.items())}
        return Result(
            progress.rows, progress.records, progress.skipped_records, rejected, progress.seconds, complete_before=False
        )

    def _standing(self, source: Source, partition: int) -> Standing:
        deadline_s = time.monotonic() + self._answer_seconds_max
        while True:
            try:
                return standing(self._kafka, self._topic, partition, source.plan, source.first_ns)
            except KafkaException as error:
                # A broker that has just started, or a topic that has just been made, may still look for its leader.
                if time.monotonic() > deadline_s or error.args[0].fatal():
                    raise BrokenLogError(f"{self._topic}/{partition}: {error.args[0].str()}") from error
                time.sleep(0.5)

    def _append(
        self, source: Source, resume: "_Resume", speed: float | None, producer: LogProducer, progress: Progress
    ) -> None:
        pace = _Pace(speed)
        # A paced writer runs at the market's speed, whoever falls behind.
        limits = self._limits if speed is None else replace(self._limits, lag_records_max=0)
        watch = Watch(self._kafka, self._world, self._partitions, limits, self._silence_seconds_max)
        rejects = _RejectWriter(self._kafka, self._rejects_topic, self._partitions, source)
        topic, send = self._topic, producer.send
        try:
            for count, record in enumerate(source.records(self._partitions)):
                progress.event_ns = record.event_ns
                if resume.holds(record):
                    progress.skipped_records += 1
                    progress.skipped_rows += record.rows
                else:
                    while pace.is_early(record.event_ns):
                        self._look(watch, producer, progress)
                    key = record.key.encode() or None
                    send(topic, record.partition, key, record.payload, headers_of(record.record_id, record.previous))
                    progress.records += 1
                    progress.rows += record.rows
                if count % _LOOK_EVERY_RECORDS == 0:
                    self._look(watch, producer, progress)
                    rejects.drain(producer)
                    while progress.waiting_for:
                        time.sleep(_PACE_WAIT_SECONDS_MAX)
                        self._look(watch, producer, progress)
            rejects.drain(producer)
            resume.check_found()
        finally:
            watch.close()
        self._report(progress)

    def _look(self, watch: "Watch", producer: LogProducer, progress: Progress) -> None:
        self._check()
        producer.poll()
        if watch.is_due():
            watch.look(progress, producer.queued())
            self._report(progress)


class _Resume:
    """Say of each record whether the log holds it: everything up to and including the last of its partition."""

    def __init__(self, standings: list[Standing]) -> None:
        self._last: list[RecordId | None] = [one.last for one in standings]

    def holds(self, record: SourceRecord) -> bool:
        last = self._last[record.partition]
        if last is None:
            return False
        if record.origin == last.origin and record.place == last.place:
            self._last[record.partition] = None
        return True

    def check_found(self) -> None:
        """Raise OtherLogError where a record that the log ends with never came."""
        for partition, last in enumerate(self._last):
            if last is not None:
                raise OtherLogError(
                    f"partition {partition} ends with {last}, which this source does not give: the data or the program"
                    " has changed since, or the recording was complete and another followed it. Use --world NEW"
                )


class _Pace:
    """Hold each record back until its event time, relative to the first, has come."""

    def __init__(self, speed: float | None) -> None:
        self._speed = speed
        self._base_ns: int | None = None
        self._base_s = 0.0
        self._before_ns = 0

    def is_early(self, event_ns: int) -> bool:
        """Return whether to wait on; waits a little itself where it is."""
        if self._speed is None:
            return False
        if self._base_ns is None or event_ns - self._before_ns > IDLE_SECONDS_MAX * 1e9:
            self._base_ns, self._base_s = event_ns, time.monotonic()
        self._before_ns = event_ns
        early_s = self._base_s + (event_ns - self._base_ns) / 1e9 / self._speed - time.monotonic()
        if early_s <= 0:
            return False
        time.sleep(min(early_s, _PACE_WAIT_SECONDS_MAX))
        return True


class Watch:
    """Look now and then at what bounds a writer: the consumers' lag, the disk, a broker that takes nothing."""

    def __init__(
        self, kafka: Mapping[str, str], world: str, partitions: int, limits: Bounds, silence_seconds_max: float
    ) -> None:
        self._limits, self._silence_seconds_max = limits, silence_seconds_max
        self._next_s = self._delivered_s = time.monotonic()
        self._delivered = 0
        self._tasks = [TopicPartition(full_name(world, TOPIC), partition) for partition in range(partitions)]
        self._group = Consumer({**reader_settings(kafka), "group.id": f"{world}.{limits.lag_group}"})

    def is_due(self) -> bool:
        """Return whether to look again."""
        return time.monotonic() >= self._next_s

    def look(self, progress: Progress, queued: int) -> None:
        """Note in progress what is to be waited for; raise what makes it senseless to go on."""
        now_s, sent = time.monotonic(), progress.records
        self._next_s = now_s + _LOOK_EVERY_SECONDS
        if queued == 0 or sent - queued > self._delivered:
            self._delivered, self._delivered_s = max(self._delivered, sent - queued), now_s
        elif now_s - self._delivered_s > self._silence_seconds_max:
            raise BrokenLogError(
                f"no delivery for {self._silence_seconds_max:.0f} s, {queued} records wait: is the broker up?"
            )
        path, least = self._limits.disk_path, self._limits.disk_free_bytes_min
        if path is not None and (free := shutil.disk_usage(path).free) < least:
            raise DiskFullError(
                f"only {free:,} bytes are free at {path}, expected {least:,}: free some, then run it again"
            )
        if most := self._limits.lag_records_max:
            progress.lag_records = self._lag_records()
            behind = f"{self._limits.lag_group} is {progress.lag_records:,} records behind"
            progress.waiting_for = behind if progress.lag_records > most else ""

    def _lag_records(self) -> int:
        lag = 0
        try:
            for task in self._group.committed(self._tasks, timeout=5.0):
                if task.offset >= 0:
                    lag += max(0, self._group.get_watermark_offsets(task, timeout=5.0)[1] - task.offset)
        except KafkaException:
            return 0  # A broker that does not answer is noticed by its silence, not here.
        return lag

    def close(self) -> None:
        """Give back what it holds."""
        self._group.close()


class _RejectWriter:
    """Append what a source rejects, each once: numbered by partition in the order of finding."""

    def __init__(self, kafka: Mapping[str, str], topic: str, partitions: int, source: Source) -> None:
        self._topic, self._partitions, self._source = topic, partitions, source
        self._origin = f"{source.plan}/rejects"
        self._places: list[Place | None] = [None] * partitions
        self._held = [newest_places(kafka, topic, partition).get(self._origin) for partition in range(partitions)]
        self._drained = 0

    def drain(self, producer: LogProducer) -> None:
        """Append the rejects that have come since the last call."""
        for reject in self._source.rejects.listed[self._drained :]:
            partition = partition_of(reject.file, self._partitions)
            previous = self._places[partition]
            place = (previous[0] + 1 if previous else 1, 0)
            self._places[partition] = place
            held = self._held[partition]
            if held is not None and place <= held:
                continue
            record = Reject(
                stage=self._source.name,
                reason=str(reject.reason),
                detail=reject.detail,
                topic=reject.file,
                partition=-1,
                offset=reject.line,
                payload=reject.payload,
            )
            headers = headers_of(RecordId(self._origin, *place), previous)
            producer.send(self._topic, partition, reject.file.encode(), encode(record), headers)
        self._drained = len(self._source.rejects.listed)
