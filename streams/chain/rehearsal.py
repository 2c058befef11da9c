"""A few quotes that make every kernel of chains run: compiling them takes minutes that no stage should meet at work."""

import numpy as np

from schemas import wire
from schemas.option_frames import encode_options
from schemas.records import MarketEvent, MarketEventKind
from streams.options.contracts.clock import DAY_NS, SECOND_NS
from streams.options.greeks import greeks
from streams.stage import Fold

BEGIN_NS = 1_702_564_200_000_000_000
"""2023-12-14 09:30 in New York."""
SOURCE = "rehearsal"
EXPIRIES = (("240119", 36.0), ("240315", 92.0))
DIVIDEND_DAYS = 50


def rehearse(fold: Fold) -> None:
    """Let a fresh fold of analytics reckon an equity with a dividend between two expiries, and an index."""
    for symbol in ("XYZ", "SPX"):
        fold.apply([wire.encode(event) for event in _events(symbol)])
        for turn in range(3):
            fold.apply([_quotes(symbol, BEGIN_NS + turn * SECOND_NS), _promise(BEGIN_NS + turn * SECOND_NS + DAY_NS)])


def _events(symbol: str) -> list[MarketEvent]:
    ex_ns, next_ns = BEGIN_NS + DIVIDEND_DAYS * DAY_NS, BEGIN_NS + 45 * DAY_NS
    return [
        MarketEvent(symbol, SOURCE, BEGIN_NS, MarketEventKind.DIVIDEND, start_ns=ex_ns, value=0.5),
        MarketEvent(symbol, SOURCE, BEGIN_NS, MarketEventKind.EARNINGS, start_ns=next_ns),
    ]


def _promise(event_ns: int) -> bytes:
    return wire.encode(MarketEvent("", SOURCE, event_ns, MarketEventKind.HEARTBEAT))


def _quotes(symbol: str, now_ns: int) -> bytes:
    contracts, bids, asks = [], [], []
    for day, days in EXPIRIES:
        for strike in range(80, 125, 5):
            for right in "CP":
                fair = float(greeks(100.0, strike, days / 365.0, 0.05, 0.0, 0.25, right == "C").price)
                contracts.append(f"{symbol:6}{day}{right}{strike * 1000:08d}")
                bids.append(max(fair - 0.05, 0.0))
                asks.append(fair + 0.05)
    count = len(contracts)
    rows = np.arange(2 * count)
    kind = np.where(rows < count, 1, 2).astype(np.uint8)
    empty, size = np.zeros(2 * count, np.uint8), np.full(2 * count, 10, np.int64)
    return encode_options(
        symbol, SOURCE, tuple(contracts), np.full(2 * count, now_ns, np.int64), rows % count, kind, empty,
        np.array([*bids, *asks]), size, np.zeros(2 * count, np.int64),
    )  # fmt: skip
