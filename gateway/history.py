"""Older records, read from Kafka for one client that comes back with a cursor from before the tail in memory."""

from collections.abc import Mapping

from confluent_kafka import Consumer, KafkaError, TopicPartition

from gateway import message, source
from gateway.cursor import Layout
from gateway.settings import Settings
from gateway.source import Gap, SourceError
from schemas.topics import full_name

SILENCE_S_MAX = 10.0


class History:
    """Read each slot of `targets` from its position up to its target, in offset order within a slot.

    Blocking: call it off the loop.
    positions: the client's next offsets by slot; kept up to date, so that a message's cursor is the client's own.
    """

    def __init__(
        self,
        kafka: Mapping[str, str],
        layout: Layout,
        positions: list[int],
        targets: Mapping[int, int],
        settings: Settings,
    ) -> None:
        self._layout = layout
        self._positions = positions
        self._left = dict(targets)
        self._settings = settings
        self._begin: dict[int, int] = {}
        self._kafka = kafka
        self._consumer: Consumer | None = None
        self._reader = message.Reader(layout, positions, message.Refused())
        self._slots = {
            (full_name(layout.world, layout.slots[slot][0]), layout.slots[slot][1]): slot for slot in targets
        }

    def open(self) -> list[Gap]:
        """Begin; return the stretches that retention has taken. SourceError where the broker does not answer."""
        gaps, places = [], []
        consumer = self._consumer = source.open_consumer(self._kafka, self._settings.history_queue_kbytes, ends=True)
        for (name, partition), slot in self._slots.items():
            low, _ = source.low_of(consumer, name, partition, SILENCE_S_MAX)
            position, target = self._positions[slot], self._left[slot]
            if low > position:
                gaps.append(Gap(slot, position, min(low, target)))
                self._positions[slot] = min(low, target)
            self._begin[slot] = self._positions[slot]
            if self._positions[slot] >= target:
                del self._left[slot]
            else:
                places.append(
                    TopicPartition(name, partition, max(low, self._begin[slot] - self._settings.prime_records))
                )
        consumer.assign(places)
        return gaps

    def read(self, records_max: int) -> list[message.Message] | None:
        """Return the next messages, perhaps none; None when all targets are reached. SourceError: nothing comes."""
        if not self._left:
            return None
        assert self._consumer is not None
        records = source.fetch(self._consumer, records_max, SILENCE_S_MAX)
        if not records:
            raise SourceError(f"nothing to read for {SILENCE_S_MAX:.0f} s: is the broker up?")
        found = []
        for record in records:
            slot = self._slots.get((record.topic, record.partition))
            if slot is None or slot not in self._left:
                continue
            error = record.error
            if error is None:
                if record.offset < self._begin[slot]:
                    self._reader.prime(record, slot)
                elif record.offset < self._left[slot]:
                    one = self._reader.take(record, slot)
                    if one is not None:
                        found.append(one)
                    self._finish(slot, record.offset + 1)
                else:
                    self._finish(slot, self._left[slot])
            elif error.code() == KafkaError._PARTITION_EOF:
                self._finish(slot, self._left[slot] if record.offset >= self._left[slot] else 0)
            elif error.code() == KafkaError._AUTO_OFFSET_RESET:
                # Retention overtook this reader: the client begins again from its position, and is told of the gap.
                self._left.clear()
            elif error.fatal():
                raise SourceError(error.str())
        return found

    def close(self) -> None:
        """Leave Kafka."""
        if self._consumer is not None:
            self._consumer.close()

    def _finish(self, slot: int, position: int) -> None:
        if position >= self._left[slot]:
            self._positions[slot] = self._left.pop(slot)
