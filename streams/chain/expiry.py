"""What one expiry keeps from look to look, and its figures between two looks."""

from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from streams.chain.quotes import ChainQuotes
from streams.chain.slice_state import exercise_of, saved_exercise
from streams.options.forward.borrow import Borrow
from streams.options.forward.carry import Terms
from streams.options.forward.cash_exercise import CashExercise
from streams.options.forward.exercise import Exercise, Point
from streams.options.forward.slices import ExpirySlice, SliceState, columns_of
from streams.options.ladder import Ladder, ladder
from streams.options.surface.slices import SLICE_SIZE

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
Bool = NDArray[np.bool_]
NO_SMILE = np.empty((3, 0))


class ExpiryKey(NamedTuple):
    """An expiry's instant and root: SPX and SPXW of one day are two."""

    expiry_ns: int
    root: str


@dataclass(frozen=True)
class Standing:
    """What the last look at an expiry found; prices in quote currency, times in years, NaN where there is none."""

    looked_ns: int
    spot: float
    years: float
    rate: float
    forward: float
    deviation_bp: float
    quality: float
    age_s: float
    status: int
    strikes: int
    borrow: float
    borrow_deviation: float


@dataclass
class Expiry:
    """One expiry. rows: its contracts' places in the chain's columns; smile: (3, m) k, volatility, half spread."""

    day: date
    american: bool
    rows: list[int] = field(default_factory=list)
    state: SliceState = field(default_factory=SliceState)
    last: F64 = field(default_factory=lambda: np.full(SLICE_SIZE, np.nan))
    standing: Standing | None = None
    smile: F64 = field(default_factory=lambda: NO_SMILE)
    due: int = 0
    """Tables over cash that wait to be built."""
    _contracts: "Contracts | None" = None
    is_new: bool = True
    """Whether `known` may say something new."""

    def add(self, row: int) -> None:
        """Take a contract that is new."""
        self.rows.append(row)
        self._contracts, self.is_new = None, True

    def contracts(self, quotes: ChainQuotes) -> "Contracts":
        """Return its contracts, in the order of rows."""
        if self._contracts is None:
            of = [quotes.contracts[row] for row in self.rows]
            rungs = ladder([one.strike for one in of], [one.is_call for one in of])
            strike, is_call, _, _ = columns_of(rungs)
            self._contracts = Contracts(np.array(self.rows, np.int64), rungs, strike, is_call)
        return self._contracts

    def stand(self, found: ExpirySlice, of: Terms, event_ns: int, spot: float) -> None:
        """Keep what a look has found."""
        forward, smile = found.forward, found.smile
        self.standing = Standing(
            event_ns, spot, of.years, of.rate, forward.forward, forward.deviation_bp, forward.quality, forward.age_s,
            int(forward.status), forward.strikes, forward.known.mean, forward.point.doubt,
        )  # fmt: skip
        self.smile = np.array([smile.k, smile.vol, smile.half_spread])
        self.due = found.due
        self.is_new = True

    def known(self) -> tuple[F64, F64]:
        """Return each contract's last volatility, NaN where there was none, and Black's over the model's, (n,).

        Where cash lies before expiry and no look has told a contract's ratio, its neighbour's serves.
        """
        vol, ratio, count = self.state.vol, self.state.ratio, len(self.rows)
        if vol.size != count:
            vol, ratio = np.full(count, np.nan), np.ones(count)
        there = np.flatnonzero(np.isfinite(ratio))
        if not there.size:
            ratio = np.ones(count)
        elif there.size < count:
            near = there[np.minimum(np.searchsorted(there, np.arange(count)), there.size - 1)]
            ratio = np.where(np.isnan(ratio), ratio[near], ratio)
        return vol, ratio

    def hold(self, way: Exercise | None) -> None:
        """Keep another way of exercise that says the same."""
        if way is not self.state.exercise:
            self.state = replace(self.state, exercise=way)

    def way_at(self, of: Terms, event_ns: int, spot: float) -> tuple[Point, Exercise] | None:
        """Return the standing forward moved along with the spot, and the way of exercise; None where there is none."""
        standing, way = self.standing, self.state.exercise
        if standing is None or way is None or not standing.forward > 0.0:
            return None
        point = Point(of, standing.forward * ratio_of(spot, standing.spot), standing.borrow, standing.borrow_deviation)
        return point, replace(way, event_ns=event_ns) if isinstance(way, CashExercise) else way

    def saved(self) -> tuple[Any, dict[str, NDArray[Any]]]:
        """Return head and arrays, as pack takes them."""
        state = self.state
        way, arrays = saved_exercise(state.exercise)
        borrow = [state.borrow.mean, state.borrow.deviation, state.borrow.event_ns]
        standing = None if self.standing is None else list(vars(self.standing).values())
        head = [self.day.isoformat(), self.american, borrow, state.forward, way, state.dividends, standing, self.due]
        own = {
            "rows": np.array(self.rows, np.int64),
            "vol": state.vol,
            "ratio": state.ratio,
            "last": self.last,
            "smile": self.smile,
        }
        return head, {**arrays, **own}


def ratio_of(spot: float, before: float) -> float:
    """Return by what factor a spot has moved; 1 where one of them is not known."""
    return spot / before if spot > 0.0 and before > 0.0 else 1.0


class Contracts(NamedTuple):
    """The contracts of an expiry, (n,); strike: NaN for one on no rung."""

    rows: I64
    rungs: Ladder
    strike: F64
    is_call: Bool


def restored(head: Any, arrays: dict[str, NDArray[Any]]) -> Expiry:
    """Return the expiry that `saved` was called of."""
    day, american, borrow, forward, way, dividends, standing, due = head
    state = SliceState(
        Borrow(*borrow), forward, exercise_of(way, arrays), arrays["vol"], arrays["ratio"],
        tuple((int(minute), float(cash)) for minute, cash in dividends),
    )  # fmt: skip
    kept = None if standing is None else Standing(*standing)
    rows = arrays["rows"].tolist()
    return Expiry(date.fromisoformat(day), american, rows, state, arrays["last"], kept, arrays["smile"], due)
