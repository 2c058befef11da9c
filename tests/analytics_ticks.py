"""Ticks, events and answers in a form that tests of the analytics stage can write down."""

import csv
import io
import json
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.frames import encode_bars, encode_ticks
from schemas.records import FeatureFrame, MarketEvent, MarketEventKind
from schemas.wire import decode, encode
from streams.stage import Fold, Output, Rejected

SECOND = 1_000_000_000
OPEN = 1_381_152_600 * SECOND
"""2013-10-07 09:30 New York."""
CLOSE = OPEN + 23_400 * SECOND
TRADE, BID, ASK = 0, 1, 2


class Tick(NamedTuple):
    """A tick; at: seconds after OPEN."""

    at: float
    price: float
    size: int = 100
    kind: int = TRADE
    flags: int = 0

    @property
    def time_ns(self) -> int:
        return OPEN + round(self.at * 1000) * 1_000_000


def frame(ticks: Sequence[Tick], symbol: str = "SPY", source: str = "lean") -> bytes:
    """Return the payload of a TickFrame."""
    return encode_ticks(
        symbol,
        source,
        np.array([tick.time_ns for tick in ticks], np.int64),
        np.array([tick.kind for tick in ticks], np.uint8),
        np.array([tick.flags for tick in ticks], np.uint8),
        np.array([tick.price for tick in ticks], np.float64),
        np.array([tick.size for tick in ticks], np.int64),
        np.zeros(len(ticks), np.int64),
    )


def bars(rows: Sequence[tuple[float, ...]], seconds: int = 60, symbol: str = "SPY", source: str = "lean") -> bytes:
    """Return the payload of a BarFrame. rows: (start, open, high, low, close, volume, bid, ask), start as Tick.at."""
    columns = [np.array(column, np.float64) for column in zip(*rows, strict=True)]
    start = OPEN + columns[0].astype(np.int64) * SECOND
    open_, high, low, close, volume, bid, ask = columns[1:]
    volumes = volume.astype(np.int64)
    return encode_bars(symbol, source, seconds * SECOND, start, open_, high, low, close, volumes, bid, ask)


def event(
    kind: MarketEventKind,
    at: float = 0.0,
    *,
    symbol: str = "",
    source: str = "lean",
    start_ns: int = 0,
    end_ns: int = 0,
    value: float = 0.0,
) -> bytes:
    """Return the payload of a MarketEvent."""
    return encode(MarketEvent(symbol, source, OPEN + round(at * 1000) * 1_000_000, kind, start_ns, end_ns, value, ""))


def heartbeat(at: float, symbol: str = "", source: str = "lean") -> bytes:
    """Return the payload of a heartbeat."""
    return event(MarketEventKind.HEARTBEAT, at, symbol=symbol, source=source)


def session(start: float = 0.0, end: float = 23_400.0) -> bytes:
    """Return the payload of a session's opening."""
    return event(
        MarketEventKind.SESSION_OPEN,
        start,
        start_ns=OPEN + round(start) * SECOND,
        end_ns=OPEN + round(end) * SECOND,
    )


def features(results: Iterable[Output | Rejected], seconds: int | None = None) -> list[FeatureFrame]:
    """Return the decoded frames, of one interval if given, without the events that go on; a reject fails."""
    out = []
    for result in results:
        assert isinstance(result, Output), result
        record = decode(result.payload)
        assert isinstance(record, FeatureFrame | MarketEvent)
        assert result.key == record.symbol.encode()
        assert (result.topic, result.partition) == ("features", None)
        if isinstance(record, MarketEvent):
            continue
        if seconds is None or record.interval_ns == seconds * SECOND:
            out.append(record)
    return out


def by_symbol(results: Iterable[Output | Rejected]) -> dict[bytes, list[bytes]]:
    """Return the payloads of each key, in order."""
    out: dict[bytes, list[bytes]] = {}
    for result in results:
        assert isinstance(result, Output), result
        out.setdefault(result.key, []).append(result.payload)
    return out


def rows_of(frames: Iterable[FeatureFrame]) -> dict[int, dict[str, Any]]:
    """Return every row by the end of its bar; indicators by name, the one called vwap as session_vwap."""
    out: dict[int, dict[str, Any]] = {}
    for found in frames:
        ends = found.base_ns + np.cumsum(found.delta_ns)
        values = found.values.reshape(len(ends), -1)
        for i, end in enumerate(ends.tolist()):
            row: dict[str, Any] = {
                name: getattr(found, name)[i].item()
                for name in (
                    "open",
                    "high",
                    "low",
                    "close",
                    "volume",
                    "trades",
                    "vwap",
                    "bid",
                    "ask",
                    "dropped",
                )
            }
            row["session"] = found.session[i]
            names = ["session_vwap" if name == "vwap" else name for name in found.names]
            row.update(zip(names, values[i].tolist(), strict=True))
            assert end not in out, "a bar came twice"
            out[end] = row
    return out


def apply_all(fold: Fold, payloads: Sequence[bytes], batch: int = 10_000) -> list[Output | Rejected]:
    """Apply payloads in batches of a size."""
    out: list[Output | Rejected] = []
    for i in range(0, len(payloads), batch):
        out += fold.apply(payloads[i : i + batch])
    return out


def lean_rows(path: Path) -> list[list[float]]:
    """Return the rows of a zip of one headerless CSV as numbers; an empty field is 0, a hex one its value."""
    with zipfile.ZipFile(path) as archive:
        text = archive.read(archive.namelist()[0]).decode()
    return [[_number(field) for field in row] for row in csv.reader(io.StringIO(text))]


def _number(field: str) -> float:
    try:
        return float(field or 0)
    except ValueError:
        try:
            return float(int(field, 16))
        except ValueError:
            return 0.0


def recorded_answers(shared: Path, name: str) -> dict[str, NDArray[np.float64]]:
    """Return the columns of stock_indicators/results/NAME.standard.json, NaN where they hold null."""
    rows = json.loads((shared / "stock_indicators" / "results" / f"{name}.standard.json").read_text())
    return {
        key: np.array([np.nan if row[key] is None else row[key] for row in rows], np.float64)
        for key in rows[0]
        if key != "timestamp"
    }


def recorded_quotes(shared: Path, name: str = "default") -> dict[str, NDArray[np.float64]]:
    """Return open, high, low, close, volume of stock_indicators/quotes/NAME.csv."""
    with (shared / "stock_indicators" / "quotes" / f"{name}.csv").open(encoding="utf-8-sig") as lines:
        rows = list(csv.DictReader(lines))
    return {key: np.array([float(row[key]) for row in rows]) for key in ("open", "high", "low", "close", "volume")}
