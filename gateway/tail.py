"""The newest messages in memory, so that most clients that come back need no read from Kafka."""

import heapq
from collections import deque
from collections.abc import Iterable, Sequence

from gateway.cursor import Layout
from gateway.message import Message


class Tail:
    """Keep the last messages of each topic, bounded by count and by bytes.

    covered_from: by slot, the offset from which on every served record is here.
    """

    def __init__(self, layout: Layout, start: Sequence[int], messages_max: int, bytes_max: int) -> None:
        self.covered_from = list(start)
        self.bytes = 0
        self._messages: dict[str, deque[Message]] = {topic.name: deque() for topic in layout.topics}
        self._bytes = dict.fromkeys(self._messages, 0)
        self._messages_max = messages_max
        self._bytes_max = bytes_max

    def append(self, message: Message) -> None:
        """Add the newest message, and let go of the oldest ones of its topic that no longer fit."""
        kept = self._messages[message.topic]
        kept.append(message)
        self._bytes[message.topic] += len(message.frame)
        while len(kept) > self._messages_max or self._bytes[message.topic] > self._bytes_max:
            oldest = kept.popleft()
            self._bytes[message.topic] -= len(oldest.frame)
            self.covered_from[oldest.slot] = oldest.offset + 1
        self.bytes = sum(self._bytes.values())

    def lose(self, slot: int, offset: int) -> None:
        """Note that records of a slot below an offset never came."""
        self.covered_from[slot] = max(self.covered_from[slot], offset)

    def count(self) -> int:
        """Return how many messages are kept."""
        return sum(len(kept) for kept in self._messages.values())

    def since(self, topics: Iterable[str], positions: Sequence[int]) -> list[Message]:
        """Return the messages of some topics at or after the next offsets by slot, in the order they came."""
        found = (
            [one for one in self._messages[topic] if one.offset >= positions[one.slot]] for topic in sorted(topics)
        )
        return list(heapq.merge(*found, key=lambda one: one.sequence))

    def newest_first(self, topics: Iterable[str]) -> Iterable[Message]:
        """Yield the messages of some topics, the newest first."""
        kept = (reversed(self._messages[topic]) for topic in sorted(topics))
        return heapq.merge(*kept, key=lambda one: -one.sequence)
