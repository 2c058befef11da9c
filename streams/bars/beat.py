"""Read the usual heartbeat, of a whole partition, inside the kernel: at replay's speed one comes with every few frames.

Whatever else a MarketEvent may be (another kind, of one symbol, broken) is left to Python (events.py), which gives a
heartbeat the same effect.
"""

import numpy as np

from schemas.binary import Int, get_long, get_text
from schemas.ids import HEADER_BYTES, SCHEMA_IDS
from schemas.records import MarketEventKind
from streams.bars.decode import TIME_MAX
from streams.bars.layout import I64, NAME_BYTES_MAX, U8
from streams.numerics.jit import kernel

EVENT_ID = SCHEMA_IDS["MarketEvent"]
_HEARTBEAT = list(MarketEventKind).index(MarketEventKind.HEARTBEAT)
_DOUBLE_BYTES = 8


@kernel
def heartbeat_of(data: U8, start: Int, end: Int, span: I64) -> Int:
    """Return the event time of a heartbeat of the whole partition, -1 where the payload is anything else.

    span: of names, as in frames.py; the source's is written to [2] and [3].
    """
    none = np.int64(-1)
    first, pos = get_text(data, start + HEADER_BYTES, end)
    if pos < 0 or pos != first:
        return none
    span[2], span[3] = get_text(data, pos, end)
    if span[3] < 0 or not 0 < span[3] - span[2] <= NAME_BYTES_MAX:
        return none
    time, pos = get_long(data, span[3], end)
    if pos < 0 or time < 0 or time >= TIME_MAX:
        return none
    kind, pos = get_long(data, pos, end)
    if pos < 0 or kind != _HEARTBEAT:
        return none
    for _ in range(2):
        _, pos = get_long(data, pos, end)
        if pos < 0:
            return none
    if pos + _DOUBLE_BYTES > end:
        return none
    _, stop = get_text(data, pos + _DOUBLE_BYTES, end)
    return np.int64(time) if stop == end else none
