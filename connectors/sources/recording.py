"""A recording: one topic as it stood in the log, in a Parquet file; and its replay into a topic of another world.

The file is raw: each row is a record with partition, offset, append time, key, value and headers, in the order of its
partition's log; a row group holds records of one partition. A replay appends the same bytes with the same headers to
the same partitions, so that ids and what follows from them are those of the original.

A restart goes on after what the topic holds: the topic must have been empty before, so that its k records are the
first k of the recording's partition; the last of them are compared, and anything else is refused.
"""

import heapq
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
from confluent_kafka import Message

from connectors.sources.whole_file import WholeFile
from schemas import records, wire
from streams.log.filter import id_of
from streams.log.ids import PREVIOUS_HEADER, Headers
from streams.log.producer import LogProducer, client_name
from streams.log.reader import bounds, read

FORMAT = b"aiots.recording"
VERSION = 1
GROUP_BYTES_MAX = 8 * 1024 * 1024
GROUP_ROWS_MAX = 16_384
COMPARED_RECORDS = 1_000
"""So many of a topic's last records are compared with the recording before a replay goes on behind them."""
PAUSE_SECONDS_MAX = 120.0
"""A gap of event time is not waited out longer than this: nights and week-ends pass."""
_LOOK_EVERY_SECONDS = 0.2

SCHEMA = pa.schema(
    [
        ("partition", pa.int32()),
        ("offset", pa.int64()),
        ("append_ms", pa.int64()),
        ("key", pa.binary()),
        ("value", pa.binary()),
        ("headers", pa.list_(pa.struct([("name", pa.string()), ("value", pa.binary())]))),
    ]
)


class RecordingError(ValueError):
    """A file that is no recording, or one that does not go with the topic; the text says what was seen."""


class Row(NamedTuple):
    """One record. headers: (name, value) in order; key, value and a header's value may be None."""

    partition: int
    offset: int
    append_ms: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]


def row_of(message: Message) -> Row:
    """Return a Kafka message as a row."""
    headers: Any = message.headers() or ()
    return Row(
        message.partition() or 0,
        message.offset() or 0,
        message.timestamp()[1],
        message.key(),
        message.value(),
        tuple((name, None if value is None else bytes(value)) for name, value in headers),
    )


class RecordingWriter(WholeFile):
    """Write rows to a new file, in bounded memory; use as a context manager, which removes the file on an error."""

    def __init__(self, path: Path, topic: str, partitions: int) -> None:
        """topic: full name. partitions: how many the topic has."""
        about = {"version": VERSION, "topic": topic, "partitions": partitions}
        schema = SCHEMA.with_metadata({FORMAT: json.dumps(about).encode()})
        super().__init__(path, schema)
        self._schema = schema
        self._rows: list[Row] = []
        self._bytes = 0

    def add(self, row: Row) -> None:
        """Append a row: partition after partition, each in the order of its offsets."""
        if self._rows and (
            self._rows[-1].partition != row.partition
            or self._bytes >= GROUP_BYTES_MAX
            or len(self._rows) >= GROUP_ROWS_MAX
        ):
            self._flush()
        self._rows.append(row)
        self._bytes += len(row.value or b"") + len(row.key or b"")

    def _flush(self) -> None:
        if self._rows:
            columns = list(zip(*self._rows, strict=True))
            headers = [[{"name": name, "value": value} for name, value in of] for of in columns[5]]
            arrays = [
                pa.array(column, kind) for column, kind in zip([*columns[:5], headers], SCHEMA.types, strict=True)
            ]
            self.write(pa.Table.from_arrays(arrays, schema=self._schema))
        self._rows, self._bytes = [], 0


class Recording:
    """A recording, opened. topic: full name it was exported from. partitions: of that topic. rows: by partition."""

    def __init__(self, path: Path) -> None:
        """Raise RecordingError where the file is none."""
        try:
            self._file = pq.ParquetFile(path)
        except (OSError, pa.ArrowException) as error:
            raise RecordingError(f"cannot read {path}: {str(error).splitlines()[0]}") from error
        about = (self._file.schema_arrow.metadata or {}).get(FORMAT)
        if about is None or not self._file.schema_arrow.equals(SCHEMA):
            raise RecordingError(f"{path} is a Parquet file, but not one of `aiots topic export`")
        told = json.loads(about)
        if told["version"] != VERSION:
            raise RecordingError(f"{path} has version {told['version']} of the format, this code reads {VERSION}")
        self.topic: str = told["topic"]
        self.partitions: int = told["partitions"]
        self._groups: dict[int, list[int]] = {partition: [] for partition in range(self.partitions)}
        self.rows = dict.fromkeys(range(self.partitions), 0)
        for group in range(self._file.num_row_groups):
            about_group = self._file.metadata.row_group(group)
            partition = about_group.column(0).statistics.min
            self._groups[partition].append(group)
            self.rows[partition] += about_group.num_rows

    def read(self, partition: int, first: int = 0) -> Iterator[Row]:
        """Yield a partition's rows in order from row number `first`, one row group in memory at a time."""
        for group in self._groups[partition]:
            count = self._file.metadata.row_group(group).num_rows
            if first >= count:
                first -= count
                continue
            table = self._file.read_row_group(group).slice(first)
            first = 0
            columns = [table.column(name).to_pylist() for name in SCHEMA.names]
            for *plain, headers in zip(*columns, strict=True):
                yield Row._make((*plain, tuple((one["name"], one["value"]) for one in headers)))

    def read_whole(self, partition: int, first: int = 0) -> Iterator[Row]:
        """As `read`, but as a log of its own: where retention had deleted the topic's beginning, the first record that
        is left of each origin names no predecessor. Else every reader would take what was deleted for a gap.
        """
        start = next(self.read(partition), None)
        if start is None or start.offset == 0:
            yield from self.read(partition, first)
            return
        seen: set[str] = set()
        for number, row in enumerate(self.read(partition)):
            record_id, previous = id_of(row.headers, self.topic, partition, row.offset)
            if record_id.origin not in seen and previous is not None:
                row = row._replace(headers=tuple(one for one in row.headers if one[0] != PREVIOUS_HEADER))
            seen.add(record_id.origin)
            if number >= first:
                yield row

    def merged(self, first: Mapping[int, int]) -> Iterator[Row]:
        """Yield read_whole of all partitions in the order of their append times, from row `first` of each."""
        parts = [self.read_whole(partition, first[partition]) for partition in range(self.partitions)]
        return heapq.merge(*parts, key=lambda row: (row.append_ms, row.partition, row.offset))

    def close(self) -> None:
        """Close the file."""
        self._file.close()


@dataclass
class ReplayProgress:
    """How far a replay is: records in the topic before it began, appended by it, and in the recording."""

    before: int
    total: int
    appended: int = 0
    event_ns: int = 0
    started_s: float = field(default_factory=time.monotonic)


def replay(
    recording: Recording,
    kafka: Mapping[str, str],
    topic: str,
    partitions: int,
    speed: float | None = None,
    report: Callable[[ReplayProgress], None] = lambda progress: None,
) -> ReplayProgress:
    """Append a recording to a topic (full name) that is empty or holds its beginning; return what was done.

    speed: event seconds a second, None: as fast as the broker takes it. Raises RecordingError where the topic has
    another partition count or holds other records; BrokenLogError where the log cannot be written. What was sent is
    flushed before an interrupt goes on to the caller.
    """
    if partitions != recording.partitions:
        raise RecordingError(
            f"the recording has {recording.partitions} partitions, {topic} has {partitions}: a partition's order is its"
            f" world's, so replay it into a world of {recording.partitions} (AIOTS_PARTITIONS={recording.partitions})"
        )
    first = {p: _records_held(recording, kafka, topic, p) for p in range(partitions)}
    progress = ReplayProgress(sum(first.values()), sum(recording.rows.values()))
    producer = LogProducer(kafka, client_name("replay"))
    pace = Pace(speed)
    try:
        for row in recording.merged(first):
            if speed is not None:
                progress.event_ns = event_ns_of(row.value) or progress.event_ns
                while (wait_s := pace.seconds_early(progress.event_ns)) > 0:
                    producer.poll()
                    report(progress)
                    time.sleep(min(wait_s, _LOOK_EVERY_SECONDS))
            headers: Headers = list(row.headers)
            producer.send(topic, row.partition, row.key, row.value, headers)
            progress.appended += 1
            if progress.appended % 256 == 0:
                producer.poll()
                report(progress)
    finally:
        producer.flush()
    report(progress)
    return progress


def _records_held(recording: Recording, kafka: Mapping[str, str], topic: str, partition: int) -> int:
    """Return how many of the recording's records a partition holds; RecordingError where they are not its first."""
    low, high = bounds(kafka, topic, partition)
    if high > recording.rows[partition]:
        raise _other(topic, f"partition {partition} has {high} records, the recording {recording.rows[partition]}")
    first = max(low, high - COMPARED_RECORDS)
    meant = recording.read_whole(partition, first)
    held = first
    for message in read(kafka, topic, partition, first, high):
        row = row_of(message)
        if row.offset != held or row[3:] != next(meant)[3:]:
            raise _other(topic, f"partition {partition}, offset {row.offset} is another record than the recording's")
        held += 1
    if held != high:
        raise _other(topic, f"partition {partition} ends at {high}, but its last record is {held - 1}")
    return high


def _other(topic: str, seen: str) -> RecordingError:
    return RecordingError(f"{topic} holds something else than the beginning of this recording: {seen}; use --world NEW")


class Pace:
    """Tell how long to wait so that event time runs at `speed` seconds a second; None: never wait."""

    def __init__(self, speed: float | None, now_s: Callable[[], float] = time.monotonic) -> None:
        self._speed, self._now_s = speed, now_s
        self._origin: tuple[float, int] | None = None
        self._newest_ns = 0

    def seconds_early(self, event_ns: int) -> float:
        """Return the seconds until a record of this event time is due; 0 or less where it is."""
        if self._speed is None or event_ns == 0:
            return 0.0
        now_s = self._now_s()
        if self._origin is None or (event_ns - self._newest_ns) / 1e9 > PAUSE_SECONDS_MAX:
            self._origin = (now_s, event_ns)
        self._newest_ns = max(self._newest_ns, event_ns)
        return self._origin[0] + (event_ns - self._origin[1]) / 1e9 / self._speed - now_s


def event_ns_of(payload: bytes | None) -> int:
    """Return the newest event time in a record's bytes, ns; 0 where it has none or cannot be read."""
    try:
        record = wire.decode(payload)
    except wire.WireError:
        return 0
    if isinstance(record, records.TickFrame | records.BarFrame | records.OptionFrame | records.FeatureFrame):
        return record.base_ns + int(record.delta_ns.sum())
    return int(getattr(record, "event_ns", 0))


def export(
    kafka: Mapping[str, str],
    topic: str,
    partitions: Sequence[int],
    path: Path,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> int:
    """Write a topic (full name) as of now to a new file; return how many records. report(done, about how many)."""
    ends = {partition: bounds(kafka, topic, partition) for partition in partitions}
    total = sum(high - low for low, high in ends.values())
    done = 0
    with RecordingWriter(path, topic, len(ends)) as writer:
        for partition, (low, high) in ends.items():
            for message in read(kafka, topic, partition, low, high, committed=True):
                writer.add(row_of(message))
                done += 1
                if done % 1_000 == 0:
                    report(done, total)
    report(done, total)
    return done
