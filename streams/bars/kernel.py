"""The kernel of the analytics stage: one call takes a run of payloads, ticks and bars, through to FeatureFrames.

A record is decoded and checked whole before any state changes. The kernel stops where it needs Python (a record of
another kind, a new symbol or source, the first hold) or has no room in the sink, and goes on at that very place when it
is called again.
"""

from enum import IntEnum
from typing import NamedTuple

import numpy as np

from schemas.binary import Int
from schemas.frames import frame_names, schema_id_of
from schemas.ids import SCHEMA_IDS
from streams.bars.beat import EVENT_ID, heartbeat_of
from streams.bars.clean import apply_ticks, take_bar, take_own_bar
from streams.bars.decode import TIME_MAX, bars_usual, decode_usual
from streams.bars.hold import hold_row, hold_tick
from streams.bars.layout import (
    AT,
    CODE_BAR,
    DECODED,
    F64,
    HELD,
    HELD_CODE,
    HELD_END,
    HELD_LEVEL,
    HELD_SIZE,
    I64,
    INTERVAL,
    MARKS,
    N_EVENTS,
    N_FRAMES,
    N_PASSED_OVER,
    N_REJECTS,
    NAME_BYTES_MAX,
    NEWEST,
    OPEN_SOURCES,
    RECORD,
    RESUME,
    SLOT,
    U8,
    Columns,
    Fixed,
    Sink,
)
from streams.bars.names import equal, hash_of
from streams.bars.release import force_one, settle
from streams.numerics.jit import entry, kernel

TICK_ID = SCHEMA_IDS["TickFrame"]
BAR_ID = SCHEMA_IDS["BarFrame"]
OPTION_ID = SCHEMA_IDS["OptionFrame"]


class Status(IntEnum):
    """Why the kernel returned."""

    DONE = 0
    NO_ROOM = 1
    OTHER_RECORD = 2
    NEW_SYMBOL = 3
    NEW_SOURCE = 4
    NO_HOLD = 5
    UNUSUAL = 6


class Unfit(IntEnum):
    """Why a well-formed frame is of no use."""

    NAME = 1
    TIME = 2
    KIND = 3
    INTERVAL = 4
    GRID = 5


DONE = int(Status.DONE)
NO_ROOM = int(Status.NO_ROOM)
OTHER_RECORD = int(Status.OTHER_RECORD)
NEW_SYMBOL = int(Status.NEW_SYMBOL)
NEW_SOURCE = int(Status.NEW_SOURCE)
NO_HOLD = int(Status.NO_HOLD)
UNUSUAL = int(Status.UNUSUAL)
UNFIT_NAME = int(Unfit.NAME)
UNFIT_TIME = int(Unfit.TIME)
UNFIT_KIND = int(Unfit.KIND)
UNFIT_INTERVAL = int(Unfit.INTERVAL)
UNFIT_GRID = int(Unfit.GRID)


class Scratch(NamedTuple):
    """Columns that a frame is decoded into. run: for rows on their way out of the hold; span: of names."""

    ticks: Columns
    kind: U8
    flags: U8
    condition: I64
    bars: F64
    bar: F64
    interval: I64
    run: Columns
    span: I64


class State(NamedTuple):
    """Rows by slot (row 0: the whole partition), and the names. symbols, sources: uint8, length and bytes a row."""

    ints: I64
    floats: F64
    held: I64
    held_prices: F64
    changed: U8
    symbols: U8
    sources: U8
    ranks: I64
    table: I64


@kernel
def find_symbol(state: State, data: U8, start: Int, stop: Int) -> Int:
    """Return the slot of a symbol, or -1. table: open addressing, slots + 1, 0 where free; its size is a power of 2."""
    mask = len(state.table) - 1
    place = hash_of(data, start, stop) & mask
    while state.table[place] != 0:
        slot = state.table[place] - 1
        if equal(data, start, stop, state.symbols[slot]):
            return np.int64(slot)
        place = (place + 1) & mask
    return np.int64(-1)


@kernel
def find_source(state: State, data: U8, start: Int, stop: Int) -> Int:
    """Return the number of a source, or -1."""
    for source in range(len(state.sources)):
        if state.sources[source, 0] == 0:
            break
        if equal(data, start, stop, state.sources[source]):
            return source
    return -1


@kernel
def _reject(sink: Sink, code: Int) -> None:
    mark = sink.marks[sink.cursor[MARKS]]
    mark[0] = sink.cursor[AT]
    mark[1] = code
    mark[2] = 0
    mark[3] = -1
    sink.cursor[MARKS] += 1
    sink.counters[N_REJECTS] += 1


@kernel
def _apply_tick_frame(
    fixed: Fixed, sink: Sink, state: State, scratch: Scratch, slot: Int, source: Int, rows: Int
) -> Int:
    """Apply a decoded frame from row cursor[RESUME]; return a Status."""
    ints, floats, names = state.ints[slot], state.floats[slot], state.symbols[slot]
    held, prices = state.held[slot], state.held_prices[slot]
    bit = np.int64(1) << source
    ints[OPEN_SOURCES] |= bit
    first = sink.cursor[RESUME]
    if ints[OPEN_SOURCES] == bit and ints[HELD] == 0:
        stopped = apply_ticks(fixed, sink, names, ints, floats, scratch.ticks, first, rows)
        sink.cursor[RESUME] = stopped
        if stopped > first:
            ints[NEWEST + source] = max(ints[NEWEST + source], scratch.ticks.time[stopped - 1])
        if stopped < rows:
            return NO_ROOM
        return DONE
    if len(held) == 0:
        return NO_HOLD
    for i in range(first, rows):
        if ints[HELD] == len(held) and not force_one(
            fixed, sink, names, ints, floats, held, prices, scratch.run, state.ranks
        ):
            sink.cursor[RESUME] = i
            return NO_ROOM
        hold_tick(ints, held, prices, state.ranks, source, scratch.ticks, i)
    sink.cursor[RESUME] = rows
    if not settle(fixed, sink, names, ints, floats, held, prices, scratch.run, state.ranks):
        return NO_ROOM
    return DONE


@kernel
def _level_of(fixed: Fixed, interval: Int) -> Int:
    """Return the level that source bars of an interval feed, or -1."""
    for level in range(len(fixed.levels)):
        own = fixed.levels[level, INTERVAL]
        if own == interval or (level < fixed.cascade and own > interval and own % interval == 0):
            return level
    return -1


@kernel
def _unfit_bars(fixed: Fixed, scratch: Scratch, rows: Int) -> Int:
    """Return 0, or the member of Unfit that says why decoded bars are of no use."""
    interval, time = scratch.interval[0], scratch.ticks.time
    level = _level_of(fixed, interval) if interval > 0 else -1
    if level < 0:
        return UNFIT_INTERVAL
    if time[0] < 0 or time[rows - 1] >= TIME_MAX - interval:
        return UNFIT_TIME
    for i in range(rows):
        if level < fixed.cascade and time[i] % interval != 0:
            return UNFIT_GRID
    return 0


@kernel
def _hold_bar(state: State, scratch: Scratch, slot: Int, source: Int, level: Int, i: Int) -> None:
    """Put a source bar into the hold at its start."""
    ints, held, prices = state.ints[slot], state.held[slot], state.held_prices[slot]
    start = np.int64(scratch.ticks.time[i])
    place = hold_row(ints, held, prices, state.ranks, start, source)
    held[place, HELD_CODE] = CODE_BAR
    held[place, HELD_SIZE] = scratch.ticks.size[i]
    held[place, HELD_LEVEL] = level
    held[place, HELD_END] = start + scratch.interval[0]
    for k in range(6):
        prices[place, k] = scratch.bars[k, i]


@kernel
def _apply_bar_frame(
    fixed: Fixed, sink: Sink, state: State, scratch: Scratch, slot: Int, source: Int, rows: Int
) -> Int:
    """Apply a decoded frame of bars from row cursor[RESUME]; return a Status."""
    ints, floats, names = state.ints[slot], state.floats[slot], state.symbols[slot]
    held, held_prices = state.held[slot], state.held_prices[slot]
    interval = scratch.interval[0]
    level = _level_of(fixed, interval)
    bit = np.int64(1) << source
    if level < fixed.cascade:
        ints[OPEN_SOURCES] |= bit
    direct = ints[OPEN_SOURCES] == bit and ints[HELD] == 0
    if level < fixed.cascade and not direct and len(held) == 0:
        return NO_HOLD
    prices = scratch.bar
    for i in range(sink.cursor[RESUME], rows):
        start, volume = scratch.ticks.time[i], scratch.ticks.size[i]
        for k in range(6):
            prices[k] = scratch.bars[k, i]
        done = True
        if level >= fixed.cascade:
            done = take_own_bar(fixed, sink, names, ints, floats, level, start, prices, volume)
        elif direct:
            done = take_bar(fixed, sink, names, ints, floats, level, start, start + interval, prices, volume)
        elif ints[HELD] == len(held):
            done = force_one(fixed, sink, names, ints, floats, held, held_prices, scratch.run, state.ranks)
        if not done:
            sink.cursor[RESUME] = i
            return NO_ROOM
        if level < fixed.cascade:
            if not direct and start >= ints[NEWEST + source]:
                _hold_bar(state, scratch, slot, source, level, i)
            ints[NEWEST + source] = max(ints[NEWEST + source], start + interval)
    sink.cursor[RESUME] = rows
    if level < fixed.cascade and not settle(
        fixed, sink, names, ints, floats, held, held_prices, scratch.run, state.ranks
    ):
        return NO_ROOM
    return DONE


@kernel
def _decode(fixed: Fixed, sink: Sink, scratch: Scratch, data: U8, pos: Int, end: Int, ticks: bool) -> Int:
    """Return the rows of a frame, decoded into scratch here or by Python before; -1: Python must; < -100: of Unfit."""
    rows = sink.cursor[DECODED]
    if rows == 0:
        if ticks:
            rows = decode_usual(data, pos, end, scratch.ticks)
        else:
            rows = bars_usual(data, pos, end, scratch.interval, scratch.ticks, scratch.bars)
    if rows > 0 and not ticks:
        unfit = _unfit_bars(fixed, scratch, rows)
        if unfit > 0:
            return -100 - unfit
    return np.int64(rows)


@entry
def settle_slots(fixed: Fixed, sink: Sink, state: State, scratch: Scratch, last: Int) -> Int:
    """Let slots cursor[RESUME] to last go on as far as their watermark allows; return a Status. AT is set already."""
    for slot in range(sink.cursor[RESUME], last + 1):
        sink.cursor[RESUME] = slot
        sink.cursor[SLOT] = slot
        if not settle(
            fixed,
            sink,
            state.symbols[slot],
            state.ints[slot],
            state.floats[slot],
            state.held[slot],
            state.held_prices[slot],
            scratch.run,
            state.ranks,
        ):
            return NO_ROOM
    return DONE


@kernel
def _take_heartbeat(fixed: Fixed, sink: Sink, state: State, scratch: Scratch, data: U8, start: Int, end: Int) -> Int:
    """Take a heartbeat of the whole partition, as events.py would; return a Status: OTHER_RECORD where it is none."""
    time = heartbeat_of(data, start, end, scratch.span)
    if time < 0:
        return OTHER_RECORD
    source = find_source(state, data, scratch.span[2], scratch.span[3])
    if source < 0:
        return OTHER_RECORD
    cursor = sink.cursor
    last: Int = np.int64(0)
    for slot in range(len(state.ints)):
        if slot > 0 and state.symbols[slot, 0] == 0:
            break
        ints = state.ints[slot]
        ints[OPEN_SOURCES] |= np.int64(1) << source
        ints[NEWEST + source] = max(ints[NEWEST + source], time)
        state.changed[slot] = 1
        last = slot
    cursor[RESUME] = max(cursor[RESUME], 1)
    status = settle_slots(fixed, sink, state, scratch, last)
    if status == DONE:
        sink.counters[N_EVENTS] += 1
        cursor[RESUME] = 0
    return status


@entry
def run(fixed: Fixed, sink: Sink, state: State, scratch: Scratch, data: U8, bounds: I64) -> Int:
    """Take records cursor[RECORD] and on; return a Status. bounds: int64 (n + 1,), where each begins in data."""
    cursor, span = sink.cursor, scratch.span
    for record in range(cursor[RECORD], len(bounds) - 1):
        cursor[RECORD] = record
        cursor[AT] = record
        if cursor[MARKS] + 1 >= len(sink.marks):
            return NO_ROOM
        start, end = bounds[record], bounds[record + 1]
        schema = schema_id_of(data, start, end)
        if schema < 0:
            _reject(sink, schema)
            continue
        ticks = schema == TICK_ID
        if not ticks and schema != BAR_ID:
            if schema == OPTION_ID:
                sink.counters[N_PASSED_OVER] += 1
                continue
            if schema != EVENT_ID:
                return OTHER_RECORD
            status = _take_heartbeat(fixed, sink, state, scratch, data, start, end)
            if status != DONE:
                return status
            continue
        pos = frame_names(data, start, end, schema, span)
        if pos < 0:
            _reject(sink, pos)
            continue
        if not (0 < span[1] - span[0] <= NAME_BYTES_MAX and 0 < span[3] - span[2] <= NAME_BYTES_MAX):
            _reject(sink, -100 - UNFIT_NAME)
            continue
        rows = _decode(fixed, sink, scratch, data, pos, end, ticks)
        if rows == -1:
            return UNUSUAL
        if rows < 0:
            _reject(sink, rows)
            cursor[DECODED] = 0
            continue
        slot = find_symbol(state, data, span[0], span[1])
        if slot < 0:
            return NEW_SYMBOL
        source = find_source(state, data, span[2], span[3])
        if source < 0:
            return NEW_SOURCE
        state.changed[slot] = 1
        cursor[SLOT] = slot
        if ticks:
            status = _apply_tick_frame(fixed, sink, state, scratch, slot, source, rows)
        else:
            status = _apply_bar_frame(fixed, sink, state, scratch, slot, source, rows)
        if status != DONE:
            return status
        sink.counters[N_FRAMES] += 1
        cursor[RESUME] = 0
        cursor[DECODED] = 0
    return DONE
