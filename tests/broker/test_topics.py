"""Topics are created once, kept as they should be, and never repartitioned."""

import time
from collections.abc import Callable, Mapping

import pytest
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from deploy.local.admin import TopicsError, ensure_topics
from schemas.topics import TOPICS, all_topics, full_name

pytestmark = pytest.mark.broker


def test_all_topics_of_a_world_are_created_once(broker: Mapping[str, str], world: str) -> None:
    """The first call creates every topic with its count; the second does nothing, in under a second."""
    created = ensure_topics(broker, world, 2).created
    assert set(created) == {full_name(world, topic.name) for topic, _ in all_topics(2)}
    present = AdminClient(dict(broker)).list_topics(timeout=10).topics
    assert {name: len(present[name].partitions) for name in created} == {
        full_name(world, topic.name): count for topic, count in all_topics(2)
    }
    started_s = time.monotonic()
    again = ensure_topics(broker, world, 2)
    assert (again.created, again.altered) == ((), ())
    assert time.monotonic() - started_s < 1.0


def test_a_setting_that_was_changed_is_set_back(broker: Mapping[str, str], topics: Callable[..., str]) -> None:
    """Settings follow schemas/topics.py; others are left as they are."""
    world = topics(1)
    name = full_name(world, "market.ticks")
    admin = AdminClient(dict(broker))
    changes = [
        ConfigEntry("retention.ms", "1234567", incremental_operation=AlterConfigOpType.SET),
        ConfigEntry("segment.bytes", "7654321", incremental_operation=AlterConfigOpType.SET),
    ]
    resource = ConfigResource(ResourceType.TOPIC, name, incremental_configs=changes)
    for future in admin.incremental_alter_configs([resource]).values():
        future.result()
    deadline_s = time.monotonic() + 10
    while not (altered := ensure_topics(broker, world, 1).altered):  # the broker learns of a change a moment later
        assert time.monotonic() < deadline_s
    assert len(altered) == 1
    assert altered[0].startswith(f"{name}: retention.ms 1234567 -> ")
    while ensure_topics(broker, world, 1).altered:
        assert time.monotonic() < deadline_s
    settings = next(iter(admin.describe_configs([ConfigResource(ResourceType.TOPIC, name)]).values())).result()
    assert settings["retention.ms"].value == TOPICS["market.ticks"].settings["retention.ms"]
    assert settings["segment.bytes"].value == "7654321"
    assert settings["message.timestamp.type"].value == "LogAppendTime"


def test_another_partition_count_is_refused(broker: Mapping[str, str], topics: Callable[..., str]) -> None:
    """The count of a world is fixed: the error names the topic, both counts and the remedy."""
    world = topics(2)
    with pytest.raises(TopicsError, match=r"has 2 partitions, this world is configured with 3.*another world"):
        ensure_topics(broker, world, 3)


def test_a_dead_address_is_an_error_of_one_line(world: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No traceback and no endless wait where nobody listens."""
    monkeypatch.setattr("deploy.local.admin.TIMEOUT_S", 1.0)
    with pytest.raises(TopicsError, match=r"no answer from 127\.0\.0\.1:1"):
        ensure_topics({"bootstrap.servers": "127.0.0.1:1"}, world, 1)
