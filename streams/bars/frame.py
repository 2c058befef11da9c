"""Read FeatureFrames of the usual form (what close.py writes) inside kernels of later stages: the columns of a bar.

A frame is read whole, what is not kept too, so that nothing counts as read that the decoder would refuse. Whatever is
not of the usual form (or is broken) gives -1, and schemas/wire.py is asked instead, which knows every form.
"""

from typing import NamedTuple

import numpy as np

from schemas.binary import Int, get_bytes, get_text
from schemas.ids import HEADER_BYTES
from streams.bars.decode import get_times
from streams.bars.layout import F64, I64, U8
from streams.numerics.columns import get_doubles, get_longs, get_varint, skip_longs
from streams.numerics.jit import kernel

ROWS_MAX = 512
"""Of a frame of the usual form; analytics writes 60 at most."""
ROW_BYTES_MIN = 61
OPEN, HIGH, LOW, CLOSE, VWAP, BID, ASK, PRICES = range(8)


class Bars(NamedTuple):
    """Columns that a frame is read into. end: ns. prices: (PRICES, ROWS_MAX). interval: ns, of one."""

    interval: I64
    end: I64
    prices: F64
    volume: I64
    trades: I64
    session: U8


def new_bars() -> Bars:
    """Return columns of room for ROWS_MAX."""
    return Bars(
        np.zeros(1, np.int64),
        np.zeros(ROWS_MAX, np.int64),
        np.zeros((PRICES, ROWS_MAX), np.float64),
        np.zeros(ROWS_MAX, np.int64),
        np.zeros(ROWS_MAX, np.int64),
        np.zeros(ROWS_MAX, np.uint8),
    )


@kernel
def _get_prices(data: U8, pos: Int, end: Int, rows: Int, bars: Bars, first: Int, stop: Int) -> Int:
    """Read columns of prices [first, stop); return the position after them, or -1."""
    for k in range(first, stop):
        if pos < 0:
            break
        pos = get_doubles(data, pos, end, rows, bars.prices[k])
    return pos


@kernel
def _skip_values(data: U8, pos: Int, end: Int, rows: Int) -> Int:
    """Pass over names and values, which must be rows x names; return the position after them, or -1."""
    names, pos = get_varint(data, pos)
    if pos < 0 or names < 0 or names > end - pos:
        return np.int64(-1)
    for _ in range(names):
        _, pos = get_text(data, pos, end)
        if pos < 0:
            return np.int64(-1)
    if names > 0:
        if pos >= end or data[pos] != 0:
            return np.int64(-1)
        pos += 1
    if pos >= end:
        return np.int64(-1)
    count, pos = get_varint(data, pos)
    if pos < 0 or count != rows * names:
        return np.int64(-1)
    if count == 0:
        return pos
    pos += 8 * count
    return pos + 1 if pos < end and data[pos] == 0 else np.int64(-1)


@kernel
def read_usual(data: U8, start: Int, end: Int, bars: Bars) -> Int:
    """Read the FeatureFrame at data[start:end], whose header and symbol were looked at; return its rows, or -1."""
    none = np.int64(-1)
    _, pos = get_bytes(data, start + HEADER_BYTES, end)
    if pos < 0 or pos >= end:
        return none
    bars.interval[0], pos = get_varint(data, pos)
    if pos < 0:
        return none
    rows, pos = get_times(data, pos, end, bars.end, ROW_BYTES_MIN)
    if rows < 0:
        return none
    pos = _get_prices(data, pos, end, rows, bars, OPEN, VWAP)
    if pos < 0:
        return none
    pos = get_longs(data, pos, end, rows, bars.volume)
    if pos < 0:
        return none
    pos = get_longs(data, pos, end, rows, bars.trades)
    if pos < 0:
        return none
    pos = _get_prices(data, pos, end, rows, bars, VWAP, PRICES)
    if pos < 0:
        return none
    pos = skip_longs(data, pos, end, rows)
    if pos < 0:
        return none
    first, pos = get_bytes(data, pos, end)
    if pos < 0 or pos - first != rows or pos >= end:
        return none
    for i in range(rows):
        bars.session[i] = data[first + i]
    return rows if _skip_values(data, pos, end, rows) == end else none
