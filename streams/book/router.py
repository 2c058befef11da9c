"""The router: makes Marks of closed bars, and copies Marks and Signals to every partition that holds an account.

Which bars make marks: the finest that there are. A bar counts if it began at or after the instant up to which marks
have already told the trades of its symbol; so where there are bars of 1 s, the minute that ends with them adds nothing,
and where a source has minutes only, they make the marks. (That instant is all the state there is.)

- Every `mark_interval_s` of event time, at most, a symbol gets a mark; high, low and volume tell of all bars since.
- A bar without a trade tells its quote, and NaN as high and low: no bracket is touched by a price that nobody paid.
- By default bars outside regular hours make none (session byte 1 and 3); where no session is known (0), all do.
- Routed records keep the underlying as key: the partition is chosen by account, not by key.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from schemas import wire
from schemas.records import FeatureFrame, Mark, MarketEvent, Record, Signal
from schemas.topics import partition_of
from streams.book.skim import BarRow, skim
from streams.checks import bad, not_negative, positive_or_unknown, unexpected
from streams.fold import PureFold
from streams.stage import Emit, Output, RecordError, Rejected, Step

TOPIC = "book"
SECOND_NS = 1_000_000_000
NAN = float("nan")


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
        if not self.mark_interval_s >= 1:
            raise ValueError(f"mark_interval_s must be >= 1, was {self.mark_interval_s}")

    def targets(self) -> tuple[int, ...]:
        """Return the partitions that hold an account, in order."""
        return tuple(sorted({partition_of(account, self.partitions) for account in self.accounts}))


@dataclass(frozen=True, slots=True)
class Feed:
    """What marks of a symbol have told, and what they have not. high and low NaN: no trade since the last mark."""

    through_ns: int
    mark_ns: int
    high: float = NAN
    low: float = NAN
    volume: int = 0


STATE: dict[str, type] = {"feed": Feed}


def make(params: Params, partition: int, partitions: int) -> PureFold:
    """Return the fold of one partition."""
    return RouterFold(replace(params, partitions=partitions))


def advance(state: Mapping[str, Any], record: Record, params: Params) -> Step:
    """Return the copies of a signal, or the marks of a frame, for each partition that holds an account."""
    targets = params.targets()
    if isinstance(record, Signal):
        return Step({}, [Emit(TOPIC, record.symbol, record, partition) for partition in targets])
    if isinstance(record, MarketEvent):
        return Step({}, ())
    if not isinstance(record, FeatureFrame):
        raise unexpected("router", record)
    key = f"feed/{record.symbol}"
    before: Feed | None = state.get(key)
    feed, marks = marks_of(before, rows(record), params)
    changed = {key: feed} if feed is not before else {}
    return Step(changed, [Emit(TOPIC, mark.symbol, mark, partition) for mark in marks for partition in targets])


def rows(frame: FeatureFrame) -> Iterator[BarRow]:
    """Yield the bars of a frame, in time order."""
    event_ns = frame.base_ns
    columns = (
        frame.delta_ns,
        frame.high,
        frame.low,
        frame.close,
        frame.volume,
        frame.trades,
        frame.bid,
        frame.ask,
        frame.session,
    )
    if len(frame.delta_ns) < 1 or any(len(column) != len(frame.delta_ns) for column in columns):
        raise bad("columns of the frame", [len(column) for column in columns], "of one length >= 1")
    plain = [column.tolist() for column in columns[:-1]]
    for delta, high, low, close, volume, trades, bid, ask, session in zip(*plain, frame.session, strict=True):
        event_ns += delta
        yield BarRow(frame.symbol, frame.interval_ns, event_ns, high, low, close, volume, trades, bid, ask, session)


def marks_of(feed: Feed | None, bars: Iterable[BarRow], params: Params) -> tuple[Feed | None, list[Mark]]:
    """Return what has been told after these bars of one symbol, and the marks that tell it."""
    marks = []
    interval_ns = params.mark_interval_s * SECOND_NS
    for bar in bars:
        _check(bar)
        if bar.session not in params.sessions or not (bar.close > 0 or bar.bid > 0 or bar.ask > 0):
            continue
        if feed is None:
            feed = Feed(0, 0)
        if bar.event_ns - bar.interval_ns < feed.through_ns:
            continue
        high, low, volume = feed.high, feed.low, feed.volume + bar.volume
        if bar.trades > 0 or bar.volume > 0:
            high = bar.high if not bar.high <= high else high
            low = bar.low if not bar.low >= low else low
        if bar.event_ns - feed.mark_ns < interval_ns:
            feed = Feed(bar.event_ns, feed.mark_ns, high, low, volume)
            continue
        feed = Feed(bar.event_ns, bar.event_ns)
        marks.append(Mark(bar.symbol, bar.event_ns, bar.bid, bar.ask, bar.close, high, low, volume))
    return feed, marks


def _check(bar: BarRow) -> None:
    for what, price in (("bid", bar.bid), ("ask", bar.ask), ("close", bar.close), ("high", bar.high), ("low", bar.low)):
        positive_or_unknown(what, price)
    if bar.low > bar.high:
        raise bad("low", bar.low, f"<= high ({bar.high})")
    not_negative("volume", bar.volume)


class RouterFold(PureFold):
    """The router's fold: frames of one row take a short way past the decoder, with the same result."""

    def __init__(self, params: Params) -> None:
        super().__init__(advance, params, STATE)
        self._router_params = params
        self._targets = params.targets()

    def apply(self, payloads: Sequence[bytes]) -> list[Output | Rejected]:
        """As PureFold.apply."""
        outputs: list[Output | Rejected] = []
        for at, payload in enumerate(payloads):
            bar = skim(payload)
            if bar is None:
                outputs += [output._replace(at=at) for output in super().apply([payload])]
            else:
                outputs += self._marks(at, bar)
        return outputs

    def _marks(self, at: int, bar: BarRow) -> list[Output | Rejected]:
        key = f"feed/{bar.symbol}"
        before = self._state.get(key)
        try:
            feed, marks = marks_of(before, (bar,), self._router_params)
        except RecordError as error:
            return [Rejected(at, error.reason, error.detail)]
        if feed is not before:
            self._state[key] = feed
            self._dirty.add(key)
        outputs: list[Output | Rejected] = []
        for mark in marks:
            payload = wire.encode(mark)
            name = mark.symbol.encode()
            outputs += [Output(at, TOPIC, partition, name, payload) for partition in self._targets]
        return outputs
