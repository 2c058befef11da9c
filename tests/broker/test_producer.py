"""What a producer sends is together while it lingers, and in the log once it has settled."""

import time
from collections.abc import Mapping

import pytest

from deploy.local.admin import ensure_topics
from schemas.topics import full_name
from streams.log.ids import RecordId, headers_of
from streams.log.producer import LogProducer
from streams.log.reader import read

pytestmark = pytest.mark.broker


def test_settle_sends_what_lingers(broker: Mapping[str, str]) -> None:
    """Records that would linger for a minute are in the log, in order, when the producer has settled."""
    ensure_topics(broker, "settle", 2)
    topic = full_name("settle", "signals")
    producer = LogProducer(broker, "test-settle", linger_ms=60_000)
    for turn in range(3):
        for number in range(50):
            place = (50 * turn + number, 0)
            producer.send(topic, number % 2, b"SPY", b"%d" % place[0], headers_of(RecordId("test/0", *place), None))
        assert producer.queued() == 50
        begun_s = time.monotonic()
        producer.settle(30.0)
        assert producer.queued() == 0
        assert time.monotonic() - begun_s < 10.0
    for partition in range(2):
        assert [int(record.value() or b"") for record in read(broker, topic, partition)] == list(
            range(partition, 150, 2)
        )


def test_settle_does_not_wait_for_a_broker_that_is_gone() -> None:
    """Without a broker it gives up in time, and what was sent still waits."""
    producer = LogProducer({"bootstrap.servers": "127.0.0.1:9"}, "test-settle")
    producer.send("nowhere", 0, None, b"x", [])
    begun_s = time.monotonic()
    producer.settle(0.1)
    assert producer.queued() >= 1
    assert 0.09 < time.monotonic() - begun_s < 5.0
