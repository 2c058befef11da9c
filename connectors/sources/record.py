"""What a source gives: records ready to be appended, in event-time order, and what it could not use.

A source is pure: files or a seed in, records out, no Kafka, no clock. The writer (writer.py) appends them to the log;
a backtest folds them in memory. Both see the same bytes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, Protocol

from streams.log.ids import Place, RecordId

REJECTS_LISTED_MAX = 1_000
"""Rejects of one file and reason that are kept with their bytes; those beyond it are counted only."""
REJECT_BYTES_MAX = 1_024


class SourceRecord(NamedTuple):
    """A record and where it belongs.

    key: ticker; empty where the record concerns every underlying of the partition.
    previous: place of this origin's record before it in the same partition, None for the first.
    event_ns: when a live source would have sent it: time of its last tick, end of its last bar.
    rows: ticks or bars in it, 0 for an event.
    """

    origin: str
    place: Place
    previous: Place | None
    key: str
    partition: int
    payload: bytes
    event_ns: int
    rows: int

    @property
    def record_id(self) -> RecordId:
        """Return the id that goes into the header."""
        return RecordId(self.origin, *self.place)


class SourceReason(StrEnum):
    """Why a source could not use a row or a file; each is a metric label and has a test."""

    WRONG_COLUMNS = "wrong_columns"
    UNPARSABLE = "unparsable"
    NOT_A_NUMBER = "not_a_number"
    NEGATIVE = "negative"
    ZERO_PRICE = "zero_price"
    CROSSED_BAR = "crossed_bar"
    OUT_OF_ORDER = "out_of_order"
    OUTSIDE_DAY = "outside_day"
    CLOSED_MARKET = "closed_market"
    TRUNCATED_ZIP = "truncated_zip"
    UNREADABLE_ZIP = "unreadable_zip"
    TRUNCATED_FILE = "truncated_file"
    UNREADABLE_FILE = "unreadable_file"
    UNSUPPORTED = "unsupported"
    UNKNOWN_INSTRUMENT = "unknown_instrument"
    OTHER_VENUE = "other_venue"


_BROKEN = (SourceReason.TRUNCATED_ZIP, SourceReason.UNREADABLE_ZIP, SourceReason.TRUNCATED_FILE)


class SourceReject(NamedTuple):
    """A row or file of no use. line: 1-based line or record of the file, 0 where the file as a whole is meant."""

    reason: SourceReason
    file: str
    line: int
    detail: str
    payload: bytes


@dataclass
class Rejects:
    """What a source could not use, as far as it has been read: every one counted, the first of each kind listed."""

    listed: list[SourceReject] = field(default_factory=list)
    counts: dict[SourceReason, int] = field(default_factory=dict)
    _by_file: dict[tuple[str, SourceReason], int] = field(default_factory=dict)

    def add(self, reason: SourceReason, file: str, line: int, detail: str, payload: bytes = b"") -> None:
        """Count a reject, and list it unless its file has given too many of the same reason."""
        self.counts[reason] = self.counts.get(reason, 0) + 1
        seen = self._by_file.get((file, reason), 0)
        self._by_file[file, reason] = seen + 1
        if seen < REJECTS_LISTED_MAX:
            self.listed.append(SourceReject(reason, file, line, detail, payload[:REJECT_BYTES_MAX]))
        elif seen == REJECTS_LISTED_MAX:
            self.listed.append(SourceReject(reason, file, line, "more of the same are counted, not listed", b""))

    def add_more(self, reason: SourceReason, file: str, count: int) -> None:
        """Count rejects beyond those that a file may list: what `add` does, without their details."""
        self.counts[reason] = self.counts.get(reason, 0) + count
        self._by_file[file, reason] = self._by_file.get((file, reason), 0) + count

    def reset(self, opening: "Rejects") -> None:
        """Forget what was rejected since the source was opened."""
        self.listed[:] = opening.listed
        self.counts = dict(opening.counts)
        self._by_file = dict(opening._by_file)

    def broken_files(self) -> int:
        """Return how many files could not be read to their end."""
        return sum(self.counts.get(reason, 0) for reason in _BROKEN)

    def total(self) -> int:
        """Return how many rows and files were of no use."""
        return sum(self.counts.values())


class Source(Protocol):
    """A recording or a simulation, opened.

    name: as it stands in frames and ids. plan: origin, less the partition, of what the source itself says (sessions,
    heartbeats): a hash of its inputs and parameters. first_ns, last_ns: event time of its first and last record.
    rows_total: ticks and bars to come, None where that is not known.
    """

    @property
    def name(self) -> str: ...
    @property
    def plan(self) -> str: ...
    @property
    def first_ns(self) -> int: ...
    @property
    def last_ns(self) -> int: ...
    @property
    def rows_total(self) -> int | None: ...
    @property
    def symbols(self) -> Sequence[str]: ...
    @property
    def rejects(self) -> Rejects: ...

    def records(self, partitions: int) -> Iterator[SourceRecord]:
        """Yield every record in event-time order, the same at each call; `rejects` fills anew as it goes."""
        ...
