"""Two stages in a row with the shapes of ours: one that folds by key and re-keys, one of two inboxes that counts.

The third stands for the whole line behind it: its inbox is written by every task before it.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from schemas import wire
from schemas.records import Control, ControlAction, Record
from streams.fold import PureFold
from streams.log.ids import RecordId, headers_of
from streams.runtime.checkpoint import Build
from streams.stage import ALL_PARTITIONS, Emit, RecordError, RejectReason, Stage, Step

PARTITIONS = 3
SYMBOLS = 3
TICKS = 24


@dataclass(frozen=True)
class Running:
    """State of a symbol."""

    total: int
    count: int
    mean: float


@dataclass(frozen=True)
class Params:
    """factor: what another version does otherwise."""

    factor: int = 1


def control(key: str, value: int, reason: str) -> Control:
    return Control(key, value, ControlAction.HALT, reason)


def advance_keyed(state: Mapping[str, Any], record: Record, params: Params) -> Step:
    """Sum by symbol. The sum goes to a partition that it chooses; some values are marks, some go to everyone."""
    if not isinstance(record, Control):
        raise RecordError(RejectReason.UNEXPECTED_TYPE, type(record).__name__)
    value = record.event_ns
    if value % 23 == 0:
        raise RecordError(RejectReason.BAD_VALUE, f"value must not be a multiple of 23, was {value}")
    assert value % 29 != 0, "a planted bug in advance"
    key = f"sum/{record.account}"
    old = state.get(key) or Running(0, 0, 0.0)
    total = (old.total * 31 + value * params.factor) % 1_000_003
    new = Running(total, old.count + 1, old.mean + (value - old.mean) / (old.count + 1))
    out: list[Emit] = []
    if value % 5:
        out.append(Emit("sums", record.account, control(record.account, total, f"{new.mean!r}"), total % PARTITIONS))
    if value % 4 == 0:
        out.append(Emit("marks", record.account, control(record.account, value, "mark"), value % PARTITIONS))
    if value % 11 == 0:
        out.append(Emit("marks", record.account, control(record.account, total, "all"), ALL_PARTITIONS))
    return Step({key: None if value % 17 == 0 else new}, out)


def advance_count(state: Mapping[str, Any], record: Record, params: Params) -> Step:
    """Count and hash what comes, in order; pass on to the partition of the input."""
    assert isinstance(record, Control)
    changed: dict[str, Running] = {}
    for key in (f"of/{record.account}", "all"):
        old = state.get(key) or Running(0, 0, 0.0)
        total = (old.total * 31 + record.event_ns * params.factor) % 1_000_003
        changed[key] = Running(total, old.count + 1, old.mean * 0.5 + record.event_ns)
    everything = changed["all"]
    return Step(changed, [Emit("out", record.account, control(record.account, everything.total, record.reason))])


STAGES = (
    Stage("keyed", ("ticks",), ("sums", "marks"), "", ""),
    Stage("count", ("sums", "marks"), ("out",), "", ""),
    Stage("last", ("out",), ("end",), "", ""),
)
TOPICS = ("ticks", "sums", "marks", "out", "end", "keyed.rejects", "count.rejects", "last.rejects")


def advance_last(state: Mapping[str, Any], record: Record, params: Params) -> Step:
    """As advance_count, to another topic."""
    step = advance_count(state, record, params)
    return Step(step.changed, [emit._replace(topic="end") for emit in step.outputs])


ADVANCES = {"keyed": advance_keyed, "count": advance_count, "last": advance_last}


def make_fold(stage: str, version: int) -> PureFold:
    """A fold of a stage; the version is its factor."""
    return PureFold(ADVANCES[stage], Params(version), {"": Running})


def build_of(version: int) -> Build:
    return Build(f"code{version}", f"factor{version}", 1)


def recording(seed: int, partition: int) -> list[tuple[bytes | None, Any]]:
    """What a source has to say to one partition: controls with ids, some poison, some records without ids."""
    rng = random.Random(seed * 31 + partition)
    rows: list[tuple[bytes | None, Any]] = []
    previous = None
    for number in range(TICKS):
        payload: bytes | None = wire.encode(control(f"S{partition}{rng.randrange(SYMBOLS)}", rng.randint(1, 999), ""))
        chance = rng.random()
        if chance < 0.06:
            poison: Sequence[bytes | None] = (b"junk", b"\x00\xff\xff\xff\xff!", None, b"", (payload or b"")[:7])
            payload = rng.choice(poison)
        if chance > 0.95:
            rows.append((payload, rng.choice((None, [], [("id", b"nonsense")], [("id", None)], [("id", b"\xff:1.0")]))))
            continue
        rows.append((payload, headers_of(RecordId(f"sim/{seed}/{partition}", number, 0), previous)))
        previous = (number, 0)
    return rows
