"""The truth of simulated chains, and what analytics finds of it: forward, borrow, volatilities, the earnings' move.

Recordings of `aiots ingest sim --options` (docs/simulated_chains.md) are folded in memory as a stage's process folds
them, at its default pace. Every SurfaceFrame and some ChainFrames are held to the truth of their instant, from
LEARNT_NS after the first opening on; later openings count. A volatility's error is in half spreads of its quote, of
quotes that are worth more than their exercise by half a spread: no price says the volatility of the others.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bench.context import Context
from bench.figures import below
from connectors.sources.sim import INSTRUMENTS, OptionParams, SimSource, open_sim
from connectors.sources.sim_chain_market import KINDS, OptionTruth
from schemas import wire
from schemas.osi import OptionSymbol, parse_osi
from schemas.records import ChainFrame, SurfaceFrame
from streams.runtime.options import fold_factory, make_params
from streams.stage import Rejected
from streams.topology import BY_NAME

F64 = NDArray[np.float64]

SECTION = "chain_truth"
LEARNT_NS = 20_000_000_000
"""After the opening: until then tables are built, and the borrow is learnt."""
CHAIN_EVERY = 16
"""One of so many ChainFrames of a symbol is held to the truth, contract by contract."""
NEAR_YEARS = 7.0 / 365.0
FORWARD_BP_MAX, BORROW_BP_MAX, VOL_HALVES_MAX, MOVE_MAX = 2.0, 25.0, 1.0, 0.1
BATCH = 256
NAMES = tuple(one.symbol for one in INSTRUMENTS)


@dataclass(frozen=True)
class Run:
    """One recording: its seed, sessions, minutes of each, ticks of all symbols a second, symbols."""

    seed: int
    days: int = 1
    minutes: int = 2
    rate: float = 30.0
    symbols: tuple[str, ...] = NAMES

    def source(self) -> SimSource:
        """Open it."""
        options = OptionParams(self.symbols, expiries=6, strikes=16)
        return open_sim(
            self.seed, symbols=self.symbols, minutes=self.minutes, days=self.days, rate=self.rate, options=options
        )


RUNS = (*(Run(seed) for seed in (1, 3, 5, 7, 11, 13)), Run(17, days=3, minutes=1))
RUNS_QUICK = (Run(3, minutes=1, symbols=("AAPL", "MSFT", "GOOGL")),)


@dataclass
class Errors:
    """How far off figures are, and of which kind of truth: forwards (kind, years, bp, borrow's bp), quotes (kind,
    years, half spreads of the spot model's volatility and of Black's), moves (relative).
    """

    forwards: list[tuple[str, float, float, float]] = field(default_factory=list)
    quotes: list[tuple[str, float, float, float]] = field(default_factory=list)
    moves: list[float] = field(default_factory=list)

    def take(self, truth: OptionTruth, kind: str, frame: SurfaceFrame) -> None:
        """Hold a surface to the truth."""
        for number, expiry_ns in enumerate(frame.expiry_ns.tolist()):
            forward = truth.forward(frame.event_ns, expiry_ns, frame.spot)
            away_bp = abs(float(frame.forward[number]) / forward - 1.0) * 1e4
            borrow_bp = abs(float(frame.borrow[number]) - truth.borrow) * 1e4
            self.forwards.append((kind, float(frame.years[number]), away_bp, borrow_bp))
        if truth.event_ns > frame.event_ns:
            self.moves.append(abs(frame.event_move / truth.move - 1.0))

    def take_chain(self, truth: OptionTruth, kind: str, frame: ChainFrame) -> None:
        """Hold a chain's quotes to the truth."""
        contracts = [parse_osi(name) for name in frame.contracts]
        strike = np.array([each.strike for each in contracts if isinstance(each, OptionSymbol)])
        is_call = np.array([each.is_call for each in contracts if isinstance(each, OptionSymbol)])
        gain = np.maximum(np.where(is_call, frame.spot - strike, strike - frame.spot), 0.0)
        half, middle = 0.5 * (frame.ask - frame.bid), 0.5 * (frame.ask + frame.bid)
        for expiry_ns in np.unique(frame.expiry_ns).tolist():
            at = np.flatnonzero((frame.expiry_ns == expiry_ns) & np.isfinite(frame.iv) & (middle - gain >= half))
            if not at.size:
                continue
            given = (frame.event_ns, expiry_ns, strike[at], frame.spot)
            own = abs(frame.iv[at] - truth.spot_vol(*given)) / frame.half_spread[at]
            black = abs(frame.smile_vol[at] - truth.vol(*given)) / frame.half_spread[at]
            known = np.isfinite(own) & np.isfinite(black)
            years = (expiry_ns - frame.event_ns) / 31_536_000e9
            self.quotes += [
                (kind, years, *pair) for pair in zip(own[known].tolist(), black[known].tolist(), strict=True)
            ]


def errors_of(source: SimSource, frames: Iterable[SurfaceFrame | ChainFrame], into: Errors) -> None:
    """Hold what analytics told of a recording to its truth."""
    seen: dict[str, int] = {}
    for one in frames:
        if one.event_ns <= source.first_ns + LEARNT_NS:
            continue
        truth, kind = source.option_truth(one.symbol), KINDS[one.symbol].value
        if isinstance(one, SurfaceFrame):
            into.take(truth, kind, one)
        else:
            seen[one.symbol] = seen.get(one.symbol, -1) + 1
            if seen[one.symbol] % CHAIN_EVERY == 0:
                into.take_chain(truth, kind, one)


def told(source: SimSource) -> Iterator[SurfaceFrame | ChainFrame]:
    """Yield what analytics tells of a recording; AssertionError where it rejects a record."""
    stage = BY_NAME["analytics"]
    assert source.params.options is not None
    params = {"rates": {"2020-01-01": source.params.options.interest}}
    fold = fold_factory(stage, make_params(stage, params), 0, 1)()
    batch: list[bytes] = []

    def folded(payloads: Sequence[bytes]) -> Iterator[SurfaceFrame | ChainFrame]:
        for out in fold.apply(payloads):
            assert not isinstance(out, Rejected), out
            if wire.name_of(out.payload) in ("SurfaceFrame", "ChainFrame"):
                record = wire.decode(out.payload)
                assert isinstance(record, SurfaceFrame | ChainFrame)
                yield record

    for record in source.records(1):
        batch.append(record.payload)
        if len(batch) == BATCH:
            yield from folded(batch)
            batch = []
    yield from folded(batch)


def run(context: Context) -> None:
    """Fold all, judge all."""
    errors = Errors()
    for one in RUNS_QUICK if context.quick else RUNS:
        context.say(f"{SECTION}: seed {one.seed}, {one.days} x {one.minutes} min of {len(one.symbols)} symbols")
        source = one.source()
        errors_of(source, told(source), errors)
    report(context, errors)


def report(context: Context, errors: Errors) -> None:
    """Tell each figure at p95, judged over everything; by kind and for expiries within a week beside it."""
    forwards, quotes = table(errors.forwards), table(errors.quotes)
    count = f"{len(errors.forwards):,} forwards"
    for name, of, column, unit, bound in (
        ("forward", forwards, "one", "bp", FORWARD_BP_MAX),
        ("borrow", forwards, "other", "bp", BORROW_BP_MAX),
        ("volatility of the quote's model", quotes, "one", "half spreads", VOL_HALVES_MAX),
        ("Black's volatility", quotes, "other", "half spreads", VOL_HALVES_MAX),
    ):
        parts = [f"{kind} {p95(of[column][of['kind'] == kind]):.2f}" for kind in np.unique(of["kind"]).tolist()]
        parts += [
            f"{text} {p95(of[column][near]):.2f}"
            for text, near in (("within a week", of["years"] < NEAR_YEARS), ("later", of["years"] >= NEAR_YEARS))
        ]
        note = f"{', '.join(parts)}; {count if of is forwards else f'{len(quotes):,} quotes'}"
        context.add(below(SECTION, f"{name}, p95", p95(of[column]), unit, bound, note=note))
    # A surface whose expiries before and after the date are not both there says no move: counted, and no error.
    every = np.array(errors.moves)
    moves = every[np.isfinite(every)]
    note = f"largest {moves.max(initial=0.0):.3f}; {moves.size:,} of {every.size:,} surfaces"
    context.add(below(SECTION, "earnings move, p95 of its relative error", p95(moves), "", MOVE_MAX, note=note))


def table(rows: list[tuple[str, float, float, float]]) -> NDArray[np.void]:
    """Return rows as columns kind, years, one, other."""
    return np.array(rows, [("kind", "U16"), ("years", "f8"), ("one", "f8"), ("other", "f8")])


def p95(values: F64) -> float:
    """Return the 95 % quantile; NaN, which no goal accepts, where there are none, or one is NaN."""
    return float(np.quantile(values, 0.95)) if values.size else float("nan")
