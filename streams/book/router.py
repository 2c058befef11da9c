"""The router: makes Marks of bars and OptionMarks of chains, and copies them, Signals and events to each partition that
holds an account.

Which bars make marks: the finest that there are. A bar counts if it began at or after the instant up to which marks
have already told the trades of its symbol; so where there are bars of 1 s, the minute that ends with them adds nothing,
and where a source has minutes only, they make the marks. (That instant is all the state there is.)

- Every `mark_interval_s` of event time, at most, a symbol gets a mark; high, low and volume tell of all bars since.
- A bar without a trade tells its quote, and NaN as high and low: no bracket is touched by a price that nobody paid.
- By default bars outside regular hours make none (session byte 1 and 3); where no session is known (0), all do.
- Contracts that a Watch names get OptionMarks, by the rules of option_marks.py. Chains of which nothing is watched are
  passed over by their header and symbol; of others only what is watched is read (chain_rows.py).
- Of MarketEvents those go on that change what an account may do or holds: sessions, halts, dividends, splits, earnings.
  Heartbeats, gaps and news of sources do not, nor dividends that went ex before the event's time: those are told for
  forecasts.
- Routed records keep the underlying as key: the partition is chosen by account, not by key.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from schemas import wire
from schemas.records import (
    ChainFrame,
    FeatureFrame,
    Mark,
    MarketEvent,
    MarketEventKind,
    OptionMark,
    Record,
    Signal,
    SurfaceFrame,
    Watch,
)
from schemas.topics import partition_of
from streams.book import option_marks
from streams.book.chain_rows import ChainRows, read_rows, rows_of
from streams.book.checks import check_event
from streams.book.marks import Feed, marks_of, rows
from streams.book.pass_on import signal_key
from streams.book.skim import BarRow, skim
from streams.checks import unexpected
from streams.fold import PureFold
from streams.stage import Emit, Output, RecordError, Rejected, Step

if TYPE_CHECKING:
    from streams.book.bulk import Bulk

TOPIC = "book"
SECOND_NS = 1_000_000_000
CHAIN = wire.HEADERS["ChainFrame"]
CHAINS = (CHAIN, wire.HEADERS["SurfaceFrame"])
ROUTED = frozenset(
    {
        MarketEventKind.SESSION_OPEN,
        MarketEventKind.SESSION_CLOSE,
        MarketEventKind.HALT,
        MarketEventKind.RESUME,
        MarketEventKind.DIVIDEND,
        MarketEventKind.SPLIT,
        MarketEventKind.EARNINGS,
    }
)
"""Kinds of events that go on to accounts."""


@dataclass(frozen=True)
class Params:
    """accounts: names; their partitions get the marks and signals. sessions: see FeatureFrame.session.

    partitions: of the world, set by make; 0 before.
    """

    accounts: tuple[str, ...] = ("paper",)
    mark_interval_s: int = 1
    sessions: tuple[int, ...] = (0, 2)
    partitions: int = 0

    def __post_init__(self) -> None:
        if not self.accounts or not all(self.accounts):
            raise ValueError(f"accounts must name at least one, was {self.accounts}")
        if not set(self.sessions) <= {0, 1, 2, 3}:
            raise ValueError(f"sessions must be of 0, 1, 2, 3, was {self.sessions}")
        if not self.mark_interval_s >= 1:
            raise ValueError(f"mark_interval_s must be >= 1, was {self.mark_interval_s}")

    def targets(self) -> tuple[int, ...]:
        """Return the partitions that hold an account, in order."""
        return tuple(sorted({partition_of(account, self.partitions) for account in self.accounts}))


STATE: dict[str, type] = {"feed": Feed, **option_marks.STATE}


def make(params: Params, partition: int, partitions: int) -> PureFold:
    """Return the fold of one partition."""
    return RouterFold(replace(params, partitions=partitions))


def advance(state: Mapping[str, Any], record: Record | ChainRows, params: Params) -> Step:
    """Return the copies of a signal or event, or the marks of a frame, for each partition that holds an account."""
    interval_ns = params.mark_interval_s * SECOND_NS
    if isinstance(record, Signal):
        return _routed({}, [record], params)
    if isinstance(record, MarketEvent):
        return _on_event(state, record, params)
    if isinstance(record, Watch):
        feed: Feed | None = state.get(f"feed/{record.symbol}")
        return Step(option_marks.on_watch(state, record, feed.through_ns if feed else 0), ())
    if isinstance(record, ChainFrame | ChainRows | SurfaceFrame):
        watching = state.get(f"watch/{record.symbol}")
        if watching is None:
            return Step({}, ())
        if isinstance(record, SurfaceFrame):
            return _routed(*option_marks.on_surface(state, record, interval_ns), params)
        rows_read = rows_of(record, watching.contracts) if isinstance(record, ChainFrame) else record
        return _routed(*option_marks.on_chain(state, rows_read, interval_ns), params)
    if not isinstance(record, FeatureFrame):
        raise unexpected("router", record)
    key = f"feed/{record.symbol}"
    before: Feed | None = state.get(key)
    after, marks = marks_of(before, rows(record), interval_ns, params.sessions)
    return _routed({key: after} if after is not before else {}, marks, params)


def _on_event(state: Mapping[str, Any], event: MarketEvent, params: Params) -> Step:
    check_event(event)
    gone_ex = event.kind is MarketEventKind.DIVIDEND and 0 < event.start_ns < event.event_ns
    if event.kind not in ROUTED or gone_ex:
        return Step({}, ())
    changed = option_marks.on_split(state, event) if event.kind is MarketEventKind.SPLIT else {}
    return _routed(changed, [event], params)


def _routed(
    changed: Mapping[str, Any], records: Sequence[Signal | Mark | OptionMark | MarketEvent], params: Params
) -> Step:
    """Return a step that copies records to each partition that holds an account, under their underlyings."""
    targets = params.targets()
    copies = []
    for record in records:
        key = record.underlying if isinstance(record, OptionMark) else record.symbol
        copies += [Emit(TOPIC, key, record, partition) for partition in targets]
    return Step(changed, copies)


class RouterFold(PureFold):
    """The router's fold: most frames take a short way past the decoder, with the same result.

    Where a mark tells of several bars, one kernel takes all frames of a batch; else each frame of one row is skimmed.
    """

    def __init__(self, params: Params) -> None:
        super().__init__(advance, params, STATE, skip=self._is_unwatched, read=self._read_watched)
        self._interval_ns, self._sessions = params.mark_interval_s * SECOND_NS, params.sessions
        self._targets = params.targets()
        self._bulk = bulk_of(params)

    def load(self, state: Mapping[str, bytes]) -> None:
        """As PureFold.load."""
        super().load(state)
        self._bulk = bulk_of(self._params)

    def apply(self, payloads: Sequence[bytes]) -> list[Output | Rejected]:
        """As PureFold.apply."""
        outputs: list[Output | Rejected] = []
        if self._bulk is not None:
            for told, changed in self._bulk.run(payloads, self._state, lambda at: self._plain(at, payloads, outputs)):
                self._state |= changed
                self._dirty |= changed.keys()
                for at, mark in told:
                    self._tell(at, mark, outputs)
            return outputs
        for at, payload in enumerate(payloads):
            if payload.startswith(CHAINS):
                if not self._is_unwatched(payload):
                    self._plain(at, payloads, outputs)
                continue
            bar = skim(payload)
            if bar is not None:
                self._skimmed(at, bar, outputs)
            elif (key := signal_key(payload)) is not None:
                outputs += [Output(at, TOPIC, partition, key, payload) for partition in self._targets]
            else:
                self._plain(at, payloads, outputs)
        return outputs

    def _is_unwatched(self, payload: bytes) -> bool:
        """Return whether it is of a chain of which nothing is watched: neither decoded nor rejected."""
        if not payload.startswith(CHAINS):
            return False
        # The symbol comes first, its length before it; a longer one than 63 bytes is left to the decoder.
        length = payload[wire.HEADER_BYTES] if len(payload) > wire.HEADER_BYTES else 0
        name = payload[wire.HEADER_BYTES + 1 : wire.HEADER_BYTES + 1 + (length >> 1)]
        return not length & 0x81 and f"watch/{name.decode(errors='replace')}" not in self._state

    def _read_watched(self, payload: bytes) -> Record | ChainRows:
        """Return the record in a payload; of a chain's frame only what is watched."""
        if not payload.startswith(CHAIN):
            return wire.decode(payload)
        return read_rows(payload, self._watched_of(payload))

    def _watched_of(self, payload: bytes) -> Mapping[str, Any]:
        length = payload[wire.HEADER_BYTES]
        name = payload[wire.HEADER_BYTES + 1 : wire.HEADER_BYTES + 1 + (length >> 1)].decode(errors="replace")
        watching = self._state.get(f"watch/{name}")
        return watching.contracts if watching is not None else {}

    def _plain(self, at: int, payloads: Sequence[bytes], outputs: list[Output | Rejected]) -> None:
        outputs += [output._replace(at=at) for output in super().apply([payloads[at]])]

    def _skimmed(self, at: int, bar: BarRow, outputs: list[Output | Rejected]) -> None:
        key = f"feed/{bar.symbol}"
        before = self._state.get(key)
        try:
            feed, marks = marks_of(before, (bar,), self._interval_ns, self._sessions)
        except RecordError as error:
            outputs.append(Rejected(at, error.reason, error.detail))
            return
        if feed is not before:
            self._state[key] = feed
            self._dirty.add(key)
        for mark in marks:
            self._tell(at, mark, outputs)

    def _tell(self, at: int, mark: Mark, outputs: list[Output | Rejected]) -> None:
        payload, name = wire.encode(mark), mark.symbol.encode()
        outputs += [Output(at, TOPIC, partition, name, payload) for partition in self._targets]


def bulk_of(params: Params) -> "Bulk | None":
    """Return the kernel's feeds where they pay; without them the process needs no numba, and starts the faster."""
    if params.mark_interval_s == 1:
        return None
    from streams.book.bulk import Bulk
    from streams.numerics.jit import DISABLED

    return None if DISABLED else Bulk(params.mark_interval_s * SECOND_NS, params.sessions)
