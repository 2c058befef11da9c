"""The processes of one machine: started in order, restarted with back-off, given up loudly, drained in reverse.

    supervisor = Supervisor(state_dir)
    supervisor.add(ProcessSpec("analytics-0", (sys.executable, "-m", "aiots.stage", "analytics")))
    with supervisor:                     # AlreadyUpError where another supervises this folder
        supervisor.start()
        while not supervisor.failed:
            supervisor.poll()            # a few times a second

What runs stands in supervisor.json, outputs in logs/NAME.log. On Linux the kernel kills every child when the supervisor
dies, by whatever; elsewhere the next supervisor of the folder ends what is left. Call all from the main thread.
"""

import json
import os
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import groupby
from pathlib import Path
from typing import BinaryIO, Self

from deploy.local.process import FileLock, ProcessId, end, read_json, spawn, write_atomic

LOG_BYTES_MAX = 10 * 2**20
KILL_S_MAX = 10.0
STATUS_S = 1.0


class AlreadyUpError(RuntimeError):
    """Another supervisor works in this folder; its pid is in `pid`, 0 where it has not written it yet."""

    def __init__(self, pid: int) -> None:
        super().__init__(f"already up (supervisor pid {pid})")
        self.pid = pid


class State(StrEnum):
    """What a supervised process is doing."""

    WAITING = "waiting"
    """Not started yet."""
    RUNNING = "running"
    BACKOFF = "backoff"
    """It ended, and is started again after a pause."""
    FAILED = "failed"
    """It ended too often: given up."""
    DONE = "done"
    """A process that is to end did, with exit code 0."""
    STOPPED = "stopped"


@dataclass(frozen=True)
class ProcessSpec:
    """A process to supervise."""

    name: str
    """Also the name of its log. Unique."""
    command: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    """Set beside this process's own environment."""
    port: int | None = None
    """Where it answers; shown in the status."""
    rank: int = 1
    """Higher ranks are stopped before lower ones; those of one rank together."""
    ends: bool = False
    """True where it is to end with exit code 0 by itself (a source of recorded data)."""
    stop_s_max: float = 20.0
    """Time between SIGTERM and SIGKILL."""
    launch: Callable[[], subprocess.Popen[bytes]] | None = field(default=None, repr=False)
    """Starts it in place of `command`; returns when it is ready, raises RuntimeError where it cannot."""
    after_stop: Callable[[], None] | None = field(default=None, repr=False)


@dataclass(frozen=True)
class RestartPolicy:
    """Pause before the n-th restart: first_s * 2^(n-1), up to pause_s_max; given up at failures_max within window_s."""

    first_s: float = 0.5
    pause_s_max: float = 20.0
    failures_max: int = 6
    window_s: float = 120.0

    def pause_s(self, failures: int) -> float:
        """Return the pause after so many failures in a window, >= 1."""
        return float(min(self.first_s * 2.0 ** (failures - 1), self.pause_s_max))


@dataclass
class Supervised:
    """A process and what became of it."""

    spec: ProcessSpec
    state: State = State.WAITING
    child: subprocess.Popen[bytes] | None = None
    id: ProcessId | None = None
    started_s: float = 0.0
    """Wall clock."""
    restarts: int = 0
    failures_s: deque[float] = field(default_factory=deque)
    """Monotonic times of the failures within the window."""
    retry_at_s: float = 0.0
    last_end: str = ""


class Supervisor:
    """Keeps the added processes running. See the module."""

    def __init__(
        self,
        folder: Path,
        policy: RestartPolicy | None = None,
        alert: Callable[[str], None] = lambda text: None,
    ) -> None:
        """folder: the state folder. alert: told, in one line each, of every end that was not asked for."""
        self.folder = folder
        self.policy = policy or RestartPolicy()
        self.alert = alert
        self.processes: list[Supervised] = []
        self._lock = FileLock(folder / "supervisor.lock")
        self._written_s = 0.0

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self._lock.take():
            raise AlreadyUpError(supervisor_pid(self.folder))
        self._end_leftovers()
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.stop()
        finally:
            self._lock.give_back()

    def add(self, spec: ProcessSpec) -> None:
        """Add a process; it is started by the next start()."""
        if any(one.spec.name == spec.name for one in self.processes):
            raise ValueError(f"two processes named {spec.name}")
        self.processes.append(Supervised(spec))

    @property
    def failed(self) -> Supervised | None:
        """The first process that was given up, or None."""
        return next((one for one in self.processes if one.state is State.FAILED), None)

    @property
    def done(self) -> bool:
        """Whether every process that is to end has ended."""
        return all(one.state is State.DONE for one in self.processes if one.spec.ends)

    def start(self) -> None:
        """Start, in the order they were added, those that wait."""
        for one in self.processes:
            if one.state in (State.WAITING, State.STOPPED):
                self._start(one)
        self.write_status()

    def poll(self) -> None:
        """See what ended, start again what is due, write the status. Returns at once, unless the broker restarts."""
        changed = False
        for one in self.processes:
            if one.state is State.RUNNING and one.child is not None and (code := one.child.poll()) is not None:
                self._ended(one, code)
                changed = True
            elif one.state is State.BACKOFF and time.monotonic() >= one.retry_at_s:
                one.restarts += 1
                self._start(one)
                changed = True
        if changed or time.monotonic() - self._written_s > STATUS_S:
            self.write_status()

    def stop(self, only: Callable[[ProcessSpec], bool] = lambda spec: True) -> None:
        """Drain by SIGTERM, rank by rank from the highest; SIGKILL who does not end in time. Safe to call twice."""
        for _, group in self._by_rank():
            ending = [one for one in group if only(one.spec)]
            for one in reversed(ending):
                if one.child is not None and one.child.poll() is None:
                    one.child.terminate()
            for one in reversed(ending):
                self._await_end(one)
        if self.processes:
            self.write_status()

    def write_status(self) -> None:
        """Write supervisor.json, for `aiots status`."""
        self._written_s = time.monotonic()
        own = ProcessId.of(os.getpid())
        rows = [_row(one) for one in self.processes]
        status = {"pid": own.pid, "created_s": own.created_s, "processes": rows}
        write_atomic(self.folder / "supervisor.json", json.dumps(status, indent=1))

    def _start(self, one: Supervised) -> None:
        spec = one.spec
        try:
            if spec.launch is not None:
                one.child = spec.launch()
            else:
                with _open_log(self.folder / "logs", spec.name) as log:
                    one.child = spawn(spec.command, os.environ | dict(spec.env), log, dies_with_parent=True)
            one.id = ProcessId.of(one.child.pid)
        except (OSError, RuntimeError) as error:
            one.child = one.id = None
            self._fail(one, str(error))
            return
        one.state, one.started_s = State.RUNNING, time.time()

    def _ended(self, one: Supervised, code: int) -> None:
        if one.spec.ends and code == 0:
            one.state, one.last_end = State.DONE, "exit 0"
        else:
            self._fail(one, f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit {code}")

    def _fail(self, one: Supervised, how: str) -> None:
        now_s = time.monotonic()
        one.last_end = how
        one.failures_s.append(now_s)
        while one.failures_s[0] < now_s - self.policy.window_s:
            one.failures_s.popleft()
        log = self.folder / "logs" / f"{one.spec.name}.log"
        if len(one.failures_s) >= self.policy.failures_max:
            one.state = State.FAILED
            count, window_s = len(one.failures_s), self.policy.window_s
            self.alert(f"ALERT {one.spec.name}: given up after {count} failures in {window_s:.0f} s: {how}; see {log}")
            return
        pause_s = self.policy.pause_s(len(one.failures_s))
        one.state, one.retry_at_s = State.BACKOFF, now_s + pause_s
        self.alert(f"{one.spec.name}: {how}; starting again in {pause_s:.1f} s; see {log}")

    def _await_end(self, one: Supervised) -> None:
        if one.child is not None:
            try:
                one.child.wait(one.spec.stop_s_max)
            except subprocess.TimeoutExpired:
                self.alert(f"{one.spec.name}: did not end within {one.spec.stop_s_max:.0f} s of SIGTERM; killed")
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(one.child.pid, signal.SIGKILL)  # it leads a group: also what it left behind
            one.child.wait(KILL_S_MAX)
            if one.spec.after_stop is not None and one.state is State.RUNNING:
                one.spec.after_stop()
        if one.state not in (State.FAILED, State.DONE):
            one.state = State.STOPPED

    def _by_rank(self) -> Iterator[tuple[int, Iterator[Supervised]]]:
        return groupby(sorted(self.processes, key=lambda one: -one.spec.rank), key=lambda one: one.spec.rank)

    def _end_leftovers(self) -> None:
        """End what a supervisor left that was killed on a system without the parent-death signal."""
        for row in status_rows(self.folder):
            if left := _id_of(row).find():
                end(left, KILL_S_MAX)


def status_rows(folder: Path) -> Sequence[Mapping[str, object]]:
    """Return the rows of supervisor.json, one a process; empty where there is none."""
    status = read_json(folder / "supervisor.json") or {}
    rows = status.get("processes", [])
    return rows if isinstance(rows, list) else []


def supervisor_pid(folder: Path) -> int:
    """Return the pid of the supervisor that works in this folder, 0 where none does."""
    status = read_json(folder / "supervisor.json")
    if status is None:
        return 0
    running = _id_of(status).find()
    return running.pid if running else 0


def _row(one: Supervised) -> dict[str, object]:
    return {
        "name": one.spec.name,
        "state": one.state,
        "pid": one.id.pid if one.id else 0,
        "created_s": one.id.created_s if one.id else 0.0,
        "started_s": one.started_s,
        "restarts": one.restarts,
        "port": one.spec.port,
        "last_end": one.last_end,
    }


def _id_of(row: Mapping[str, object]) -> ProcessId:
    return ProcessId(int(str(row["pid"])), float(str(row["created_s"])))


def _open_log(folder: Path, name: str) -> BinaryIO:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.log"
    if path.exists() and path.stat().st_size > LOG_BYTES_MAX:
        path.replace(folder / f"{name}.log.1")
    return path.open("ab")
