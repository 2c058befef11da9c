"""`aiots soak`: the whole pipeline under load for minutes."""

import shutil
import tempfile
from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add `aiots soak`."""
    app.command()(soak)


def soak(
    minutes: Annotated[float, typer.Option(min=0.2, help="How long.")] = 10.0,
    out: Annotated[Path, typer.Option(help="Where the figures go as JSON.")] = Path("soak.json"),
    folder: Annotated[Path | None, typer.Option(help="Where the broker writes meanwhile; default temporary.")] = None,
) -> None:
    """Run every stage and the gateway on a simulated market; exit 1 unless memory stays flat, checkpoints come on time.

    On a broker of its own, in a folder that is removed afterwards.
    """
    home = Path(tempfile.mkdtemp(prefix="aiots-soak-", dir=folder))
    from rich.console import Console

    from bench.context import Context
    from bench.figures import Report, print_table
    from bench.soak import run

    console, report = Console(), Report()
    say = Console(stderr=True, highlight=False).print
    try:
        run(Context(home, report, None, lambda text: say(f"[dim]{text}[/]")), minutes)
    finally:
        shutil.rmtree(home, ignore_errors=True)
        report.write(out)
    print_table(report, console, "aiots soak")
    raise typer.Exit(0 if report.ok else 1)
