"""The frame codec of options: OptionFrame between columns and wire bytes, as schemas/frames.py does it for ticks.

Whole frames, from Python; contracts are a book of OSI symbols, of which each frame names those that occur in it:

    payload = encode_options("AAPL", "lean", contracts, event_ns, contract, kind, flags, price, size, condition)
    buffer, offsets = encode_option_frames("AAPL", "lean", contracts, event_ns, ..., condition, cuts=cuts)
    record = wire.decode(payload)          # an OptionFrame with numpy columns and a tuple of symbols

Inside another numba kernel (data: uint8 array that holds many payloads, each at [start, end)):

    body = option_names(data, start, end, span)                            # symbol and source, as tick_names
    rows, listed = decode_options(data, start, end, starts, time, contract, kind, flags, price, size, condition)
    if rows < 0: ...                                                       # a code, as of decode_ticks
    data[starts[contract[i]] : starts[contract[i]] + osi.LENGTH]           # the OSI symbol of row i

A row's contract is checked to be one of the frame's, and each of those to have 21 bytes; no other value is judged.
"""

from collections.abc import Sequence

import numpy as np
from numba import njit

from schemas.binary import (
    BAD_CONTRACT,
    BAD_COUNT,
    BYTES_OF_BLOCK_MAX,
    BYTES_OF_LONG_MAX,
    F64,
    I64,
    LEFT_OVER,
    NO_ROWS,
    TOO_MANY_ROWS,
    U8,
    Int,
    get_count,
    get_long,
    get_longs,
    get_text,
    put_block_of_doubles,
    put_block_of_longs,
    put_bytes,
    put_deltas,
    put_long,
    put_raw,
    sum_deltas,
)
from schemas.frames import check_columns, check_rows, frame_prefix, went_back
from schemas.frames_decode import frame_names, get_byte_column, get_double_column, get_long_column, skip_names
from schemas.ids import SCHEMA_IDS
from schemas.osi import LENGTH

_OPTION_ID = SCHEMA_IDS["OptionFrame"]
_ROW_BYTES_MAX = 4 * BYTES_OF_LONG_MAX + 2 + 8 + 1 + LENGTH
"""A row, and the contract that it may be the first of."""
_FRAME_BYTES_MAX = 3 * BYTES_OF_LONG_MAX + 6 * BYTES_OF_BLOCK_MAX


@njit(cache=True)
def put_options(
    out: U8,
    pos: Int,
    prefix: U8,
    texts: U8,
    number: I64,
    listed: I64,
    local: I64,
    time: I64,
    contract: I64,
    kind: U8,
    flags: U8,
    price: F64,
    size: I64,
    condition: I64,
) -> Int:
    """Write an OptionFrame (columns of n >= 1); return the position after, or a code.

    prefix: frame_prefix as uint8. texts: uint8 (contracts, 21), the book. contract: into the book. number: int64
    (contracts,), all -1, and so again afterwards. listed, local: int64 of n or more, scratch.
    """
    count: Int = 0
    for i in range(len(contract)):
        at = contract[i]
        if number[at] < 0:
            number[at] = count
            listed[count] = at
            count += 1
        local[i] = number[at]
    for j in range(count):
        number[listed[j]] = -1
    pos = put_raw(out, pos, prefix)
    pos = put_long(out, pos, time[0])
    pos = put_deltas(out, pos, time)
    if pos < 0:
        return pos
    pos = put_long(out, pos, count)
    for j in range(count):
        pos = put_bytes(out, pos, texts[listed[j]])
    pos = put_long(out, pos, 0)
    pos = put_block_of_longs(out, pos, local[: len(contract)])
    pos = put_bytes(out, pos, kind)
    pos = put_bytes(out, pos, flags)
    pos = put_block_of_doubles(out, pos, price)
    pos = put_block_of_longs(out, pos, size)
    return put_block_of_longs(out, pos, condition)


@njit(cache=True)
def _put_frames(
    out: U8,
    offsets: I64,
    cuts: I64,
    prefix: U8,
    texts: U8,
    time: I64,
    contract: I64,
    kind: U8,
    flags: U8,
    price: F64,
    size: I64,
    condition: I64,
) -> Int:
    """Write the frames [cuts[i], cuts[i+1]) one after the other; return 0, or the code of the first that failed."""
    number = np.full(len(texts), -1, np.int64)
    listed = np.empty(len(time), np.int64)
    local = np.empty(len(time), np.int64)
    pos: Int = 0
    offsets[0] = 0
    for i in range(len(cuts) - 1):
        a, b = cuts[i], cuts[i + 1]
        pos = put_options(
            out,
            pos,
            prefix,
            texts,
            number,
            listed,
            local,
            time[a:b],
            contract[a:b],
            kind[a:b],
            flags[a:b],
            price[a:b],
            size[a:b],
            condition[a:b],
        )
        if pos < 0:
            return pos
        offsets[i + 1] = pos
    return 0


def encode_options(
    symbol: str,
    source: str,
    contracts: Sequence[str],
    event_ns: I64,
    contract: I64,
    kind: U8,
    flags: U8,
    price: F64,
    size: I64,
    condition: I64,
) -> bytes:
    """Return the wire bytes of one OptionFrame of n rows, 1 <= n <= FRAME_ROWS_MAX.

    contracts: OSI symbols of 21 characters, more than occur allowed. event_ns: int64 (n,), never going back. contract:
    int64 (n,), into contracts. kind, flags: uint8 (n,). price: float64 (n,). size, condition: int64 (n,).
    Raises ValueError for unequal columns, too few or many rows, a time that goes back, a contract that is none.
    """
    cuts = np.array([0, len(event_ns)], np.int64)
    buffer, offsets = encode_option_frames(
        symbol, source, contracts, event_ns, contract, kind, flags, price, size, condition, cuts=cuts
    )
    return buffer[: offsets[1]].tobytes()


def encode_option_frames(
    symbol: str,
    source: str,
    contracts: Sequence[str],
    event_ns: I64,
    contract: I64,
    kind: U8,
    flags: U8,
    price: F64,
    size: I64,
    condition: I64,
    *,
    cuts: I64,
) -> tuple[U8, I64]:
    """Encode consecutive frames of one underlying in one call; return (buffer uint8, offsets int64 (frames + 1,)).

    cuts: int64 (frames + 1,), strictly growing row numbers from 0 to n: frame i is rows cuts[i] to cuts[i+1], and its
    bytes are buffer[offsets[i]:offsets[i+1]], equal to those of encode_options. Columns and errors as there.
    """
    rows = len(event_ns)
    if len(cuts) < 2 or cuts[0] != 0 or cuts[-1] != rows:
        raise ValueError(f"cuts must lead from 0 to {rows}, were {cuts[:1].tolist()} to {cuts[-1:].tolist()}")
    lengths = np.diff(cuts)
    check_rows(int(lengths.min()), ())
    check_rows(int(lengths.max()), ())
    check_columns(rows, (contract, kind, flags, price, size, condition))
    texts = texts_of(contracts)
    if contract.min() < 0 or contract.max() >= len(texts):
        raise ValueError(f"contract must be in [0, {len(texts)}), was {contract.min()} to {contract.max()}")
    prefix = frame_prefix("OptionFrame", symbol, source)
    out = np.empty(len(lengths) * (len(prefix) + _FRAME_BYTES_MAX) + rows * _ROW_BYTES_MAX, np.uint8)
    offsets = np.empty(len(cuts), np.int64)
    code = _put_frames(out, offsets, cuts, prefix, texts, event_ns, contract, kind, flags, price, size, condition)
    if code < 0:
        raise ValueError(went_back(symbol, event_ns))
    return out[: offsets[-1]], offsets


def texts_of(contracts: Sequence[str]) -> U8:
    """Return OSI symbols as bytes, uint8 (contracts, 21); ValueError for one of another length or not of ASCII."""
    for text in contracts:
        if len(text) != LENGTH or not text.isascii():
            raise ValueError(f"a contract is an OSI symbol of {LENGTH} characters, was {text!r}")
    return np.frombuffer("".join(contracts).encode(), np.uint8).reshape(len(contracts), LENGTH)


@njit(cache=True)
def option_names(data: U8, start: Int, end: Int, span: I64) -> Int:
    """Find symbol and source of an OptionFrame: see frames_decode.frame_names."""
    return frame_names(data, start, end, _OPTION_ID, span)


@njit(cache=True)
def _get_contracts(data: U8, pos: Int, end: Int, starts: I64) -> tuple[Int, Int]:
    """Read the array of OSI symbols; return (how many, position after or a code). starts: where each begins."""
    total: Int = 0
    while True:
        count, pos, stop = get_count(data, pos, end)
        if pos < 0 or count == 0:
            return total, pos
        if count > len(starts) - total:
            return 0, TOO_MANY_ROWS
        for i in range(total, total + count):
            first, pos = get_text(data, pos, end)
            if pos < 0:
                return 0, pos
            if pos - first != LENGTH:
                return 0, BAD_CONTRACT
            starts[i] = first
        if stop >= 0 and pos != stop:
            return 0, BAD_COUNT
        total += count


@njit(cache=True)
def decode_options_at(
    data: U8,
    pos: Int,
    end: Int,
    starts: I64,
    time: I64,
    contract: I64,
    kind: U8,
    flags: U8,
    price: F64,
    size: I64,
    condition: I64,
) -> tuple[Int, Int]:
    """Decode an OptionFrame from the position that option_names returned: see decode_options."""
    base, pos = get_long(data, pos, end)
    if pos < 0:
        return pos, 0
    rows, pos = get_longs(data, pos, end, time)
    if pos < 0:
        return pos, 0
    if rows == 0:
        return NO_ROWS, 0
    code = sum_deltas(base, time, rows)
    if code < 0:
        return code, 0
    listed, pos = _get_contracts(data, pos, end, starts)
    # A code passes through: each step gives back a negative position, and each next one is left out.
    if pos >= 0:
        pos = get_long_column(data, pos, end, rows, contract)
    if pos >= 0:
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
        return pos, 0
    for i in range(rows):
        if contract[i] < 0 or contract[i] >= listed:
            return BAD_CONTRACT, 0
    return (rows if pos == end else LEFT_OVER), listed


@njit(cache=True)
def decode_options(
    data: U8,
    start: Int,
    end: Int,
    starts: I64,
    time: I64,
    contract: I64,
    kind: U8,
    flags: U8,
    price: F64,
    size: I64,
    condition: I64,
) -> tuple[Int, Int]:
    """Decode the OptionFrame in data[start:end] into columns; return its rows (>= 1) or a code (< 0), and contracts.

    data: uint8. starts: int64, where in data each OSI symbol (21 bytes) begins. time: int64, absolute ns. contract:
    int64, which of starts. kind, flags: uint8. price: float64. size, condition: int64. FRAME_ROWS_MAX rows each.
    """
    pos = skip_names(data, start, end, _OPTION_ID)
    if pos < 0:
        return pos, 0
    return decode_options_at(data, pos, end, starts, time, contract, kind, flags, price, size, condition)
