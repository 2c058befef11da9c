"""A simulated market as a source: seeded sessions of nine symbols, as many ticks a second as is asked for.

    source = open_sim(seed=7, minutes=60)
    for record in source.records(partitions=3): ...
    source.truth                                     # the planted moves

The same parameters give the same records, on every run and from every restart; nothing is drawn from a clock.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property

import numpy as np

from connectors.sources.calendars import exchange_calendar
from connectors.sources.frames import FrameRule
from connectors.sources.record import Rejects, SourceRecord
from connectors.sources.sessions import SECOND_NS, Event, Session, session_events
from connectors.sources.sim_market import INSTRUMENTS, Instrument, MarketDay, PlantedMove, generator, simulate_day
from connectors.sources.sim_ticks import Cells, cut_day, simulate_ticks
from connectors.sources.timeline import Timeline, tick_frames
from schemas.records import MarketEventKind

NAME = "sim"
VERSION = 1
"""Raised when the same parameters give other records than before, so that no run goes on with another market."""
DEFAULT_DAY = date(2025, 6, 2)


@dataclass(frozen=True)
class SimParams:
    """What makes a simulated recording; its hash is its name.

    day: first session (the next one where the market is closed). days: sessions. rate: ticks a second of event time,
    all symbols, mean over the regular session. minutes: only so much of each regular session, None: all of the day.
    """

    seed: int = 1
    day: date = DEFAULT_DAY
    days: int = 1
    symbols: tuple[str, ...] = tuple(one.symbol for one in INSTRUMENTS)
    rate: float = 60.0
    minutes: int | None = None
    rule: FrameRule = field(default_factory=lambda: FrameRule(64, 250_000_000))
    heartbeat_ns: int = 5 * SECOND_NS

    def __post_init__(self) -> None:
        known = {one.symbol for one in INSTRUMENTS}
        if unknown := sorted(set(self.symbols) - known):
            raise ValueError(f"symbols are of {', '.join(sorted(known))}, was {unknown[0]!r}")
        if not self.symbols or self.days < 1 or not 0 < self.rate < 1e7 or (self.minutes or 1) < 1 or self.seed < 0:
            raise ValueError(f"expected symbols, days >= 1, 0 < rate < 10 million, minutes >= 1, seed >= 0; was {self}")
        if self.heartbeat_ns % self.rule.span_ns:
            raise ValueError("a heartbeat must be a multiple of the frames' span, or a frame could cross it")


@dataclass
class SimSource:
    """See Source. Built by open_sim."""

    params: SimParams
    sessions: tuple[Session, ...]
    rejects: Rejects = field(default_factory=Rejects)
    name: str = NAME

    @cached_property
    def plan(self) -> str:
        """Return the origin of all records, less the partition: a hash of the parameters."""
        text = f"{VERSION} {np.__version__} {self.params!r}"
        return f"{NAME}/{hashlib.sha256(text.encode()).hexdigest()[:16]}"

    @property
    def symbols(self) -> tuple[str, ...]:
        """Return the simulated symbols."""
        return self.params.symbols

    @cached_property
    def days(self) -> tuple[MarketDay, ...]:
        """Return the market of each day at the height of minutes."""
        out: list[MarketDay] = []
        for number, session in enumerate(self.sessions):
            before = out[-1].price[:, -1] if out else None
            # All symbols are simulated, whichever are played: each has the same prices in every choice.
            out.append(simulate_day(self.params.seed, number, session, before, self.params.minutes, INSTRUMENTS))
        return tuple(out)

    @property
    def truth(self) -> tuple[PlantedMove, ...]:
        """Return the planted moves by time."""
        return tuple(move for day in self.days for move in day.moves if move.symbol in self.params.symbols)

    @property
    def first_ns(self) -> int:
        """Return event time of the first record."""
        return self.days[0].start_ns

    @property
    def last_ns(self) -> int:
        """Return event time of the last record."""
        return self.days[-1].end_ns

    @cached_property
    def rows_total(self) -> int | None:
        """Return about how many ticks there are."""
        chosen = self._chosen()
        return int(sum(cells.rows_expected[chosen].sum() for day in self.days for cells in self._cells(day)))

    def records(self, partitions: int) -> Iterator[SourceRecord]:
        """Yield every record in event-time order. Memory is bounded by sim_ticks.CHUNK_ROWS."""
        timeline = Timeline(NAME, self.plan, partitions)
        yield from timeline.merge([], [Event(self.first_ns, MarketEventKind.SOURCE_OPEN)])
        for number, day in enumerate(self.days):
            events = list(session_events(day.session, day.start_ns, day.end_ns, self.params.heartbeat_ns))
            told = 0
            for chunk, cells in enumerate(self._cells(day)):
                end_ns = int(cells.start_ns[-1]) + cells.length_ns
                random = generator(self.params.seed, number, 1, chunk)
                ticks = simulate_ticks(random, cells, INSTRUMENTS)
                frames = [
                    tick_frames(INSTRUMENTS[row].symbol, NAME, "", ticks[row], self.params.rule)
                    for row in self._chosen()
                    if len(ticks[row])
                ]
                until = next((at for at in range(told, len(events)) if events[at].event_ns >= end_ns), len(events))
                yield from timeline.merge(frames, events[told:until])
                told = until
            yield from timeline.merge([], events[told:])
        yield from timeline.merge([], [Event(self.last_ns, MarketEventKind.SOURCE_CLOSE)])

    def _cells(self, day: MarketDay) -> list[Cells]:
        return cut_day(day, INSTRUMENTS, self.params.rate)

    def _chosen(self) -> list[int]:
        return [row for row, one in enumerate(INSTRUMENTS) if one.symbol in self.params.symbols]


def open_sim(
    seed: int = 1,
    day: date = DEFAULT_DAY,
    days: int = 1,
    symbols: Sequence[str] = (),
    rate: float = 60.0,
    minutes: int | None = None,
    rule: FrameRule | None = None,
    heartbeat_ns: int = 5 * SECOND_NS,
) -> SimSource:
    """Open a simulated recording; see SimParams. symbols: all nine where empty. ValueError for a bad parameter."""
    names = tuple(one.symbol for one in INSTRUMENTS)
    wanted = {symbol.upper() for symbol in symbols} or set(names)
    chosen = (*(name for name in names if name in wanted), *sorted(wanted - set(names)))
    params = SimParams(seed, day, days, chosen, rate, minutes, rule or FrameRule(64, 250_000_000), heartbeat_ns)
    calendar = exchange_calendar(day, day + timedelta(days=days * 2 + 14))
    sessions: list[Session] = []
    at = day
    while len(sessions) < days:
        if session := calendar.session(at):
            sessions.append(session)
        at += timedelta(days=1)
    return SimSource(params, tuple(sessions))


__all__ = ["INSTRUMENTS", "Instrument", "PlantedMove", "SimParams", "SimSource", "open_sim"]
