"""A small recording with options for the tests of kills: the last minutes of an expiry's day, and the next morning.

SPY has two expiries, one of which ends with the first session (0-DTE), AAPL has none. SPY rises from 100 to a close of
101.30, so calls below end in the money and puts above. Quotes are of a flat volatility, with a spread; sizes
are small, so that orders of more are filled in parts.
"""

import math
from collections.abc import Sequence
from datetime import date, time

import numpy as np

from connectors.sources.calendars import Calendar
from connectors.sources.frames import ASK, BID, OPEN_INTEREST, PAIRED, TRADE, FrameRule, Options, Ticks
from connectors.sources.record import SourceRecord
from connectors.sources.sessions import MINUTE_NS, SECOND_NS, Event, at_new_york, session_events
from connectors.sources.timeline import Timeline, option_frames, tick_frames
from schemas.osi import OptionSymbol, osi
from schemas.records import MarketEventKind

NAME = "kills"
EXPIRY, MORNING, LATER = date(2023, 12, 15), date(2023, 12, 18), date(2024, 1, 19)
STRIKES = (98, 100, 102, 104)
UNDERLYING, OTHER = "SPY", "AAPL"
SPOT, CLOSE = 100.0, 101.3
VOL, RATE = 0.2, 0.05
YEAR_NS = 365 * 24 * 60 * MINUTE_NS
BEAT_NS = 5 * SECOND_NS
RULE = FrameRule(64, 250_000_000)
SECONDS, MORNING_SECONDS = 240, 40
"""Played of the first session, up to its close, and of the second."""
SIZE = 10


def contract(day: date, right: str, strike: int) -> str:
    """Return a contract's OSI symbol."""
    return osi(OptionSymbol(UNDERLYING, day, right == "C", strike * 1_000))


CONTRACTS = tuple(contract(day, right, strike) for day in (EXPIRY, LATER) for right in "CP" for strike in STRIKES)


def records(partitions: int, seed: int) -> list[SourceRecord]:
    """Return the whole recording in event-time order."""
    random, timeline, calendar = np.random.default_rng(seed), Timeline(NAME, f"{NAME}/{seed}", partitions), Calendar()
    close_ns = at_new_york(EXPIRY, time(16))
    parts = (
        (EXPIRY, close_ns - SECONDS * SECOND_NS, close_ns),
        (MORNING, at_new_york(MORNING, time(9, 30)), at_new_york(MORNING, time(9, 30)) + MORNING_SECONDS * SECOND_NS),
    )
    out = list(timeline.merge([], [Event(parts[0][1], MarketEventKind.SOURCE_OPEN)]))
    for day, begin_ns, end_ns in parts:
        session = calendar.session(day)
        assert session is not None
        seconds = (end_ns - begin_ns) // SECOND_NS
        path = _path(random, int(seconds), day == EXPIRY)
        frames = [
            tick_frames(UNDERLYING, NAME, "", _ticks(begin_ns, path), RULE),
            tick_frames(OTHER, NAME, "", _ticks(begin_ns, 2.0 * path), RULE),
            option_frames(UNDERLYING, NAME, "", _quotes(random, begin_ns, path, day), RULE),
        ]
        out += timeline.merge(frames, list(session_events(session, begin_ns, end_ns, BEAT_NS)))
    out += timeline.merge([], [Event(parts[1][2], MarketEventKind.SOURCE_CLOSE)])
    return out


def _path(random: np.random.Generator, seconds: int, first: bool) -> np.ndarray:
    """Return a price a second: a walk that ends at the close, or goes on from it."""
    walk = np.cumsum(random.normal(0.0, 0.03, seconds))
    share = np.linspace(0.0, 1.0, seconds)
    line = SPOT + (CLOSE - SPOT) * share if first else np.full(seconds, CLOSE)
    return np.round(line + walk - share * walk[-1], 2)  # type: ignore[no-any-return]  # numpy's


def _ticks(begin_ns: int, path: np.ndarray) -> Ticks:
    """Return a quote, and half a second later a trade, of each second; the last trade is the closing price."""
    rows = []
    for second, price in enumerate(path.tolist()):
        at_ns = begin_ns + second * SECOND_NS + 100_000_000
        rows.append((at_ns, BID, PAIRED, price - 0.01, 300))
        rows.append((at_ns, ASK, 0, price + 0.01, 300))
        rows.append((at_ns + 500_000_000, TRADE, 0, price, 100))
    time_ns, kind, flags, price_of, size = (np.array(column) for column in zip(*rows, strict=True))
    return Ticks(
        time_ns.astype(np.int64), kind.astype(np.uint8), flags.astype(np.uint8), price_of, size.astype(np.int64),
        np.zeros(len(rows), np.int64),
    )  # fmt: skip


def _quotes(random: np.random.Generator, begin_ns: int, path: np.ndarray, day: date) -> Options:
    """Return both sides of each contract that is alive every two seconds, and at first its open interest."""
    alive = [at for at, name in enumerate(CONTRACTS) if day == EXPIRY or name[6:12] != f"{EXPIRY:%y%m%d}"]
    rows = [(begin_ns + 10_000_000, at, OPEN_INTEREST, 0, 0.0, 100 + at) for at in alive]
    for second in range(0, len(path), 2):
        at_ns = begin_ns + second * SECOND_NS + 120_000_000
        for at in alive:
            fair = _value(CONTRACTS[at], float(path[second]), at_ns)
            half = 0.02 + 0.01 * fair
            bid, size = max(math.floor(100 * (fair - half)) / 100, 0.0), int(random.integers(1, SIZE + 1))
            rows.append((at_ns, at, BID, PAIRED, bid, size if bid else 0))
            rows.append((at_ns, at, ASK, 0, math.ceil(100 * (fair + half)) / 100, size))
    time_ns, at_of, kind, flags, price, size_of = (np.array(column) for column in zip(*rows, strict=True))
    return Options(
        CONTRACTS, time_ns.astype(np.int64), at_of.astype(np.int64), kind.astype(np.uint8), flags.astype(np.uint8),
        price, size_of.astype(np.int64), np.zeros(len(rows), np.int64),
    )  # fmt: skip


def _value(name: str, spot: float, at_ns: int) -> float:
    """Return Black's value of a contract."""
    day = EXPIRY if name[6:12] == f"{EXPIRY:%y%m%d}" else LATER
    years = (at_new_york(day, time(16)) - at_ns) / YEAR_NS
    strike, sign = int(name[13:]) / 1_000, 1.0 if name[12] == "C" else -1.0
    forward, discount, deviation = spot * math.exp(RATE * years), math.exp(-RATE * years), VOL * math.sqrt(years)
    high = math.log(forward / strike) / deviation + 0.5 * deviation
    return discount * sign * (forward * _normal(sign * high) - strike * _normal(sign * (high - deviation)))


def _normal(x: float) -> float:
    return 0.5 * math.erfc(-x / math.sqrt(2.0))


def shares_of(recorded: Sequence[SourceRecord], seconds: Sequence[int]) -> list[list[SourceRecord]]:
    """Return the recording cut at so many seconds after its beginning; the last share is the rest."""
    begin_ns = recorded[0].event_ns
    edges_ns = [begin_ns + second * SECOND_NS for second in seconds]
    out: list[list[SourceRecord]] = [[] for _ in range(len(edges_ns) + 1)]
    for record in recorded:
        out[sum(record.event_ns >= edge for edge in edges_ns)].append(record)
    return out
