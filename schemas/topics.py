"""The topics of a world: what each carries, by which key, and the settings that the broker must hold for it.

A world prefixes every topic: `live.market.ticks`. A world's name has no dot, so the first dot of a full name ends it.
Every topic of a world has the world's partition count; a record's partition is chosen here
(Kafka's own murmur2), so that any client that leaves the choice to `partitioner=murmur2` writes to the same one.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

WORLD_CHARS_MAX = 64
MESSAGE_BYTES_MAX = 4 * 1024 * 1024
"""Largest record of any topic, as the broker is set and as producers and consumers must be."""
STAGES = ("analytics", "signals", "router", "sizing", "risk", "venue")

_WORLD = re.compile(r"[a-z0-9][a-z0-9-]*")
_DAY_MS = 24 * 60 * 60 * 1000
_FOREVER_MS = -1
_COMMON = {"message.timestamp.type": "LogAppendTime", "max.message.bytes": str(MESSAGE_BYTES_MAX)}


@dataclass(frozen=True)
class Topic:
    """One logical topic.

    name: logical name, without the world.
    key: what its records are keyed by, in words.
    records: names of the records it carries; empty: bytes of the runtime's own.
    settings: the broker's topic configuration, names and values as Kafka spells them.
    partitioned: has the world's partition count; else one partition.
    """

    name: str
    key: str
    records: tuple[str, ...]
    settings: Mapping[str, str]
    partitioned: bool = True

    def partitions(self, partitions: int) -> int:
        """Return this topic's partition count in a world of that count."""
        return partitions if self.partitioned else 1


def _kept(retention_days: int | None) -> Mapping[str, str]:
    """Return the settings of a topic that deletes after so many days; None: never."""
    retention_ms = _FOREVER_MS if retention_days is None else retention_days * _DAY_MS
    # Retention drops whole segments only, and never the active one: a segment a day lets it keep its word.
    settings = _COMMON | {"cleanup.policy": "delete", "retention.ms": str(retention_ms), "segment.ms": str(_DAY_MS)}
    return MappingProxyType(settings)


# Compaction never touches the active segment, so small segments are what bounds the time to read a checkpoint.
_COMPACTED = MappingProxyType(
    _COMMON
    | {
        "cleanup.policy": "compact",
        "segment.bytes": str(32 * 1024 * 1024),
        "segment.ms": str(60 * 60 * 1000),
        "min.cleanable.dirty.ratio": "0.2",
        "delete.retention.ms": str(_DAY_MS),
    }
)
PASSED_ON = (
    "Mark",
    "OptionMark",
    "MarketEvent",
    "CorporateAction",
    "Fill",
    "Settlement",
    "Statement",
    "Cancel",
    "Control",
    "Mandate",
)
"""What each stage of the order path passes on, in order, for the next to know."""

_DATA = (
    Topic("market.ticks", "underlying", ("TickFrame", "BarFrame", "OptionFrame", "MarketEvent", "Version"), _kept(7)),
    Topic(
        "features",
        "underlying",
        ("FeatureFrame", "ChainFrame", "SurfaceFrame", "MarketEvent", "Watch", "Version"),
        _kept(30),
    ),
    Topic("signals", "underlying", ("Signal", "Version"), _kept(365)),
    Topic("book", "account", ("Signal", "OrderTicket", "Approval", *PASSED_ON, "Version"), _kept(365)),
    Topic("orders", "account", ("OrderIntent", *PASSED_ON, "Version"), _kept(365)),
    Topic("verdicts", "account", ("Verdict", *PASSED_ON, "Version"), _kept(None)),
    Topic("risk", "account", ("RiskReport", "Alert", "Version"), _kept(365)),
)
_REJECTS = (
    *(Topic(f"{stage}.rejects", "key of the record refused", ("Reject",), _kept(30)) for stage in STAGES),
    Topic("sources.rejects", "underlying, or file", ("Reject",), _kept(30)),
)
_CHECKPOINTS = tuple(Topic(f"{stage}.checkpoint", "task and state key", (), _COMPACTED) for stage in STAGES)
_ARCHIVES = tuple(Topic(f"{stage}.archive", "task, day and state key", (), _kept(365)) for stage in STAGES)
"""The last checkpoint of each day."""

TOPICS: Mapping[str, Topic] = MappingProxyType(
    {topic.name: topic for topic in (*_DATA, *_REJECTS, *_CHECKPOINTS, *_ARCHIVES)}
)
"""Every logical topic by name, data first."""


def check_world(world: str) -> str:
    """Return the world's name; ValueError says what is wrong with it."""
    if not _WORLD.fullmatch(world):
        raise ValueError(
            f"a world's name is lowercase letters, digits and dashes, and begins with no dash, was {world!r}"
        )
    if len(world) > WORLD_CHARS_MAX:
        raise ValueError(f"a world's name has at most {WORLD_CHARS_MAX} characters, {world!r} has {len(world)}")
    return world


def full_name(world: str, logical: str) -> str:
    """Return the topic's name at the broker; ValueError for a bad world, KeyError for an unknown topic."""
    if logical not in TOPICS:
        raise KeyError(f"no topic {logical!r}; known: {', '.join(TOPICS)}")
    return f"{check_world(world)}.{logical}"


def world_of(full: str) -> str:
    """Return the world that a full name begins with; ValueError where it is not one of ours."""
    return _split(full)[0]


def logical_name(full: str) -> str:
    """Return the logical name in a full one; ValueError where it is not one of ours."""
    return _split(full)[1]


def _split(full: str) -> tuple[str, str]:
    world, dot, logical = full.partition(".")
    if not dot or logical not in TOPICS or not _WORLD.fullmatch(world):
        raise ValueError(f"expected world.topic with a topic of {', '.join(TOPICS)}, was {full!r}")
    return world, logical


def all_topics(partitions: int) -> tuple[tuple[Topic, int], ...]:
    """Return every topic with its partition count, for a world of so many partitions (>= 1)."""
    if partitions < 1:
        raise ValueError(f"a world has at least 1 partition, was {partitions}")
    return tuple((topic, topic.partitions(partitions)) for topic in TOPICS.values())


def partition_of(key: bytes | str, partitions: int) -> int:
    """Return the partition of a key, 0 to partitions - 1: Kafka's murmur2, as `partitioner=murmur2` chooses it."""
    return (murmur2(key.encode() if isinstance(key, str) else key) & 0x7FFFFFFF) % partitions


def murmur2(data: bytes) -> int:
    """Return Kafka's 32-bit MurmurHash2 of bytes (seed 0x9747b28c), unsigned. Source: o.a.k.common.utils.Utils."""
    multiplier, mask = 0x5BD1E995, 0xFFFFFFFF
    hashed = 0x9747B28C ^ len(data)
    whole = len(data) & ~3
    for at in range(0, whole, 4):
        mixed = int.from_bytes(data[at : at + 4], "little") * multiplier & mask
        mixed = (mixed ^ mixed >> 24) * multiplier & mask
        hashed = (hashed * multiplier & mask) ^ mixed
    if len(data) > whole:
        hashed = (hashed ^ int.from_bytes(data[whole:], "little")) * multiplier & mask
    hashed = (hashed ^ hashed >> 13) * multiplier & mask
    return hashed ^ hashed >> 15
