"""Settings of every producer of ours, and a producer that stops loudly instead of losing a record."""

import os
import time
from collections.abc import Mapping

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from streams.log.ids import Headers

DELIVERY_SILENCE_SECONDS_MAX = 60.0
LINGER_MS = 5
"""How long a record may wait for others to be sent with. Each request wakes the broker and every reader."""
QUIET = 0
"""librdkafka's log_level: what matters reaches us as errors; its own lines repeat by the second."""


class BrokenLogError(RuntimeError):
    """The log cannot be written: the broker is gone, or refused a record for good. The process must end."""


def producer_settings(
    kafka: Mapping[str, str], client_id: str, linger_ms: int = LINGER_MS
) -> dict[str, str | int | bool]:
    """Return librdkafka settings of an idempotent producer that leaves no gap.

    message.timeout.ms is 0: a message that timed out would leave a gap that a tail scan cannot see.
    """
    return {
        **kafka,
        "client.id": client_id,
        "log_level": QUIET,
        "enable.idempotence": True,
        "enable.gapless.guarantee": True,
        "acks": "all",
        "message.timeout.ms": 0,
        "partitioner": "murmur2_random",
        "linger.ms": linger_ms,
        "batch.num.messages": 10_000,
        "queue.buffering.max.messages": 200_000,
        "queue.buffering.max.kbytes": 32_768,
        "message.max.bytes": 4_194_304,
        "delivery.report.only.error": True,
        "socket.nagle.disable": True,
    }


class LogProducer:
    """Append records in order; raise BrokenLogError where the log takes nothing for 60 s or refuses a record."""

    def __init__(
        self,
        kafka: Mapping[str, str],
        client_id: str,
        silence_seconds_max: float = DELIVERY_SILENCE_SECONDS_MAX,
        *,
        linger_ms: int = LINGER_MS,
    ) -> None:
        self._failure: str | None = None
        self._silence_seconds_max = silence_seconds_max
        self._progress_s = time.monotonic()
        settings = producer_settings(kafka, client_id, linger_ms)
        self._producer = Producer({**settings, "error_cb": self._on_error, "on_delivery": self._on_delivery})

    def send(self, topic: str, partition: int, key: bytes | None, value: bytes | None, headers: Headers) -> None:
        """Append a record after all sent before it to the same partition; waits while the queue is full."""
        waits = False
        while True:
            try:
                self._producer.produce(topic, value=value, key=key, partition=partition, headers=headers)
                return
            except BufferError:
                if not waits:  # Silence counts from here: until now nobody looked whether the broker answers.
                    waits, self._progress_s = True, time.monotonic()
                self._wait(0.05)
            except KafkaException as error:
                raise BrokenLogError(f"{topic}/{partition}: {error.args[0].str()}") from error

    def poll(self) -> None:
        """Serve delivery reports; raise what went wrong since the last call."""
        self._producer.poll(0)
        self._check()

    def flush(self) -> None:
        """Return when everything sent is in the log."""
        before = len(self._producer)
        self._progress_s = time.monotonic()
        while before:
            self._producer.flush(0.5)
            left = len(self._producer)
            if left < before:
                self._progress_s = time.monotonic()
            before = left
            self._check(waiting=left > 0)
        self._check()

    def settle(self, seconds_max: float) -> None:
        """Send at once what lingers, and wait until everything is in the log, for so long at most.

        An idempotent producer of librdkafka sends nothing to a partition while more than 5 messages are on their way
        there; where others have lingered their time meanwhile, it polls without waiting until an answer comes (a tenth
        of a core in each stage at 1,000 records/s). Who sends only when all before has settled spares that.
        """
        self._producer.flush(seconds_max)  # returns as soon as the answers are there

    def queued(self) -> int:
        """Return how many records wait for the broker."""
        return len(self._producer)

    def _wait(self, seconds: float) -> None:
        before = len(self._producer)
        self._producer.poll(seconds)
        if len(self._producer) < before:
            self._progress_s = time.monotonic()
        self._check(waiting=True)

    def _check(self, waiting: bool = False) -> None:
        if self._failure is not None:
            raise BrokenLogError(self._failure)
        if waiting and time.monotonic() - self._progress_s > self._silence_seconds_max:
            raise BrokenLogError(
                f"nothing delivered in {self._silence_seconds_max:.0f} s, {len(self._producer)} wait: is the broker up?"
            )

    def _on_error(self, error: KafkaError) -> None:
        if error.fatal():
            self._failure = f"fatal producer error: {error.str()}"

    def _on_delivery(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._failure = f"{message.topic()}/{message.partition()}: record refused: {error.str()}"


def client_name(role: str) -> str:
    """Return a client id that names the role and the process."""
    return f"aiots-{role}-{os.getpid()}"
