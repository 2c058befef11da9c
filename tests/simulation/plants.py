"""Planted bugs: each replaces or omits one step around the production code, which itself is never changed."""

from collections.abc import Callable
from enum import StrEnum
from typing import Any

from streams.log.filter import IdFilter
from streams.runtime.checkpoint import decode
from streams.runtime.task import TaskKey
from tests.simulation.memory_log import MemoryTaskLog


class Plant(StrEnum):
    """A bug that the simulation must catch."""

    NO_FILTER = "no id filter"
    CHECKPOINT_BEFORE_FLUSH = "checkpoint before flush"
    READ_BEFORE_FENCE = "read before fence"
    LOST_SEND = "a send lost in the middle"
    NO_TAIL_SCAN = "no tail scan"
    LATE_ENDS = "ends read after a later emission"
    CHAIN_NOT_RESTORED = "chain not restored"
    DRAINED_NOT_CLEARED = "drained flag not cleared at start"
    SHORT_SCAN = "another version scans from the last ends only"
    CHANGES_DROPPED = "changes of an aborted checkpoint dropped"
    SEEN_NOT_RESTORED = "ids seen not restored"


class AcceptAll(IdFilter):
    """The planted bug of no filter: every record is new."""

    def accept_text(self, origin: bytes, place: bytes, previous: bytes | None) -> bool:
        self._newest[origin] = place
        return True


class PlantedLog(MemoryTaskLog):
    """A log that is used in the wrong order, or not at all."""

    plants: frozenset[Plant] = frozenset()
    prefetched: Any = None
    starting = False
    between: Callable[[TaskKey], None]

    def fence(self) -> None:
        if Plant.READ_BEFORE_FENCE in self.plants:
            self.prefetched = self.read_checkpoint()
            self.between(self.key)
        super().fence()

    def checkpoint_records(self) -> Any:
        return super().checkpoint_records() if self.prefetched is None else self.prefetched

    def newest_own(self, starts: Any, origin: str) -> Any:
        if Plant.NO_TAIL_SCAN in self.plants:
            return {}
        if Plant.SHORT_SCAN in self.plants:
            found = decode(self.key, self.read_checkpoint())
            starts = (
                starts if found is None else {target: found.manifest.snapshot.ends.get(target, 0) for target in starts}
            )
        return super().newest_own(starts, origin)

    def commit(self, records: Any, position: int, archive: Any = ()) -> None:
        if self.starting and Plant.DRAINED_NOT_CLEARED in self.plants:
            return
        super().commit(records, position, archive)
