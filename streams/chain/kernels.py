"""The chain's own kernels: which records of a batch are of use to chains, and slices' volatilities at strikes."""

import numpy as np
from numpy.typing import NDArray

from schemas.binary import Int, get_long, get_text
from schemas.frames import schema_id_of
from schemas.ids import HEADER_BYTES, SCHEMA_IDS
from streams.bars.kernel import BAR_ID, OPTION_ID, TICK_ID, State, find_symbol
from streams.numerics.jit import entry, kernel
from streams.numerics.special import log
from streams.options.surface.slices import is_slice, slice_variance

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
U8 = NDArray[np.uint8]

EVENT_ID = SCHEMA_IDS["MarketEvent"]
WATCHED, ALWAYS = 1, 2


@kernel
def kind_of(data: U8, start: Int, end: Int) -> Int:
    """Return the kind of a MarketEvent by its place in the enum, -1 where the payload is broken."""
    _, pos = get_text(data, start + HEADER_BYTES, end)
    if pos >= 0:
        _, pos = get_text(data, pos, end)
    if pos >= 0:
        _, pos = get_long(data, pos, end)
    if pos < 0:
        return np.int64(-1)
    kind, pos = get_long(data, pos, end)
    return np.int64(kind) if pos >= 0 else np.int64(-1)


@entry
def find_wanted(
    state: State, data: U8, bounds: I64, first: Int, watched: U8, any_watched: bool, kinds: U8, out: I64
) -> Int:
    """Write the places, from `first` on, of the records that are of use to chains, in order; return how many.

    Of use: options; ticks and bars of a watched slot; events whose kind says ALWAYS, or WATCHED while anything is.
    watched: (slots,), 0 or WATCHED. kinds: by place in MarketEventKind. out: (n,). Broken records are left out: bars
    refuse them.
    """
    count: Int = 0
    for i in range(first, len(bounds) - 1):
        start, end = bounds[i], bounds[i + 1]
        schema = schema_id_of(data, start, end)
        use: Int = 0
        if schema == OPTION_ID:
            use = ALWAYS
        elif schema == EVENT_ID:
            kind = kind_of(data, start, end)
            use = np.int64(kinds[kind]) if 0 <= kind < len(kinds) else 0
        elif any_watched and schema in (TICK_ID, BAR_ID):
            begin, stop = get_text(data, start + HEADER_BYTES, end)
            slot = find_symbol(state, data, begin, stop) if stop >= 0 else -1
            use = np.int64(watched[slot]) if 0 <= slot < len(watched) else 0
        if use == ALWAYS or (use == WATCHED and any_watched):
            out[count] = i
            count += 1
    return count


@entry
def read_slices(slices: F64, forward: F64, years: F64, number: I64, strike: F64, vol: F64) -> None:
    """Fill the slices' volatilities at strikes, (n,); NaN where there is no slice.

    slices: (e, SLICE_SIZE); forward, years: (e,); number: (n,) whose slice.
    """
    for i in range(strike.size):
        vol[i] = np.nan
        e = number[i]
        if is_slice(slices[e]) and forward[e] > 0.0 and years[e] > 0.0 and strike[i] > 0.0:
            vol[i] = np.sqrt(slice_variance(slices[e], log(strike[i] / forward[e])) / years[e])
