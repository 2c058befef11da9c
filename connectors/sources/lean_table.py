"""Rows of a LEAN zip as columns: the fast way where every row is well-formed, row by row where one is not."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from connectors.sources.frames import I64
from connectors.sources.record import Rejects, SourceReason

Mask = npt.NDArray[np.bool_]
Column = tuple[str, str]
"""Name and kind: whole, price (NaN where empty), hex, stamp (YYYYMMDD HH:MM, as ns of local time), skip."""

FEW = 4
"""Lines up to which reading by row is the faster way."""
_ARROW = {
    "whole": pa.int64(),
    "price": pa.float64(),
    "hex": pa.dictionary(pa.int32(), pa.string()),
    "stamp": pa.string(),
}


@dataclass(frozen=True)
class Table:
    """Columns of equal length n; line: 1-based line of each row in its file."""

    columns: dict[str, npt.NDArray[Any]]
    line: I64

    def __len__(self) -> int:
        return len(self.line)

    def where(self, keep: Mask) -> "Table":
        """Return the rows where keep is true."""
        return Table({name: values[keep] for name, values in self.columns.items()}, self.line[keep])


def read_table(data: bytes, columns: Sequence[Column], file: str, rejects: Rejects) -> Table:
    """Return the well-formed rows of a CSV without header; each other row is rejected with its line."""
    lines = data.count(b"\n") + (not data.endswith(b"\n") and bool(data))
    if lines == 0:
        return Table(_pack([], columns), np.zeros(0, np.int64))
    if lines <= FEW:
        return _read_by_row(data, columns, file, rejects)
    try:
        return _read_fast(data, columns, lines)
    except (pa.ArrowInvalid, _OddRowsError):
        return _read_by_row(data, columns, file, rejects)


class _OddRowsError(ValueError):
    """The fast reader met a row that it cannot place."""


def _read_fast(data: bytes, columns: Sequence[Column], lines: int) -> Table:
    kept = {name: kind for name, kind in columns if kind != "skip"}
    table = csv.read_csv(
        pa.BufferReader(data),
        csv.ReadOptions(use_threads=False, column_names=[name for name, _ in columns], block_size=1 << 22),
        csv.ParseOptions(quote_char=False),
        csv.ConvertOptions(
            check_utf8=False,
            column_types={name: _ARROW[kind] for name, kind in kept.items()},
            include_columns=list(kept),
            null_values=[""],
        ),
    )
    if table.num_rows != lines:  # Blank lines are left out by the reader, and every line after one would be misnamed.
        raise _OddRowsError
    out: dict[str, npt.NDArray[Any]] = {}
    for name, kind in kept.items():
        column = table[name].combine_chunks()
        if kind != "price" and column.null_count:
            raise _OddRowsError
        if kind == "hex":
            masks = np.array([_hex(text) for text in column.dictionary.to_pylist()], np.int64)
            out[name] = masks[column.indices.to_numpy()]
        elif kind == "stamp":
            stamps = pc.strptime(column, format="%Y%m%d %H:%M", unit="s", error_is_null=False)
            out[name] = stamps.cast(pa.int64()).to_numpy() * 1_000_000_000
        else:
            out[name] = column.to_numpy(zero_copy_only=False)
            if kind == "price" and np.count_nonzero(~np.isfinite(out[name])) != column.null_count:
                raise _OddRowsError
    return Table(out, np.arange(1, lines + 1))


def _hex(text: str) -> int:
    try:
        mask = int(text, 16)
    except ValueError:
        raise _OddRowsError from None
    if not 0 <= mask < 1 << 63:
        raise _OddRowsError
    return mask


def _whole(text: str) -> int:
    number = int(text)
    if not -(1 << 63) <= number < 1 << 63:
        raise ValueError("out of range")
    return number


def _price(text: str) -> float:
    if not text:
        return np.nan
    number = float(text)
    if not np.isfinite(number):
        raise _NotANumberError
    return number


def _stamp(text: str) -> int:
    return int(datetime.strptime(text, "%Y%m%d %H:%M").replace(tzinfo=UTC).timestamp()) * 1_000_000_000


class _NotANumberError(ValueError):
    """A number is written out that is none."""


_PARSE: dict[str, Callable[[str], int | float]] = {"whole": _whole, "price": _price, "hex": _hex, "stamp": _stamp}


def _read_by_row(data: bytes, columns: Sequence[Column], file: str, rejects: Rejects) -> Table:
    rows: list[list[int | float]] = []
    line: list[int] = []
    for number, raw in enumerate(data.removesuffix(b"\n").split(b"\n"), 1):
        cells = raw.rstrip(b"\r").split(b",")
        if len(cells) != len(columns):
            detail = f"expected {len(columns)} columns, was {len(cells)}"
            rejects.add(SourceReason.WRONG_COLUMNS, file, number, detail, raw)
            continue
        row: list[int | float] = []
        at = 0
        try:
            for at, cell in enumerate(cells):
                kind = columns[at][1]
                if kind != "skip":
                    row.append(_PARSE[kind](cell.decode("ascii")))
        except _NotANumberError:
            rejects.add(SourceReason.NOT_A_NUMBER, file, number, f"{columns[at][0]} must be finite, was {cell!r}", raw)
        except ValueError:
            rejects.add(
                SourceReason.UNPARSABLE,
                file,
                number,
                f"{columns[at]} cannot be read from {cell!r}",
                raw,
            )
        else:
            rows.append(row)
            line.append(number)
    return Table(_pack(rows, columns), np.array(line, np.int64))


def _pack(rows: list[list[int | float]], columns: Sequence[Column]) -> dict[str, npt.NDArray[Any]]:
    kept = [(name, kind) for name, kind in columns if kind != "skip"]
    return {
        name: np.array([row[at] for row in rows], np.float64 if kind == "price" else np.int64)
        for at, (name, kind) in enumerate(kept)
    }


def drop_rows(table: Table, bad: Mask, reason: SourceReason, file: str, rejects: Rejects, wanted: str) -> Table:
    """Return the table without its bad rows, each of which is rejected; wanted: what was expected of them."""
    at = np.flatnonzero(bad)
    if not len(at):
        return table
    for row in at.tolist():
        seen = ",".join(str(values[row]) for values in table.columns.values())
        rejects.add(reason, file, int(table.line[row]), f"{wanted}, was {seen}", seen.encode())
    return table.where(~bad)
