"""Avro's primitives in plain Python, as the generated codecs.py uses them: one record at a time, no numba.

Writers give bytes. Readers take the payload and a position and give value and the position after it; beyond the end of
the payload they raise IndexError or struct.error, or leave a position beyond it: wire.decode turns all into WireError.
"""

from collections.abc import Callable, Sequence
from math import nan
from operator import index
from struct import Struct
from typing import TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from schemas.ids import WireError, WireReason

T = TypeVar("T")
NAN = nan
_LONG_MIN, _LONG_MAX = -(2**63), 2**63 - 1
LONG_BYTES_MAX = 10
MANY = 32
"""From so many numbers on they are faster all at once than one by one."""


def _varint(raw: int) -> bytes:
    """Return an unsigned number as a varint: seven bits a byte, least first, all but the last with the high bit."""
    out = bytearray()
    while raw > 0x7F:
        out.append(raw & 0x7F | 0x80)
        raw >>= 7
    out.append(raw)
    return bytes(out)


SMALL = [_varint(value << 1) for value in range(64)] + [_varint((value << 1) ^ -1) for value in range(-64, 0)]
"""The bytes of -64 to 63: negative numbers index from the end."""
_NINE = Struct("<QB")
_GO_ON = 0x8080808080808080


def long(value: int) -> bytes:
    """Return an int64 as a zigzag varint; ValueError beyond int64, TypeError for what is no integer."""
    if -64 <= value < 64:
        return SMALL[value]
    if type(value) is not int:
        value = index(value)  # numpy's integers would wrap below
    raw = (value << 1) ^ (value >> 63)
    if 1 << 56 <= raw < 1 << 63:
        # Times of our age in nanoseconds: eight groups of seven bits are spread to bytes in three steps, not in eight.
        spread = (raw & 0xFFFFFFF) | (raw & 0xFFFFFFF0000000) << 4
        spread = (spread & 0x3FFF00003FFF) | (spread & 0xFFFC0000FFFC000) << 2
        spread = (spread & 0x7F007F007F007F) | (spread & 0x3F803F803F803F80) << 1
        nine: bytes = _NINE.pack(spread | _GO_ON, raw >> 56)
        return nine
    if not _LONG_MIN <= value <= _LONG_MAX:
        raise ValueError(f"expected an int64, was {value}")
    return _varint(raw)


def read_long(data: bytes, pos: int) -> tuple[int, int]:
    """Read a zigzag varint of int64."""
    byte = data[pos]
    pos += 1
    if byte < 0x80:
        return (byte >> 1) ^ -(byte & 1), pos
    second = data[pos]
    if second < 0x80:
        raw = byte & 0x7F | second << 7
        return (raw >> 1) ^ -(raw & 1), pos + 1
    third = data[pos + 1]
    if third < 0x80:
        raw = byte & 0x7F | (second & 0x7F) << 7 | third << 14
        return (raw >> 1) ^ -(raw & 1), pos + 2
    if len(data) >= pos + 8:
        spread, last = _NINE.unpack_from(data, pos - 1)
        if spread & _GO_ON == _GO_ON and last < 0x80:  # nine bytes, as in long()
            spread = (spread & 0x7F007F007F007F) | (spread & 0x7F007F007F007F00) >> 1
            spread = (spread & 0x3FFF00003FFF) | (spread & 0x3FFF00003FFF0000) >> 2
            raw = (spread & 0xFFFFFFF) | (spread & 0xFFFFFFF00000000) >> 4 | last << 56
            return (raw >> 1) ^ -(raw & 1), pos + 8
    raw = byte & 0x7F
    shift = 7
    while True:
        byte = data[pos]
        pos += 1
        if shift == 63 and byte > 1:
            raise WireError(WireReason.MALFORMED, "a varint has more than 64 bits")
        raw |= (byte & 0x7F) << shift
        if byte < 0x80:
            return (raw >> 1) ^ -(raw & 1), pos
        shift += 7


def read_length(data: bytes, pos: int) -> tuple[int, int]:
    """Read the length of a string or of bytes, and check that so many bytes follow."""
    length, pos = read_long(data, pos)
    if not 0 <= length <= len(data) - pos:
        raise WireError(WireReason.MALFORMED, f"length {length} with {len(data) - pos} bytes left")
    return length, pos


def read_count(data: bytes, pos: int, item_bytes_min: int) -> tuple[int, int, int]:
    """Read the head of a block of an array; return items, position and the end of the block, or -1 if not told."""
    count, pos = read_long(data, pos)
    stop = -1
    if count < 0:
        length, pos = read_length(data, pos)
        count, stop = -count, pos + length
    if count * item_bytes_min > len(data) - pos:
        raise WireError(WireReason.MALFORMED, f"{count} items with {len(data) - pos} bytes left")
    return count, pos, stop


def check_stop(pos: int, stop: int) -> None:
    """Check that a block ended where its head said, if it said so."""
    if stop not in (-1, pos):
        raise WireError(WireReason.MALFORMED, f"a block ended at byte {pos}, its head said {stop}")


def read_array(
    data: bytes, pos: int, item_bytes_min: int, read: Callable[[bytes, int], tuple[T, int]]
) -> tuple[tuple[T, ...], int]:
    """Read an array of any number of blocks."""
    items: list[T] = []
    while True:
        count, pos, stop = read_count(data, pos, item_bytes_min)
        if count == 0:
            return tuple(items), pos
        alike = _texts_alike(data, pos, count) if read is read_text and count >= MANY else None
        if alike is not None:
            items += cast(list[T], alike)
            pos += count * (1 + len(alike[0]))
        else:
            for _ in range(count):
                item, pos = read(data, pos)
                items.append(item)
        check_stop(pos, stop)


def _texts_alike(data: bytes, pos: int, count: int) -> list[str] | None:
    """Return strings of ASCII and of one length below 64, as OSI symbols are; None where these are not."""
    head = data[pos]
    length, span = head >> 1, 1 + (head >> 1)
    block = data[pos : pos + span * count]
    if head & 129 or len(block) < span * count or block[::span] != bytes([head]) * count or not block.isascii():
        return None
    whole = block.decode("ascii")
    return [whole[begin : begin + length] for begin in range(1, len(whole), span)]


def text(value: str) -> bytes:
    """Return a string: the length of its UTF-8, then that."""
    data = value.encode()
    return long(len(data)) + data


def array(items: Sequence[T], put: Callable[[T], bytes]) -> bytes:
    """Return an array of one block; nothing but the end mark where it is empty."""
    if not items:
        return b"\0"
    return b"".join([long(len(items)), *[put(item) for item in items], b"\0"])


def read_text(data: bytes, pos: int) -> tuple[str, int]:
    """Read a string."""
    length, pos = read_length(data, pos)
    return data[pos : pos + length].decode(), pos + length


def doubles(column: NDArray[np.float64]) -> bytes:
    """Return a column as an array<double> of one block; NaN as the one quiet NaN, -0.0 as 0.0."""
    if not len(column):
        return b"\0"
    values = np.array(column, np.float64)
    values[np.isnan(values)] = np.nan  # before any arithmetic: a signalling NaN, as noise may hold, would warn there
    values += 0.0
    return long(len(values)) + values.astype("<f8", copy=False).tobytes() + b"\0"


def longs(column: NDArray[np.int64]) -> bytes:
    """Return a column as an array<long> of one block."""
    count = len(column)
    if not count:
        return b"\0"
    if count >= MANY and column.dtype == np.int64:
        return long(count) + _many(column) + b"\0"
    return long(count) + b"".join([long(value) for value in column.tolist()]) + b"\0"


def _many(column: NDArray[np.int64]) -> bytes:
    """Return zigzag varints one behind the other, all at once."""
    raw = ((column << 1) ^ (column >> 63)).view(np.uint64)
    last = np.zeros(len(raw), np.int64)
    for more in range(1, LONG_BYTES_MAX):
        last += raw >= np.uint64(1 << 7 * more)
    place = np.arange(int(last.max()) + 1)
    digits = (raw[:, None] >> (7 * place).astype(np.uint64)).astype(np.uint8) & 0x7F
    digits |= np.where(place < last[:, None], 0x80, 0).astype(np.uint8)
    return digits[place <= last[:, None]].tobytes()


def _read_many(data: bytes, pos: int, count: int) -> tuple[NDArray[np.int64], int] | None:
    """Read so many zigzag varints, all at once; None where one is broken, or as long as can be."""
    window = np.frombuffer(data, np.uint8, min(count * LONG_BYTES_MAX, len(data) - pos), pos)
    ends = np.flatnonzero(window < 0x80)[:count]
    if len(ends) < count:
        return None
    begins = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - begins + 1
    longest = int(lengths.max())
    if longest >= LONG_BYTES_MAX:
        return None
    raw = np.zeros(count, np.uint64)
    for digit in range(longest):
        there = lengths > digit
        raw[there] |= (window[begins[there] + digit] & np.uint8(0x7F)).astype(np.uint64) << np.uint64(7 * digit)
    half = (raw >> np.uint64(1)).view(np.int64)
    return half ^ -(raw & np.uint64(1)).view(np.int64), pos + int(ends[-1]) + 1


def read_doubles(data: bytes, pos: int) -> tuple[NDArray[np.float64], int]:
    """Read an array<double> of any number of blocks as a new column."""
    head = data[pos]
    # The usual column: one block of up to 63 items and the end mark.
    if head and head < 0x80 and not head & 1:
        end = pos + 1 + 4 * head
        if end < len(data) and data[end] == 0:
            return np.frombuffer(data, "<f8", head >> 1, pos + 1).astype(np.float64), end + 1
    parts = []
    while True:
        count, pos, stop = read_count(data, pos, 8)
        if count == 0:
            break
        parts.append(np.frombuffer(data, "<f8", count, pos))
        pos += 8 * count
        check_stop(pos, stop)
    return (parts[0].astype(np.float64) if len(parts) == 1 else np.concatenate([np.empty(0), *parts])), pos


def read_longs(data: bytes, pos: int) -> tuple[NDArray[np.int64], int]:
    """Read an array<long> of any number of blocks as a new column."""
    values: list[int] = []
    # The usual column of one item below 64: its block and the end mark.
    if data[pos : pos + 1] == b"\x02" and data[pos + 2 : pos + 3] == b"\0" and data[pos + 1] < 0x80:
        byte = data[pos + 1]
        return np.array([(byte >> 1) ^ -(byte & 1)], np.int64), pos + 3
    while True:
        count, pos, stop = read_count(data, pos, 1)
        if count == 0:
            return np.array(values, np.int64), pos
        many = _read_many(data, pos, count) if count >= MANY else None
        if many is not None:
            column, pos = many
            if not values and stop == -1 and data[pos : pos + 1] == b"\0":
                return column, pos + 1
            values += column.tolist()
            check_stop(pos, stop)
            continue
        for _ in range(count):
            byte = data[pos]
            if byte < 0x80:
                values.append((byte >> 1) ^ -(byte & 1))
                pos += 1
            else:
                value, pos = read_long(data, pos)
                values.append(value)
        check_stop(pos, stop)
