"""One underlying's chain as a fold: its rows wait for their instant, then what has changed is reckoned and told.

Instants are multiples of `step_ns` of event time at which rows wait. At each of them:

- Expiries that are due are looked at (chain.py), and where a surface is due it is fitted and told: SurfaceFrame.
- Contracts whose quotes, trades or open interest have changed are reckoned anew and told: ChainFrame. A contract is
  told every `contract_ns` at most, with the newest quote there is then; the first instant of a minute tells all of
  them, so that a reader who comes late need not wait for long. What nobody quotes is reckoned anew as well, a few
  contracts an instant, so that no figures are older than half of `whole_ns` by more than an instant. Where the stream
  is dense, contracts and the rest of the work take turns: no instant has to do both.

Instants go on without rows until nothing is left to be looked at or told. Nothing is told while options are not dealt
in: quotes that stand still beside a stock that moves would be taken for a borrow.

A split begins anew at its own time: contracts, quotes and borrow are of another share; dividends are divided by its
ratio.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.records import ChainFrame, MarketEvent, MarketEventKind, SurfaceFrame
from streams.chain.chain import Chain, Moment
from streams.chain.closes import ClosingVols
from streams.chain.dividends import Dividend, Dividends
from streams.chain.events import Events
from streams.chain.pack import pack, unpack
from streams.chain.quotes import NEVER, ChainQuotes
from streams.chain.report import THIRTY_DAYS_NS, chain_frame, surface_frame, vol_at
from streams.chain.waiting import Frame, Waiting
from streams.options.contracts.clock import new_york_day
from streams.options.rates import RateCurves


class Pace(NamedTuple):
    """step_ns: instants are its multiples. look_ns: how often an expiry and the surface are reckoned anew, at most;
    contract_ns: how often a contract is told. whole_ns: how often all contracts are.
    """

    step_ns: int
    look_ns: int
    contract_ns: int
    whole_ns: int


class Underlying:
    """The chain of one underlying."""

    def __init__(self, symbol: str, rates: RateCurves, pace: Pace) -> None:
        self.symbol = symbol
        self.waiting = Waiting(pace.step_ns)
        self.dividends = Dividends()
        self.events = Events()
        self._rates, self._pace = rates, pace
        self._closes = ClosingVols()
        self._quotes = ChainQuotes(symbol)
        self._chain = Chain(rates, pace.step_ns, pace.look_ns)
        self._whole = NEVER
        """Which minute was told whole last."""
        self._splits: list[int] = []
        """Instants of splits that no row after them has been reckoned since."""
        self._reckoned_ns = NEVER
        """The last instant at which contracts were reckoned."""
        self._waited = False
        """Whether contracts left the last instant to other work."""
        self._unsettled = False
        """Whether the next instant has something to do, rows or none."""

    @property
    def has_options(self) -> bool:
        """Return whether rows of options have come: without any there is nothing to reckon."""
        return self.waiting.begin_ns != NEVER

    def put(self, payload: bytes, frame: Frame, promised_ns: int) -> None:
        """Take a sound frame of the underlying or of its options; see Waiting.put."""
        self.waiting.put(payload, frame, promised_ns)

    def take_event(self, event: MarketEvent) -> None:
        """Take a dividend, a split or an earnings date of this underlying."""
        at_ns = event.start_ns or event.event_ns
        if event.kind == MarketEventKind.DIVIDEND:
            self.dividends = self.dividends.with_declared(Dividend(at_ns, event.value))
        elif event.kind == MarketEventKind.EARNINGS:
            self.events = self.events.with_event(at_ns)
        elif event.kind == MarketEventKind.SPLIT:
            self.dividends = self.dividends.after_split(event.value)
            self._splits = sorted([*self._splits, at_ns])

    def go_on(self) -> Iterator[ChainFrame | SurfaceFrame]:
        """Reckon every instant whose rows are all there; yield what is to be told, in order."""
        while (instant := self.waiting.next_instant(self._unsettled)) != NEVER:
            while self._splits and self._splits[0] < instant:
                del self._splits[0]
                self._quotes = ChainQuotes(self.symbol)
                self._chain = Chain(self._rates, self._pace.step_ns, self._pace.look_ns)
            self.waiting.take(instant, self._quotes)
            self._unsettled = self._chain.is_dealt(self._quotes, instant)
            if self._unsettled:
                yield from self._reckon(instant)

    def _reckon(self, instant: int) -> Iterator[ChainFrame | SurfaceFrame]:
        quotes, chain = self._quotes, self._chain
        moment = chain.moment(quotes, instant, self.dividends.ahead(instant, chain.last_expiry_ns()))
        looked = chain.look(quotes, moment, self._waited)
        surface = chain.fit(moment)
        busy = looked or surface is not None or (not self._waited and chain.build(quotes, moment))
        if surface is not None:
            day = new_york_day(instant).toordinal()
            self._closes = self._closes.at(day, vol_at(surface, moment, THIRTY_DAYS_NS))
            event = self.events.implied(surface, instant)
            yield surface_frame(quotes, moment, surface, chain, self._closes, event)
        # Contracts that were reckoned a step ago leave this instant to other work.
        self._waited = busy and instant - self._reckoned_ns == self._pace.step_ns
        if not self._waited:
            frame = self._changes(moment)
            if frame is not None:
                yield frame
        self._unsettled = bool(quotes.touched.any()) or not chain.is_settled(quotes)

    def _changes(self, moment: Moment) -> ChainFrame | None:
        """Return the frame of the contracts that are to be told."""
        quotes, figures, instant = self._quotes, self._chain.figures, moment.event_ns
        told_ns = quotes.count("told_ns")
        wanted = quotes.touched & (instant - told_ns >= self._pace.contract_ns)
        self._chain.reckon(quotes, moment, wanted | self._oldest(instant, wanted.size))
        self._reckoned_ns = instant
        if not wanted.any():
            return None
        number = instant // self._pace.whole_ns
        whole, self._whole = number != self._whole, number
        quotes.touched[wanted] = False
        told_ns[wanted] = instant
        there = figures.column("expiry_ns") > instant
        return chain_frame(quotes, moment, figures, np.flatnonzero(there if whole else there & wanted), whole)

    def _oldest(self, instant: int, count: int) -> NDArray[np.bool_]:
        """Return the contracts that have waited longest, (n,): as many as the time since the last instant asks for."""
        figures, half_ns = self._chain.figures, self._pace.whole_ns // 2
        figures.hold(count)
        out = np.zeros(count, np.bool_)
        since_ns = instant - self._reckoned_ns if self._reckoned_ns != NEVER else 0
        alive = figures.column("expiry_ns") > instant
        due = np.flatnonzero(alive & (figures.column("reckoned_ns") <= instant - half_ns))
        if due.size and since_ns:
            most = -(-count * min(since_ns, half_ns) // half_ns)
            out[due[np.argsort(figures.column("reckoned_ns")[due], kind="stable")[:most]]] = True
        return out

    # ---- state ------------------------------------------------------------------------------------------------------

    def saved(self) -> bytes:
        """Return all of it as bytes."""
        parts = {"waiting": self.waiting.saved(), "quotes": self._quotes.saved(), "chain": self._chain.saved()}
        own = [
            self._whole,
            self._splits,
            self._reckoned_ns,
            self._waited,
            self._unsettled,
            [[one.ex_ns, one.cash] for one in self.dividends.declared],
            self.events.instants,
            [self._closes.vols, self._closes.day, self._closes.last],
        ]
        arrays = {f"{part}/{name}": array for part, (_, given) in parts.items() for name, array in given.items()}
        return pack([own, {part: head for part, (head, _) in parts.items()}], arrays)

    def restore(self, data: bytes) -> None:
        """Take back, into a new instance, what `saved` returned."""
        (own, heads), arrays = unpack(data)
        self._whole, self._splits, self._reckoned_ns, self._waited, self._unsettled, *rest = own
        declared, instants, (vols, day, last) = rest
        self.dividends = Dividends(tuple(Dividend(int(ex_ns), float(cash)) for ex_ns, cash in declared))
        self.events, self._closes = Events(tuple(instants)), ClosingVols(tuple(vols), day, last)
        for name, part in (("waiting", self.waiting), ("quotes", self._quotes), ("chain", self._chain)):
            of: Any = part
            of.restore(
                heads[name], {key[len(name) + 1 :]: one for key, one in arrays.items() if key.startswith(f"{name}/")}
            )
