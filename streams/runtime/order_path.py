"""From the book to the venue, in memory: instant after instant, as what a venue answers has to enter before the next.

Where nothing is answered, instants fold together as well as apart: cuts do not matter. That is only known afterwards.
So several are folded at once, and where a record for the book came of it, all that is taken back, and they are folded
one by one. Mostly marks pass; then each stage works through a run of them, at half the time.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

from streams.fold import PureFold
from streams.runtime.inbox import Inbox
from streams.runtime.options import stage_named
from streams.runtime.task import Outbound, Target

BOOK = "book"
TOGETHER_MIN, TOGETHER_MAX = 4, 256
"""Instants that are tried at once: fewer after answers, more after none."""
APART = 16
"""Instants that are folded one by one after some that were taken back: answers seldom come alone."""


class OrderPath:
    """The inboxes of a partition's account stages, in flow order; the first is the book's.

    readers: inboxes by topic and partition. observe: gets what a stage gives, in its order.
    """

    def __init__(
        self, inboxes: Sequence[Inbox], readers: Mapping[Target, Sequence[Inbox]], observe: Callable[[Outbound], None]
    ) -> None:
        self._inboxes, self._readers, self._observe = inboxes, readers, observe
        self._together = TOGETHER_MIN
        self._apart = 0
        written = {topic for inbox in inboxes for topic in stage_named(inbox.task.key.stage).writes}
        others = (inbox for (topic, _), read in readers.items() if topic in written for inbox in read)
        own = {inbox.task.key.stage for inbox in inboxes}
        self._closed = all(inbox.task.key.stage in own for inbox in others)

    def enter(self, instants: Sequence[list[Outbound]]) -> None:
        """Append each instant's records to the book, one origin's and in order, and fold what follows from them."""
        at = 0
        while at < len(instants):
            apart = self._apart or not self._undoable()
            some = instants[at : at + (self._apart or self._together)]
            at += len(some)
            if not apart and len(some) > 1:
                if self._at_once([out for run in some for out in run]):
                    self._together = min(2 * self._together, TOGETHER_MAX)
                    continue
                self._together = max(self._together // 4, TOGETHER_MIN)
                self._apart = APART
            else:
                self._apart = max(self._apart - len(some), 0)
            for run in some:
                self._inboxes[0].extend(run)
                self.drain()

    def drain(self) -> None:
        """Fold what the book holds, and what comes back to it."""
        while not self._inboxes[0].empty():
            for inbox in self._inboxes:
                outs = inbox.advance()
                for out in outs:
                    self._observe(out)
                for run in runs_of(outs):
                    self._append(run)

    def _undoable(self) -> bool:
        """Return whether all that a fold may change can be taken back."""
        return self._closed and all(type(inbox.task.fold) is PureFold and inbox.empty() for inbox in self._inboxes)

    def _at_once(self, entering: list[Outbound]) -> bool:
        """Fold records of several instants; return False, with nothing changed, where one for the book came of it."""
        kept = [(inbox, inbox.end, inbox.task.keep()) for inbox in self._inboxes]
        given: list[Outbound] = []
        self._inboxes[0].extend(entering)
        for inbox in self._inboxes:
            outs = inbox.advance()
            given += outs
            for run in runs_of(outs):
                if run[0].topic == BOOK:
                    for one, end, task in kept:
                        one.cut(end)
                        one.task.go_back(task)
                    return False
                self._append(run)
        for out in given:
            self._observe(out)
        return True

    def _append(self, run: list[Outbound]) -> None:
        for inbox in self._readers.get(run[0][:2], ()):
            inbox.extend(run)


def runs_of(outs: list[Outbound]) -> Iterable[list[Outbound]]:
    """Return what a task gave, by topic and partition."""
    if not outs:
        return ()
    runs: dict[Target, list[Outbound]] = {}
    for out in outs:
        runs.setdefault(out[:2], []).append(out)
    return runs.values()
