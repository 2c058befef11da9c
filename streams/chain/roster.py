"""The contracts of all expiries of a chain in one place, so that one call reckons with any of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streams.chain.expiry import Expiry, ExpiryKey
from streams.chain.quotes import ChainQuotes
from streams.options.ladder import Ladders, ladders_of

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
Bool = NDArray[np.bool_]
NOWHERE = -1


@dataclass(frozen=True)
class Roster:
    """e expiries by time, and the n contracts of the chain, (n,) each, in its order.

    number: of a contract's expiry, NOWHERE: it has none. at: its place there. vol, ratio: what `Expiry.known` says.
    """

    expiries: tuple[tuple[ExpiryKey, Expiry], ...]
    ladders: Ladders
    number: I64
    at: I64
    strike: F64
    is_call: Bool
    vol: F64
    ratio: F64

    def refresh(self) -> None:
        """Take over what expiries have come to know since the last call."""
        for _, kept in self.expiries:
            if kept.is_new:
                kept.is_new = False
                self.vol[kept.rows], self.ratio[kept.rows] = kept.known()


def roster_of(expiries: Sequence[tuple[ExpiryKey, Expiry]], quotes: ChainQuotes) -> Roster:
    """Return the roster of expiries, which are in order."""
    count = len(quotes.contracts)
    number, at = np.full(count, NOWHERE), np.zeros(count, np.int64)
    strike, is_call = np.full(count, np.nan), np.zeros(count, np.bool_)
    ladders = []
    for place, (_, kept) in enumerate(expiries):
        rows, rungs, own, call = kept.contracts(quotes)
        number[rows], at[rows], strike[rows], is_call[rows] = place, np.arange(rows.size), own, call
        ladders.append((rungs, rows))
        kept.is_new = True
    empty = np.full((2, count), np.nan)
    return Roster(tuple(expiries), ladders_of(ladders), number, at, strike, is_call, *empty)
