"""Looks at the log while everything is killed."""

import time
from collections.abc import Mapping

from confluent_kafka import Consumer, KafkaException, TopicPartition

from schemas.topics import full_name
from streams.log.reader import read, reader_settings
from streams.topology import STAGES


class Watermarks:
    """Asks for the ends of topics, quickly."""

    def __init__(self, kafka: Mapping[str, str], world: str, partitions: int) -> None:
        self._consumer = Consumer(reader_settings(kafka))
        self._world, self._partitions = world, partitions

    def ends(self, topic: str) -> list[int]:
        """Return the end offset of each partition of a logical topic."""
        name = full_name(self._world, topic)
        places = [TopicPartition(name, partition) for partition in range(self._partitions)]
        return [self._end(place) for place in places]

    def _end(self, place: TopicPartition) -> int:
        deadline_s = time.monotonic() + 30.0
        while True:
            try:
                return int(self._consumer.get_watermark_offsets(place, timeout=30.0)[1])
            except KafkaException:
                # A broker that has just been started again is not yet the leader of all that it holds.
                if time.monotonic() > deadline_s:
                    raise
                time.sleep(0.05)

    def close(self) -> None:
        self._consumer.close()


def aborted_checkpoints(kafka: Mapping[str, str], world: str, partitions: int) -> int:
    """Return how many manifests stand in the checkpoint topics whose transaction was aborted."""
    count = 0
    for stage in STAGES:
        for partition in range(partitions):
            topic = full_name(world, f"{stage.name}.checkpoint")
            for sign, committed in ((1, False), (-1, True)):
                count += sign * sum(
                    1
                    for message in read(kafka, topic, partition, committed=committed)
                    if bytes(message.key() or b"").endswith(b"/@")
                )
    return count
