"""Read what a Mark needs of a FeatureFrame of one row without decoding the rest: the router sees one every second.

Only the canonical bytes of one row without indicators are read (what analytics writes for 1 s); anything else gives
None, and the caller decodes it whole. Both ways give the same row: a test holds that.
"""

from typing import NamedTuple

from streams.bars.row import read_row

_NO_NAMES_NO_VALUES = b"\x00\x00"


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
    row = read_row(payload)
    if row is None or payload[row.names_at :] != _NO_NAMES_NO_VALUES:
        return None
    symbol, interval_ns, event_ns, _, high, low, close, volume, trades, bid, ask, session, _ = row
    return BarRow(symbol, interval_ns, event_ns, high, low, close, volume, trades, bid, ask, session)
