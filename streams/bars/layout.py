"""Where everything of a symbol stands: one int64 row and one float64 row, so that state is saved as its bytes.

A symbol's int row: the clock, sessions, sources; then for each level (an interval) the bar in the making and the closed
rows that wait for their frame. Its float row: the quote; then for each level the bar, the waiting rows, their
indicator values, and the indicators' state.
"""

import hashlib
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.binary import put_long
from schemas.ids import header_of
from streams.bars.assemble import UPDATE, Plan

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
U8 = NDArray[np.uint8]

LAYOUT_VERSION = 1
SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
DAY_NS = 86_400 * SECOND_NS
NEVER = np.iinfo(np.int64).max
NAME_BYTES_MAX = 32
SOURCES_MAX = 32
SESSIONS_KEPT = 4

# int row: the symbol
CLOCK = 0
"""Ticks before this are late."""
NEXT = 1
"""Next instant at which a bar closes or a frame is due; NEVER: none."""
LAST_TICK = 2
OPEN_SOURCES = 3
"""Bit s: bars wait for source s."""
HELD = 4
"""Rows in the hold."""
LATE_BEFORE_BAR = 5
"""Dropped ticks that no open bar has counted yet."""
SESSIONS = 6
"""SESSIONS_KEPT pairs of open and close; 0, 0: none."""
NEWEST = SESSIONS + 2 * SESSIONS_KEPT
"""Of each source: it has sent everything before this."""
LEVELS = NEWEST + SOURCES_MAX

# int row: a level, from its INTS
START = 0
TICKS = 1
"""Ticks of the bar, left-out ones among them; 0: no bar is open."""
VOLUME = 2
TRADES = 3
DROPPED = 4
DONE = 5
"""End of the last bar that was closed or passed over; 0: no bar yet."""
ROWS = 6
"""Closed rows that wait for their frame."""
FRAME_DUE = 7
"""Full minute at which they go out; NEVER: none wait."""
LEVEL_INTS = 8
ROW_INTS = 5
"""A waiting row: end, volume, trades, dropped, session."""

# float row: the symbol
BID_SIDE = 0
ASK_SIDE = 1
BID = 2
ASK = 3
LEVELS_FLOAT = 4

# float row: a level, from its FLOATS
OPEN = 0
HIGH = 1
LOW = 2
CLOSE = 3
NOTIONAL = 4
LAST = 5
"""Last close, carried into bars without a trade."""
LEVEL_FLOATS = 6
ROW_FLOATS = 7
"""A waiting row: open, high, low, close, vwap, bid, ask."""

# columns of Fixed.levels
INTERVAL = 0
INTS = 1
FLOATS = 2
ROW_INTS_AT = 3
ROW_FLOATS_AT = 4
VALUES_AT = 5
VALUES = 6
STATE_AT = 7
ROWS_MAX = 8
NAMES_FROM = 9
NAMES_TO = 10
LEVEL_COLUMNS = 11

# the hold: int and float columns
HELD_TIME = 0
HELD_SOURCE = 1
HELD_CODE = 2
HELD_SIZE = 3
HELD_LEVEL = 4
HELD_END = 5
HOLD_INTS = 6
HOLD_FLOATS = 6
"""price or open, high, low, close, bid, ask."""
CODE_LATE = 32
CODE_BAR = 64
CODE_SPLIT = 65

# cursor of a Sink
POSITION = 0
MARKS = 1
AT = 2
RESUME = 3
RECORD = 4
SLOT = 5
DECODED = 6
"""Rows that Python has decoded already; 0: none."""
CURSORS = 7

COUNTERS = (
    "ticks",
    "trades",
    "quotes",
    "late",
    "suspicious",
    "bad_ticks",
    "crossed",
    "bars_closed",
    "bars_taken",
    "bars_left_out",
    "hold_forced",
    "frames",
    "events",
    "rejects",
    "passed_over",
)
N_TICKS, N_TRADES, N_QUOTES, N_LATE, N_SUSPICIOUS, N_BAD, N_CROSSED, N_CLOSED, N_TAKEN, N_LEFT, N_FORCED, N_FRAMES = (
    range(12)
)
N_EVENTS = 12
N_REJECTS = 13
N_PASSED_OVER = 14
"""OptionFrames: this stage makes nothing of them yet."""


class Fixed(NamedTuple):
    """What no record changes.

    cascade: levels fed by ticks. room_bytes: what one instant can write at most. update: address of the indicators.
    close: how closing bars is called (streams/bars/slow.py).
    """

    levels: I64
    cascade: int
    plan: I64
    settings: F64
    state_size: int
    blob: U8
    header: U8
    room_bytes: int
    update: int
    close: I64


class Sink(NamedTuple):
    """Where a kernel writes: payload bytes, marks (at, from, to, slot or -1 for a reject), cursor, counters."""

    out: U8
    marks: I64
    cursor: I64
    counters: I64


class Columns(NamedTuple):
    """Ticks as columns. code: kind and, times 4, flags."""

    time: I64
    code: U8
    price: F64
    size: I64


class Layout(NamedTuple):
    """Fixed, the sizes of the rows, the row of a new symbol, and a fingerprint that state is checked against."""

    fixed: Fixed
    new_ints: I64
    new_floats: F64
    names: tuple[str, ...]
    fingerprint: bytes


def _text_block(names: tuple[str, ...]) -> bytes:
    """Return the Avro array<string> of names."""
    if not names:
        return b"\0"
    return _long(len(names)) + b"".join(_long(len(name.encode())) + name.encode() for name in names) + b"\0"


def _long(value: int) -> bytes:
    out = np.empty(10, np.uint8)
    return out[: put_long(out, 0, value)].tobytes()


def layout_of(
    intervals_s: tuple[int, ...],
    bar_intervals_s: tuple[int, ...],
    indicator_intervals_s: tuple[int, ...],
    second_rows: int,
    plan: Plan,
) -> Layout:
    """Return the layout for these parameters (checked by the caller)."""
    levels = np.zeros((len(intervals_s) + len(bar_intervals_s), LEVEL_COLUMNS), np.int64)
    ints, floats, room = LEVELS, LEVELS_FLOAT, 0
    fresh: list[tuple[int, int, int]] = []
    blob = b""
    for level, seconds in enumerate((*intervals_s, *bar_intervals_s)):
        rows = second_rows if seconds < 60 else 1
        names = plan.names if seconds in indicator_intervals_s else ()
        row_ints = ints + LEVEL_INTS
        row_floats = floats + LEVEL_FLOATS
        values = row_floats + rows * ROW_FLOATS
        state = values + rows * len(names)
        text = _text_block(names)
        span = (len(blob), len(blob) + len(text))
        levels[level] = (
            seconds * SECOND_NS,
            ints,
            floats,
            row_ints,
            row_floats,
            values,
            len(names),
            state,
            rows,
            *span,
        )
        fresh.append((ints, floats, state))
        blob += text
        room += 512 + len(text) + rows * (4 * 10 + 1 + 8 * (ROW_FLOATS + len(names)))
        ints = row_ints + rows * ROW_INTS
        floats = state + (plan.state_size if names else 0)
    new_ints = np.zeros(ints, np.int64)
    new_ints[NEXT] = NEVER
    new_floats = np.zeros(floats, np.float64)
    new_floats[:LEVELS_FLOAT] = np.nan
    for at, start, state in fresh:
        new_ints[at + FRAME_DUE] = NEVER
        new_floats[start:state] = np.nan
    header = np.frombuffer(header_of("FeatureFrame"), np.uint8).copy()
    fixed = Fixed(
        levels,
        len(intervals_s),
        plan.rows,
        plan.settings,
        plan.state_size,
        np.frombuffer(blob, np.uint8).copy(),
        header,
        room,
        UPDATE,
        np.zeros(0, np.int64),
    )
    digest = hashlib.sha256(
        repr((LAYOUT_VERSION, levels.tolist(), plan.rows.tolist(), plan.settings.tolist())).encode()
    )
    digest.update(blob)
    return Layout(fixed, new_ints, new_floats, plan.names, digest.digest()[:8])
