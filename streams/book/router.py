"""The router: makes Marks of closed bars, and copies Marks and Signals to every partition that holds an account.

Which bars make marks: the finest that there are. A bar counts if it began at or after the instant up to which marks
have already told the trades of its symbol; so where there are bars of 1 s, the minute that ends with them adds nothing,
and where a source has minutes only, they make the marks. (That instant is all the state there is.)

- Every `mark_interval_s` of event time, at most, a symbol gets a mark; high, low and volume tell of all bars since.
- A bar without a trade tells its quote, and NaN as high and low: no bracket is touched by a price that nobody paid.
- By default bars outside regular hours make none (session byte 1 and 3); where no session is known (0), all do.
- Routed records keep the underlying as key: the partition is chosen by account, not by key.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from schemas import wire
from schemas.records import FeatureFrame, MarketEvent, Record, Signal
from schemas.topics import partition_of
from streams.book.marks import Feed, marks_of, marks_of_frame
from streams.book.skim import BarRow, skim
from streams.checks import unexpected
from streams.fold import PureFold
from streams.stage import Emit, Output, RecordError, Rejected, Step

TOPIC = "book"
SECOND_NS = 1_000_000_000


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
    feed, marks = marks_of_frame(before, record, params.mark_interval_s * SECOND_NS, params.sessions)
    changed = {key: feed} if feed is not before else {}
    return Step(changed, [Emit(TOPIC, mark.symbol, mark, partition) for mark in marks for partition in targets])


class RouterFold(PureFold):
    """The router's fold: frames of one row take a short way past the decoder, with the same result."""

    def __init__(self, params: Params) -> None:
        super().__init__(advance, params, STATE)
        self._interval_ns, self._sessions = params.mark_interval_s * SECOND_NS, params.sessions
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
            feed, marks = marks_of(before, (bar,), self._interval_ns, self._sessions)
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
