"""The writer of sources on a real broker: what it refuses, what it waits for, what it says of rejects."""

import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import pytest
from confluent_kafka import Consumer, TopicPartition

from connectors.sources.lean import LeanSource, open_lean
from connectors.sources.record import Rejects, SourceRecord
from connectors.sources.sim import SimSource, open_sim
from connectors.sources.tail import ForeignTimeError
from connectors.sources.writer import Bounds, DiskFullError, OtherLogError, Progress, Watch, Writer
from schemas.records import Reject
from schemas.topics import full_name
from schemas.wire import decode
from streams.log.producer import BrokenLogError
from streams.log.reader import bounds, read, reader_settings

pytestmark = pytest.mark.broker

PARTITIONS = 2
OPEN_MS = 34_200_000


def short(seed: int = 1, day: date = date(2025, 6, 2)) -> SimSource:
    return open_sim(seed=seed, day=day, minutes=1, rate=100.0, symbols=["SPY", "AAPL", "TSLA"])


def writer(kafka: Mapping[str, str], world: str, **more: object) -> Writer:
    return Writer(kafka, world, PARTITIONS, Bounds(lag_records_max=0), **more)  # type: ignore[arg-type]


def values(kafka: Mapping[str, str], topic: str) -> list[bytes]:
    return [message.value() or b"" for partition in range(PARTITIONS) for message in read(kafka, topic, partition)]


def lean_with(folder: Path, lines: list[str]) -> LeanSource:
    path = folder / "equity" / "usa" / "tick" / "abc"
    path.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path / "20140605_trade.zip", "w") as archive:
        archive.writestr("abc.csv", "\n".join(lines))
    return open_lean([folder])


def test_the_log_holds_what_the_source_gave(broker: Mapping[str, str], topics: Callable[..., str]) -> None:
    """Every payload, by partition and in order; a second play adds nothing and says so."""
    world = topics(PARTITIONS)
    result = writer(broker, world).play(short())
    records = list(short().records(PARTITIONS))
    assert result.records == len(records)
    assert result.rows == sum(record.rows for record in records)
    expected = [one.payload for partition in range(PARTITIONS) for one in records if one.partition == partition]
    assert values(broker, full_name(world, "market.ticks")) == expected
    again = writer(broker, world).play(short())
    assert (again.complete_before, again.records) == (True, 0)
    assert values(broker, full_name(world, "market.ticks")) == expected


def test_event_time_never_goes_back_in_a_world(broker: Mapping[str, str], topics: Callable[..., str]) -> None:
    """Another market of the same minutes is refused with the remedy; one of a later day follows on."""
    world = topics(PARTITIONS)
    writer(broker, world).play(short())
    before = bounds(broker, full_name(world, "market.ticks"), 0)
    with pytest.raises(ForeignTimeError, match="--world NEW"):
        writer(broker, world).play(short(seed=2))
    assert bounds(broker, full_name(world, "market.ticks"), 0) == before
    assert writer(broker, world).play(short(seed=2, day=date(2025, 6, 3))).records > 0
    assert writer(broker, world).play(short()).complete_before


def test_what_was_overtaken_cannot_be_gone_on_with(broker: Mapping[str, str], topics: Callable[..., str]) -> None:
    """A run was interrupted and a later day was played since: the rest of the first would go back in time."""
    world = topics(PARTITIONS)
    with pytest.raises(KeyboardInterrupt):
        writer(broker, world).play(Stopping(short(), 50, KeyboardInterrupt()))  # type: ignore[arg-type]
    writer(broker, world).play(short(seed=2, day=date(2025, 6, 3)))
    with pytest.raises(OtherLogError, match="another followed"):
        writer(broker, world).play(short())


def test_rejects_are_written_once(broker: Mapping[str, str], topics: Callable[..., str], tmp_path: Path) -> None:
    """A bad row stands in sources.rejects with file, line, reason and bytes, also when the source is played again."""
    world = topics(PARTITIONS)
    source = lean_with(tmp_path, [f"{OPEN_MS},1000000,100,Q,1,0", "rubbish", f"{OPEN_MS + 1},-1,100,Q,1,0"])
    result = writer(broker, world).play(source)
    assert result.rejected == {"negative": 1, "wrong_columns": 1}
    for _ in range(2):
        rejects = [decode(value) for value in values(broker, full_name(world, "sources.rejects"))]
        assert all(isinstance(reject, Reject) for reject in rejects)
        found = {(reject.stage, reject.reason, reject.offset, reject.partition) for reject in rejects}  # type: ignore[union-attr]
        assert found == {("lean", "wrong_columns", 2, -1), ("lean", "negative", 3, -1)}
        assert len(rejects) == 2
        writer(broker, world).play(source)


@dataclass
class Stopping:
    """A source that stops with an exception after so many records."""

    inner: SimSource
    after: int
    error: BaseException
    name: str = "sim"
    rejects: Rejects = field(default_factory=Rejects)

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)

    def records(self, partitions: int) -> Iterator[SourceRecord]:
        for count, record in enumerate(self.inner.records(partitions)):
            if count == self.after:
                raise self.error
            yield record


@pytest.mark.parametrize("after", [0, 1, 2, 3, 7, 100])
def test_a_run_that_ends_anywhere_is_gone_on_with(
    broker: Mapping[str, str], topics: Callable[..., str], after: int
) -> None:
    """Interrupted after any number of records, what is queued is flushed, and the next run adds exactly the rest."""
    world = topics(PARTITIONS)
    with pytest.raises(KeyboardInterrupt):
        writer(broker, world).play(Stopping(short(), after, KeyboardInterrupt()))  # type: ignore[arg-type]
    assert len(values(broker, full_name(world, "market.ticks"))) == after
    result = writer(broker, world).play(short())
    records = list(short().records(PARTITIONS))
    assert (result.skipped_records, result.records) == (after, len(records) - after)


@dataclass
class Shortened:
    """A source that has lost its later records."""

    inner: SimSource
    name: str = "sim"

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)

    def records(self, partitions: int) -> Iterator[SourceRecord]:
        return iter([record for count, record in enumerate(self.inner.records(partitions)) if count < 10])


def test_a_source_that_lacks_what_the_log_holds_is_refused(
    broker: Mapping[str, str], topics: Callable[..., str]
) -> None:
    """Under the same name, but without the log's last record: nothing is written, and the reason is said."""
    world = topics(PARTITIONS)
    with pytest.raises(KeyboardInterrupt):
        writer(broker, world).play(Stopping(short(), 50, KeyboardInterrupt()))  # type: ignore[arg-type]
    with pytest.raises(OtherLogError, match="does not give"):
        writer(broker, world).play(Shortened(short()))  # type: ignore[arg-type]
    assert len(values(broker, full_name(world, "market.ticks"))) == 50


def test_speed_paces_by_event_time(broker: Mapping[str, str], topics: Callable[..., str]) -> None:
    """A minute of market at 30 times its speed takes two seconds, and no less."""
    world = topics(PARTITIONS)
    started_s = time.monotonic()
    writer(broker, world).play(short(), speed=30.0)
    assert 1.9 < time.monotonic() - started_s < 20.0


def test_lag_of_the_readers_is_waited_for(broker: Mapping[str, str], topics: Callable[..., str]) -> None:
    """No group, or one that has never committed: no waiting. One that is behind: waiting, until it has caught up."""
    world = topics(PARTITIONS)
    writer(broker, world).play(short())
    topic = full_name(world, "market.ticks")
    ends = [bounds(broker, topic, partition)[1] for partition in range(PARTITIONS)]
    progress = Progress(short())

    def looked() -> str:
        watch = Watch(broker, world, PARTITIONS, Bounds(lag_records_max=10), 60.0)
        watch.look(progress, 0)
        watch.close()
        return progress.waiting_for

    def commit(offsets: list[int]) -> None:
        consumer = Consumer({**reader_settings(broker), "group.id": f"{world}.analytics"})
        tasks = [TopicPartition(topic, partition, offset) for partition, offset in enumerate(offsets)]
        consumer.commit(offsets=tasks, asynchronous=False)
        consumer.close()

    assert looked() == ""
    commit([0, ends[1]])
    assert f"{ends[0]:,} records behind" in looked()
    commit(ends)
    assert looked() == ""


def test_a_full_disk_stops_it_loudly(broker: Mapping[str, str], topics: Callable[..., str], tmp_path: Path) -> None:
    """Less free than the bound: an error that names the folder, before the disk is full."""
    limits = Bounds(lag_records_max=0, disk_path=tmp_path, disk_free_bytes_min=1 << 60)
    with pytest.raises(DiskFullError, match="free"):
        Writer(broker, topics(PARTITIONS), PARTITIONS, limits).play(short())


def test_a_broker_that_is_not_there_is_an_error(world: str) -> None:
    """No broker: an error after a bound, not a wait for ever."""
    nowhere = {"bootstrap.servers": "127.0.0.1:1", "log_level": "0"}
    with pytest.raises(BrokenLogError):
        Writer(nowhere, world, PARTITIONS, Bounds(0), silence_seconds_max=1.0, answer_seconds_max=2.0).play(short())
