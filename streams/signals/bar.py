"""Read one closed bar with its indicators without columns: most frames that strategies read hold a single row.

What is not canonical, or has a figure out of its bounds, gives None: the caller decodes it whole, which says what is
wrong with it. Both ways give the same row: a test holds that.
"""

from collections.abc import Collection
from struct import Struct
from typing import NamedTuple

from schemas import wire
from schemas.primitives import long, read_array, read_length, read_long, read_text
from streams.bars.row import HEADER, OneRow, row_at
from streams.checks import INFINITY
from streams.signals.strategy import Row

UNWANTED_MAX = 16
NOTHING_NAMED = b"\0\0"
"""Names and values of a frame without indicators, which is what those of a second are."""
PASSED_OVER = tuple(wire.HEADERS[name] for name in ("MarketEvent", "ChainFrame", "SurfaceFrame"))


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

    intervals: nanoseconds; frames of others are of no use. sessions: of a bar in another one, the indicators are left
    unread. It keeps the names of the last frame that it read, as bytes: those of the next are seldom others; and, as
    bytes too, the first intervals that are of no use.
    """

    def __init__(self, intervals: Collection[int], sessions: Collection[int] = range(256)) -> None:
        self._intervals, self._sessions = frozenset(intervals), frozenset(sessions)
        self._known = tuple((long(interval_ns), interval_ns) for interval_ns in sorted(self._intervals))
        self._wanted = tuple(text for text, _ in self._known)
        self._unwanted: tuple[bytes, ...] = ()
        self._names = Names(b"", (), Struct(""))

    def skip(self, payload: bytes) -> bool:
        """Return whether it is an event, or a frame of bars that no strategy reads."""
        if not payload.startswith(HEADER):
            return payload.startswith(PASSED_OVER)
        pos = _behind_symbol(payload)
        if payload.startswith(self._wanted, pos):
            return False
        if payload.startswith(self._unwanted, pos):
            return True
        try:
            length, pos = read_length(payload, wire.HEADER_BYTES)
            pos += length
            interval_ns, end = read_long(payload, pos)
        except (IndexError, wire.WireError):
            return False  # decode will say what is wrong with it
        if interval_ns in self._intervals:
            return False
        if len(self._unwanted) < UNWANTED_MAX:
            self._unwanted += (payload[pos:end],)
        return True

    def read(self, payload: bytes) -> object:
        """Return the bar or record; WireError as wire.decode."""
        row = self._row(payload) if payload.startswith(HEADER) else None
        found = self._bar(payload, row) if row is not None and _usual(row) else None
        return found if found is not None else wire.decode(payload)

    def _row(self, payload: bytes) -> OneRow | None:
        """As read_row, for the intervals that are wanted."""
        pos = _behind_symbol(payload)
        for text, interval_ns in self._known:
            if payload.startswith(text, pos):
                return row_at(payload, pos + len(text), payload[wire.HEADER_BYTES + 1 : pos], interval_ns)
        return None

    def _bar(self, payload: bytes, one: OneRow) -> Bar | None:
        if payload[one.names_at :] == NOTHING_NAMED:
            symbol, _, event_ns, open_, high, low, close, volume, _, bid, ask, session, _ = one
            return Bar(one.interval_ns, Row(symbol, event_ns, open_, high, low, close, volume, bid, ask, session, {}))
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
        wanted = session in self._sessions
        named = dict(zip(names, values.unpack_from(payload, start), strict=True)) if wanted else {}
        return Bar(
            one.interval_ns,
            Row(symbol, event_ns, open_, high, low, close, volume, bid, ask, session, named),
        )


def _behind_symbol(payload: bytes) -> int:
    """Return where the interval of a frame begins; beyond its end where the symbol's length is not one byte."""
    n = payload[wire.HEADER_BYTES] if len(payload) > wire.HEADER_BYTES else 0x81
    return len(payload) if n & 0x81 else wire.HEADER_BYTES + 1 + (n >> 1)


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
    """Read the names at a position, and the head of as many values; None where there is anything else, or none."""
    try:
        names, end = read_array(payload, pos, 1, read_text)
        count, end = read_long(payload, end)
    except (IndexError, UnicodeDecodeError, wire.WireError):
        return None
    return Names(payload[pos:end], names, Struct(f"<{count}d")) if count == len(names) > 0 else None
