"""Databento's records as rows in event-time order: what each type gives, and what is of no use.

| schema | gives |
|---|---|
| trades | a trade |
| tbbo, tcbbo | bid and ask as they stood before the trade, then the trade |
| mbp-1, cmbp-1 | a trade where the record is one, else bid and ask as they stand after it |
| bbo-1s/1m, cbbo-1s/1m | bid and ask as the interval ends; not its last sale, whose volume is not the interval's |
| ohlcv-1s/1m/1h/1d | equities: a bar; options: a trade of the bar's close and volume (one a venue) |
| statistics | options: open interest, where it is another than was told before |
| status | equities: HALT (also pause, suspension) and the RESUME that ends it |

Event time is `ts_recv`, Databento's own order: one clock for all venues, never back, and nothing known before it came
in (ts_event, a venue's own clock, is some 10 to 300 us earlier and goes back between venues). Bars and intervals stand
at the last nanosecond of what they cover. Prices are 1e-9 of the quote currency; an undefined one is an empty side, a
row of price 0 and size 0. Flags MAYBE_BAD_BOOK and BAD_TS_RECV make a row suspicious; `condition` keeps all flags.

One book a file: of quotes that each venue gives for itself (mbp-1, bbo), OPRA's are those of the national best, other
datasets' those of the venue that speaks first. The same holds for equities' bars.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import databento_dbn as dbn
import numpy as np
import numpy.typing as npt

from connectors.sources.dbn_files import (
    BBO_1M,
    BBO_1S,
    CBBO_1M,
    CBBO_1S,
    CMBP_1,
    INTERVAL_NS,
    MBP_1,
    STATISTICS,
    STATUS,
    TCBBO,
    TRADES,
    UNDEFINED_PRICE,
    DbnFile,
    Records,
    Run,
)
from connectors.sources.dbn_symbols import LEFT_OUT, OPRA, UNKNOWN, SymbolBook, venue_of
from connectors.sources.frames import ASK, BID, I64, OPEN_INTEREST, PAIRED, SUSPICIOUS, TRADE
from connectors.sources.record import REJECTS_LISTED_MAX, Rejects, SourceReason
from connectors.sources.sessions import Event
from schemas.records import MarketEventKind

Mask = npt.NDArray[np.bool_]
BAR = 255
"""Kind of a row that is a bar: price is its close, size its volume."""
ROW = np.dtype(
    [
        ("time", "i8"), ("instrument", "i8"), ("kind", "u1"), ("flags", "u1"), ("price", "f8"), ("size", "i8"),
        ("condition", "i8"), ("start", "i8"), ("interval", "i8"), ("open", "f8"), ("high", "f8"), ("low", "f8"),
    ],
    align=True,
)  # fmt: skip
"""A row; the last five are a bar's."""
Rows = npt.NDArray[np.void]
OPRA_BEST = 30
"""Publisher of OPRA's national best bid and offer."""
_PRICE_UNIT = 1e9
_TIME_MAX = 1 << 62
_DOUBTFUL = int(dbn.F_MAYBE_BAD_BOOK) | int(dbn.F_BAD_TS_RECV)
_OPEN_INTEREST_STATISTIC = 9
_UNDEFINED_QUANTITIES = (2**31 - 1, 2**63 - 1)
_TRADING, _HALTS = 7, {8: "halt", 9: "pause", 10: "suspension"}
_OF_ONE_VENUE = (MBP_1, BBO_1S, BBO_1M)
_INTERVALS = (BBO_1S, BBO_1M, CBBO_1S, CBBO_1M)


@dataclass
class Reading:
    """How far a file has been read. newest_ns: of its rows; publisher: whose book it is, -1 before one speaks."""

    file: DbnFile
    book: SymbolBook
    rejects: Rejects
    first_ns: int = 0
    end_ns: int = _TIME_MAX
    newest_ns: int = 0
    publisher: int = -1
    halted: set[int] = field(default_factory=set)
    open_interest: dict[int, int] = field(default_factory=dict)

    @property
    def is_options(self) -> bool:
        """Return whether the file is OPRA's."""
        return venue_of(self.file.dataset) == OPRA

    def owns(self, records: Records, speakers: Records | None = None) -> Mask:
        """Return which records are of the one book that is followed: OPRA's best, else of the first of the speakers."""
        speakers = records if speakers is None else speakers
        if self.publisher < 0 and len(speakers):
            self.publisher = OPRA_BEST if self.is_options else int(speakers["publisher_id"][0])
        of_book: Mask = records["publisher_id"] == self.publisher
        return of_book

    def take(self, run: Run) -> tuple[Rows, list[Event]]:
        """Return a run's rows and events, by time, and go on; what is of no use is rejected with its number."""
        if run.rtype == STATUS:
            return _NO_ROWS, _halts(Sieve(self, run))
        read = _READ.get(run.rtype)
        return (read(Sieve(self, run)) if read else _NO_ROWS), []


class Sieve:
    """A run's records less those of no use. time, instrument: (n,), of those that are left."""

    def __init__(self, reading: Reading, run: Run) -> None:
        self.reading, self.rtype = reading, run.rtype
        self.records, self.line = run.records, np.arange(run.first, run.first + len(run.records))
        self.time, self.instrument = np.zeros(0, np.int64), np.zeros(0, np.int64)
        bar_ns = INTERVAL_NS.get(run.rtype, 0)
        stamp = run.records["ts_event" if bar_ns else "ts_recv"]
        self._drop(stamp >= np.uint64(_TIME_MAX), SourceReason.UNPARSABLE, "its time must be known")
        time = self.records["ts_event" if bar_ns else "ts_recv"].astype(np.int64)
        time += bar_ns - 1 if bar_ns else -1 if run.rtype in _INTERVALS else 0
        newest = np.maximum.accumulate(np.append(reading.newest_ns, time))
        reading.newest_ns = int(newest[-1])
        if bar_ns:
            # In a live recording a bar comes after its end, behind later ticks; it is known when it comes.
            time = newest[1:]
        self.time = time
        self.drop(time < newest[:-1], SourceReason.OUT_OF_ORDER, "ts_recv must not go back")
        self.keep((self.time >= reading.first_ns) & (self.time < reading.end_ns))
        self.instrument = reading.book.numbers(reading.file, self.records["instrument_id"].astype(np.int64), self.time)
        unknown = self.instrument == UNKNOWN
        self.drop(unknown, SourceReason.UNKNOWN_INSTRUMENT, "neither header nor definitions say what instrument it is")
        self.keep(self.instrument != LEFT_OUT)

    def __len__(self) -> int:
        return len(self.records)

    def keep(self, mask: Mask) -> None:
        """Go on with these only; the others are not of no use, only not asked for."""
        if not mask.all():
            self.records, self.line = self.records[mask], self.line[mask]
            self.time = self.time[mask]
            self.instrument = self.instrument[mask] if len(self.instrument) else self.instrument

    def drop(self, bad: Mask, reason: SourceReason, wanted: str) -> None:
        """Reject these, each with its number and bytes; wanted: what was expected of them."""
        self._reject(bad, reason, wanted)
        self.keep(~bad)

    def _drop(self, bad: Mask, reason: SourceReason, wanted: str) -> None:
        self._reject(bad, reason, wanted)
        if bad.any():
            self.records, self.line = self.records[~bad], self.line[~bad]

    def _reject(self, bad: Mask, reason: SourceReason, wanted: str) -> None:
        at = np.flatnonzero(bad)
        name, rejects = str(self.reading.file.path), self.reading.rejects
        for row in at[: REJECTS_LISTED_MAX + 1].tolist():
            seen = self.records[row]
            rejects.add(reason, name, int(self.line[row]), f"{wanted}, was {seen}", seen.tobytes())
        if len(at) > REJECTS_LISTED_MAX + 1:
            rejects.add_more(reason, name, len(at) - REJECTS_LISTED_MAX - 1)

    def not_negative(self, *names: str) -> None:
        """Reject records with a negative price."""
        bad = np.logical_or.reduce([self.records[name] < 0 for name in names])
        self.drop(bad, SourceReason.NEGATIVE, f"{', '.join(names)} must be >= 0")

    def flags(self) -> I64:
        """Return SUSPICIOUS where Databento doubts the book or the time, else 0."""
        return np.where(self.records["flags"] & _DOUBTFUL, SUSPICIOUS, 0)


def _empty(n: int) -> Rows:
    rows: Rows = np.zeros(n, ROW)
    return rows


_NO_ROWS = _empty(0)


def _trade_prices(sieve: Sieve, trades: Callable[[], Mask]) -> None:
    """Reject trades without a price > 0."""
    undefined = trades() & (sieve.records["price"] == UNDEFINED_PRICE)
    sieve.drop(undefined, SourceReason.NOT_A_NUMBER, "a trade has a price")
    sieve.drop(trades() & (sieve.records["price"] < 0), SourceReason.NEGATIVE, "a trade's price must be >= 0")
    sieve.drop(trades() & (sieve.records["price"] == 0), SourceReason.ZERO_PRICE, "a trade's price must be > 0")


def _trades(sieve: Sieve) -> Rows:
    _trade_prices(sieve, lambda: np.ones(len(sieve), bool))
    return _ordered(sieve, np.zeros(len(sieve), bool), np.ones(len(sieve), bool))


def _book(sieve: Sieve) -> Rows:
    """Return the rows of mbp-1, cmbp-1, tbbo, tcbbo."""
    of_trades = sieve.rtype == TCBBO or sieve.reading.file.schema == "tbbo"

    def trades() -> Mask:
        traded: Mask = np.ones(len(sieve), bool) if of_trades else sieve.records["action"] == b"T"
        return traded

    _trade_prices(sieve, trades)
    quoted = np.ones(len(sieve), bool) if of_trades else ~trades()
    if sieve.rtype in _OF_ONE_VENUE:
        other = quoted & ~sieve.reading.owns(sieve.records, sieve.records[quoted])
        quoted &= ~other
        if not of_trades:
            sieve.drop(other, SourceReason.OTHER_VENUE, "a quote is of the book that is followed")
            quoted = quoted[~other]
    negative = quoted & ((sieve.records["bid_px_00"] < 0) | (sieve.records["ask_px_00"] < 0))
    sieve.drop(negative, SourceReason.NEGATIVE, "bid_px_00, ask_px_00 must be >= 0")
    return _ordered(sieve, quoted[~negative], trades())


def _snapshots(sieve: Sieve) -> Rows:
    """Return the rows of bbo-1s, bbo-1m, cbbo-1s, cbbo-1m."""
    if sieve.rtype in _OF_ONE_VENUE:
        other = ~sieve.reading.owns(sieve.records)
        sieve.drop(other, SourceReason.OTHER_VENUE, "a quote is of the book that is followed")
    sieve.not_negative("bid_px_00", "ask_px_00")
    return _ordered(sieve, np.ones(len(sieve), bool), np.zeros(len(sieve), bool))


def _ordered(sieve: Sieve, quoted: Mask, traded: Mask) -> Rows:
    """Return up to three rows a record: bid, ask, trade."""
    records = sieve.records
    lengths = 2 * quoted + traded
    of = np.repeat(np.arange(len(sieve)), lengths)
    ends = np.cumsum(lengths)
    rows = _empty(len(of))
    rows["time"], rows["instrument"] = sieve.time[of], sieve.instrument[of]
    rows["flags"], rows["condition"] = sieve.flags()[of], records["flags"][of]
    if quoted.any():
        first = ends[quoted] - lengths[quoted]
        for at, (kind, side) in enumerate(((BID, "bid"), (ASK, "ask"))):
            price = records[f"{side}_px_00"][quoted]
            there = price != UNDEFINED_PRICE
            rows["kind"][first + at] = kind
            rows["price"][first + at] = np.where(there, price / _PRICE_UNIT, 0.0)
            rows["size"][first + at] = np.where(there, records[f"{side}_sz_00"][quoted], 0)
        rows["flags"][first] |= PAIRED
    if traded.any():
        last = ends[traded] - 1
        rows["kind"][last] = TRADE
        rows["price"][last] = records["price"][traded] / _PRICE_UNIT
        rows["size"][last] = records["size"][traded]
    return rows


def _bars(sieve: Sieve) -> Rows:
    """Return bars; of options trades of their closes."""
    names = ("open", "high", "low", "close")
    if not sieve.reading.is_options:
        other = ~sieve.reading.owns(sieve.records)
        sieve.drop(other, SourceReason.OTHER_VENUE, "a bar is of the venue that is followed")
    undefined = np.logical_or.reduce([sieve.records[name] == UNDEFINED_PRICE for name in names])
    sieve.drop(undefined, SourceReason.NOT_A_NUMBER, "a bar has four prices")
    sieve.not_negative(*names)
    zero = np.logical_or.reduce([sieve.records[name] == 0 for name in names])
    sieve.drop(zero, SourceReason.ZERO_PRICE, "a bar's prices must be > 0")
    got = sieve.records
    low, high = np.minimum(got["open"], got["close"]), np.maximum(got["open"], got["close"])
    crossed = (got["low"] > low) | (got["high"] < high)
    sieve.drop(crossed, SourceReason.CROSSED_BAR, "low <= open, close <= high must hold")
    huge = sieve.records["volume"] >= np.uint64(_TIME_MAX)
    sieve.drop(huge, SourceReason.UNPARSABLE, "a bar's volume must be known")
    rows = _empty(len(sieve))
    rows["time"], rows["instrument"] = sieve.time, sieve.instrument
    rows["price"], rows["size"] = sieve.records["close"] / _PRICE_UNIT, sieve.records["volume"]
    if sieve.reading.is_options:
        rows["kind"] = TRADE
        return rows
    rows["kind"] = BAR
    rows["start"], rows["interval"] = sieve.records["ts_event"], INTERVAL_NS[sieve.rtype]
    for name in names[:3]:
        rows[name] = sieve.records[name] / _PRICE_UNIT
    return rows


def _open_interest(sieve: Sieve) -> Rows:
    """Return open interest of contracts where it is another than was told before (each venue repeats it)."""
    sieve.keep((sieve.records["stat_type"] == _OPEN_INTEREST_STATISTIC) & sieve.reading.is_options)
    unknown = np.isin(sieve.records["quantity"], _UNDEFINED_QUANTITIES)
    sieve.drop(unknown, SourceReason.NOT_A_NUMBER, "open interest is a number")
    sieve.drop(sieve.records["quantity"] < 0, SourceReason.NEGATIVE, "open interest must be >= 0")
    told = sieve.reading.open_interest
    fresh = np.zeros(len(sieve), bool)
    for at, (number, size) in enumerate(
        zip(sieve.instrument.tolist(), sieve.records["quantity"].tolist(), strict=True)
    ):
        fresh[at] = told.get(number) != size
        told[number] = size
    sieve.keep(fresh)
    rows = _empty(len(sieve))
    rows["time"], rows["instrument"], rows["kind"] = sieve.time, sieve.instrument, OPEN_INTEREST
    rows["size"] = sieve.records["quantity"]
    return rows


def _halts(sieve: Sieve) -> list[Event]:
    """Return the halts of equities and what ends them; a contract's own halt is not its underlying's."""
    sieve.keep(np.full(len(sieve), not sieve.reading.is_options))
    halted, instruments = sieve.reading.halted, sieve.reading.book.instruments
    out = []
    for number, time_ns, action, reason in zip(
        sieve.instrument.tolist(),
        sieve.time.tolist(),
        sieve.records["action"].tolist(),
        sieve.records["reason"].tolist(),
        strict=True,
    ):
        symbol = instruments[number].symbol
        if action in _HALTS and number not in halted:
            halted.add(number)
            text = f"{_HALTS[action]}: {_reason(reason)}"
            out.append(Event(time_ns, MarketEventKind.HALT, symbol, text=text))
        elif action == _TRADING and number in halted:
            halted.remove(number)
            out.append(Event(time_ns, MarketEventKind.RESUME, symbol))
    return out


def _reason(number: int) -> str:
    """Return a reason's name in words, for people; its number where it is a new one."""
    try:
        return dbn.StatusReason.from_int(number).name.lower().replace("_", " ")
    except (dbn.DBNError, ValueError):
        return f"reason {number}"


_READ: dict[int, Callable[[Sieve], Rows]] = {
    TRADES: _trades,
    **dict.fromkeys((MBP_1, CMBP_1, TCBBO), _book),
    **dict.fromkeys(_INTERVALS, _snapshots),
    **dict.fromkeys(INTERVAL_NS, _bars),
    STATISTICS: _open_interest,
}
"""Definitions and symbol mappings are read beforehand, by dbn_symbols.py."""
