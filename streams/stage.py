"""The shape of a stage and of a plug-in.

A stage is a fold: it reads records of one partition in log order and gives outputs, with no I/O, clock, randomness,
logging or globals. Most are written as a pure function over frozen dataclasses:

    def advance(state, record, params) -> Step        # see Advance

and hosted by PureFold (streams/fold.py). The hot one (analytics) implements Fold itself over arrays.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple, Protocol, TypeVar

from schemas.records import Record

S = TypeVar("S")


class RejectReason(StrEnum):
    """Why a stage could not use a record; each is a metric label and has a test."""

    NOT_FRAMED = "not_framed"
    UNKNOWN_SCHEMA = "unknown_schema"
    MALFORMED = "malformed"
    UNEXPECTED_TYPE = "unexpected_type"
    BAD_VALUE = "bad_value"
    OVERSIZED = "oversized"
    BUG = "bug"


class RecordError(ValueError):
    """A record that a fold cannot use; raised inside advance, it rejects the record and changes nothing."""

    def __init__(self, reason: RejectReason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class Emit(NamedTuple):
    """An output of advance. partition None: that of the input; ALL_PARTITIONS: one copy to each."""

    topic: str
    key: str
    record: Record
    partition: int | None = None


ALL_PARTITIONS = -1


class Step(NamedTuple):
    """What one record changed: new states by key (frozen dataclasses), and outputs in order."""

    changed: Mapping[str, Any]
    outputs: Sequence[Emit]


class Advance(Protocol):
    """state: every key's state of this partition, read only. Raise RecordError for a record of no use."""

    def __call__(self, state: Mapping[str, Any], record: Record, params: Any) -> Step: ...


class Output(NamedTuple):
    """An encoded output of a fold. at: index of the input in the batch that caused it."""

    at: int
    topic: str
    partition: int | None
    key: bytes
    payload: bytes


class Rejected(NamedTuple):
    """A record of the batch that could not be used."""

    at: int
    reason: RejectReason
    detail: str


class Fold(Protocol):
    """A stage on one input partition. Where the input is cut into batches must not matter."""

    counters: dict[str, int]

    def apply(self, payloads: Sequence[bytes]) -> Sequence[Output | Rejected]:
        """Advance over payloads in log order; return outputs sorted by at. Never raises for a bad record."""
        ...

    def changed(self) -> dict[str, bytes | None]:
        """Return the encoded state of every key changed since the last call (None: deleted)."""
        ...

    def load(self, state: Mapping[str, bytes]) -> None:
        """Replace all state by what `changed` once returned, all keys together."""
        ...


@dataclass(frozen=True)
class Stage:
    """One row of the topology. Logical topic names: the runtime puts the world before them."""

    name: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    make: str
    """`package.module:function` of (params, partition, partitions) -> Fold."""
    params: str
    """`package.module:Params` of the frozen dataclass of parameters."""
    layout: int = 1
    """Version of the state's layout; a checkpoint of another is refused."""
    joined: bool = False
    """Its fold reads the payloads of a batch as they lie in memory (streams/joined.py)."""
    nice: int = 0
    """By how much others go first where processors are short."""
    pace_s: float = 0.0
    """How long records may wait for others before they are fetched, to be folded together (paced_settings)."""
