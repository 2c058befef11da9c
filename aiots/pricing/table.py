"""Options as columns: from a CSV or from one command line, to a CSV or to lines for a person."""

import csv
import pkgutil
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

import aiots.pricing
from aiots.pricing.kernels import compiling
from streams.options import Greeks, labels

F64 = NDArray[np.float64]
Columns = dict[str, NDArray[Any]]
RIGHTS = {"call": True, "c": True, "put": False, "p": False}
NO_MODELS = ("kernels", "table")
PERCENT, DAYS = 100.0, 365.0


class TableError(Exception):
    """A table that cannot be used; says which line or column, and why."""


@dataclass(frozen=True)
class Table:
    """n options. columns: what was given as numbers, by name. is_call: (n,). rows: the text as read, to write back."""

    columns: dict[str, F64]
    is_call: NDArray[np.bool_]
    rows: list[dict[str, str]]

    def __len__(self) -> int:
        return self.is_call.size

    def column(self, name: str) -> F64:
        """Return a column; TableError where it was not given."""
        if name not in self.columns:
            raise TableError(f"column {name} is missing; there are {', '.join(sorted(self.columns))}")
        return self.columns[name]

    def contract(self) -> tuple[F64, F64, F64, F64, F64]:
        """Return spot, strike, years, rate and yield."""
        spot, strike, years = (self.column(name) for name in ("spot", "strike", "years"))
        return spot, strike, years, self.column("rate"), self.column("yield")


def models() -> list[str]:
    """Return the names of the models there are."""
    return sorted(one.name for one in pkgutil.iter_modules(aiots.pricing.__path__) if one.name not in NO_MODELS)


def model(name: str) -> Any:
    """Return a model's module; TableError where there is none of that name."""
    if name not in models():
        raise TableError(f"--model must be one of {', '.join(models())}, was {name}")
    return import_module(f"aiots.pricing.{name}")


def number(text: str | None) -> float:
    """Return a cell as a number, NaN where it is empty or none: its option gets the status not_a_number."""
    try:
        return float(text or "nan")
    except ValueError:
        return float("nan")


def read(lines: TextIO, defaults: dict[str, float]) -> Table:
    """Return a CSV with a header as a table; a column that it has not takes its default.

    The column side holds call, put, C or P. TableError where it is absent or holds something else.
    """
    reader = csv.DictReader(lines)
    rows = list(reader)
    names = [name for name in reader.fieldnames or () if name]
    if "side" not in names:
        raise TableError(f"column side (call or put) is missing; there are {', '.join(names) or 'none'}")
    sides = [(row["side"] or "").strip().lower() for row in rows]
    if wrong := [i for i, side in enumerate(sides) if side not in RIGHTS]:
        raise TableError(f"line {wrong[0] + 2}: side must be call or put, was {sides[wrong[0]]!r}")
    columns = {name: np.array([number(row[name]) for row in rows]) for name in names if name != "side"}
    for name, value in defaults.items():
        columns.setdefault(name, np.full(len(rows), value))
    return Table(columns, np.array([RIGHTS[side] for side in sides], np.bool_), rows)


def single(values: dict[str, float | None], is_call: bool) -> Table:
    """Return a table of the one option of a command line; TableError where a value is missing."""
    if missing := [f"--{name}" for name, value in values.items() if value is None]:
        raise TableError(f"{', '.join(missing)} must be given, or --csv")
    columns = {name: np.array([value], np.float64) for name, value in values.items()}
    return Table(columns, np.array([is_call]), [])


def shown(found: Greeks) -> Columns:
    """Return greeks in the units in which they are shown: per 1 % of volatility or rate, per calendar day."""
    return {
        "price": found.price, "delta": found.delta, "gamma": found.gamma, "vega_per_percent": found.vega / PERCENT,
        "theta_per_day": found.theta / DAYS, "rho_per_percent": found.rho / PERCENT,
        "vanna_per_percent": found.vanna / PERCENT, "volga_per_percent": found.volga / (PERCENT * PERCENT),
        "charm_per_day": found.charm / DAYS, "status": found.status,
    }  # fmt: skip


def texts(found: Columns) -> dict[str, Sequence[str]]:
    """Return columns as text: numbers with all their digits, nothing for NaN, statuses as words."""
    return {
        name: labels(column) if name == "status" else [repr(x) if x == x else "" for x in column.tolist()]
        for name, column in found.items()
    }


def write(table: Table, found: Columns, out: TextIO) -> None:
    """Write what was read with what was found as CSV."""
    columns = texts(found)
    kept = [name for name in (table.rows[0] if table.rows else {"side": ""}) if name and name not in columns]
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*kept, *columns])
    for i, row in enumerate(table.rows):
        writer.writerow([*(row[name] for name in kept), *(column[i] for column in columns.values())])


def run(source: Path | None, kind: str, name: str, values: dict[str, float | None], is_call: bool, out: TextIO) -> None:
    """Read a CSV (`-` is standard input) or one option, ask the model, write CSV or lines; TableError for bad input.

    kind: price or implied, what is asked.
    """
    answer = getattr(model(name), kind)
    if source is None:
        option = single(values, is_call)
        with compiling(name, kind):
            found = answer(option)
        for label, column in texts(found).items():
            out.write(f"{label:18} {column[0]}\n")
        return
    defaults = {key: value for key, value in values.items() if value is not None}
    try:
        with open(0 if str(source) == "-" else source, newline="", closefd=str(source) != "-") as lines:
            table = read(lines, defaults)
    except (OSError, UnicodeDecodeError) as error:
        raise TableError(f"cannot read {source}: {error}") from error
    if not len(table):
        # The names of the columns alone: every model's are the same, and no kernel need be compiled for them.
        write(table, getattr(model("european"), kind)(table), out)
        return
    with compiling(name, kind):
        found = answer(table)
    write(table, found, out)
