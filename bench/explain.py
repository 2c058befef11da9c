"""P&L explained: how much of position-days in simulated and recorded chains is left over, at marks a minute apart.

Recordings of `aiots ingest sim --options`, and LEAN's GOOG of 2015-12-23, go through analytics, router and explainer in
memory. Every contract is held from its first mark on that has a value, one bought, the next one sold: calls and puts,
all strikes, expiries from the same day to months, a night with them. What a fill costs (spread, fee) explains nothing
and is left out. The unexplained of a position and day is held against

- the sum of the sizes of its terms, which is the goal;
- gross moves, the sum of the sizes of its minutes' changes of value: no term that cancels another makes it larger;
- the day's change of value itself, which may be next to nothing while much has moved.

A day that moved less than a cent in all is left out, and counted: money is in whole cents.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.context import Context
from bench.figures import Figure, below
from connectors.sources.lean import open_lean
from connectors.sources.record import SourceRecord
from connectors.sources.sim import INSTRUMENTS, OptionParams, SimSource, open_sim
from schemas import wire
from schemas.records import ChainFrame, Fill, OptionMark, OrderOrigin, Purpose, Side, Watch
from streams.book import router
from streams.book.explain.fold import Explainer
from streams.book.explain.terms import NOTHING, Terms
from streams.book.valuation import option_micro
from streams.options.contracts.clock import DAY_NS, SECOND_NS, new_york_day
from streams.runtime.options import fold_factory, make_params
from streams.stage import Output
from streams.topology import BY_NAME

F64 = NDArray[np.float64]

SECTION = "explain"
NAMES = tuple(one.symbol for one in INSTRUMENTS)
SIMULATED_MAX, RECORDED_MAX = 0.02, 0.05
LEARNT_NS = 20 * SECOND_NS
"""After the opening: until then tables are built."""
BATCH = 256
CENT = 0.01
RECORDED_DAY, RECORDED_RATES = date(2015, 12, 23), {"2010-01-01": 0.0025}
RECORDED_END_NS = 1_450_882_800_000_000_000
"""10:00 in New York."""


@dataclass(frozen=True)
class Run:
    """One simulated recording: seed, first day, sessions, minutes of each, symbols."""

    seed: int
    day: date
    days: int = 1
    minutes: int = 6
    symbols: tuple[str, ...] = NAMES
    strikes: int = 5

    def source(self) -> SimSource:
        """Open it."""
        options = OptionParams(self.symbols, rate=0.25, expiries=4, strikes=self.strikes)
        return open_sim(
            self.seed, day=self.day, days=self.days, symbols=self.symbols, minutes=self.minutes,
            rate=1.5 * len(self.symbols), options=options,
        )  # fmt: skip


FRIDAY = date(2025, 6, 6)
RUNS = (Run(1, FRIDAY), Run(2, date(2025, 6, 5), days=2), Run(3, date(2025, 6, 2), minutes=10))
"""On the day of an expiry; the day before it, the night and the day; four days before it."""
RUNS_QUICK = (Run(4, FRIDAY, minutes=3, symbols=("TSLA",)),)


class Left(NamedTuple):
    """A position's day: its terms without what fills cost, and the sum of the sizes of its minutes' changes, dollars.

    expires_ns: of the contract, after the day's last mark.
    """

    symbol: str
    day: str
    terms: Terms
    gross: float
    expires_ns: int

    @property
    def share(self) -> float:
        """Return the unexplained as a share of the sizes of its terms."""
        return abs(self.terms.unexplained) / self.terms.explained_size if self.terms.explained_size else 0.0


class Minutes(Explainer):
    """The explainer, which also counts what each minute moved."""

    def __init__(self) -> None:
        super().__init__("paper")
        self.gross: dict[tuple[str, str], float] = {}

    def _add(self, event_ns: int, strategy: str, symbol: str, terms: Terms) -> None:
        super()._add(event_ns, strategy, symbol, terms)
        key = (new_york_day(event_ns).isoformat(), symbol)
        moved = abs(terms.total - terms.spread - terms.fees)
        self.gross[key] = self.gross.get(key, 0.0) + moved


def run(context: Context) -> None:
    """Measure; add the figures to the report."""
    found: list[Left] = []
    for one in RUNS_QUICK if context.quick else RUNS:
        context.say(f"{SECTION}: {len(one.symbols)} symbols, seed {one.seed}, {one.days} days of {one.minutes} minutes")
        source = one.source()
        assert source.params.options is not None
        marks = marks_of(source.records(1), {"2020-01-01": source.params.options.interest})
        found += explained(marks, source.first_ns + LEARNT_NS)
    _told(context, "simulated", found, SIMULATED_MAX)
    near = [one for one in found if one.expires_ns < DAY_NS]
    _told(context, "simulated, within a day of expiry", near, SIMULATED_MAX)
    if context.data is None:
        context.note(f"{SECTION}: no recorded data, so only simulated chains")
    elif not context.quick:
        marks = marks_of(recorded(context.data / "lean" / "Data"), RECORDED_RATES)
        _told(context, "GOOG of 2015-12-23 until ten", explained(marks), RECORDED_MAX)


def recorded(folder: Any) -> Iterable[SourceRecord]:
    """Yield LEAN's records of the day, until ten."""
    source = open_lean([folder], symbols=("GOOG",), first=RECORDED_DAY, last=RECORDED_DAY)
    for record in source.records(1):
        if record.event_ns > RECORDED_END_NS:
            return
        yield record


def _told(context: Context, name: str, every: Sequence[Left], bound: float) -> None:
    moved = [one for one in every if one.gross >= CENT]
    share = np.array([one.share for one in moved])
    gross = np.array([abs(one.terms.unexplained) / one.gross for one in moved])
    net = np.array([abs(one.terms.unexplained) / max(abs(one.terms.total), CENT) for one in moved])
    note = f"{len(moved):,} position-days of {len(every):,}; p50 {quantile(share, 0.5):.5f}"
    note += f", p99 {quantile(share, 0.99):.4f}, largest {quantile(share, 1.0):.3f}"
    context.add(below(SECTION, f"{name}: unexplained of its terms, p95", quantile(share, 0.95), "", bound, note=note))
    note = f"p99 {quantile(gross, 0.99):.4f}"
    context.add(Figure(SECTION, f"{name}: of gross moves, p95", quantile(gross, 0.95), "", note=note))
    note = f"p99 {quantile(net, 0.99):.4f}"
    context.add(Figure(SECTION, f"{name}: of the day's change, p95", quantile(net, 0.95), "", note=note))


def quantile(values: F64, of: float) -> float:
    """Return a quantile; NaN, which no goal accepts, where there are none, or one is NaN."""
    return float(np.quantile(values, of)) if values.size else float("nan")


def marks_of(records: Iterable[SourceRecord], rates: dict[str, float]) -> list[OptionMark]:
    """Return the router's marks of every contract of a recording, watched from the beginning."""
    features = features_of([record.payload for record in records], rates)
    frames = [wire.decode(payload) for payload in features if wire.name_of(payload) == "ChainFrame"]
    wanted = sorted({(one.symbol, name) for one in frames if isinstance(one, ChainFrame) for name in one.contracts})
    fold, marks = router.make(router.Params(), 0, 1), list[OptionMark]()
    for out in fold.apply([*[wire.encode(Watch(symbol, name, 0)) for symbol, name in wanted], *features]):
        assert isinstance(out, Output), out
        mark = wire.decode(out.payload)
        assert isinstance(mark, OptionMark)
        marks.append(mark)
    return marks


def features_of(payloads: Sequence[bytes], rates: dict[str, float]) -> list[bytes]:
    """Return what analytics tells of chains, at its default pace; AssertionError where it rejects a record."""
    stage, told = BY_NAME["analytics"], list[bytes]()
    fold = fold_factory(stage, make_params(stage, {"rates": rates}), 0, 1)()
    for first in range(0, len(payloads), BATCH):
        for out in fold.apply(payloads[first : first + BATCH]):
            assert isinstance(out, Output), out
            if wire.name_of(out.payload) in ("ChainFrame", "SurfaceFrame"):
                told.append(out.payload)
    return told


def explained(marks: Iterable[OptionMark], since_ns: int = 0) -> list[Left]:
    """Return the days of positions in all contracts, bought and sold in turn at the first mark that has a value."""
    explainer, held, ends = Minutes(), set[str](), dict[tuple[str, str], int]()
    for mark in marks:
        if mark.event_ns < since_ns:
            continue
        explainer.take(mark)
        ends[(new_york_day(mark.event_ns).isoformat(), mark.symbol)] = mark.expiry_ns - mark.event_ns
        micro = option_micro(mark, None)
        if mark.symbol not in held and micro:
            held.add(mark.symbol)
            explainer.take(_filled(mark, micro, Side.SELL if len(held) % 2 == 0 else Side.BUY))
    rows = explainer.rows()
    return [
        Left(row.symbol, row.day, terms, explainer.gross[(row.day, row.symbol)], ends[(row.day, row.symbol)])
        for row in rows
        if (terms := row.terms._replace(spread=0.0, fees=0.0)) != NOTHING
    ]


def _filled(mark: OptionMark, micro: int, side: Side) -> Fill:
    cents = max(round(micro / 10_000), 1)
    tail = (Purpose.ENTRY, "s", "all", float("nan"), float("nan"), mark.expiry_ns)
    return Fill(
        f"f{mark.symbol}", f"o{mark.symbol}", "paper", mark.symbol, mark.event_ns, side, 1, cents, 0, 0, *tail,
        multiplier=100, origin=OrderOrigin.SIGNAL,
    )  # fmt: skip
