"""The newest state of one underlying's chain, merged from its ChainFrames and SurfaceFrames in the order of their log.

A whole ChainFrame replaces every contract, the others those that they tell. A record that is not newer than the last of
its kind is a repetition (a restart may append one twice) and is passed over.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas import wire
from schemas.osi import OptionSymbol, SymbolFault, parse_osi
from schemas.records import ChainFrame, SurfaceFrame

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
Bool = NDArray[np.bool_]

MS_NS = 1_000_000
NEVER_MS = -1
KINDS = ("ChainFrame", "SurfaceFrame")


class Place(NamedTuple):
    """Where a contract was told last."""

    frame: ChainFrame
    row: int


@dataclass(frozen=True)
class Contracts:
    """The contracts of one expiry as columns, (n,), by strike, the call of a strike before its put.

    Names and units are those of ChainFrame; age_ms counts up to the newest record, NEVER_MS: never quoted.
    """

    strike: F64
    is_call: Bool
    bid: F64
    ask: F64
    iv: F64
    smile_vol: F64
    half_spread: F64
    delta: F64
    quality: F64
    theoretical: F64
    volume: I64
    open_interest: I64
    bits: I64
    age_ms: I64


class Latest:
    """See the module's head. through_ns: instants after this one are passed over; None: none is."""

    def __init__(self, symbol: str, through_ns: int | None = None) -> None:
        self.symbol = symbol
        self.through_ns = through_ns
        self.surface: SurfaceFrame | None = None
        self.is_whole = False
        """Whether a whole ChainFrame has come, so that no contract is missing."""
        self.chain_ns = -1
        """Instant of the newest ChainFrame; -1: none yet."""
        self._places: dict[str, Place] = {}

    @property
    def event_ns(self) -> int:
        """Return the newest instant, ns UTC; -1: nothing has come."""
        return max(self.chain_ns, -1 if self.surface is None else self.surface.event_ns)

    def take(self, payload: bytes | None) -> ChainFrame | SurfaceFrame | None:
        """Take a record of the topic features; return it where it is news of this chain, else None."""
        if payload is None:
            return None
        try:
            if wire.name_of(payload) not in KINDS:
                return None
            record = wire.decode(payload)
        except wire.WireError:
            return None
        if not isinstance(record, ChainFrame | SurfaceFrame) or record.symbol != self.symbol:
            return None
        if self.through_ns is not None and record.event_ns > self.through_ns:
            return None
        return record if self.merge(record) else None

    def merge(self, record: ChainFrame | SurfaceFrame) -> bool:
        """Take a record of this chain; return whether it is newer than the last of its kind."""
        if isinstance(record, SurfaceFrame):
            if self.surface is not None and record.event_ns <= self.surface.event_ns:
                return False
            self.surface = record
            return True
        if record.event_ns <= self.chain_ns:
            return False
        self.chain_ns = record.event_ns
        if record.whole:
            self.is_whole = True
            self._places.clear()
        self._places.update((name, Place(record, row)) for row, name in enumerate(record.contracts))
        return True

    def __len__(self) -> int:
        return len(self._places)

    def names(self) -> Iterator[tuple[int, str]]:
        """Yield the expiry, ns UTC, and the OSI symbol of every contract."""
        for name, place in self._places.items():
            yield int(place.frame.expiry_ns[place.row]), name

    def contracts(self, expiry_ns: int, root: str) -> Contracts:
        """Return the columns of an expiry's contracts; root: SPX and SPXW of a day are two."""
        found: list[tuple[float, bool, Place]] = []
        for name, place in self._places.items():
            if int(place.frame.expiry_ns[place.row]) == expiry_ns and (one := symbol_of(name)).root == root:
                found.append((one.strike, not one.is_call, place))
        found.sort(key=lambda row: row[:2])
        places = [place for _, _, place in found]

        def column(name: str) -> F64:
            return np.array([getattr(frame, name)[row] for frame, row in places], np.float64)

        def count(name: str) -> I64:
            return np.array([getattr(frame, name)[row] for frame, row in places], np.int64)

        return Contracts(
            strike=np.array([strike for strike, _, _ in found], np.float64),
            is_call=np.array([not is_put for _, is_put, _ in found], np.bool_),
            bid=column("bid"),
            ask=column("ask"),
            iv=column("iv"),
            smile_vol=column("smile_vol"),
            half_spread=column("half_spread"),
            delta=column("delta"),
            quality=column("quality"),
            theoretical=column("theoretical"),
            volume=count("volume"),
            open_interest=count("open_interest"),
            bits=count("bits"),
            age_ms=self._ages(places),
        )

    def _ages(self, places: Iterable[Place]) -> I64:
        now_ns = self.event_ns
        told = [(int(frame.age_ms[row]), frame.event_ns) for frame, row in places]
        ages = [age if age == NEVER_MS else age + (now_ns - event_ns) // MS_NS for age, event_ns in told]
        return np.array(ages, np.int64)


def symbol_of(contract: str) -> OptionSymbol:
    """Return the parts of a contract of a ChainFrame; ValueError where its name is none, which no stage writes."""
    found = parse_osi(contract)
    if isinstance(found, SymbolFault):
        raise ValueError(f"{contract!r} is no OSI symbol: {found}")
    return found
