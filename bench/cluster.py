"""A broker, worlds and processes of a measurement, in a folder of their own; nothing outlives the measurement."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient

from aiots.stage import stage_command
from connectors.sources.record import SourceRecord
from deploy.local.admin import ensure_topics
from deploy.local.broker import Broker, start_broker
from deploy.local.process import free_port, spawn
from schemas.topics import full_name
from streams.log.ids import headers_of
from streams.log.producer import LogProducer, client_name
from streams.log.reader import reader_settings
from streams.topology import BY_NAME

READY_SECONDS_MAX = 180.0
POLL_SECONDS = 0.01


class BenchError(RuntimeError):
    """A measurement that cannot be made; the text says what was waited for and what was seen."""


def until(what: str, holds: Callable[[], Any], seconds_max: float, poll_seconds: float = POLL_SECONDS) -> Any:
    """Return what `holds` returns once it is true; BenchError after seconds_max."""
    deadline_s = time.monotonic() + seconds_max
    while True:
        found = holds()
        if found:
            return found
        if time.monotonic() > deadline_s:
            raise BenchError(f"waited {seconds_max:.0f} s for {what}")
        time.sleep(poll_seconds)


@dataclass
class Process:
    """A process of ours. log: the file of its output."""

    name: str
    child: subprocess.Popen[bytes]
    log: Path
    metrics_port: int = 0

    def text(self) -> str:
        """Return what it has said."""
        return self.log.read_text(errors="replace")

    def check(self) -> None:
        """Raise BenchError, with the end of its log, where it has ended."""
        if self.child.poll() is not None:
            raise BenchError(f"{self.name} ended with {self.child.returncode}:\n{self.text()[-2_000:]}")

    def wait_for(self, pattern: str, count: int = 1, seconds_max: float = READY_SECONDS_MAX) -> float:
        """Return the monotonic time when its log has shown the pattern so often."""

        def shown() -> bool:
            self.check()
            return len(re.findall(pattern, self.text())) >= count

        until(f"{self.name} to say {pattern!r} {count} x", shown, seconds_max)
        return time.monotonic()

    def ready_s(self) -> float:
        """Return the time (since 1970) when its task was ready to consume."""
        self.wait_for("task.ready")
        return time.time()

    def health(self) -> dict[str, Any]:
        """Return what /healthz says; {} where it does not answer."""
        found: dict[str, Any] = json.loads(self._get("healthz") or "{}")
        return found

    def metrics(self) -> dict[str, float]:
        """Return its figures by name with labels; {} where it does not answer."""
        lines = (line.rpartition(" ") for line in self._get("metrics").splitlines() if not line.startswith("#"))
        return {name: float(value) for name, _, value in lines}

    def _get(self, path: str) -> str:
        with (
            suppress(OSError),
            urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/{path}", timeout=2) as got,
        ):
            return str(got.read().decode())
        return ""

    def rss_mb(self) -> float:
        """Return its resident memory now."""
        return float(psutil.Process(self.child.pid).memory_info().rss) / 2**20

    def peak_rss_mb(self) -> float:
        """Return the most resident memory it has had (VmHWM)."""
        status = Path(f"/proc/{self.child.pid}/status").read_text()
        return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) / 1024

    def cpu_seconds(self) -> float:
        """Return the processor time it has had, all threads."""
        times = psutil.Process(self.child.pid).cpu_times()
        return float(times.user + times.system)

    def kill(self) -> None:
        """End it as a crash would."""
        self.child.kill()
        self.child.wait(30)

    def stop(self, seconds_max: float = 60.0) -> None:
        """End it by SIGTERM, which drains."""
        self.child.terminate()
        try:
            self.child.wait(seconds_max)
        except subprocess.TimeoutExpired:
            self.kill()


@dataclass
class Cluster:
    """A running broker and the folder of everything that is measured on it."""

    folder: Path
    broker: Broker
    say: Callable[[str], None]
    processes: list[Process] = field(default_factory=list)

    @property
    def kafka(self) -> Mapping[str, str]:
        """librdkafka's connection settings."""
        return {"bootstrap.servers": self.broker.bootstrap}

    def world(self, name: str, partitions: int, toml: str = "") -> "World":
        """Create a world's topics and its settings file."""
        ensure_topics(self.kafka, name, partitions)
        config = self.folder / f"{name}.toml"
        config.write_text(f'world = "{name}"\npartitions = {partitions}\n{toml}')
        return World(self, name, partitions, config)

    def start(self, name: str, command: list[str], env: Mapping[str, str] | None = None, port: int = 0) -> Process:
        """Start a command; its output goes to a file of the folder."""
        log = self.folder / f"{name}-{len(self.processes)}.log"
        with log.open("wb") as file:
            child = spawn(command, dict(os.environ if env is None else env), file, dies_with_parent=True)
        process = Process(name, child, log, port)
        self.processes.append(process)
        return process

    def close(self) -> None:
        """End everything that was started."""
        for process in self.processes:
            if process.child.poll() is None:
                process.kill()
        self.broker.kill()


@dataclass
class World:
    """A world of a measurement."""

    cluster: Cluster
    name: str
    partitions: int
    config: Path

    @property
    def env(self) -> dict[str, str]:
        """Return the environment of its processes: caches (jars, compiled kernels) are the user's."""
        return {
            **{
                name: value
                for name, value in os.environ.items()
                if not name.startswith(("AIOTS_", "KAFKA_")) or name == "AIOTS_CACHE_DIR"
            },
            "AIOTS_CONFIG": str(self.config),
            "AIOTS_STATE_DIR": str(self.cluster.folder),
            "NUMBA_CACHE_DIR": os.environ["NUMBA_CACHE_DIR"],
        }

    def stage(self, name: str, slot: int = 0, checkpoint_seconds: float = 5.0) -> Process:
        """Start one process of a stage, as `aiots up` does."""
        port = free_port()
        command = stage_command(name, slot, port, checkpoint_seconds)
        return self.cluster.start(f"{self.name}-{name}-{slot}", list(command), self.env, port)

    def command(self, name: str, *arguments: str) -> Process:
        """Start an `aiots` command in this world."""
        return self.cluster.start(f"{self.name}-{name}", [sys.executable, "-m", "aiots", name, *arguments], self.env)

    def forget(self, stage: str) -> None:
        """Make all topics that a stage writes anew, so that it starts from the beginning."""
        own = (f"{stage}.checkpoint", f"{stage}.archive", f"{stage}.rejects")
        topics = [self.full(topic) for topic in (*BY_NAME[stage].writes, *own)]
        admin = AdminClient(dict(self.cluster.kafka))
        for future in admin.delete_topics(topics, operation_timeout=30).values():
            future.result()
        until("topics to be gone", lambda: not set(topics) & set(admin.list_topics(timeout=30).topics), 30.0)
        ensure_topics(self.cluster.kafka, self.name, self.partitions)

    def full(self, topic: str) -> str:
        """Return a topic's name at the broker."""
        return full_name(self.name, topic)

    def end(self, topic: str, partition: int = 0) -> int:
        """Return the offset after a partition's last record."""
        consumer = Consumer(reader_settings(self.cluster.kafka))
        try:
            _, high = consumer.get_watermark_offsets(TopicPartition(self.full(topic), partition), timeout=30)
            return int(high)
        finally:
            consumer.close()

    def last_append_ms(self, topic: str, partition: int = 0) -> int:
        """Return the LogAppendTime of a partition's last record, 0 where there is none."""
        end = self.end(topic, partition)
        consumer = Consumer(reader_settings(self.cluster.kafka))
        try:
            if end:
                consumer.assign([TopicPartition(self.full(topic), partition, end - 1)])
                for message in consumer.consume(1, timeout=30):
                    return int(message.timestamp()[1])
            return 0
        finally:
            consumer.close()

    def write(self, records: Iterable[SourceRecord], topic: str = "market.ticks") -> tuple[int, int]:
        """Append a source's records with their ids, as its writer would; return records and rows."""
        producer = LogProducer(self.cluster.kafka, client_name("bench"))
        name, count, rows = self.full(topic), 0, 0
        for record in records:
            key = record.key.encode() or None
            headers = headers_of(record.record_id, record.previous)
            producer.send(name, record.partition, key, record.payload, headers)
            count, rows = count + 1, rows + record.rows
            if not count % 1_000:
                producer.poll()
        producer.flush()
        return count, rows


@contextmanager
def cluster(folder: Path, say: Callable[[str], None]) -> Iterator[Cluster]:
    """Start a broker in this folder; end it and everything else, and remove the folder, afterwards."""
    running = Cluster(folder, start_broker(folder / "broker", say=say), say)
    try:
        yield running
    finally:
        running.close()
        shutil.rmtree(folder, ignore_errors=True)
