"""The inboxes of an in-memory run: lists, and what stands in for a log's judgement of them."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

from streams.log.ids import ID_HEADER, PREVIOUS_HEADER, Headers, Place, parse_place
from streams.runtime.task import Outbound, Task


class Feed(Protocol):
    """A record of a source (connectors' SourceRecord is one)."""

    @property
    def origin(self) -> str: ...
    @property
    def place(self) -> Place: ...
    @property
    def previous(self) -> Place | None: ...
    @property
    def partition(self) -> int: ...
    @property
    def payload(self) -> bytes: ...


class MemoryRecord:
    """A record of an inbox that is a list."""

    __slots__ = ("_headers", "_offset", "payload")

    def __init__(self, offset: int, payload: bytes, headers: Headers) -> None:
        self._offset, self.payload, self._headers = offset, payload, headers

    def offset(self) -> int:
        return self._offset

    def value(self) -> bytes:
        return self.payload

    def headers(self) -> Headers:
        return self._headers


class FedCauses(NamedTuple):
    """Offsets and ids of records that were fed; first: offset of the first of them."""

    records: Sequence[Any]
    first: int
    id_of: Callable[[Any], bytes]

    def __getitem__(self, index: int) -> tuple[int, bytes]:  # type: ignore[override]  # a Causes
        return self.first + index, self.id_of(self.records[index])


class Inbox:
    """The end of one task's topic partition.

    What a task wrote in one batch follows the newest of its origin if its first record does: such a run is taken as it
    is (fed), and nothing of its headers is read again. Whatever else comes goes the way of every record (waiting),
    whose filter decides.
    """

    def __init__(self, task: Task) -> None:
        self.task = task
        self.end = 0
        self.waiting: list[MemoryRecord] = []
        self.fed: list[Any] = []

    def put(self, payload: bytes, headers: Headers) -> None:
        """Append a record under its headers."""
        self.unfeed()
        self.waiting.append(MemoryRecord(self.end, payload, headers))
        self.end += 1

    def extend(self, run: list[Outbound]) -> None:
        """Append what one batch of a task gave this partition, in order."""
        origin, previous = origin_and_previous(run[0].headers)
        if self.waiting or self.fed or self.task.filter.places().get(origin) != previous:
            for out in run:
                self.put(out.payload, out.headers)
            return
        self.fed = run
        self.end += len(run)

    def unfeed(self) -> None:
        """Let what was fed go the way of every record."""
        if self.fed:
            fed, self.fed = self.fed, []
            first = self.end - len(fed)
            self.waiting = [MemoryRecord(first + i, one.payload, self.headers_of(one)) for i, one in enumerate(fed)]

    def empty(self) -> bool:
        """Return whether nothing is there to fold."""
        return not self.fed and not self.waiting

    def cut(self, end: int) -> None:
        """Forget what was appended from an offset on, and what is there to fold."""
        self.end, self.waiting, self.fed = end, [], []

    def advance(self) -> list[Outbound]:
        """Fold what is there."""
        if self.fed:
            fed, self.fed = self.fed, []
            self.remember(fed)
            causes = FedCauses(fed, self.end - len(fed), self.id_of)
            return self.task.apply_accepted([one.payload for one in fed], causes, self.end)
        if not self.waiting:
            return []
        batch, self.waiting = self.waiting, []
        return self.task.apply(batch)

    def remember(self, fed: list[Any]) -> None:
        """Tell the filter what was fed."""
        origin, _, place = self.id_of(fed[-1]).rpartition(b":")
        self.task.filter.put(origin, place)

    @staticmethod
    def id_of(record: Any) -> bytes:
        """Return the id of a record that was fed."""
        text: bytes = record.headers[0][1]
        return text

    @staticmethod
    def headers_of(record: Any) -> Headers:
        """Return the headers of a record that was fed."""
        headers: Headers = record.headers
        return headers


class MarketInbox(Inbox):
    """The end of a market partition, to which sources feed records: each has to follow the newest of its origin."""

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self._newest: dict[str, Place] = {}

    def feed(self, record: Feed) -> None:
        """Append a source's record."""
        if self.waiting:
            self.put(record.payload, headers_of_feed(record))
        else:
            self.fed.append(record)
            self.end += 1

    def advance(self) -> list[Outbound]:
        """Fold what is there."""
        if self.fed and not self._follow():
            self.unfeed()
        if self.fed:
            return super().advance()
        out = super().advance()
        self._newest = {name.decode(): parse_place(place) for name, place in self.task.filter.places().items()}
        return out

    def _follow(self) -> bool:
        """Return whether what was fed follows; an origin's first record has to pass the filter."""
        newest = self._newest
        for record in self.fed:
            origin, previous = record.origin, record.previous
            if previous is None or newest.get(origin) != previous:
                return False
            newest[origin] = record.place
        return True

    def remember(self, fed: list[Any]) -> None:
        """Tell the filter what was fed."""
        for origin, place in {record.origin: record.place for record in fed}.items():
            self.task.filter.put(origin.encode(), b"%d.%d" % place)

    @staticmethod
    def id_of(record: Feed) -> bytes:
        """Return the id of a source's record."""
        return id_text(record)

    @staticmethod
    def headers_of(record: Feed) -> Headers:
        """Return the headers of a source's record."""
        return headers_of_feed(record)


def id_text(record: Feed) -> bytes:
    """Return the id of a source's record, as in its header."""
    return b"%s:%d.%d" % (record.origin.encode(), *record.place)


def headers_of_feed(record: Feed) -> Headers:
    """Return the headers of a source's record."""
    headers: Headers = [(ID_HEADER, id_text(record))]
    if record.previous is not None:
        headers.append((PREVIOUS_HEADER, b"%d.%d" % record.previous))
    return headers


def origin_and_previous(headers: Headers) -> tuple[bytes, bytes | None]:
    """Return whose a task's record is, and the place before it."""
    text: Any = headers[0][1]
    name, previous = headers[1] if len(headers) > 1 else ("", None)
    return text.rpartition(b":")[0], previous if name == PREVIOUS_HEADER else None  # type: ignore[return-value]  # ours
