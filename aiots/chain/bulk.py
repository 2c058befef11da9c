"""A chain in bulk: every contract of every ChainFrame as a row of a Parquet file, in the order of the instants.

Names, units and NaN are those of ChainFrame; symbols become expiry (the day in the symbol), strike and right beside
them, iv_status its word. A row group holds GROUP_ROWS rows or a frame more: memory is bounded by that.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from aiots.chain.latest import symbol_of
from connectors.sources.whole_file import WholeFile
from schemas.records import ChainFrame
from streams.options.status import LABELS

FORMAT = b"aiots.chain"
VERSION = b"1"
GROUP_ROWS = 65_536
PRICES = ("bid", "ask", "last")
COUNTS = ("bid_size", "ask_size", "volume", "open_interest", "age_ms", "bits")
FIGURES = (
    "quality", "iv", "smile_vol", "half_spread", "delta", "gamma", "vega", "theta", "rho", "vanna", "volga", "charm",
    "theoretical",
)  # fmt: skip
_WORDS = pa.dictionary(pa.int8(), pa.string())
SCHEMA = pa.schema(
    [
        ("event_ns", pa.timestamp("ns", "UTC")),
        ("symbol", pa.string()),
        ("spot", pa.float64()),
        ("whole", pa.bool_()),
        ("contract", pa.string()),
        ("expiry_ns", pa.timestamp("ns", "UTC")),
        ("expiry", pa.date32()),
        ("strike", pa.float64()),
        ("right", pa.string()),
        *((name, pa.float64()) for name in PRICES),
        *((name, pa.int64()) for name in COUNTS),
        ("iv_status", _WORDS),
        *((name, pa.float64()) for name in FIGURES),
    ],
    {FORMAT: VERSION},
)


class ChainWriter(WholeFile):
    """Write frames to a new file, which appears when all are in; use as a context manager.

    rows: taken so far. group_rows: of a row group, at least.
    """

    def __init__(self, path: Path, group_rows: int = GROUP_ROWS) -> None:
        self.rows, self.group_rows = 0, group_rows
        super().__init__(path, SCHEMA)
        self._waiting: list[pa.RecordBatch] = []
        self._waiting_rows = 0

    def add(self, frame: ChainFrame) -> None:
        """Append the rows of a frame."""
        self._waiting.append(batch_of(frame))
        self._waiting_rows += len(frame.contracts)
        self.rows += len(frame.contracts)
        if self._waiting_rows >= self.group_rows:
            self._flush()

    def _flush(self) -> None:
        if self._waiting:
            self.write(pa.Table.from_batches(self._waiting))
        self._waiting, self._waiting_rows = [], 0


def batch_of(frame: ChainFrame) -> pa.RecordBatch:
    """Return the rows of a frame."""
    count = len(frame.contracts)
    names = [symbol_of(name) for name in frame.contracts]
    status = pa.array(np.frombuffer(frame.iv_status, np.uint8).astype(np.int8))
    columns: dict[str, Any] = {
        "event_ns": np.full(count, frame.event_ns, np.int64),
        "symbol": [frame.symbol] * count,
        "spot": np.full(count, frame.spot),
        "whole": np.full(count, frame.whole),
        "contract": list(frame.contracts),
        "expiry_ns": frame.expiry_ns,
        "expiry": [one.expiry for one in names],
        "strike": [one.strike for one in names],
        "right": [one.right for one in names],
        "iv_status": pa.DictionaryArray.from_arrays(status, pa.array(LABELS)),
        **{name: getattr(frame, name) for name in (*PRICES, *COUNTS, *FIGURES)},
    }
    arrays = [
        columns[one.name] if isinstance(columns[one.name], pa.Array) else pa.array(columns[one.name], one.type)
        for one in SCHEMA
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=SCHEMA)
