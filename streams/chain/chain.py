"""The figures of a chain at an instant: each expiry's forward, borrow, volatilities and greeks, and the surface of all.

    chain = Chain(rates)
    view = chain.look(quotes, event_ns, dividends)     # as often as is wanted; what it learns serves the next look

A contract whose root says that it was adjusted (AAPL1) is left out: what it delivers is not in its symbol. An expiry
that is past is left out, one in its last minute is not. A contract that is traded and was never quoted (a recording of
trades alone) counts as quoted around its last trade, TRADE_HALF of it to each side.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from streams.chain.calendar import is_dealt, session_clock, session_days
from streams.chain.dividends import Dividend
from streams.chain.quotes import ChainQuotes
from streams.chain.slice_state import exercise_of, saved_exercise
from streams.options.contracts import class_of, expiry_ns, years_to
from streams.options.contracts.clock import SECOND_NS, new_york_day
from streams.options.contracts.expiry import Settlement
from streams.options.forward.borrow import Borrow
from streams.options.forward.carry import Terms, terms
from streams.options.forward.slices import BUILDS_MAX, ExpirySlice, SliceState, columns_of, slice_of
from streams.options.hygiene.measure import stale_age
from streams.options.ladder import Ladder, ladder
from streams.options.rates import RateCurves
from streams.options.surface.chain import SurfaceFit, fit_chain
from streams.options.surface.clock import VolatilityClock, volatility_years
from streams.options.surface.slices import SLICE_SIZE

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
NO_RATE = 0.0
BUILD_NS = 50_000_000
TRADE_HALF, TRADE_HALF_MIN = 0.01, 0.01
"""Share of a trade's price, and quote currency."""
_SMILE = ("k", "vol", "half_spread")


class ExpiryKey(NamedTuple):
    """An expiry's instant and root: SPX and SPXW of one day are two."""

    expiry_ns: int
    root: str


@dataclass(frozen=True)
class ExpiryView:
    """One expiry at the event. rows: (n,) its contracts' places in the chain's columns; the slice is in their order."""

    key: ExpiryKey
    day: date
    american: bool
    rows: I64
    rungs: Ladder
    terms: Terms
    slice: ExpirySlice
    strike: F64
    """(n,), NaN for a contract on no rung."""
    is_call: NDArray[np.bool_]


@dataclass(frozen=True)
class ChainView:
    """A chain at an event. spot: middle of the underlying's quote, its last trade without one, else NaN.

    expiries: by instant, and the surface's slices in their order. clock: (e,) volatility years to each.
    dividends: those before the last expiry. rate_known: whether a curve holds on the day.
    """

    symbol: str
    event_ns: int
    spot: float
    rate_known: bool
    dividends: tuple[Dividend, ...]
    expiries: tuple[ExpiryView, ...]
    clock: F64
    surface: SurfaceFit
    sessions: VolatilityClock

    def clock_to(self, ahead_ns: int) -> float:
        """Return volatility years to an instant ahead, ns from the event."""
        return float(volatility_years(self.sessions, self.event_ns, self.event_ns + ahead_ns)[0])


@dataclass
class _Expiry:
    """What an expiry keeps from look to look."""

    day: date
    american: bool
    rows: list[int] = field(default_factory=list)
    rungs: Ladder | None = None
    state: SliceState = field(default_factory=SliceState)
    last: F64 = field(default_factory=lambda: np.full(SLICE_SIZE, np.nan))


class Chain:
    """The chain of one underlying from event to event; what it gives is a function of its looks, in order.

    Tables of contracts over cash dividends cost 2 ms each: a look builds one for each BUILD_NS since the look before,
    for all expiries together, near the money of the first expiry first.
    """

    def __init__(self, rates: RateCurves) -> None:
        self._rates = rates
        self._looked_ns = 0
        self._expiries: dict[ExpiryKey, _Expiry] = {}
        self._sorted = 0
        self._years = (0, 0)
        """First and last year that the calendar is asked for."""

    def look(self, quotes: ChainQuotes, event_ns: int, dividends: Sequence[Dividend]) -> ChainView | None:
        """Return the figures at an event, which is not before that of the newest quote; None without an expiry.

        dividends: those that go ex between the event and the last expiry, by date.
        """
        day = new_york_day(event_ns)
        self.learn(quotes, day)
        for key in [key for key in self._expiries if key.expiry_ns <= event_ns]:
            del self._expiries[key]
        if not self._expiries:
            return None
        bid, ask = under(quotes)
        curve = self._rates.at(day)
        bids, asks, ages = dealt_at(quotes, event_ns)
        old_s, left, neighbour = stale_age(ages), self._builds(event_ns), np.nan
        ex_years = [float(years_to(one.ex_ns, event_ns)) for one in dividends]
        cash = [one.cash for one in dividends]
        views: list[ExpiryView] = []
        for key in sorted(self._expiries):
            kept = self._expiries[key]
            years = float(years_to(key.expiry_ns, event_ns))
            of = terms(years, NO_RATE if curve is None else float(curve.zero(years)), ex_years, cash)
            rows, rungs = np.array(kept.rows, np.int64), _rungs(kept, quotes)
            found, kept.state = slice_of(
                rungs, bids[rows], asks[rows], ages[rows], of, bid, ask,
                american=kept.american, event_ns=event_ns, state=kept.state, neighbour=neighbour,
                suspicious=quotes.doubt[rows], stale_s=old_s, builds_max=left,
            )  # fmt: skip
            left = max(0, left - found.builds)
            neighbour = found.forward.known.mean if found.forward.known.measured else neighbour
            strike, is_call, _, _ = columns_of(rungs)
            views.append(ExpiryView(key, kept.day, kept.american, rows, rungs, of, found, strike, is_call))
        sessions = session_clock(*self._years)
        clock = volatility_years(sessions, event_ns, np.array([view.key.expiry_ns for view in views], np.int64))
        return ChainView(
            quotes.symbol, event_ns, 0.5 * (bid + ask), curve is not None, tuple(dividends), tuple(views), clock,
            self._surface(views), sessions,
        )  # fmt: skip

    def is_dealt(self, quotes: ChainQuotes, event_ns: int) -> bool:
        """Return whether there are contracts, and they are dealt in just before an instant."""
        self.learn(quotes, new_york_day(event_ns))
        if not self._expiries:
            return False
        return is_dealt(session_days(*self._years), event_ns, class_of(quotes.symbol).late_minutes)

    def _builds(self, event_ns: int) -> int:
        """Return how many tables a look may build."""
        since_ns, self._looked_ns = event_ns - self._looked_ns if self._looked_ns else 0, event_ns
        return max(BUILDS_MAX, since_ns // BUILD_NS)

    def last_expiry_ns(self) -> int:
        """Return when the last expiry ends; 0 where there is none."""
        return max(self._expiries, default=ExpiryKey(0, "")).expiry_ns

    def learn(self, quotes: ChainQuotes, day: date) -> None:
        """Sort contracts that are new into their expiries."""
        for row in range(self._sorted, len(quotes.contracts)):
            contract = quotes.contracts[row]
            if contract.is_adjusted:
                continue
            kind = class_of(quotes.symbol)
            settled = {series.root: series.settlement for series in kind.series}
            # A year more at the front: an expiry on a holiday ends with the session before it.
            if not self._years[0] < min(contract.expiry.year, day.year) <= contract.expiry.year <= self._years[1]:
                first = min(day.year - 1, self._years[0] or day.year - 1, contract.expiry.year - 1)
                self._years = first, max(self._years[1], contract.expiry.year, day.year)
            days = session_days(*self._years)
            instant = expiry_ns(contract.expiry, days, settled.get(contract.root, Settlement.PM))
            kept = self._expiries.setdefault(ExpiryKey(instant, contract.root), _Expiry(contract.expiry, kind.american))
            kept.rows.append(row)
            kept.rungs = None
        self._sorted = len(quotes.contracts)

    def _surface(self, views: Sequence[ExpiryView]) -> SurfaceFit:
        smiles = [view.slice.smile for view in views]
        begins = np.cumsum([0, *(smile.k.size for smile in smiles)])
        columns = [np.concatenate([np.empty(0), *(getattr(one, name) for one in smiles)]) for name in _SMILE]
        last = [self._expiries[view.key].last for view in views]
        years = [view.terms.years for view in views]
        fit = fit_chain(begins, columns[0], columns[1], columns[2], years, np.array(last).reshape(-1, SLICE_SIZE))
        for view, row in zip(views, fit.slices, strict=True):
            self._expiries[view.key].last = row
        return fit

    # ---- state ------------------------------------------------------------------------------------------------------

    def saved(self) -> tuple[Any, dict[str, NDArray[Any]]]:
        """Return head and arrays, as pack takes them."""
        arrays: dict[str, NDArray[Any]] = {}
        heads = []
        for number, (key, kept) in enumerate(self._expiries.items()):
            state = kept.state
            way, own = saved_exercise(state.exercise)
            arrays |= {f"{number}/{name}": array for name, array in own.items()}
            arrays |= {f"{number}/rows": np.array(kept.rows, np.int64), f"{number}/vol": state.vol}
            arrays |= {f"{number}/last": kept.last}
            borrow = [state.borrow.mean, state.borrow.deviation, state.borrow.event_ns]
            day = kept.day.isoformat()
            heads.append([*key, day, kept.american, borrow, state.forward, way, state.dividends])
        return [self._sorted, self._years, self._looked_ns, heads], arrays

    def restore(self, head: Any, arrays: dict[str, NDArray[Any]]) -> None:
        """Take back, into a new instance, what `saved` returned."""
        self._sorted, years, self._looked_ns, heads = head
        self._years = int(years[0]), int(years[1])
        for number, (instant, root, day, american, borrow, forward, way, dividends) in enumerate(heads):
            own = {name.partition("/")[2]: array for name, array in arrays.items() if name.startswith(f"{number}/")}
            state = SliceState(
                Borrow(*borrow), forward, exercise_of(way, own), own["vol"],
                tuple((int(minute), float(cash)) for minute, cash in dividends),
            )  # fmt: skip
            kept = _Expiry(date.fromisoformat(day), american, own["rows"].tolist(), None, state, own["last"])
            self._expiries[ExpiryKey(instant, root)] = kept


def _rungs(kept: _Expiry, quotes: ChainQuotes) -> Ladder:
    if kept.rungs is None:
        of = [quotes.contracts[row] for row in kept.rows]
        kept.rungs = ladder([one.strike for one in of], [one.is_call for one in of])
    return kept.rungs


def ages_s(quotes: ChainQuotes, event_ns: int) -> F64:
    """Return how long ago each contract's quote last changed, (n,) seconds; NaN: never quoted."""
    return np.where(quotes.quote_ns() >= 0, (event_ns - quotes.quote_ns()) / SECOND_NS, np.nan)


def dealt_at(quotes: ChainQuotes, event_ns: int) -> tuple[F64, F64, F64]:
    """Return what each contract can be dealt at and how old that is in seconds, (n,) each: see the module's head."""
    bid, ask, ages = quotes.column("bid"), quotes.column("ask"), ages_s(quotes, event_ns)
    traded = (quotes.quote_ns() < 0) & (quotes.count("last_ns") >= 0)
    if not traded.any():
        return bid, ask, ages
    last = quotes.column("last")
    half = np.maximum(TRADE_HALF * last, TRADE_HALF_MIN)
    since = (event_ns - quotes.count("last_ns")) / SECOND_NS
    return np.where(traded, last - half, bid), np.where(traded, last + half, ask), np.where(traded, since, ages)


def under(quotes: ChainQuotes) -> tuple[float, float]:
    """Return what the underlying can be dealt at: bid and ask; without a sound pair its last trade twice, else NaN."""
    bid, ask, last = quotes.under_bid.price, quotes.under_ask.price, quotes.under_last.price
    if bid > 0.0 and ask >= bid:
        return bid, ask
    return (last, last) if last > 0.0 else (float("nan"), float("nan"))
