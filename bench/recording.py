"""Recorded SPY over and over as a source: the trade ticks of two days, repeated on the trading days that follow.

Each repetition stands on a later session, so that event time goes on as in one long recording; sessions, heartbeats
and ids are those that the file source itself would give. Where no recorded data are (AIOTS_DATA), simulated ones stand
in.
"""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np

from connectors.sources.calendars import exchange_calendar
from connectors.sources.frames import FrameRule, Ticks
from connectors.sources.lean_files import find_files
from connectors.sources.lean_parse import midnight_ns, read_ticks
from connectors.sources.record import Rejects, SourceRecord
from connectors.sources.sessions import MINUTE_NS, Event, session_events
from connectors.sources.timeline import Timeline, tick_frames
from schemas.records import MarketEventKind

SYMBOL = "SPY"
DAYS = (date(2013, 10, 7), date(2013, 10, 8))
FRAMES = FrameRule(64, MINUTE_NS)
"""As `aiots ingest lean --frame-ticks 64 --frame-ms 60000` cuts them: full frames, but none across a minute."""
_YEARS = 12


def data_folder() -> Path | None:
    """Return $AIOTS_DATA, else ../shared/data beside the project; None where neither is there."""
    named = os.environ.get("AIOTS_DATA")
    folder = Path(named) if named else Path(__file__).resolve().parents[2] / "shared" / "data"
    return folder if (folder / "lean" / "Data").is_dir() else None


@dataclass(frozen=True)
class Day:
    """The ticks of one recorded day; midnight_ns: in New York, from which they are shifted."""

    midnight_ns: int
    ticks: Ticks


def recorded_days(data: Path | None) -> tuple[str, list[Day]]:
    """Return what it is, in words, and its days."""
    if data is None:
        return "simulated SPY, 2 days", [Day(midnight_ns(day), _simulated(day, seed)) for seed, day in enumerate(DAYS)]
    files = {
        file.day: file
        for file in find_files([data / "lean" / "Data"], ("tick",), (SYMBOL,))
        if file.kind == "trade" and file.day in DAYS
    }
    days = [Day(midnight_ns(day), read_ticks(files[day], None, None, day, Rejects())) for day in DAYS if day in files]
    return "recorded SPY trades of 2013-10-07 and 08", days


def _simulated(day: date, seed: int) -> Ticks:
    """Return 350,000 trades of a regular session: a random walk of cents, as dense as the recorded days."""
    n, random = 350_000, np.random.default_rng(seed)
    open_ns, close_ns = midnight_ns(day) + 570 * MINUTE_NS, midnight_ns(day) + 960 * MINUTE_NS
    event_ns = np.sort(random.integers(open_ns // 1_000_000, close_ns // 1_000_000, n)) * 1_000_000
    price = np.round(167.0 + np.cumsum(random.normal(0.0, 0.003, n)), 2)
    size = random.integers(1, 20, n) * 100
    nothing = np.zeros(n, np.uint8)
    return Ticks(event_ns, nothing, nothing, price, size, np.zeros(n, np.int64))


@dataclass(frozen=True)
class Repeated:
    """The recorded days on session after session, until so many ticks have come; see connectors' Source.records."""

    days: list[Day]
    ticks_min: int
    rule: FrameRule = FRAMES
    heartbeat_ns: int = MINUTE_NS
    name: str = "lean"

    def records(self, partitions: int) -> Iterator[SourceRecord]:
        """Yield sessions, heartbeats and frames; every repetition is a recording of its own, with its own origin."""
        calendar = exchange_calendar(DAYS[0], date(DAYS[0].year + _YEARS, 12, 1))
        plan = f"{self.name}-plan/{hashlib.sha256(repr((self.rule, self.ticks_min)).encode()).hexdigest()[:16]}"
        timeline = Timeline(self.name, plan, partitions)
        day, ticks, count, session = DAYS[0], 0, 0, calendar.session(DAYS[0])
        assert session is not None
        opening = [Event(session.start_ns, MarketEventKind.SOURCE_OPEN)]
        while ticks < self.ticks_min:
            session = calendar.session(day)
            assert session is not None
            if session.is_half:
                day = calendar.next_session_day(day)
                continue
            source = self.days[count % len(self.days)]
            shifted = replace(source.ticks, event_ns=source.ticks.event_ns + (midnight_ns(day) - source.midnight_ns))
            origin = f"{self.name}/{hashlib.sha256(f'{count}'.encode()).hexdigest()[:16]}"
            frames = tick_frames(SYMBOL, self.name, origin, shifted, self.rule)
            said = session_events(session, session.start_ns, session.end_ns, self.heartbeat_ns)
            yield from timeline.merge([frames], [*opening, *said])
            ticks, count, opening = ticks + len(shifted), count + 1, []
            end_ns, day = session.end_ns, calendar.next_session_day(day)
        yield from timeline.merge([], [Event(end_ns, MarketEventKind.SOURCE_CLOSE)])
