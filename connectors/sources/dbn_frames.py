"""Rows of many instruments as frames: bars and ticks of each equity, options of each underlying."""

from collections.abc import Sequence

import numpy as np

from connectors.sources.dbn_files import INTERVAL_NS
from connectors.sources.dbn_rows import BAR, Rows
from connectors.sources.dbn_symbols import Instrument
from connectors.sources.frames import I64, Bars, FrameRule, Options, Ticks
from connectors.sources.record import Rejects, SourceReason
from connectors.sources.timeline import Frames, bar_frames, option_frames, tick_frames

_INTERVALS = sorted(INTERVAL_NS.values())
_SORTS, _TICKS, _OPTIONS = 8, len(_INTERVALS), len(_INTERVALS) + 1
"""A symbol's frames at one instant: its bars by interval, its ticks, its options."""


def frames_of(
    rows: Rows, instruments: Sequence[Instrument], source: str, rule: FrameRule, rejects: Rejects
) -> list[Frames]:
    """Return the frames of rows by time, of whole spans."""
    if not len(rows):
        return []
    symbols = sorted({instruments[number].symbol for number in np.unique(rows["instrument"]).tolist()})
    place = {symbol: at for at, symbol in enumerate(symbols)}
    of_instrument = np.array(
        [place.get(one.symbol, 0) * _SORTS + (_OPTIONS if one.contract else _TICKS) for one in instruments], np.int64
    )
    sort = of_instrument[rows["instrument"]]
    bars = np.flatnonzero(rows["kind"] == BAR)
    sort[bars] += np.searchsorted(_INTERVALS, rows["interval"][bars]) - _TICKS
    order = np.argsort(sort, kind="stable")
    begins = np.flatnonzero(np.append(True, np.diff(sort[order]) != 0))
    out = []
    for first, end in zip(begins.tolist(), [*begins[1:].tolist(), len(rows)], strict=True):
        part = rows[order[first:end]]
        number, what = divmod(int(sort[order[first]]), _SORTS)
        symbol = symbols[number]
        if what == _OPTIONS:
            out.append(option_frames(symbol, source, "", _options(part, instruments), rule))
        elif what == _TICKS:
            out.append(tick_frames(symbol, source, "", _ticks(part), rule))
        else:
            part = _once(part, symbol, rejects)
            out.append(bar_frames(symbol, source, "", _bars(part), np.maximum.accumulate(part["time"]), rule))
    return out


def _column(rows: Rows, name: str) -> np.ndarray:
    return np.ascontiguousarray(rows[name])


def _ticks(rows: Rows) -> Ticks:
    return Ticks(*(_column(rows, name) for name in ("time", "kind", "flags", "price", "size", "condition")))


def _options(rows: Rows, instruments: Sequence[Instrument]) -> Options:
    numbers, where = np.unique(rows["instrument"], return_inverse=True)
    contracts = tuple(instruments[number].contract for number in numbers.tolist())
    names = ("kind", "flags", "price", "size", "condition")
    return Options(contracts, _column(rows, "time"), where.astype(np.int64), *(_column(rows, name) for name in names))


def _once(rows: Rows, symbol: str, rejects: Rejects) -> Rows:
    """Return bars by start, each start once; of two the first."""
    rows = rows[np.argsort(rows["start"], kind="stable")]
    again: I64 = np.flatnonzero(rows["start"][1:] == rows["start"][:-1]) + 1
    for start_ns in rows["start"][again].tolist():
        rejects.add(SourceReason.OUT_OF_ORDER, symbol, 0, f"a bar of {symbol} stands twice at {start_ns}")
    kept: Rows = np.delete(rows, again)
    return kept


def _bars(rows: Rows) -> Bars:
    open_, high, low, close = (_column(rows, name) for name in ("open", "high", "low", "price"))
    unknown = np.full(len(rows), np.nan)
    start, volume = _column(rows, "start"), _column(rows, "size")
    return Bars(int(rows["interval"][0]), start, open_, high, low, close, volume, unknown, unknown)
