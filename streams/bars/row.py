"""Read a FeatureFrame of one row without columns: what analytics writes for each closed bar but those of some rows.

Only the canonical bytes are read; anything else gives None, and the caller decodes it whole. Both ways give the same
row: tests of the stages that read this way hold it. No numba here: a stage of plain Python starts the faster.
"""

import struct
from typing import NamedTuple

from schemas import wire
from schemas.primitives import read_length, read_long

HEADER = wire.HEADERS["FeatureFrame"]
_PRICES = struct.Struct(
    "<3sBdBBdBBdBBdBB"
)  # deltas of one row; open, high, low, close as blocks of one; head of volume
_QUOTES = struct.Struct("<BBdBBdBBdBB")  # end of trades; vwap, bid, ask; head of dropped
_ONE = b"\x02\x00\x00"


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
        deltas, a, open_, b, c, high, d, e, low, f, g, close, h, i = _PRICES.unpack_from(payload, pos)
        if deltas != _ONE or (a, b, c, d, e, f, g, h, i) != (2, 0, 2, 0, 2, 0, 2, 0, 2):
            return None
        volume, pos = read_long(payload, pos + _PRICES.size)
        if payload[pos : pos + 2] != b"\x00\x02":
            return None
        trades, pos = read_long(payload, pos + 2)
        j, k, _vwap, m, n, bid, o, p, ask, q, r = _QUOTES.unpack_from(payload, pos)
        if (j, k, m, n, o, p, q, r) != (0, 2, 0, 2, 0, 2, 0, 2):
            return None
        _dropped, pos = read_long(payload, pos + _QUOTES.size)
        if payload[pos : pos + 2] != b"\x00\x02":
            return None
        session = payload[pos + 2]
        # tuple.__new__ is what OneRow(...) comes to, at half the time.
        fields = (symbol.decode(), interval_ns, event_ns, open_, high, low, close, volume, trades, bid, ask, session)
        return tuple.__new__(OneRow, (*fields, pos + 3))
    except (IndexError, ValueError, struct.error):
        return None
