"""Read what a Mark needs of a FeatureFrame of one row without decoding the rest: the router sees one every second.

Only the canonical bytes of one row without indicators are read (what analytics writes for 1 s); anything else gives
None, and the caller decodes it whole. Both ways give the same row: a test holds that.
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


class BarRow(NamedTuple):
    """One bar as the router needs it. Prices in quote currency, NaN when unknown."""

    symbol: str
    interval_ns: int
    event_ns: int
    high: float
    low: float
    close: float
    volume: int
    trades: int
    bid: float
    ask: float
    session: int


def skim(payload: bytes) -> BarRow | None:
    """Return the row of a canonical frame of one row without indicators; None for all else."""
    try:
        if not payload.startswith(HEADER):
            return None
        length, pos = read_length(payload, wire.HEADER_BYTES)
        symbol = payload[pos : (pos := pos + length)]
        interval_ns, pos = read_long(payload, pos)
        event_ns, pos = read_long(payload, pos)
        deltas, a, _open, b, c, high, d, e, low, f, g, close, h, i = _PRICES.unpack_from(payload, pos)
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
        tail = payload[pos:]
        if len(tail) != 5 or tail[:2] != b"\x00\x02" or tail[3:] != b"\x00\x00":
            return None
        return BarRow(symbol.decode(), interval_ns, event_ns, high, low, close, volume, trades, bid, ask, tail[2])
    except (IndexError, ValueError, struct.error):
        return None
