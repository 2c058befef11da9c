"""The whole pipeline in one process without a broker: backtests and proofs. The same tasks and folds as live.

Topics are lists that live as long as their readers need them. One thing differs from a live run, and a backtest says
so: live, the broker's log decides how the records of different underlyings meet in an account's inbox; here they are
ordered by (event time, underlying, ordinal), and what venues answer comes after everything of the same instant.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any, NamedTuple

from schemas import wire
from schemas.primitives import read_length, read_long
from schemas.records import MarketEvent, MarketEventKind
from streams.log.ids import ID_HEADER, PREVIOUS_HEADER, Headers
from streams.runtime.inbox import Feed, Inbox, MarketInbox
from streams.runtime.options import fold_factory, make_params, stage_named
from streams.runtime.order_path import OrderPath, runs_of
from streams.runtime.source import code_version
from streams.runtime.task import Outbound, Task, TaskKey
from streams.stage import Stage
from streams.topology import STAGES

BATCH_RECORDS = 512
MINUTE_NS = 60_000_000_000
MARKET, BOOK = "market.ticks", "book"
LAST = b"\xff"
"""Sorts after every underlying."""
EVENT_HEADER, MARK_HEADER = wire.HEADERS["MarketEvent"], wire.HEADERS["Mark"]
PER_UNDERLYING = ("analytics", "signals", "router")
ORDER_PATH = ("sizing", "risk", "venue")


class Routed(NamedTuple):
    """A record on its way to the book, with what orders it there."""

    event_ns: int
    underlying: bytes
    ordinal: int
    out: Outbound


EVENT_NS = attrgetter("event_ns")


class MemoryPipeline:
    """Feed market records, in the order of their log; every record that a stage appends goes to `observe`.

    params: tables of parameters by stage. Market records are folded BATCH_RECORDS a partition at a time; then what was
    routed enters the book up to the last full minute that a heartbeat has reached (no earlier record can come: bars
    below a minute may wait for one; of that very instant a session's close may), and at finish() all of it. So batches
    do not matter.
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
            OrderPath([self._inboxes[name, stage_named(name).reads[0], partition] for name in ORDER_PATH],
                      self._inboxes_of, observe)
            for partition in range(partitions)
        ]  # fmt: skip
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
            self._order_paths[partition].drain()

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
        for out in outs:
            self._observe(out)
        for run in runs_of(outs):
            if run[0].topic != BOOK:
                for inbox in self._inboxes_of.get(run[0][:2], ()):
                    inbox.extend(run)
                continue
            for out in run:
                self._ordinal += 1
                at_ns, under = event_ns_of(out.payload), out.key
                if out.payload.startswith(EVENT_HEADER) and closes(out.payload):
                    under = LAST  # a session's close is told after the marks that it closed, as in a log
                self._routed[out.partition].append(Routed(at_ns, under, self._ordinal, out))

    def _release(self, through_ns: int | None) -> None:
        """Let what was routed before an instant into the book, an instant at a time; None: all of it."""
        for partition, routed in enumerate(self._routed):
            routed.sort()
            count = len(routed) if through_ns is None else bisect_left(routed, through_ns, key=EVENT_NS)
            due, self._routed[partition] = routed[:count], routed[count:]
            instants = [
                [self._entering(partition, one.out) for one in instant] for _, instant in groupby(due, EVENT_NS)
            ]
            self._order_paths[partition].enter(instants)

    def _entering(self, partition: int, out: Outbound) -> Outbound:
        """Return a record under an id of this order: the routers' own ids say in which order they were written."""
        number = self._entered[partition]
        self._entered[partition] = number + 1
        headers: Headers = [(ID_HEADER, b"backtest/%d:%d.0" % (partition, number))]
        if number:
            headers.append((PREVIOUS_HEADER, b"%d.0" % (number - 1)))
        return Outbound(BOOK, partition, out.key, out.payload, headers)


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


def closes(payload: bytes) -> bool:
    """Return whether a MarketEvent is a session's close."""
    event = wire.decode(payload)
    return isinstance(event, MarketEvent) and event.kind is MarketEventKind.SESSION_CLOSE


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
