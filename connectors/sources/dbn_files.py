"""Databento's DBN files as arrays: the header, then records in chunks, of a broken file as far as they go.

    file = open_file(path)                       # its header; UnreadableError where it has none that can be read
    for chunk in read_records(file, rejects):    # lists of Run: consecutive records of one type, a structured array

A file is DBN (versions 1 to 3) or that in zstd. A record begins with its own length, so what cannot be read can be
passed over. Layouts and header are databento-dbn's; the records are read in place, without an object each.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import databento_dbn as dbn
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from connectors.sources.frames import U8
from connectors.sources.record import Rejects, SourceReason

Records = npt.NDArray[Any]
"""Structured array, fields as databento-dbn names them; a view."""

TRADES, MBP_1, OHLCV_1S, OHLCV_1M, OHLCV_1H, OHLCV_1D = 0, 1, 32, 33, 34, 35
STATUS, DEFINITION, SYMBOL_MAPPING, SYSTEM, STATISTICS = 18, 19, 22, 23, 24
CMBP_1, CBBO_1S, CBBO_1M, TCBBO, BBO_1S, BBO_1M = 177, 192, 193, 194, 195, 196
INTERVAL_NS = {OHLCV_1S: 10**9, OHLCV_1M: 60 * 10**9, OHLCV_1H: 3_600 * 10**9, OHLCV_1D: 86_400 * 10**9}
"""Length of the bars of each type."""
UNDEFINED_PRICE = int(dbn.UNDEF_PRICE)

CHUNK_BYTES = 1 << 24
_PIECE_BYTES = 1 << 16
_ZSTD, _DBN = b"\x28\xb5\x2f\xfd", b"DBN"
_PRELUDE = 8
"""Bytes of magic, version and length, before the rest of the header."""
_HEADER_BYTES_MAX = 1 << 30
_HEADER_OF_RECORD = 16
_UNIT = 4
"""A record's length is told in words of so many bytes."""
_MESSAGES = {
    TRADES: dbn.TradeMsg, MBP_1: dbn.MBP1Msg, STATUS: dbn.StatusMsg,
    OHLCV_1S: dbn.OHLCVMsg, OHLCV_1M: dbn.OHLCVMsg, OHLCV_1H: dbn.OHLCVMsg, OHLCV_1D: dbn.OHLCVMsg,
    CMBP_1: dbn.CMBP1Msg, TCBBO: dbn.CMBP1Msg, CBBO_1S: dbn.CBBOMsg, CBBO_1M: dbn.CBBOMsg,
    BBO_1S: dbn.BBOMsg, BBO_1M: dbn.BBOMsg,
    DEFINITION: dbn.InstrumentDefMsg, SYMBOL_MAPPING: dbn.SymbolMappingMsg, STATISTICS: dbn.StatMsg,
}  # fmt: skip
_OLDER = {
    (1, DEFINITION): dbn.InstrumentDefMsgV1, (2, DEFINITION): dbn.InstrumentDefMsgV2,
    (1, SYMBOL_MAPPING): dbn.SymbolMappingMsgV1,
    (1, STATISTICS): dbn.StatMsgV1, (2, STATISTICS): dbn.StatMsgV1,
}  # fmt: skip
"""Layouts of older versions, where they differ."""


class Mapping(NamedTuple):
    """An instrument's number and symbol on the days [first, end), UTC."""

    instrument_id: int
    symbol: str
    first: date
    end: date


@dataclass(frozen=True)
class DbnFile:
    """A file's header. schema: empty for a live recording of several. start_ns, end_ns: of the request, 0: unknown."""

    path: Path
    sha256: str
    version: int
    dataset: str
    schema: str
    start_ns: int
    end_ns: int
    mappings: tuple[Mapping, ...]

    @property
    def is_mixed(self) -> bool:
        """Return whether records of several schemas may stand in it."""
        return not self.schema


class Run(NamedTuple):
    """Consecutive records of one type. first: 1-based number of the first of them in the file."""

    rtype: int
    first: int
    records: Records


class UnreadableError(ValueError):
    """A file without a header that can be read; its text says what was seen."""


def open_file(path: Path) -> DbnFile:
    """Return a file's header; UnreadableError where it has none, or is of a version that nobody knows yet."""
    try:
        with _unpacked(path) as source:
            head = _header(source)
        as_is: Any = dbn.VersionUpgradePolicy.AS_IS  # The stubs say that it is a number.
        meta = dbn.Metadata.decode(head, as_is)
        with path.open("rb") as raw:
            sha256 = hashlib.file_digest(raw, "sha256").hexdigest()
    except (OSError, dbn.DBNError) as error:
        raise UnreadableError(f"{path} is no DBN file that can be read: {error}") from None
    start_ns, end_ns = (int(ns) if ns and ns < 1 << 62 else 0 for ns in (meta.start, meta.end))
    return DbnFile(path, sha256, meta.version, meta.dataset, str(meta.schema or ""), start_ns, end_ns, _mappings(meta))


def _unpacked(path: Path) -> Any:
    with path.open("rb") as source:
        magic = source.read(len(_ZSTD))
    return pa.CompressedInputStream(pa.OSFile(str(path)), "zstd") if magic == _ZSTD else pa.OSFile(str(path))


def _header(source: Any) -> bytes:
    prelude: bytes = source.read(_PRELUDE)
    length = int.from_bytes(prelude[4:], "little")
    if len(prelude) < _PRELUDE or prelude[:3] != _DBN or length > _HEADER_BYTES_MAX:
        raise OSError(f"it begins with {prelude!r}, not with DBN and a version")
    rest: bytes = source.read(length)
    if len(rest) < length:
        raise OSError(f"its header breaks off after {len(rest)} of {length} bytes")
    return prelude + rest


def _mappings(meta: dbn.Metadata) -> tuple[Mapping, ...]:
    """Return the header's mappings, whichever way round it tells them."""
    out = []
    to_id = str(meta.stype_out) == "instrument_id"
    for left, intervals in sorted(meta.mappings.items()):
        for interval in intervals:
            right = interval["symbol"]
            number, symbol = (right, left) if to_id else (left, right)
            if number.isascii() and number.isdigit() and symbol:
                out.append(Mapping(int(number), symbol, interval["start_date"], interval["end_date"]))
    return tuple(out)


def read_records(file: DbnFile, rejects: Rejects, chunk_bytes: int = CHUNK_BYTES) -> Iterator[list[Run]]:
    """Yield a file's records in order, about chunk_bytes at a time; types that are not known are rejected.

    A file that breaks off, or a record without a length, ends it: one reject with the number of the record.
    """
    kept, number, broken = b"", 1, ""
    with _unpacked(file.path) as source:
        _header(source)
        while True:
            fresh, broken = _read(source, chunk_bytes)
            data = np.frombuffer(kept + fresh, np.uint8)
            runs, used, number = _cut(data, number, file, rejects)
            if runs:
                yield runs
            kept = data[used:].tobytes()
            if used < len(data) and int(data[used]) * _UNIT < _HEADER_OF_RECORD:
                broken = f"record {number} says that it has {int(data[used]) * _UNIT} bytes"
            if not fresh or broken:
                break
    if kept or broken:
        text = broken or f"record {number} has only {len(kept)} of {kept[0] * _UNIT} bytes"
        detail = f"{text}; the {number - 1} records before that were read"
        rejects.add(SourceReason.TRUNCATED_FILE, str(file.path), number, detail, kept)


def _read(source: Any, chunk_bytes: int) -> tuple[bytes, str]:
    """Return the next bytes, fewer only at the end, and what broke there. By pieces: zstd gives no part of one."""
    pieces: list[bytes] = []
    left = chunk_bytes
    try:
        while left > 0 and (piece := source.read(min(left, _PIECE_BYTES))):
            pieces.append(piece)
            left -= len(piece)
    except OSError as error:
        return b"".join(pieces), str(error)
    return b"".join(pieces), ""


def _cut(data: U8, number: int, file: DbnFile, rejects: Rejects) -> tuple[list[Run], int, int]:
    """Return the whole records in data as runs, how many bytes they take, and the number of the next record."""
    runs: list[Run] = []
    at = 0
    while at < len(data) and (length := int(data[at]) * _UNIT) >= _HEADER_OF_RECORD:
        whole = (len(data) - at) // length
        if not whole:
            break
        rtype = int(data[at + 1])
        count = _alike(data[at : at + whole * length].reshape(whole, length))
        records = _view(data, at, rtype, length, count, file.version)
        if records is not None:
            runs.append(Run(rtype, number, records))
        elif rtype != SYSTEM:
            detail = f"records of type {rtype} and {length} bytes are not played"
            rejects.add(SourceReason.UNSUPPORTED, str(file.path), number, detail, data[at : at + length].tobytes())
            rejects.add_more(SourceReason.UNSUPPORTED, str(file.path), count - 1)
        at += count * length
        number += count
    return runs, at, number


def _alike(rows: U8) -> int:
    """Return how many rows from the first on agree with it in length and type; looks ever further ahead."""
    done, step = 1, 16
    while done < len(rows):
        ahead = rows[done : done + step, :2]
        differ = np.flatnonzero((ahead != rows[0, :2]).any(axis=1))
        if len(differ):
            return done + int(differ[0])
        done, step = done + len(ahead), step * 8
    return done


def _view(data: U8, at: int, rtype: int, length: int, count: int, version: int) -> Records | None:
    """Return records in place as a structured array; None where their type is not known or they are too short."""
    message: Any = _OLDER.get((version, rtype)) or _MESSAGES.get(rtype)
    if message is None:
        return None
    layout = np.dtype(message._dtypes)  # As Databento's own client reads them; no other way to columns is offered.
    if layout.itemsize > length:
        return None
    # A live recording may append the time of sending to each record: hence the strides.
    return np.ndarray((count,), layout, data.data, at, (length,))
