"""Avro's binary primitives as numba functions, for frames.py and for kernels that handle payloads themselves.

put_* write into a uint8 array at a position and return the position after it; they check no bounds: the caller makes
the array large enough (`BYTES_OF_LONG_MAX` a long, 8 a double, `BYTES_OF_BLOCK_MAX` beside a block's items).
get_* read and check everything; they return the position after what they read, or a negative code of `Malformed`.

All of it also runs as plain Python (NUMBA_DISABLE_JIT=1), so values are widened by hand before they are shifted.
"""

from enum import IntEnum

import numpy as np
from numba import njit
from numpy.typing import NDArray

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
U8 = NDArray[np.uint8]
Int = int | np.int64

BYTES_OF_LONG_MAX = 10
BYTES_OF_BLOCK_MAX = 11
"""Bytes that a block has beside its items: the count before them and the 0 after."""

_LONG_MAX = np.int64(2**63 - 1)
_LONG_MIN = np.int64(-(2**63))
_UNSIGNED = np.int64(2**63 - 1)
_HIGH_BITS = np.uint64(0x8080808080808080)
_FEW = 16
"""Doubles from which a view of the whole column is faster than one by one."""


class Malformed(IntEnum):
    """Why the bytes of a payload could not be read: every negative number that a get_ or decode_ function returns."""

    NOT_FRAMED = -1
    OTHER_SCHEMA = -2
    TRUNCATED = -3
    BAD_VARINT = -4
    BAD_COUNT = -5
    BAD_TEXT = -6
    TOO_MANY_ROWS = -7
    NO_ROWS = -8
    UNEQUAL_COLUMNS = -9
    TIME_OVERFLOW = -10
    LEFT_OVER = -11
    BAD_CONTRACT = -12


# Numba freezes module-level integers into the machine code, but not the members of an enum in every position.
NOT_FRAMED = int(Malformed.NOT_FRAMED)
OTHER_SCHEMA = int(Malformed.OTHER_SCHEMA)
TRUNCATED = int(Malformed.TRUNCATED)
BAD_VARINT = int(Malformed.BAD_VARINT)
BAD_COUNT = int(Malformed.BAD_COUNT)
BAD_TEXT = int(Malformed.BAD_TEXT)
TOO_MANY_ROWS = int(Malformed.TOO_MANY_ROWS)
NO_ROWS = int(Malformed.NO_ROWS)
UNEQUAL_COLUMNS = int(Malformed.UNEQUAL_COLUMNS)
TIME_OVERFLOW = int(Malformed.TIME_OVERFLOW)
LEFT_OVER = int(Malformed.LEFT_OVER)
BAD_CONTRACT = int(Malformed.BAD_CONTRACT)


@njit(cache=True)
def put_long(out: U8, pos: Int, value: Int) -> Int:
    """Write an int64 as a zigzag varint."""
    value = np.int64(value)
    rest = (value << np.int64(1)) ^ (value >> np.int64(63))
    if 0 <= rest < 0x80:
        out[pos] = rest
        return pos + 1
    # The first step shifts the sign bit in as a value bit; from there on rest is not negative.
    out[pos] = (rest & np.int64(0x7F)) | np.int64(0x80)
    pos += 1
    rest = (rest >> np.int64(7)) & np.int64(0x01FFFFFFFFFFFFFF)
    while rest >= 0x80:
        out[pos] = (rest & np.int64(0x7F)) | np.int64(0x80)
        pos += 1
        rest = rest >> np.int64(7)
    out[pos] = rest
    return pos + 1


@njit(cache=True)
def put_double(out: U8, pos: Int, value: float) -> Int:
    """Write a float64, little-endian; any NaN as the one quiet NaN, -0.0 as 0.0."""
    if value != value:
        value = np.nan
    elif value == 0.0:
        value = 0.0
    bits = np.float64(value).view(np.int64)
    # Byte by byte: the compiler makes one store of it, while a slice with a view would take a hundred times as long.
    out[pos] = bits & 0xFF
    out[pos + 1] = (bits >> 8) & 0xFF
    out[pos + 2] = (bits >> 16) & 0xFF
    out[pos + 3] = (bits >> 24) & 0xFF
    out[pos + 4] = (bits >> 32) & 0xFF
    out[pos + 5] = (bits >> 40) & 0xFF
    out[pos + 6] = (bits >> 48) & 0xFF
    out[pos + 7] = (bits >> 56) & 0xFF
    return pos + 8


@njit(cache=True)
def put_raw(out: U8, pos: Int, data: U8) -> Int:
    """Copy uint8 data as it is, for example a prepared header."""
    for i in range(len(data)):
        out[pos + i] = data[i]
    return pos + len(data)


@njit(cache=True)
def put_bytes(out: U8, pos: Int, data: U8) -> Int:
    """Write Avro `bytes` or `string` (UTF-8): the length, then uint8 data."""
    return put_raw(out, put_long(out, pos, len(data)), data)


@njit(cache=True)
def put_block_of_longs(out: U8, pos: Int, values: I64) -> Int:
    """Write Avro array<long>: one block of int64 values; nothing but the end mark where there are none."""
    if len(values) > 0:
        pos = put_long(out, pos, len(values))
        for i in range(len(values)):
            pos = put_long(out, pos, values[i])
    out[pos] = 0
    return pos + 1


@njit(cache=True)
def put_block_of_doubles(out: U8, pos: Int, values: F64) -> Int:
    """Write Avro array<double>: one block of float64 values (NaN and -0.0 as put_double)."""
    count = len(values)
    if 0 < count < _FEW:
        pos = put_long(out, pos, count)
        for i in range(count):
            pos = put_double(out, pos, values[i])
    elif count > 0:
        pos = put_long(out, pos, count)
        column = out[pos : pos + 8 * count].view(np.float64)
        for i in range(count):
            value = values[i]
            if value != value:
                value = np.nan
            elif value == 0.0:
                value = 0.0
            column[i] = value
        pos += 8 * count
    out[pos] = 0
    return pos + 1


@njit(cache=True)
def put_deltas(out: U8, pos: Int, times: I64) -> Int:
    """Write Avro array<long> of each time less the one before (int64, n >= 1; the first is 0).

    Returns TIME_OVERFLOW where a time goes back or a difference leaves int64.
    """
    pos = put_long(out, pos, len(times))
    last = times[0]
    for i in range(len(times)):
        time = times[i]
        if time < last or (last < 0 and time > _LONG_MAX + last):
            return TIME_OVERFLOW
        pos = put_long(out, pos, time - last)
        last = time
    out[pos] = 0
    return pos + 1


@njit(cache=True)
def get_long(data: U8, pos: Int, end: Int) -> tuple[Int, Int]:
    """Read a zigzag varint of int64 from data[pos:end]; return (value, position after it or a code)."""
    if pos >= end:
        return np.int64(0), TRUNCATED
    byte = np.int64(data[pos])
    pos += 1
    if byte < 0x80:
        return (byte >> np.int64(1)) ^ -(byte & np.int64(1)), pos
    raw = byte & np.int64(0x7F)
    shift = np.int64(7)
    while True:
        if pos >= end:
            return np.int64(0), TRUNCATED
        byte = np.int64(data[pos])
        pos += 1
        # The tenth byte holds the 64th bit and nothing more.
        if shift == 63 and byte > 1:
            return np.int64(0), BAD_VARINT
        raw |= (byte & np.int64(0x7F)) << shift
        if byte < 0x80:
            return ((raw >> np.int64(1)) & _UNSIGNED) ^ -(raw & np.int64(1)), pos
        shift += np.int64(7)


@njit(cache=True)
def load_word(data: U8, pos: Int) -> np.uint64:
    """Return data[pos:pos + 8] as a little-endian uint64; the compiler makes one load of it."""
    word = np.uint64(data[pos]) | np.uint64(data[pos + 1]) << np.uint64(8)
    word |= np.uint64(data[pos + 2]) << np.uint64(16) | np.uint64(data[pos + 3]) << np.uint64(24)
    word |= np.uint64(data[pos + 4]) << np.uint64(32) | np.uint64(data[pos + 5]) << np.uint64(40)
    return word | np.uint64(data[pos + 6]) << np.uint64(48) | np.uint64(data[pos + 7]) << np.uint64(56)


@njit(cache=True)
def split_word(word: np.uint64, stops: np.uint64) -> tuple[Int, Int]:
    """Return (value, bytes) of the varint at the low end of a word, without a branch that varied lengths would miss.

    stops: the high bits of those bytes that end a varint; at least one.
    """
    mask = stops ^ (stops - np.uint64(1))  # all bits up to the high bit of the varint's last byte
    size = mask & np.uint64(0x0101010101010101)
    size += size >> np.uint64(32)
    size += size >> np.uint64(16)
    size += size >> np.uint64(8)
    raw = word & mask & np.uint64(0x7F7F7F7F7F7F7F7F)
    raw = (raw & np.uint64(0x007F007F007F007F)) | ((raw & np.uint64(0x7F007F007F007F00)) >> np.uint64(1))
    raw = (raw & np.uint64(0x00003FFF00003FFF)) | ((raw & np.uint64(0x3FFF00003FFF0000)) >> np.uint64(2))
    raw = (raw & np.uint64(0x000000000FFFFFFF)) | ((raw & np.uint64(0x0FFFFFFF00000000)) >> np.uint64(4))
    return np.int64(raw >> np.uint64(1)) ^ -np.int64(raw & np.uint64(1)), np.int64(size & np.uint64(15))


@njit(cache=True)
def get_bytes(data: U8, pos: Int, end: Int) -> tuple[Int, Int]:
    """Read the length of Avro `bytes`; return (where they begin, where they end, or a code in both)."""
    length, pos = get_long(data, pos, end)
    if pos < 0:
        return pos, pos
    if length < 0:
        return BAD_COUNT, BAD_COUNT
    if length > end - pos:
        return TRUNCATED, TRUNCATED
    return pos, pos + length


@njit(cache=True)
def get_text(data: U8, pos: Int, end: Int) -> tuple[Int, Int]:
    """Read Avro `string` as get_bytes; BAD_TEXT where it is not UTF-8."""
    start, stop = get_bytes(data, pos, end)
    if start >= 0 and not is_utf8(data, start, stop):
        return BAD_TEXT, BAD_TEXT
    return start, stop


@njit(cache=True)
def is_utf8(data: U8, start: Int, stop: Int) -> bool:
    """Return whether data[start:stop] is UTF-8 as RFC 3629 has it: shortest form, no surrogates, <= U+10FFFF."""
    at = start
    while at < stop:
        first = np.int64(data[at])
        at += 1
        if first < 0x80:
            continue
        if first < 0xC2 or first > 0xF4:
            return False
        more = 1 if first < 0xE0 else 2 if first < 0xF0 else 3
        if more > stop - at:
            return False
        second = np.int64(data[at])
        if (
            (first == 0xE0 and second < 0xA0)
            or (first == 0xED and second > 0x9F)
            or (first == 0xF0 and second < 0x90)
            or (first == 0xF4 and second > 0x8F)
        ):
            return False
        for i in range(at, at + more):
            if np.int64(data[i]) & 0xC0 != 0x80:
                return False
        at += more
    return True


@njit(cache=True)
def get_count(data: U8, pos: Int, end: Int) -> tuple[Int, Int, Int]:
    """Read the head of a block of an Avro array; return (items, position or a code, end of the block or -1).

    Other writers may give a block's size in bytes: then its count stands there as a negative number.
    """
    count, pos = get_long(data, pos, end)
    if pos < 0 or count >= 0:
        return count, pos, np.int64(-1)
    if count == _LONG_MIN:
        return np.int64(0), BAD_COUNT, np.int64(-1)
    length, pos = get_long(data, pos, end)
    if pos < 0:
        return np.int64(0), pos, np.int64(-1)
    if length < 0 or length > end - pos:
        return np.int64(0), BAD_COUNT, np.int64(-1)
    return -count, pos, pos + length


@njit(cache=True)
def get_longs(data: U8, pos: Int, end: Int, out: I64) -> tuple[Int, Int]:
    """Read an Avro array<long> of any number of blocks into int64 out; return (items, position or a code)."""
    total: Int = 0
    while True:
        count, pos, stop = get_count(data, pos, end)
        if pos < 0 or count == 0:
            return total, pos
        if count > len(out) - total:
            return 0, TOO_MANY_ROWS
        if count > end - pos:
            return 0, TRUNCATED
        for i in range(total, total + count):
            if end - pos >= 8:
                word = load_word(data, pos)
                stops = ~word & _HIGH_BITS
                if stops != 0:
                    out[i], size = split_word(word, stops)
                    pos += size
                    continue
            value, pos = get_long(data, pos, end)
            if pos < 0:
                return 0, pos
            out[i] = value
        if stop >= 0 and pos != stop:
            return 0, BAD_COUNT
        total += count


@njit(cache=True)
def get_doubles(data: U8, pos: Int, end: Int, out: F64) -> tuple[Int, Int]:
    """Read an Avro array<double> of any number of blocks into float64 out; return (items, position or a code)."""
    total: Int = 0
    while True:
        count, pos, stop = get_count(data, pos, end)
        if pos < 0 or count == 0:
            return total, pos
        if count > len(out) - total:
            return 0, TOO_MANY_ROWS
        if count > (end - pos) // 8:
            return 0, TRUNCATED
        if count < _FEW:
            for i in range(count):
                out[total + i] = np.int64(load_word(data, pos + 8 * i)).view(np.float64)
        else:
            column = data[pos : pos + 8 * count].view(np.float64)
            for i in range(count):
                out[total + i] = column[i]
        pos += 8 * count
        if stop >= 0 and pos != stop:
            return 0, BAD_COUNT
        total += count


@njit(cache=True)
def sum_deltas(base: Int, times: I64, count: Int) -> Int:
    """Turn the first count differences in int64 times into times from base, in place; return 0 or TIME_OVERFLOW."""
    time = base
    for i in range(count):
        delta = times[i]
        if (delta > 0 and time > _LONG_MAX - delta) or (delta < 0 and time < _LONG_MIN - delta):
            return TIME_OVERFLOW
        time += delta
        times[i] = time
    return 0
