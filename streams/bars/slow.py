"""Closing bars, called through its address: it is the larger part of the machine code and the smaller of the work.

`Fixed.close` holds that address, and those of everything that closing needs and that lives as long as the fold.
"""

from typing import Any

import numpy as np
from numba import types

from schemas.binary import Int
from streams.bars import close
from streams.bars.layout import CURSORS, F64, I64, LEVEL_COLUMNS, NAME_BYTES_MAX, U8, Fixed, Layout, Sink
from streams.numerics.jit import DISABLED, kernel, maker
from streams.numerics.pointers import bytes_at, call, floats_at, ints_at, routine, table_at

ADVANCE = 0
CLOSE = 1
WORDS = 26
ROW_INTS_LENGTH = 23
ROW_FLOATS_LENGTH = 24
RELEASE_ADDRESS = 25
"""Places in Fixed.close; the rest of it is read here alone."""


def with_addresses(layout: Layout, sink: Sink, release: Int) -> Fixed:
    """Return layout.fixed with how closing and releasing are called; sink and the layout's arrays must outlive it."""
    fixed = layout.fixed
    words: list[Any] = [0 if DISABLED else _close.address]
    for array in (fixed.levels, fixed.plan, fixed.settings, fixed.blob, fixed.header, *sink):
        words += (array.ctypes.data, len(array))
    words += (fixed.cascade, fixed.state_size, fixed.room_bytes, fixed.update)
    words += (len(layout.new_ints), len(layout.new_floats), release)
    return fixed._replace(close=np.array(words, np.int64))


if DISABLED:
    advance_to: Any = close.advance_to
    close_bar: Any = close.close_bar
else:
    _i = types.int64

    @maker
    def fixed_at(words: I64) -> Fixed:
        return Fixed(
            table_at(words[1], words[2], LEVEL_COLUMNS),
            words[19],
            table_at(words[3], words[4], 7),
            floats_at(words[5], words[6]),
            words[20],
            bytes_at(words[7], words[8]),
            bytes_at(words[9], words[10]),
            words[21],
            words[22],
            words,
        )

    @maker
    def sink_at(words: I64) -> Sink:
        return Sink(
            bytes_at(words[11], words[12]),
            table_at(words[13], words[14], 4),
            ints_at(words[15], CURSORS),
            ints_at(words[17], words[18]),
        )

    @routine(_i, _i, _i, _i, _i, _i, _i)
    def _close(address: Int, task: Int, names: Int, ints: Int, floats: Int, level: Int, time: Int) -> Int:
        words = ints_at(address, WORDS)
        fixed, sink = fixed_at(words), sink_at(words)
        name = bytes_at(names, NAME_BYTES_MAX + 1)
        row, values = ints_at(ints, words[ROW_INTS_LENGTH]), floats_at(floats, words[ROW_FLOATS_LENGTH])
        if task == ADVANCE:
            return np.int64(close.advance_to(fixed, sink, name, row, values, time))
        close.close_bar(fixed, sink, name, row, values, level, time)
        return np.int64(1)

    @kernel
    def _call(fixed: Fixed, task: Int, names: U8, ints: I64, floats: F64, level: Int, time: Int) -> Int:
        words = fixed.close
        return np.int64(
            call(
                words[0],
                (
                    np.int64(words.ctypes.data),
                    np.int64(task),
                    np.int64(names.ctypes.data),
                    np.int64(ints.ctypes.data),
                    np.int64(floats.ctypes.data),
                    np.int64(level),
                    np.int64(time),
                ),
            )
        )

    @kernel
    def advance_to(fixed: Fixed, sink: Sink, names: U8, ints: I64, floats: F64, time: Int) -> bool:
        """Call close.advance_to."""
        return _call(fixed, ADVANCE, names, ints, floats, 0, time) != 0

    @kernel
    def close_bar(fixed: Fixed, sink: Sink, names: U8, ints: I64, floats: F64, level: Int, end: Int) -> None:
        """Call close.close_bar."""
        _call(fixed, CLOSE, names, ints, floats, level, end)
