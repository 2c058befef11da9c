"""Avro columns of the usual form inside kernels: one block an array, varints of up to 8 bytes.

Eight bytes are looked at together: the end of a varint is its first byte without the high bit, its groups of seven bits
are moved together in three steps, without a branch a byte. Whatever is not of the usual form (or is broken) gives -1
as position, and the caller asks a decoder that checks everything and knows every form. data is uint8, padded behind its
last payload with numerics.memory.PADDING bytes.
"""

import numpy as np
from numpy.typing import NDArray

from schemas.binary import Int
from streams.numerics.jit import kernel
from streams.numerics.memory import load_double, load_word

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
U8 = NDArray[np.uint8]

_HIGH = np.uint64(0x8080808080808080)
_GROUPS = np.uint64(0x7F7F7F7F7F7F7F7F)
_LOW_OF_2 = np.uint64(0x007F007F007F007F)
_HIGH_OF_2 = np.uint64(0x7F007F007F007F00)
_LOW_OF_4 = np.uint64(0x00003FFF00003FFF)
_HIGH_OF_4 = np.uint64(0x3FFF00003FFF0000)
_LOW_OF_8 = np.uint64(0x000000000FFFFFFF)
_HIGH_OF_8 = np.uint64(0x0FFFFFFF00000000)
_PLACES = np.uint64(0x0001020304050607)
_ONE = np.uint64(1)
_TWO = np.uint64(2)
_FOUR = np.uint64(4)
_SEVEN = np.uint64(7)
_TOP = np.uint64(56)
_SUMS = np.uint64(0x0101010101010101)


@kernel
def get_varint(data: U8, pos: Int) -> tuple[Int, Int]:
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
def get_longs(data: U8, pos: Int, end: Int, count: Int, out: I64) -> Int:
    """Read one block of exactly count longs into out; return the position after the column, or -1."""
    found, pos = get_varint(data, pos)
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
            out[i], pos = get_varint(data, pos)
            if pos < 0:
                return np.int64(-1)
    return pos + 1 if pos < end and data[pos] == 0 else np.int64(-1)


@kernel
def skip_longs(data: U8, pos: Int, end: Int, count: Int) -> Int:
    """Pass over one block of exactly count longs of up to 8 bytes; return the position after the column, or -1."""
    found, pos = get_varint(data, pos)
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
            found, pos = get_varint(data, pos)
            left -= 1
    return pos + 1 if pos < end and data[pos] == 0 else np.int64(-1)


@kernel
def get_doubles(data: U8, pos: Int, end: Int, count: Int, out: F64) -> Int:
    """Read one block of exactly count doubles into out; return the position after the column, or -1."""
    found, pos = get_varint(data, pos)
    if pos < 0 or found != count or pos + 8 * count >= end or data[pos + 8 * count] != 0:
        return np.int64(-1)
    for i in range(count):
        out[i] = load_double(data, pos + 8 * i)
    return pos + 8 * count + 1
