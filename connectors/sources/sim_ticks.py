"""The simulated market at the height of ticks: quotes and trades within cells of a minute or less.

Within a cell the mid price is a Brownian bridge between the prices at its edges. A quote is a bid row and an ask row;
a trade is at the bid or ask of the newest quote. A few prints are marked suspicious, a few count in volume only.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from connectors.sources.frames import ASK, BID, F64, I64, PAIRED, SUSPICIOUS, TRADE, U8, VOLUME_ONLY, Ticks
from connectors.sources.sessions import MINUTE_NS
from connectors.sources.sim_market import Instrument, MarketDay

QUOTE_SHARE = 0.4
"""Of the things that happen, the rest being trades; a quote is two ticks."""
ROWS_AN_EVENT = 1.0 + QUOTE_SHARE
CHUNK_ROWS = 200_000
REGULAR_SALE, SWEEP_SALE, VOLUME_ONLY_SALE = 0x1, 0x20000020, 0x20100200
QUOTE_SIZES = 100 * (1 + np.arange(256) * np.arange(256) // 8_192)
"""Shares at bid or ask, by 8 random bits: 100 to 800, the small ones more often."""
TRADE_SIZES = 100 * (1 + np.arange(256) ** 4 // 300_000_000)
"""Shares of a round-lot trade, by 8 random bits: mostly 100, now and then some thousands."""
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
    wide = np.maximum(cents[:, None] * cells.wide[None, :] - 0.7, 0.05).ravel()
    spread_cents = 1.0 + np.floor(random.standard_exponential(n, np.float32) * wide[cell] + 0.3)
    bid_cents = np.maximum(np.floor(mid * 100.0 - 0.5 * spread_cents + 0.5), 1.0)
    ask_cents = bid_cents + spread_cents
    bits = random.integers(0, 1 << 63, n, np.int64)  # One draw an event, of which each choice takes some bits.
    is_quote = (bits & 0xFFFF) < QUOTE_SHARE * 0x10000
    is_quote[(ends - count)[count > 0]] = True  # A cell begins with a quote, so that no trade is at a stale one.
    newest = np.maximum.accumulate(np.where(is_quote, np.arange(n), 0))
    price, size, flags, condition = _trades(bits, bid_cents, ask_cents, newest)
    bid_price = bid_cents[is_quote] / 100.0
    kind = np.where(is_quote, BID, TRADE).astype(np.uint8)
    price[is_quote], flags[is_quote], condition[is_quote] = bid_price, PAIRED, REGULAR_SALE
    size[is_quote] = QUOTE_SIZES[(bits[is_quote] >> 16) & 0xFF]
    ask_size = QUOTE_SIZES[(bits[is_quote] >> 24) & 0xFF]
    rows = 1 + is_quote
    row_of = np.repeat(np.arange(n), rows)
    ask_rows = (np.cumsum(rows) - 1)[is_quote]
    ticks = Ticks(event_ns, kind, flags, price, size, condition).take(row_of)
    ticks.kind[ask_rows], ticks.flags[ask_rows] = ASK, 0
    ticks.price[ask_rows], ticks.size[ask_rows] = ask_cents[is_quote] / 100.0, ask_size
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


def _trades(bits: I64, bid_cents: F64, ask_cents: F64, newest: I64) -> tuple[F64, I64, U8, I64]:
    """Return price, size, flags and condition of a trade at each event, at the newest quote, shape (n,)."""
    price = np.where(bits & (1 << 40), ask_cents[newest], bid_cents[newest]) / 100.0
    size = np.where(bits & (3 << 41) == 0, 1 + ((bits >> 16) & 0x3F), TRADE_SIZES[(bits >> 24) & 0xFF])
    condition = np.where(bits & (3 << 43) == 0, SWEEP_SALE, REGULAR_SALE)
    flags = np.zeros(len(bits), np.uint8)
    odd = bits >> 45  # 18 bits
    off = np.flatnonzero(odd < (_SUSPICIOUS_SHARE + _VOLUME_ONLY_SHARE) * (1 << 18))
    wrong = odd[off] < _SUSPICIOUS_SHARE * (1 << 18)
    sign = np.where(bits[off] & 1, 1.0, -1.0)
    price[off] = np.round(price[off] * (1.0 + sign * np.where(wrong, 0.04, 0.004)), 2)
    flags[off] = np.where(wrong, SUSPICIOUS, VOLUME_ONLY)
    condition[off] = np.where(wrong, condition[off], VOLUME_ONLY_SALE)
    return price, size, flags, condition
