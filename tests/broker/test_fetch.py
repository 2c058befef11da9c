"""Both ways of fetching give a task the same records: usual and unusual, of many origins, in any mixture."""

import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from confluent_kafka import KafkaError, Producer

from streams.log.filter import GapError
from streams.log.producer import producer_settings
from streams.numerics.jit import DISABLED
from streams.runtime.fetch import Fetch, MessageFetch, make_fetch
from streams.runtime.native.ahead import Ahead, Found
from streams.runtime.native.library import library
from streams.runtime.task import Outbound, Task, TaskKey
from streams.stage import Output, Rejected, RejectReason

pytestmark = pytest.mark.broker
PARTITIONS = 2
Headers = list[tuple[str, str | bytes | None]] | None


class Echo:
    """A fold that gives back what it gets, and rejects what says so."""

    counters: dict[str, int] = {}  # noqa: RUF012 (of the protocol)

    def apply(self, payloads: Sequence[bytes]) -> list[Output | Rejected]:
        out: list[Output | Rejected] = []
        for at, payload in enumerate(payloads):
            if payload.startswith(b"reject"):
                out.append(Rejected(at, RejectReason.BAD_VALUE, "it says so"))
            else:
                out.append(Output(at, "features", None, b"k", payload))
        return out

    def changed(self) -> dict[str, bytes | None]:
        return {}

    def load(self, state: Mapping[str, bytes]) -> None:
        assert not state


def task_of(partition: int) -> Task:
    return Task(TaskKey("echo", "market.ticks", partition), Echo(), f"echo/{partition}/uuid", PARTITIONS)


def usual(origin: str, number: int) -> Headers:
    """The headers of record `number` of an origin, from 0 on."""
    own: list[tuple[str, str | bytes | None]] = [("id", f"{origin}:{number}.0".encode())]
    return own + [("prev", f"{number - 1}.0".encode())] * (number > 0) + [("code", b"abc")]


def write(kafka: Mapping[str, str], topic: str, records: Sequence[tuple[int, bytes | None, Headers]]) -> None:
    producer = Producer(producer_settings(kafka, "test"))
    for partition, value, headers in records:
        producer.produce(topic, value, b"key", partition, headers=headers)
    assert producer.flush(60) == 0


def mixture(seed: int, origins: int) -> list[tuple[int, bytes | None, Headers]]:
    """Records as a topic may hold them: most are usual."""
    draw = random.Random(seed)
    newest = {(p, o): -1 for p in range(PARTITIONS) for o in range(origins)}
    records: list[tuple[int, bytes | None, Headers]] = []
    for n in range(3_000):
        partition, origin = draw.randrange(PARTITIONS), draw.randrange(origins)
        number, name = newest[partition, origin] + 1, f"source-{origin}/x"
        newest[partition, origin] = number
        value: bytes | None = bytes(str(n), "ascii") * draw.randrange(1, 40)
        kind = draw.random()
        if kind < 0.03:
            value = draw.choice([None, b"", b"reject this", b"x" * 200_000])
        headers = usual(name, number)
        assert headers is not None
        if kind > 0.98:
            headers = [headers[-1], *headers[:-1]]  # the id does not come first
        records.append((partition, value, headers))
        if kind > 0.99:
            records.append((partition, b"again", headers))
        elif kind > 0.98:
            records.append((partition, b"old", usual(name, max(0, number - 2))))
        elif kind > 0.97:
            strange: list[Headers] = [None, [("id", None)], [("id", b"rubbish")]]
            records.append((partition, b"foreign", draw.choice(strange)))
    return records


def read(fetch: Fetch, topic: str, tasks: Mapping[int, Task], ends: Mapping[int, int]) -> dict[int, list[Outbound]]:
    """Start everything and turn until it is read; return the outputs by partition."""
    out: dict[int, list[Outbound]] = {partition: [] for partition in tasks}
    for partition, task in tasks.items():
        fetch.start(topic, partition, task)
    deadline_s = time.monotonic() + 60.0
    while any(task.position < ends[partition] for partition, task in tasks.items()):
        assert time.monotonic() < deadline_s, "not everything was read"
        for applied in fetch.turn(0.1, 500):
            assert applied.records > 0
            assert applied.stamp_ms > 1_600_000_000_000
            out[applied.place[1]] += applied.outputs
    for partition in tasks:
        assert fetch.end(topic, partition) == ends[partition]
    return out


def loud(error: KafkaError, place: tuple[str, int]) -> None:
    raise AssertionError(f"{place}: {error.str()}")


needs_native = pytest.mark.skipif(
    DISABLED or library() is None, reason="without librdkafka or the JIT there is one way"
)


@needs_native
@pytest.mark.parametrize(("seed", "origins"), [(1, 1), (2, 5), (3, 90)])
def test_both_ways_give_the_same(
    broker: Mapping[str, str], topics: Callable[..., str], seed: int, origins: int
) -> None:
    """Outputs with their headers, rejects, places and counters; 90 origins are more than the kernel's table holds."""
    topic = f"{topics(PARTITIONS)}.market.ticks"
    records = mixture(seed, origins)
    write(broker, topic, records)
    ends = {p: sum(partition == p for partition, _, _ in records) for p in range(PARTITIONS)}
    results: list[Any] = []
    for fetch in (MessageFetch(broker, loud), make_fetch(broker, loud, joined=True)):
        tasks = {partition: task_of(partition) for partition in range(PARTITIONS)}
        outputs = read(fetch, topic, tasks, ends)
        fetch.close()
        results.append((outputs, {p: (task.filter.newest(), task.counters) for p, task in tasks.items()}))
    assert type(fetch).__name__ == "NativeFetch"
    assert results[0][0] == results[1][0]
    assert results[0][1] == results[1][1]
    counters = [counters for _, counters in results[1][1].values()]
    assert sum(one.duplicates_dropped for one in counters) > 10
    assert sum(one.rejects["bad_value"] for one in counters) > 10


@pytest.fixture
def ahead(monkeypatch: pytest.MonkeyPatch) -> list[Found]:
    """What was taken ahead so far."""
    found: list[Found] = []
    wait = Ahead.wait

    def noted(self: Ahead) -> Found:
        found.append(wait(self))
        return found[-1]

    monkeypatch.setattr(Ahead, "wait", noted)
    return found


def numbers(out: Sequence[Outbound]) -> list[int]:
    return [int(one.payload) for one in out]


@needs_native
def test_what_is_taken_ahead_is_what_comes_next(
    broker: Mapping[str, str], topics: Callable[..., str], ahead: list[Found]
) -> None:
    """Far behind, batches are taken on a thread: the same records, also where one among them is unusual."""
    topic = f"{topics(PARTITIONS)}.market.ticks"
    count, twice = 6_000, {600, 1_499, 1_500, 3_750}
    records: list[tuple[int, bytes | None, Headers]] = []
    for n in range(count):
        records += [(0, b"%d" % n, usual("a", n))] * (1 + (n in twice))
    write(broker, topic, records)
    fetch, task = make_fetch(broker, loud, joined=True), task_of(0)
    out = read(fetch, topic, {0: task}, {0: len(records)})
    fetch.close()
    assert numbers(out[0]) == list(range(count))
    assert task.counters.duplicates_dropped == len(twice)
    assert sum(one.taken for one in ahead) > 1_000
    assert any(0 < one.taken < one.count for one in ahead)


@needs_native
def test_partitions_may_stop_and_start_while_records_are_taken_ahead(
    broker: Mapping[str, str], topics: Callable[..., str], ahead: list[Found]
) -> None:
    """What was taken for a task that has gone is given back; whoever comes next begins where its own task stands."""
    topic = f"{topics(PARTITIONS)}.market.ticks"
    write(broker, topic, [(p, b"%d" % n, usual("a", n)) for n in range(3_000) for p in range(PARTITIONS)])
    fetch = make_fetch(broker, loud, joined=True)
    tasks = {partition: task_of(partition) for partition in range(PARTITIONS)}
    out: dict[int, list[Outbound]] = {partition: [] for partition in tasks}
    for partition, task in tasks.items():
        fetch.start(topic, partition, task)
    draw, deadline_s = random.Random(5), time.monotonic() + 60.0
    while any(task.position < 3_000 for task in tasks.values()):
        assert time.monotonic() < deadline_s, "not everything was read"
        for applied in fetch.turn(0.1, 100):
            out[applied.place[1]] += applied.outputs
        if draw.random() < 0.3:
            partition = draw.randrange(PARTITIONS)
            fetch.stop(topic, partition)
            if draw.random() < 0.2:  # another process had it for a while, and lost all it did
                tasks[partition], out[partition] = task_of(partition), []
            fetch.start(topic, partition, tasks[partition])
    fetch.close()
    for partition in tasks:
        assert numbers(out[partition]) == list(range(3_000))
    assert sum(one.taken for one in ahead) > 1_000


@needs_native
def test_a_fetch_may_be_closed_while_records_are_taken_ahead(
    broker: Mapping[str, str], topics: Callable[..., str], ahead: list[Found]
) -> None:
    """It gives back what it holds and returns."""
    topic = f"{topics(PARTITIONS)}.market.ticks"
    records = [(0, b"%d" % n, usual("a", n)) for n in range(1_000)]
    write(broker, topic, [*records[:150], records[149], *records[150:]])
    fetch, task = make_fetch(broker, loud, joined=True), task_of(0)
    fetch.start(topic, 0, task)
    deadline_s = time.monotonic() + 60.0
    while not task.position:
        assert time.monotonic() < deadline_s, "nothing was read"
        time.sleep(0.2)  # so that a full batch is there, and the next
        for _ in fetch.turn(0.1, 100):
            pass
    fetch.close()
    assert task.position == 100
    assert [(one.count, one.taken) for one in ahead] == [(100, 50)]


@pytest.mark.parametrize("native", [False, pytest.param(True, marks=needs_native)])
def test_a_gap_is_noticed(broker: Mapping[str, str], topics: Callable[..., str], native: bool) -> None:
    """A record whose predecessor never came stops the reader, whatever way it came."""
    topic = f"{topics(PARTITIONS)}.market.ticks"
    write(broker, topic, [(0, b"x", usual("a", n)) for n in (0, 1, 2, 4)])
    fetch = make_fetch(broker, loud, joined=True) if native else MessageFetch(broker, loud)
    with pytest.raises(GapError, match=r"follows 3\.0, but the newest seen is 2\.0"):
        read(fetch, topic, {0: task_of(0)}, {0: 4})
    fetch.close()


@pytest.mark.parametrize("native", [False, pytest.param(True, marks=needs_native)])
def test_a_partition_that_was_stopped_goes_on_where_its_task_stands(
    broker: Mapping[str, str], topics: Callable[..., str], native: bool
) -> None:
    """As when partitions move to another process and back."""
    topic = f"{topics(PARTITIONS)}.market.ticks"
    fetch = make_fetch(broker, loud, joined=True) if native else MessageFetch(broker, loud)
    tasks = {partition: task_of(partition) for partition in range(PARTITIONS)}
    for part in range(3):
        write(broker, topic, [(p, b"%d" % n, usual("a", n)) for n in range(part * 50, part * 50 + 50) for p in tasks])
        out = read(fetch, topic, tasks, dict.fromkeys(tasks, 50 * part + 50))
        assert [one.payload for one in out[1]] == [b"%d" % n for n in range(part * 50, part * 50 + 50)]
        for partition in tasks:
            fetch.stop(topic, partition)
        assert list(fetch.turn(0.05, 500)) == []
    fetch.close()


@pytest.mark.parametrize("native", [False, pytest.param(True, marks=needs_native)])
def test_an_offset_that_is_gone_is_told(broker: Mapping[str, str], topics: Callable[..., str], native: bool) -> None:
    """A task that stands behind the log's end, as after a topic was made anew, hears of it with the place."""
    topic = f"{topics(PARTITIONS)}.market.ticks"
    told: list[tuple[int, tuple[str, int]]] = []

    def hear(error: KafkaError, place: tuple[str, int]) -> None:
        told.append((error.code(), place))

    fetch = make_fetch(broker, hear, joined=True) if native else MessageFetch(broker, hear)
    task = task_of(1)
    task.position = 1_000
    fetch.start(topic, 1, task)
    deadline_s = time.monotonic() + 60.0
    while not told and time.monotonic() < deadline_s:
        assert list(fetch.turn(0.1, 500)) == []
    fetch.close()
    assert told[0] == (KafkaError._AUTO_OFFSET_RESET, (topic, 1))


def turns_of_a_stream(kafka: Mapping[str, str], topic: str, pace_s: float) -> int:
    """Read 300 records that are appended one by one over 1.5 s; return how many turns brought some."""
    fetch, task, turns = MessageFetch(kafka, loud, pace_s), task_of(0), 0
    fetch.start(topic, 0, task)
    producer = Producer({**producer_settings(kafka, "test", 0)})

    def send() -> None:
        for n in range(300):
            producer.produce(topic, b"%d" % n, b"key", 0, headers=usual("a", n))
            time.sleep(0.005)

    sender, out = threading.Thread(target=send), list[bytes]()
    sender.start()
    deadline_s = time.monotonic() + 60.0
    while task.position < 300:
        assert time.monotonic() < deadline_s, "not everything was read"
        for applied in fetch.turn(0.1, 500):
            turns += 1
            out += [one.payload for one in applied.outputs]
    sender.join()
    assert producer.flush(60) == 0
    fetch.close()
    assert out == [b"%d" % n for n in range(300)]
    return turns


def test_who_has_time_asks_seldom(broker: Mapping[str, str], topics: Callable[..., str]) -> None:
    """With a pace of 50 ms what is appended meanwhile comes in one answer; nothing is lost or out of order."""
    topic = topics(PARTITIONS)
    at_once = turns_of_a_stream(broker, f"{topic}.market.ticks", 0.0)
    paced = turns_of_a_stream(broker, f"{topic}.features", 0.05)
    assert paced <= 2 * 1.5 / 0.05 + 5, f"{paced} turns"
    assert paced < at_once / 2, f"{paced} turns, {at_once} without a pace"
