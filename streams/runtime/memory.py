"""The whole pipeline in one process without a broker: backtests and proofs. The same tasks and folds as live.

Topics are lists that live as long as their readers need them. One thing differs from a live run, and a backtest says
so: live, the broker's log decides how the records of different underlyings meet in an account's inbox; here they are
ordered by (event time, underlying, ordinal), and what venues answer comes after everything of the same instant.
"""

import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
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

    __slots__ = ("_headers", "_offset", "_value")

    def __init__(self, offset: int, value: bytes, headers: Headers) -> None:
        self._offset, self._value, self._headers = offset, value, headers

    def offset(self) -> int:
        return self._offset

    def value(self) -> bytes:
        return self._value

    def headers(self) -> Headers:
        return self._headers


class Routed(NamedTuple):
    """A record on its way to the book, with what orders it there."""

    event_ns: int
    underlying: bytes
    ordinal: int
    out: Outbound


@dataclass
class Inbox:
    """The end of one task's topic partition."""

    task: Task
    end: int = 0
    waiting: list[MemoryRecord] = field(default_factory=list)

    def put(self, value: bytes, headers: Headers) -> None:
        """Append a record."""
        self.waiting.append(MemoryRecord(self.end, value, headers))
        self.end += 1

    def advance(self) -> list[Outbound]:
        """Fold what waits."""
        if not self.waiting:
            return []
        batch, self.waiting = self.waiting, []
        return self.task.apply(batch)


class FedCauses(NamedTuple):
    """Offsets and ids of a source's records; first: offset of the first of them."""

    records: Sequence[Feed]
    first: int

    def __getitem__(self, index: int) -> tuple[int, bytes]:  # type: ignore[override]  # a Causes
        record = self.records[index]
        return self.first + index, id_text(record)


class MarketInbox(Inbox):
    """The end of a market partition, to which sources feed records.

    Those that follow the newest of their origin are taken as they are (fed): nothing of their headers needs to be
    written and read again. A batch with any other goes the way of every record (waiting), whose filter decides.
    """

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self.fed: list[Feed] = []
        self._newest: dict[str, Place] = {}

    def feed(self, record: Feed) -> None:
        """Append a source's record."""
        origin, previous = record.origin, record.previous
        if self.waiting or previous is None or self._newest.get(origin) != previous:
            self.put(record.payload, headers_of_feed(record))
            return
        self._newest[origin] = record.place
        self.fed.append(record)
        self.end += 1

    def put(self, value: bytes, headers: Headers) -> None:
        """Append a record under its headers."""
        if self.fed:
            fed, self.fed = self.fed, []
            self.end -= len(fed)
            for record in fed:
                super().put(record.payload, headers_of_feed(record))
        super().put(value, headers)

    def payloads(self) -> list[bytes]:
        """Return what waits."""
        return [record.payload for record in self.fed] or [record.value() for record in self.waiting]

    def advance(self) -> list[Outbound]:
        """Fold what waits."""
        if not self.fed:
            out = super().advance()
            self._newest = {name.decode(): parse_place(place) for name, place in self.task.filter.places().items()}
            return out
        fed, self.fed = self.fed, []
        for origin, place in {record.origin: record.place for record in fed}.items():
            self.task.filter.put(origin.encode(), b"%d.%d" % place)
        causes = FedCauses(fed, self.end - len(fed))
        return self.task.apply_accepted([record.payload for record in fed], causes, self.end)


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
        self._count()

    def feed_raw(self, partition: int, payload: bytes, headers: Headers) -> None:
        """Append a record as it stood in a log."""
        self._market[partition].put(payload, headers)
        self._count()

    def _count(self) -> None:
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
            self._heard_ns[partition] = heard_ns(market.payloads(), self._heard_ns[partition])
            for out in market.advance():
                self._deliver(out)
            self._drain(PER_UNDERLYING[1:], partition)
        through_ns = min(self._heard_ns) // MINUTE_NS * MINUTE_NS
        if through_ns > self._released_ns:
            self._released_ns = through_ns
            self._release(through_ns)

    def _drain(self, stages: Iterable[str], partition: int) -> None:
        """Fold the per-underlying stages of a partition, in flow order: what they write goes down the list only."""
        for name in stages:
            for topic in stage_named(name).reads:
                for out in self._inboxes[name, topic, partition].advance():
                    self._deliver(out)

    def _deliver(self, out: Outbound) -> None:
        self._observe(out)
        if out.topic == BOOK:
            self._ordinal += 1
            heapq.heappush(self._routed[out.partition], Routed(event_ns_of(out.payload), out.key, self._ordinal, out))
        else:
            self._put(out)

    def _put(self, out: Outbound) -> None:
        for inbox in self._inboxes_of.get((out.topic, out.partition), ()):
            inbox.put(out.payload, out.headers)

    def _release(self, through_ns: int | None) -> None:
        """Let what was routed up to an instant into the book, an instant at a time; None: all of it."""
        for partition, routed in enumerate(self._routed):
            sizing = self._inboxes["sizing", BOOK, partition]
            while routed and (through_ns is None or routed[0].event_ns <= through_ns):
                instant_ns = routed[0].event_ns
                while routed and routed[0].event_ns == instant_ns:
                    self._enter_book(sizing, heapq.heappop(routed).out)
                self._order_path(partition)

    def _enter_book(self, sizing: Inbox, out: Outbound) -> None:
        """Append under an id of this order: the routers' own ids say in which order they were written, not this one."""
        number = self._entered[sizing.task.key.partition]
        self._entered[sizing.task.key.partition] = number + 1
        headers: Headers = [(ID_HEADER, b"backtest/%d:%d.0" % (sizing.task.key.partition, number))]
        if number:
            headers.append((PREVIOUS_HEADER, b"%d.0" % (number - 1)))
        sizing.put(out.payload, headers)

    def _order_path(self, partition: int) -> None:
        path = self._order_paths[partition]
        while path[0].waiting:
            for inbox in path:
                for out in inbox.advance():
                    self._observe(out)
                    self._put(out)


def id_text(record: Feed) -> bytes:
    """Return the id of a source's record, as in its header."""
    return b"%s:%d.%d" % (record.origin.encode(), *record.place)


def headers_of_feed(record: Feed) -> Headers:
    """Return the headers of a source's record."""
    headers: Headers = [(ID_HEADER, id_text(record))]
    if record.previous is not None:
        headers.append((PREVIOUS_HEADER, b"%d.%d" % record.previous))
    return headers


def heard_ns(payloads: Sequence[bytes], before_ns: int) -> int:
    """Return the event time of the last heartbeat of a whole partition among market records, else that of before."""
    for payload in reversed(payloads):
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
