"""The pipeline in memory: what comes out does not hang on where its batches end, and in what order records meet."""

from collections.abc import Iterator

import pytest

from connectors.sources.record import SourceRecord
from connectors.sources.sim import open_sim
from schemas import wire
from schemas.records import MarketEvent, MarketEventKind
from streams.log.filter import GapError, split_headers
from streams.log.ids import Headers
from streams.runtime import memory, order_path
from streams.runtime.inbox import Inbox, MemoryRecord, headers_of_feed
from streams.runtime.memory import MemoryPipeline, event_ns_of, heard_ns, memory_task
from streams.runtime.options import make_params, stage_named
from streams.runtime.order_path import OrderPath
from streams.runtime.task import Kept, Outbound
from tests.orderpath_rig import at, mandate, mark, signal

PARAMS: dict[str, dict[str, object]] = {
    "analytics": {"second_rows": 7},
    "router": {"accounts": ["paper"], "mark_interval_s": 13, "sessions": [0, 1, 2, 3]},
    "signals": {
        "sessions": [0, 1, 2, 3],
        "strategies": ["every_bar"],
        "settings": {"every_bar": {"interval_s": 60, "lifetime_s": 600}},
    },
}


Key = tuple[str, int, bytes]
"""Topic, partition and origin."""


def played(records: Iterator[SourceRecord], partitions: int) -> dict[Key, list[tuple[bytes, bytes, object]]]:
    """Return what each origin appended to each partition of each topic, in order."""
    seen: dict[Key, list[tuple[bytes, bytes, object]]] = {}

    def observe(out: Outbound) -> None:
        origin, _, _ = split_headers(out.headers, b"", 0)
        seen.setdefault((out.topic, out.partition, origin), []).append((out.key, out.payload, out.headers))

    pipeline = MemoryPipeline(PARAMS, partitions, observe)
    for partition in range(partitions):
        pipeline.put("book", partition, wire.encode(mandate()), [("id", b"gateway/test/0:0.0")])
    for record in records:
        pipeline.feed(record)
    pipeline.finish()
    return seen


@pytest.mark.parametrize("partitions", [1, 3])
def test_where_batches_end_does_not_matter(partitions: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every origin writes the same bytes under the same ids, from features to verdicts and fills."""
    source = open_sim(seed=3, days=1, rate=20.0, minutes=12)
    whole = played(source.records(partitions), partitions)
    assert {"features", "signals", "book", "orders", "verdicts"} <= {topic for topic, _, _ in whole}
    for records in (1, 37):
        monkeypatch.setattr(memory, "BATCH_RECORDS", records)
        assert played(source.records(partitions), partitions) == whole


def traded(records: Iterator[SourceRecord]) -> tuple[dict[str, list[Outbound]], list[Kept]]:
    """Return what was appended, by topic, and all that the order path's tasks have changed."""
    seen: dict[str, list[Outbound]] = {}
    pipeline = MemoryPipeline(PARAMS, 1, lambda out: seen.setdefault(out.topic, []).append(out))
    pipeline.put("book", 0, wire.encode(mandate()), [("id", b"gateway/test/0:0.0")])
    for record in records:
        pipeline.feed(record)
    pipeline.finish()
    return seen, [task.keep() for task in pipeline.tasks() if task.key.stage in memory.ORDER_PATH]


def test_instants_fold_together_as_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is folded ahead and taken back leaves nothing behind: the same records, places, state and counts."""
    tried: list[bool] = []
    at_once = OrderPath._at_once

    def watched(path: OrderPath, entering: list[Outbound]) -> bool:
        before = [(inbox.end, inbox.task.keep()) for inbox in path._inboxes]
        tried.append(at_once(path, entering))
        assert tried[-1] or [(inbox.end, inbox.task.keep()) for inbox in path._inboxes] == before
        return tried[-1]

    source = open_sim(seed=3, days=1, rate=20.0, minutes=30)
    monkeypatch.setattr(order_path, "APART", 3)
    monkeypatch.setattr(OrderPath, "_at_once", watched)
    together = traded(source.records(1))
    assert {True, False} == set(tried)
    assert {wire.name_of(out.payload) for out in together[0]["book"]} >= {"Mark", "Signal", "Fill"}
    monkeypatch.setattr(OrderPath, "_undoable", lambda path: False)
    assert traded(source.records(1)) == together


def test_records_of_the_book_stand_at_their_event_time() -> None:
    """A mark's is read without decoding it; what has none acts at its place."""
    assert event_ns_of(wire.encode(mark(second=3))) == at(3)
    assert event_ns_of(wire.encode(signal())) == signal().event_ns
    assert event_ns_of(wire.encode(mandate())) == 0


def test_the_last_heartbeat_of_a_partition_counts() -> None:
    """Not one of a symbol, not another event, not what cannot be read."""

    def record(kind: MarketEventKind, second: int, symbol: str = "") -> bytes:
        return wire.encode(MarketEvent(symbol, "sim", at(second), kind))

    beat = MarketEventKind.HEARTBEAT
    payloads = [record(beat, 1), record(beat, 2), record(beat, 3, "SPY"), record(MarketEventKind.HALT, 4)]
    payloads.append(record(beat, 5)[:-3])
    records = [MemoryRecord(offset, payload, []) for offset, payload in enumerate(payloads)]
    assert heard_ns(records, 7) == at(2)
    assert heard_ns(records[2:], 7) == 7


def test_duplicates_and_foreign_records_between_a_sources_own_are_judged_as_in_a_log() -> None:
    """Fed, or as raw records under the same headers: what comes out is the same, and so is what is dropped."""
    records = list(open_sim(seed=3, days=1, rate=20.0, minutes=3).records(1))
    mixed = [*records[:700], *records[650:700], *records[690:]]
    seen: list[list[Outbound]] = [[], []]
    fed, raw = (MemoryPipeline(PARAMS, 1, out.append) for out in seen)
    for number, record in enumerate(mixed):
        fed.feed(record)
        raw.feed_raw(0, record.payload, headers_of_feed(record))
        if number % 300 == 299:
            fed.feed_raw(0, b"junk", [])
            raw.feed_raw(0, b"junk", [])
    fed.finish()
    raw.finish()
    assert seen[0] == seen[1]
    for one, other in zip(fed.tasks(), raw.tasks(), strict=True):
        assert one.snapshot({}) == other.snapshot({})
        assert one.counters == other.counters
    assert next(iter(fed.tasks())).counters.duplicates_dropped == 60
    assert next(iter(fed.tasks())).counters.rejects == {"not_framed": len(mixed) // 300}


def test_a_gap_in_a_sources_records_is_noticed() -> None:
    """A record that names a predecessor which never came stops the run, as it stops a stage."""
    records = list(open_sim(seed=3, days=1, rate=20.0, minutes=3).records(1))
    pipeline = MemoryPipeline(PARAMS, 1, lambda out: None)
    for record in records[:600]:
        pipeline.feed(record)
    for record in records[605:700]:  # fewer than a batch
        pipeline.feed(record)
    with pytest.raises(GapError):
        pipeline.finish()


def test_a_run_of_a_task_is_judged_as_its_records_one_by_one() -> None:
    """A first run, one that follows at once, one that came before, another origin's, a foreign record: all the same."""
    marks = [wire.encode(mark(second=second)) for second in range(12)]

    def run(origin: bytes, first: int, last: int) -> list[Outbound]:
        headers: list[Headers] = [
            [("id", b"%s:%d.0" % (origin, n)), *([("prev", b"%d.0" % (n - 1))] if n else []), ("cause", b"a:0.0")]
            for n in range(first, last)
        ]
        return [Outbound("book", 0, b"SPY", marks[first + i], each) for i, each in enumerate(headers)]

    sizing = stage_named("sizing")
    fed, plain = (Inbox(memory_task(sizing, make_params(sizing, {}), "book", 0, 1)) for _ in range(2))
    given = [[run(b"a", 0, 3)], [run(b"a", 3, 5), run(b"b", 0, 2)], [run(b"a", 4, 9)], [run(b"b", 2, 4)], [], []]
    for number, runs in enumerate(given):
        for one in runs:
            fed.extend(one)
            for out in one:
                plain.put(out.payload, out.headers)
        if number == 3:
            for inbox in (fed, plain):
                inbox.put(b"junk", [])
        assert fed.advance() == plain.advance()
        assert fed.task.snapshot({}) == plain.task.snapshot({})
        assert fed.task.counters == plain.task.counters
    assert fed.task.counters.duplicates_dropped == 1
    fed.extend(run(b"a", 10, 12))
    with pytest.raises(GapError):
        fed.advance()
