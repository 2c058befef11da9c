"""A task: one stage on one input partition. Filters, folds, numbers its outputs, and suppresses those already written.

Knows no Kafka: the shell (kafka.py), the in-memory runs (memory.py), the proof (verify.py) and the simulation drive
this same code.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Protocol

from schemas import wire
from schemas.records import Reject
from streams.fold import KeptFold, PureFold
from streams.log.filter import IdFilter
from streams.log.ids import CAUSE_HEADER, CODE_HEADER, ID_HEADER, PREVIOUS_HEADER, Headers, Place, parse_place
from streams.stage import ALL_PARTITIONS, Fold, Output, Rejected, RejectReason

PAYLOAD_BYTES_MAX = 4_000_000
REJECT_PAYLOAD_BYTES_MAX = 1_024
REJECT_DETAIL_CHARS_MAX = 1_024

Target = tuple[str, int]
"""Logical topic and partition."""


class Inbound(Protocol):
    """A record as confluent-kafka gives it; simulations bring their own."""

    def offset(self) -> Any: ...
    def value(self) -> Any: ...
    def headers(self) -> Any: ...


class Causes(Protocol):
    """Offset and id of each record of a batch."""

    def __getitem__(self, index: int, /) -> tuple[int, bytes]: ...


class Outbound(NamedTuple):
    """A record to append."""

    topic: str
    partition: int
    key: bytes
    payload: bytes
    headers: Headers


class DivergedError(RuntimeError):
    """The log holds an output of this task that its fold does not give again: other code wrote it."""


class MissingOffsetError(RuntimeError):
    """The input skips offsets: the log lost records below its end. Not to be survived."""


@dataclass(frozen=True)
class TaskKey:
    """Names a task: for checkpoints, transactional ids and origins, so never renamed with a module."""

    stage: str
    topic: str
    partition: int

    def __str__(self) -> str:
        return f"{self.stage}/{self.topic}/{self.partition}"


@dataclass(frozen=True)
class Snapshot:
    """What a checkpoint holds beside the state: the task's place in its inbox and in its outputs."""

    position: int
    seen: Mapping[str, Place]
    chain: Mapping[Target, Place]
    ends: Mapping[Target, int]


@dataclass
class TaskCounters:
    """What a task has done since it started."""

    records: int = 0
    outputs: int = 0
    duplicates_dropped: int = 0
    emissions_suppressed: int = 0
    rejects: dict[str, int] = field(default_factory=dict)


class Kept(NamedTuple):
    """All that folding changes in a task, as it was."""

    position: int
    newest: dict[bytes, bytes]
    chain: dict[Target, bytes]
    written: dict[Target, Place]
    counters: TaskCounters
    fold: KeptFold


class Task:
    """One stage on one input partition.

    origin: of its outputs: stage/partition/UUID of the input topic. partitions: of every data topic.
    code: the code version, as a header of each output.
    """

    def __init__(self, key: TaskKey, fold: Fold, origin: str, partitions: int, code: str = "") -> None:
        self.key = key
        self.fold = fold
        self.origin = origin
        self.position = 0
        self.filter = IdFilter()
        self.counters = TaskCounters()
        self._named = f"{origin}:".encode()
        self._foreign = f"foreign/{key.topic}/{key.partition}".encode()
        self._partitions = partitions
        self._own = (key.partition,)
        self._code: list[tuple[str, str | bytes | None]] = [(CODE_HEADER, code.encode())] if code else []
        self._chain: dict[Target, bytes] = {}
        """Place of the newest output of each target, as in a header."""
        self._written: dict[Target, Place] = {}
        self._rejects_topic = f"{key.stage}.rejects"

    def restore(self, snapshot: Snapshot, state: Mapping[str, bytes]) -> None:
        """Go back to a checkpoint."""
        self.position = snapshot.position
        self.filter = IdFilter(snapshot.seen)
        self._chain = {target: b"%d.%d" % place for target, place in snapshot.chain.items()}
        self.fold.load(state)

    def suppress_through(self, written: Mapping[Target, Place]) -> None:
        """Name the newest of this task's outputs that each target already holds: they are not appended again."""
        chain = self._places()
        self._written = {target: place for target, place in written.items() if place > chain.get(target, (-1, -1))}

    def catching_up(self) -> dict[Target, Place]:
        """Return the newest output by target that the log already holds of inputs not yet folded again."""
        return dict(self._written)

    def snapshot(self, ends: Mapping[Target, int]) -> Snapshot:
        """Return the task's place; ends: offsets from which a scan finds every output appended after this instant."""
        return Snapshot(self.position, self.filter.newest(), self._places(), dict(ends))

    def keep(self) -> Kept:
        """Return what go_back needs. The fold must be a PureFold."""
        assert isinstance(self.fold, PureFold)
        chain, written, counters = dict(self._chain), dict(self._written), self.counters
        kept = replace(counters, rejects=dict(counters.rejects))
        return Kept(self.position, dict(self.filter.places()), chain, written, kept, self.fold.keep())

    def go_back(self, kept: Kept) -> None:
        """Take back everything since `keep`; of no use a second time."""
        assert isinstance(self.fold, PureFold)
        self.position, places, self._chain, self._written, self.counters, fold = kept
        self.filter.replace(places)
        self.fold.go_back(fold)

    def _places(self) -> dict[Target, Place]:
        return {target: parse_place(text) for target, text in self._chain.items()}

    def apply(self, messages: Sequence[Inbound]) -> list[Outbound]:
        """Fold records of the inbox, in log order; return what is to be appended, in order.

        Raises GapError or MissingOffsetError where the log has lost something, DivergedError where it holds what this
        fold does not give.
        """
        accept, foreign, position = self.filter.accept_headers, self._foreign, self.position
        payloads: list[bytes] = []
        causes: list[tuple[int, bytes]] = []
        for message in messages:
            offset = message.offset()
            if offset != position:
                if offset < position:
                    continue
                raise MissingOffsetError(f"{self.key}: expected offset {position}, was {offset}: records are missing")
            position += 1
            cause = accept(message.headers(), foreign, offset)
            if cause is None:
                self.counters.duplicates_dropped += 1
                continue
            payloads.append(message.value() or b"")
            causes.append((offset, cause))
        self.position = position
        self.counters.records += len(payloads)
        return self._numbered(self.fold.apply(payloads), payloads, causes)

    def apply_accepted(self, payloads: Sequence[bytes], causes: Causes, position: int) -> list[Outbound]:
        """As apply, of records that were found to be the next of their partition and new, and told to the filter.

        position: the offset after the last of them.
        """
        self.position = position
        self.counters.records += len(payloads)
        return self._numbered(self.fold.apply(payloads), payloads, causes)

    def _numbered(
        self, results: Sequence[Output | Rejected], payloads: Sequence[bytes], causes: Causes
    ) -> list[Outbound]:
        """Return the outputs as records. causes: offset and id of each payload's record."""
        out: list[Outbound] = []
        last_at, index = -1, 0
        offset, cause = -1, b""
        chain, written, code = self._chain, self._written, self._code
        for result in results:
            if result[0] != last_at:
                last_at, index = result[0], 0
                offset, cause = causes[last_at]
            if isinstance(result, Rejected) or len(result.payload) > PAYLOAD_BYTES_MAX:
                result = self._reject(result, offset, payloads[last_at])
            _, topic, wanted, key, payload = result
            for partition in self._own if wanted is None else self._targets(wanted):
                target = (topic, partition)
                previous = chain.get(target)
                place = chain[target] = b"%d.%d" % (offset, index)
                if not (written and self._suppressed(target, (offset, index))):
                    named = (ID_HEADER, self._named + place)
                    if previous is not None:
                        headers: Headers = [named, (PREVIOUS_HEADER, previous), (CAUSE_HEADER, cause), *code]
                    else:
                        headers = [named, (CAUSE_HEADER, cause), *code]
                    # What Outbound(...) comes to, at half the time.
                    out.append(tuple.__new__(Outbound, (topic, partition, key, payload, headers)))
                index += 1
        self.counters.outputs += len(out)
        return out

    def _targets(self, wanted: int) -> Iterable[int]:
        return range(self._partitions) if wanted == ALL_PARTITIONS else (wanted,)

    def _suppressed(self, target: Target, own: Place) -> bool:
        """Return whether the log holds an output already."""
        written = self._written.get(target)
        if written is None:
            return False
        if own > written:
            raise DivergedError(
                f"{self.key}: {target[0]}/{target[1]} holds output {written[0]}.{written[1]}, which this code does "
                f"not give again (it gives {own[0]}.{own[1]} next): other code wrote it; replay into a new world"
            )
        self.counters.emissions_suppressed += 1
        if own == written:
            del self._written[target]
        return True

    def _reject(self, result: Output | Rejected, offset: int, payload: bytes) -> Output:
        if isinstance(result, Rejected):
            reason, detail = result.reason, result.detail
        else:
            reason = RejectReason.OVERSIZED
            detail = f"output to {result.topic}: expected at most {PAYLOAD_BYTES_MAX} bytes, was {len(result.payload)}"
        self.counters.rejects[reason] = self.counters.rejects.get(reason, 0) + 1
        record = Reject(
            self.key.stage,
            str(reason),
            _said(detail),
            self.key.topic,
            self.key.partition,
            offset,
            bytes(payload[:REJECT_PAYLOAD_BYTES_MAX]),
        )
        return Output(result.at, self._rejects_topic, None, b"", wire.encode(record))


def _said(detail: str) -> str:
    """Return the text of a reject, which may hold anything: bounded, in valid Unicode, the same in each run."""
    text = _ADDRESS.sub("0x", detail[:REJECT_DETAIL_CHARS_MAX])
    return text.encode("utf-8", "backslashreplace").decode()


_ADDRESS = re.compile(r"0x[0-9a-fA-F]{6,16}")
