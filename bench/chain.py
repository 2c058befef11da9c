"""Live chains: 2,000 contracts that are quoted ten times a second each, folded by analytics on one core.

A simulated surface (SSVI) with ten expiries under a spot that walks; each quote is a bid and an ask row. A dividend
payer and one that pays none. Records hold CUT_NS of event time, as a live source would cut them, and arrive when that
is over; the fold takes each when it is there and the one before it is done. A quote's delay is from its event to the
end of the fold's call that tells its contract's figures: waiting for the record's end, for the next record (which makes
the instant known), for the fold, and its work. A quote that a newer one of its contract replaced is not told.
"""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
from numpy.typing import NDArray

from bench.context import Context
from bench.figures import below
from connectors.sources.sim_chain import ChainState, chain_mids, chain_state
from connectors.sources.sim_chain_truth import TruthKind, draw_truth
from connectors.sources.sim_market import generator
from schemas import wire
from schemas.frames import encode_ticks
from schemas.option_frames import encode_options
from schemas.records import ChainFrame, MarketEvent, MarketEventKind, SurfaceFrame
from streams.options.contracts.clock import DAY_NS, SECOND_NS
from streams.options.contracts.expiry import YEAR_NS
from streams.runtime.garbage import settle
from streams.runtime.options import fold_factory, make_params
from streams.stage import Output, Rejected
from streams.topology import BY_NAME

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

SECTION = "chain"
BEGIN_NS = 1_702_564_200_000_000_000
"""2023-12-14 09:30 in New York."""
DAY = date(2023, 12, 14)
EXPIRIES = ("231215", "231222", "231229", "240105", "240112", "240119", "240216", "240315", "240621", "250117")
CLOSES_NS = 6 * 3_600 * SECOND_NS + 1_800 * SECOND_NS
STRIKES, SPOT = 100, 100.0
UPDATES = 10
"""A second and contract."""
CUT_NS = 10_000_000
SECONDS, SECONDS_QUICK, WARM_SECONDS = 65, 3, 45
DELAY_MS_MAX, PAUSE_MS_MAX, SURFACE_MS_MAX = 50.0, 10.0, 250.0
SOURCE = "bench"
PARAMS = {"rates": {"2020-01-01": 0.04}, "chain_step_ms": 10, "chain_look_ms": 240, "chain_contract_ms": 10}
"""Of analytics: every quote is told at the next instant, or the one after."""
DIVIDEND_DAYS, DIVIDEND = 30, 0.5
RECORDS = 2
"""Options and ticks, for each CUT_NS."""


@dataclass(frozen=True)
class Contracts:
    """The chain's contracts, (n,) by expiry, strike, right; strikes: by expiry."""

    names: tuple[str, ...]
    strikes: list[F64]
    years: F64


def listed(symbol: str) -> Contracts:
    """Return ten expiries of a hundred strikes."""
    days = [
        (np.datetime64(f"20{one[:2]}-{one[2:4]}-{one[4:]}") - np.datetime64("2023-12-14")).astype(int)
        for one in EXPIRIES
    ]
    years = np.array([(int(day) * DAY_NS + CLOSES_NS) / YEAR_NS for day in days])
    strikes = [np.round(SPOT * (1.0 + 0.005 * max(1.0, 3.0 * math.sqrt(one)) * np.arange(-50, 50)), 1) for one in years]
    names = tuple(
        f"{symbol:6}{day}{right}{round(strike * 1000):08d}"
        for day, own in zip(EXPIRIES, strikes, strict=True)
        for strike in own.tolist()
        for right in "CP"
    )
    return Contracts(names, strikes, years)


def session(symbol: str, seconds: int, pays: bool) -> Iterator[bytes]:
    """Yield the records of a session, in the order of event time."""
    contracts = listed(symbol)
    truth = draw_truth(TruthKind.SSVI, 3)
    state: ChainState = chain_state(truth, contracts.years, seconds / 31_536_000.0)
    random = generator(3, 1)
    count, spot = len(contracts.names), SPOT
    ex_ns = BEGIN_NS + DIVIDEND_DAYS * DAY_NS
    if pays:
        event = MarketEvent(symbol, SOURCE, BEGIN_NS, MarketEventKind.DIVIDEND, start_ns=ex_ns, value=DIVIDEND)
        yield wire.encode(event)
    paid = np.where(contracts.years * YEAR_NS > ex_ns - BEGIN_NS, DIVIDEND, 0.0) if pays else np.zeros(len(EXPIRIES))
    for part in range(seconds * SECOND_NS // CUT_NS):
        begin_ns = BEGIN_NS + part * CUT_NS
        spot *= math.exp(random.normal(0.0, 0.2 * math.sqrt(CUT_NS / YEAR_NS)))
        mids = chain_mids(state, part * CUT_NS / YEAR_NS, spot - paid, contracts.strikes)
        fair = np.concatenate([np.stack([one.call, one.put], axis=1).reshape(-1) for one in mids])
        # Every quote comes once in a tenth of a second; all of them in the very first part.
        rows = np.arange(count) if part == 0 else np.flatnonzero(random.random(count) < UPDATES * CUT_NS / SECOND_NS)
        yield _quotes(symbol, contracts, begin_ns, rows, fair, random)
        yield _ticks(symbol, begin_ns, spot)


def _quotes(symbol: str, of: Contracts, begin_ns: int, rows: I64, fair: F64, random: np.random.Generator) -> bytes:
    times = np.sort(random.integers(0, CUT_NS, len(rows))) + begin_ns
    rows = random.permutation(rows)
    half = np.maximum(0.01, 0.01 * fair[rows])
    bid, ask = np.floor((fair[rows] - half) * 100) / 100, np.ceil((fair[rows] + half) * 100) / 100
    count = 2 * len(rows)
    kind, flags = np.tile(np.array([1, 2], np.uint8), len(rows)), np.tile(np.array([2, 0], np.uint8), len(rows))
    price = np.stack([np.maximum(bid, 0.0), ask], axis=1).reshape(-1)
    return encode_options(
        symbol, SOURCE, of.names, np.repeat(times, 2), np.repeat(rows, 2), kind, flags, price,
        np.full(count, 10, np.int64), np.zeros(count, np.int64),
    )  # fmt: skip


def _ticks(symbol: str, begin_ns: int, spot: float) -> bytes:
    at = np.full(2, begin_ns + CUT_NS - 1, np.int64)
    price, empty = np.array([round(spot - 0.005, 3), round(spot + 0.005, 3)]), np.zeros(2, np.uint8)
    size = np.full(2, 100, np.int64)
    return encode_ticks(symbol, SOURCE, at, np.array([1, 2], np.uint8), empty, price, size, np.zeros(2, np.int64))


def run(context: Context) -> None:
    """Measure."""
    for symbol, pays in (("NOP", False), ("PAY", True)):
        _one(context, symbol, pays)


def _one(context: Context, symbol: str, pays: bool) -> None:
    seconds = context.size(SECONDS, SECONDS_QUICK)
    warm = 0 if context.quick else WARM_SECONDS
    stage = BY_NAME["analytics"]
    fold = fold_factory(stage, make_params(stage, PARAMS), 0, 1)()
    payloads = list(session(symbol, seconds, pays))
    kind = "dividend payer" if pays else "no dividends"
    context.say(f"{SECTION}: {seconds} s of 2,000 contracts, {UPDATES} quotes a second each, {kind}")
    run = _Run(warm * SECOND_NS + BEGIN_NS)
    settle()
    # A dividend's event comes before the first of the records that are paced.
    for number, payload in enumerate(payloads, -1 if pays else 0):
        began_s = time.perf_counter()
        out = fold.apply([payload])
        run.take(number, out, round((time.perf_counter() - began_s) * 1e9))
    measured_s = seconds - warm
    delay_ms = np.concatenate(run.delays) / 1e6
    p99, took_ms = float(np.percentile(delay_ms, 99)), np.array(run.took) / 1e6
    note = f"p50 {np.median(delay_ms):.0f}, {delay_ms.size / measured_s:,.0f} rows/s told"
    context.add(below(SECTION, f"{kind}: quote to figures, p99", p99, "ms", DELAY_MS_MAX, note=note))
    longest = float(took_ms.max())
    note = f"p99 {np.percentile(took_ms, 99):.1f}, {np.mean(took_ms > PAUSE_MS_MAX):.2%} above {PAUSE_MS_MAX:.0f}"
    context.add(below(SECTION, f"{kind}: longest call of the fold", longest, "ms", PAUSE_MS_MAX, note=note))
    gap = float(np.percentile(np.diff(run.surfaces) / 1e6, 99))
    context.add(below(SECTION, f"{kind}: surface to surface, p99", gap, "ms", SURFACE_MS_MAX))
    context.add(below(SECTION, f"{kind}: share of a core", float(took_ms.sum()) / 1e3 / measured_s, "", 1.0))


@dataclass
class _Run:
    """What is measured, from an event on. ns all; free: when the fold is done with the record before."""

    from_ns: int
    took: list[int] = field(default_factory=list)
    delays: list[I64] = field(default_factory=list)
    surfaces: list[int] = field(default_factory=list)
    free_ns: int = 0

    def take(self, number: int, out: Sequence[Output | Rejected], spent_ns: int) -> None:
        """Take what the fold gave for a record."""
        arrived_ns = BEGIN_NS + (number // RECORDS + 1) * CUT_NS
        self.free_ns = max(self.free_ns, arrived_ns) + spent_ns
        if arrived_ns < self.from_ns:
            self.free_ns = arrived_ns
            return
        self.took.append(spent_ns)
        for one in out:
            if isinstance(one, Rejected):
                raise AssertionError(one.detail)
            told = wire.decode(one.payload) if isinstance(one, Output) else None
            if isinstance(told, ChainFrame) and not told.whole:
                self.delays.append(self.free_ns - (told.event_ns - told.age_ms[told.age_ms >= 0] * 1_000_000))
            elif isinstance(told, SurfaceFrame):
                self.surfaces.append(told.event_ns)
