"""Columns of ticks and bars, and where they are cut into frames: by event time and count, never by the wall clock."""

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]
U8 = npt.NDArray[np.uint8]

TRADE, BID, ASK, OPEN_INTEREST, CANCEL = 0, 1, 2, 3, 4
"""Kinds of rows; the last two are of options alone."""
SUSPICIOUS, PAIRED, VOLUME_ONLY = 1, 2, 4


@dataclass(frozen=True)
class FrameRule:
    """Where frames end: at the latest after so many ticks, and never across a multiple of so much event time."""

    ticks_max: int = 64
    span_ns: int = 1_000_000_000

    def __post_init__(self) -> None:
        if self.ticks_max < 1 or self.span_ns < 1:
            raise ValueError(f"a frame holds at least 1 tick and spans at least 1 ns, was {self}")


@dataclass(frozen=True)
class Ticks:
    """Ticks of one underlying in event-time order, columns of shape (n,); units as in TickFrame."""

    event_ns: I64
    kind: U8
    flags: U8
    price: F64
    size: I64
    condition: I64

    def __len__(self) -> int:
        return len(self.event_ns)

    def take(self, index: I64) -> "Ticks":
        """Return the ticks at these indices, in that order."""
        return Ticks(*(getattr(self, f.name)[index] for f in fields(self)))

    def part(self, first: int, end: int) -> "Ticks":
        """Return the ticks in [first, end), without copying."""
        return Ticks(*(getattr(self, f.name)[first:end] for f in fields(self)))


@dataclass(frozen=True)
class Options:
    """Rows of one underlying's options in event-time order, columns of shape (n,); units as in OptionFrame.

    contracts: OSI symbols, of which `contract` says the number; not all need occur.
    """

    contracts: tuple[str, ...]
    event_ns: I64
    contract: I64
    kind: U8
    flags: U8
    price: F64
    size: I64
    condition: I64

    def __len__(self) -> int:
        return len(self.event_ns)


@dataclass(frozen=True)
class Bars:
    """Bars of one underlying and interval by start, columns of shape (n,); units as in BarFrame."""

    interval_ns: int
    start_ns: I64
    open: F64
    high: F64
    low: F64
    close: F64
    volume: I64
    bid: F64
    ask: F64

    def __len__(self) -> int:
        return len(self.start_ns)


def cut_points(event_ns: I64, rule: FrameRule, flags: U8 | None = None) -> I64:
    """Return the first index of each frame, then n; shape (frames + 1,).

    event_ns: (n,), not decreasing. flags: (n,): a bid whose ask follows is not parted from it.
    """
    n = len(event_ns)
    if n == 0:
        return np.zeros(1, np.int64)
    span = event_ns // rule.span_ns
    begins = np.empty(n, bool)
    begins[0] = True
    np.not_equal(span[1:], span[:-1], out=begins[1:])
    starts = np.flatnonzero(begins)
    lengths = np.diff(starts, append=n)
    if lengths.max() > rule.ticks_max:
        place = np.arange(n) - np.repeat(starts, lengths)
        begins = place % rule.ticks_max == 0
        if flags is not None:
            parted = np.flatnonzero(begins[1:] & (flags[:-1] & PAIRED != 0)) + 1
            begins[parted] = False
            later = parted + 1
            begins[later[later < n]] = True
        starts = np.flatnonzero(begins)
    return np.append(starts, n).astype(np.int64)
