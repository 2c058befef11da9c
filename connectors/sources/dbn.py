"""Databento's DBN files as a source: ticks, bars and options of one time line, with sessions, halts and gaps.

    source = open_dbn([Path("xnas-trades.dbn.zst"), Path("opra-cmbp-1.dbn.zst"), Path("opra-definition.dbn.zst")])
    for record in source.records(partitions=3): ...

What a record gives stands in dbn_rows.py, what its number means in dbn_symbols.py. Files are read side by side, a chunk
of each in memory; whole spans of event time are cut into frames, so where chunks end changes nothing. The files'
hashes, what is chosen and how it is cut name the plan, and number its records.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property, lru_cache
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import numpy as np

from connectors.sources.calendars import Calendar, exchange_calendar
from connectors.sources.dbn_files import CHUNK_BYTES, DbnFile, UnreadableError, open_file, read_records
from connectors.sources.dbn_frames import frames_of
from connectors.sources.dbn_rows import ROW, Reading, Rows
from connectors.sources.dbn_symbols import EQUITIES, OPRA, SymbolBook, venue_of
from connectors.sources.frames import FrameRule
from connectors.sources.record import Rejects, SourceReason, SourceRecord
from connectors.sources.sessions import MINUTE_NS, NEW_YORK, SECOND_NS, Event, Session, at_new_york, session_events
from connectors.sources.timeline import Timeline
from schemas.records import MarketEventKind

NAME = "databento"
VERSION = 1
"""Raised when the same files give other records than before, so that no run goes on with another plan."""
_END = 1 << 62
_TELL_VOLUME = frozenset({
    "trades", "mbp-1", "tbbo", "cmbp-1", "tcbbo", "ohlcv-1s", "ohlcv-1m", "ohlcv-1h", "ohlcv-1d",
})  # fmt: skip
"""Schemas that tell what was traded: two of them would tell it twice."""
_PLAYED = _TELL_VOLUME | {"bbo-1s", "bbo-1m", "cbbo-1s", "cbbo-1m", "definition", "statistics", "status"}


class NoDbnDataError(ValueError):
    """There is nothing in the files that can be played."""


@dataclass(frozen=True)
class DbnParams:
    """What a run takes from the files, and how it is cut; part of the plan's name. first, last: days in New York."""

    symbols: tuple[str, ...] = ()
    first: date | None = None
    last: date | None = None
    rule: FrameRule = field(default_factory=FrameRule)
    heartbeat_ns: int = MINUTE_NS

    def __post_init__(self) -> None:
        if self.heartbeat_ns % self.rule.span_ns:
            raise ValueError("a heartbeat must be a multiple of the frames' span, or a frame could cross it")

    @property
    def first_ns(self) -> int:
        """Return the instant from which rows are taken."""
        return at_new_york(self.first, time()) if self.first else 0

    @property
    def end_ns(self) -> int:
        """Return the instant before which rows are taken."""
        return at_new_york(self.last + timedelta(days=1), time()) if self.last else _END


class Batch(NamedTuple):
    """Rows and events of whole spans, by time; until_ns: everything before it has been given."""

    rows: Rows
    events: list[Event]
    until_ns: int

    @property
    def first_ns(self) -> int:
        """Return the time of the first row or event; there is one."""
        first_row_ns = int(self.rows["time"][0]) if len(self.rows) else _END
        return min(first_row_ns, self.events[0].event_ns if self.events else _END)

    def part(self, end_ns: int) -> tuple["Batch", "Batch"]:
        """Return what comes before an instant, and the rest."""
        at = int(np.searchsorted(self.rows["time"], end_ns))
        told = sum(event.event_ns < end_ns for event in self.events)
        before = Batch(self.rows[:at], self.events[:told], min(end_ns, self.until_ns))
        return before, Batch(self.rows[at:], self.events[told:], self.until_ns)

    def __bool__(self) -> bool:
        return bool(len(self.rows) or self.events)


class _Stream:
    """One file, as far as it has been read and not yet given. newest_ns: all before it has been read."""

    def __init__(self, file: DbnFile, book: SymbolBook, rejects: Rejects, params: DbnParams, chunk_bytes: int) -> None:
        self._reading = Reading(file, book, rejects, params.first_ns, params.end_ns)
        self._chunks = read_records(file, rejects, chunk_bytes)
        self._rows: list[Rows] = []
        self._events: list[Event] = []
        self.newest_ns = 0
        self.done = False

    def fill(self) -> None:
        """Read on by a chunk."""
        rejects = self._reading.rejects
        broken_before = rejects.broken_files()
        runs = next(self._chunks, None)
        for run in runs or ():
            rows, events = self._reading.take(run)
            self._rows.append(rows)
            self._events += events
        self.newest_ns = self._reading.newest_ns
        if rejects.broken_files() > broken_before:
            self._tell_gap()
        if runs is None or self.newest_ns >= self._reading.end_ns:
            self.done, self.newest_ns = True, _END

    def _tell_gap(self) -> None:
        lost_ns = (self._reading.newest_ns or self._reading.file.start_ns) + 1
        if lost_ns == 1:  # Nobody knows when.
            return
        end_ns = max(self._reading.file.end_ns, lost_ns)
        text = "a recording breaks off"
        self._events.append(Event(lost_ns, MarketEventKind.GAP, start_ns=lost_ns, end_ns=end_ns, text=text))

    def take(self, until_ns: int) -> tuple[Rows, list[Event]]:
        """Return what comes before an instant, and keep the rest."""
        whole: Rows = np.concatenate([np.zeros(0, ROW), *self._rows])
        at = int(np.searchsorted(whole["time"], until_ns))
        self._rows = [whole[at:]]
        given = [event for event in self._events if event.event_ns < until_ns]
        self._events = self._events[len(given) :]
        return whole[:at], given


@dataclass
class DbnSource:
    """See Source. Built by open_dbn."""

    params: DbnParams
    files: tuple[DbnFile, ...]
    opening_rejects: Rejects
    chunk_bytes: int = CHUNK_BYTES
    rejects: Rejects = field(default_factory=Rejects)
    name: str = NAME

    @cached_property
    def plan(self) -> str:
        """Return the origin of all records, less the partition: a hash of the files' hashes and the parameters."""
        text = f"{VERSION} {self.params!r} {' '.join(file.sha256 for file in self.files)}"
        return f"{NAME}/{hashlib.sha256(text.encode()).hexdigest()[:16]}"

    @cached_property
    def symbols(self) -> tuple[str, ...]:
        """Return the tickers that headers and definitions name, sorted."""
        return tuple(self._book.symbols())

    @cached_property
    def first_ns(self) -> int:
        """Return event time of the first record: the first day's pre-market opens, or a row comes before."""
        batch = next(self._batches(Rejects()))
        return min(_session_of(batch.first_ns).start_ns, batch.first_ns)

    @cached_property
    def last_ns(self) -> int:
        """Return event time of the last record as far as headers tell it, else the first day's end."""
        told = max((file.end_ns for file in self.files), default=0)
        return max(min(told, self.params.end_ns), _session_of(self.first_ns).end_ns)

    @property
    def rows_total(self) -> int | None:
        """Return None: only the files themselves tell how many rows are in them."""
        return None

    def check(self) -> None:
        """Raise NoDbnDataError where nothing that was asked for is in the files; reads up to the first of it."""
        if next(self._batches(Rejects()), None) is None:
            raise NoDbnDataError("the files hold no record that can be played")

    def records(self, partitions: int) -> Iterator[SourceRecord]:
        """Yield every record in event-time order. Memory is bounded by a chunk a file, or a span of event time."""
        self.rejects.reset(self.opening_rejects)
        timeline = Timeline(NAME, self.plan, partitions)
        session: Session | None = None
        pending: list[Event] = []
        for batch in self._batches(self.rejects):
            rest = batch
            while rest:
                if session is None or rest.first_ns >= session.end_ns:
                    yield from timeline.merge([], pending)
                    before, session = session, _session_of(rest.first_ns)
                    pending = self._opening(before, session, min(session.start_ns, rest.first_ns))
                now, rest = rest.part(session.end_ns)
                said = [event for event in pending if event.event_ns < now.until_ns]
                pending = pending[len(said) :]
                frames = frames_of(now.rows, self._book.instruments, NAME, self.params.rule, self.rejects)
                yield from timeline.merge(frames, sorted((*said, *now.events), key=lambda event: event.event_ns))
        yield from timeline.merge([], pending)
        if session:
            yield from timeline.merge([], [Event(session.end_ns, MarketEventKind.SOURCE_CLOSE)])

    def _opening(self, before: Session | None, session: Session, now_ns: int) -> list[Event]:
        """Return what is said of a day, to be merged with what happens on it."""
        said = [Event(now_ns, MarketEventKind.SOURCE_OPEN)] if before is None else []
        if before and _calendar(before.day.year).next_session_day(before.day) < session.day:
            text = f"not recorded after {before.day}"
            said.append(Event(now_ns, MarketEventKind.GAP, start_ns=before.end_ns, end_ns=now_ns, text=text))
        return said + list(session_events(session, session.start_ns, session.end_ns, self.params.heartbeat_ns))

    @cached_property
    def _book(self) -> SymbolBook:
        book = SymbolBook(frozenset(self.params.symbols))
        for file in self.files:
            book.add_header(file)
            if file.is_mixed or file.schema == "definition":
                for runs in read_records(file, Rejects(), self.chunk_bytes):
                    book.add_records(file, runs)
        return book

    def _batches(self, rejects: Rejects) -> Iterator[Batch]:
        """Yield what the files hold in whole spans of event time, by time; at one instant in the files' order."""
        streams = [_Stream(file, self._book, rejects, self.params, self.chunk_bytes) for file in self.files]
        span_ns = self.params.rule.span_ns
        while True:
            live = [stream for stream in streams if not stream.done]
            if live:
                min(live, key=lambda stream: stream.newest_ns).fill()
            until_ns = min(stream.newest_ns for stream in streams) if streams else _END
            until_ns = until_ns // span_ns * span_ns if until_ns < _END else _END
            taken = [stream.take(until_ns) for stream in streams]
            rows = np.concatenate([rows for rows, _ in taken])
            if (rows["time"][1:] < rows["time"][:-1]).any():
                rows = rows[np.argsort(rows["time"], kind="stable")]
            events = sorted((event for _, told in taken for event in told), key=lambda event: event.event_ns)
            if batch := Batch(rows, events, until_ns):
                yield batch
            if not live:
                return


@lru_cache(maxsize=8)
def _calendar(year: int) -> Calendar:
    return exchange_calendar(date(year, 1, 1), date(year, 12, 31))


def _session_of(event_ns: int) -> Session:
    """Return the session in which an instant lies: the first that ends after it."""
    day = datetime.fromtimestamp(event_ns // SECOND_NS, NEW_YORK).date()
    while (found := _calendar(day.year).session(day)) is None or found.end_ns <= event_ns:
        day += timedelta(days=1)
    return found


def open_dbn(
    paths: Sequence[Path | str],
    symbols: Sequence[str] = (),
    first: date | None = None,
    last: date | None = None,
    rule: FrameRule | None = None,
    heartbeat_ns: int = MINUTE_NS,
    chunk_bytes: int = CHUNK_BYTES,
) -> DbnSource:
    """Open DBN files, and those (*.dbn, *.dbn.zst) below folders.

    symbols: tickers, and underlyings of options; all where empty. first, last: days in New York, inclusive.
    Raises NoDbnDataError where nothing can be played, ValueError for a bad parameter, or for files of which two tell
    the same trades.
    """
    wanted = tuple(sorted({symbol.upper() for symbol in symbols}))
    params = DbnParams(wanted, first, last, rule or FrameRule(), heartbeat_ns)
    rejects = Rejects()
    files: dict[str, DbnFile] = {}
    for path in _found(paths):
        file = _opened(path, rejects)
        if file is not None:
            files.setdefault(file.sha256, file)
    if not files:
        reasons = "; ".join(reject.detail for reject in rejects.listed) or "there is no file *.dbn or *.dbn.zst"
        raise NoDbnDataError(f"nothing that can be played in {', '.join(map(str, paths))}: {reasons}")
    ordered = tuple(sorted(files.values(), key=lambda file: (file.start_ns, file.dataset, file.schema, file.sha256)))
    for one, other in combinations(ordered, 2):
        _check_apart(one, other)
    source = DbnSource(params, ordered, rejects, chunk_bytes)
    source.check()
    return source


def _found(paths: Sequence[Path | str]) -> list[Path]:
    out = []
    for path in map(Path, paths):
        if path.is_dir():
            out += sorted([*path.rglob("*.dbn"), *path.rglob("*.dbn.zst")])
        else:
            out.append(path)
    return out


def _opened(path: Path, rejects: Rejects) -> DbnFile | None:
    try:
        file = open_file(path)
    except UnreadableError as error:
        rejects.add(SourceReason.UNREADABLE_FILE, str(path), 0, str(error))
        return None
    detail = ""
    if venue_of(file.dataset) not in EQUITIES and venue_of(file.dataset) != OPRA:
        detail = f"dataset {file.dataset} is neither of US equities nor OPRA"
    elif file.schema and file.schema not in _PLAYED:
        detail = f"schema {file.schema} is not played"
    if detail:
        rejects.add(SourceReason.UNSUPPORTED, str(path), 0, detail)
    return None if detail else file


def _check_apart(one: DbnFile, other: DbnFile) -> None:
    """Raise ValueError where two files tell the trades of one instrument at the same time."""
    if not {one.schema, other.schema} <= _TELL_VOLUME:
        return
    if one.end_ns and other.end_ns and (one.end_ns <= other.start_ns or other.end_ns <= one.start_ns):
        return
    twice = sorted({mapping.symbol for mapping in one.mappings} & {mapping.symbol for mapping in other.mappings})
    if twice:
        day = datetime.fromtimestamp(max(one.start_ns, other.start_ns) // SECOND_NS, UTC).date()
        raise ValueError(
            f"{one.path.name} ({one.dataset} {one.schema}) and {other.path.name} ({other.dataset} {other.schema}) both"
            f" tell the trades of {twice[0]} on {day}: give one of them"
        )
