"""Decode a TickFrame at full speed where it has the usual form (see numerics/columns.py).

Whatever is not of that form (or is broken) gives -1, and schemas/frames.py, which checks everything and knows every
form, is asked instead (streams/bars/unusual.py).
"""

import numpy as np

from schemas.binary import Int, get_long
from streams.bars.layout import F64, I64, U8, Columns
from streams.numerics.columns import get_doubles, get_longs, get_varint, skip_longs
from streams.numerics.jit import DISABLED, kernel

TIME_MAX = 1 << 62
"""Event times lie in [0, 2 ** 62) ns, which ends in 2116."""


@kernel
def get_times(data: U8, pos: Int, end: Int, time: I64, row_bytes_min: Int) -> tuple[Int, Int]:
    """Read base_ns and delta_ns into absolute times; return (rows, position after), or (-1, -1)."""
    base, pos = get_long(data, pos, end)
    if pos < 0 or base < 0 or base >= TIME_MAX:
        return np.int64(-1), np.int64(-1)
    rows, head = get_varint(data, pos)
    # A count whose rows cannot fit is broken.
    if head < 0 or rows <= 0 or rows > (end - head) // row_bytes_min or rows > len(time):
        return np.int64(-1), np.int64(-1)
    pos = get_longs(data, pos, end, rows, time)
    if pos < 0:
        return np.int64(-1), np.int64(-1)
    at = base
    for i in range(rows):
        at += time[i]
        # A difference has 55 bits at most and times are below 2 ** 62, so at cannot wrap unseen.
        if time[i] < 0 or at >= TIME_MAX:
            return np.int64(-1), np.int64(-1)
        time[i] = at
    return rows, pos


@kernel
def decode_usual(data: U8, pos: Int, end: Int, ticks: Columns) -> Int:
    """Decode a TickFrame from behind its names up to end; return its rows, or -1: ask schemas/frames.py.

    data is padded behind its last payload. Kinds above 2 and times outside [0, TIME_MAX) make -1 as well.
    """
    if DISABLED:
        return -1
    rows, pos = get_times(data, pos, end, ticks.time, 13)
    if rows < 0:
        return -1
    kinds, pos = get_varint(data, pos)
    flags = pos + rows
    if pos < 0 or kinds != rows or flags > end:
        return -1
    kind_at = pos
    count, flags = get_varint(data, flags)
    if flags < 0 or count != rows or flags + rows > end:
        return -1
    for i in range(rows):
        kind = data[kind_at + i]
        ticks.code[i] = kind | (data[flags + i] << 2)
        if kind > 2 or data[flags + i] > 7:
            return -1
    pos = get_doubles(data, flags + rows, end, rows, ticks.price)
    if pos < 0:
        return -1
    pos = get_longs(data, pos, end, rows, ticks.size)
    if pos < 0:
        return -1
    return rows if skip_longs(data, pos, end, rows) == end else -1


@kernel
def bars_usual(data: U8, pos: Int, end: Int, interval: I64, ticks: Columns, bars: F64) -> Int:
    """Decode a BarFrame as decode_usual. ticks: time (starts) and size (volume); bars: open to close, bid, ask."""
    if DISABLED:
        return -1
    interval[0], pos = get_varint(data, pos)
    rows: Int = np.int64(-1)
    if pos >= 0:
        rows, pos = get_times(data, pos, end, ticks.time, 50)
    if rows < 0:
        return -1
    for k in range(4):
        pos = get_doubles(data, pos, end, rows, bars[k])
        if pos < 0:
            return -1
    pos = get_longs(data, pos, end, rows, ticks.size)
    for k in range(4, 6):
        if pos < 0:
            return -1
        pos = get_doubles(data, pos, end, rows, bars[k])
    return rows if pos == end else -1
