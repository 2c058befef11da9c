"""A broker in memory, as far as tasks can see one: partitions, topic UUIDs, fencing epochs, transactions, compaction.

Every call of a MemoryTaskLog lets the rest of the world run for a while first: that is where the races are.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from streams.log.filter import split_headers
from streams.log.ids import Headers, Place, parse_place
from streams.runtime.checkpoint import Entry
from streams.runtime.recovery import CheckpointAbortedError, FencedError
from streams.runtime.task import Target, TaskKey


@dataclass(frozen=True, slots=True)
class Stored:
    """A record of a partition, as confluent-kafka's Message gives it."""

    at: int
    key: bytes
    payload: bytes | None
    heads: Headers | None

    def offset(self) -> int:
        return self.at

    def value(self) -> bytes | None:
        return self.payload

    def headers(self) -> Headers | None:
        return self.heads


@dataclass
class Partition:
    """One partition's records; start: the first offset that has not expired."""

    records: list[Stored] = field(default_factory=list)
    start: int = 0

    @property
    def end(self) -> int:
        return len(self.records)

    def append(self, key: bytes, payload: bytes | None, headers: Headers | None) -> None:
        self.records.append(Stored(self.end, key, payload, headers))


class Fate(StrEnum):
    """What becomes of a transaction."""

    OPEN = "open"
    COMMITTED = "committed"
    ABORTED = "aborted"


@dataclass
class Transaction:
    """A transaction of one transactional id."""

    owner: str
    fate: Fate = Fate.OPEN


@dataclass(frozen=True)
class CheckpointRecord:
    """A record of a checkpoint partition."""

    key: bytes
    value: bytes | None
    transaction: Transaction


class Crash(Exception):
    """The process dies at this very instant."""


class Broker:
    """Topics and transactional ids of one world."""

    def __init__(self, partitions: int) -> None:
        self.partitions = partitions
        self.topics: dict[str, list[Partition]] = {}
        self.uuids: dict[str, str] = {}
        self.checkpoints: dict[tuple[str, int], list[CheckpointRecord]] = {}
        self.archives: dict[tuple[str, int], list[Entry]] = {}
        self.epochs: dict[str, int] = {}
        self.group_offsets: dict[str, int] = {}
        self._made = 0

    def create(self, topic: str) -> None:
        """Create a topic, or delete it and create it anew."""
        self._made += 1
        self.topics[topic] = [Partition() for _ in range(self.partitions)]
        self.uuids[topic] = f"uuid{self._made}"

    def partition(self, target: Target) -> Partition:
        return self.topics[target[0]][target[1]]

    def fence(self, owner: str) -> int:
        """Return a new epoch; transactions of older ones are aborted and can never commit."""
        self.epochs[owner] = self.epochs.get(owner, 0) + 1
        for records in self.checkpoints.values():
            for record in records:
                if record.transaction.owner == owner and record.transaction.fate is Fate.OPEN:
                    record.transaction.fate = Fate.ABORTED
        return self.epochs[owner]

    def time_out(self, stage: str, partition: int) -> int:
        """Abort every open transaction of a checkpoint partition, as the broker does after a while; return how many."""
        owners = {
            record.transaction.owner
            for record in self.checkpoints.get((stage, partition), ())
            if record.transaction.fate is Fate.OPEN
        }
        for owner in owners:
            self.fence(owner)
        return len(owners)

    def compact(self, stage: str, partition: int) -> int:
        """Keep each key's newest committed record below the first open transaction; return how many are gone."""
        records = self.checkpoints.get((stage, partition), [])
        stable = next((at for at, r in enumerate(records) if r.transaction.fate is Fate.OPEN), len(records))
        committed = [r for r in records[:stable] if r.transaction.fate is Fate.COMMITTED]
        newest = {record.key: at for at, record in enumerate(committed)}
        kept = [r for at, r in enumerate(committed) if newest[r.key] == at and r.value is not None]
        self.checkpoints[stage, partition] = kept + records[stable:]
        return stable - len(kept)


def transactional_id(key: TaskKey) -> str:
    return f"{key.stage}.{key.topic}.{key.partition}"


def no_interlude(_: str) -> None:
    return None


@dataclass
class CommitPlan:
    """The next commit dies after so many records (None: does not), is aborted, or lands and says it did not."""

    crash_after: int | None = None
    aborted: bool = False
    landed_but_said_aborted: bool = False


class MemoryTaskLog:
    """TaskLog of one owner of one task. interlude: runs the rest of the world; called before every step."""

    def __init__(
        self,
        broker: Broker,
        key: TaskKey,
        writes: Sequence[str],
        interlude: Callable[[str], None] = no_interlude,
    ) -> None:
        self.broker = broker
        self.key = key
        self.plan = CommitPlan()
        self.waited = 0
        self._writes = writes
        self._interlude = interlude
        self._epoch = 0
        self._id = transactional_id(key)

    def fence(self) -> None:
        self._interlude("fence")
        self._epoch = self.broker.fence(self._id)

    def checkpoint_records(self) -> Iterable[Entry]:
        self._interlude("read")
        return self.read_checkpoint()

    def read_checkpoint(self) -> list[Entry]:
        """Committed records up to the end as of now; waits for what is open below it (here: until it times out)."""
        records = list(self.broker.checkpoints.get((self.key.stage, self.key.partition), ()))
        if any(record.transaction.fate is Fate.OPEN for record in records):
            self._interlude("wait")
            self.waited += self.broker.time_out(self.key.stage, self.key.partition)
        return [(record.key, record.value) for record in records if record.transaction.fate is Fate.COMMITTED]

    def topic_ids(self) -> Mapping[str, str]:
        self._interlude("ids")
        return {topic: self.broker.uuids[topic] for topic in (self.key.topic, *self._writes)}

    def input_bounds(self) -> tuple[int, int]:
        self._interlude("bounds")
        partition = self.broker.partition((self.key.topic, self.key.partition))
        return partition.start, partition.end

    def newest_own(self, starts: Mapping[Target, int], origin: str) -> Mapping[Target, Place]:
        newest: dict[Target, Place] = {}
        for target, start in starts.items():
            self._interlude("scan")
            partition = self.broker.partition(target)
            for record in partition.records[max(start, partition.start) :]:
                found, text, _ = split_headers(record.heads, b"", record.at)
                if found == origin.encode():
                    newest[target] = max(parse_place(text), newest.get(target, (-1, -1)))
        return newest

    def ends(self, targets: Sequence[Target]) -> Mapping[Target, int]:
        self._interlude("ends")
        return {target: self.broker.partition(target).end for target in targets}

    def commit(self, records: Iterable[Entry], position: int, archive: Iterable[Entry] = ()) -> None:
        self._interlude("begin")
        plan, self.plan = self.plan, CommitPlan()
        self._check_epoch()
        transaction = Transaction(self._id)
        partition = self.broker.checkpoints.setdefault((self.key.stage, self.key.partition), [])
        for at, (name, value) in enumerate(records):
            if at == plan.crash_after:
                raise Crash
            partition.append(CheckpointRecord(name, value, transaction))
        self._interlude("commit")
        self._check_epoch()
        assert transaction.fate is Fate.OPEN, "a transaction of the newest epoch is nobody else's to end"
        if plan.aborted:
            transaction.fate = Fate.ABORTED
            raise CheckpointAbortedError("aborted")
        transaction.fate = Fate.COMMITTED
        self.broker.archives.setdefault((self.key.stage, self.key.partition), []).extend(archive)
        self.broker.group_offsets[self._id] = position
        if plan.landed_but_said_aborted:
            raise CheckpointAbortedError("its end was not seen")

    def newest_owner(self) -> bool:
        """Whether nobody has fenced this owner off."""
        return self.broker.epochs[self._id] == self._epoch

    def _check_epoch(self) -> None:
        if not self.newest_owner():
            raise FencedError(self._id)
