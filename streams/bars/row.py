"""Read a FeatureFrame of one row without columns: what analytics writes for each closed bar but those of some rows.

Only the canonical bytes are read; anything else gives None, and the caller decodes it whole. Both ways give the same
row: tests of the stages that read this way hold it. No numba here: a stage of plain Python starts the faster.
"""

import struct
from typing import NamedTuple

from schemas import wire
from schemas.primitives import read_length, read_long

HEADER = wire.HEADERS["FeatureFrame"]
# Deltas of one row and the head of open; open, high, low, close, each with its end and the head of the next.
_PRICES = struct.Struct("<4sdHdHdHdH")
_QUOTES = struct.Struct("<HdHdHdH")  # end of trades; vwap, bid, ask; head of dropped
_ONE, _NEXT = b"\x02\x00\x00\x02", 0x0200
_PRICES_BYTES, _QUOTES_BYTES = _PRICES.size, _QUOTES.size


class OneRow(NamedTuple):
    """One bar. Prices in quote currency, NaN when unknown. names_at: where the names of its indicators begin."""

    symbol: str
    interval_ns: int
    event_ns: int
    open: float
    high: float
    low: float
    close: float
    volume: int
    trades: int
    bid: float
    ask: float
    session: int
    names_at: int


def read_row(payload: bytes) -> OneRow | None:
    """Return the row of a canonical frame of one row, whose names and values are left unread; None for all else."""
    if not payload.startswith(HEADER):
        return None
    try:
        length, pos = read_length(payload, wire.HEADER_BYTES)
        symbol = payload[pos : (pos := pos + length)]
        interval_ns, pos = read_long(payload, pos)
    except (IndexError, ValueError):
        return None
    return row_at(payload, pos, symbol, interval_ns)


def row_at(payload: bytes, pos: int, symbol: bytes, interval_ns: int) -> OneRow | None:
    """As read_row, of a frame whose symbol and interval were read: pos is the position behind them."""
    try:
        event_ns, pos = read_long(payload, pos)
        head, open_, a, high, b, low, c, close, d = _PRICES.unpack_from(payload, pos)
        if head != _ONE or not a == b == c == d == _NEXT:
            return None
        volume, pos = read_long(payload, pos + _PRICES_BYTES)
        if payload[pos] != 0 or payload[pos + 1] != 2:
            return None
        trades, pos = read_long(payload, pos + 2)
        a, _vwap, b, bid, c, ask, d = _QUOTES.unpack_from(payload, pos)
        if not a == b == c == d == _NEXT:
            return None
        pos += _QUOTES_BYTES
        pos = pos + 1 if payload[pos] < 0x80 else read_long(payload, pos)[1]  # dropped
        if payload[pos] != 0 or payload[pos + 1] != 2:
            return None
        session = payload[pos + 2]
        # tuple.__new__ is what OneRow(...) comes to, at half the time.
        fields = (symbol.decode(), interval_ns, event_ns, open_, high, low, close, volume, trades, bid, ask, session)
        return tuple.__new__(OneRow, (*fields, pos + 3))
    except (IndexError, ValueError, struct.error):
        return None
