"""Marks of closed bars: which bars count and what a mark tells stands in router.py; here it is reckoned, bar by bar.

bulk.py does the same for many frames at once, as a test holds.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

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
