"""`aiots up|down|status`: the whole pipeline on this machine, supervised."""

import os
import signal
import sys
import time
from threading import Event
from typing import Annotated

import typer

from aiots.config import Config, load_config
from aiots.console import WorldOption, fail

POLL_S = 0.2
DOWN_S_MAX = 120.0
READY_S_MAX = 120.0


def register(app: typer.Typer) -> None:
    """Add `aiots up`, `aiots down` and `aiots status`."""
    app.command()(up)
    app.command()(down)
    app.command()(status)


def up(
    detach: Annotated[
        bool, typer.Option("--detach", "-d", help="Return once all runs; end it by `aiots down`.")
    ] = False,
    world: WorldOption = None,
) -> None:
    """Start broker, topics, stages and gateway, and keep them running until Ctrl-C, SIGTERM or `aiots down`."""
    from aiots.pipeline import PipelineError, start_pipeline
    from deploy.local.supervisor import AlreadyUpError, Supervisor

    config = load_config(world=world)
    if detach:
        _detach(config)
        return
    supervisor = Supervisor(config.state_dir, alert=lambda text: typer.echo(text, err=True))
    stopping = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    try:
        with supervisor:
            start_pipeline(supervisor, config, typer.echo)
            _show(config)
            while not (stopping.wait(POLL_S) or supervisor.failed):
                supervisor.poll()
            typer.echo("draining")
    except AlreadyUpError as error:
        typer.echo(f"{error}; see `aiots status`")
        return
    except PipelineError as error:
        fail(str(error))
    if lost := supervisor.failed:
        fail(f"{lost.spec.name} was given up ({lost.last_end}); everything was stopped")
    typer.echo("stopped")


def down() -> None:
    """Drain and stop what `aiots up` started; data stays."""
    from deploy.local.process import ProcessId, end
    from deploy.local.supervisor import supervisor_pid

    config = load_config()
    pid = supervisor_pid(config.state_dir)
    if not pid:
        typer.echo("not up")
        return
    running = ProcessId.of(pid).find()
    went = end(running, DOWN_S_MAX) if running else True
    typer.echo("stopped" if went else "the supervisor did not end in time and was killed, its processes with it")


def status() -> None:
    """Show the processes that `aiots up` supervises; exit 3 where it is not up, 1 where one was given up."""
    from deploy.local.supervisor import status_rows, supervisor_pid

    config = load_config()
    rows = status_rows(config.state_dir)
    is_up = supervisor_pid(config.state_dir) != 0
    _show(config)
    if any(row["state"] == "failed" for row in rows):
        raise typer.Exit(1)
    if not is_up:
        raise typer.Exit(3)


def _detach(config: Config) -> None:
    """Start `aiots up` in a session of its own and return once all its processes run."""
    from deploy.local.process import spawn
    from deploy.local.supervisor import status_rows, supervisor_pid

    if pid := supervisor_pid(config.state_dir):
        typer.echo(f"already up (supervisor pid {pid}); see `aiots status`")
        return
    config.state_dir.mkdir(parents=True, exist_ok=True)
    path = config.state_dir / "up.log"
    with path.open("wb") as log:
        child = spawn(
            (sys.executable, "-m", "aiots", "up"), os.environ | config.environment(), log, dies_with_parent=False
        )
    deadline_s = time.monotonic() + READY_S_MAX
    while time.monotonic() < deadline_s:
        if child.poll() is not None:
            fail(path.read_text(errors="replace").strip().removeprefix("error: "))
        rows = status_rows(config.state_dir)
        if supervisor_pid(config.state_dir) == child.pid and rows and rows[-1]["name"] == "gateway":
            _show(config)
            return
        time.sleep(POLL_S)
    fail(f"not up after {READY_S_MAX:.0f} s; see {path}")


def _show(config: Config) -> None:
    """Print the table of processes, and where to look."""
    from rich.console import Console
    from rich.table import Table

    from deploy.local.supervisor import status_rows, supervisor_pid

    rows = status_rows(config.state_dir)
    pid = supervisor_pid(config.state_dir)
    typer.echo(f"up (supervisor pid {pid})" if pid else "not up")
    if rows:
        table = Table("process", "state", "pid", "uptime", "restarts", "port", "last end", box=None, pad_edge=False)
        for row in rows:
            runs = pid and row["state"] == "running"
            state = str(row["state"]) if pid or row["state"] == "failed" else "stopped"
            uptime = _uptime(time.time() - float(str(row["started_s"]))) if runs else ""
            ident = str(row["pid"]) if runs else ""
            table.add_row(
                str(row["name"]),
                state,
                ident,
                uptime,
                str(row["restarts"]),
                str(row["port"] or ""),
                str(row["last_end"]),
            )
        Console(width=None if sys.stdout.isatty() else 120).print(table)
    ports = [row["port"] for row in rows if row["name"] == "gateway"]
    if pid and ports:
        typer.echo(f"page: http://127.0.0.1:{ports[0]}/   logs: {config.state_dir / 'logs'}")


def _uptime(seconds: float) -> str:
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}"
