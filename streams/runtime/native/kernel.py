"""The kernel: take records of librdkafka's queue, check their ids, copy their payloads into one array.

It handles what nearly every record is: the next of its partition, of an origin known to the table, following the very
place that this origin was last seen at, with the headers `id` and `prev` first. At anything else it stops.

The addresses of rd_kafka_message_t's fields are librdkafka's public interface (rdkafka.h), the same since version 0.9.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from schemas.binary import Int
from streams.numerics.jit import entry, kernel
from streams.numerics.pointers import call

I64 = NDArray[np.int64]

# words: addresses of librdkafka's functions and of the arrays below, one int64 array, as an array argument costs more
# than taking a record does
CONSUME, HEADERS, HEADER, DESTROY, STAMP = 0, 1, 2, 3, 4
QUEUE = 5
POINTERS = 6
"""int64 (n,): the records of a batch."""
SLOTS = 7
"""int64 (8,): where librdkafka writes to."""
DATA = 8
"""uint8: payloads."""
ROOM = 9
BOUNDS = 10
"""int64 (n + 1,): where each payload begins."""
OFFSETS = 11
"""int64 (n,)."""
IDS = 12
"""uint8 (n, ID_BYTES): ids, length in the last byte."""
BATCH_WORDS = 13
PLACE = 13
"""int64 (3,): topic handle, partition, next offset, which goes on."""
ORIGINS = 14
"""uint8 (ORIGINS_MAX, ORIGIN_BYTES + 1), length in the last byte; a row of length 0 ends the table."""
PLACES = 15
"""uint8 (ORIGINS_MAX, PLACE_BYTES + 1), length in the last byte."""
ROWS = 16
"""Bits of the origins' rows that went on."""
TAKEN, STAMP_MS = 17, 18
"""What ahead() has taken, and the append time of the last of it, ms since 1970 UTC."""
WORDS = 19

ORIGINS_MAX = 63
ORIGIN_BYTES = 200
PLACE_BYTES = 32
ID_BYTES = 256
"""Room for an id, and for the length in its last byte."""

_ERROR, _TOPIC, _PARTITION, _PAYLOAD, _LENGTH, _OFFSET = 0, 8, 16, 24, 32, 56
_I, _D, _P, _R, _E, _V = (np.uint8(ord(letter)) for letter in "idprev")
_COLON, _DOT, _MINUS, _ZERO, _NINE = (np.uint8(ord(letter)) for letter in ":.-09")


def _reader(kind: Any) -> Any:
    @intrinsic  # type: ignore[untyped-decorator,unused-ignore]  # numba has no types
    def read(typing_context: Any, address: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            target = context.get_value_type(signature.return_type)
            return builder.load(builder.inttoptr(values[0], target.as_pointer()))

        return kind(types.int64), generate

    return read


def _writer(kind: Any) -> Any:
    @intrinsic  # type: ignore[untyped-decorator,unused-ignore]  # numba has no types
    def write(typing_context: Any, address: Any, value: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            builder.store(values[1], builder.inttoptr(values[0], values[1].type.as_pointer()))
            return context.get_dummy_value()

        return types.none(types.int64, kind), generate

    return write


@intrinsic  # type: ignore[untyped-decorator,unused-ignore]  # numba has no types
def _copy(typing_context: Any, target: Any, source: Any, count: Any) -> Any:
    """Copy bytes between two addresses."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        byte = ir.IntType(8).as_pointer()
        to, start = builder.inttoptr(values[0], byte), builder.inttoptr(values[1], byte)
        cgutils.raw_memcpy(builder, to, start, values[2], 1)
        return context.get_dummy_value()

    return types.none(types.int64, types.int64, types.int64), generate


_long: Any = _reader(types.int64)
_int: Any = _reader(types.int32)
_byte: Any = _reader(types.uint8)
_put_long: Any = _writer(types.int64)
_put_byte: Any = _writer(types.uint8)
_memcpy: Any = _copy


@entry
def poll(words: I64, wait_ms: Int, records_max: Int) -> Int:
    """Wait for a record and take what else is there, up to records_max; return how many."""
    count = call(words[CONSUME], (words[QUEUE], wait_ms, words[POINTERS], np.int64(1)))
    if count <= 0 or records_max <= 1:
        return np.int64(count)
    rest = (words[QUEUE], np.int64(0), words[POINTERS] + 8, records_max - 1)
    return np.int64(count + max(call(words[CONSUME], rest), 0))


@entry
def destroy(words: I64, count: Int) -> None:
    """Give records back."""
    for i in range(count):
        call(words[DESTROY], (_long(words[POINTERS] + 8 * i),))


@kernel
def _place_from(text: Int, start: Int, end: Int) -> bool:
    """Return whether bytes are a place, as streams/log/ids.py's is_place: -?[0-9]{1,19}[.][0-9]{1,9}."""
    at = start
    if at < end and _byte(text + at) == _MINUS:
        at += 1
    first = at
    while at < end and _ZERO <= _byte(text + at) <= _NINE:
        at += 1
    if not 1 <= at - first <= 19 or at >= end or _byte(text + at) != _DOT:
        return False
    first = at + 1
    at = first
    while at < end and _ZERO <= _byte(text + at) <= _NINE:
        at += 1
    return at == end and 1 <= at - first <= 9


@kernel
def _same(text: Int, length: Int, row: Int, width: Int) -> bool:
    """Return whether bytes are those of a table's row, whose length stands behind its width."""
    if length != _byte(row + width):
        return False
    same = True
    for i in range(length):
        same = same and _byte(text + i) == _byte(row + i)
    return same


@kernel
def _get(words: I64, number: Int) -> bool:
    """Write address of name, address of value and length of a header to slots 1 to 3; False where there is none."""
    slots = words[SLOTS]
    got = call(words[HEADER], (_long(slots), number, slots + 8, slots + 16, slots + 24))
    return np.int32(got) == 0 and _long(slots + 16) != 0


@kernel
def _known(words: I64, message: Int) -> Int:
    """Return the row of a record's origin where all about its headers is usual, else -1.

    Slots 4 to 6: address of the id, where its place begins, its length.
    """
    slots = words[SLOTS]
    if np.int32(call(words[HEADERS], (message, slots))) != 0 or not _get(words, np.int64(0)):
        return np.int64(-1)
    name, text, end = _long(slots + 8), _long(slots + 16), _long(slots + 24)
    if _byte(name) != _I or _byte(name + 1) != _D or _byte(name + 2) != 0 or not 3 < end < ID_BYTES:
        return np.int64(-1)
    colon = end - 1
    while colon >= 0 and _byte(text + colon) != _COLON:
        colon -= 1
    if not 0 < colon <= ORIGIN_BYTES or end - colon - 1 >= PLACE_BYTES or not _place_from(text, colon + 1, end):
        return np.int64(-1)
    if not _get(words, np.int64(1)):
        return np.int64(-1)
    name, previous, length = _long(slots + 8), _long(slots + 16), _long(slots + 24)
    for i, letter in enumerate((_P, _R, _E, _V, np.uint8(0))):
        if _byte(name + i) != letter:
            return np.int64(-1)
    for row in range(ORIGINS_MAX):
        origin = words[ORIGINS] + row * (ORIGIN_BYTES + 1)
        if _byte(origin + ORIGIN_BYTES) == 0:
            break
        if _same(text, colon, origin, ORIGIN_BYTES):
            if not _same(previous, length, words[PLACES] + row * (PLACE_BYTES + 1), PLACE_BYTES):
                return np.int64(-1)
            _put_long(slots + 32, text)
            _put_long(slots + 40, colon + 1)
            _put_long(slots + 48, end)
            return np.int64(row)
    return np.int64(-1)


@kernel
def _keep(words: I64, taken: Int, row: Int) -> None:
    """Write a record's id down, and its place into its origin's row."""
    slots = words[SLOTS]
    text, start, end = _long(slots + 32), _long(slots + 40), _long(slots + 48)
    own = words[IDS] + taken * ID_BYTES
    _memcpy(own, text, end)
    _put_byte(own + ID_BYTES - 1, np.uint8(end))
    place = words[PLACES] + row * (PLACE_BYTES + 1)
    _memcpy(place, text + start, end - start)
    _put_byte(place + PLACE_BYTES, np.uint8(end - start))
    words[ROWS] |= np.int64(1) << row


@entry
def take(words: I64, first: Int, count: Int) -> Int:
    """Take records from `first` on for as long as they are usual and of this place; return how many.

    Writes payloads, bounds, offsets, ids, words[ROWS]; place and places go on.
    """
    taken, at = np.int64(0), np.int64(0)
    words[ROWS] = 0
    place = words[PLACE]
    topic, partition, position = _long(place), _long(place + 8), _long(place + 16)
    _put_long(words[BOUNDS], np.int64(0))
    for i in range(first, count):
        message = _long(words[POINTERS] + 8 * i)
        if _long(message + _TOPIC) != topic or _int(message + _PARTITION) != partition:
            break
        payload, length = _long(message + _PAYLOAD), _long(message + _LENGTH)
        if _int(message + _ERROR) != 0 or _long(message + _OFFSET) != position or at + length > words[ROOM]:
            break
        row = _known(words, message)
        if row < 0:
            break
        if payload != 0:
            _memcpy(words[DATA] + at, payload, length)
            at += length
        _keep(words, taken, row)
        _put_long(words[OFFSETS] + 8 * taken, position)
        taken += 1
        position += 1
        _put_long(words[BOUNDS] + 8 * taken, at)
    _put_long(place + 16, position)
    return taken


@entry
def ahead(words: I64, records_max: Int) -> Int:
    """Poll without waiting and take; return how many records there were, words[TAKEN] of them taken.

    Records are given back where all of them were taken.
    """
    words[TAKEN] = 0
    count = call(words[CONSUME], (words[QUEUE], np.int64(0), words[POINTERS], records_max))
    if count <= 0:
        return np.int64(0)
    taken = take(words, np.int64(0), count)
    words[TAKEN] = taken
    if taken > 0:
        words[STAMP_MS] = call(words[STAMP], (_long(words[POINTERS] + 8 * (taken - 1)), np.int64(0)))
    if taken == count:
        destroy(words, count)
    return np.int64(count)
