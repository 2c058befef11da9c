"""The table of topics, the names of worlds, and Kafka's partitioner."""

import pytest

from schemas import records, topics

# Vectors of org.apache.kafka.common.utils.UtilsTest.testMurmur2, signed as Java prints them.
MURMUR2 = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}


@pytest.mark.parametrize(("key", "signed"), MURMUR2.items())
def test_murmur2_gives_the_vectors_of_kafkas_own_test(key: bytes, signed: int) -> None:
    """The hash equals Java's, bit for bit."""
    assert topics.murmur2(key) == signed & 0xFFFFFFFF
    assert topics.partition_of(key, 7) == (signed & 0x7FFFFFFF) % 7


def test_text_and_bytes_of_one_key_share_a_partition() -> None:
    """A key is its UTF-8 bytes."""
    assert topics.partition_of("SPY", 3) == topics.partition_of(b"SPY", 3)
    assert topics.partition_of("BRK.B é", 5) == topics.partition_of("BRK.B é".encode(), 5)


def test_full_and_logical_names_are_inverse() -> None:
    """Every topic's full name leads back to world and topic."""
    for logical in topics.TOPICS:
        full = topics.full_name("demo-7", logical)
        assert full == f"demo-7.{logical}"
        assert (topics.world_of(full), topics.logical_name(full)) == ("demo-7", logical)


@pytest.mark.parametrize("world", ["", "Live", "a.b", "a_b", "-a", "a b", "é", "live\n", "x" * 65])
def test_a_bad_world_is_named(world: str) -> None:
    """The message shows what was given."""
    with pytest.raises(ValueError, match="a world's name") as caught:
        topics.full_name(world, "signals")
    assert repr(world) in str(caught.value)


def test_an_unknown_topic_lists_the_known() -> None:
    """Who mistypes a topic sees what there is."""
    with pytest.raises(KeyError, match=r"market\.ticks, features, signals"):
        topics.full_name("live", "tick")
    for full in ("live", "live.tick", "market.ticks", "LIVE.signals", ".signals"):
        with pytest.raises(ValueError, match=r"expected world\.topic"):
            topics.logical_name(full)


def test_every_topic_holds_the_settings_that_the_design_names() -> None:
    """LogAppendTime and the size limit everywhere; checkpoints are compacted, and nothing else is."""
    listed = topics.all_topics(3)
    assert len(listed) == 7 + 6 + 1 + 6 + 6
    for topic, partitions in listed:
        assert partitions == 3
        assert topic.settings["message.timestamp.type"] == "LogAppendTime"
        assert topic.settings["max.message.bytes"] == "4194304"
        assert (topic.settings["cleanup.policy"] == "compact") == topic.name.endswith(".checkpoint")
        assert set(topic.records) <= set(records.RECORDS)
    assert topics.TOPICS["market.ticks"].settings["retention.ms"] == str(7 * 86_400_000)
    with pytest.raises(ValueError, match="at least 1 partition"):
        topics.all_topics(0)
