"""Decode a TickFrame at full speed where it has the usual form: one block a column, varints of up to 8 bytes.

Eight bytes are looked at together: the end of a varint is its first byte without the high bit, its groups of seven bits
are moved together in three steps, without a branch a byte. Whatever is not of the usual form (or is broken) gives -1,
and schemas/frames.py, which checks everything and knows every form, is asked instead (streams/bars/unusual.py).
"""

import numpy as np

from schemas.binary import Int, get_long
from streams.bars.layout import F64, I64, U8, Columns
from streams.numerics.jit import DISABLED, kernel
from streams.numerics.memory import load_double, load_word

_HIGH = np.uint64(0x8080808080808080)
_GROUPS = np.uint64(0x7F7F7F7F7F7F7F7F)
_LOW_OF_2 = np.uint64(0x007F007F007F007F)
_HIGH_OF_2 = np.uint64(0x7F007F007F007F00)
_LOW_OF_4 = np.uint64(0x00003FFF00003FFF)
_HIGH_OF_4 = np.uint64(0x3FFF00003FFF0000)
_LOW_OF_8 = np.uint64(0x000000000FFFFFFF)
_HIGH_OF_8 = np.uint64(0x0FFFFFFF00000000)
_PLACES = np.uint64(0x0001020304050607)
TIME_MAX = 1 << 62
"""Event times lie in [0, 2 ** 62) ns, which ends in 2116."""
_ONE = np.uint64(1)
_TWO = np.uint64(2)
_FOUR = np.uint64(4)
_SEVEN = np.uint64(7)
_TOP = np.uint64(56)
_SUMS = np.uint64(0x0101010101010101)


@kernel
def _get(data: U8, pos: Int) -> tuple[Int, Int]:
    """Return a zigzag varint and the position after it, or -1 as position where it has more than 8 bytes."""
    word = load_word(data, pos)
    ends = ~word & _HIGH
    if ends == 0:
        return np.int64(0), np.int64(-1)
    end = ends & (~ends + _ONE)
    word &= ((end << _ONE) - _ONE) & _GROUPS
    word = (word & _LOW_OF_2) | ((word & _HIGH_OF_2) >> _ONE)
    word = (word & _LOW_OF_4) | ((word & _HIGH_OF_4) >> _TWO)
    word = (word & _LOW_OF_8) | ((word & _HIGH_OF_8) >> _FOUR)
    length = ((end >> _SEVEN) * _PLACES) >> _TOP
    return np.int64(word >> _ONE) ^ -np.int64(word & _ONE), pos + np.int64(length) + 1


@kernel
def _get_column(data: U8, pos: Int, end: Int, count: Int, out: I64) -> Int:
    """Read one block of exactly count longs into out; return the position after the column, or -1."""
    found, pos = _get(data, pos)
    if found != count:
        return np.int64(-1)
    for i in range(count):
        if pos >= end:
            return np.int64(-1)
        byte = np.int64(data[pos])
        if byte < 0x80:
            out[i] = (byte >> 1) ^ -(byte & 1)
            pos += 1
        else:
            out[i], pos = _get(data, pos)
            if pos < 0:
                return np.int64(-1)
    return pos + 1 if pos < end and data[pos] == 0 else np.int64(-1)


@kernel
def _skip_column(data: U8, pos: Int, end: Int, count: Int) -> Int:
    """Pass over one block of exactly count longs of up to 8 bytes; return the position after the column, or -1."""
    found, pos = _get(data, pos)
    if found != count:
        return np.int64(-1)
    left = count
    while left > 0:
        if pos >= end:
            return np.int64(-1)
        ends = (~load_word(data, pos) & _HIGH) >> _SEVEN
        if ends == 0:
            return np.int64(-1)
        count_here = np.int64((ends * _SUMS) >> _TOP)
        if count_here <= left and data[pos + 7] < 0x80:
            left -= count_here
            pos += 8
        else:
            found, pos = _get(data, pos)
            left -= 1
    return pos + 1 if pos < end and data[pos] == 0 else np.int64(-1)


@kernel
def _get_doubles(data: U8, pos: Int, end: Int, count: Int, out: F64) -> Int:
    """Read one block of exactly count doubles into out; return the position after the column, or -1."""
    found, pos = _get(data, pos)
    if pos < 0 or found != count or pos + 8 * count >= end or data[pos + 8 * count] != 0:
        return np.int64(-1)
    for i in range(count):
        out[i] = load_double(data, pos + 8 * i)
    return pos + 8 * count + 1


@kernel
def _get_times(data: U8, pos: Int, end: Int, time: I64, row_bytes_min: Int) -> tuple[Int, Int]:
    """Read base_ns and delta_ns into absolute times; return (rows, position after), or (-1, -1)."""
    base, pos = get_long(data, pos, end)
    if pos < 0 or base < 0 or base >= TIME_MAX:
        return np.int64(-1), np.int64(-1)
    rows, head = _get(data, pos)
    # A count whose rows cannot fit is broken.
    if head < 0 or rows <= 0 or rows > (end - head) // row_bytes_min or rows > len(time):
        return np.int64(-1), np.int64(-1)
    pos = _get_column(data, pos, end, rows, time)
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
    rows, pos = _get_times(data, pos, end, ticks.time, 13)
    if rows < 0:
        return -1
    kinds, pos = _get(data, pos)
    flags = pos + rows
    if pos < 0 or kinds != rows or flags > end:
        return -1
    kind_at = pos
    count, flags = _get(data, flags)
    if flags < 0 or count != rows or flags + rows > end:
        return -1
    for i in range(rows):
        kind = data[kind_at + i]
        ticks.code[i] = kind | (data[flags + i] << 2)
        if kind > 2 or data[flags + i] > 7:
            return -1
    pos = _get_doubles(data, flags + rows, end, rows, ticks.price)
    if pos < 0:
        return -1
    pos = _get_column(data, pos, end, rows, ticks.size)
    if pos < 0:
        return -1
    return rows if _skip_column(data, pos, end, rows) == end else -1


@kernel
def bars_usual(data: U8, pos: Int, end: Int, interval: I64, ticks: Columns, bars: F64) -> Int:
    """Decode a BarFrame as decode_usual. ticks: time (starts) and size (volume); bars: open to close, bid, ask."""
    if DISABLED:
        return -1
    interval[0], pos = _get(data, pos)
    rows: Int = np.int64(-1)
    if pos >= 0:
        rows, pos = _get_times(data, pos, end, ticks.time, 50)
    if rows < 0:
        return -1
    for k in range(4):
        pos = _get_doubles(data, pos, end, rows, bars[k])
        if pos < 0:
            return -1
    pos = _get_column(data, pos, end, rows, ticks.size)
    for k in range(4, 6):
        if pos < 0:
            return -1
        pos = _get_doubles(data, pos, end, rows, bars[k])
    return rows if pos == end else -1
