"""A source that is killed goes on where the log ends: nothing is lost, nothing is new, on a real broker."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaException, TopicPartition

from connectors.sources.frames import FrameRule
from connectors.sources.sim import open_sim
from connectors.sources.writer import Bounds, Writer
from schemas.topics import full_name
from streams.log.filter import IdFilter, id_of
from streams.log.reader import read, reader_settings

pytestmark = [pytest.mark.broker, pytest.mark.slow, pytest.mark.timeout(300)]

ARGUMENTS = ("ingest", "sim", "--minutes", "10", "--rate", "100", "--frame-ms", "50", "--quiet")
PARTITIONS = 3
KILLS = 3


@pytest.fixture
def ends(broker: Mapping[str, str]) -> Iterator[Callable[[str], int]]:
    """A function of a world that gives how many records its market.ticks holds."""
    consumer = Consumer(reader_settings(broker))

    def count(world: str) -> int:
        tasks = [TopicPartition(full_name(world, "market.ticks"), partition) for partition in range(PARTITIONS)]
        try:
            return sum(consumer.get_watermark_offsets(task, timeout=30.0)[1] for task in tasks)
        except KafkaException:
            return 0  # A topic that has just been made may still look for its leader.

    yield count
    consumer.close()


def accepted(kafka: Mapping[str, str], world: str, partition: int) -> tuple[list[tuple[str, bytes, bytes]], int]:
    """Return id, key and payload of what a strict consumer accepts, and how many duplicates it drops."""
    seen, dropped, ids = [], 0, IdFilter(strict=True)
    topic = full_name(world, "market.ticks")
    for message in read(kafka, topic, partition):
        record_id, previous = id_of(message.headers(), topic, partition, message.offset() or 0)
        if ids.accept(record_id, previous):
            seen.append((str(record_id), message.key() or b"", message.value() or b""))
        else:
            dropped += 1
    return seen, dropped


class Child:
    """`aiots ingest` as a process of its own."""

    def __init__(self, kafka: Mapping[str, str], world: str, state: Path, *arguments: str) -> None:
        environment = {
            **os.environ,
            "KAFKA_BOOTSTRAP_SERVERS": kafka["bootstrap.servers"],
            "AIOTS_STATE_DIR": str(state),
            "AIOTS_PARTITIONS": str(PARTITIONS),
        }
        command = [sys.executable, "-m", "aiots", *arguments, "--world", world]
        self.process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def finish(self, seconds_max: float = 120.0) -> str:
        out, _ = self.process.communicate(timeout=seconds_max)
        return out.decode()


def test_killed_at_any_moment_it_writes_the_same_log(
    broker: Mapping[str, str], topics: Callable[..., str], ends: Callable[[str], int], tmp_path: Path
) -> None:
    """SIGKILL three times in mid-run; what a consumer accepts equals the source's own records, in order."""
    world = topics(PARTITIONS)
    kills, written = 0, 0
    for _ in range(KILLS):
        child = Child(broker, world, tmp_path, *ARGUMENTS, "--speed", "60")
        deadline_s = time.monotonic() + 120.0
        while ends(world) <= written + 500 and child.process.poll() is None:
            assert time.monotonic() < deadline_s, "the child wrote nothing"
        kills += child.process.poll() is None
        child.process.kill()
        child.finish()
        written = ends(world)
    assert kills == KILLS, "each kill must hit a run that still writes"
    child = Child(broker, world, tmp_path, *ARGUMENTS)
    assert "records were there before" in child.finish()
    assert child.process.returncode == 0
    undisturbed = list(open_sim(minutes=10, rate=100.0, rule=_rule()).records(PARTITIONS))
    for partition in range(PARTITIONS):
        expected = [
            (str(one.record_id), one.key.encode(), one.payload) for one in undisturbed if one.partition == partition
        ]
        seen, _ = accepted(broker, world, partition)
        assert seen == expected
    child = Child(broker, world, tmp_path, *ARGUMENTS)
    assert "already complete" in child.finish()
    assert child.process.returncode == 0


def _rule() -> FrameRule:
    return FrameRule(64, 50_000_000)


def test_interrupted_it_says_how_to_go_on(
    broker: Mapping[str, str], topics: Callable[..., str], ends: Callable[[str], int], tmp_path: Path
) -> None:
    """SIGTERM in mid-run: exit code 130, the remedy is named, and nothing queued is lost."""
    world = topics(PARTITIONS)
    child = Child(broker, world, tmp_path, *ARGUMENTS, "--speed", "60")
    deadline_s = time.monotonic() + 120.0
    while ends(world) < 200:
        assert time.monotonic() < deadline_s
    child.process.terminate()
    told = child.finish()
    assert (child.process.returncode, "The same command goes on" in told) == (130, True), told
    Writer(broker, world, PARTITIONS, Bounds(0)).play(open_sim(minutes=10, rate=100.0, rule=_rule()))
    for partition in range(PARTITIONS):
        assert accepted(broker, world, partition)[1] == 0


def test_a_second_writer_is_refused(
    broker: Mapping[str, str], topics: Callable[..., str], ends: Callable[[str], int], tmp_path: Path
) -> None:
    """Two processes of one machine do not write to one world at a time."""
    world = topics(PARTITIONS)
    first = Child(broker, world, tmp_path, *ARGUMENTS, "--speed", "1")
    try:
        deadline_s = time.monotonic() + 120.0
        while ends(world) == 0:
            assert time.monotonic() < deadline_s
        second = Child(broker, world, tmp_path, *ARGUMENTS)
        assert "one writer at a time" in second.finish()
        assert second.process.returncode == 2
    finally:
        first.process.kill()
        first.finish()
