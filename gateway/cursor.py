"""A cursor: a point in a world's served topics, as text that a client keeps and gives back.

    demo-7|risk.9f3c01ab:0,0,4|signals.5e6f7a8b:12,30,4|verdicts.0a1b2c3d:7,0,0

is world | topic . first 8 characters of the topic's UUID : the next offset of partition 0, 1, 2 | ... A cursor covers
every served topic, whatever its owner has subscribed to, so it stays good when the subscription changes. The UUID tells
a topic that was deleted and made again from the one that the client knew.
"""

from dataclasses import dataclass
from enum import StrEnum

CURSOR_CHARS_MAX = 8_192


class CursorReason(StrEnum):
    """Why a cursor cannot be used."""

    BAD_CURSOR = "bad_cursor"
    OTHER_WORLD = "other_world"
    TOPIC_RECREATED = "topic_recreated"
    CURSOR_AHEAD = "cursor_ahead"


class CursorError(ValueError):
    """A cursor that cannot be used, with the way out of it."""

    def __init__(self, reason: CursorReason, detail: str, remedy: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
        self.remedy = remedy


AFRESH = "subscribe without a cursor to begin at the newest record; /v1/latest gives the ones before it"


@dataclass(frozen=True)
class ServedTopic:
    """A topic as the gateway found it at the broker."""

    name: str
    uuid: str
    partitions: int


class Layout:
    """Number the partitions of all served topics from 0 (a slot each), and write and read cursors over them."""

    def __init__(self, world: str, topics: tuple[ServedTopic, ...]) -> None:
        self.world = world
        self.topics = tuple(sorted(topics, key=lambda topic: topic.name))
        self.slots: list[tuple[str, int]] = []
        self._first: dict[str, int] = {}
        for topic in self.topics:
            self._first[topic.name] = len(self.slots)
            self.slots.extend((topic.name, partition) for partition in range(topic.partitions))

    def slot(self, topic: str, partition: int) -> int:
        """Return the slot of a partition."""
        return self._first[topic] + partition

    def slots_of(self, topics: frozenset[str]) -> list[int]:
        """Return the slots of some topics, ascending."""
        return [slot for slot, (topic, _) in enumerate(self.slots) if topic in topics]

    def text(self, positions: list[int] | tuple[int, ...]) -> str:
        """Return the cursor of next offsets, one a slot."""
        parts = [self.world]
        for topic in self.topics:
            first = self._first[topic.name]
            offsets = ",".join(map(str, positions[first : first + topic.partitions]))
            parts.append(f"{topic.name}.{topic.uuid}:{offsets}")
        return "|".join(parts)

    def parse(self, cursor: object) -> list[int]:
        """Return the next offsets that a cursor names, one a slot; CursorError where it is not of these topics."""
        if not isinstance(cursor, str) or len(cursor) > CURSOR_CHARS_MAX:
            raise _bad(f"expected the text of a message's cursor, was {str(cursor)[:80]!r}")
        world, *parts = cursor.split("|")
        if world != self.world:
            raise CursorError(
                CursorReason.OTHER_WORLD,
                f"the cursor is of world {world[:80]!r}, this gateway serves {self.world!r}",
                f"connect to the gateway of world {world[:80]!r}, or {AFRESH}",
            )
        named = dict(self._part(part) for part in parts)
        if set(named) != set(self._first):
            raise _bad(f"expected topics {', '.join(self._first)}, was {', '.join(named)[:80] or 'none'}")
        return [offset for topic in self.topics for offset in named[topic.name]]

    def _part(self, part: str) -> tuple[str, list[int]]:
        head, _, tail = part.partition(":")
        name, _, uuid = head.partition(".")
        topic = next((topic for topic in self.topics if topic.name == name), None)
        if topic is None:
            raise _bad(f"no topic {name[:80]!r}; served are {', '.join(self._first)}")
        if uuid != topic.uuid:
            raise CursorError(
                CursorReason.TOPIC_RECREATED,
                f"topic {name} was deleted and made again since: its UUID began with {uuid[:8]!r}, now {topic.uuid!r}",
                AFRESH,
            )
        offsets = tail.split(",")
        if len(offsets) != topic.partitions or not all(text.isdecimal() and len(text) < 20 for text in offsets):
            raise _bad(f"expected {topic.partitions} offsets of {name}, was {tail[:80]!r}")
        return name, [int(text) for text in offsets]


def _bad(detail: str) -> CursorError:
    return CursorError(CursorReason.BAD_CURSOR, detail, f"give back a cursor exactly as it came, or {AFRESH}")
