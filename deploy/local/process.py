"""Processes by pid: start one that cannot outlive its parent, name one for sure, end one for sure."""

import ctypes
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

LOOPBACK = "127.0.0.1"
PR_SET_PDEATHSIG = 1
GROUP_TRIES = 50


@dataclass(frozen=True)
class ProcessId:
    """A process, and no other that is given the same pid later."""

    pid: int
    created_s: float

    @classmethod
    def of(cls, pid: int) -> "ProcessId":
        return cls(pid, psutil.Process(pid).create_time())

    def find(self) -> psutil.Process | None:
        """Return the process while it runs, else None (also where it is a zombie or its pid is another's)."""
        try:
            process = psutil.Process(self.pid)
            if abs(process.create_time() - self.created_s) > 1.0 or process.status() == psutil.STATUS_ZOMBIE:
                return None
        except psutil.NoSuchProcess:
            return None
        return process


def spawn(
    command: Sequence[str], env: Mapping[str, str], log: IO[bytes], *, dies_with_parent: bool
) -> subprocess.Popen[bytes]:
    """Start a command in a session of its own, with no input, its output in log.

    dies_with_parent: on Linux the kernel kills it when the thread that called this ends, however that happens. So call
    from the main thread.
    """
    return subprocess.Popen(
        command,
        env=dict(env),
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=_die_with_parent() if dies_with_parent else None,
    )


def _die_with_parent() -> Callable[[], None] | None:
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl  # loaded before the fork: after it only plain calls are safe
    parent = os.getpid()

    def in_child() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before the line above
            os.kill(os.getpid(), signal.SIGKILL)

    return in_child


def let_others_first(nice: int) -> None:
    """Give this process, at its start, so much less of the processors where they are short; 0: no change.

    Linux takes a session for one group ("autogroup"), within which alone its processes' nice counts; so a process that
    leads a session, as spawn() starts it, says it of its group too. Where the system knows no groups, nice is all.
    """
    if nice <= 0:
        return
    os.nice(nice)
    if os.getsid(0) == os.getpid():
        threading.Thread(target=_let_group, args=(nice,), name="nice", daemon=True).start()


def _let_group(nice: int) -> None:
    for _ in range(GROUP_TRIES):
        try:
            Path("/proc/self/autogroup").write_text(str(nice))
        except BlockingIOError:  # Linux lets such a change pass ten times a second, whoever asks
            time.sleep(0.1)
        except OSError:
            return
        else:
            return


def end(process: psutil.Process, timeout_s: float) -> bool:
    """Send SIGTERM, then SIGKILL after timeout_s; return whether it went by itself."""
    with suppress(psutil.NoSuchProcess):
        process.terminate()
        try:
            process.wait(timeout_s)
        except psutil.TimeoutExpired:
            process.kill()
            process.wait(timeout_s)
            return False
    return True


def write_atomic(path: Path, text: str) -> None:
    """Write a small file so that a reader sees all of it or the one before."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    draft.write_text(text)
    draft.replace(path)


def read_json(path: Path) -> dict[str, object] | None:
    """Return a JSON object, or None where the file is absent or was cut by a crash."""
    try:
        value = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def free_port() -> int:
    """Return a loopback port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def is_listening(port: int) -> bool:
    """Return whether something accepts connections on this loopback port."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((LOOPBACK, port)) == 0


def who_listens(port: int) -> str:
    """Return `name (pid N)` of who listens on this port, `another process` where the system does not tell."""
    with suppress(psutil.Error, PermissionError):
        for connection in psutil.net_connections("tcp"):
            local = connection.laddr
            if connection.status == psutil.CONN_LISTEN and local and local.port == port and connection.pid:
                return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})"
    return "another process"


class FileLock:
    """A lock that the system gives back when its holder ends, however that happens."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: IO[str] | None = None

    def take(self) -> bool:
        """Return whether it is ours now; does not wait."""
        file = self.path.open("w")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return False
        self._file = file
        return True

    def give_back(self) -> None:
        """Let others take it; nothing where it is not ours."""
        if self._file is not None:
            self._file.close()
            self._file = None
