"""The frame codec: TickFrame and BarFrame between columns and wire bytes, at the speed of the market.

Whole frames, from Python:

    payload = encode_ticks("SPY", "lean", event_ns, kind, flags, price, size, condition)
    buffer, offsets = encode_tick_frames("SPY", "lean", event_ns, ..., condition, cuts=cuts)   # many frames, one call
    payload = encode_bars("AAPL", "lean", interval_ns, start_ns, open, high, low, close, volume, bid, ask)

Inside another numba kernel (data: uint8 array that holds many payloads, each at [start, end)):

    span = np.empty(4, np.int64)
    body = tick_names(data, start, end, span)       # data[span[0]:span[1]] is the symbol, [span[2]:span[3]] the source
    n = decode_ticks(data, start, end, time, kind, flags, price, size, condition)
    if n < 0: ...                                   # a code of binary.Malformed; explain(n) gives WireReason and text

Both check header and every bound; a payload of an older schema id gives OTHER_SCHEMA: pass it through wire.modernise
(slow, resolves by fastavro and encodes anew) and try again. Out arrays must have `FRAME_ROWS_MAX` rows, and hold no
sense after a code. Times are absolute nanoseconds. Values are not judged here (kind 7 or price -1 come through).

Options of one underlying stand in frames of their own: schemas/option_frames.py.

To write a FeatureFrame in a kernel, use binary.put_* in the schema's order, after
`feature_prefix(symbol, interval_ns)`.
"""

from functools import lru_cache

import numpy as np
from numba import njit
from numpy.typing import NDArray

from schemas.binary import (
    BYTES_OF_BLOCK_MAX,
    BYTES_OF_LONG_MAX,
    F64,
    I64,
    U8,
    Int,
    put_block_of_doubles,
    put_block_of_longs,
    put_bytes,
    put_deltas,
    put_long,
    put_raw,
)
from schemas.frames_decode import (
    FRAME_ROWS_MAX,
    bar_names,
    decode_bars,
    decode_bars_at,
    decode_ticks,
    decode_ticks_at,
    explain,
    frame_names,
    schema_id_of,
    tick_names,
)
from schemas.ids import header_of

__all__ = [
    "FRAME_ROWS_MAX",
    "bar_names",
    "decode_bars",
    "decode_bars_at",
    "decode_ticks",
    "decode_ticks_at",
    "encode_bars",
    "encode_tick_frames",
    "encode_ticks",
    "explain",
    "feature_prefix",
    "frame_names",
    "frame_prefix",
    "put_bars",
    "put_ticks",
    "schema_id_of",
    "tick_names",
]

_TICK_ROW_BYTES_MAX = 3 * BYTES_OF_LONG_MAX + 2 + 8
_TICK_FRAME_BYTES_MAX = 3 * BYTES_OF_LONG_MAX + 4 * BYTES_OF_BLOCK_MAX
_BAR_ROW_BYTES_MAX = 2 * BYTES_OF_LONG_MAX + 6 * 8
_BAR_FRAME_BYTES_MAX = 2 * BYTES_OF_LONG_MAX + 8 * BYTES_OF_BLOCK_MAX


@njit(cache=True)
def put_ticks(
    out: U8, pos: Int, prefix: U8, time: I64, kind: U8, flags: U8, price: F64, size: I64, condition: I64
) -> Int:
    """Write a TickFrame (prefix: frame_prefix as uint8; columns of n >= 1); return the position after, or a code."""
    pos = put_raw(out, pos, prefix)
    pos = put_long(out, pos, time[0])
    pos = put_deltas(out, pos, time)
    if pos < 0:
        return pos
    pos = put_bytes(out, pos, kind)
    pos = put_bytes(out, pos, flags)
    pos = put_block_of_doubles(out, pos, price)
    pos = put_block_of_longs(out, pos, size)
    return put_block_of_longs(out, pos, condition)


@njit(cache=True)
def _put_tick_frames(
    out: U8, offsets: I64, cuts: I64, prefix: U8, time: I64, kind: U8, flags: U8, price: F64, size: I64, condition: I64
) -> Int:
    """Write the frames [cuts[i], cuts[i+1]) one after the other; return 0, or the code of the first that failed."""
    pos: Int = 0
    offsets[0] = 0
    for i in range(len(cuts) - 1):
        a, b = cuts[i], cuts[i + 1]
        pos = put_ticks(out, pos, prefix, time[a:b], kind[a:b], flags[a:b], price[a:b], size[a:b], condition[a:b])
        if pos < 0:
            return pos
        offsets[i + 1] = pos
    return 0


@njit(cache=True)
def put_bars(
    out: U8,
    pos: Int,
    prefix: U8,
    interval: Int,
    time: I64,
    open_: F64,
    high: F64,
    low: F64,
    close: F64,
    volume: I64,
    bid: F64,
    ask: F64,
) -> Int:
    """Write a BarFrame (prefix: frame_prefix as uint8; columns of n >= 1); return the position after, or a code."""
    pos = put_raw(out, pos, prefix)
    pos = put_long(out, pos, interval)
    pos = put_long(out, pos, time[0])
    pos = put_deltas(out, pos, time)
    if pos < 0:
        return pos
    pos = put_block_of_doubles(out, pos, open_)
    pos = put_block_of_doubles(out, pos, high)
    pos = put_block_of_doubles(out, pos, low)
    pos = put_block_of_doubles(out, pos, close)
    pos = put_block_of_longs(out, pos, volume)
    pos = put_block_of_doubles(out, pos, bid)
    return put_block_of_doubles(out, pos, ask)


def encode_ticks(
    symbol: str, source: str, event_ns: I64, kind: U8, flags: U8, price: F64, size: I64, condition: I64
) -> bytes:
    """Return the wire bytes of one TickFrame of n ticks, 1 <= n <= FRAME_ROWS_MAX.

    event_ns: int64 (n,), never going back. kind, flags: uint8 (n,). price: float64 (n,). size, condition: int64 (n,).
    Raises ValueError for unequal columns, too few or many rows, or a time that goes back. C-contiguous is fastest.
    """
    rows = len(event_ns)
    prefix = frame_prefix("TickFrame", symbol, source)
    check_rows(rows, (kind, flags, price, size, condition))
    out = np.empty(len(prefix) + _TICK_FRAME_BYTES_MAX + rows * _TICK_ROW_BYTES_MAX, np.uint8)
    end = put_ticks(out, 0, prefix, event_ns, kind, flags, price, size, condition)
    if end < 0:
        raise ValueError(went_back(symbol, event_ns))
    return out[:end].tobytes()


def encode_tick_frames(
    symbol: str,
    source: str,
    event_ns: I64,
    kind: U8,
    flags: U8,
    price: F64,
    size: I64,
    condition: I64,
    *,
    cuts: I64,
) -> tuple[U8, I64]:
    """Encode consecutive frames of one symbol in one call; return (buffer uint8, offsets int64 (frames + 1,)).

    cuts: int64 (frames + 1,), strictly growing row numbers from 0 to n: frame i is rows cuts[i] to cuts[i+1], and its
    bytes are buffer[offsets[i]:offsets[i+1]], equal to those of encode_ticks. Columns and errors as encode_ticks.
    """
    rows = len(event_ns)
    if len(cuts) < 2 or cuts[0] != 0 or cuts[-1] != rows:
        raise ValueError(f"cuts must lead from 0 to {rows}, were {cuts[:1].tolist()} to {cuts[-1:].tolist()}")
    lengths = np.diff(cuts)
    check_rows(int(lengths.min()), ())
    check_rows(int(lengths.max()), ())
    check_columns(rows, (kind, flags, price, size, condition))
    prefix = frame_prefix("TickFrame", symbol, source)
    per_frame = len(prefix) + _TICK_FRAME_BYTES_MAX
    out = np.empty(len(lengths) * per_frame + rows * _TICK_ROW_BYTES_MAX, np.uint8)
    offsets = np.empty(len(cuts), np.int64)
    code = _put_tick_frames(out, offsets, cuts, prefix, event_ns, kind, flags, price, size, condition)
    if code < 0:
        raise ValueError(went_back(symbol, event_ns))
    return out[: offsets[-1]], offsets


def encode_bars(
    symbol: str,
    source: str,
    interval_ns: int,
    start_ns: I64,
    open_: F64,
    high: F64,
    low: F64,
    close: F64,
    volume: I64,
    bid: F64,
    ask: F64,
) -> bytes:
    """Return the wire bytes of one BarFrame of n bars, 1 <= n <= FRAME_ROWS_MAX.

    start_ns: int64 (n,), never going back. volume: int64 (n,). The rest: float64 (n,). Errors as encode_ticks.
    """
    rows = len(start_ns)
    prefix = frame_prefix("BarFrame", symbol, source)
    check_rows(rows, (open_, high, low, close, volume, bid, ask))
    out = np.empty(len(prefix) + _BAR_FRAME_BYTES_MAX + rows * _BAR_ROW_BYTES_MAX, np.uint8)
    end = put_bars(out, 0, prefix, interval_ns, start_ns, open_, high, low, close, volume, bid, ask)
    if end < 0:
        raise ValueError(went_back(symbol, start_ns))
    return out[:end].tobytes()


@lru_cache(maxsize=4096)
def frame_prefix(record: str, symbol: str, source: str) -> U8:
    """Return header, symbol and source of a TickFrame, BarFrame or OptionFrame as a read-only uint8 array."""
    return np.frombuffer(header_of(record) + _text(symbol) + _text(source), np.uint8)


@lru_cache(maxsize=4096)
def feature_prefix(symbol: str, interval_ns: int) -> U8:
    """Return header, symbol and interval of a FeatureFrame as a read-only uint8 array; base_ns comes next."""
    interval = np.empty(BYTES_OF_LONG_MAX, np.uint8)
    end = put_long(interval, 0, interval_ns)
    return np.frombuffer(header_of("FeatureFrame") + _text(symbol) + interval[:end].tobytes(), np.uint8)


def _text(text: str) -> bytes:
    data = np.frombuffer(text.encode(), np.uint8)
    out = np.empty(BYTES_OF_LONG_MAX + len(data), np.uint8)
    return out[: put_bytes(out, 0, data)].tobytes()


def check_rows(rows: int, columns: tuple[NDArray[np.generic], ...]) -> None:
    """Raise ValueError for too few or many rows, or for columns of another length."""
    if not 1 <= rows <= FRAME_ROWS_MAX:
        raise ValueError(f"a frame has 1 to {FRAME_ROWS_MAX} rows, was {rows}")
    check_columns(rows, columns)


def check_columns(rows: int, columns: tuple[NDArray[np.generic], ...]) -> None:
    """Raise ValueError for columns of another length."""
    for column in columns:
        if len(column) != rows:
            raise ValueError(f"columns must have equal lengths, were {rows} and {len(column)}")


def went_back(symbol: str, times: I64) -> str:
    """Return what is wrong with times that an encoder has refused."""
    back = times[1:] < times[:-1]
    if not back.any():
        return f"times of {symbol} must not go back, or be more apart than an int64 can say: {times[0]} to {times[-1]}"
    at = int(np.argmax(back)) + 1
    return f"times of {symbol} must not go back, row {at} was {times[at]} after {times[at - 1]}"
