"""`aiots topic`: what is in a topic is shown as it is, and an exported topic plays again in another world."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from confluent_kafka import Producer
from typer.testing import CliRunner

from aiots.__main__ import build_app
from connectors.sources.recording import Recording, export, replay
from schemas import frames, wire
from schemas.records import Mark, MarketEvent, MarketEventKind
from schemas.topics import TOPICS, full_name, partition_of
from streams.log.ids import RecordId, headers_of
from streams.log.producer import LogProducer
from streams.log.reader import bounds, read

pytestmark = pytest.mark.broker
T0_NS = 1_381_152_600 * 10**9


@pytest.fixture
def aiots(broker: Mapping[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Run the command line against the session's broker."""
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", broker["bootstrap.servers"])
    monkeypatch.setenv("AIOTS_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("AIOTS_PARTITIONS", "2")
    return lambda *arguments: CliRunner().invoke(build_app(), [str(one) for one in arguments])


def frame(first: int, rows: int = 4) -> bytes:
    """A TickFrame of SPY."""
    event_ns = T0_NS + np.arange(first, first + rows) * 10**9
    zeros = np.zeros(rows, np.uint8)
    return frames.encode_ticks(
        "SPY", "test", event_ns, zeros, zeros, np.full(rows, 168.5), *(np.ones(rows, np.int64),) * 2
    )


def fill(broker: Mapping[str, str], world: str, count: int = 12) -> list[tuple[int, bytes | None, bytes]]:
    """Write frames of SPY and an event to every partition, each with ids; return (partition, key, value) as written."""
    topic = full_name(world, "market.ticks")
    producer = LogProducer(broker, "test")
    written: list[tuple[int, bytes | None, bytes]] = []
    opening = wire.encode(MarketEvent("", "test", T0_NS, MarketEventKind.SOURCE_OPEN))
    places: dict[int, tuple[int, int]] = {}
    spy = partition_of("SPY", 2)
    for place in range(count):
        events = [(p, None, opening) for p in range(2)] if place == 0 else [(spy, b"SPY", frame(place * 4))]
        for partition, key, value in events:
            headers = headers_of(RecordId(f"test/{partition}", place, 0), places.get(partition), cause="a test")
            producer.send(topic, partition, key, value, headers)
            places[partition] = (place, 0)
            written.append((partition, key, value))
    producer.flush()
    return written


def contents(broker: Mapping[str, str], world: str, logical: str = "market.ticks") -> list[list[Any]]:
    """Key, value and headers of each record of each partition."""
    topic = full_name(world, logical)
    return [[(m.key(), m.value(), m.headers()) for m in read(broker, topic, partition)] for partition in range(2)]


def json_lines(result: Any) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_cat_shows_every_record_with_place_id_and_content(
    aiots: Callable[..., Any], broker: Mapping[str, str], topics: Callable[..., str]
) -> None:
    """JSON lines hold what the log holds, in the order of appending; by default the last ten."""
    world = topics(2)
    written = fill(broker, world)
    seen = json_lines(aiots("topic", "cat", "market.ticks", "--from-beginning", "--json", "--world", world))
    assert len(seen) == len(written) == 13
    assert [one["append_ms"] for one in seen] == sorted(one["append_ms"] for one in seen)
    assert {one["type"] for one in seen} == {"TickFrame", "MarketEvent"}
    first = next(one for one in seen if one["key"] == "SPY")
    assert first["id"] == f"test/{first['partition']}:1.0"
    assert first["prev"] == "0.0"
    assert first["record"]["delta_ns"] == [0, 10**9, 10**9, 10**9]
    assert first["record"]["kind"] == [0, 0, 0, 0]
    last = json_lines(aiots("topic", "cat", "market.ticks", "--json", "--world", world))
    assert last == seen[-10:]
    assert json_lines(aiots("topic", "cat", f"{world}.market.ticks", "--json", "--count", 2)) == seen[-2:]
    beginning = aiots("topic", "cat", "market.ticks", "--from-beginning", "--count", 3, "--json", "--world", world)
    assert json_lines(beginning) == seen[:3]
    assert json_lines(aiots("topic", "cat", "market.ticks", "--count", 0, "--json", "--world", world)) == []
    keyed = json_lines(aiots("topic", "cat", "market.ticks", "--key", "SPY", "--json", "--count", 99, "--world", world))
    assert keyed == [one for one in seen if one["key"] == "SPY"]
    people = aiots("topic", "cat", "market.ticks", "--key", "SPY", "--count", 1, "--world", world).stdout
    assert "SPY" in people
    assert "TickFrame 4 rows 2013-10-07T13:30:44.000Z..2013-10-07T13:30:47.000Z last=168.5" in people


def test_cat_shows_foreign_and_broken_records_with_the_reason(
    aiots: Callable[..., Any], broker: Mapping[str, str], topics: Callable[..., str]
) -> None:
    """Anybody may write to a topic: what is no record of ours is shown as bytes, NaN is null."""
    world = topics(2)
    producer = Producer(dict(broker))
    for key, value in [
        (b"\xff", b"hello"),
        (None, None),
        (b"k", b"\0\0\0\xff\xff!"),
        (b"k", frame(0)[:-1]),
        (b"SPY", wire.encode(Mark("SPY", T0_NS, float("nan"), 1.0, 2.0, float("inf"), 1.0, 5))),
    ]:
        producer.produce(f"{world}.book", value, key, partition=0, headers=[("id", b"\xfe")])
    assert producer.flush(10) == 0
    seen = json_lines(aiots("topic", "cat", "book", "--json", "--world", world))
    reasons = [one.get("error", {}).get("reason") for one in seen]
    assert reasons == ["not_framed", "not_framed", "unknown_schema", "malformed", None]
    assert [seen[0]["key"], seen[0]["hex"], seen[0]["id"], seen[0]["type"]] == ["\\xff", b"hello".hex(), "\\xfe", None]
    assert "tombstone" in seen[1]["error"]["detail"]
    assert seen[4]["record"]["bid"] is None
    assert seen[4]["record"]["high"] == "inf"
    people = aiots("topic", "cat", "book", "--world", world)
    assert people.exit_code == 0
    assert "unknown_schema (schema id 65535" in people.stdout
    assert "Mark symbol=SPY event_ns=2013-10-07T13:30:00.000Z ask=1 last=2 high=inf" in people.stdout


def test_cat_follows_what_comes(
    aiots: Callable[..., Any], broker: Mapping[str, str], topics: Callable[..., str], tmp_path: Path
) -> None:
    """--follow prints what is appended later, line by line, until Ctrl-C."""
    world = topics(2)
    fill(broker, world, 1)
    process = subprocess.Popen(
        [sys.executable, "-m", "aiots", "topic", "cat", "market.ticks", "--follow", "--json", "--world", world],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"KAFKA_BOOTSTRAP_SERVERS": broker["bootstrap.servers"], "AIOTS_STATE_DIR": str(tmp_path)},
    )
    try:
        assert process.stdout is not None
        assert [json.loads(process.stdout.readline())["type"] for _ in range(2)] == ["MarketEvent"] * 2
        producer = Producer(dict(broker))
        producer.produce(f"{world}.market.ticks", frame(0), b"SPY", partition=1)
        assert producer.flush(10) == 0
        assert json.loads(process.stdout.readline())["record"]["symbol"] == "SPY"
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    finally:
        process.kill()
        process.communicate()


def test_an_exported_topic_plays_again_byte_for_byte(
    aiots: Callable[..., Any], broker: Mapping[str, str], topics: Callable[..., str], tmp_path: Path
) -> None:
    """Keys, values, partitions and ids in the new world are those of the old; a second import finds all there."""
    world = topics(2)
    fill(broker, world)
    file = tmp_path / "ticks.parquet"
    result = aiots("topic", "export", "market.ticks", file, "--world", world)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(f"13 records of {world}.market.ticks to")
    assert list(tmp_path.glob("*.partial")) == []
    again = aiots("topic", "export", "market.ticks", file, "--world", world)
    assert again.exit_code == 2
    assert "--force overwrites it" in again.output
    assert aiots("topic", "export", "market.ticks", file, "--force", "--world", world).exit_code == 0
    imported = aiots("topic", "import", file, "--world", f"{world}-b", "--speed", "1000")
    assert imported.exit_code == 0, imported.output
    assert imported.stdout.startswith(f"13 records of {world}.market.ticks to {world}-b.market.ticks")
    assert contents(broker, f"{world}-b") == contents(broker, world)
    twice = aiots("topic", "import", file, "--world", f"{world}-b")
    assert twice.stdout == f"0 records of {world}.market.ticks to {world}-b.market.ticks, 13 were there before\n"
    assert contents(broker, f"{world}-b") == contents(broker, world)


def test_an_interrupted_replay_goes_on_and_other_content_is_refused(
    aiots: Callable[..., Any], broker: Mapping[str, str], topics: Callable[..., str], tmp_path: Path
) -> None:
    """What a topic holds decides: the recording's beginning is gone on from, anything else is left alone."""
    world = topics(2)
    fill(broker, world)
    file = tmp_path / "ticks.parquet"
    assert aiots("topic", "export", "market.ticks", file, "--world", world).exit_code == 0
    recording = Recording(file)
    rows = list(recording.merged({0: 0, 1: 0}))
    assert aiots("topics", "--world", f"{world}-b").exit_code == 0
    started = LogProducer(broker, "test")
    for row in rows[:5]:
        started.send(f"{world}-b.market.ticks", row.partition, row.key, row.value, list(row.headers))
    started.flush()
    went_on = aiots("topic", "import", file, "--world", f"{world}-b")
    assert went_on.exit_code == 0, went_on.output
    assert went_on.stdout.endswith("5 were there before\n")
    assert contents(broker, f"{world}-b") == contents(broker, world)

    other = LogProducer(broker, "test")
    assert aiots("topics", "--world", f"{world}-c").exit_code == 0
    other.send(f"{world}-c.market.ticks", 1, b"SPY", frame(99), [])
    other.flush()
    refused = aiots("topic", "import", file, "--world", f"{world}-c")
    assert refused.exit_code == 2
    assert "holds something else than the beginning of this recording" in refused.output
    assert bounds(broker, f"{world}-c.market.ticks", 0) == (0, 0)
    own = aiots("topic", "import", file, "--world", world)
    assert own.exit_code == 2
    assert "name another world" in own.output
    more = LogProducer(broker, "test")
    more.send(f"{world}-b.market.ticks", 0, b"SPY", frame(99), [])
    more.flush()
    assert "records, the recording" in aiots("topic", "import", file, "--world", f"{world}-b").output


def test_a_recording_whose_beginning_was_deleted_begins_without_a_predecessor(
    broker: Mapping[str, str], topics: Callable[..., str], tmp_path: Path
) -> None:
    """Retention takes the beginning of a live topic: in a new world the rest is a whole log, not one with a gap."""
    from confluent_kafka import TopicPartition
    from confluent_kafka.admin import AdminClient

    world, spy = topics(2), partition_of("SPY", 2)
    fill(broker, world)
    topic = f"{world}.market.ticks"
    admin = AdminClient(dict(broker))
    admin.delete_records([TopicPartition(topic, spy, 4)])[TopicPartition(topic, spy, 4)].result()
    file = tmp_path / "rest.parquet"
    assert export(broker, topic, range(2), file) == 9
    rest = Recording(file)
    assert rest.rows == {spy: 8, 1 - spy: 1}
    raw, whole = next(rest.read(spy)), next(rest.read_whole(spy))
    assert raw.offset == whole.offset == 4
    assert dict(raw.headers)["prev"] == b"3.0"
    assert "prev" not in dict(whole.headers)
    assert list(rest.read_whole(spy, 1)) == list(rest.read(spy))[1:]


def test_what_cannot_be_done_is_said(
    aiots: Callable[..., Any], topics: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unknown topic, absent world, no recording, another partition count, a bad speed, no broker: a line each."""
    world = topics(2)
    unknown = aiots("topic", "cat", "ticks", "--world", world)
    assert unknown.exit_code == 2
    assert "no topic 'ticks'; known: market.ticks, features, signals" in unknown.output
    absent = aiots("topic", "cat", "signals", "--world", "nowhere")
    assert absent.exit_code == 2
    assert "there is no topic nowhere.signals; worlds at this broker:" in absent.output
    assert world in absent.output
    text = tmp_path / "text.parquet"
    text.write_text("no parquet")
    assert "cannot read" in aiots("topic", "import", text, "--world", world).output
    assert "cannot read" in aiots("topic", "import", tmp_path / "absent", "--world", world).output
    assert "no folder" in aiots("topic", "export", "signals", tmp_path / "absent" / "x", "--world", world).output
    good = tmp_path / "good.parquet"
    assert aiots("topic", "export", "signals", good, "--world", world).exit_code == 0
    assert "--speed must be" in aiots("topic", "import", good, "--speed", "nan", "--world", f"{world}-b").output
    assert "no topic 'tocks'" in aiots("topic", "import", good, "--to", "tocks", "--world", f"{world}-b").output
    monkeypatch.setenv("AIOTS_PARTITIONS", "3")
    fewer = aiots("topic", "import", good, "--world", f"{world}-b")
    assert fewer.exit_code == 2
    assert "the recording has 2 partitions" in fewer.output
    listed = aiots("topic", "list", "--world", world)
    assert listed.exit_code == 0
    assert f"{world}.market.ticks" in listed.output
    assert len(json_lines(aiots("topic", "list", "--json", "--world", world))) == len(TOPICS)
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    monkeypatch.setattr("aiots.topic_reading.ANSWER_SECONDS_MAX", 1.0)
    gone = aiots("topic", "cat", "signals", "--world", world)
    assert gone.exit_code == 1
    assert "no answer from 127.0.0.1:1" in gone.output
    assert "aiots broker start" in gone.output


def test_our_partitioner_is_librdkafkas(broker: Mapping[str, str], topics: Callable[..., str]) -> None:
    """Records that librdkafka places by partitioner=murmur2 lie where partition_of says, on 3 partitions."""
    world = topics(3)
    placed: dict[bytes, int] = {}
    producer = Producer({**broker, "partitioner": "murmur2"})
    keys = [b"SPY", b"AAPL", b"BRK.B", b"paper", b"x", b"", "é".encode(), *(b"key-%d" % i for i in range(200))]
    for key in keys:
        producer.produce(
            f"{world}.signals",
            b"",
            key,
            on_delivery=lambda error, message: placed.__setitem__(message.key() or b"", message.partition() or 0),
        )
    assert producer.flush(10) == 0
    assert placed == {key: partition_of(key, 3) for key in keys}
    assert set(placed.values()) == {0, 1, 2}


def test_a_replay_keeps_the_order_of_the_recording(
    broker: Mapping[str, str], topics: Callable[..., str], tmp_path: Path
) -> None:
    """The library call that the command makes: nothing lost, and progress told."""
    world = topics(2)
    fill(broker, world, 300)
    file = tmp_path / "ticks.parquet"
    export(broker, f"{world}.market.ticks", range(2), file)
    from deploy.local.admin import ensure_topics

    ensure_topics(broker, f"{world}-b", 2)
    told: list[int] = []
    done = replay(
        Recording(file), broker, f"{world}-b.market.ticks", 2, report=lambda progress: told.append(progress.appended)
    )
    assert (done.before, done.appended, done.total) == (0, 301, 301)
    assert told == [256, 301]
    assert contents(broker, f"{world}-b") == contents(broker, world)
