"""Frames of many underlyings and events in one order: by time, events before frames, then as listed; with their ids."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from connectors.sources.frames import I64, U8, Bars, FrameRule, Options, Ticks, cut_points
from connectors.sources.record import SourceRecord
from connectors.sources.sessions import Event
from schemas.frames import encode_bars, encode_tick_frames
from schemas.option_frames import encode_option_frames
from schemas.topics import partition_of
from schemas.wire import encode
from streams.log.ids import Place


@dataclass(frozen=True)
class Frames:
    """Encoded frames of one underlying, by time.

    origin: of a recording, whose places are the number of a frame's last row; empty: they are numbered among what the
    plan itself says. sent_ns, last_row, rows: shape (frames,). offsets: (frames + 1,) into payloads.
    """

    symbol: str
    origin: str
    sent_ns: I64
    last_row: I64
    rows: I64
    payloads: bytes
    offsets: I64


def tick_frames(symbol: str, source: str, origin: str, ticks: Ticks, rule: FrameRule) -> Frames:
    """Cut and encode the ticks of one underlying, n >= 1; row numbers begin at 1."""
    cuts = cut_points(ticks.event_ns, rule, ticks.flags)
    buffer: U8
    buffer, offsets = encode_tick_frames(
        symbol,
        source,
        ticks.event_ns,
        ticks.kind,
        ticks.flags,
        ticks.price,
        ticks.size,
        ticks.condition,
        cuts=cuts,
    )
    return Frames(symbol, origin, ticks.event_ns[cuts[1:] - 1], cuts[1:], np.diff(cuts), buffer.tobytes(), offsets)


def option_frames(symbol: str, source: str, origin: str, options: Options, rule: FrameRule) -> Frames:
    """Cut and encode rows of one underlying's options, n >= 1; row numbers begin at 1."""
    cuts = cut_points(options.event_ns, rule, options.flags)
    buffer: U8
    buffer, offsets = encode_option_frames(
        symbol,
        source,
        options.contracts,
        options.event_ns,
        options.contract,
        options.kind,
        options.flags,
        options.price,
        options.size,
        options.condition,
        cuts=cuts,
    )
    return Frames(symbol, origin, options.event_ns[cuts[1:] - 1], cuts[1:], np.diff(cuts), buffer.tobytes(), offsets)


def bar_frames(
    symbol: str, source: str, origin: str, bars: Bars, sent_ns: I64, rule: FrameRule, row_before: int = 0
) -> Frames:
    """Cut and encode bars, n >= 1. sent_ns: (n,) when each is known, which is its end or earlier."""
    cuts = cut_points(sent_ns, rule)
    payloads = []
    for a, b in zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True):
        payload = encode_bars(
            symbol,
            source,
            bars.interval_ns,
            bars.start_ns[a:b],
            bars.open[a:b],
            bars.high[a:b],
            bars.low[a:b],
            bars.close[a:b],
            bars.volume[a:b],
            bars.bid[a:b],
            bars.ask[a:b],
        )
        payloads.append(payload)
    offsets = np.cumsum([0, *map(len, payloads)])
    return Frames(
        symbol, origin, sent_ns[cuts[1:] - 1], cuts[1:] + row_before, np.diff(cuts), b"".join(payloads), offsets
    )


@dataclass
class Timeline:
    """Give frames and events their partitions, order, ids and predecessors.

    source: name that stands in the records. plan: origin of what is not a recording's, less the partition.
    """

    source: str
    plan: str
    partitions: int
    _newest: dict[tuple[str, int], Place] = field(default_factory=dict)

    def merge(self, frames: Sequence[Frames], events: Sequence[Event]) -> Iterator[SourceRecord]:
        """Yield records in order; what is given at the next call must not be earlier."""
        sent_ns = np.array([event.event_ns for event in events], np.int64)
        lengths = [len(events), *(len(one.sent_ns) for one in frames)]
        stream = np.repeat(np.arange(len(lengths)) - 1, lengths)
        all_ns = np.concatenate([sent_ns, *(one.sent_ns for one in frames)])
        at = np.concatenate([np.arange(length) for length in lengths])
        order = np.lexsort((at, stream, stream >= 0, all_ns))
        writers = [self._frame_writer(one) for one in frames]
        for one, index in zip(stream[order].tolist(), at[order].tolist(), strict=True):
            if one < 0:
                yield from self._event_records(events[index])
            else:
                yield writers[one](index)

    def _frame_writer(self, frames: Frames) -> Callable[[int], SourceRecord]:
        partition = partition_of(frames.symbol, self.partitions)
        origin = frames.origin or f"{self.plan}/{partition}"
        numbered = not frames.origin
        sent_ns, last_row, rows = frames.sent_ns.tolist(), frames.last_row.tolist(), frames.rows.tolist()
        offsets, payloads, newest = frames.offsets.tolist(), frames.payloads, self._newest
        chain = (origin, partition)

        def write(index: int) -> SourceRecord:
            previous = newest.get(chain)
            place = ((previous[0] + 1 if previous else 1) if numbered else last_row[index], 0)
            newest[chain] = place
            payload = payloads[offsets[index] : offsets[index + 1]]
            return SourceRecord(origin, place, previous, frames.symbol, partition, payload, sent_ns[index], rows[index])

        return write

    def _event_records(self, event: Event) -> Iterator[SourceRecord]:
        payload = encode(event.record(self.source))
        everywhere = range(self.partitions)
        for partition in (partition_of(event.symbol, self.partitions),) if event.symbol else everywhere:
            origin = f"{self.plan}/{partition}"
            previous = self._newest.get((origin, partition))
            place = (previous[0] + 1 if previous else 1, 0)
            self._newest[origin, partition] = place
            yield SourceRecord(origin, place, previous, event.symbol, partition, payload, event.event_ns, 0)
