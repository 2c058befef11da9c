"""Close bars: carry, indicators, the next coarser bar, and FeatureFrames.

A bar [start, end) closes when the clock passes its end; a tick at `end` belongs to the next bar. A coarser bar is made
of the finer ones as they close, so a tick touches one bar only. At one instant finer bars come first.

- A bar of less than a minute without any tick is not emitted. Its rows go out in frames of `second_rows`, and at each
  full minute.
- A bar of a minute or longer without a tick is emitted (with the close before) where it overlaps a regular session that
  is known, from the symbol's first tick on: so never more than the session's length of them, however long the silence.
"""

import numpy as np

from schemas.binary import Int, put_long
from streams.bars.assemble import update_all
from streams.bars.layout import (
    ASK,
    AT,
    BID,
    CLOSE,
    DAY_NS,
    DONE,
    DROPPED,
    F64,
    FLOATS,
    FRAME_DUE,
    HIGH,
    I64,
    INTERVAL,
    INTS,
    LAST,
    LATE_BEFORE_BAR,
    LOW,
    MARKS,
    MINUTE_NS,
    N_CLOSED,
    NAMES_FROM,
    NAMES_TO,
    NEVER,
    NEXT,
    NOTIONAL,
    OPEN,
    POSITION,
    ROW_FLOATS,
    ROW_FLOATS_AT,
    ROW_INTS,
    ROW_INTS_AT,
    ROWS,
    ROWS_MAX,
    SESSIONS,
    SESSIONS_KEPT,
    SLOT,
    START,
    STATE_AT,
    TICKS,
    TRADES,
    U8,
    VALUES,
    VALUES_AT,
    VOLUME,
    Fixed,
    Sink,
)
from streams.numerics.jit import kernel
from streams.numerics.memory import store_double

SESSION_REACH_NS = 12 * 3_600 * 1_000_000_000
"""A bar further than this from every known session is of no known session."""


@kernel
def has_room(fixed: Fixed, sink: Sink) -> bool:
    """Return whether everything that one instant can emit still fits into the sink."""
    fits = sink.cursor[POSITION] + fixed.room_bytes <= len(sink.out)
    return bool(fits and sink.cursor[MARKS] + 2 * len(fixed.levels) <= len(sink.marks))


@kernel
def session_of(ints: I64, start: Int, end: Int) -> tuple[Int, Int]:
    """Return the session byte of a bar, and its session for indicators (see streams/indicators/__init__.py)."""
    before = NEVER
    after = NEVER
    known = False
    for i in range(SESSIONS, SESSIONS + 2 * SESSIONS_KEPT, 2):
        if ints[i + 1] == 0:
            continue
        known = True
        if ints[i] < end and start < ints[i + 1]:
            return 2, ints[i]
        if end <= ints[i]:
            before = min(before, ints[i] - end)
        else:
            after = min(after, start - ints[i + 1])
    if known and min(before, after) <= SESSION_REACH_NS:
        return (1 if before < after else 3), np.int64(-1)
    return 0, start - start % DAY_NS


@kernel
def open_bar(ints: I64, floats: F64, at: Int, place: Int, start: Int) -> None:
    """Begin a bar at start. at, place: the level's INTS and FLOATS."""
    ints[at + START] = start
    ints[at + TICKS] = 0
    ints[at + VOLUME] = 0
    ints[at + TRADES] = 0
    ints[at + DROPPED] = 0
    if start > ints[at + DONE]:
        ints[at + DONE] = start
    floats[place + OPEN] = np.nan
    floats[place + HIGH] = -np.inf
    floats[place + LOW] = np.inf
    floats[place + CLOSE] = np.nan
    floats[place + NOTIONAL] = 0.0


@kernel
def _merge(fixed: Fixed, ints: I64, floats: F64, level: Int) -> None:
    """Add the bar of a level to the bar of the next coarser one."""
    at, place = fixed.levels[level, INTS], fixed.levels[level, FLOATS]
    to, target = fixed.levels[level + 1, INTS], fixed.levels[level + 1, FLOATS]
    if ints[to + TICKS] == 0:
        start = ints[at + START]
        open_bar(ints, floats, to, target, start - start % fixed.levels[level + 1, INTERVAL])
    ints[to + TICKS] += ints[at + TICKS]
    ints[to + VOLUME] += ints[at + VOLUME]
    ints[to + TRADES] += ints[at + TRADES]
    ints[to + DROPPED] += ints[at + DROPPED]
    floats[target + NOTIONAL] += floats[place + NOTIONAL]
    if floats[place + OPEN] == floats[place + OPEN]:
        if floats[target + OPEN] != floats[target + OPEN]:
            floats[target + OPEN] = floats[place + OPEN]
        floats[target + HIGH] = max(floats[target + HIGH], floats[place + HIGH])
        floats[target + LOW] = min(floats[target + LOW], floats[place + LOW])
        floats[target + CLOSE] = floats[place + CLOSE]


@kernel
def close_bar(fixed: Fixed, sink: Sink, names: U8, ints: I64, floats: F64, level: Int, end: Int) -> None:
    """Make a row of the level's bar (an empty one where none is open), and a frame if it is full."""
    columns = fixed.levels[level]
    at, place = columns[INTS], columns[FLOATS]
    row = ints[at + ROWS]
    start = end - columns[INTERVAL]
    session, session_ns = session_of(ints, start, end)
    if ints[at + TICKS] == 0:
        open_bar(ints, floats, at, place, start)
    volume = ints[at + VOLUME]
    of_int = columns[ROW_INTS_AT] + row * ROW_INTS
    ints[of_int] = end
    ints[of_int + 1] = volume
    ints[of_int + 2] = ints[at + TRADES]
    ints[of_int + 3] = ints[at + DROPPED]
    ints[of_int + 4] = session
    of = columns[ROW_FLOATS_AT] + row * ROW_FLOATS
    if floats[place + OPEN] == floats[place + OPEN]:
        floats[place + LAST] = floats[place + CLOSE]
        for i in range(4):
            floats[of + i] = floats[place + i]
    else:
        for i in range(4):
            floats[of + i] = floats[place + LAST]
    floats[of + 4] = floats[place + NOTIONAL] / volume if volume > 0 else np.nan
    floats[of + 5] = floats[BID]
    floats[of + 6] = floats[ASK]
    if columns[VALUES] > 0:
        first = columns[VALUES_AT] + row * columns[VALUES]
        update_all(
            fixed.update,
            floats[columns[STATE_AT] : columns[STATE_AT] + fixed.state_size],
            fixed.plan,
            fixed.settings,
            floats[first : first + columns[VALUES]],
            floats[of],
            floats[of + 1],
            floats[of + 2],
            floats[of + 3],
            np.float64(volume),
            session_ns,
            columns[INTERVAL],
        )
    ints[at + DONE] = end
    ints[at + ROWS] = row + 1
    sink.counters[N_CLOSED] += 1
    if row == 0:
        ints[at + FRAME_DUE] = start - start % MINUTE_NS + MINUTE_NS
    if row + 1 == columns[ROWS_MAX]:
        emit(fixed, sink, names, ints, floats, level)


@kernel
def _put_doubles(out: U8, pos: Int, floats: F64, first: Int, step: Int, rows: Int) -> Int:
    """Write every step-th of floats as an Avro array<double>; nothing but the end mark where rows is 0."""
    if rows > 0:
        pos = put_long(out, pos, rows)
        for row in range(rows):
            value = floats[first + row * step]
            store_double(out, pos, np.nan if value != value else value if value != 0.0 else 0.0)
            pos += 8
    out[pos] = 0
    return pos + 1


@kernel
def _put_part(out: U8, pos: Int, data: U8, first: Int, stop: Int) -> Int:
    """Copy data[first:stop]."""
    for i in range(first, stop):
        out[pos] = data[i]
        pos += 1
    return pos


@kernel
def _put_longs(out: U8, pos: Int, ints: I64, first: Int, rows: Int) -> Int:
    """Write one column of the waiting rows as an Avro array<long>."""
    pos = put_long(out, pos, rows)
    for row in range(rows):
        pos = put_long(out, pos, ints[first + row * ROW_INTS])
    out[pos] = 0
    return pos + 1


@kernel
def emit(fixed: Fixed, sink: Sink, names: U8, ints: I64, floats: F64, level: Int) -> None:
    """Write the waiting rows of a level as one FeatureFrame. names: uint8, length and bytes of the symbol."""
    columns = fixed.levels[level]
    out = sink.out
    rows = ints[columns[INTS] + ROWS]
    first, place = columns[ROW_INTS_AT], columns[ROW_FLOATS_AT]
    begin = sink.cursor[POSITION]
    pos = _put_part(out, begin, fixed.header, 0, len(fixed.header))
    length = np.int64(names[0])
    pos = put_long(out, pos, length)
    pos = _put_part(out, pos, names, 1, 1 + length)
    pos = put_long(out, pos, columns[INTERVAL])
    pos = put_long(out, pos, ints[first])
    pos = put_long(out, pos, rows)
    last = ints[first]
    for row in range(rows):
        end = ints[first + row * ROW_INTS]
        pos = put_long(out, pos, end - last)
        last = end
    out[pos] = 0
    pos += 1
    for i in range(4):
        pos = _put_doubles(out, pos, floats, place + i, ROW_FLOATS, rows)
    pos = _put_longs(out, pos, ints, first + 1, rows)
    pos = _put_longs(out, pos, ints, first + 2, rows)
    for i in range(4, 7):
        pos = _put_doubles(out, pos, floats, place + i, ROW_FLOATS, rows)
    pos = _put_longs(out, pos, ints, first + 3, rows)
    pos = put_long(out, pos, rows)
    for row in range(rows):
        out[pos + row] = ints[first + row * ROW_INTS + 4]
    pos += rows
    pos = _put_part(out, pos, fixed.blob, columns[NAMES_FROM], columns[NAMES_TO])
    pos = _put_doubles(out, pos, floats, columns[VALUES_AT], 1, rows * columns[VALUES])
    ints[columns[INTS] + ROWS] = 0
    ints[columns[INTS] + FRAME_DUE] = NEVER
    mark = sink.cursor[MARKS]
    sink.marks[mark, 0] = sink.cursor[AT]
    sink.marks[mark, 1] = begin
    sink.marks[mark, 2] = pos
    sink.marks[mark, 3] = sink.cursor[SLOT]
    sink.cursor[MARKS] += 1
    sink.cursor[POSITION] = pos


@kernel
def _empty_due(ints: I64, at: Int, interval: Int) -> Int:
    """Return the end of the next bar without a tick that a session calls for, or NEVER."""
    done = ints[at + DONE]
    due: Int = NEVER
    if done > 0 and interval >= MINUTE_NS:
        for i in range(SESSIONS, SESSIONS + 2 * SESSIONS_KEPT, 2):
            if ints[i + 1] > done:
                # A division costs more than all the rest, and mid-session none is needed.
                start = done if done >= ints[i] else max(done, ints[i] - ints[i] % interval)
                due = min(due, start + interval)
    return due


@kernel
def schedule(fixed: Fixed, ints: I64) -> None:
    """Set NEXT from the bars that are open, the frames that wait and the sessions that are known."""
    due: Int = NEVER
    for level in range(fixed.cascade):
        at, interval = fixed.levels[level, INTS], fixed.levels[level, INTERVAL]
        if ints[at + TICKS] > 0:
            due = min(due, ints[at + START] + interval)
        else:
            due = min(due, _empty_due(ints, at, interval))
        due = min(due, ints[at + FRAME_DUE])
    ints[NEXT] = due


@kernel
def _close_instant(fixed: Fixed, sink: Sink, names: U8, ints: I64, floats: F64, end: Int) -> None:
    """Close what ends at this instant, finer bars first."""
    for level in range(fixed.cascade):
        at, interval = fixed.levels[level, INTS], fixed.levels[level, INTERVAL]
        if ints[at + TICKS] > 0:
            if ints[at + START] + interval == end:
                close_bar(fixed, sink, names, ints, floats, level, end)
                if level + 1 < fixed.cascade:
                    _merge(fixed, ints, floats, level)
                ints[at + TICKS] = 0
        elif _empty_due(ints, at, interval) == end:
            close_bar(fixed, sink, names, ints, floats, level, end)
        if ints[at + FRAME_DUE] == end:
            emit(fixed, sink, names, ints, floats, level)
    schedule(fixed, ints)


@kernel
def advance_to(fixed: Fixed, sink: Sink, names: U8, ints: I64, floats: F64, time: Int) -> bool:
    """Close every bar that ends at or before time; return False where the sink has no room left (call again)."""
    while ints[NEXT] <= time:
        if not has_room(fixed, sink):
            return False
        _close_instant(fixed, sink, names, ints, floats, ints[NEXT])
    return True


@kernel
def begin_bar(fixed: Fixed, ints: I64, floats: F64, level: Int, time: Int) -> None:
    """Open the level's bar that time is in, and take over what was dropped while no bar was open."""
    at, interval = fixed.levels[level, INTS], fixed.levels[level, INTERVAL]
    open_bar(ints, floats, at, fixed.levels[level, FLOATS], time - time % interval)
    ints[at + DROPPED] = ints[LATE_BEFORE_BAR]
    ints[LATE_BEFORE_BAR] = 0
    ints[NEXT] = min(ints[NEXT], ints[at + START] + interval)
