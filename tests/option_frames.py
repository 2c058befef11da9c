"""Option quotes that are consistent, as rows over time, and their frames under any cut: for tests of the chain."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.frames import encode_ticks
from schemas.option_frames import encode_options
from streams.options.contracts.clock import SECOND_NS
from streams.options.greeks import greeks

BEGIN_NS = 1_702_564_200_000_000_000  # 2023-12-14 09:30 in New York
UNDER, OPTIONS = "ticks", "options"
BID, ASK, TRADE, INTEREST = 1, 2, 0, 3
SYMBOL, SOURCE = "XYZ", "test"
RATE = 0.05
EXPIRIES = (("231215", 1.27 / 365.0), ("240119", 36.27 / 365.0))


class Row(NamedTuple):
    """A row of the underlying (contract -1) or of a contract."""

    time_ns: int
    contract: int
    kind: int
    price: float
    size: int


@dataclass(frozen=True)
class Session:
    """contracts: OSI symbols; rows: by time."""

    contracts: tuple[str, ...]
    rows: tuple[Row, ...]


def session(seconds: float = 4.0, strikes: Sequence[int] = (90, 95, 100, 105, 110), seed: int = 1) -> Session:
    """Return a session of quotes of two expiries around a spot that walks; every side moves by itself."""
    random = np.random.default_rng(seed)
    contracts, terms = [], []
    for day, years in EXPIRIES:
        for strike in strikes:
            for right in "CP":
                contracts.append(f"{SYMBOL:6}{day}{right}{strike * 1000:08d}")
                terms.append((strike, years, right == "C"))
    k, life, call = (np.array(one) for one in zip(*terms, strict=True))
    rows: list[Row] = []
    now = BEGIN_NS + 200_000_000
    rows += [Row(now, at, INTEREST, 0.0, 100 + at) for at in range(len(contracts))]
    spot = 100.0
    while now < BEGIN_NS + int(seconds * SECOND_NS):
        now += int(random.integers(1, 40)) * 1_000_000
        spot += float(random.normal(0.0, 0.02))
        fair = greeks(spot, k, life, RATE, 0.0, 0.2 + 0.001 * (100.0 - k), call).price
        if random.random() < 0.4:
            rows += [Row(now, -1, BID, round(spot - 0.01, 2), 100), Row(now, -1, ASK, round(spot + 0.01, 2), 100)]
        for at in random.choice(len(contracts), 4, replace=False).tolist():
            half = 0.02 + 0.01 * float(fair[at])
            rows.append(Row(now, at, BID, max(round(float(fair[at]) - half, 2), 0.0), 10))
            rows.append(Row(now, at, ASK, round(float(fair[at]) + half, 2), 10))
        if random.random() < 0.1:
            rows.append(Row(now, int(random.integers(len(contracts))), TRADE, round(float(fair[at]), 2), 3))
    return Session(tuple(contracts), tuple(rows))


def frames(of: Session, cuts: Sequence[int]) -> Iterator[bytes]:
    """Yield the session's records, cut before each of the row numbers in cuts: options and underlying of each part."""
    edges = sorted({0, len(of.rows), *(cut for cut in cuts if 0 < cut < len(of.rows))})
    for first, last in pairwise(edges):
        part = of.rows[first:last]
        # The frames of a part are written by the time of their first rows, as sources do.
        kinds = sorted({row.contract < 0 for row in part}, key=lambda under: _first(part, under))
        for under in kinds:
            yield _encoded(of, [row for row in part if (row.contract < 0) == under], under)


def _first(part: Sequence[Row], under: bool) -> int:
    return next(row.time_ns for row in part if (row.contract < 0) == under)


def _encoded(of: Session, rows: Sequence[Row], under: bool) -> bytes:
    time = np.array([row.time_ns for row in rows], np.int64)
    kind = np.array([row.kind for row in rows], np.uint8)
    price = np.array([row.price for row in rows])
    size = np.array([row.size for row in rows], np.int64)
    flags, condition = np.zeros(len(rows), np.uint8), np.zeros(len(rows), np.int64)
    if under:
        return encode_ticks(SYMBOL, SOURCE, time, kind, flags, price, size, condition)
    contract: NDArray[np.int64] = np.array([row.contract for row in rows], np.int64)
    return encode_options(SYMBOL, SOURCE, of.contracts, time, contract, kind, flags, price, size, condition)
