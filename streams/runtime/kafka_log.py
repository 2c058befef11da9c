"""TaskLog on a real broker: transactions fence and carry the checkpoints, plain reads scan the tails."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    Producer,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient

from schemas.topics import full_name
from streams.log.filter import split_headers
from streams.log.ids import Place, parse_place
from streams.log.producer import QUIET, BrokenLogError
from streams.log.reader import UnreadableLogError, read, reader_settings
from streams.runtime.checkpoint import Entry
from streams.runtime.recovery import CheckpointAbortedError, FencedError
from streams.runtime.task import Target, TaskKey

TRANSACTION_SECONDS_MAX = 30.0
_FENCED = {KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH}


def topic_ids(kafka: Mapping[str, str], world: str, topics: Sequence[str]) -> dict[str, str]:
    """Return the UUID of topics by logical name; BrokenLogError where one does not exist."""
    names = {full_name(world, topic): topic for topic in topics}
    admin = AdminClient({**kafka, "log_level": QUIET})
    found: dict[str, str] = {}
    for name, future in admin.describe_topics(TopicCollection(list(names)), request_timeout=30).items():
        try:
            found[names[name]] = str(future.result().topic_id)
        except KafkaException as error:
            raise BrokenLogError(f"topic {name}: {error.args[0].str()}; create it with: aiots topics") from error
    return found


class KafkaTaskLog:
    """TaskLog of one task.

    group: returns the metadata of the group's consumer, with which its offsets are committed; None: they are not.
    It must not ask the consumer: confluent-kafka lets one thread at a time into a consumer, and one that polls in a
    loop leaves no way in (measured: waits of over 10 s).
    """

    def __init__(
        self,
        kafka: Mapping[str, str],
        world: str,
        key: TaskKey,
        ids: Mapping[str, str],
        group: Callable[[], Any] | None,
    ) -> None:
        self._kafka = dict(kafka)
        self._world = world
        self._key = key
        self._ids = dict(ids)
        self._group = group
        self._checkpoint_topic = full_name(world, f"{key.stage}.checkpoint")
        self._archive_topic = full_name(world, f"{key.stage}.archive")
        self._reader = Consumer(reader_settings(kafka))
        self._producer = Producer(
            {
                **self._kafka,
                "transactional.id": f"{world}.{key.stage}.{key.topic}.{key.partition}",
                "transaction.timeout.ms": 10_000,
                "message.timeout.ms": 10_000,
                "message.max.bytes": 4_194_304,
                "linger.ms": 0,
                "log_level": QUIET,
                "client.id": f"aiots-{key.stage}-checkpoint-{key.partition}",
            }
        )

    def fence(self) -> None:
        """init_transactions: fences the owner before, and aborts its open transaction.

        A broker that was killed between deciding a transaction and marking its end may, when it comes back, take the
        partition for deleted and never mark it: readers of committed records would wait there for good. The end of
        this id's next transaction marks both, so one is begun here for nothing. It is aborted, as the lost one may
        have been: at worst an older checkpoint is what we go on from.
        """
        self._attempt("init_transactions", lambda: self._producer.init_transactions(10.0))
        try:
            self._producer.begin_transaction()
            name = f"{self._key}/fence".encode()
            self._producer.produce(self._checkpoint_topic, key=name, value=None, partition=self._key.partition)
            if self._producer.flush(TRANSACTION_SECONDS_MAX):
                raise BrokenLogError(f"{self._key}: the checkpoint topic takes no record")
            self._attempt("abort_transaction", lambda: self._producer.abort_transaction(10.0))
        except KafkaException as failure:
            error = failure.args[0]
            if error.code() in _FENCED:
                raise FencedError(f"{self._key}: {error.str()}") from failure
            raise BrokenLogError(f"{self._key}: {error.str()}") from failure

    def checkpoint_records(self) -> Iterable[Entry]:
        """Read the checkpoint partition to its end, committed records only."""
        topic, partition = self._checkpoint_topic, self._key.partition
        for message in read(self._kafka, topic, partition, committed=True):
            name = message.key()
            assert isinstance(name, bytes), "a checkpoint record has a key"
            value = message.value()
            yield name, value if value is None else bytes(value)

    def topic_ids(self) -> Mapping[str, str]:
        """As asked of the broker when the process started."""
        return self._ids

    def input_bounds(self) -> tuple[int, int]:
        """Ask the broker for the inbox's first and end offset."""
        return self._bounds((self._key.topic, self._key.partition))

    def ends(self, targets: Sequence[Target]) -> Mapping[Target, int]:
        """Ask the broker for each target's end offset."""
        return {target: self._bounds(target)[1] for target in targets}

    def newest_own(self, starts: Mapping[Target, int], origin: str) -> Mapping[Target, Place]:
        """Read all targets from their starts to their ends as of now, through one consumer."""
        ends: dict[tuple[str, int], int] = {}
        assignment = []
        targets: dict[tuple[str, int], Target] = {}
        for target, start in starts.items():
            low, high = self._bounds(target)
            first, name = max(start, low), (full_name(self._world, target[0]), target[1])
            if first < high:
                assignment.append(TopicPartition(*name, first))
                ends[name], targets[name] = high, target
        newest: dict[Target, Place] = {}
        if assignment:
            self._reader.assign(assignment)
            self._scan(ends, targets, origin.encode(), newest)
            self._reader.unassign()
        return newest

    def _scan(
        self,
        ends: dict[tuple[str, int], int],
        targets: Mapping[tuple[str, int], Target],
        origin: bytes,
        newest: dict[Target, Place],
    ) -> None:
        deadline_s = time.monotonic() + TRANSACTION_SECONDS_MAX
        while ends:
            for message in self._reader.consume(10_000, timeout=0.02):
                error = message.error()
                if error is not None:
                    if error.code() != KafkaError._PARTITION_EOF and not error.retriable():
                        raise KafkaException(error)
                    continue
                deadline_s = time.monotonic() + TRANSACTION_SECONDS_MAX
                name = (message.topic() or "", message.partition() or 0)
                offset = message.offset() or 0
                if offset < ends.get(name, 0):
                    found, text, _ = split_headers(message.headers(), b"", offset)
                    if found == origin:
                        place = parse_place(text)
                        newest[targets[name]] = max(place, newest.get(targets[name], place))
                if offset + 1 >= ends.get(name, offset + 2):
                    del ends[name]
            if time.monotonic() > deadline_s:
                raise UnreadableLogError(f"{self._key}: the outputs' tails {sorted(ends)} cannot be read")

    def commit(self, records: Iterable[Entry], position: int, archive: Iterable[Entry] = ()) -> None:
        """Write the checkpoint's records, the group's offset and what is to be archived in one transaction."""
        try:
            self._producer.begin_transaction()
            for topic, written in ((self._checkpoint_topic, records), (self._archive_topic, archive)):
                for name, value in written:
                    self._producer.produce(topic, key=name, value=value, partition=self._key.partition)
            if self._group is not None:
                place = TopicPartition(full_name(self._world, self._key.topic), self._key.partition, position)
                self._producer.send_offsets_to_transaction([place], self._group(), 10.0)
            self._attempt("commit_transaction", lambda: self._producer.commit_transaction(10.0))
        except KafkaException as failure:
            self._abort(failure)

    def _abort(self, failure: KafkaException) -> None:
        error = failure.args[0]
        if error.code() in _FENCED:
            raise FencedError(f"{self._key}: {error.str()}") from failure
        if error.fatal():
            raise BrokenLogError(f"{self._key}: checkpoint: {error.str()}") from failure
        try:
            self._attempt("abort_transaction", lambda: self._producer.abort_transaction(10.0))
        except KafkaException as second:
            code = second.args[0].code()
            raise (FencedError if code in _FENCED else BrokenLogError)(
                f"{self._key}: {second.args[0].str()}"
            ) from second
        raise CheckpointAbortedError(f"{self._key}: {error.str()}") from failure

    def _attempt(self, name: str, call: Callable[[], object]) -> None:
        """Call until it succeeds or fails for good, for 30 s at most: the broker's ordinary errors are retriable."""
        deadline_s = time.monotonic() + TRANSACTION_SECONDS_MAX
        while True:
            try:
                call()
                return
            except KafkaException as failure:
                error = failure.args[0]
                if error.code() in _FENCED:
                    raise FencedError(f"{self._key}: {name}: {error.str()}") from failure
                if not error.retriable() or time.monotonic() > deadline_s:
                    raise

    def _bounds(self, target: Target) -> tuple[int, int]:
        place = TopicPartition(full_name(self._world, target[0]), target[1])
        low, high = self._reader.get_watermark_offsets(place, timeout=30.0)
        return low, high

    def close(self) -> None:
        """Let go of the connections."""
        self._reader.close()
