"""Take ticks and source bars into the bars of a symbol, leaving out what is of no use.

Left out and counted, in counters and in the bar's `dropped`:
- late: older than the newest tick of its own source, or than what was released already (the symbol's clock); it counts
  in the bar that is open when it comes;
- suspicious: so marked by the vendor;
- bad: price not a finite number > 0 (a quote may have 0: an empty side, NaN from then on), size < 0 or above SIZE_MAX;
- crossed: after it, bid >= ask. The sides are kept, to judge the next quote by, the valid quote stays as it was. Where
  flag 2 says that the other side follows in the next row, both are judged there.

A trade with flag 4 counts in volume and VWAP only.
"""

import numpy as np

from schemas.binary import Int
from streams.bars.close import begin_bar, has_room, open_bar
from streams.bars.layout import (
    ASK,
    ASK_SIDE,
    BID,
    BID_SIDE,
    CLOCK,
    CLOSE,
    CODE_LATE,
    DONE,
    DROPPED,
    F64,
    FLOATS,
    HIGH,
    I64,
    INTERVAL,
    INTS,
    LAST_TICK,
    LATE_BEFORE_BAR,
    LOW,
    N_BAD,
    N_CROSSED,
    N_LATE,
    N_LEFT,
    N_QUOTES,
    N_SUSPICIOUS,
    N_TAKEN,
    N_TICKS,
    N_TRADES,
    NEXT,
    NOTIONAL,
    OPEN,
    TICKS,
    TRADES,
    U8,
    VOLUME,
    Columns,
    Fixed,
    Sink,
)
from streams.bars.slow import advance_to, close_bar
from streams.numerics.jit import kernel

SIZE_MAX = 1_000_000_000_000
FLAG_SUSPICIOUS = 1
FLAG_OTHER_SIDE_FOLLOWS = 2
FLAG_VOLUME_ONLY = 4


@kernel
def _take_trade(sink: Sink, ints: I64, floats: F64, at: Int, place: Int, flags: Int, price: float, size: Int) -> bool:
    """Take a trade into the open bar; return False if it was left out."""
    if flags & FLAG_SUSPICIOUS:
        sink.counters[N_SUSPICIOUS] += 1
        return False
    if not (price > 0.0 and price < np.inf and size >= 0 and size <= SIZE_MAX):
        sink.counters[N_BAD] += 1
        return False
    ints[at + VOLUME] += size
    ints[at + TRADES] += 1
    floats[place + NOTIONAL] += price * size
    if not flags & FLAG_VOLUME_ONLY:
        if floats[place + OPEN] != floats[place + OPEN]:
            floats[place + OPEN] = price
        floats[place + HIGH] = max(floats[place + HIGH], price)
        floats[place + LOW] = min(floats[place + LOW], price)
        floats[place + CLOSE] = price
    return True


@kernel
def _take_quote(sink: Sink, floats: F64, kind: Int, flags: Int, price: float, size: Int) -> bool:
    """Take one side of a quote; return False if it was left out."""
    sink.counters[N_QUOTES] += 1
    if flags & FLAG_SUSPICIOUS:
        sink.counters[N_SUSPICIOUS] += 1
        return False
    if not (price >= 0.0 and price < np.inf and size >= 0 and size <= SIZE_MAX):
        sink.counters[N_BAD] += 1
        return False
    floats[BID_SIDE if kind == 1 else ASK_SIDE] = price if price > 0.0 else np.nan
    if flags & FLAG_OTHER_SIDE_FOLLOWS:
        return True
    if floats[BID_SIDE] >= floats[ASK_SIDE]:
        sink.counters[N_CROSSED] += 1
        return False
    floats[BID] = floats[BID_SIDE]
    floats[ASK] = floats[ASK_SIDE]
    return True


@kernel
def _count_late(sink: Sink, ints: I64, at: Int) -> None:
    sink.counters[N_LATE] += 1
    if ints[at + TICKS] > 0:
        ints[at + TICKS] += 1
        ints[at + DROPPED] += 1
    else:
        ints[LATE_BEFORE_BAR] += 1


@kernel
def apply_ticks(
    fixed: Fixed, sink: Sink, names: U8, ints: I64, floats: F64, ticks: Columns, first: Int, stop: Int
) -> Int:
    """Take ticks [first, stop) of one symbol; return stop, or the first that found the sink without room.

    The finest bar stays in registers over the run: memory is touched where a bar closes and at the end.
    """
    at, place = fixed.levels[0, INTS], fixed.levels[0, FLOATS]
    i = first
    while i < stop:
        time = ticks.time[i]
        code = np.int64(ticks.code[i])
        if time < ints[CLOCK] or code & CODE_LATE:
            _count_late(sink, ints, at)
            i += 1
            continue
        if time >= ints[NEXT] and not advance_to(fixed, sink, names, ints, floats, time):
            break
        if ints[at + TICKS] == 0:
            begin_bar(fixed, ints, floats, 0, time)
        ints[CLOCK] = time
        ints[LAST_TICK] = time
        ints[at + TICKS] += 1
        kind = code & 3
        if kind == 0:
            sink.counters[N_TRADES] += 1
            taken = _take_trade(sink, ints, floats, at, place, code >> 2, ticks.price[i], ticks.size[i])
        else:
            taken = _take_quote(sink, floats, kind, code >> 2, ticks.price[i], ticks.size[i])
        if not taken:
            ints[at + DROPPED] += 1
        i += 1
    sink.counters[N_TICKS] += i - first
    return i


@kernel
def good_bar(prices: F64, volume: Int) -> bool:
    """Return whether a source bar can be used: four prices (or none, all NaN), low and high around them.

    prices: open, high, low, close, bid, ask.
    """
    open_, high, low, close = prices[0], prices[1], prices[2], prices[3]
    if volume < 0 or volume > SIZE_MAX:
        return False
    if open_ != open_ and high != high and low != low and close != close:
        return True
    return bool(low > 0.0 and high < np.inf and low <= open_ and open_ <= high and low <= close and close <= high)


@kernel
def _set_quote(sink: Sink, floats: F64, bid: float, ask: float) -> None:
    """Take a bar's quote at its end: NaN, 0 and below are an empty side, a crossed one is left out."""
    floats[BID_SIDE] = bid if bid > 0.0 and bid < np.inf else np.nan
    floats[ASK_SIDE] = ask if ask > 0.0 and ask < np.inf else np.nan
    if floats[BID_SIDE] >= floats[ASK_SIDE]:
        sink.counters[N_CROSSED] += 1
        return
    floats[BID] = floats[BID_SIDE]
    floats[ASK] = floats[ASK_SIDE]


@kernel
def _fill_bar(ints: I64, floats: F64, at: Int, place: Int, prices: F64, volume: Int) -> None:
    """Add a source bar to an open bar. Its VWAP is unknown, so is that of every bar it is part of (NaN)."""
    ints[at + TICKS] += 1
    ints[at + VOLUME] += volume
    floats[place + NOTIONAL] = np.nan if volume > 0 else floats[place + NOTIONAL]
    if prices[0] == prices[0]:
        if floats[place + OPEN] != floats[place + OPEN]:
            floats[place + OPEN] = prices[0]
        floats[place + HIGH] = max(floats[place + HIGH], prices[1])
        floats[place + LOW] = min(floats[place + LOW], prices[2])
        floats[place + CLOSE] = prices[3]


@kernel
def take_bar(
    fixed: Fixed,
    sink: Sink,
    names: U8,
    ints: I64,
    floats: F64,
    level: Int,
    start: Int,
    end: Int,
    prices: F64,
    volume: Int,
) -> bool:
    """Take a source bar in at its level, where nothing finer or earlier covers its time; False: the sink has no room.

    What it is closed by comes later: the next tick or bar, or the clock. Ticks before its end are late from now on.
    """
    if start < ints[CLOCK] or start <= ints[LAST_TICK] or not good_bar(prices, volume):
        sink.counters[N_LEFT] += 1
        return True
    if not advance_to(fixed, sink, names, ints, floats, start):
        return False
    at, place = fixed.levels[level, INTS], fixed.levels[level, FLOATS]
    if ints[at + TICKS] == 0:
        begin_bar(fixed, ints, floats, level, start)
    _fill_bar(ints, floats, at, place, prices, volume)
    _set_quote(sink, floats, prices[4], prices[5])
    ints[CLOCK] = end
    sink.counters[N_TAKEN] += 1
    return True


@kernel
def take_own_bar(
    fixed: Fixed, sink: Sink, names: U8, ints: I64, floats: F64, level: Int, start: Int, prices: F64, volume: Int
) -> bool:
    """Emit a source bar of an interval that ticks do not feed, as it comes; False: the sink has no room.

    Such bars have no part in the symbol's clock; each interval goes forward on its own.
    """
    at, place = fixed.levels[level, INTS], fixed.levels[level, FLOATS]
    if start < ints[at + DONE] or not good_bar(prices, volume):
        sink.counters[N_LEFT] += 1
        return True
    if not has_room(fixed, sink):
        return False
    bid, ask, bid_side, ask_side = floats[BID], floats[ASK], floats[BID_SIDE], floats[ASK_SIDE]
    open_bar(ints, floats, at, place, start)
    _fill_bar(ints, floats, at, place, prices, volume)
    floats[BID] = floats[ASK] = np.nan
    _set_quote(sink, floats, prices[4], prices[5])
    close_bar(fixed, sink, names, ints, floats, level, start + fixed.levels[level, INTERVAL])
    ints[at + TICKS] = 0
    floats[BID], floats[ASK], floats[BID_SIDE], floats[ASK_SIDE] = bid, ask, bid_side, ask_side
    sink.counters[N_TAKEN] += 1
    return True
