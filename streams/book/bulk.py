"""Marks of many frames at once, in one kernel: what marks.py says of each bar, for a whole batch of payloads.

The kernel stops at a frame that is not of the usual form, or that has a figure out of its bounds; the router then takes
that frame by the plain way, which says what is wrong with it, and the kernel goes on behind it.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from schemas.binary import Int
from schemas.records import Mark
from schemas.wire import HEADER_BYTES
from streams.bars.decode import TIME_MAX
from streams.bars.frame import ASK, BID, CLOSE, HIGH, LOW, ROWS_MAX, Bars, new_bars, read_usual
from streams.bars.layout import F64, I64, U8
from streams.bars.row import HEADER
from streams.book.marks import Feed
from streams.numerics.jit import entry, kernel
from streams.numerics.memory import joined

MARKS_MAX = 4_096
SLOTS = 64
DONE, NO_ROOM, PLAIN = range(3)
VOLUME_MAX = 1 << 53
"""Of a bar, and of all bars of a mark; plain Python takes more."""
THROUGH, SINCE, VOLUME, KNOWN, CHANGED, INTS = range(6)
"""Columns of Feeds.ints: see marks.Feed; KNOWN 0 where there is none."""
MADE, FRAME = range(2)
"""Of Sink.cursor: marks made; index of the frame that comes next."""


class Feeds(NamedTuple):
    """What marks have told, a row a symbol. ints: (slots, INTS); floats: (slots, 2), high and low."""

    ints: I64
    floats: F64


class Sink(NamedTuple):
    """Marks: ints (MARKS_MAX, 4): frame, slot, event_ns, volume; floats (MARKS_MAX, 5): bid, ask, last, high, low."""

    cursor: I64
    ints: I64
    floats: F64
    bars: Bars


@kernel
def _price_or_unknown(value: float) -> bool:
    return bool(value != value or (value > 0.0 and value < np.inf))


@kernel
def _good(bars: Bars, rows: Int) -> bool:
    """Return whether every figure is within its bounds, as marks.py checks them, and small enough to be summed here."""
    prices, volume = bars.prices, bars.volume
    for i in range(rows):
        good = _price_or_unknown(prices[BID, i]) and _price_or_unknown(prices[ASK, i])
        good = good and _price_or_unknown(prices[CLOSE, i])
        good = good and _price_or_unknown(prices[HIGH, i]) and _price_or_unknown(prices[LOW, i])
        if not good or prices[LOW, i] > prices[HIGH, i] or volume[i] < 0 or volume[i] > VOLUME_MAX:
            return False
    return bool(bars.interval[0] > 0 and bars.interval[0] < TIME_MAX)


@kernel
def _tell(sink: Sink, frame: Int, slot: Int, i: Int, high: float, low: float, volume: Int) -> None:
    """Write a mark of row i."""
    bars, at = sink.bars, sink.cursor[MADE]
    ints, floats = sink.ints[at], sink.floats[at]
    ints[0], ints[1], ints[2], ints[3] = frame, slot, bars.end[i], volume
    floats[0], floats[1], floats[2] = bars.prices[BID, i], bars.prices[ASK, i], bars.prices[CLOSE, i]
    floats[3], floats[4] = high, low
    sink.cursor[MADE] = at + 1


@kernel
def _fold(sink: Sink, told: I64, ranges: F64, wanted: U8, interval_ns: Int, frame: Int, slot: Int, rows: Int) -> None:
    """Do what marks.marks_of does, to one row of the feeds."""
    bars, prices = sink.bars, sink.bars.prices
    high, low = ranges[0], ranges[1]
    for i in range(rows):
        quoted = prices[CLOSE, i] > 0.0 or prices[BID, i] > 0.0 or prices[ASK, i] > 0.0
        if wanted[bars.session[i]] == 0 or not quoted:
            continue
        if told[KNOWN] == 0:
            told[KNOWN], told[CHANGED] = 1, 1
        end = bars.end[i]
        if end - bars.interval[0] < told[THROUGH]:
            continue
        told[VOLUME] += bars.volume[i]
        if bars.trades[i] > 0 or bars.volume[i] > 0:
            if prices[HIGH, i] > high or high != high:
                high = prices[HIGH, i]
            if prices[LOW, i] < low or low != low:
                low = prices[LOW, i]
        told[THROUGH], told[CHANGED] = end, 1
        if end - told[SINCE] >= interval_ns:
            _tell(sink, frame, slot, i, high, low, told[VOLUME])
            told[SINCE], told[VOLUME] = end, 0
            high, low = np.nan, np.nan
    ranges[0], ranges[1] = high, low


@entry
def take(sink: Sink, feeds: Feeds, data: U8, bounds: I64, slots: I64, wanted: U8, interval_ns: Int) -> Int:
    """Take frames cursor[FRAME] and on; return DONE, NO_ROOM or PLAIN.

    NO_ROOM: empty the sink and call again. PLAIN: take the frame at cursor[FRAME] by the plain way.
    bounds: (n + 1,), where each begins in data; slots: (n,), the symbol's row of feeds, -1 for no FeatureFrame.
    """
    cursor = sink.cursor
    for frame in range(cursor[FRAME], len(slots)):
        cursor[FRAME] = frame
        if cursor[MADE] + ROWS_MAX > MARKS_MAX:
            return NO_ROOM
        slot = slots[frame]
        if slot < 0 or feeds.ints[slot, VOLUME] > VOLUME_MAX:
            return PLAIN
        rows = read_usual(data, bounds[frame], bounds[frame + 1], sink.bars)
        if rows < 0 or not _good(sink.bars, rows):
            return PLAIN
        _fold(sink, feeds.ints[slot], feeds.floats[slot], wanted, interval_ns, frame, slot, rows)
    cursor[FRAME] = len(slots)
    return DONE


class Told(NamedTuple):
    """A mark, and the index of the payload that made it."""

    at: int
    mark: Mark


class Bulk:
    """The kernel's feeds of a partition; the fold's own state stays what counts, and is given after each batch."""

    def __init__(self, interval_ns: int, sessions: Collection[int]) -> None:
        self._interval_ns, self._wanted = interval_ns, _wanted(sessions)
        self._sink = Sink(
            np.zeros(2, np.int64), np.zeros((MARKS_MAX, 4), np.int64), np.zeros((MARKS_MAX, 5)), new_bars()
        )
        self._feeds = _feeds(SLOTS)
        self._slots: dict[bytes, int] = {}
        self._symbols: list[str] = []
        self._known: list[Feed | None] = []

    def run(
        self, payloads: Sequence[bytes], state: Mapping[str, Feed], plain: Callable[[int], None]
    ) -> Iterator[tuple[list[Told], dict[str, Feed]]]:
        """Yield marks, in order, and feeds by key that have changed with them, some frames at a time.

        plain: takes the payload at an index by the plain way; called when all before it was yielded. state: the fold's,
        into which the caller puts what is yielded, at once.
        """
        slots = np.array([self._slot(payload, state) for payload in payloads], np.int64)
        data, bounds = joined(payloads)
        cursor = self._sink.cursor
        cursor[FRAME], status = 0, NO_ROOM
        while status != DONE:
            status = int(take(self._sink, self._feeds, data, bounds, slots, self._wanted, self._interval_ns))
            yield self._marks(), self._changed()
            if status == PLAIN:
                plain(int(cursor[FRAME]))
                self._renew(state)
                cursor[FRAME] += 1

    def _slot(self, payload: bytes, state: Mapping[str, Feed]) -> int:
        """Return the row of the symbol of a frame, -1 for anything else."""
        if not payload.startswith(HEADER) or len(payload) <= HEADER_BYTES or payload[HEADER_BYTES] & 0x81:
            return -1
        name = payload[HEADER_BYTES + 1 : HEADER_BYTES + 1 + (payload[HEADER_BYTES] >> 1)]
        slot = self._slots.get(name, -1)
        return slot if slot >= 0 else self._new_slot(name, state)

    def _new_slot(self, name: bytes, state: Mapping[str, Feed]) -> int:
        try:
            symbol = name.decode()
        except UnicodeDecodeError:
            return -1
        slot = len(self._symbols)
        if slot == len(self._feeds.ints):
            more = _feeds(2 * slot)
            more.ints[:slot], more.floats[:slot] = self._feeds
            self._feeds = more
        self._slots[name] = slot
        self._symbols.append(symbol)
        self._known.append(None)
        self._load(slot, state.get(f"feed/{symbol}"))
        return slot

    def _load(self, slot: int, feed: Feed | None) -> None:
        self._known[slot] = feed
        self._feeds.ints[slot], self._feeds.floats[slot] = 0, np.nan
        if feed is None:
            return
        if max(abs(feed.through_ns), abs(feed.mark_ns), feed.volume) >= TIME_MAX:
            self._feeds.ints[slot, VOLUME] = TIME_MAX  # left to plain Python
            return
        self._feeds.ints[slot] = feed.through_ns, feed.mark_ns, feed.volume, 1, 0
        self._feeds.floats[slot] = feed.high, feed.low

    def _renew(self, state: Mapping[str, Feed]) -> None:
        """Take over what the plain way, or a checkpoint, has changed."""
        for slot, symbol in enumerate(self._symbols):
            feed = state.get(f"feed/{symbol}")
            if feed is not self._known[slot]:
                self._load(slot, feed)

    def _marks(self) -> list[Told]:
        count = int(self._sink.cursor[MADE])
        self._sink.cursor[MADE] = 0
        return [
            Told(at, Mark(self._symbols[slot], event_ns, bid, ask, last, high, low, volume))
            for (at, slot, event_ns, volume), (bid, ask, last, high, low) in zip(
                self._sink.ints[:count].tolist(), self._sink.floats[:count].tolist(), strict=True
            )
        ]

    def _changed(self) -> dict[str, Feed]:
        ints = self._feeds.ints
        found = {}
        for slot in np.flatnonzero(ints[: len(self._symbols), CHANGED]).tolist():
            through_ns, mark_ns, volume = ints[slot, :KNOWN].tolist()
            high, low = self._feeds.floats[slot].tolist()
            feed = self._known[slot] = Feed(through_ns, mark_ns, high, low, volume)
            found[f"feed/{self._symbols[slot]}"] = feed
        ints[:, CHANGED] = 0
        return found


def _feeds(slots: int) -> Feeds:
    return Feeds(np.zeros((slots, INTS), np.int64), np.full((slots, 2), np.nan))


def _wanted(sessions: Collection[int]) -> U8:
    found = np.zeros(256, np.uint8)
    found[list(sessions)] = 1
    return found
