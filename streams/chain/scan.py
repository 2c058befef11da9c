"""Which records of a batch chains have to see: without options hardly any, and none of ticks."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.records import MarketEventKind
from streams.bars.analytics import Analytics
from streams.chain.kernels import ALWAYS, WATCHED, find_wanted

U8 = NDArray[np.uint8]

_OWN = (MarketEventKind.DIVIDEND, MarketEventKind.SPLIT, MarketEventKind.EARNINGS)
_PROMISES = (MarketEventKind.HEARTBEAT, MarketEventKind.SESSION_CLOSE, MarketEventKind.SOURCE_CLOSE)
KINDS = np.array(
    [ALWAYS if kind in _OWN else WATCHED if kind in _PROMISES else 0 for kind in MarketEventKind], np.uint8
)


class Scan:
    """Finds the records of use. The symbols that are watched are those with options."""

    def __init__(self) -> None:
        self._names: set[str] = set()
        self._flags: U8 = np.zeros(0, np.uint8)

    def watch(self, symbol: str) -> bool:
        """Watch an underlying's own frames; return whether that is new: scan what follows in the batch anew then."""
        if symbol in self._names:
            return False
        self._names.add(symbol)
        self._flags = np.zeros(0, np.uint8)
        return True

    def of_use(self, bars: Analytics, first: int = 0) -> list[int]:
        """Return the places, from `first` on in the batch that bars have just taken, of what is of use, in order."""
        symbols: Any = bars.symbols
        if len(self._flags) != len(symbols.keys):
            self._flags = np.array([WATCHED * (key in self._names) for key in symbols.keys], np.uint8)
        data, bounds = bars.batch
        out = np.empty(len(bounds) - 1, np.int64)
        count = find_wanted(symbols.state, data, bounds, first, self._flags, bool(self._names), KINDS, out)
        places: list[int] = out[:count].tolist()
        return places
