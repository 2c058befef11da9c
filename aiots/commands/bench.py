"""`aiots bench`: measure speed and latency against the goals."""

import shutil
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from aiots.console import fail

SECTIONS = (
    "analytics",
    "peers",
    "latency",
    "backtest",
    "recovery",
    "orders",
    "pricing_european",
    "pricing_cash",
    "pricing_american",
    "surface",
    "chain",
    "chain_truth",
    "pretrade",
    "explain",
)


def register(app: typer.Typer) -> None:
    """Add `aiots bench`."""
    app.command()(bench)


def bench(
    only: Annotated[list[str] | None, typer.Option(help=f"Only this section: {', '.join(SECTIONS)}.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Small inputs: does it still run? Judges no goal.")] = False,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of what is measured by turns.")] = 3,
    out: Annotated[Path, typer.Option(help="Where the figures go as JSON.")] = Path("bench.json"),
    folder: Annotated[Path | None, typer.Option(help="Where brokers write meanwhile; default a temporary one.")] = None,
) -> None:
    """Measure the goals on real topics of brokers of their own; print a table and write JSON; exit 1 below a goal.

    Recorded ticks are taken from $AIOTS_DATA, simulated ones where it is absent. Needs 6 GB of free disk.
    """
    wanted = tuple(only or SECTIONS)
    if unknown := [name for name in wanted if name not in SECTIONS]:
        fail(f"--only must be one of {', '.join(SECTIONS)}, was {unknown[0]}", 2)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    home = Path(tempfile.mkdtemp(prefix="aiots-bench-", dir=folder))
    from importlib import import_module

    from rich.console import Console

    from bench.context import Context, load_kernels
    from bench.figures import Report, print_table
    from bench.recording import data_folder

    console, report = Console(), Report(quick)
    say = Console(stderr=True, highlight=False).print
    context = Context(home, report, data_folder(), lambda text: say(f"[dim]{text}[/]"), quick, 1 if quick else rounds)
    try:
        if any(not name.startswith(("pricing", "surface", "pretrade")) for name in wanted):  # these call no stage
            load_kernels(context)
        for name in wanted:
            import_module(f"bench.{name}").run(context)
    finally:
        shutil.rmtree(home, ignore_errors=True)
        report.write(out)
    print_table(report, console)
    console.print(f"figures: {out}")
    raise typer.Exit(0 if report.ok else 1)
