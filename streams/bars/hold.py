"""The hold: where several sources are open, ticks wait until every one of them has gone past.

They are released in (event time, source name, arrival) order up to the watermark, the least of the open sources' newest
times, so that features do not depend on how the sources interleave in the log. Strictly before the watermark: another
tick of that very time may still come. Where one source is left open, its own ticks at the watermark go, too, and those
of closed sources whose names come before. A full hold lets its oldest row go early, which is counted (`hold_forced`).
With one open source and nothing held, ticks do not pass through here at all.
"""

import numpy as np

from schemas.binary import Int
from streams.bars.clean import apply_ticks, take_bar
from streams.bars.layout import (
    CLOCK,
    CODE_BAR,
    CODE_LATE,
    CODE_SPLIT,
    F64,
    HELD,
    HELD_CODE,
    HELD_END,
    HELD_LEVEL,
    HELD_SIZE,
    HELD_SOURCE,
    HELD_TIME,
    HOLD_FLOATS,
    HOLD_INTS,
    I64,
    N_FORCED,
    NEWEST,
    OPEN_SOURCES,
    SOURCES_MAX,
    STATE_AT,
    U8,
    VALUES,
    Columns,
    Fixed,
    Sink,
)
from streams.bars.slow import advance_to
from streams.numerics.jit import entry, kernel


@kernel
def watermark(ints: I64) -> Int:
    """Return the time before which nothing more comes: that of the slowest open source, or of the newest if none is."""
    least = np.int64(-1)
    newest = np.int64(0)
    for source in range(SOURCES_MAX):
        time = ints[NEWEST + source]
        newest = max(newest, time)
        if (ints[OPEN_SOURCES] >> source) & 1 and (least < 0 or time < least):
            least = time
    return newest if least < 0 else least


@kernel
def hold_row(ints: I64, held: I64, prices: F64, ranks: I64, time: Int, source: Int) -> Int:
    """Make room for a row in order; return its place. The hold must not be full."""
    place = ints[HELD]
    rank = ranks[source]
    while place > 0:
        before = held[place - 1]
        if before[HELD_TIME] < time or (before[HELD_TIME] == time and ranks[before[HELD_SOURCE]] <= rank):
            break
        for k in range(HOLD_INTS):
            held[place, k] = before[k]
        for k in range(HOLD_FLOATS):
            prices[place, k] = prices[place - 1, k]
        place -= 1
    held[place, HELD_TIME] = time
    held[place, HELD_SOURCE] = source
    ints[HELD] += 1
    return np.int64(place)


@kernel
def hold_tick(ints: I64, held: I64, prices: F64, ranks: I64, source: Int, ticks: Columns, i: Int) -> None:
    """Put a tick into the hold; a late one at its source's newest time, to be counted there."""
    time = ticks.time[i]
    code = np.int64(ticks.code[i])
    newest = ints[NEWEST + source]
    if time < newest:
        time = newest
        code |= CODE_LATE
    ints[NEWEST + source] = time
    place = hold_row(ints, held, prices, ranks, time, source)
    held[place, HELD_CODE] = code
    held[place, HELD_SIZE] = ticks.size[i]
    prices[place, 0] = ticks.price[i]


@kernel
def _drop_first(ints: I64, held: I64, prices: F64, count: Int) -> None:
    left = ints[HELD] - count
    for i in range(left):
        for k in range(HOLD_INTS):
            held[i, k] = held[i + count, k]
        for k in range(HOLD_FLOATS):
            prices[i, k] = prices[i + count, k]
    ints[HELD] = left


@kernel
def _ready(ints: I64, row: I64, ranks: I64, limit: Int) -> bool:
    """Return whether a held row may go: before the watermark, or at it where nothing can come before it any more."""
    if row[HELD_TIME] != limit:
        return bool(row[HELD_TIME] < limit)
    open_ = ints[OPEN_SOURCES]
    if open_ & (open_ - 1):
        return False
    for source in range(SOURCES_MAX):
        if (open_ >> source) & 1:
            return bool(ranks[row[HELD_SOURCE]] <= ranks[source])
    return True


@kernel
def _restart_indicators(fixed: Fixed, floats: F64) -> None:
    """Make every indicator of the symbol cold."""
    for level in range(len(fixed.levels)):
        if fixed.levels[level, VALUES] > 0:
            first = fixed.levels[level, STATE_AT]
            for i in range(first, first + fixed.state_size):
                floats[i] = 0.0


@kernel
def _apply_first(
    fixed: Fixed, sink: Sink, names: U8, ints: I64, floats: F64, held: I64, prices: F64, run: Columns, count: Int
) -> bool:
    """Apply the first count rows, which are ticks, or the first one, which is not; False: the sink has no room."""
    row = held[0]
    if row[HELD_CODE] >= CODE_BAR:
        if row[HELD_CODE] == CODE_SPLIT:
            done = advance_to(fixed, sink, names, ints, floats, row[HELD_TIME])
            if done:
                _restart_indicators(fixed, floats)
        else:
            done = take_bar(
                fixed,
                sink,
                names,
                ints,
                floats,
                row[HELD_LEVEL],
                row[HELD_TIME],
                row[HELD_END],
                prices[0],
                row[HELD_SIZE],
            )
        if done:
            _drop_first(ints, held, prices, 1)
        return bool(done)
    for i in range(count):
        run.time[i] = held[i, HELD_TIME]
        run.code[i] = held[i, HELD_CODE]
        run.size[i] = held[i, HELD_SIZE]
        run.price[i] = prices[i, 0]
    stopped = apply_ticks(fixed, sink, names, ints, floats, run, np.int64(0), np.int64(count))
    _drop_first(ints, held, prices, stopped)
    return bool(stopped == count)


@kernel
def force_row(
    fixed: Fixed, sink: Sink, names: U8, ints: I64, floats: F64, held: I64, prices: F64, run: Columns
) -> bool:
    """Let the oldest row go although the watermark has not come to it; False: the sink has no room."""
    if not _apply_first(fixed, sink, names, ints, floats, held, prices, run, np.int64(1)):
        return False
    sink.counters[N_FORCED] += 1
    return True


@kernel
def settle_rows(
    fixed: Fixed,
    sink: Sink,
    names: U8,
    ints: I64,
    floats: F64,
    held: I64,
    prices: F64,
    run: Columns,
    ranks: I64,
) -> bool:
    """Release what the watermark has come to, and close the bars that it has passed; False: the sink has no room."""
    limit = watermark(ints)
    while ints[HELD] > 0:
        count = 0
        while count < ints[HELD] and held[count, HELD_CODE] < CODE_BAR and _ready(ints, held[count], ranks, limit):
            count += 1
        if count == 0 and not _ready(ints, held[0], ranks, limit):
            break
        if not _apply_first(fixed, sink, names, ints, floats, held, prices, run, count):
            return False
    if not advance_to(fixed, sink, names, ints, floats, limit):
        return False
    ints[CLOCK] = max(ints[CLOCK], limit)
    return True


@entry
def hold_split(ints: I64, held: I64, prices: F64, ranks: I64, time: Int, source: Int) -> None:
    """Put a split into the hold; behind what was released already it is done at once."""
    place = hold_row(ints, held, prices, ranks, max(time, ints[CLOCK]), source)
    held[place, HELD_CODE] = CODE_SPLIT
