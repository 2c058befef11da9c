"""The quotes of an underlying and of its options as they stand at an event, folded from TickFrames and OptionFrames.

A row changes its side of its contract alone; a price of 0 takes the side away. Volume, cancelled trades taken back, and
the last trade are of the current day in New York; quotes and open interest stay until they are replaced.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.osi import OptionSymbol, parse_osi
from schemas.records import BarFrame, OptionFrame, TickFrame
from streams.options.contracts.clock import new_york_day

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
Bool = NDArray[np.bool_]

TRADE, BID, ASK, OPEN_INTEREST, CANCEL = range(5)
SUSPICIOUS, VOLUME_ONLY = 1, 4
NEVER = -1
ROOM_MIN = 64
_FLOATS = ("bid", "ask", "last", "under")
_INTS = ("bid_size", "ask_size", "volume", "open_interest", "bid_ns", "ask_ns", "last_ns", "told_ns")


@dataclass
class Side:
    """What can be dealt on one side of the underlying: price, NaN where there is none, and since when."""

    price: float = float("nan")
    event_ns: int = NEVER

    def __post_init__(self) -> None:
        self._before, self._since_ns = self.price, self.event_ns
        self._news: list[tuple[I64, F64]] = []

    def begin(self) -> None:
        """Begin an instant: what was is what stands before its rows."""
        self._before, self._since_ns, self._news = self.price, self.event_ns, []

    def take(self, prices: F64, times: I64) -> None:
        """Take a frame's prices, (n,) by time."""
        if prices.size:
            first = int(np.searchsorted(times, self._since_ns))  # Older ones change nothing.
            self._news.append((times[first:], prices[first:]))
            self.put(float(prices[-1]), int(times[-1]))

    def at(self, times: I64) -> F64:
        """Return the price at times within the instant, (n,)."""
        if not self._news:
            return np.full(times.size, self._before)
        when = np.concatenate([one for one, _ in self._news])
        order = np.argsort(when, kind="stable")
        price = np.concatenate([[self._before], np.concatenate([one for _, one in self._news])[order]])
        found: F64 = price[np.searchsorted(when[order], times, side="right")]
        return found

    def put(self, price: float, event_ns: int) -> None:
        """Take a price unless it is older than what is known; one that is no price means that there is none."""
        if event_ns >= self.event_ns:
            self.price, self.event_ns = price if 0.0 < price < np.inf else float("nan"), event_ns


@dataclass
class ChainQuotes:
    """Columns of n contracts in the order in which they were first seen.

    bid, ask, last: quote currency, NaN where there is none; under: the middle of the underlying when the contract was
    last quoted (its last trade where it had no quote), NaN where that is not known. bid_size, ask_size, volume,
    open_interest: contracts.
    bid_ns, ask_ns, last_ns: event time, -1: never; told_ns: the instant at which a reader last told it.
    doubt: the newest quote of either side is suspicious.
    """

    symbol: str
    names: list[str] = field(default_factory=list)
    """OSI symbols."""
    contracts: list[OptionSymbol] = field(default_factory=list)
    under_bid: Side = field(default_factory=Side)
    under_ask: Side = field(default_factory=Side)
    under_last: Side = field(default_factory=Side)
    unknown: int = 0
    """Rows of contracts whose symbol could not be read."""
    late: int = 0
    """Rows of before the newest one of their contract and side: left out."""

    def __post_init__(self) -> None:
        self._index: dict[str, int] = {}
        self._ranks = np.empty(0, np.int64)
        self._day_end_ns = 0
        self._floats = {name: np.full(ROOM_MIN, np.nan) for name in _FLOATS}
        self._ints = {name: np.full(ROOM_MIN, _first(name), np.int64) for name in _INTS}
        self._doubt = np.zeros(ROOM_MIN, np.bool_)
        self._touched = np.zeros(ROOM_MIN, np.bool_)
        self._fresh = np.zeros(ROOM_MIN, np.bool_)

    def column(self, name: str) -> F64:
        """Return bid, ask, last or under, (n,): a view, valid until the next frame."""
        return self._floats[name][: len(self.names)]

    def count(self, name: str) -> I64:
        """Return sizes, volume, open interest or times, (n,): a view, valid until the next frame."""
        return self._ints[name][: len(self.names)]

    @property
    def doubt(self) -> Bool:
        """Return whether each contract's newest quote is suspicious, (n,)."""
        return self._doubt[: len(self.names)]

    @property
    def touched(self) -> Bool:
        """Return which contracts rows have come for since somebody set this to False, (n,): a view."""
        return self._touched[: len(self.names)]

    @property
    def fresh(self) -> Bool:
        """As touched, for another reader."""
        return self._fresh[: len(self.names)]

    def ranks(self) -> I64:
        """Return the place of each contract's symbol in their order, (n,)."""
        if self._ranks.size != len(self.names):
            self._ranks = np.empty(len(self.names), np.int64)
            self._ranks[sorted(range(len(self.names)), key=self.names.__getitem__)] = np.arange(len(self.names))
        return self._ranks

    def under_ns(self) -> int:
        """Return when the underlying last changed on any side; -1: never."""
        return max(self.under_bid.event_ns, self.under_ask.event_ns, self.under_last.event_ns)

    def quote_ns(self) -> I64:
        """Return when each contract's quote last changed on either side, (n,) ns, -1: never."""
        return np.maximum(self.count("bid_ns"), self.count("ask_ns"))

    def begin(self) -> None:
        """Begin an instant: its rows of the underlying are to come before those of options."""
        for side in (self.under_bid, self.under_ask, self.under_last):
            side.begin()

    def take_ticks(self, frame: TickFrame, times: I64, rows: slice) -> None:
        """Take rows of the underlying's ticks; suspicious ones are left out. times: (n,) ns, of the frame's rows."""
        flags, kinds = np.frombuffer(frame.flags, np.uint8)[rows], np.frombuffer(frame.kind, np.uint8)[rows]
        sound = flags & SUSPICIOUS == 0
        for kind, side in ((BID, self.under_bid), (ASK, self.under_ask), (TRADE, self.under_last)):
            of_kind = np.flatnonzero(sound & (kinds == kind))
            side.take(frame.price[rows][of_kind], times[rows][of_kind])

    def take_bars(self, frame: BarFrame, times: I64, rows: slice) -> None:
        """Take rows of the underlying's bars, where it has no ticks: quotes and close. times: (n,) ns of their ends."""
        for column, side in (
            (frame.bid, self.under_bid), (frame.ask, self.under_ask), (frame.close, self.under_last),
        ):  # fmt: skip
            there = np.flatnonzero(column[rows] > 0.0)
            side.take(column[rows][there], times[rows][there])

    def take_options(self, frame: OptionFrame, times: I64, rows: slice) -> None:
        """Take rows of options; frame: columns that fit each other. times: (n,) ns of the frame's rows."""
        self._begin_day(int(times[rows][0]))
        places = np.array([self._place(name) for name in frame.contracts], np.int64)
        place = places[frame.contract[rows]]
        known = place >= 0
        self.unknown += int(np.count_nonzero(~known))
        of = np.flatnonzero(known)
        columns = (
            place[of], times[rows][of], np.frombuffer(frame.kind, np.uint8)[rows][of],
            np.frombuffer(frame.flags, np.uint8)[rows][of], frame.price[rows][of], frame.size[rows][of],
        )  # fmt: skip
        self._take_under(*columns[:3])
        self._take_quotes(BID, "bid", *columns)
        self._take_quotes(ASK, "ask", *columns)
        self._take_trades(*columns)
        at, _, kind, _, _, size = columns
        interest = kind == OPEN_INTEREST
        self._ints["open_interest"][at[interest]] = size[interest]
        self.touched[at] = self.fresh[at] = True

    def _take_under(self, place: I64, times: I64, kind: NDArray[np.uint8]) -> None:
        quote = np.flatnonzero(((kind == BID) | (kind == ASK)) & (times >= self.quote_ns()[place]))
        bid, ask, last = (side.at(times[quote]) for side in (self.under_bid, self.under_ask, self.under_last))
        middle = np.where((bid > 0.0) & (ask >= bid), 0.5 * (bid + ask), last)
        self._floats["under"][place[quote]] = np.where((middle > 0.0) & (middle < np.inf), middle, np.nan)

    def _take_quotes(
        self, wanted: int, name: str, place: I64, times: I64, kind: NDArray[np.uint8], flags: NDArray[np.uint8],
        price: F64, size: I64,
    ) -> None:  # fmt: skip
        side = np.flatnonzero(kind == wanted)
        newest = self._ints[f"{name}_ns"]
        late = times[side] < newest[place[side]]
        self.late += int(np.count_nonzero(late))
        side = side[~late]
        at = place[side]
        # Of several rows of a contract the last one stays: numpy assigns in order.
        self._floats[name][at] = np.where((price[side] > 0.0) & (price[side] < np.inf), price[side], np.nan)
        self._ints[f"{name}_size"][at] = size[side]
        newest[at] = times[side]
        self._doubt[at] = flags[side] & SUSPICIOUS != 0

    def _take_trades(
        self, place: I64, times: I64, kind: NDArray[np.uint8], flags: NDArray[np.uint8], price: F64, size: I64
    ) -> None:
        for wanted, sign in ((TRADE, 1), (CANCEL, -1)):
            of_kind = kind == wanted
            np.add.at(self._ints["volume"], place[of_kind], sign * size[of_kind])
        np.maximum(self._ints["volume"], 0, out=self._ints["volume"])
        set_last = np.flatnonzero((kind == TRADE) & (flags & (SUSPICIOUS | VOLUME_ONLY) == 0) & (price > 0.0))
        self._floats["last"][place[set_last]] = price[set_last]
        self._ints["last_ns"][place[set_last]] = times[set_last]

    def _place(self, name: str) -> int:
        """Return a contract's index, -1 where its symbol is none."""
        found = self._index.get(name)
        if found is None:
            symbol = parse_osi(name)
            if not isinstance(symbol, OptionSymbol):
                return NEVER
            found = self._index[name] = len(self.names)
            self.names.append(name)
            self.contracts.append(symbol)
            if found == self._doubt.size:
                self._grow()
        return found

    def _grow(self) -> None:
        size = self._doubt.size
        self._floats = {name: np.append(column, np.full(size, np.nan)) for name, column in self._floats.items()}
        self._ints = {name: np.append(column, np.full(size, _first(name))) for name, column in self._ints.items()}
        self._doubt = np.append(self._doubt, np.zeros(size, np.bool_))
        self._touched = np.append(self._touched, np.zeros(size, np.bool_))
        self._fresh = np.append(self._fresh, np.zeros(size, np.bool_))

    def _begin_day(self, event_ns: int) -> None:
        """Forget the volumes and last trades of another day."""
        if event_ns < self._day_end_ns:
            return
        day = new_york_day(event_ns)
        # The next midnight in New York is at least 20 hours on; until then nothing needs to be looked up.
        step = 3_600_000_000_000
        end = (event_ns // step + 1) * step
        while new_york_day(end) == day:
            end += step
        if self._day_end_ns:
            self._ints["volume"][:] = 0
            self._floats["last"][:] = np.nan
            self._ints["last_ns"][:] = NEVER
        self._day_end_ns = end

    # ---- state ------------------------------------------------------------------------------------------------------

    def saved(self) -> tuple[Any, dict[str, NDArray[Any]]]:
        """Return head and arrays, as pack takes them."""
        sides = [[one.price, one.event_ns] for one in (self.under_bid, self.under_ask, self.under_last)]
        count = len(self.names)
        arrays: dict[str, NDArray[Any]] = {name: self._floats[name][:count] for name in _FLOATS}
        arrays |= {name: self._ints[name][:count] for name in _INTS}
        arrays |= {"doubt": self.doubt, "touched": self.touched, "fresh": self.fresh}
        return [sides, self._day_end_ns, self.unknown, self.late, self.names], arrays

    def restore(self, head: Any, arrays: dict[str, NDArray[Any]]) -> None:
        """Take back, into a new instance, what `saved` returned."""
        sides, self._day_end_ns, self.unknown, self.late, names = head
        self.under_bid, self.under_ask, self.under_last = (Side(float(one[0]), int(one[1])) for one in sides)
        for name in names:
            self._place(name)
        count = len(names)
        for name in _FLOATS:
            self._floats[name][:count] = arrays[name]
        for name in _INTS:
            self._ints[name][:count] = arrays[name]
        for name, flags in (("doubt", self._doubt), ("touched", self._touched), ("fresh", self._fresh)):
            flags[:count] = arrays[name]


def _first(name: str) -> int:
    return NEVER if name.endswith("_ns") else 0
