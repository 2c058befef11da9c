"""Releasing held ticks, called through its address like closing (streams/bars/slow.py), for the same reason."""

from typing import Any

import numpy as np
from numba import types

from schemas.binary import Int
from streams.bars import slow
from streams.bars.hold import force_row, settle_rows
from streams.bars.layout import (
    F64,
    HOLD_FLOATS,
    HOLD_INTS,
    I64,
    NAME_BYTES_MAX,
    SOURCES_MAX,
    U8,
    Columns,
    Fixed,
    Sink,
)
from streams.bars.slow import RELEASE_ADDRESS, ROW_FLOATS_LENGTH, ROW_INTS_LENGTH, WORDS
from streams.numerics.jit import DISABLED, kernel
from streams.numerics.pointers import bytes_at, call, floats_at, ints_at, prices_at, routine, table_at

SETTLE = 0
FORCE = 1
if DISABLED:
    settle: Any = settle_rows

    def force_one(
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
        """Call force_row."""
        return force_row(fixed, sink, names, ints, floats, held, prices, run)

    RELEASE = 0
else:
    _i = types.int64

    @routine(*(_i,) * 13)
    def _release(
        address: Int,
        task: Int,
        names: Int,
        ints: Int,
        floats: Int,
        held: Int,
        prices: Int,
        rows: Int,
        ranks: Int,
        time: Int,
        code: Int,
        price: Int,
        size: Int,
    ) -> Int:
        words = ints_at(address, WORDS)
        fixed, sink = slow.fixed_at(words), slow.sink_at(words)
        name = bytes_at(names, NAME_BYTES_MAX + 1)
        row, values = ints_at(ints, words[ROW_INTS_LENGTH]), floats_at(floats, words[ROW_FLOATS_LENGTH])
        of_int, of_float = table_at(held, rows, HOLD_INTS), prices_at(prices, rows, HOLD_FLOATS)
        run = Columns(ints_at(time, rows), bytes_at(code, rows), floats_at(price, rows), ints_at(size, rows))
        if task == FORCE:
            return np.int64(force_row(fixed, sink, name, row, values, of_int, of_float, run))
        order = ints_at(ranks, SOURCES_MAX)
        return np.int64(settle_rows(fixed, sink, name, row, values, of_int, of_float, run, order))

    RELEASE = _release.address

    @kernel
    def _call(
        fixed: Fixed,
        task: Int,
        names: U8,
        ints: I64,
        floats: F64,
        held: I64,
        prices: F64,
        run: Columns,
        ranks: I64,
    ) -> Int:
        words = fixed.close
        return np.int64(
            call(
                words[RELEASE_ADDRESS],
                (
                    np.int64(words.ctypes.data),
                    np.int64(task),
                    np.int64(names.ctypes.data),
                    np.int64(ints.ctypes.data),
                    np.int64(floats.ctypes.data),
                    np.int64(held.ctypes.data),
                    np.int64(prices.ctypes.data),
                    np.int64(len(held)),
                    np.int64(ranks.ctypes.data),
                    np.int64(run.time.ctypes.data),
                    np.int64(run.code.ctypes.data),
                    np.int64(run.price.ctypes.data),
                    np.int64(run.size.ctypes.data),
                ),
            )
        )

    @kernel
    def settle(
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
        """Call settle_rows through its address."""
        return _call(fixed, SETTLE, names, ints, floats, held, prices, run, ranks) != 0

    @kernel
    def force_one(
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
        """Call force_row through its address."""
        return _call(fixed, FORCE, names, ints, floats, held, prices, run, ranks) != 0
