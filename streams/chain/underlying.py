"""One underlying's chain as a fold: its rows wait for their instant, then it is looked at, and what it tells goes out.

At each instant at which rows wait: the figures of all expiries, a SurfaceFrame, and a ChainFrame of the contracts whose
quotes, trades or open interest have changed since they were last told. The first such instant of a minute tells the
whole chain, so that a reader who comes late need not wait for long. Instants are multiples of `step_ns`; between them
quotes replace each other. Where nothing comes, nothing is told; nor is anything while options are not dealt in: quotes
that stand still beside a stock that moves would be taken for a borrow.

A split begins anew: contracts, quotes and borrow are of another share; dividends are divided by its ratio.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from schemas.records import ChainFrame, MarketEvent, MarketEventKind, SurfaceFrame
from streams.chain.chain import Chain, ChainView
from streams.chain.closes import ClosingVols
from streams.chain.dividends import Dividend, Dividends
from streams.chain.events import Events
from streams.chain.pack import pack, unpack
from streams.chain.quotes import NEVER, ChainQuotes
from streams.chain.report import THIRTY_DAYS_NS, chain_frame, surface_frame, vol_at
from streams.chain.waiting import Frame, Waiting
from streams.options.contracts.clock import new_york_day
from streams.options.rates import RateCurves

__all__ = ["THIRTY_DAYS_NS", "Underlying"]


class Underlying:
    """The chain of one underlying. step_ns, whole_ns: instants, and how often all contracts are told."""

    def __init__(self, symbol: str, rates: RateCurves, step_ns: int, whole_ns: int) -> None:
        self.symbol = symbol
        self.waiting = Waiting(step_ns)
        self.dividends = Dividends()
        self.events = Events()
        self._rates, self._step_ns, self._whole_ns = rates, step_ns, whole_ns
        self._closes = ClosingVols()
        self._quotes = ChainQuotes(symbol)
        self._chain = Chain(rates)
        self._whole = NEVER
        """Which minute was told whole last."""

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
            self._quotes, self._chain = ChainQuotes(self.symbol), Chain(self._rates)

    def go_on(self) -> Iterator[ChainFrame | SurfaceFrame]:
        """Reckon every instant whose rows are all there; yield what is to be told, in order."""
        while (instant := self.waiting.next_instant()) != NEVER:
            self.waiting.take(instant, self._quotes)
            yield from self._look(instant)

    def _look(self, instant: int) -> Iterator[ChainFrame | SurfaceFrame]:
        quotes = self._quotes
        if not self._chain.is_dealt(quotes, instant):
            return
        ahead = self.dividends.ahead(instant, self._chain.last_expiry_ns())
        view = self._chain.look(quotes, instant, ahead)
        if view is None:
            return
        self._closes = self._closes.at(new_york_day(instant).toordinal(), vol_at(view, THIRTY_DAYS_NS))
        yield surface_frame(view, quotes, self._closes, self.events.implied(view))
        frame = self._changes(view, instant)
        if frame is not None:
            yield frame

    def _changes(self, view: ChainView, instant: int) -> ChainFrame | None:
        touched = self._quotes.touched
        if not touched.any():
            return None
        number = instant // self._whole_ns
        whole, self._whole = number != self._whole, number
        frame = chain_frame(view, self._quotes, np.ones(touched.size, np.bool_) if whole else touched, whole)
        touched[:] = False
        return frame

    # ---- state ------------------------------------------------------------------------------------------------------

    def saved(self) -> bytes:
        """Return all of it as bytes."""
        parts = {"waiting": self.waiting.saved(), "quotes": self._quotes.saved(), "chain": self._chain.saved()}
        own = [
            self._whole,
            [[one.ex_ns, one.cash] for one in self.dividends.declared],
            self.events.instants,
            [self._closes.vols, self._closes.day, self._closes.last],
        ]
        arrays = {f"{part}/{name}": array for part, (_, given) in parts.items() for name, array in given.items()}
        return pack([own, {part: head for part, (head, _) in parts.items()}], arrays)

    def restore(self, data: bytes) -> None:
        """Take back, into a new instance, what `saved` returned."""
        (own, heads), arrays = unpack(data)
        self._whole, declared, instants, (vols, day, last) = own
        self.dividends = Dividends(tuple(Dividend(int(ex_ns), float(cash)) for ex_ns, cash in declared))
        self.events, self._closes = Events(tuple(instants)), ClosingVols(tuple(vols), day, last)
        for name, part in (("waiting", self.waiting), ("quotes", self._quotes), ("chain", self._chain)):
            of: Any = part
            of.restore(
                heads[name], {key[len(name) + 1 :]: one for key, one in arrays.items() if key.startswith(f"{name}/")}
            )
