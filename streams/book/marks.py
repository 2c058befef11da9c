"""Marks of closed bars: which bars count and what a mark tells stands in router.py; here it is reckoned.

Row by row, or, where a mark tells of many rows of a frame, by columns: the same marks, as a test holds.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from schemas.records import FeatureFrame, Mark
from streams.book.skim import BarRow
from streams.checks import bad, not_negative, positive_or_unknown

NAN = float("nan")


@dataclass(frozen=True, slots=True)
class Feed:
    """What marks of a symbol have told, and what they have not. high and low NaN: no trade since the last mark."""

    through_ns: int
    mark_ns: int
    high: float = NAN
    low: float = NAN
    volume: int = 0


def rows(frame: FeatureFrame) -> Iterator[BarRow]:
    """Yield the bars of a frame, in time order."""
    event_ns = frame.base_ns
    columns = (
        frame.delta_ns,
        frame.high,
        frame.low,
        frame.close,
        frame.volume,
        frame.trades,
        frame.bid,
        frame.ask,
        frame.session,
    )
    if len(frame.delta_ns) < 1 or any(len(column) != len(frame.delta_ns) for column in columns):
        raise bad("columns of the frame", [len(column) for column in columns], "of one length >= 1")
    plain = [column.tolist() for column in columns[:-1]]
    for delta, high, low, close, volume, trades, bid, ask, session in zip(*plain, frame.session, strict=True):
        event_ns += delta
        yield BarRow(frame.symbol, frame.interval_ns, event_ns, high, low, close, volume, trades, bid, ask, session)


def marks_of(
    feed: Feed | None, bars: Iterable[BarRow], mark_interval_ns: int, sessions: Collection[int]
) -> tuple[Feed | None, list[Mark]]:
    """Return what has been told after these bars of one symbol, and the marks that tell it."""
    marks = []
    for bar in bars:
        _check(bar)
        if bar.session not in sessions or not (bar.close > 0 or bar.bid > 0 or bar.ask > 0):
            continue
        if feed is None:
            feed = Feed(0, 0)
        if bar.event_ns - bar.interval_ns < feed.through_ns:
            continue
        high, low, volume = feed.high, feed.low, feed.volume + bar.volume
        if bar.trades > 0 or bar.volume > 0:
            high = bar.high if bar.high > high or high != high else high
            low = bar.low if bar.low < low or low != low else low
        if bar.event_ns - feed.mark_ns < mark_interval_ns:
            feed = Feed(bar.event_ns, feed.mark_ns, high, low, volume)
            continue
        feed = Feed(bar.event_ns, bar.event_ns)
        marks.append(Mark(bar.symbol, bar.event_ns, bar.bid, bar.ask, bar.close, high, low, volume))
    return feed, marks


def _check(bar: BarRow) -> None:
    for what, price in (("bid", bar.bid), ("ask", bar.ask), ("close", bar.close), ("high", bar.high), ("low", bar.low)):
        positive_or_unknown(what, price)
    if bar.low > bar.high:
        raise bad("low", bar.low, f"<= high ({bar.high})")
    not_negative("volume", bar.volume)


def marks_of_frame(
    feed: Feed | None, frame: FeatureFrame, mark_interval_ns: int, sessions: Collection[int]
) -> tuple[Feed | None, list[Mark]]:
    """Return what marks_of returns for the rows of a frame, by columns where that is shorter."""
    if mark_interval_ns > frame.interval_ns and len(frame.delta_ns) > 1:
        found = _by_columns(feed, frame, mark_interval_ns, sessions)
        if found is not None:
            return found
    return marks_of(feed, rows(frame), mark_interval_ns, sessions)


def _by_columns(
    feed: Feed | None, frame: FeatureFrame, mark_interval_ns: int, sessions: Collection[int]
) -> tuple[Feed | None, list[Mark]] | None:
    """Return the marks of a frame without a look at each row; None where a row is bad or overlaps another."""
    columns = _checked(frame)
    if columns is None:
        return None
    times, high, low, close, volume, bid, ask = columns
    wanted = np.zeros(256, np.bool_)
    wanted[list(sessions)] = True
    kept = wanted[np.frombuffer(frame.session, np.uint8)] & ((close > 0) | (bid > 0) | (ask > 0))
    if feed is None and kept.any():
        feed = Feed(0, 0)
    if feed is not None:
        kept &= times - frame.interval_ns >= feed.through_ns
    places = np.flatnonzero(kept)
    if len(places) == 0:
        return feed, []
    ends = times[places]
    if (ends[1:] - ends[:-1] < frame.interval_ns).any():
        return None
    assert feed is not None, "a row is kept only after the feed has begun"
    now, start = feed, 0
    marks: list[Mark] = []
    while start < len(places):
        stop = int(np.searchsorted(ends, now.mark_ns + mark_interval_ns))
        last = max(start, min(stop, len(places) - 1))
        part = places[start : last + 1]
        highest = float(np.fmax(now.high, np.fmax.reduce(high[part])))
        lowest = float(np.fmin(now.low, np.fmin.reduce(low[part])))
        traded, end = now.volume + int(np.sum(volume[part])), int(ends[last])  # whole numbers: any order is the same
        if end - now.mark_ns < mark_interval_ns:
            return Feed(end, now.mark_ns, highest, lowest, traded), marks
        at = int(places[last])
        marks.append(Mark(frame.symbol, end, float(bid[at]), float(ask[at]), float(close[at]), highest, lowest, traded))
        now, start = Feed(end, end), last + 1
    return now, marks


def _checked(frame: FeatureFrame) -> tuple[Any, ...] | None:
    """Return times, high and low (NaN without trades), close, volume, bid and ask; None where a figure is bad."""
    prices = (frame.high, frame.low, frame.close, frame.bid, frame.ask)
    lengths = {len(column) for column in (*prices, frame.delta_ns, frame.volume, frame.trades, frame.session)}
    if len(lengths) != 1:
        return None
    figures = np.concatenate(prices)
    good = (figures > 0) & (figures < np.inf) | (figures != figures)
    if not good.all() or (frame.volume < 0).any() or (frame.low > frame.high).any():
        return None
    empty = (frame.trades <= 0) & (frame.volume <= 0)
    high, low = np.where(empty, NAN, frame.high), np.where(empty, NAN, frame.low)
    times = frame.base_ns + np.cumsum(frame.delta_ns)
    return times, high, low, frame.close, frame.volume, frame.bid, frame.ask
