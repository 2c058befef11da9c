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
    """What lies behind a row: how it begins (names, and the head of the values), the names, the values' reader.

    span: bytes in all, the end mark too.
    """

    head: bytes
    names: tuple[str, ...]
    values: Struct
    span: int


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
        self._names = Names(b"", (), Struct(""), 0)

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
        """Return the bar or record; None for a sound bar of a session that does not count. WireError as wire.decode."""
        row = self._row(payload) if payload.startswith(HEADER) else None
        if row is not None and _usual(row) and self._named(payload, row.names_at):
            return self._bar(payload, row) if row.session in self._sessions else None
        return wire.decode(payload)

    def _row(self, payload: bytes) -> OneRow | None:
        """As read_row, for the intervals that are wanted."""
        pos = _behind_symbol(payload)
        for text, interval_ns in self._known:
            if payload.startswith(text, pos):
                return row_at(payload, pos + len(text), payload[wire.HEADER_BYTES + 1 : pos], interval_ns)
        return None

    def _named(self, payload: bytes, names_at: int) -> bool:
        """Return whether names and as many values follow, and nothing else; or neither."""
        if len(payload) == names_at + 2:
            return payload.endswith(NOTHING_NAMED)
        if not self._names.head or not payload.startswith(self._names.head, names_at):
            found = _names(payload, names_at)
            if found is None:
                return False
            self._names = found
        return len(payload) == names_at + self._names.span and not payload[-1]

    def _bar(self, payload: bytes, one: OneRow) -> Bar:
        symbol, interval_ns, event_ns, open_, high, low, close, volume, _, bid, ask, session, names_at = one
        named: dict[str, float] = {}
        if len(payload) > names_at + 2:
            head, names, values, _ = self._names
            named = dict(zip(names, values.unpack_from(payload, names_at + len(head)), strict=True))
        # tuple.__new__ is what Row(...) comes to, at half the time.
        fields = (symbol, event_ns, open_, high, low, close, volume, bid, ask, session, named)
        return Bar(interval_ns, tuple.__new__(Row, fields))


def _behind_symbol(payload: bytes) -> int:
    """Return where the interval of a frame begins; beyond its end where the symbol's length is not one byte."""
    n = payload[wire.HEADER_BYTES] if len(payload) > wire.HEADER_BYTES else 0x81
    return len(payload) if n & 0x81 else wire.HEADER_BYTES + 1 + (n >> 1)


def _usual(row: OneRow) -> bool:
    """Return whether every figure is within the bounds that stage.rows checks. False of a bar without a price."""
    _, _, _, open_, high, low, close, volume, _, bid, ask, _, _ = row
    return (
        0 < low <= open_ <= high < INFINITY
        and low <= close <= high
        and (bid != bid or 0 < bid < INFINITY)
        and (ask != ask or 0 < ask < INFINITY)
        and volume >= 0
    )


def _names(payload: bytes, pos: int) -> Names | None:
    """Read the names at a position, and the head of as many values; None where there is anything else, or none."""
    try:
        names, end = read_array(payload, pos, 1, read_text)
        count, end = read_long(payload, end)
    except (IndexError, UnicodeDecodeError, wire.WireError):
        return None
    if not count == len(names) > 0:
        return None
    return Names(payload[pos:end], names, Struct(f"<{count}d"), end - pos + 8 * count + 1)
