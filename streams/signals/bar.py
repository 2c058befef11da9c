"""Read one closed bar with its indicators without columns: most frames that strategies read hold a single row.

What is not canonical, or has a figure out of its bounds, gives None: the caller decodes it whole, which says what is
wrong with it. Both ways give the same row: a test holds that.
"""

from struct import Struct
from typing import NamedTuple

from schemas import wire
from schemas.primitives import read_array, read_long, read_text
from streams.bars.row import HEADER, OneRow, read_row
from streams.checks import INFINITY
from streams.signals.strategy import Row


class Bar(NamedTuple):
    """A frame's only row, and the length of its bar."""

    interval_ns: int
    row: Row


class Names(NamedTuple):
    """What lies behind a row: how it begins (names, and the head of the values), the names, the values' reader."""

    head: bytes
    names: tuple[str, ...]
    values: Struct


class BarReader:
    """Reads a payload for the signals stage: a Bar where that is possible, else what wire.decode gives.

    It keeps the names of the last frame that it read, as bytes: those of the next are seldom others.
    """

    def __init__(self) -> None:
        self._names = Names(b"", (), Struct(""))

    def read(self, payload: bytes) -> object:
        """Return the bar or record; WireError as wire.decode."""
        row = read_row(payload) if payload.startswith(HEADER) else None
        found = self._bar(payload, row) if row is not None and _usual(row) else None
        return found if found is not None else wire.decode(payload)

    def _bar(self, payload: bytes, one: OneRow) -> Bar | None:
        if not self._names.head or not payload.startswith(self._names.head, one.names_at):
            found = _names(payload, one.names_at)
            if found is None:
                return None
            self._names = found
        head, names, values = self._names
        start = one.names_at + len(head)
        if len(payload) != start + values.size + 1 or payload[-1]:
            return None
        symbol, _, event_ns, open_, high, low, close, volume, _, bid, ask, session, _ = one
        named = dict(zip(names, values.unpack_from(payload, start), strict=True))
        return Bar(
            one.interval_ns,
            Row(symbol, event_ns, open_, high, low, close, volume, bid, ask, session, named),
        )


def _usual(row: OneRow) -> bool:
    """Return whether every figure is within the bounds that stage.rows checks. False of a bar without a price."""
    first, last = (row.open, row.close) if row.open <= row.close else (row.close, row.open)
    return (
        0 < row.low <= first <= last <= row.high < INFINITY
        and (row.bid != row.bid or 0 < row.bid < INFINITY)
        and (row.ask != row.ask or 0 < row.ask < INFINITY)
        and row.volume >= 0
    )


def _names(payload: bytes, pos: int) -> Names | None:
    """Read the names at a position, and the head of as many values; None where there is anything else."""
    try:
        names, end = read_array(payload, pos, 1, read_text)
        count, end = read_long(payload, end)
    except (IndexError, UnicodeDecodeError, wire.WireError):
        return None
    return Names(payload[pos:end], names, Struct(f"<{count}d")) if count == len(names) > 0 else None
