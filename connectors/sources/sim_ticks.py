"""The simulated market at the height of ticks: quotes and trades within cells of a minute or less.

Within a cell the mid price is a Brownian bridge between the prices at its edges. A quote is a bid row and an ask row;
a trade is at the bid or ask of the newest quote. A few prints are marked suspicious, a few count in volume only.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from connectors.sources.frames import ASK, BID, F64, I64, PAIRED, SUSPICIOUS, TRADE, VOLUME_ONLY, Ticks
from connectors.sources.sessions import MINUTE_NS
from connectors.sources.sim_market import Instrument, MarketDay

QUOTE_SHARE = 0.4
"""Of the things that happen, the rest being trades; a quote is two ticks."""
ROWS_AN_EVENT = 1.0 + QUOTE_SHARE
CHUNK_ROWS = 200_000
REGULAR_SALE, SWEEP_SALE, VOLUME_ONLY_SALE = 0x1, 0x20000020, 0x20100200
_SUSPICIOUS_SHARE, _VOLUME_ONLY_SHARE = 5e-5, 3e-4


@dataclass(frozen=True)
class Cells:
    """Consecutive stretches of equal length of a day. start_ns: (cells,). The rest: (symbols, cells)."""

    length_ns: int
    start_ns: I64
    first_price: F64
    last_price: F64
    vol: F64
    rows_expected: F64
    wide: F64


def cell_length_ns(rate: float) -> int:
    """Return how long cells are at so many ticks a second: short enough for a cell of all symbols to be small."""
    seconds = 60 if rate <= 2_000 else 10 if rate <= 20_000 else 1
    return seconds * 1_000_000_000


def cut_day(day: MarketDay, instruments: tuple[Instrument, ...], rate: float) -> list[Cells]:
    """Return the day in runs of cells, each run of about CHUNK_ROWS ticks at most (or one cell)."""
    length_ns = cell_length_ns(rate)
    parts = MINUTE_NS // length_ns
    share = np.array([one.share for one in instruments])
    rows = rate * (share / share.sum())[:, None] * day.activity * (length_ns / 1e9)
    slope = np.diff(day.price, axis=1)[:, :, None]
    at = np.arange(parts) / parts
    first = (day.price[:, :-1, None] + slope * at).reshape(len(instruments), -1)
    last = (day.price[:, :-1, None] + slope * (at + 1.0 / parts)).reshape(len(instruments), -1)
    vol, rows, wide = (np.repeat(x, parts, axis=-1) for x in (day.vol / np.sqrt(parts), rows, day.wide))
    start_ns = day.start_ns + np.arange(first.shape[1]) * length_ns
    chunk = np.floor(np.cumsum(rows.sum(axis=0)) / CHUNK_ROWS)
    edges = [0, *(np.flatnonzero(np.diff(chunk)) + 1).tolist(), len(start_ns)]
    return [
        Cells(length_ns, start_ns[a:b], first[:, a:b], last[:, a:b], vol[:, a:b], rows[:, a:b], wide[a:b])
        for a, b in pairwise(edges)
    ]


def simulate_ticks(random: np.random.Generator, cells: Cells, instruments: tuple[Instrument, ...]) -> list[Ticks]:
    """Return each symbol's ticks in these cells, by time."""
    symbols, width = cells.first_price.shape
    count = random.poisson(cells.rows_expected / ROWS_AN_EVENT).ravel()
    n = int(count.sum())
    cell = np.repeat(np.arange(symbols * width), count)
    # One sort of (cell + share of the cell) gives times that grow within each cell.
    at = random.random(n)
    at += cell
    at.sort()
    at -= cell
    np.clip(at, 0.0, 1.0 - 1e-9, out=at)
    event_ns = np.tile(cells.start_ns, symbols)[cell] + (at * (cells.length_ns // 1_000)).astype(np.int64) * 1_000
    ends = np.cumsum(count)
    mid = _mid_prices(random, cells, cell, at, count, ends)
    cents = np.array([one.spread_cents for one in instruments], np.float64)
    wide = (cents[:, None] * cells.wide[None, :]).ravel()
    spread_cents = 1 + random.poisson(np.maximum(wide[cell] - 0.7, 0.05))
    bid_cents = np.maximum(np.floor(mid * 100.0 - 0.5 * spread_cents + 0.5), 1.0)
    ask_cents = bid_cents + spread_cents
    is_quote = random.random(n, np.float32) < QUOTE_SHARE
    is_quote[(ends - count)[count > 0]] = True  # A cell begins with a quote, so that no trade is at a stale one.
    newest = np.maximum.accumulate(np.where(is_quote, np.arange(n), 0))
    price, size, flags, condition = _trades(random, bid_cents[newest], ask_cents[newest])
    size = np.where(is_quote, random.poisson(3.0, n) * 100 + 100, size)
    ask_size = random.poisson(3.0, n) * 100 + 100
    kind = np.where(is_quote, BID, TRADE)
    flags = np.where(is_quote, PAIRED, flags)
    price = np.where(is_quote, bid_cents / 100.0, price)
    condition = np.where(is_quote, REGULAR_SALE, condition)
    rows = 1 + is_quote
    row_of = np.repeat(np.arange(n), rows)
    ask_rows = (np.cumsum(rows) - 1)[is_quote]
    ticks = Ticks(event_ns, kind.astype(np.uint8), flags.astype(np.uint8), price, size, condition).take(row_of)
    ticks.kind[ask_rows], ticks.flags[ask_rows] = ASK, 0
    ticks.price[ask_rows], ticks.size[ask_rows] = ask_cents[is_quote] / 100.0, ask_size[is_quote]
    row_ends = np.concatenate([[0], np.cumsum(rows)])[ends.reshape(symbols, width)[:, -1]]
    starts = [0, *row_ends.tolist()]
    return [ticks.part(a, b) for a, b in pairwise(starts)]


def _mid_prices(random: np.random.Generator, cells: Cells, cell: I64, at: F64, count: I64, ends: I64) -> F64:
    walk = np.cumsum(random.standard_normal(len(cell)))
    before = np.concatenate([[0.0], walk])[ends - count]
    total = np.concatenate([[0.0], walk])[ends] - before
    many = np.maximum(count, 1)
    step = (np.arange(len(cell)) - (ends - count)[cell] + 1) / many[cell]
    bridge = (walk - before[cell] - step * total[cell]) / np.sqrt(many)[cell]
    first, last = cells.first_price.ravel(), cells.last_price.ravel()
    sway = first * cells.vol.ravel()
    mid: F64 = first[cell] + (last - first)[cell] * at + sway[cell] * bridge
    return mid


def _trades(random: np.random.Generator, bid_cents: F64, ask_cents: F64) -> tuple[F64, I64, I64, I64]:
    """Return price, size, flags and condition of a trade at each of these quotes, shape (n,)."""
    n = len(bid_cents)
    bits = random.integers(0, 1 << 32, n, np.uint32)
    price = np.where(bits & 1, ask_cents, bid_cents) / 100.0
    lots = 1 + (random.standard_exponential(n, np.float32) * 1.3).astype(np.int64)
    size = np.where(bits & 6 == 0, 1 + (bits >> 8) % 99, lots * 100).astype(np.int64)
    condition = np.where(bits & 24 == 0, SWEEP_SALE, REGULAR_SALE)
    flags = np.zeros(n, np.int64)
    odd = random.random(n)
    off = np.flatnonzero(odd < _SUSPICIOUS_SHARE + _VOLUME_ONLY_SHARE)
    wrong = odd[off] < _SUSPICIOUS_SHARE
    sign = np.where(bits[off] & 1, 1.0, -1.0)
    price[off] = np.round(price[off] * (1.0 + sign * np.where(wrong, 0.04, 0.004)), 2)
    flags[off] = np.where(wrong, SUSPICIOUS, VOLUME_ONLY)
    condition[off] = np.where(wrong, condition[off], VOLUME_ONLY_SALE)
    return price, size, flags, condition
