"""What a source says besides prices: sessions, heartbeats, corporate actions, gaps; and the order of it all.

Order within a partition is by event time; at one instant events stand before frames. A frame never crosses a heartbeat,
so that all that a heartbeat promises has been sent before it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import NamedTuple
from zoneinfo import ZoneInfo

from schemas.records import MarketEvent, MarketEventKind

NEW_YORK = ZoneInfo("America/New_York")
SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS


@dataclass(frozen=True)
class Session:
    """Trading hours of one day, ns UTC: pre-market from start_ns, regular in [open_ns, close_ns), then to end_ns."""

    day: date
    start_ns: int
    open_ns: int
    close_ns: int
    end_ns: int

    @property
    def is_half(self) -> bool:
        """Return whether the regular session ends early."""
        return self.close_ns - self.open_ns < 390 * MINUTE_NS


class Event(NamedTuple):
    """An event of a source before it has a partition; symbol: empty where it concerns every underlying."""

    event_ns: int
    kind: MarketEventKind
    symbol: str = ""
    start_ns: int = 0
    end_ns: int = 0
    value: float = 0.0
    text: str = ""

    def record(self, source: str) -> MarketEvent:
        """Return the record."""
        return MarketEvent(
            symbol=self.symbol,
            source=source,
            event_ns=self.event_ns,
            kind=self.kind,
            start_ns=self.start_ns,
            end_ns=self.end_ns,
            value=self.value,
            text=self.text,
        )


def at_new_york(day: date, clock: time) -> int:
    """Return the instant when New York's clocks show this time on that day, ns UTC."""
    return int(datetime.combine(day, clock, NEW_YORK).timestamp()) * SECOND_NS


def session_events(session: Session, start_ns: int, end_ns: int, heartbeat_ns: int) -> Iterator[Event]:
    """Yield a session's opening at start_ns, heartbeats, and at end_ns a last heartbeat and its closing, in order."""
    half = "half day" if session.is_half else ""
    yield Event(start_ns, MarketEventKind.SESSION_OPEN, start_ns=session.open_ns, end_ns=session.close_ns, text=half)
    first = start_ns // heartbeat_ns * heartbeat_ns + heartbeat_ns
    for beat_ns in (*range(first, end_ns, heartbeat_ns), end_ns):
        yield Event(beat_ns, MarketEventKind.HEARTBEAT)
    yield Event(end_ns, MarketEventKind.SESSION_CLOSE)
