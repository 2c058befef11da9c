"""Decode frames of unusual form: several blocks a column, long varints, or broken (and all of them without the JIT)."""

import numpy as np

from schemas.frames import decode_bars, decode_ticks, schema_id_of
from streams.bars.decode import TIME_MAX
from streams.bars.kernel import TICK_ID, Scratch, Unfit
from streams.bars.layout import U8


def decode_unusual(scratch: Scratch, data: U8, start: int, end: int) -> int:
    """Decode the frame in data[start:end] into scratch; return its rows, a code of Malformed, or -100 less an Unfit."""
    ticks, bars = scratch.ticks, scratch.bars
    of_ticks = schema_id_of(data, start, end) == TICK_ID
    if of_ticks:
        rows = int(
            decode_ticks(
                data, start, end, ticks.time, scratch.kind, scratch.flags, ticks.price, ticks.size, scratch.condition
            )
        )
    else:
        columns = (bars[0], bars[1], bars[2], bars[3], ticks.size, bars[4], bars[5])
        rows = int(decode_bars(data, start, end, scratch.interval, ticks.time, *columns))
    if rows < 0:
        return rows
    time = ticks.time[:rows]
    if time[0] < 0 or time[-1] >= TIME_MAX or bool((time[1:] < time[:-1]).any()):
        return -100 - int(Unfit.TIME)
    if of_ticks:
        kind = scratch.kind[:rows]
        if int(kind.max()) > 2:
            return -100 - int(Unfit.KIND)
        np.bitwise_or(kind, (scratch.flags[:rows] & 7) << 2, out=ticks.code[:rows])
    return rows
