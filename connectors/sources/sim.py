"""A simulated market as a source: seeded sessions of nine symbols, as many ticks a second as is asked for.

    source = open_sim(seed=7, minutes=60)
    for record in source.records(partitions=3): ...
    source.truth                                     # the planted moves
    source.option_truth("AAPL")                      # what its options are drawn around: open_sim(options=...)

The same parameters give the same records, on every run and from every restart; nothing is drawn from a clock.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property

import numpy as np

from connectors.sources.calendars import Calendar, exchange_calendar
from connectors.sources.frames import FrameRule
from connectors.sources.record import Rejects, SourceRecord
from connectors.sources.sessions import SECOND_NS, Event, Session, session_events
from connectors.sources.sim_chain_listing import Listing, calendar_days
from connectors.sources.sim_chain_market import OptionParams, OptionTruth
from connectors.sources.sim_market import INSTRUMENTS, Instrument, MarketDay, PlantedMove, generator, simulate_day
from connectors.sources.sim_option_days import OptionDay, SimOptions, opening_price, sim_options
from connectors.sources.sim_ticks import Cells, cut_day, simulate_ticks
from connectors.sources.timeline import Frames, Timeline, tick_frames
from schemas.records import MarketEventKind

NAME = "sim"
VERSION = 1
"""Raised when the same parameters give other records than before, so that no run goes on with another market."""
OPTIONS_VERSION = 1
"""Of what options add."""
DEFAULT_DAY = date(2025, 6, 2)


@dataclass(frozen=True)
class SimParams:
    """What makes a simulated recording; its hash is its name.

    day: first session (the next one where the market is closed). days: sessions. rate: ticks a second of event time,
    all symbols, mean over the regular session. minutes: only so much of each regular session, None: all of the day.
    options: of which symbols and how, None: of none.
    """

    seed: int = 1
    day: date = DEFAULT_DAY
    days: int = 1
    symbols: tuple[str, ...] = tuple(one.symbol for one in INSTRUMENTS)
    rate: float = 60.0
    minutes: int | None = None
    rule: FrameRule = field(default_factory=lambda: FrameRule(64, 250_000_000))
    heartbeat_ns: int = 5 * SECOND_NS
    # Without options the recording's name is what it was before there were any.
    options: OptionParams | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        known = {one.symbol for one in INSTRUMENTS}
        if unknown := sorted(set(self.symbols) - known):
            raise ValueError(f"symbols are of {', '.join(sorted(known))}, was {unknown[0]!r}")
        if not self.symbols or self.days < 1 or not 0 < self.rate < 1e7 or (self.minutes or 1) < 1 or self.seed < 0:
            raise ValueError(f"expected symbols, days >= 1, 0 < rate < 10 million, minutes >= 1, seed >= 0; was {self}")
        if self.heartbeat_ns % self.rule.span_ns:
            raise ValueError("a heartbeat must be a multiple of the frames' span, or a frame could cross it")
        if self.options and (absent := sorted(set(self.options.symbols) - set(self.symbols))):
            raise ValueError(f"options need their underlying's ticks: {absent[0]} is not among the symbols")


@dataclass
class SimSource:
    """See Source. Built by open_sim."""

    params: SimParams
    sessions: tuple[Session, ...]
    rejects: Rejects = field(default_factory=Rejects)
    name: str = NAME
    calendar: Calendar = field(default_factory=Calendar)

    @cached_property
    def plan(self) -> str:
        """Return the origin of all records, less the partition: a hash of the parameters."""
        text = f"{VERSION} {np.__version__} {self.params!r}"
        if self.params.options:
            text += f" {OPTIONS_VERSION} {self.params.options!r}"
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
            if self._options and before is not None:
                before = self._options.overnight(before, out[-1].end_ns, session)
            # All symbols are simulated, whichever are played: each has the same prices in every choice.
            day = simulate_day(self.params.seed, number, session, before, self.params.minutes, INSTRUMENTS)
            out.append(self._options.evening(day) if self._options else day)
        return tuple(out)

    @cached_property
    def _options(self) -> SimOptions | None:
        of = self.params.options
        return sim_options(of, self.params.seed, self.calendar, self.sessions) if of else None

    @cached_property
    def listings(self) -> list[dict[str, list[Listing]]]:
        """Return what options are listed on each day, by symbol and expiry; of none without options."""
        return self._options.listings(self.days) if self._options else [{} for _ in self.days]

    def option_truth(self, symbol: str) -> OptionTruth:
        """Return the truth of an underlying's options; KeyError where it has none."""
        return self.option_truths[symbol]

    @property
    def option_truths(self) -> Mapping[str, OptionTruth]:
        """Return the truths of all options by underlying."""
        return self._options.truths if self._options else {}

    @property
    def truth(self) -> tuple[PlantedMove, ...]:
        """Return the planted moves by time."""
        return tuple(move for day in self.days for move in day.moves if move.symbol in self.params.symbols)

    def spot(self, symbol: str, day: MarketDay) -> float:
        """Return the price of a symbol at a day's regular opening, quote currency."""
        return opening_price(symbol, day)

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
        """Return about how many ticks and rows of options there are."""
        chosen = self._chosen()
        ticks = [np.sum([cells.rows_expected.sum(axis=1) for cells in self._cells(day)], axis=0) for day in self.days]
        options = self._options.rows(self.days, ticks) if self._options else 0
        return int(sum(one[chosen].sum() for one in ticks)) + options

    def records(self, partitions: int) -> Iterator[SourceRecord]:
        """Yield every record in event-time order.

        Memory is bounded by sim_ticks.CHUNK_ROWS and sim_option_days.PIECE_ROWS.
        """
        timeline = Timeline(NAME, self.plan, partitions)
        news = self._options.news(self.first_ns) if self._options else []
        yield from timeline.merge([], [Event(self.first_ns, MarketEventKind.SOURCE_OPEN), *news])
        for number, day in enumerate(self.days):
            events = list(session_events(day.session, day.start_ns, day.end_ns, self.params.heartbeat_ns))
            told = 0
            options = OptionDay(self._options, number, day, self.listings[number]) if self._options else None
            for chunk, cells in enumerate(self._cells(day)):
                end_ns = int(cells.start_ns[-1]) + cells.length_ns
                random = generator(self.params.seed, number, 1, chunk)
                ticks = simulate_ticks(random, cells, INSTRUMENTS)
                frames = [
                    tick_frames(INSTRUMENTS[row].symbol, NAME, "", ticks[row], self.params.rule)
                    for row in self._chosen()
                    if len(ticks[row])
                ]
                pieces: Iterable[tuple[list[Frames], int]] = [(frames, end_ns)]
                if options:
                    begin_ns = int(cells.start_ns[0])
                    pieces = options.pieces(NAME, begin_ns, end_ns, ticks, frames, self.params.rule)
                for some, to_ns in pieces:
                    until = next((at for at in range(told, len(events)) if events[at].event_ns >= to_ns), len(events))
                    yield from timeline.merge(some, events[told:until])
                    told = until
            yield from timeline.merge([], events[told:])
        yield from timeline.merge([], [Event(self.last_ns, MarketEventKind.SOURCE_CLOSE)])

    def _cells(self, day: MarketDay) -> list[Cells]:
        return cut_day(day, INSTRUMENTS, self.params.rate)

    def _chosen(self) -> list[int]:
        return [row for row, one in enumerate(INSTRUMENTS) if one.symbol in self.params.symbols]


def chosen_symbols(symbols: Sequence[str]) -> tuple[str, ...]:
    """Return symbols in the order of the instruments, unknown ones last, in capitals; all nine where empty."""
    names = tuple(one.symbol for one in INSTRUMENTS)
    wanted = {symbol.upper() for symbol in symbols} or set(names)
    return (*(name for name in names if name in wanted), *sorted(wanted - set(names)))


def open_sim(
    seed: int = 1,
    day: date = DEFAULT_DAY,
    days: int = 1,
    symbols: Sequence[str] = (),
    rate: float = 60.0,
    minutes: int | None = None,
    rule: FrameRule | None = None,
    heartbeat_ns: int = 5 * SECOND_NS,
    options: OptionParams | None = None,
) -> SimSource:
    """Open a simulated recording; see SimParams. symbols: all nine where empty. ValueError for a bad parameter."""
    names = tuple(one.symbol for one in INSTRUMENTS)
    wanted = {symbol.upper() for symbol in symbols} or set(names)
    chosen = (*(name for name in names if name in wanted), *sorted(wanted - set(names)))
    params = SimParams(
        seed, day, days, chosen, rate, minutes, rule or FrameRule(64, 250_000_000), heartbeat_ns, options
    )
    # Options ask about the last expiry's day, and about the week before the first session.
    ahead, back = (calendar_days(options.expiries), 10) if options else (0, 0)
    calendar = exchange_calendar(day - timedelta(days=back), day + timedelta(days=days * 2 + 14 + ahead))
    sessions: list[Session] = []
    at = day
    while len(sessions) < days:
        if session := calendar.session(at):
            sessions.append(session)
        at += timedelta(days=1)
    return SimSource(params, tuple(sessions), calendar=calendar)


__all__ = [
    "INSTRUMENTS",
    "Instrument",
    "OptionParams",
    "PlantedMove",
    "SimParams",
    "SimSource",
    "chosen_symbols",
    "open_sim",
]
