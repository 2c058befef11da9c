"""A Parquet file that is there whole or not at all: written beside its place, renamed when all is in."""

from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa
import pyarrow.parquet as pq

SUFFIX = ".partial"


class WholeFile(ABC):
    """A Parquet file that appears, in place of what stood there, when its `with` block ends; after an error none does.

    A subclass hands its tables to `write`, and what it still holds at the end in `_flush`.
    """

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        """Raise OSError where the folder cannot be written."""
        self._path, self._partial = path, path.with_name(path.name + SUFFIX)
        self._writer = pq.ParquetWriter(self._partial, schema, compression="zstd")

    def write(self, table: pa.Table) -> None:
        """Append a table as one row group."""
        self._writer.write_table(table, row_group_size=max(table.num_rows, 1))

    @abstractmethod
    def _flush(self) -> None:
        """Write what waits."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        whole = False
        try:
            if kind is None:
                self._flush()
            self._writer.close()
            whole = kind is None
        finally:
            if whole:
                self._partial.replace(self._path)
            else:
                self._partial.unlink(missing_ok=True)
