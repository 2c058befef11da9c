"""One symbol and day of LEAN's files as ticks or bars: validated, merged, in event-time order.

Prices are integers x 10,000; times are ms since local midnight in New York. A bad row is rejected with file and line,
the others go on.
"""

from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from connectors.sources.frames import ASK, BID, F64, I64, PAIRED, SUSPICIOUS, TRADE, VOLUME_ONLY, Bars, Ticks
from connectors.sources.lean_files import INTERVAL_NS, LeanFile
from connectors.sources.lean_table import Column, Mask, Table, drop_rows, read_table
from connectors.sources.lean_zip import read_zip
from connectors.sources.record import Rejects, SourceReason

NEW_YORK = ZoneInfo("America/New_York")
MS_NS = 1_000_000
DAY_NS = 86_400_000 * MS_NS
SCALE = 10_000.0
EARLIEST_MS, LATEST_MS = 4 * 3_600_000, 86_400_000
"""A day's rows lie in [04:00, 24:00) New York: the pre-market opens at 04:00."""

VOLUME_ONLY_BIT = 0x200
VOLUME_ONLY_PAIR = 0x2010_0000
"""Sale conditions of trades that count in volume and set no price: bit 0x200, or both bits of 0x20100000.

Found by holding the recorded trades of SPY, IBM and BAC (2013-10-07 and 08) against the vendor's own bars: of the
trades that lie outside their bar's high and low and are no sweeps, these masks are nearly all (20100200: 113 of 125 in
SPY's seconds, 20100000: 31 of 53, 20000200: 5 of 6, 20040200: 3 of 6, 20104800: 1 of 1); see also shared data's README.
"""

_TICK_TRADE: tuple[Column, ...] = (
    ("ms", "whole"), ("price", "price"), ("size", "whole"),
    ("exchange", "skip"), ("condition", "hex"), ("odd", "whole"),
)  # fmt: skip
_TICK_QUOTE: tuple[Column, ...] = (
    ("ms", "whole"), ("bid", "price"), ("bid_size", "whole"), ("ask", "price"), ("ask_size", "whole"),
    ("exchange", "skip"), ("condition", "hex"), ("odd", "whole"),
)  # fmt: skip
_MS: Column = ("time", "whole")
_OHLC = ("open", "high", "low", "close")


def midnight_ns(day: date) -> int:
    """Return the instant of local midnight in New York as the files count from it, ns UTC.

    Counted back from noon: on the two Sundays when clocks change, a time of day is what the clock on the wall shows.
    """
    noon = datetime.combine(day, time(12), NEW_YORK)
    return int(noon.timestamp()) * 1_000_000_000 - DAY_NS // 2


def volume_only(condition: I64) -> Mask:
    """Return where a trade's sale condition keeps it out of open, high, low and close."""
    excluded: Mask = (condition & VOLUME_ONLY_BIT != 0) | (condition & VOLUME_ONLY_PAIR == VOLUME_ONLY_PAIR)
    return excluded


def read_ticks(
    trade: LeanFile | None, quote: LeanFile | None, bars: LeanFile | None, day: date, rejects: Rejects
) -> Ticks:
    """Return the ticks of a symbol and day by time; in one ms quotes stand before trades, else files keep their order.

    bars: second quote bars that stand in where there are no quote ticks: bid and ask as of each second's end.
    """
    base_ns = midnight_ns(day)
    parts = []
    if quote:
        parts.append(_quote_ticks(quote, base_ns, rejects))
    elif bars:
        parts.append(_ticks_of_bars(bars, base_ns, rejects))
    if trade:
        parts.append(_trade_ticks(trade, base_ns, rejects))
    columns = [np.concatenate([getattr(part, name) for part in parts]) for name in Ticks.__dataclass_fields__]
    ticks = Ticks(*columns)
    return ticks if len(parts) == 1 else ticks.take(np.argsort(ticks.event_ns, kind="stable"))


def _trade_ticks(file: LeanFile, base_ns: int, rejects: Rejects) -> Ticks:
    name = str(file.path)
    table = in_order(read_table(read_zip(file.path, rejects), _TICK_TRADE, name, rejects), name, rejects)
    price = table.columns["price"]
    table = drop_rows(table, np.isnan(price), SourceReason.NOT_A_NUMBER, name, rejects, "a trade has a price")
    table = not_negative(table, ("price", "size"), name, rejects)
    bad = table.columns["price"] == 0
    table = drop_rows(table, bad, SourceReason.ZERO_PRICE, name, rejects, "a trade's price must be > 0")
    condition = table.columns["condition"]
    flags = (table.columns["odd"] != 0) * SUSPICIOUS + volume_only(condition) * VOLUME_ONLY
    n = len(table)
    return Ticks(
        base_ns + table.columns["ms"] * MS_NS,
        np.full(n, TRADE, np.uint8),
        flags.astype(np.uint8),
        table.columns["price"] / SCALE,
        table.columns["size"],
        condition,
    )


def _quote_ticks(file: LeanFile, base_ns: int, rejects: Rejects) -> Ticks:
    name = str(file.path)
    table = in_order(read_table(read_zip(file.path, rejects), _TICK_QUOTE, name, rejects), name, rejects)
    table = not_negative(table, ("bid", "bid_size", "ask", "ask_size"), name, rejects)
    got = table.columns
    bad = ~((got["bid"] > 0) | (got["ask"] > 0))
    table = drop_rows(table, bad, SourceReason.ZERO_PRICE, name, rejects, "a quote has a bid or an ask > 0")
    got = table.columns
    odd = (got["odd"] != 0) * SUSPICIOUS
    bid, ask = (np.where(got[side] > 0, got[side], np.nan) for side in ("bid", "ask"))
    return interleave(base_ns + got["ms"] * MS_NS, bid, got["bid_size"], ask, got["ask_size"], odd, got["condition"])


def _ticks_of_bars(file: LeanFile, base_ns: int, rejects: Rejects) -> Ticks:
    table = _quotes_of(file, rejects)
    got = table.columns
    end_ns = base_ns + got["time"] * MS_NS + INTERVAL_NS[file.resolution]
    none = np.zeros(len(table), np.int64)
    return interleave(end_ns, got["bid_close"], got["bid_size"], got["ask_close"], got["ask_size"], none, none)


def interleave(event_ns: I64, bid: F64, bid_size: I64, ask: F64, ask_size: I64, flags: I64, condition: I64) -> Ticks:
    """Return a bid row and an ask row of each quote; where a price is NaN, not; a bid whose ask follows says so."""
    has_bid, has_ask = ~np.isnan(bid), ~np.isnan(ask)
    keep = np.column_stack((has_bid, has_ask)).ravel()
    both = (has_bid & has_ask) * PAIRED

    def woven(left: npt.NDArray[Any], right: npt.NDArray[Any]) -> npt.NDArray[Any]:
        out: npt.NDArray[Any] = np.column_stack((left, right)).ravel()[keep]
        return out

    n = len(event_ns)
    return Ticks(
        woven(event_ns, event_ns),
        woven(np.full(n, BID, np.uint8), np.full(n, ASK, np.uint8)),
        woven(flags | both, flags).astype(np.uint8),
        woven(bid, ask) / SCALE,
        woven(bid_size, ask_size),
        woven(condition, condition),
    )


def read_bars(trade: LeanFile | None, quote: LeanFile | None, day: date | None, rejects: Rejects) -> Bars:
    """Return the bars of a symbol by start, trades and quotes of one start as one. day: None for files of many."""
    given = trade or quote
    assert given is not None
    tables = (_trades_of(trade, rejects) if trade else None, _quotes_of(quote, rejects) if quote else None)
    starts = [_start_ns(table.columns["time"], day) if table else np.zeros(0, np.int64) for table in tables]
    start_ns = np.union1d(*starts)
    n = len(start_ns)
    prices = {name: np.full(n, np.nan) for name in (*_OHLC, "bid_close", "ask_close")}
    volume = np.zeros(n, np.int64)
    for table, own_ns in zip(tables, starts, strict=True):
        if table is None:
            continue
        at = np.searchsorted(start_ns, own_ns)
        for name, column in prices.items():
            if name in table.columns:
                column[at] = table.columns[name] / given.scale
        if "volume" in table.columns:
            volume[at] = table.columns["volume"]
    ohlc = (prices["open"], prices["high"], prices["low"], prices["close"])
    return Bars(INTERVAL_NS[given.resolution], start_ns, *ohlc, volume, prices["bid_close"], prices["ask_close"])


def _time_column(file: LeanFile) -> Column:
    return ("time", "whole" if file.day else "stamp")


def _trades_of(file: LeanFile, rejects: Rejects) -> Table:
    data = read_zip(file.path, rejects)
    return trade_table(data, str(file.path), rejects, _time_column(file), _hours_behind(file))


def _quotes_of(file: LeanFile, rejects: Rejects) -> Table:
    data = read_zip(file.path, rejects)
    table = quote_table(data, str(file.path), rejects, _time_column(file), _hours_behind(file))
    for side in ("bid", "ask"):
        close = table.columns[f"{side}_close"]
        table.columns[f"{side}_close"] = np.where(close > 0, close, np.nan)
    return table


def _hours_behind(file: LeanFile) -> int:
    """Return by how much the file's clocks are behind New York's, ms at noon of its day (1 h for Chicago)."""
    noon = datetime.combine(file.day or date(2000, 1, 3), time(12))
    own, ours = (int(noon.replace(tzinfo=zone).timestamp()) for zone in (ZoneInfo(file.zone), NEW_YORK))
    return (own - ours) * 1_000


def trade_table(data: bytes, name: str, rejects: Rejects, when: Column = _MS, behind_ms: int = 0) -> Table:
    """Return the good rows of trade bars: time, open, high, low, close (scaled as in the file), volume.

    behind_ms: what to add to the file's times, so that they are New York's.
    """
    columns = (when, *((side, "price") for side in _OHLC), ("volume", "price"))
    table = _in_new_york(read_table(data, columns, name, rejects), when, behind_ms)
    empty: Mask = _any([np.isnan(table.columns[side]) for side in (*_OHLC, "volume")])
    table = drop_rows(table, empty, SourceReason.NOT_A_NUMBER, name, rejects, "a bar has four prices and a volume")
    table = in_order(table, name, rejects, strict=True, stamped=when[1] == "stamp")
    table = not_negative(table, (*_OHLC, "volume"), name, rejects)
    zero = _any([table.columns[side] == 0 for side in _OHLC])
    table = drop_rows(table, zero, SourceReason.ZERO_PRICE, name, rejects, "a bar's prices must be > 0")
    crossed = _crossed(table, *_OHLC)
    return drop_rows(table, crossed, SourceReason.CROSSED_BAR, name, rejects, "low <= open, close <= high must hold")


def quote_table(data: bytes, name: str, rejects: Rejects, when: Column = _MS, behind_ms: int = 0) -> Table:
    """Return the good rows of quote bars: time, and of each side open to close and size; NaN where a side is empty."""
    sides = [[(f"{side}_{part}", "price") for part in _OHLC] + [(f"{side}_size", "price")] for side in ("bid", "ask")]
    table = _in_new_york(read_table(data, (when, *sides[0], *sides[1]), name, rejects), when, behind_ms)
    for side in ("bid", "ask"):  # An empty size is that of an empty side.
        table.columns[f"{side}_size"] = np.nan_to_num(table.columns[f"{side}_size"]).astype(np.int64)
    table = in_order(table, name, rejects, strict=True, stamped=when[1] == "stamp")
    prices = [column for side in sides for column, _ in side]
    table = not_negative(table, prices, name, rejects)
    for side in ("bid", "ask"):
        crossed = _crossed(table, *(f"{side}_{part}" for part in _OHLC))
        wanted = f"{side}: low <= open, close <= high must hold"
        table = drop_rows(table, crossed, SourceReason.CROSSED_BAR, name, rejects, wanted)
    return table


def _in_new_york(table: Table, when: Column, behind_ms: int) -> Table:
    if behind_ms:
        table.columns["time"] = table.columns["time"] + behind_ms * (MS_NS if when[1] == "stamp" else 1)
    return table


def _any(columns: list[Mask]) -> Mask:
    out: Mask = np.logical_or.reduce(columns)
    return out


def _crossed(table: Table, open_: str, high: str, low: str, close: str) -> Mask:
    got = table.columns
    body_high, body_low = np.maximum(got[open_], got[close]), np.minimum(got[open_], got[close])
    crossed: Mask = (got[high] < body_high) | (got[low] > body_low)
    return crossed


def in_order(table: Table, file: str, rejects: Rejects, strict: bool = False, stamped: bool = False) -> Table:
    """Reject what is not of the day, and rows earlier than one before them (strict: or at its time)."""
    when = table.columns.get("ms", table.columns.get("time"))
    assert when is not None
    if "ms" in table.columns or not stamped:
        outside = (when < EARLIEST_MS) | (when >= LATEST_MS)
        wanted = f"time must be in [{EARLIEST_MS}, {LATEST_MS}) ms"
        table = drop_rows(table, outside, SourceReason.OUTSIDE_DAY, file, rejects, wanted)
        when = when[~outside]
    if len(when) < 2:
        return table
    newest = np.maximum.accumulate(when)
    late = np.zeros(len(when), bool)
    late[1:] = when[1:] <= newest[:-1] if strict else when[1:] < newest[:-1]
    return drop_rows(table, late, SourceReason.OUT_OF_ORDER, file, rejects, "time must not go back")


def not_negative(table: Table, names: tuple[str, ...] | list[str], file: str, rejects: Rejects) -> Table:
    bad = _any([table.columns[name] < 0 for name in names])
    return drop_rows(table, bad, SourceReason.NEGATIVE, file, rejects, f"{', '.join(names)} must be >= 0")


def _start_ns(when: I64, day: date | None) -> I64:
    if day is not None:
        return midnight_ns(day) + when * MS_NS
    days = when // DAY_NS
    first, inverse = np.unique(days, return_inverse=True)
    epoch = date(1970, 1, 1)
    midnights = np.array([midnight_ns(epoch + timedelta(days=int(d))) for d in first], np.int64)
    return midnights[inverse] + (when - days * DAY_NS) if len(when) else when
