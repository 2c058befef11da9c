"""Kernels that decode frames in place; used through schemas/frames.py, whose head says how."""

import numpy as np
from numba import njit

from schemas.binary import (
    F64,
    I64,
    LEFT_OVER,
    NO_ROWS,
    NOT_FRAMED,
    OTHER_SCHEMA,
    U8,
    UNEQUAL_COLUMNS,
    Int,
    Malformed,
    get_bytes,
    get_doubles,
    get_long,
    get_longs,
    get_text,
    sum_deltas,
)
from schemas.ids import HEADER_BYTES, SCHEMA_IDS, WireReason

FRAME_ROWS_MAX = 65_536
"""Most rows of a frame: encoders refuse more, decoders call more TOO_MANY_ROWS."""

_TICK_ID = SCHEMA_IDS["TickFrame"]
_BAR_ID = SCHEMA_IDS["BarFrame"]


@njit(cache=True)
def schema_id_of(data: U8, start: Int, end: Int) -> Int:
    """Return the schema id in the header of the payload data[start:end], or NOT_FRAMED."""
    if end - start < HEADER_BYTES or data[start] != 0:
        return NOT_FRAMED
    high = (np.int64(data[start + 1]) << 24) | (np.int64(data[start + 2]) << 16)
    return high | (np.int64(data[start + 3]) << 8) | np.int64(data[start + 4])


@njit(cache=True)
def frame_names(data: U8, start: Int, end: Int, schema_id: Int, span: I64) -> Int:
    """Check that the payload is of that schema and find its first two strings; return the position after, or a code.

    span: int64 (4,), written: first and last+1 byte of the symbol, then of the source.
    """
    found = schema_id_of(data, start, end)
    if found < 0:
        return found
    if found != schema_id:
        return OTHER_SCHEMA
    span[0], span[1] = get_text(data, start + HEADER_BYTES, end)
    if span[1] < 0:
        return int(span[1])
    span[2], span[3] = get_text(data, span[1], end)
    return int(span[3])


@njit(cache=True)
def skip_names(data: U8, start: Int, end: Int, schema_id: Int) -> Int:
    """As frame_names, for whoever does not need the names: without an array to write them to."""
    found = schema_id_of(data, start, end)
    if found < 0:
        return found
    if found != schema_id:
        return OTHER_SCHEMA
    _, pos = get_text(data, start + HEADER_BYTES, end)
    if pos < 0:
        return pos
    _, pos = get_text(data, pos, end)
    return pos


@njit(cache=True)
def get_byte_column(data: U8, pos: Int, end: Int, rows: Int, out: U8) -> Int:
    """Copy Avro `bytes` of `rows` bytes to a column; return the position after, or a code."""
    first, pos = get_bytes(data, pos, end)
    if pos < 0:
        return pos
    if pos - first != rows:
        return UNEQUAL_COLUMNS
    for i in range(rows):
        out[i] = data[first + i]
    return pos


@njit(cache=True)
def get_double_column(data: U8, pos: Int, end: Int, rows: Int, out: F64) -> Int:
    """Copy an array<double> of `rows` items to a column; return the position after, or a code."""
    count, pos = get_doubles(data, pos, end, out)
    return pos if pos < 0 or count == rows else UNEQUAL_COLUMNS


@njit(cache=True)
def get_long_column(data: U8, pos: Int, end: Int, rows: Int, out: I64) -> Int:
    """Copy an array<long> of `rows` items to a column; return the position after, or a code."""
    count, pos = get_longs(data, pos, end, out)
    return pos if pos < 0 or count == rows else UNEQUAL_COLUMNS


@njit(cache=True)
def tick_names(data: U8, start: Int, end: Int, span: I64) -> Int:
    """Find symbol and source of a TickFrame: see frame_names."""
    return frame_names(data, start, end, _TICK_ID, span)


@njit(cache=True)
def bar_names(data: U8, start: Int, end: Int, span: I64) -> Int:
    """Find symbol and source of a BarFrame: see frame_names."""
    return frame_names(data, start, end, _BAR_ID, span)


@njit(cache=True)
def decode_ticks_at(
    data: U8, pos: Int, end: Int, time: I64, kind: U8, flags: U8, price: F64, size: I64, condition: I64
) -> Int:
    """Decode a TickFrame from the position that tick_names returned: see decode_ticks."""
    base, pos = get_long(data, pos, end)
    if pos < 0:
        return pos
    rows, pos = get_longs(data, pos, end, time)
    if pos < 0:
        return pos
    if rows == 0:
        return NO_ROWS
    code = sum_deltas(base, time, rows)
    if code < 0:
        return code
    # A code passes through: each step gives back a negative position, and each next one is left out.
    pos = get_byte_column(data, pos, end, rows, kind)
    if pos >= 0:
        pos = get_byte_column(data, pos, end, rows, flags)
    if pos >= 0:
        pos = get_double_column(data, pos, end, rows, price)
    if pos >= 0:
        pos = get_long_column(data, pos, end, rows, size)
    if pos >= 0:
        pos = get_long_column(data, pos, end, rows, condition)
    if pos < 0:
        return pos
    return rows if pos == end else LEFT_OVER


@njit(cache=True)
def decode_ticks(
    data: U8, start: Int, end: Int, time: I64, kind: U8, flags: U8, price: F64, size: I64, condition: I64
) -> Int:
    """Decode the TickFrame in data[start:end] into columns; return its rows (>= 1) or a code (< 0).

    data: uint8. time: int64, absolute ns. kind, flags: uint8. price: float64. size, condition: int64.
    """
    pos = skip_names(data, start, end, _TICK_ID)
    if pos < 0:
        return pos
    return decode_ticks_at(data, pos, end, time, kind, flags, price, size, condition)


@njit(cache=True)
def decode_bars_at(
    data: U8,
    pos: Int,
    end: Int,
    interval: I64,
    time: I64,
    open_: F64,
    high: F64,
    low: F64,
    close: F64,
    volume: I64,
    bid: F64,
    ask: F64,
) -> Int:
    """Decode a BarFrame from the position that bar_names returned: see decode_bars."""
    interval[0], pos = get_long(data, pos, end)
    if pos < 0:
        return pos
    base, pos = get_long(data, pos, end)
    if pos < 0:
        return pos
    rows, pos = get_longs(data, pos, end, time)
    if pos < 0:
        return pos
    if rows == 0:
        return NO_ROWS
    code = sum_deltas(base, time, rows)
    if code < 0:
        return code
    for column in (open_, high, low, close):
        pos = get_double_column(data, pos, end, rows, column)
        if pos < 0:
            return pos
    pos = get_long_column(data, pos, end, rows, volume)
    if pos < 0:
        return pos
    for column in (bid, ask):
        pos = get_double_column(data, pos, end, rows, column)
        if pos < 0:
            return pos
    return rows if pos == end else LEFT_OVER


@njit(cache=True)
def decode_bars(
    data: U8,
    start: Int,
    end: Int,
    interval: I64,
    time: I64,
    open_: F64,
    high: F64,
    low: F64,
    close: F64,
    volume: I64,
    bid: F64,
    ask: F64,
) -> Int:
    """Decode the BarFrame in data[start:end] into columns; return its rows (>= 1) or a code (< 0).

    interval: int64 (1,), ns. time: int64, each bar's start, absolute ns. volume: int64. The rest: float64.
    """
    pos = skip_names(data, start, end, _BAR_ID)
    if pos < 0:
        return pos
    return decode_bars_at(data, pos, end, interval, time, open_, high, low, close, volume, bid, ask)


_TEXTS = {
    Malformed.NOT_FRAMED: (WireReason.NOT_FRAMED, "expected magic byte 0 and a 4-byte schema id"),
    Malformed.OTHER_SCHEMA: (WireReason.UNKNOWN_SCHEMA, "the schema id is not the current one of this frame"),
    Malformed.TRUNCATED: (WireReason.MALFORMED, "the bytes end before the record does"),
    Malformed.BAD_VARINT: (WireReason.MALFORMED, "a varint has more than 64 bits"),
    Malformed.BAD_COUNT: (WireReason.MALFORMED, "a length is negative, or a block's size is not that of its items"),
    Malformed.BAD_TEXT: (WireReason.MALFORMED, "a string is not UTF-8"),
    Malformed.TOO_MANY_ROWS: (WireReason.MALFORMED, f"more than {FRAME_ROWS_MAX} rows, or than the columns can hold"),
    Malformed.NO_ROWS: (WireReason.MALFORMED, "a frame has at least one row"),
    Malformed.UNEQUAL_COLUMNS: (WireReason.MALFORMED, "the columns have unequal lengths"),
    Malformed.TIME_OVERFLOW: (WireReason.MALFORMED, "a time leaves int64"),
    Malformed.BAD_CONTRACT: (
        WireReason.MALFORMED,
        "a contract is no OSI symbol of 21 bytes, or a row names none of the frame's contracts",
    ),
    Malformed.LEFT_OVER: (WireReason.MALFORMED, "bytes are left over after the record"),
}


def explain(code: int) -> tuple[WireReason, str]:
    """Return reason and text of a negative code that a decode function gave."""
    return _TEXTS[Malformed(code)]
