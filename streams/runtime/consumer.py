"""Settings of a stage's consumer."""

from collections.abc import Callable
from typing import Any

from confluent_kafka import KafkaError

from streams.log.producer import QUIET, client_name
from streams.runtime.options import RunOptions
from streams.stage import Stage

SESSION_MS = 6_000
FETCH_BYTES_MIN = 65_536


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
        "max.poll.interval.ms": 120_000,
        "auto.offset.reset": "error",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "isolation.level": "read_uncommitted",
        "check.crcs": True,
        "fetch.queue.backoff.ms": 5,
        "queued.max.messages.kbytes": 16_384,
        **_fetching(stage),
        "socket.nagle.disable": True,
        "error_cb": on_error,
    }


def _fetching(stage: Stage) -> dict[str, Any]:
    """Return how a stage waits for its inbox: as its outputs wait for company, so do its inputs."""
    if stage.linger_ms <= 1:
        return {"fetch.min.bytes": 1, "fetch.wait.max.ms": 100}
    return {"fetch.min.bytes": FETCH_BYTES_MIN, "fetch.wait.max.ms": 2 * stage.linger_ms}
