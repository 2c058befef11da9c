"""The figures of a chain: looks at expiries in turn, contracts between two looks, the surface of all.

    chain = Chain(rates, step_ns, look_ns)
    chain.look(quotes, moment)                       # at the expiries that are due
    surface = chain.fit(moment)                      # where one is due
    chain.build(quotes, moment)                      # a table that waits, best where there was neither
    chain.reckon(quotes, moment, wanted)             # any contracts, at what their expiries' last looks have found
    chain.figures.column("iv")                       # of every contract, as it was last reckoned

An expiry is due where its quotes or the underlying have moved since its last look, which was `look_ns` ago or longer.
Where the stream is dense they take turns, evenly over `look_ns`, so that no instant has to look at all of them; where
it is not, all are looked at in the instant that finds them due.

A contract whose root says that it was adjusted (AAPL1) is left out: what it delivers is not in its symbol. An expiry
that is past is left out, one in its last minute is not. A contract that is traded and was never quoted (a recording of
trades alone) counts as quoted around its last trade, TRADE_HALF of it to each side.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from streams.chain.calendar import is_dealt, session_clock, session_days, since_opening_s
from streams.chain.dividends import Dividend
from streams.chain.expiry import Expiry, ExpiryKey, Standing, restored
from streams.chain.figures import Asked, ContractFigures, Part, TablesOfAll
from streams.chain.kernels import read_slices
from streams.chain.quotes import ChainQuotes
from streams.chain.roster import NOWHERE, Roster, roster_of
from streams.options.contracts import class_of, expiry_ns, years_to
from streams.options.contracts.clock import SECOND_NS, new_york_day
from streams.options.contracts.expiry import Settlement
from streams.options.forward.carry import Terms
from streams.options.forward.slices import build_tables, slice_of
from streams.options.hygiene.measure import LIMITS, hygiene_facts, judge, stale_age
from streams.options.rates import RateCurve, RateCurves
from streams.options.surface.chain import SurfaceFit, fit_chain
from streams.options.surface.clock import VolatilityClock, volatility_years
from streams.options.surface.slices import SLICE_SIZE

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
NO_RATE = 0.0
BUILD_NS = 25_000_000
BUILDS_FIRST, DENSE = 16, 10
"""Tables that the first looks build, as many as a forward takes; instants so many BUILD_NS apart are not dense, and
looks build."""
TRADE_HALF, TRADE_HALF_MIN = 0.01, 0.01
"""Share of a trade's price, and quote currency."""


@dataclass(frozen=True)
class Moment:
    """An instant and what holds at it. bid, ask: (n,) what each contract can be dealt at; age_s: (n,)."""

    event_ns: int
    under_bid: float
    under_ask: float
    curve: RateCurve | None
    dividends: tuple[Dividend, ...]
    terms: Mapping[ExpiryKey, Terms]
    """What each expiry is discounted and carried by."""
    bid: F64
    ask: F64
    age_s: F64
    spot_then: F64
    """The middle of the underlying when each contract was quoted, (n,), NaN: not known."""
    stale_s: float

    @property
    def spot(self) -> float:
        """Return the middle of the underlying's quote, its last trade without one, else NaN."""
        return 0.5 * (self.under_bid + self.under_ask)


class Surface(NamedTuple):
    """The surface at an instant: expiries with what their last looks found, by time. clock: (e,) volatility years."""

    keys: tuple[ExpiryKey, ...]
    standing: tuple[Standing, ...]
    fit: SurfaceFit
    clock: F64
    sessions: VolatilityClock

    def clock_to(self, event_ns: int, ahead_ns: int) -> float:
        """Return volatility years to an instant ahead."""
        return float(volatility_years(self.sessions, event_ns, event_ns + ahead_ns)[0])


class Chain:
    """The chain of one underlying from instant to instant; what it gives is a function of its calls, in order.

    Tables of contracts over cash dividends cost 2 ms each: one is built for each BUILD_NS of event time, for all
    expiries together, near the money of the first expiry first. Where the stream is dense they are built in instants
    that look at nothing and fit nothing.
    """

    def __init__(self, rates: RateCurves, step_ns: int, look_ns: int) -> None:
        self._rates, self._step_ns, self._look_ns = rates, step_ns, look_ns
        self._turns = look_ns // step_ns
        self._seen_ns = self._built_ns = self._fitted_ns = 0
        self._unfitted = False
        self._expiries: dict[ExpiryKey, Expiry] = {}
        self._in_order: list[tuple[ExpiryKey, Expiry]] | None = None
        self._known: Roster | None = None
        self._sorted = 0
        self._years = (0, 0)
        """First and last year that the calendar is asked for."""
        self._tables = TablesOfAll()
        self.figures = ContractFigures()

    @property
    def expiries(self) -> list[tuple[ExpiryKey, Expiry]]:
        """Return the expiries that are known, the earliest first."""
        if self._in_order is None:
            self._in_order = sorted(self._expiries.items(), key=lambda one: one[0])
        return self._in_order

    def is_dealt(self, quotes: ChainQuotes, event_ns: int) -> bool:
        """Return whether there are contracts, and they are dealt in just before an instant."""
        self._learn(quotes, new_york_day(event_ns))
        for key in [key for key in self._expiries if key.expiry_ns <= event_ns]:
            del self._expiries[key]
            self._in_order = self._known = None
            self._tables.drop(key)
        if not self._expiries:
            return False
        return is_dealt(session_days(*self._years), event_ns, class_of(quotes.symbol).late_minutes)

    def last_expiry_ns(self) -> int:
        """Return when the last expiry ends; 0 where there is none."""
        return max(self._expiries, default=ExpiryKey(0, "")).expiry_ns

    def moment(self, quotes: ChainQuotes, event_ns: int, dividends: Sequence[Dividend]) -> Moment:
        """Return what holds at an instant; dividends: those that go ex between it and the last expiry, by date."""
        bid, ask, ages = dealt_at(quotes, event_ns)
        ex_years = years_to(np.array([one.ex_ns for one in dividends], np.int64), event_ns)
        cash = np.array([one.cash for one in dividends], np.float64)
        curve, keys = self._rates.at(new_york_day(event_ns)), list(self._expiries)
        years = years_to(np.array([key.expiry_ns for key in keys], np.int64), event_ns)
        rates = np.full(years.size, NO_RATE) if curve is None else curve.zero(years)
        parts = zip(keys, years.tolist(), rates.tolist(), strict=True)
        of = {key: Terms(own, rate, ex_years, cash) for key, own, rate in parts}
        then = quotes.column("under")
        return Moment(
            event_ns, *under(quotes), curve, tuple(dividends), of, bid, ask, ages, then, stale_s(ages, event_ns)
        )

    def look(self, quotes: ChainQuotes, moment: Moment, waited: bool = False) -> bool:
        """Look at the expiries that are due; return whether any was. waited: the instant has other work, too."""
        neighbour, left, looked = np.nan, self._builds(moment.event_ns), False
        for number, (key, kept) in enumerate(self.expiries):
            if self._is_due(number, kept, quotes, moment.event_ns, waited):
                built = self._look_at(key, kept, quotes, moment, neighbour, left)
                left, self._built_ns = left - built, moment.event_ns if built else self._built_ns
                self._unfitted = looked = True
            if kept.state.borrow.measured:
                neighbour = kept.state.borrow.mean
        return looked

    def build(self, quotes: ChainQuotes, moment: Moment) -> bool:
        """Build a table that waits, where one is due and the next instant is not the surface's; return whether."""
        before_fit = (moment.event_ns // self._step_ns + 2) % self._turns == 0
        if moment.event_ns - self._built_ns < BUILD_NS or before_fit:
            return False
        for key, kept in self.expiries:
            if kept.due and kept.standing is not None:
                rows, rungs, _, _ = kept.contracts(quotes)
                kept.state, built, kept.due = build_tables(
                    rungs, moment.bid[rows], moment.ask[rows], moment.terms[key], moment.spot,
                    event_ns=moment.event_ns, state=kept.state, builds_max=1,
                )  # fmt: skip
                if built:
                    self._built_ns = moment.event_ns
                    return True
        return False

    def fit(self, moment: Moment) -> Surface | None:
        """Return the surface where one is due: an expiry was looked at, and the last one is `look_ns` old."""
        since_ns = moment.event_ns - self._fitted_ns
        turn = (moment.event_ns // self._step_ns) % self._turns == self._turns - 1
        if not self._unfitted or since_ns < self._look_ns or not (turn or since_ns >= 2 * self._look_ns):
            return None
        self._fitted_ns, self._unfitted = moment.event_ns, False
        there = [(key, kept, kept.standing) for key, kept in self.expiries if kept.standing is not None]
        begins = np.cumsum([0, *(kept.smile.shape[1] for _, kept, _ in there)])
        columns = np.concatenate([np.empty((3, 0)), *(kept.smile for _, kept, _ in there)], axis=1)
        years = [standing.years for _, _, standing in there]
        last = np.array([kept.last for _, kept, _ in there]).reshape(-1, SLICE_SIZE)
        k, vol, half_spread = (np.ascontiguousarray(one) for one in columns)
        fit = fit_chain(begins, k, vol, half_spread, years, last)
        for (_, kept, _), row in zip(there, fit.slices, strict=True):
            kept.last = row
        keys, sessions = tuple(key for key, _, _ in there), session_clock(*self._years)
        clock = volatility_years(sessions, moment.event_ns, np.array([key.expiry_ns for key in keys], np.int64))
        return Surface(keys, tuple(standing for _, _, standing in there), fit, clock, sessions)

    def is_settled(self, quotes: ChainQuotes) -> bool:
        """Return whether nothing is left to be looked at or fitted."""
        moved = (self._has_moved(kept, quotes) for kept in self._expiries.values())
        return not self._unfitted and not any(moved)

    def reckon(self, quotes: ChainQuotes, moment: Moment, wanted: NDArray[np.bool_]) -> None:
        """Reckon the figures of contracts anew, (n,); those of expiries without a forward have none."""
        self.figures.hold(len(quotes.contracts))
        self.figures.clear(wanted)
        roster = self._roster(quotes)
        for key, kept in (*roster.expiries, *roster.expiries):
            # Twice, as the first time may have made new room.
            kept.hold(self._tables.held(key, kept.state.exercise))
        rows = np.flatnonzero(wanted & (roster.number != NOWHERE))
        rows = rows[np.argsort(roster.number[rows], kind="stable")]
        begins = np.searchsorted(roster.number[rows], np.arange(len(roster.expiries) + 1)).tolist()
        parts, places = [], []
        for place, (key, kept) in enumerate(roster.expiries):
            at = roster.at[rows[begins[place] : begins[place + 1]]]
            standing = kept.way_at(moment.terms[key], moment.event_ns, moment.spot) if at.size else None
            if standing is not None:
                parts.append(Part(key, at, *standing))
                places.append(place)
        if parts:
            known = np.isin(roster.number[rows], places)
            asked = self._asked(quotes, moment, roster, rows[known], places, parts)
            self.figures.reckon(parts, asked, moment.bid, moment.ask, self._tables, moment.event_ns)

    def _asked(
        self, quotes: ChainQuotes, moment: Moment, roster: Roster, rows: I64, places: list[int], parts: list[Part]
    ) -> Asked:
        """Return what contracts are reckoned with, (m,); places: of the expiries they are of, in order."""
        which, kept = np.array(places), [roster.expiries[place][1] for place in places]
        number = np.searchsorted(which, roster.number[rows])
        dealt = [_dealt_under(one, part.point.terms, moment) for one, part in zip(kept, parts, strict=True)]
        judged = judge(
            roster.ladders, which, moment.bid, moment.ask, moment.age_s, quotes.doubt,
            hygiene_facts(moment.stale_s, dealt),
        )  # fmt: skip
        strike, surface = roster.strike[rows], np.empty(rows.size)
        slices = np.array([one.last for one in kept])
        forward, years = np.array([(part.point.forward, part.point.terms.years) for part in parts]).T.copy()
        read_slices(slices, forward, years, number, strike, surface)
        expiry_ns = np.array([part.key.expiry_ns for part in parts])[number]
        return Asked(
            rows, expiry_ns, strike, roster.is_call[rows], judged.bits[rows], judged.quality[rows], surface,
            roster.vol[rows], roster.ratio[rows],
        )  # fmt: skip

    def _roster(self, quotes: ChainQuotes) -> Roster:
        """Return the contracts of all expiries."""
        if self._known is None:
            self._known = roster_of(self.expiries, quotes)
        self._known.refresh()
        return self._known

    def _is_due(self, number: int, kept: Expiry, quotes: ChainQuotes, event_ns: int, waited: bool) -> bool:
        if not self._has_moved(kept, quotes):
            return False
        since_ns = event_ns - kept.standing.looked_ns if kept.standing else 2 * self._look_ns
        # The last turn is the surface's; where there are enough, none before or after it or each other's is taken.
        few = self._turns - 2 < len(self._expiries)
        own = number % self._turns if few else 1 + number * (self._turns - 2) // len(self._expiries)
        late = (event_ns // self._step_ns - own) % self._turns
        turn = not late or (late == 1 and not few)
        return since_ns >= self._look_ns and ((turn and (few or not waited)) or since_ns >= 2 * self._look_ns)

    def _has_moved(self, kept: Expiry, quotes: ChainQuotes) -> bool:
        if kept.standing is None or quotes.under_ns() >= kept.standing.looked_ns:
            return True
        return bool(quotes.fresh[kept.contracts(quotes).rows].any())

    def _look_at(
        self, key: ExpiryKey, kept: Expiry, quotes: ChainQuotes, moment: Moment, neighbour: float, builds_max: int
    ) -> int:
        """Look at an expiry; return how many tables were built."""
        of = moment.terms[key]
        rows, rungs, _, _ = kept.contracts(quotes)
        found, kept.state = slice_of(
            rungs, moment.bid[rows], moment.ask[rows], moment.age_s[rows], of, moment.under_bid, moment.under_ask,
            american=kept.american, event_ns=moment.event_ns, state=kept.state, neighbour=neighbour,
            suspicious=quotes.doubt[rows], stale_s=moment.stale_s, builds_max=builds_max,
            spot_then=moment.spot_then[rows],
        )  # fmt: skip
        kept.stand(found, of, moment.event_ns, moment.spot)
        quotes.fresh[rows] = False
        return found.builds

    def _builds(self, event_ns: int) -> int:
        """Return how many tables the looks of an instant may build: in a dense stream other instants do.

        Where no other instant is left for it (few turns, or all of them taken), looks build, a little at a time.
        """
        since_ns, self._seen_ns = event_ns - self._seen_ns, event_ns
        if not self._built_ns:
            return BUILDS_FIRST
        patience = 1 if self._turns - 2 < len(self._expiries) else DENSE
        if event_ns - self._built_ns >= patience * BUILD_NS:
            return max(1, since_ns // BUILD_NS)
        return 0

    def _learn(self, quotes: ChainQuotes, day: date) -> None:
        """Sort contracts that are new into their expiries."""
        if self._sorted < len(quotes.contracts):
            self._in_order = self._known = None
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
            key = ExpiryKey(instant, contract.root)
            self._expiries.setdefault(key, Expiry(contract.expiry, kind.american)).add(row)
        self._sorted = len(quotes.contracts)

    # ---- state ------------------------------------------------------------------------------------------------------

    def saved(self) -> tuple[Any, dict[str, NDArray[Any]]]:
        """Return head and arrays, as pack takes them."""
        count, figures = self.figures.saved()
        arrays = {f"figures/{name}": array for name, array in figures.items()}
        heads = []
        for number, (key, kept) in enumerate(self._expiries.items()):
            head, own = kept.saved()
            arrays |= {f"{number}/{name}": array for name, array in own.items()}
            heads.append([*key, head])
        return [
            self._sorted,
            self._years,
            self._seen_ns,
            self._built_ns,
            self._fitted_ns,
            self._unfitted,
            count,
            heads,
        ], arrays

    def restore(self, head: Any, arrays: dict[str, NDArray[Any]]) -> None:
        """Take back, into a new instance, what `saved` returned."""
        self._sorted, years, self._seen_ns, self._built_ns, self._fitted_ns, self._unfitted, count, heads = head
        self._years = int(years[0]), int(years[1])

        def own(prefix: str) -> dict[str, NDArray[Any]]:
            return {name.partition("/")[2]: array for name, array in arrays.items() if name.startswith(f"{prefix}/")}

        self.figures.restore(count, own("figures"))
        for number, (instant, root, one) in enumerate(heads):
            self._expiries[ExpiryKey(instant, root)] = restored(one, own(str(number)))
        self._in_order = self._known = None


def _dealt_under(kept: Expiry, of: Terms, moment: Moment) -> tuple[float, float, float]:
    """Return what quotes are held against: the spot's two sides and 1, or the forward's and the discount factor."""
    if kept.american:
        return moment.under_bid, moment.under_ask, 1.0
    borrow = kept.state.borrow.mean if kept.state.borrow.measured else np.nan
    return of.forward(moment.under_bid, borrow), of.forward(moment.under_ask, borrow), of.discount


def stale_s(age_s: F64, event_ns: int) -> float:
    """Return the age beyond which a quote is stale: the chain's stale_age, and no quote of before the opening is new.

    Of the evening before almost all are, in the first moments of a session: their median says nothing.
    """
    return min(stale_age(age_s), max(LIMITS.stale_min_s, since_opening_s(event_ns)))


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
