"""The embedded broker: Apache Kafka itself, one KRaft node on loopback, without Docker.

    broker = start_broker(data_dir)      # then broker.bootstrap, broker.stop(), broker.kill()

The data folder holds:

| file | what |
|---|---|
| VERSION | version of Kafka that wrote the folder, and the cluster's id |
| broker.json | pid and port of the broker that runs, or ran last |
| endpoint | `host:port` while it runs: how others find it |
| kafka/ | topics; kept between starts |
| server.properties, log4j2.xml, console.log, server.log | written at every start |
"""

import fcntl
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from deploy.local import broker_files
from deploy.local.jars import JarsError, default_cache_dir, fetch_jars, kafka_version
from deploy.local.java import JavaError, find_java
from deploy.local.process import (
    LOOPBACK,
    ProcessId,
    end,
    free_port,
    is_listening,
    read_json,
    spawn,
    who_listens,
    write_atomic,
)

READY_S_MAX = 60.0
STOP_S_MAX = 30.0
POLL_S = 0.05
DISK_FREE_MB_MIN = 256
STARTS = 3


class BrokerError(RuntimeError):
    """The broker cannot start or stop; the text says why and what to do."""


class BrokerRunningError(BrokerError):
    """A broker runs on this data folder already: it is in `broker`."""

    def __init__(self, broker: "Broker") -> None:
        super().__init__(f"already running on {broker.bootstrap} (pid {broker.pid}), data in {broker.data_dir}")
        self.broker = broker


@dataclass(frozen=True)
class Broker:
    """A broker that runs. ready_s: how long its start took, 0 where it ran before."""

    data_dir: Path
    port: int
    process: ProcessId
    ready_s: float = 0.0
    child: subprocess.Popen[bytes] | None = field(default=None, repr=False, compare=False)
    """Set where it is a child of this process, which then collects its exit status."""

    @property
    def bootstrap(self) -> str:
        return f"{LOOPBACK}:{self.port}"

    @property
    def pid(self) -> int:
        return self.process.pid

    def is_running(self) -> bool:
        """Return whether the process lives."""
        if self.child is not None:
            return self.child.poll() is None
        return self.process.find() is not None

    def stop(self, timeout_s: float = STOP_S_MAX) -> bool:
        """End it by SIGTERM, after timeout_s by SIGKILL; return whether it went by itself."""
        running = self.process.find()
        went = end(running, timeout_s) if running else True
        self._collect(timeout_s)
        (self.data_dir / "endpoint").unlink(missing_ok=True)
        return went

    def kill(self) -> None:
        """End it by SIGKILL, as a crash would; its data folder starts again."""
        if running := self.process.find():
            running.kill()
            running.wait(STOP_S_MAX)
        self._collect(STOP_S_MAX)

    def _collect(self, timeout_s: float) -> None:
        if self.child is not None:
            self.child.wait(timeout_s)


def running_broker(data_dir: Path) -> Broker | None:
    """Return the broker that runs on this data folder, or None (a pid file of one that crashed counts as none)."""
    noted = read_json(data_dir / "broker.json")
    if noted is None:
        return None
    process = ProcessId(int(str(noted["pid"])), float(str(noted["created_s"])))
    return Broker(data_dir, int(str(noted["port"])), process) if process.find() else None


def start_broker(
    data_dir: Path,
    port: int = 0,
    *,
    heap_mb: int = 512,
    cache_dir: Path | None = None,
    dies_with_parent: bool = True,
    disk_free_mb_min: int = DISK_FREE_MB_MIN,
    say: Callable[[str], None] = lambda text: None,
) -> Broker:
    """Start Kafka on loopback and return it once it answers; BrokerError where it cannot.

    data_dir: created and formatted when absent; topics in it are kept. port: 0 takes a free one.
    cache_dir: of the jars. dies_with_parent: see process.spawn. say: told of what takes long.
    Raises BrokerRunningError where one runs on data_dir already.
    """
    started_s = time.monotonic()
    with _making(data_dir), _alone(data_dir):
        if running := running_broker(data_dir):
            raise BrokerRunningError(running)
        _check_disk(data_dir, disk_free_mb_min)
        _check_version(data_dir)
        if port and is_listening(port):
            raise BrokerError(
                f"port {port} is in use by {who_listens(port)}; end that, or choose another (--port, AIOTS_BROKER_PORT)"
            )
        try:
            java = find_java()
            jars = fetch_jars(cache_dir or default_cache_dir(), say)
        except (JavaError, JarsError) as error:
            raise BrokerError(str(error)) from error
        command = broker_files.java_command(java, jars, data_dir, heap_mb)
        for attempt in range(STARTS):
            chosen = port or free_port()
            broker_files.write(data_dir, chosen, free_port())
            if not (data_dir / "VERSION").exists():
                _format(data_dir, command)
            try:
                broker = _launch(data_dir, chosen, command, dies_with_parent)
            except _PortTakenError:
                if port or attempt == STARTS - 1:
                    raise
                continue  # somebody took the free port before Kafka did: take another
            return Broker(data_dir, chosen, broker.process, time.monotonic() - started_s, broker.child)
    raise AssertionError("unreachable")


class _PortTakenError(BrokerError):
    pass


def _launch(data_dir: Path, port: int, command: list[str], dies_with_parent: bool) -> Broker:
    with (data_dir / "console.log").open("wb") as log:
        child = spawn([*command, "kafka.Kafka", str(data_dir / "server.properties")], _environment(), log,
                      dies_with_parent=dies_with_parent)  # fmt: skip
    broker = Broker(data_dir, port, ProcessId.of(child.pid), child=child)
    noted = {"pid": child.pid, "created_s": broker.process.created_s, "port": port}
    write_atomic(data_dir / "broker.json", json.dumps(noted))
    try:
        _wait_until_ready(broker)
    except BaseException:  # also Ctrl-C: nothing half started is left
        broker.kill()
        raise
    write_atomic(data_dir / "endpoint", f"{broker.bootstrap}\n")
    return broker


def _wait_until_ready(broker: Broker) -> None:
    deadline_s = time.monotonic() + READY_S_MAX
    while not is_listening(broker.port):
        if not broker.is_running():
            raise _diagnosis(broker)
        if time.monotonic() > deadline_s:
            raise BrokerError(f"not ready after {READY_S_MAX:.0f} s; see {broker.data_dir / 'server.log'}")
        time.sleep(POLL_S)
    from confluent_kafka.admin import AdminClient

    # It listens before it is registered with its own controller: until then it names no broker.
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    while not admin.list_topics(timeout=READY_S_MAX).brokers:
        if not broker.is_running():
            raise _diagnosis(broker)
        if time.monotonic() > deadline_s:
            raise BrokerError(
                f"it listens on {broker.bootstrap}, but names no broker; see {broker.data_dir / 'server.log'}"
            )
        time.sleep(POLL_S)


def _diagnosis(broker: Broker) -> BrokerError:
    """Return the error that says why the process ended while it started."""
    text = _tail(broker.data_dir / "console.log") + _tail(broker.data_dir / "server.log")
    if "Address already in use" in text:
        return _PortTakenError(f"port {broker.port} was taken by {who_listens(broker.port)} while the broker started")
    if "No space left on device" in text:
        return BrokerError(f"the disk of {broker.data_dir} is full")
    if "insufficient memory" in text or "Could not reserve enough space" in text:
        return BrokerError("not enough memory for the broker; lower AIOTS_BROKER_HEAP_MB")
    last = "\n".join(text.strip().splitlines()[-5:])
    return BrokerError(f"Kafka ended while it started; the end of its log in {broker.data_dir}:\n{last}")


def _format(data_dir: Path, command: list[str]) -> None:
    """Write the metadata of a new cluster; VERSION is written last, so that a crash between leads here again."""
    shutil.rmtree(data_dir / "kafka", ignore_errors=True)
    cluster_id = broker_files.new_cluster_id()
    done = subprocess.run(
        [
            command[0],
            *broker_files.SHORT_LIVED,
            *command[1:],
            "kafka.tools.StorageTool",
            "format",
            "-t",
            cluster_id,
            "-c",
            str(data_dir / "server.properties"),
        ],
        env=_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise BrokerError(f"cannot format {data_dir}: {(done.stderr or done.stdout).strip()[-500:]}")
    write_atomic(data_dir / "VERSION", json.dumps({"kafka": kafka_version(), "cluster": cluster_id}) + "\n")


def _check_version(data_dir: Path) -> None:
    ours = kafka_version()
    noted = read_json(data_dir / "VERSION")
    if noted is None:
        if (data_dir / "kafka" / "meta.properties").exists() and not (data_dir / "server.properties").exists():
            raise BrokerError(f"{data_dir} holds data of a Kafka that is not ours; choose another AIOTS_STATE_DIR")
        return
    theirs = str(noted.get("kafka"))
    if theirs.split(".")[:2] != ours.split(".")[:2]:
        raise BrokerError(
            f"{data_dir} was written by Kafka {theirs}, this is Kafka {ours}; move the folder away to begin anew, "
            f"or choose another AIOTS_STATE_DIR"
        )


def _check_disk(data_dir: Path, free_mb_min: int) -> None:
    free_mb = shutil.disk_usage(data_dir).free // 2**20
    if free_mb < free_mb_min:
        raise BrokerError(f"the disk of {data_dir} is full: {free_mb} MB are free, the broker needs {free_mb_min} MB")


def _environment() -> dict[str, str]:
    # What others set for their Kafka or Java must not change ours.
    dropped = ("KAFKA_", "JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "CLASSPATH")
    return {name: value for name, value in os.environ.items() if not name.startswith(dropped)}


def _tail(path: Path, size: int = 20_000) -> str:
    with suppress(FileNotFoundError):
        return path.read_bytes()[-size:].decode(errors="replace")
    return ""


@contextmanager
def _making(data_dir: Path) -> Iterator[None]:
    """Create the folder; turn a full or read-only disk into a BrokerError."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise BrokerError(f"cannot write to {error.filename or data_dir}: {error.strerror or error}") from error


@contextmanager
def _alone(data_dir: Path) -> Iterator[None]:
    """Let one process at a time start a broker here; the next then finds it running."""
    with (data_dir / "start.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def memory_mb(broker: Broker) -> int:
    """Return the resident memory of the broker's process, 0 where it has ended."""
    with suppress(psutil.NoSuchProcess):
        if process := broker.process.find():
            return int(process.memory_info().rss) // 2**20
    return 0
