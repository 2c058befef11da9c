"""Settings of a stage's consumer."""

from collections.abc import Callable
from typing import Any

from confluent_kafka import KafkaError

from streams.log.producer import QUIET, client_name
from streams.runtime.options import RunOptions
from streams.stage import Stage

SESSION_MS = 6_000


def consumer_settings(options: RunOptions, stage: Stage, on_error: Callable[[KafkaError], None]) -> dict[str, Any]:
    """Return librdkafka settings of a member of the stage's group."""
    return {
        **options.kafka,
        "group.id": f"{options.world}.{stage.name}",
        "group.instance.id": f"{stage.name}-{options.slot}",
        "client.id": client_name(f"{stage.name}-{options.slot}"),
        "log_level": QUIET,
        "partition.assignment.strategy": "cooperative-sticky",
        "session.timeout.ms": SESSION_MS,
        "heartbeat.interval.ms": 1_500,
        # A batch may meet kernels that have to be compiled first: minutes, once for a version of the source.
        "max.poll.interval.ms": 600_000,
        "auto.offset.reset": "error",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "isolation.level": "read_uncommitted",
        "check.crcs": True,
        "fetch.queue.backoff.ms": 5,
        "queued.max.messages.kbytes": 16_384,
        "fetch.wait.max.ms": 100,
        "socket.nagle.disable": True,
        "error_cb": on_error,
    }
