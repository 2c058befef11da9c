"""LEAN's recordings as a source: ticks where there are any, else the finest bars, with sessions and corporate actions.

    source = open_lean([folder], symbols=("SPY", "IBM"), first=date(2013, 10, 7))
    for record in source.records(partitions=3): ...

One resolution a symbol and day, and beside it the symbol's options, which are recorded by the minute. Trades and
quotes of a symbol and day are one recording: its name is a hash of both zips, its rows are numbered in merged order;
so are the zips of its options. Sessions, heartbeats, splits, dividends and gaps are the plan's own records.
"""

import hashlib
import math
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path

import numpy as np

from connectors.sources.calendars import REGULAR_OPEN, Calendar
from connectors.sources.frames import I64, Bars, FrameRule
from connectors.sources.lean_files import (
    ASSETS,
    EQUITY,
    FINE,
    INTERVAL_NS,
    LeanFile,
    NoLeanDataError,
    find_files,
    find_roots,
    parse_resolutions,
)
from connectors.sources.lean_options import read_options
from connectors.sources.lean_parse import read_bars, read_ticks
from connectors.sources.lean_reference import Securities, load_calendar
from connectors.sources.lean_zip import file_sha256
from connectors.sources.record import Rejects, SourceReason, SourceRecord
from connectors.sources.sessions import MINUTE_NS, SECOND_NS, Event, Session, at_new_york, session_events
from connectors.sources.timeline import Frames, Timeline, bar_frames, option_frames, tick_frames
from schemas.records import MarketEventKind

NAME = "lean"
_ROW_BYTES = {"trade": 27, "quote": 33, "openinterest": 13}


PAST = timedelta(days=400)
"""How far back dividends are told where options begin."""


@dataclass(frozen=True)
class LeanParams:
    """What a run takes from the folders, and how it is cut; part of the plan's name.

    stand_in_quotes: second quote bars stand in for quote ticks that were not recorded. options: with options, and with
    the indices under them.
    """

    symbols: tuple[str, ...] = ()
    first: date = date.min
    last: date = date.max
    resolutions: tuple[str, ...] = tuple(INTERVAL_NS)
    rule: FrameRule = field(default_factory=FrameRule)
    heartbeat_ns: int = MINUTE_NS
    stand_in_quotes: bool = True
    options: bool = True

    def __post_init__(self) -> None:
        if self.heartbeat_ns % self.rule.span_ns:
            raise ValueError("a heartbeat must be a multiple of the frames' span, or a frame could cross it")


@dataclass(frozen=True)
class History:
    """Hour or daily bars of one symbol: read once, as one file holds every day."""

    origin: str
    bars: Bars
    day: I64


@dataclass(frozen=True)
class SymbolDay:
    """What is recorded of a symbol on a day. files: of one resolution, by kind; rows: of the history, [first, end).

    is_option: it is the symbol's options that are recorded; files: by root and kind.
    """

    symbol: str
    resolution: str
    origin: str
    files: dict[str, LeanFile]
    rows: tuple[int, int] = (0, 0)
    is_option: bool = False


@dataclass
class LeanSource:
    """See Source. Built by open_lean."""

    params: LeanParams
    calendar: Calendar
    securities: Securities
    days: dict[date, list[SymbolDay]]
    histories: dict[tuple[str, str], History]
    opening_rejects: Rejects
    rejects: Rejects = field(default_factory=Rejects)
    name: str = NAME

    @cached_property
    def plan(self) -> str:
        """Return the origin of what the plan itself says: a hash of all that makes its records."""
        parts = [repr(self.params.rule), str(self.params.heartbeat_ns)]
        parts += [f"{day} {part.symbol} {part.origin} {part.rows}" for day in self.days for part in self.days[day]]
        return f"lean-plan/{hashlib.sha256(' '.join(parts).encode()).hexdigest()[:16]}"

    @property
    def symbols(self) -> tuple[str, ...]:
        """Return every symbol that has data, sorted."""
        return tuple(sorted({part.symbol for parts in self.days.values() for part in parts}))

    @property
    def first_ns(self) -> int:
        """Return event time of the first record: the first day's pre-market opens."""
        return self._session(min(self.days)).start_ns

    @property
    def last_ns(self) -> int:
        """Return event time of the last record, or little less: the last day's evening ends."""
        return self._session(max(self.days)).end_ns

    @cached_property
    def rows_total(self) -> int | None:
        """Return about how many ticks and bars there are, by the size of the files."""
        rows = 0
        for part in (part for parts in self.days.values() for part in parts):
            rows += part.rows[1] - part.rows[0] + sum(_estimate(file) for file in part.files.values())
        return rows

    def records(self, partitions: int) -> Iterator[SourceRecord]:
        """Yield every record in event-time order. One day is held in memory at a time."""
        self.rejects.reset(self.opening_rejects)
        timeline = Timeline(NAME, self.plan, partitions)
        newest_day: dict[str, date] = {}
        paid: set[str] = set()
        end_ns = 0
        for at, day in enumerate(self.days):
            session = self._session(day)
            opening = [Event(session.start_ns, MarketEventKind.SOURCE_OPEN)] if at == 0 else []
            for part in self.days[day]:
                opening += self._news(part.symbol, newest_day.get(part.symbol), day)
                newest_day[part.symbol] = day
                if part.is_option and part.symbol not in paid:
                    paid.add(part.symbol)
                    opening += self._paid(part.symbol, day)
            frames, gaps = self._read(day)
            latest_ns = max((int(one.sent_ns[-1]) for one in frames), default=0)
            end_ns = max(session.end_ns, -(-(latest_ns + 1) // SECOND_NS) * SECOND_NS)
            coarsest_ns = min(INTERVAL_NS[part.resolution] for part in self.days[day])
            heartbeat_ns = max(self.params.heartbeat_ns, coarsest_ns)
            said = list(session_events(session, session.start_ns, end_ns, heartbeat_ns))
            yield from timeline.merge(frames, [*opening, *said, *gaps])
        yield from timeline.merge([], [Event(end_ns, MarketEventKind.SOURCE_CLOSE)])

    def _session(self, day: date) -> Session:
        session = self.calendar.session(day)
        assert session is not None, "days without a session are left out when the source is opened"
        return session

    def _news(self, symbol: str, before: date | None, day: date) -> Iterator[Event]:
        """Yield what became of a symbol since the day before it in this recording: a gap, dividends, splits."""
        session = self._session(day)
        now_ns = session.start_ns
        if before and self.calendar.next_session_day(before) < day:
            lost_ns = self._session(before).end_ns
            text = f"not recorded after {before}"
            yield Event(now_ns, MarketEventKind.GAP, symbol, start_ns=lost_ns, end_ns=now_ns, text=text)
        factors = self.securities.factors(self.securities.permanent_ticker(symbol.lower(), day))
        for action in factors.actions(before or day - timedelta(days=1), day, self.calendar):
            kind = MarketEventKind.SPLIT if action.is_split else MarketEventKind.DIVIDEND
            yield Event(now_ns, kind, symbol, value=action.value, text=f"ex {action.ex_day}")

    def _paid(self, symbol: str, day: date) -> Iterator[Event]:
        """Yield the dividends of the year before a day, in its shares: what options' forecasts begin with."""
        begin_ns = self._session(day).start_ns
        factors = self.securities.factors(self.securities.permanent_ticker(symbol.lower(), day))
        actions = factors.actions(day - PAST, day - timedelta(days=1), self.calendar)
        for number, action in enumerate(actions):
            if action.is_split:
                continue
            ratio = math.prod(later.value for later in actions[number:] if later.is_split)
            ex_ns = at_new_york(action.ex_day, REGULAR_OPEN)
            text = f"ex {action.ex_day}"
            yield Event(
                begin_ns, MarketEventKind.DIVIDEND, symbol, start_ns=ex_ns, value=action.value / ratio, text=text
            )

    def _read(self, day: date) -> tuple[list[Frames], list[Event]]:
        """Return the day's frames, one entry a symbol, and a gap where a file broke off."""
        frames, gaps = [], []
        for part in self.days[day]:
            broken_before = self.rejects.broken_files()
            one = self._frames_of(part, day)
            if one is not None:
                frames.append(one)
            if self.rejects.broken_files() > broken_before:
                session = self._session(day)
                # Of options whole contracts are missing, from the morning on.
                lost_ns = int(one.sent_ns[-1]) + 1 if one and not part.is_option else session.start_ns
                end_ns = max(session.end_ns, lost_ns)
                text = f"the recording {'of the options ' if part.is_option else ''}is broken"
                gaps.append(
                    Event(lost_ns, MarketEventKind.GAP, part.symbol, start_ns=lost_ns, end_ns=end_ns, text=text)
                )
        return frames, gaps

    def _frames_of(self, part: SymbolDay, day: date) -> Frames | None:
        """Return the frames of what is recorded of a symbol on a day; None where nothing of it can be used."""
        got, rule = part.files, self.params.rule
        if part.is_option:
            options = read_options(list(got.values()), day, self.rejects)
            return option_frames(part.symbol, NAME, part.origin, options, rule) if len(options) else None
        if part.resolution == "tick":
            ticks = read_ticks(got.get("trade"), got.get("quote"), got.get("stand_in"), day, self.rejects)
            return tick_frames(part.symbol, NAME, part.origin, ticks, rule) if len(ticks) else None
        bars, row_before = self._bars(part, day)
        if not len(bars):
            return None
        return bar_frames(part.symbol, NAME, part.origin, bars, self._known_ns(bars, day), rule, row_before)

    def _bars(self, part: SymbolDay, day: date) -> tuple[Bars, int]:
        if part.resolution in FINE:
            return read_bars(part.files.get("trade"), part.files.get("quote"), day, self.rejects), 0
        bars = self.histories[part.symbol, part.resolution].bars
        a, b = part.rows
        names = ("start_ns", "open", "high", "low", "close", "volume", "bid", "ask")
        return replace(bars, **{name: getattr(bars, name)[a:b] for name in names}), a

    def _known_ns(self, bars: Bars, day: date) -> I64:
        """Return when each bar is known: just before its end; a day's bar when the regular session closes."""
        ends_ns = bars.start_ns + bars.interval_ns
        if bars.interval_ns == INTERVAL_NS["daily"]:
            ends_ns = np.minimum(ends_ns, self._session(day).close_ns)
        return ends_ns - 1


def open_lean(
    folders: Sequence[Path | str],
    symbols: Sequence[str] = (),
    first: date | None = None,
    last: date | None = None,
    resolution: str = "auto",
    rule: FrameRule | None = None,
    heartbeat_ns: int = MINUTE_NS,
    stand_in_quotes: bool = True,
    options: bool = True,
) -> LeanSource:
    """Open LEAN data at, above or below the folders.

    symbols: tickers, all where empty; an underlying's options come with it. first, last: days, inclusive. resolution:
    auto (the finest of each symbol and day) or a comma-separated list of tick, second, minute, hour, daily, of which
    the finest is taken. options: play options (minutes, so where resolution has minute) and the indices under them.
    Raises NoLeanDataError where there is nothing of the kind, ValueError for a bad parameter.
    """
    wanted = tuple(sorted({symbol.upper() for symbol in symbols}))
    params = LeanParams(
        wanted,
        first or date.min,
        last or date.max,
        parse_resolutions(resolution),
        rule or FrameRule(),
        heartbeat_ns,
        stand_in_quotes,
        options,
    )
    paths = [Path(folder) for folder in folders]
    files = find_files(paths, params.resolutions, wanted, ASSETS if options else (EQUITY,))
    rejects = Rejects()
    histories = _read_histories(files, rejects)
    found = _by_day(files, histories, params)
    if not found:
        raise NoLeanDataError(f"nothing recorded in {', '.join(map(str, folders))} for {params}")
    roots = list(dict.fromkeys(root for path in paths for root in find_roots(path)))
    calendar = load_calendar(roots, min(found), max(found))
    for day in [day for day in found if calendar.session(day) is None]:
        for part in found.pop(day):
            file = next(iter(part.files.values()), None)
            place = str(file.path) if file else f"{part.symbol} {part.resolution}"
            rejects.add(SourceReason.CLOSED_MARKET, place, 0, f"the market is closed on {day}")
    if not found:
        raise NoLeanDataError("nothing recorded on a day with a session")
    bars_of_seconds = find_files(paths, ("second",), wanted) if stand_in_quotes and "tick" in params.resolutions else []
    stand_ins = {(file.symbol, file.day): file for file in bars_of_seconds if file.kind == "quote"}
    days = {
        day: [_identify(part, stand_ins.get((part.symbol, day)), histories) for part in found[day]]
        for day in sorted(found)
    }
    return LeanSource(params, calendar, Securities(roots), days, histories, rejects)


def _read_histories(files: list[LeanFile], rejects: Rejects) -> dict[tuple[str, str], History]:
    by_kind: dict[tuple[str, str], dict[str, LeanFile]] = {}
    for file in files:
        if file.day is None:
            by_kind.setdefault((file.symbol, file.resolution), {})[file.kind] = file
    out = {}
    for key, kinds in by_kind.items():
        bars = read_bars(kinds.get("trade"), kinds.get("quote"), None, rejects)
        day = _local_days(bars.start_ns)
        out[key] = History(_recording(kinds), bars, day)
    return out


def _local_days(start_ns: I64) -> I64:
    """Return the day in New York of each instant, as days since 1970; no bar starts at 23:00."""
    summer_offset_ns = 4 * 3_600 * SECOND_NS
    return (start_ns - summer_offset_ns) // INTERVAL_NS["daily"]


def _by_day(
    files: list[LeanFile], histories: dict[tuple[str, str], History], params: LeanParams
) -> dict[date, list[SymbolDay]]:
    """Return by day what is recorded of each symbol at its finest resolution."""
    found: dict[tuple[date, str], dict[str, SymbolDay]] = {}
    options: dict[tuple[date, str], SymbolDay] = {}
    for file in files:
        if file.day is None or not params.first <= file.day <= params.last:
            continue
        if file.is_option:
            whole = SymbolDay(file.symbol, file.resolution, "", {}, is_option=True)
            options.setdefault((file.day, file.symbol), whole).files[f"{file.ticker} {file.kind}"] = file
        else:
            here = found.setdefault((file.day, file.symbol), {})
            part = here.setdefault(file.resolution, SymbolDay(file.symbol, file.resolution, "", {}))
            part.files[file.kind] = file
    for (symbol, resolution), history in histories.items():
        numbers, starts = np.unique(history.day, return_index=True)
        ends = np.append(starts[1:], len(history.day))
        for number, a, b in zip(numbers.tolist(), starts.tolist(), ends.tolist(), strict=True):
            day = date(1970, 1, 1) + timedelta(days=number)
            if params.first <= day <= params.last:
                here = found.setdefault((day, symbol), {})
                here[resolution] = SymbolDay(symbol, resolution, history.origin, {}, (a, b))
    out: dict[date, list[SymbolDay]] = {}
    for (day, _), here in sorted(found.items()):
        finest = next(resolution for resolution in INTERVAL_NS if resolution in here)
        out.setdefault(day, []).append(here[finest])
    for (day, _), contracts in sorted(options.items(), key=lambda item: item[0]):
        out.setdefault(day, []).append(contracts)  # Behind the underlyings: at one instant these come first.
    return out


def _identify(part: SymbolDay, stand_in: LeanFile | None, histories: dict[tuple[str, str], History]) -> SymbolDay:
    if part.origin:
        return part
    if part.is_option:
        return replace(part, origin=_recording(part.files))
    files = dict(part.files)
    if part.resolution == "tick" and "quote" not in files and stand_in:
        files["stand_in"] = stand_in
    return replace(part, files=files, origin=_recording(files))


def _recording(files: dict[str, LeanFile]) -> str:
    """Return the origin of a recording: a hash of the hashes of its files."""
    parts = (kind.encode() + file_sha256(file.path) for kind, file in sorted(files.items()))
    return f"{NAME}/{hashlib.sha256(b''.join(parts)).hexdigest()[:16]}"


def _estimate(file: LeanFile) -> int:
    try:
        with zipfile.ZipFile(file.path) as archive:
            return sum(info.file_size for info in archive.infolist()) // _ROW_BYTES[file.kind]
    except (zipfile.BadZipFile, OSError):
        return 0
