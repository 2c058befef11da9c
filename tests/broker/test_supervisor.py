"""The supervisor restarts, gives up loudly, drains in reverse order, and leaves nothing running."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from deploy.local.process import free_port
from deploy.local.supervisor import (
    AlreadyUpError,
    ProcessSpec,
    RestartPolicy,
    State,
    Supervisor,
    status_rows,
    supervisor_pid,
)

QUICK = RestartPolicy(first_s=0.05, pause_s_max=0.2, failures_max=3, window_s=60)
# Writes its name to a file when it is told to end, then ends.
WORKER = """
import pathlib, signal, sys
def leave(*_):
    with open(sys.argv[1], "a") as file:
        file.write(sys.argv[2] + "\\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, leave)
pathlib.Path(sys.argv[1] + "." + sys.argv[2]).touch()
while True:
    signal.pause()
"""
STUBBORN = (
    "import signal, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN); open(sys.argv[1], 'w').close(); signal.pause()"
)


@pytest.fixture
def alerts() -> list[str]:
    return []


@pytest.fixture
def supervisor(tmp_path: Path, alerts: list[str]) -> Iterator[Supervisor]:
    with Supervisor(tmp_path / "state", QUICK, alerts.append) as one:
        yield one


def python(code: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code, *arguments)


def until(condition: Callable[[], object], poll: Callable[[], None] = lambda: None, seconds: float = 20) -> None:
    deadline_s = time.monotonic() + seconds
    while not condition():
        poll()
        assert time.monotonic() < deadline_s, "waited too long"
        time.sleep(0.01)  # between two looks at the condition


def test_a_killed_process_is_started_again(supervisor: Supervisor, tmp_path: Path, alerts: list[str]) -> None:
    """After SIGKILL another process runs in its place, the restart is counted and told."""
    supervisor.add(ProcessSpec("worker", python(WORKER, str(tmp_path / "out"), "worker")))
    supervisor.start()
    one = supervisor.processes[0]
    assert one.id is not None
    first = one.id.pid
    os.kill(first, signal.SIGKILL)
    until(lambda: one.state is State.RUNNING and one.id is not None and one.id.pid != first, supervisor.poll)
    assert one.restarts == 1
    assert "worker: killed by SIGKILL; starting again in 0.1 s" in alerts[0]
    row = status_rows(supervisor.folder)[0]
    assert (row["name"], row["state"], row["restarts"]) == ("worker", "running", 1)
    assert supervisor_pid(supervisor.folder) == os.getpid()


def test_a_process_that_keeps_failing_is_given_up_loudly(supervisor: Supervisor, alerts: list[str]) -> None:
    """Back-off grows, the third failure within the window is the last, the status shows it, its log has the reason."""
    supervisor.add(ProcessSpec("broken", python("import sys; print('no such thing'); sys.exit(7)")))
    supervisor.start()
    until(lambda: supervisor.failed, supervisor.poll)
    assert supervisor.processes[0].restarts == 2
    assert [text.split(";")[1] for text in alerts[:2]] == [" starting again in 0.1 s", " starting again in 0.1 s"]
    assert alerts[-1].startswith("ALERT broken: given up after 3 failures in 60 s: exit 7; see ")
    assert status_rows(supervisor.folder)[0]["state"] == "failed"
    assert (supervisor.folder / "logs" / "broken.log").read_text() == "no such thing\n" * 3


def test_a_command_that_cannot_be_started_is_a_failure_too(supervisor: Supervisor, alerts: list[str]) -> None:
    """A missing program ends like a failing one, not in a traceback of the supervisor."""
    supervisor.add(ProcessSpec("absent", ("/no/such/program",)))
    supervisor.start()
    until(lambda: supervisor.failed, supervisor.poll)
    assert "No such file" in alerts[-1]


def test_pauses_double_up_to_their_bound() -> None:
    """The n-th restart waits first_s * 2^(n-1), at most pause_s_max."""
    policy = RestartPolicy(first_s=0.5, pause_s_max=4)
    assert [policy.pause_s(failures) for failures in (1, 2, 3, 4, 5)] == [0.5, 1, 2, 4, 4]


def test_drain_goes_from_the_highest_rank_down(supervisor: Supervisor, tmp_path: Path) -> None:
    """SIGTERM reaches a rank only when the ranks above have ended; every process has time to finish."""
    out = tmp_path / "out"
    for rank, name in enumerate(("first", "second", "third")):
        supervisor.add(ProcessSpec(name, python(WORKER, str(out), name), rank=rank))
    supervisor.start()
    until(lambda: len(list(tmp_path.glob("out.*"))) == 3)
    supervisor.stop()
    assert out.read_text().split() == ["third", "second", "first"]
    assert {row["state"] for row in status_rows(supervisor.folder)} == {"stopped"}


def test_who_does_not_drain_is_killed(supervisor: Supervisor, tmp_path: Path, alerts: list[str]) -> None:
    """A process that ignores SIGTERM is killed after its time, and that is told."""
    ready = tmp_path / "ready"
    supervisor.add(ProcessSpec("stubborn", python(STUBBORN, str(ready)), stop_s_max=0.2))
    supervisor.start()
    until(ready.exists)
    child = supervisor.processes[0].child
    assert child is not None
    supervisor.stop()
    assert child.returncode == -signal.SIGKILL
    assert "did not end within 0 s of SIGTERM; killed" in alerts[0]


def test_a_process_that_is_to_end_may_end(supervisor: Supervisor, alerts: list[str]) -> None:
    """A source of recorded data ends with 0 and is done; it is not started again."""
    supervisor.add(ProcessSpec("source", python("pass"), ends=True))
    supervisor.start()
    assert not supervisor.done
    until(lambda: supervisor.done, supervisor.poll)
    assert (supervisor.processes[0].restarts, alerts) == (0, [])


def test_one_supervisor_a_folder(supervisor: Supervisor) -> None:
    """The second says who is first; once the first left, the folder is free."""
    supervisor.write_status()
    with pytest.raises(AlreadyUpError, match=rf"pid {os.getpid()}"), Supervisor(supervisor.folder):
        pass
    supervisor.__exit__()
    with Supervisor(supervisor.folder):
        pass


def test_nothing_outlives_a_killed_supervisor(tmp_path: Path) -> None:
    """SIGKILL of the supervisor takes its children along."""
    if sys.platform != "linux":
        pytest.skip("the kernel's parent-death signal is Linux only")
    code = f"""
import signal, sys
from pathlib import Path
from deploy.local.supervisor import ProcessSpec, Supervisor
with Supervisor(Path({str(tmp_path)!r})) as supervisor:
    for name in "ab":
        supervisor.add(ProcessSpec(name, (sys.executable, "-c", "import signal; signal.pause()")))
    supervisor.start()
    print("up", flush=True)
    signal.pause()
"""
    with subprocess.Popen(python(code), stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "up\n"
        children = psutil.Process(parent.pid).children()
        assert len(children) == 2
        parent.kill()
    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []


@pytest.mark.broker
@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_up_runs_everything_and_leaves_nothing(tmp_path: Path, how: signal.Signals) -> None:
    """`aiots up` starts broker, topics, stages, gateway; `status` shows them; Ctrl-C or SIGKILL leaves nothing."""
    state = tmp_path / "state"
    ports = {f"AIOTS_{name}_PORT": str(free_port()) for name in ("BROKER", "GATEWAY")}
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("AIOTS_", "KAFKA_"))}
    idle = json.dumps(dict.fromkeys(("analytics", "signals", "sizing", "risk", "venue"), 0))  # one stage is enough here
    env = clean | ports | {"AIOTS_STATE_DIR": str(state), "AIOTS_PROCESSES": idle}

    def aiots(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "aiots", *arguments]
        return subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=60)

    with subprocess.Popen(
        [sys.executable, "-m", "aiots", "up"], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as parent:
        until(lambda: len(status_rows(state)) == 3 or parent.poll() is not None, seconds=100)
        assert parent.poll() is None, parent.stdout and parent.stdout.read()
        children = psutil.Process(parent.pid).children(recursive=True)
        shown = aiots("status")
        assert shown.returncode == 0
        for name in ("broker", "router-0", "gateway"):
            assert name in shown.stdout
        assert "already up" in aiots("up").stdout
        parent.send_signal(how)
        parent.wait(60)
    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []
    assert aiots("status").returncode == 3
    assert aiots("down").stdout == "not up\n"
