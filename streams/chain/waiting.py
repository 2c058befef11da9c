"""Rows of an underlying and its options on their way to an instant: what has come, and up to when all has come.

An instant g is reckoned once every row before it is there, and takes those rows alone: so where rows are cut into
frames, and how sources follow each other in the log, does not matter. All rows before t are there when each stream (a
source's ticks, its bars of one length, its options) has gone as far as t: by a row of its own, or by its source's word
(heartbeat, end of session). A source of options is taken to have the underlying, too, until it has given its word for
more than a second of options without it. A row that comes later still is taken at the next instant, and counted.

A chain begins at the first full second after its first row of options. What the underlying did before is not known to
it: whether a frame of the underlying's came before or after that row in the log says nothing of event time.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas import wire
from schemas.records import BarFrame, OptionFrame, TickFrame
from streams.chain.quotes import NEVER, ChainQuotes
from streams.options.contracts.clock import SECOND_NS

I64 = NDArray[np.int64]
Frame = TickFrame | BarFrame | OptionFrame
EXPECTED = "the underlying"
"""Stands for the stream of an underlying that a source of options has not sent yet."""
FAR_NS = 2**62
"""Later than any event."""


class Stream(NamedTuple):
    """Whose rows: a source's ticks ("ticks"), options ("options") or bars ("bars 60000000000")."""

    source: str
    kind: str


@dataclass
class Part:
    """A frame whose rows from `start` on wait."""

    payload: bytes
    frame: Frame
    times: I64
    start: int = 0


@dataclass
class Queue:
    """A stream's frames in log order, and how far it has gone."""

    newest_ns: int
    parts: list[Part] = field(default_factory=list)
    closed: bool = False
    """Its source has ended: nothing waits for it."""


def stream_of(frame: Frame) -> Stream:
    """Return whose rows a frame holds."""
    if isinstance(frame, OptionFrame):
        return Stream(frame.source, "options")
    return Stream(frame.source, "ticks" if isinstance(frame, TickFrame) else f"bars {frame.interval_ns}")


def times_of(frame: Frame) -> I64:
    """Return when each row happened, (n,) ns; a bar in the last nanosecond of its interval."""
    times = frame.base_ns + np.cumsum(frame.delta_ns)
    return times + (frame.interval_ns - 1) if isinstance(frame, BarFrame) else times


class Waiting:
    """The rows of one underlying that wait. step_ns: instants are its multiples."""

    def __init__(self, step_ns: int) -> None:
        self._step_ns = step_ns
        self._queues: dict[Stream, Queue] = {}
        self.begin_ns = NEVER
        """From when on the chain is reckoned; NEVER: no options yet."""
        self.instant_ns = NEVER
        """The last one that was reckoned."""
        self.late = 0
        """Rows of before an instant that had been reckoned."""

    def put(self, payload: bytes, frame: Frame, promised_ns: int) -> None:
        """Take a frame that is sound. promised_ns: up to when its source has said that all is sent."""
        times = times_of(frame)
        if isinstance(frame, OptionFrame) and self.begin_ns == NEVER:
            self.begin_ns = -(-int(times[0]) // SECOND_NS) * SECOND_NS
        stream = stream_of(frame)
        if isinstance(frame, OptionFrame):
            if all(one.source != frame.source for one in self._queues):
                self._queues[Stream(frame.source, EXPECTED)] = Queue(promised_ns)
        else:
            self._queues.pop(Stream(frame.source, EXPECTED), None)
        queue = self._queues.setdefault(stream, Queue(promised_ns))
        start = 0
        if not isinstance(frame, OptionFrame):
            start = int(np.searchsorted(times, self.begin_ns))
        if self.instant_ns != NEVER:
            self.late += max(0, int(np.searchsorted(times, self.instant_ns)) - start)
        if start < len(times):
            queue.parts.append(Part(payload, frame, times, start))
        queue.newest_ns, queue.closed = max(queue.newest_ns, int(times[-1])), False

    def promise(self, source: str, event_ns: int) -> None:
        """Hear that a source has sent everything before an instant."""
        for stream, queue in self._queues.items():
            if stream.source == source:
                queue.newest_ns = max(queue.newest_ns, event_ns)
        if event_ns > self.begin_ns + SECOND_NS:
            self._queues.pop(Stream(source, EXPECTED), None)

    def close(self, source: str) -> None:
        """Hear that a source ends: nothing waits for it until it sends again."""
        for stream, queue in self._queues.items():
            queue.closed = queue.closed or stream.source == source

    def next_instant(self, unsettled: bool = False) -> int:
        """Return the next instant that can be reckoned: rows wait for it, and all before it are there. NEVER: none.

        unsettled: the instant before left something to do, so that the next one is wanted whether rows wait or not.
        """
        heads = [int(part.times[part.start]) for queue in self._queues.values() for part in queue.parts[:1]]
        if self.begin_ns == NEVER or not (heads or unsettled):
            return NEVER
        after = self.instant_ns + self._step_ns if self.instant_ns != NEVER else NEVER
        first = min(heads, default=FAR_NS) // self._step_ns * self._step_ns + self._step_ns
        instant = max(after if unsettled else first, self.begin_ns, after)
        if all(queue.closed or queue.newest_ns >= instant for queue in self._queues.values()):
            return instant
        return NEVER

    def take(self, instant_ns: int, quotes: ChainQuotes) -> None:
        """Move the rows before an instant into quotes: the underlying's first, then the options', source by source."""
        quotes.begin()
        for stream in sorted(self._queues, key=lambda one: (one.kind == "options", one)):
            parts = self._queues[stream].parts
            while parts and parts[0].times[parts[0].start] < instant_ns:
                part = parts[0]
                stop = int(np.searchsorted(part.times, instant_ns))
                rows = slice(part.start, stop)
                if isinstance(part.frame, TickFrame):
                    quotes.take_ticks(part.frame, part.times, rows)
                elif isinstance(part.frame, BarFrame):
                    quotes.take_bars(part.frame, part.times, rows)
                else:
                    quotes.take_options(part.frame, part.times, rows)
                part.start = stop
                if stop == len(part.times):
                    del parts[0]
        self.instant_ns = instant_ns

    def saved(self) -> tuple[Any, dict[str, NDArray[Any]]]:
        """Return head and arrays, as pack takes them."""
        queues = [
            [*stream, queue.newest_ns, queue.closed, [[part.start, len(part.payload)] for part in queue.parts]]
            for stream, queue in self._queues.items()
        ]
        payloads = b"".join(part.payload for queue in self._queues.values() for part in queue.parts)
        return [self.begin_ns, self.instant_ns, self.late, queues], {"rows": np.frombuffer(payloads, np.uint8)}

    def restore(self, head: Any, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take back, into a new instance, what `saved` returned."""
        self.begin_ns, self.instant_ns, self.late, queues = head
        data, at = arrays["rows"].tobytes(), 0
        for source, kind, newest_ns, closed, parts in queues:
            queue = self._queues[Stream(source, kind)] = Queue(newest_ns, [], closed)
            for start, length in parts:
                payload = data[at : at + length]
                frame = wire.decode(payload)
                assert isinstance(frame, TickFrame | BarFrame | OptionFrame)
                queue.parts.append(Part(payload, frame, times_of(frame), start))
                at += length
