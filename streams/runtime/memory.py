"""The whole pipeline in one process without a broker: backtests and proofs. The same tasks and folds as live.

Topics are lists that live as long as their readers need them. One thing differs from a live run, and a backtest says
so: live, the broker's log decides how the records of different underlyings meet in an account's inbox; here they are
ordered by (event time, underlying, ordinal), and what venues answer comes after everything of the same instant.
"""

import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from schemas import wire
from schemas.primitives import read_length, read_long
from schemas.records import MarketEvent, MarketEventKind
from streams.log.ids import ID_HEADER, PREVIOUS_HEADER, Headers, Place, parse_place
from streams.runtime.options import fold_factory, make_params, stage_named
from streams.runtime.source import code_version
from streams.runtime.task import Outbound, Task, TaskKey
from streams.stage import Stage
from streams.topology import STAGES

BATCH_RECORDS = 512
MINUTE_NS = 60_000_000_000
MARKET, BOOK = "market.ticks", "book"
EVENT_HEADER, MARK_HEADER = wire.HEADERS["MarketEvent"], wire.HEADERS["Mark"]
PER_UNDERLYING = ("analytics", "signals", "router")
ORDER_PATH = ("sizing", "risk", "venue")


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


class Routed(NamedTuple):
    """A record on its way to the book, with what orders it there."""

    event_ns: int
    underlying: bytes
    ordinal: int
    out: Outbound


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


class MemoryPipeline:
    """Feed market records, in the order of their log; every record that a stage appends goes to `observe`.

    params: tables of parameters by stage. Market records are folded BATCH_RECORDS a partition at a time; then what was
    routed enters the book up to the last full minute that a heartbeat has passed (no earlier record can come: bars
    below a minute may wait for one), and at finish() all of it. So batches do not matter.
    """

    def __init__(
        self,
        params: Mapping[str, Mapping[str, object]],
        partitions: int,
        observe: Callable[[Outbound], None],
    ) -> None:
        self.partitions = partitions
        self._observe = observe
        self._inboxes: dict[tuple[str, str, int], Inbox] = {}
        self._market: list[MarketInbox] = []
        self._inboxes_of: dict[tuple[str, int], list[Inbox]] = {}
        for stage in STAGES:
            made = make_params(stage, params.get(stage.name, {}))
            for topic in stage.reads:
                for partition in range(partitions):
                    task = memory_task(stage, made, topic, partition, partitions)
                    inbox = Inbox(task)
                    if topic == MARKET:
                        inbox = MarketInbox(task)
                        self._market.append(inbox)
                    self._inboxes[stage.name, topic, partition] = inbox
                    self._inboxes_of.setdefault((topic, partition), []).append(inbox)
        self._order_paths = [
            [self._inboxes[name, stage_named(name).reads[0], partition] for name in ORDER_PATH]
            for partition in range(partitions)
        ]
        self._waiting, self._waiting_max = 0, BATCH_RECORDS * partitions
        self._heard_ns = [-1] * partitions
        self._released_ns = -1
        self._routed: list[list[Routed]] = [[] for _ in range(partitions)]
        self._ordinal = 0
        self._entered = [0] * partitions

    def tasks(self) -> Iterable[Task]:
        """Yield every task, in flow order."""
        for inbox in self._inboxes.values():
            yield inbox.task

    def feed(self, record: Feed) -> None:
        """Append a source's record to the market topic."""
        self._market[record.partition].feed(record)
        self._waiting += 1
        if self._waiting >= self._waiting_max:
            self._fold_market()

    def feed_raw(self, partition: int, payload: bytes, headers: Headers) -> None:
        """Append a record as it stood in a log."""
        self._market[partition].put(payload, headers)
        self._waiting += 1
        if self._waiting >= self._waiting_max:
            self._fold_market()

    def put(self, topic: str, partition: int, payload: bytes, headers: Headers) -> None:
        """Append a record that no stage writes (a Mandate, a Control), and let it act at once."""
        self._fold_market()
        for inbox in self._inboxes_of[topic, partition]:
            inbox.put(payload, headers)
        if topic == BOOK:
            self._order_path(partition)

    def finish(self) -> None:
        """Fold everything that still waits."""
        self._fold_market()
        self._release(None)

    def _fold_market(self) -> None:
        """Fold the market records that wait, and let into the book what their heartbeats allow."""
        self._waiting = 0
        for partition, market in enumerate(self._market):
            self._heard_ns[partition] = heard_ns(market.fed or market.waiting, self._heard_ns[partition])
            self._deliver(market.advance())
            self._drain(PER_UNDERLYING[1:], partition)
        through_ns = min(self._heard_ns) // MINUTE_NS * MINUTE_NS
        if through_ns > self._released_ns:
            self._released_ns = through_ns
            self._release(through_ns)

    def _drain(self, stages: Iterable[str], partition: int) -> None:
        """Fold the per-underlying stages of a partition, in flow order: what they write goes down the list only."""
        for name in stages:
            for topic in stage_named(name).reads:
                self._deliver(self._inboxes[name, topic, partition].advance())

    def _deliver(self, outs: list[Outbound]) -> None:
        """Append what a task gave; what goes to the book waits until it is let in."""
        for run in self._runs(outs):
            if run[0].topic != BOOK:
                self._append(run)
                continue
            for out in run:
                self._ordinal += 1
                routed = Routed(event_ns_of(out.payload), out.key, self._ordinal, out)
                heapq.heappush(self._routed[out.partition], routed)

    def _runs(self, outs: list[Outbound]) -> Iterable[list[Outbound]]:
        """Return what a task gave, by topic and partition; it is observed in its own order."""
        if len(outs) == 1:
            self._observe(outs[0])
            return (outs,)
        runs: dict[tuple[str, int], list[Outbound]] = {}
        for out in outs:
            self._observe(out)
            runs.setdefault(out[:2], []).append(out)
        return runs.values()

    def _append(self, run: list[Outbound]) -> None:
        for inbox in self._inboxes_of.get(run[0][:2], ()):
            inbox.extend(run)

    def _release(self, through_ns: int | None) -> None:
        """Let what was routed up to an instant into the book, an instant at a time; None: all of it."""
        for partition, routed in enumerate(self._routed):
            sizing = self._inboxes["sizing", BOOK, partition]
            while routed and (through_ns is None or routed[0].event_ns <= through_ns):
                instant_ns, run = routed[0].event_ns, []
                while routed and routed[0].event_ns == instant_ns:
                    run.append(self._entering(partition, heapq.heappop(routed).out))
                sizing.extend(run)
                self._order_path(partition)

    def _entering(self, partition: int, out: Outbound) -> Outbound:
        """Return a record under an id of this order: the routers' own ids say in which order they were written."""
        number = self._entered[partition]
        self._entered[partition] = number + 1
        headers: Headers = [(ID_HEADER, b"backtest/%d:%d.0" % (partition, number))]
        if number:
            headers.append((PREVIOUS_HEADER, b"%d.0" % (number - 1)))
        return Outbound(BOOK, partition, out.key, out.payload, headers)

    def _order_path(self, partition: int) -> None:
        path = self._order_paths[partition]
        while path[0].fed or path[0].waiting:
            for inbox in path:
                for run in self._runs(inbox.advance()):
                    self._append(run)


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


def heard_ns(records: Sequence[Any], before_ns: int) -> int:
    """Return the event time of the last heartbeat of a whole partition among market records, else that of before."""
    for record in reversed(records):
        payload = record.payload
        if payload.startswith(EVENT_HEADER):
            try:
                event = wire.decode(payload)
            except wire.WireError:
                continue
            if isinstance(event, MarketEvent) and event.kind == MarketEventKind.HEARTBEAT and not event.symbol:
                return event.event_ns
    return before_ns


def memory_task(stage: Stage, params: Any, topic: str, partition: int, partitions: int) -> Task:
    """Return a fresh task whose input topic has no UUID."""
    key = TaskKey(stage.name, topic, partition)
    fold = fold_factory(stage, params, partition, partitions)()
    return Task(key, fold, f"{stage.name}/{partition}/memory-{topic}", partitions, code_version())


def event_ns_of(payload: bytes) -> int:
    """Return the event time that a record of the book stands at; 0 for one that acts at its place in the log."""
    if payload.startswith(MARK_HEADER):  # nearly all of them: its time stands behind its symbol
        length, pos = read_length(payload, wire.HEADER_BYTES)
        return read_long(payload, pos + length)[0]
    return int(getattr(wire.decode(payload), "event_ns", 0))
