"""The figures of every contract as they were last reckoned, and how they are: what ChainFrames tell.

A contract's volatility is that of its quote in the model of its expiry, at the forward that the expiry's last look has
found. Greeks are those at that volatility; where no quote tells one, at the surface's; where there is no surface yet,
at the last one known. A model's volatility differs from Black's by what cash does to it, and so does the surface's, by
as much. Between two looks Black's is the model's times what their ratio was at the last look: it moves by 1e-5 then.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from streams.chain.expiry import ExpiryKey
from streams.options.forward.boundary import Boundaries, BoundaryExercise
from streams.options.forward.cash_exercise import CashExercise
from streams.options.forward.exercise import EuropeanExercise, Exercise, Point
from streams.options.forward.figures import half_spreads, sides_of, vols_of
from streams.options.forward.readings import CashStore, Quotes, Reading, european_reading

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
Bool = NDArray[np.bool_]

GREEKS = ("delta", "gamma", "vega", "theta", "rho", "vanna", "volga", "charm")
FLOATS = ("quality", "iv", "smile_vol", "half_spread", *GREEKS, "theoretical")
INTS = ("bits", "iv_status", "expiry_ns", "reckoned_ns")
ROOM_MIN = 64


class Part(NamedTuple):
    """Contracts of one expiry that are to be reckoned: their places in the expiry, (m,), and what at."""

    key: ExpiryKey
    at: I64
    point: Point
    way: Exercise


class Asked(NamedTuple):
    """Contracts that are to be reckoned, part after part, (n,) each.

    rows: places in the chain. surface, last: volatilities by their surface and by their expiry's last look; ratio:
    Black's volatility over the model's by that look.
    """

    rows: I64
    expiry_ns: I64
    strike: F64
    is_call: Bool
    bits: NDArray[np.uint16]
    quality: F64
    surface: F64
    last: F64
    ratio: F64


class TablesOfAll:
    """The tables of all expiries of a chain, so that contracts of all of one way of exercise are read in one call."""

    def __init__(self) -> None:
        self._boundaries, self._cash = Boundaries(), CashStore()

    def drop(self, key: ExpiryKey) -> None:
        """Forget an expiry."""
        self._boundaries.drop(key)
        self._cash.drop(key)

    def held(self, key: ExpiryKey, way: Exercise | None) -> Exercise | None:
        """Return an expiry's exercise with its tables held here: see CashStore.held."""
        return self._cash.held(key, way) if isinstance(way, CashExercise) else way

    def readings(self, parts: Sequence[Part], event_ns: int) -> Iterator[tuple[list[int], Reading]]:
        """Yield the numbers of parts by their way of exercise, and what that says of them."""
        european, cash, boundary = [], [], []
        numbers: tuple[list[int], list[int], list[int]] = ([], [], [])
        for number, (key, at, point, way) in enumerate(parts):
            if isinstance(way, EuropeanExercise):
                european.append((point, at.size))
                numbers[0].append(number)
            elif isinstance(way, CashExercise):
                cash.append((key, point, at))
                numbers[1].append(number)
            elif isinstance(way, BoundaryExercise):
                boundary.append((key, way, point, at.size))
                numbers[2].append(number)
        if european:
            yield numbers[0], european_reading(european)
        if cash:
            yield numbers[1], self._cash.read(cash, event_ns)
        if boundary:
            yield numbers[2], self._boundaries.read(boundary)


class ContractFigures:
    """Columns of n contracts in the chain's order. A contract without figures has 0 in reckoned_ns and expiry_ns.

    reckoned_ns: the instant of a contract's figures.
    """

    def __init__(self) -> None:
        self._count = 0
        self._floats = {name: np.full(ROOM_MIN, np.nan) for name in FLOATS}
        self._ints = {name: np.zeros(ROOM_MIN, np.int64) for name in INTS}

    def column(self, name: str) -> NDArray[Any]:
        """Return a column, (n,): a view."""
        return (self._floats[name] if name in self._floats else self._ints[name])[: self._count]

    def hold(self, count: int) -> None:
        """Have room for so many contracts."""
        while count > self._ints["bits"].size:
            more = self._ints["bits"].size
            self._floats = {name: np.append(one, np.full(more, np.nan)) for name, one in self._floats.items()}
            self._ints = {name: np.append(one, np.zeros(more, np.int64)) for name, one in self._ints.items()}
        self._count = count

    def clear(self, rows: Bool) -> None:
        """Forget the figures of contracts, (n,)."""
        for name in ("reckoned_ns", "expiry_ns"):
            self.column(name)[rows] = 0

    def reckon(
        self, parts: Sequence[Part], asked: Asked, bid: F64, ask: F64, tables: TablesOfAll, event_ns: int
    ) -> None:
        """Take the figures of parts at an instant. bid, ask: (n,) of the whole chain, what can be dealt at."""
        begins = np.cumsum([0, *(part.at.size for part in parts)])
        for some, reading in tables.readings(parts, event_ns):
            places = np.concatenate([np.arange(begins[number], begins[number + 1]) for number in some])
            self._take(Asked(*(column[places] for column in asked)), bid, ask, reading, event_ns)

    def _take(self, asked: Asked, bid: F64, ask: F64, reading: Reading, event_ns: int) -> None:
        rows, ratio, surface = asked.rows, asked.ratio, asked.surface
        bids, asks, mid = sides_of(bid[rows], ask[rows])

        price = np.where(bids > asks, np.nan, mid)
        found = reading.told(Quotes(price, asked.strike, asked.is_call, asked.last, surface, ratio))
        vol, status = vols_of(bids, asks, found.vol, found.status)
        columns = {
            "quality": asked.quality, "iv": vol, "smile_vol": vol * ratio,
            "half_spread": half_spreads(bids, asks, vol, found.greeks.vega),
            "theoretical": np.where(np.isnan(surface), np.nan, found.other),
        }  # fmt: skip
        columns |= {name: getattr(found.greeks, name) for name in GREEKS}
        for name in FLOATS:
            self._floats[name][rows] = columns[name]
        for name, whole in (("bits", asked.bits), ("iv_status", status), ("expiry_ns", asked.expiry_ns)):
            self._ints[name][rows] = whole
        self._ints["reckoned_ns"][rows] = event_ns

    def saved(self) -> tuple[Any, dict[str, NDArray[Any]]]:
        """Return head and arrays, as pack takes them."""
        return self._count, {name: self.column(name) for name in (*FLOATS, *INTS)}

    def restore(self, head: Any, arrays: dict[str, NDArray[Any]]) -> None:
        """Take back, into a new instance, what `saved` returned."""
        self.hold(int(head))
        for name in (*FLOATS, *INTS):
            self.column(name)[:] = arrays[name]
