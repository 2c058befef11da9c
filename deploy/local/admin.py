"""Topics as schemas/topics.py says: missing ones are created, settings altered, partition counts never."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from schemas.topics import all_topics, full_name

TIMEOUT_S = 30.0
POLL_S = 0.02


class TopicsError(RuntimeError):
    """The topics cannot be brought to what schemas/topics.py says; the text names the topic and the remedy."""


@dataclass(frozen=True)
class TopicChanges:
    """What ensure_topics did: full names, and `topic: setting old -> new`."""

    created: tuple[str, ...] = ()
    altered: tuple[str, ...] = ()


def ensure_topics(kafka: Mapping[str, str], world: str, partitions: int) -> TopicChanges:
    """Create the topics that a world lacks and alter the settings that differ; return what was done.

    kafka: librdkafka's connection settings. Changes nothing where all is right, and nothing else in the cluster.
    Raises TopicsError where the broker does not answer, or a topic has another partition count than this world's.
    """
    admin = AdminClient({**kafka, "client.id": "aiots-topics", "log_level": "0"})
    wanted = {full_name(world, topic.name): (topic, count) for topic, count in all_topics(partitions)}
    try:
        present = admin.list_topics(timeout=TIMEOUT_S).topics
    except KafkaException as error:
        raise TopicsError(f"no answer from {kafka['bootstrap.servers']}: {error.args[0].str()}") from error
    for name, (_, count) in wanted.items():
        if name in present and len(present[name].partitions) != count:
            raise TopicsError(
                f"topic {name} has {len(present[name].partitions)} partitions, this world is configured with {count}; "
                f"counts are fixed for a world: set AIOTS_PARTITIONS, or use another world"
            )
    altered = _alter(admin, {name: topic.settings for name, (topic, _) in wanted.items() if name in present})
    missing = {name: row for name, row in wanted.items() if name not in present}
    if missing:
        # The replication factor is the cluster's default: 1 on the embedded broker.
        _create(admin, [NewTopic(name, count, config=dict(topic.settings)) for name, (topic, count) in missing.items()])
        _wait_for_leaders(admin, {name: count for name, (_, count) in missing.items()})
    return TopicChanges(tuple(missing), tuple(altered))


def _create(admin: AdminClient, topics: list[NewTopic]) -> None:
    for name, future in admin.create_topics(topics, operation_timeout=TIMEOUT_S).items():
        try:
            future.result()
        except KafkaException as error:
            # Another `aiots topics` was quicker: what it created is what we wanted.
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise TopicsError(f"cannot create topic {name}: {error.args[0].str()}") from error


def _alter(admin: AdminClient, wanted: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Set what differs from wanted, name -> settings; return `topic: setting old -> new`."""
    if not wanted:
        return []
    changes, resources = [], []
    for resource, future in admin.describe_configs(
        [ConfigResource(ResourceType.TOPIC, name) for name in wanted], request_timeout=TIMEOUT_S
    ).items():
        entries = future.result()
        differing = {
            setting: value for setting, value in wanted[resource.name].items() if entries[setting].value != value
        }
        changes += [f"{resource.name}: {name} {entries[name].value} -> {value}" for name, value in differing.items()]
        if differing:
            incremental = [
                ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
                for name, value in differing.items()
            ]
            resources.append(ConfigResource(ResourceType.TOPIC, resource.name, incremental_configs=incremental))
    if resources:
        for resource, future in admin.incremental_alter_configs(resources, request_timeout=TIMEOUT_S).items():
            try:
                future.result()
            except KafkaException as error:
                raise TopicsError(f"cannot alter topic {resource.name}: {error.args[0].str()}") from error
    return changes


def _wait_for_leaders(admin: AdminClient, counts: Mapping[str, int]) -> None:
    """Return once every partition has a leader, so that whoever comes next can write and read at once."""
    deadline_s = time.monotonic() + TIMEOUT_S
    while True:
        topics = admin.list_topics(timeout=TIMEOUT_S).topics
        late = [
            name
            for name, count in counts.items()
            if name not in topics
            or sum(partition.leader >= 0 for partition in topics[name].partitions.values()) < count
        ]
        if not late:
            return
        if time.monotonic() > deadline_s:
            raise TopicsError(f"topic {late[0]} has partitions without a leader after {TIMEOUT_S:.0f} s")
        time.sleep(POLL_S)
