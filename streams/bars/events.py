"""Market events: what each kind does to sessions, sources and indicators.

An event without a symbol concerns the partition (its row is copied for a symbol that comes later) and every symbol.

- SESSION_OPEN: a regular session [start_ns, end_ns), of at most a day; the newest SESSIONS_KEPT are known. It does not
  move the clock: its own time may be that of the open, and is not a promise.
- HEARTBEAT, SESSION_CLOSE: this source has sent everything before event_ns. So the session's last bars close there.
- SOURCE_OPEN: bars wait for this source from now on, SOURCE_CLOSE: no longer. A source's first ticks, bars or heartbeat
  open it, too; for a symbol's own events, for that symbol alone.
- SPLIT: indicators begin anew, at event_ns, in order with the ticks; bars stay as they are.
- HALT, RESUME, GAP, DIVIDEND, EARNINGS: change no bar and no indicator; they are counted among `events`.

Those that accounts have to hear of (TOLD) go on to `features`, each after the bars that it closed.
"""

import math

import numpy as np
from numpy.typing import NDArray

from schemas.records import MarketEvent, MarketEventKind
from streams.bars.book import PARTITION, Symbols
from streams.bars.decode import TIME_MAX
from streams.bars.hold import hold_split
from streams.bars.layout import DAY_NS, HELD, NAME_BYTES_MAX, NEWEST, OPEN_SOURCES, SESSIONS, SESSIONS_KEPT

I64 = NDArray[np.int64]

TIME_MIN = (1987 - 1970) * 366 * DAY_NS
"""Of news. Before 1987 New York's clock is not known to those who reckon with it (options/contracts/clock.py)."""
_NEWS = frozenset((MarketEventKind.DIVIDEND, MarketEventKind.SPLIT, MarketEventKind.EARNINGS))
_PROMISES = frozenset((MarketEventKind.HEARTBEAT, MarketEventKind.SESSION_CLOSE, MarketEventKind.SOURCE_CLOSE))
_OPENS = frozenset((MarketEventKind.HEARTBEAT, MarketEventKind.SOURCE_OPEN))
TOLD = frozenset(
    {
        MarketEventKind.SESSION_OPEN,
        MarketEventKind.SESSION_CLOSE,
        MarketEventKind.HALT,
        MarketEventKind.RESUME,
        MarketEventKind.DIVIDEND,
        MarketEventKind.SPLIT,
        MarketEventKind.EARNINGS,
    }
)
"""Kinds that go on to `features`."""
_MATTERS = _PROMISES | _OPENS | {MarketEventKind.SESSION_OPEN, MarketEventKind.SPLIT}


def take_event(symbols: Symbols, event: MarketEvent) -> str:
    """Change state by an event; return why it is of no use, or an empty text. The caller lets the symbols go on."""
    refused = _unfit(event)
    if refused or event.kind not in _MATTERS:
        return refused
    source, slot = symbols.source_of(event.source), symbols.slot_of(event.symbol)
    if source < 0 or slot < 0:
        return "there are too many symbols or sources"
    slots = range(len(symbols.keys)) if slot == PARTITION else (slot,)
    if event.kind == MarketEventKind.SPLIT:
        symbols.hold()
        if not _hold_split(symbols, slot, source, event.event_ns):
            return "the hold of this symbol is full"
    for each in slots:
        _apply(symbols.state.ints[each], source, event)
        symbols.state.changed[each] = 1
    return ""


def _unfit(event: MarketEvent) -> str:
    """Return what is wrong with an event, or an empty text."""
    if len(event.symbol.encode()) > NAME_BYTES_MAX or not 0 < len(event.source.encode()) <= NAME_BYTES_MAX:
        return f"symbol and source must have at most {NAME_BYTES_MAX} bytes, were {event.symbol!r}, {event.source!r}"
    if not 0 <= event.event_ns < TIME_MAX:
        return f"event_ns must lie in [0, 2**62), was {event.event_ns}"
    if event.kind == MarketEventKind.SESSION_OPEN:
        length = event.end_ns - event.start_ns
        if not (0 < event.start_ns < TIME_MAX and 0 < length <= DAY_NS):
            return f"a session must last a day at most, was {event.start_ns} to {event.end_ns}"
    return _unfit_news(event) if event.kind in _NEWS else ""


def _unfit_news(event: MarketEvent) -> str:
    """Return what is wrong with a dividend, a split or a date of earnings, or an empty text."""
    at_ns = event.start_ns or event.event_ns
    if not TIME_MIN <= at_ns < TIME_MAX:
        return f"start_ns, or else event_ns, must lie in [{TIME_MIN}, 2**62), was {at_ns}"
    if event.kind == MarketEventKind.EARNINGS:
        return ""
    if not event.symbol:
        return f"a {event.kind.value.lower()} must name its symbol"
    if event.kind == MarketEventKind.DIVIDEND and not 0.0 <= event.value < math.inf:
        return f"a dividend must be >= 0 and finite, was {event.value}"
    if event.kind == MarketEventKind.SPLIT and not 0.0 < event.value < math.inf:
        return f"a split must be > 0 and finite, was {event.value}"
    return ""


def _apply(ints: I64, source: int, event: MarketEvent) -> None:
    bit = np.int64(1) << np.int64(source)
    if event.kind in _OPENS:
        ints[OPEN_SOURCES] |= bit
        ints[NEWEST + source] = max(int(ints[NEWEST + source]), event.event_ns)
    if event.kind in _PROMISES:
        ints[NEWEST + source] = max(int(ints[NEWEST + source]), event.event_ns)
    if event.kind == MarketEventKind.SOURCE_CLOSE:
        ints[OPEN_SOURCES] &= ~bit
    if event.kind == MarketEventKind.SESSION_OPEN:
        _add_session(ints, event.start_ns, event.end_ns)


def _add_session(ints: I64, start: int, end: int) -> None:
    """Note a session, once, in order of its open; the oldest goes where there are too many."""
    pairs = ints[SESSIONS : SESSIONS + 2 * SESSIONS_KEPT].reshape(-1, 2)
    known = {(int(a), int(b)) for a, b in pairs if b} | {(start, end)}
    kept = sorted(known)[-SESSIONS_KEPT:]
    pairs[:] = 0
    pairs[: len(kept)] = kept


def _hold_split(symbols: Symbols, slot: int, source: int, event_ns: int) -> bool:
    """Put a split in order with the ticks; False where the hold is full."""
    state = symbols.state
    if state.ints[slot, HELD] == state.held.shape[1]:
        return False
    hold_split(state.ints[slot], state.held[slot], state.held_prices[slot], state.ranks, event_ns, source)
    return True
