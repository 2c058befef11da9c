"""What a measurement gives: figures with their goals, a table for people and JSON for machines."""

import json
import platform
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Figure:
    """One row. goal: as text, empty where there is none. ok: None where there is no goal, or it was not judged.

    ratio: this figure over the peer's of the same run. note: input, configuration, whatever the figure depends on.
    """

    section: str
    name: str
    value: float
    unit: str
    goal: str = ""
    ok: bool | None = None
    ratio: float | None = None
    peer: str = ""
    note: str = ""


def at_least(section: str, name: str, value: float, unit: str, least: float, **more: Any) -> Figure:
    """Return a figure that must be `least` or more."""
    return Figure(section, name, value, unit, f">= {shown(least)}", value >= least, **more)


def below(section: str, name: str, value: float, unit: str, bound: float, **more: Any) -> Figure:
    """Return a figure that must be less than `bound`."""
    return Figure(section, name, value, unit, f"< {shown(bound)}", value < bound, **more)


@dataclass
class Report:
    """All figures of a run. quick: a smoke test, whose speed is not judged."""

    quick: bool = False
    figures: list[Figure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, figure: Figure) -> None:
        """Take a figure in; a smoke run judges no goal."""
        if self.quick and figure.ok is not None:
            figure = Figure(**{**asdict(figure), "ok": None})
        self.figures.append(figure)

    @property
    def ok(self) -> bool:
        """Return whether there is a figure and every goal is met."""
        return bool(self.figures) and all(figure.ok is not False for figure in self.figures)

    def as_dict(self) -> dict[str, Any]:
        """Return everything, with the machine it was measured on."""
        return {
            "ok": self.ok,
            "quick": self.quick,
            "machine": machine(),
            "figures": [asdict(figure) for figure in self.figures],
            "notes": self.notes,
        }

    def write(self, path: Path) -> None:
        """Write it as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.as_dict(), indent=2) + "\n")


def machine() -> dict[str, Any]:
    """Return what a figure depends on beside the code."""
    model = platform.processor()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        names = [line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    return {
        "cpu": model,
        "cores": psutil.cpu_count(),
        "memory_mb": psutil.virtual_memory().total // 2**20,
        "system": platform.platform(),
        "python": platform.python_version(),
        "load_at_end": psutil.getloadavg(),
    }


def shown(value: float) -> str:
    """Return a figure for people: no more digits than mean something."""
    if value != value:
        return "nan"
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.2f}" if abs(value) >= 1 else f"{value:.3f}"


def print_table(report: Report, console: Console, title: str = "aiots bench") -> None:
    """Print the figures as a table, and the notes under it."""
    table = Table(title=f"{title} (smoke test: not judged)" if report.quick else title, title_justify="left")
    table.add_column("", justify="right", no_wrap=True)
    table.add_column("figure", overflow="fold")
    for name in ("measured", "goal", "x peer", ""):
        table.add_column(name, justify="right", no_wrap=True)
    for number, figure in enumerate(report.figures, 1):
        ratio = "" if figure.ratio is None else f"{shown(figure.ratio)} {figure.peer}"
        verdict = "" if figure.ok is None else "ok" if figure.ok else "[bold red]FAILED[/]"
        measured = f"{shown(figure.value)} {figure.unit}"
        table.add_row(str(number), f"{figure.section}: {figure.name}", measured, figure.goal, ratio, verdict)
    console.print(table)
    for number, figure in enumerate(report.figures, 1):
        if figure.note:
            console.print(f"{number}: {figure.note}", highlight=False)
    for note in report.notes:
        console.print(f"- {note}", highlight=False)


def interleaved(rounds: int, runs: Iterable[tuple[str, Callable[[], float]]]) -> dict[str, list[float]]:
    """Run each in turn, round by round, so that what disturbs the machine disturbs all alike; return all values."""
    pairs = list(runs)
    values: dict[str, list[float]] = {name: [] for name, _ in pairs}
    for _ in range(rounds):
        for name, run in pairs:
            values[name].append(run())
    return values
