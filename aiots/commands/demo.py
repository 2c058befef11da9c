"""`aiots demo`: a session through the whole pipeline on this machine, to look at."""

import re
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aiots.config import Config, load_config
from aiots.console import fail

if TYPE_CHECKING:
    from aiots.watch import StageFigures, Watcher
    from deploy.local.supervisor import Supervisor

SIGNALS_MIN, FILLS_MIN = 20, 5
HORIZON_SCALE = 0.05
"""Of targets and lifetimes, so that the strategies' weeks fit into a session."""
PLAY_SECONDS_MAX = 3_600.0
LINE_SECONDS = 5.0


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(demo)


def demo(
    once: Annotated[bool, typer.Option("--once", help="Play to the end, verify, print a summary and exit.")] = False,
    data: Annotated[Path | None, typer.Option(help="Recorded files in LEAN's layout, not the simulation.")] = None,
    symbols: Annotated[str, typer.Option(help="With --data: comma-separated tickers.")] = "SPY,IBM,AAPL",
    first: Annotated[str, typer.Option("--from", help="With --data: first day.")] = "2013-10-07",
    last: Annotated[str, typer.Option("--to", help="With --data: last day.")] = "2014-06-06",
    minutes: Annotated[int, typer.Option(min=1, help="Length of the simulated session.")] = 390,
    seed: Annotated[int, typer.Option(min=0, help="Of the simulated session.")] = 1,
    speed: Annotated[str, typer.Option(help="Event seconds a second, or max; default 60, with --once max.")] = "",
) -> None:
    """Start broker, stages and gateway, play a session in a new world, and show it live until Ctrl-C.

    With --once: exits 0 only if the session was played whole, `aiots verify` holds, and there were at least 20 signals
    and 5 fills.
    """
    from aiots.pipeline import PipelineError
    from deploy.local.supervisor import AlreadyUpError, Supervisor

    config = load_config()
    config = replace(config, stage_params=demo_params(config))
    pace = ("--speed", speed or ("max" if once else "60"), "--quiet")
    if data is None:
        source: tuple[str, ...] = ("ingest", "sim", "--seed", str(seed), "--minutes", str(minutes), *pace)
    elif data.is_dir():
        choice = ("--symbols", symbols, "--from", first, "--to", last, "--resolution", "tick,minute")
        source = ("ingest", "lean", str(data.absolute()), *choice, *pace)
    else:
        fail(f"--data: no such folder: {data}", 2)
    stopping = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    supervisor = Supervisor(config.state_dir, alert=lambda text: typer.echo(text, err=True))
    try:
        with supervisor:
            code = _Demo(supervisor, config, stopping).run(source, once)
            typer.echo("draining")
    except AlreadyUpError as error:
        fail(f"{error}: end it by `aiots down`, or give the demo a folder of its own by AIOTS_STATE_DIR")
    except PipelineError as error:
        fail(str(error))
    typer.echo("stopped; nothing is left running")
    raise typer.Exit(code)


def demo_params(config: Config) -> dict[str, Mapping[str, object]]:
    """Return the stages' parameters with the demo's horizon, unless the config has its own."""
    signals = {"horizon_scale": HORIZON_SCALE, **config.stage_params.get("signals", {})}
    return {**config.stage_params, "signals": signals}


class _Demo:
    """One run."""

    def __init__(self, supervisor: "Supervisor", config: Config, stopping: Event) -> None:
        self._supervisor = supervisor
        self._config = config
        self._stopping = stopping
        self._began_s = time.monotonic()

    def run(self, source: tuple[str, ...], once: bool) -> int:
        """Play; return the exit code."""
        from aiots.pipeline import SOURCE_RANK, aiots_command, start_pipeline
        from aiots.watch import Watcher
        from deploy.local.supervisor import ProcessSpec

        config = replace(self._config, world="demo-0")
        self._config = config = start_pipeline(self._supervisor, config, typer.echo, new_world)
        typer.echo(f"world {config.world}: page http://127.0.0.1:{config.gateway_port}/")
        environment = config.environment()
        self._supervisor.add(ProcessSpec("source", aiots_command(*source), environment, rank=SOURCE_RANK, ends=True))
        self._supervisor.start()
        with Watcher(config.kafka, config.world, config.partitions) as watcher:
            if not once:
                self._show(watcher)
                return 0
            if not self._play_out(watcher):
                return 1
        return self._prove(watcher)

    def _figures(self, before: Mapping[str, "StageFigures"]) -> dict[str, "StageFigures"]:
        from aiots.pipeline import STAGE_RANK
        from aiots.watch import StageFigures, read_stage

        stages = [one.spec for one in self._supervisor.processes if one.spec.rank == STAGE_RANK]
        return {spec.name: read_stage(spec.port or 0, before.get(spec.name, StageFigures())) for spec in stages}

    def _show(self, watcher: "Watcher") -> None:
        """Show the live view until Ctrl-C; lines where there is no terminal."""
        from rich.live import Live

        from aiots.watch import view

        page, figures = f"http://127.0.0.1:{self._config.gateway_port}/", self._figures({})
        if not sys.stdout.isatty():
            while not self._over():
                figures = self._line(watcher, figures)
            return
        with Live(refresh_per_second=2, screen=False) as live:
            while not self._over():
                self._stopping.wait(1.0)
                figures = self._figures(figures)
                live.update(view(self._config.world, page, figures, watcher, self._note()))

    def _note(self) -> str:
        source = self._supervisor.processes[-1]
        return "the session is played; look around" if str(source.state) == "done" else "playing"

    def _over(self) -> bool:
        self._supervisor.poll()
        return self._stopping.is_set() or self._supervisor.failed is not None

    def _line(self, watcher: "Watcher", before: Mapping[str, "StageFigures"]) -> dict[str, "StageFigures"]:
        until_s = time.monotonic() + LINE_SECONDS
        while time.monotonic() < until_s and not self._over():
            self._stopping.wait(0.2)
        figures = self._figures(before)
        ticks = next(iter(figures.values())).ticks
        lag = sum(one.lag for one in figures.values())
        typer.echo(
            f"{time.monotonic() - self._began_s:4.0f} s  {ticks:>12,.0f} ticks  lag {lag:>9,.0f}  "
            f"{sum(watcher.report.signals.values()):>5} signals  {sum(watcher.report.verdicts.values()):>5} verdicts  "
            f"{watcher.report.fills():>5} fills"
        )
        return figures

    def _play_out(self, watcher: "Watcher") -> bool:
        """Wait until the session is played and every stage has reached the end of its inbox."""
        from aiots.pipeline import behind

        figures: dict[str, StageFigures] = {}
        deadline_s = time.monotonic() + PLAY_SECONDS_MAX
        while not (self._supervisor.done and not behind(self._config)):
            figures = self._line(watcher, figures)
            if self._supervisor.failed or self._stopping.is_set() or time.monotonic() > deadline_s:
                typer.echo("the session was not played to its end", err=True)
                return False
        return True

    def _prove(self, watcher: "Watcher") -> int:
        """Drain the stages, verify the world, print the summary; return the exit code."""
        from aiots.commands.verify import said
        from aiots.pipeline import STAGE_RANK
        from aiots.stage import loud, stage_params

        self._supervisor.stop(lambda spec: spec.rank == STAGE_RANK)
        played_s = time.monotonic() - self._began_s
        from streams.runtime.verify import verify
        from streams.topology import STAGES

        config = self._config
        params = {stage.name: stage_params(config, stage.name) for stage in STAGES}
        with loud():
            certificate = verify(config.kafka, config.world, config.partitions, params, lambda task: None)
        signals, fills = sum(watcher.report.signals.values()), watcher.report.fills()
        typer.echo("\n".join(["", f"played in {played_s:.0f} s", *watcher.report.lines(), "", said(certificate)]))
        for name, count, least in (("signals", signals, SIGNALS_MIN), ("fills", fills, FILLS_MIN)):
            if count < least:
                typer.echo(f"FAILED: expected at least {least} {name}, saw {count}", err=True)
        held = certificate.ok and not certificate.bugs and signals >= SIGNALS_MIN and fills >= FILLS_MIN
        typer.echo("demo held" if held else "demo FAILED")
        return 0 if held else 1


def new_world(config: Config) -> Config:
    """Return the settings with the first world demo-N that no topic has."""
    from confluent_kafka.admin import AdminClient

    topics: Any = AdminClient({**config.kafka, "log_level": 0}).list_topics(timeout=30).topics
    taken = {int(found.group(1)) for name in topics if (found := re.match(r"demo-(\d+)\.", name))}
    return replace(config, world=f"demo-{max(taken, default=0) + 1}")
