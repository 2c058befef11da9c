"""The chains of a partition: frames and events by underlying, and what their instants tell."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from schemas import wire
from schemas.records import ChainFrame, MarketEvent, MarketEventKind, OptionFrame, Record, SurfaceFrame
from streams.bars.events import TIME_MIN
from streams.chain.pack import pack, unpack
from streams.chain.quotes import NEVER
from streams.chain.underlying import Pace, Underlying
from streams.chain.waiting import FAR_NS, Frame
from streams.options.contracts.clock import new_york_day
from streams.options.rates import RateCurves
from streams.stage import RecordError, RejectReason

PARTITION = ""
"""Key of what the partition itself knows."""
_PROMISES = (MarketEventKind.HEARTBEAT, MarketEventKind.SESSION_CLOSE)
_OWN = (MarketEventKind.DIVIDEND, MarketEventKind.SPLIT, MarketEventKind.EARNINGS)
KIND_MAX = 4


@dataclass
class Chains:
    """All chains of a partition."""

    rates: RateCurves
    pace: Pace
    by_symbol: dict[str, Underlying] = field(default_factory=dict)
    promised: dict[str, int] = field(default_factory=dict)
    """By source: up to when it has said, of every underlying, that all is sent."""
    changed: set[str] = field(default_factory=set)

    def of(self, symbol: str) -> Underlying:
        """Return an underlying's chain, a new one if need be."""
        if symbol not in self.by_symbol:
            self.by_symbol[symbol] = Underlying(symbol, self.rates, self.pace)
        self.changed.add(symbol)
        return self.by_symbol[symbol]

    def watched(self) -> list[str]:
        """Return the symbols with options, whose own frames are of use."""
        return [symbol for symbol in self.by_symbol if self.has_options(symbol)]

    def has_options(self, symbol: str) -> bool:
        """Return whether rows of an underlying's options have come."""
        return symbol in self.by_symbol and self.by_symbol[symbol].has_options

    def take_frame(self, payload: bytes, frame: Frame) -> Iterator[ChainFrame | SurfaceFrame]:
        """Take a frame; yield what follows. RecordError for options whose columns do not fit: nothing changes then."""
        if isinstance(frame, OptionFrame):
            check_options(frame)
        one = self.of(frame.symbol)
        one.put(payload, frame, self.promised.get(frame.source, NEVER))
        yield from one.go_on()

    def take_event(self, event: MarketEvent) -> Iterator[ChainFrame | SurfaceFrame]:
        """Take an event whose figures make sense (bars/events.py refuses others first); yield what follows."""
        if event.kind in _OWN and event.symbol:
            self.of(event.symbol).take_event(event)
        closes = event.kind == MarketEventKind.SOURCE_CLOSE
        if event.kind not in _PROMISES and not closes:
            return
        if not event.symbol:
            self.promised[event.source] = max(self.promised.get(event.source, NEVER), event.event_ns)
            self.changed.add(PARTITION)
        for symbol in [event.symbol] if event.symbol else list(self.by_symbol):
            if symbol not in self.by_symbol:
                continue
            one = self.of(symbol)
            one.waiting.promise(event.source, event.event_ns)
            if closes:
                one.waiting.close(event.source)
            yield from one.go_on()

    def saved(self) -> dict[str, bytes | None]:
        """Return the bytes of what changed since the last call, by symbol; PARTITION: the partition's."""
        out: dict[str, bytes | None] = {}
        for symbol in sorted(self.changed):
            out[symbol] = pack(self.promised, {}) if symbol == PARTITION else self.by_symbol[symbol].saved()
        self.changed.clear()
        return out

    def load(self, saved: Mapping[str, bytes]) -> None:
        """Replace everything by what `saved` returned."""
        self.by_symbol.clear()
        self.promised.clear()
        for symbol in sorted(saved):
            if symbol == PARTITION:
                self.promised.update(unpack(saved[symbol])[0])
            else:
                self.of(symbol).restore(saved[symbol])
        self.changed.clear()


def check_options(frame: OptionFrame) -> None:
    """Raise RecordError where a frame of options is none: unequal columns, times that go back, and the like."""
    rows = len(frame.delta_ns)
    lengths = {name: len(getattr(frame, name)) for name in ("contract", "kind", "flags", "price", "size", "condition")}
    if rows < 1 or set(lengths.values()) != {rows}:
        raise _bad(f"columns must have one length >= 1, were {rows} times and {lengths}")
    if not frame.symbol or not frame.source:
        raise _bad(f"symbol and source must be named, were {frame.symbol!r} and {frame.source!r}")
    if int(frame.delta_ns[0]) != 0 or int(frame.delta_ns.min()) < 0:
        raise _bad(f"delta_ns must begin with 0 and not go back, was {frame.delta_ns[:4].tolist()}")
    last_ns = frame.base_ns + sum(frame.delta_ns.tolist())
    if not TIME_MIN <= frame.base_ns <= last_ns < FAR_NS:
        raise _bad(f"event times must lie in [{TIME_MIN}, 2**62), were {frame.base_ns} to {last_ns}")
    if not 0 <= int(frame.contract.min()) <= int(frame.contract.max()) < len(frame.contracts):
        raise _bad(
            f"contract must be an index into the {len(frame.contracts)} contracts, was {frame.contract[:4].tolist()}"
        )
    if max(frame.kind) > KIND_MAX:
        raise _bad(f"kind must be 0 to {KIND_MAX}, was {max(frame.kind)}")
    if int(frame.size.min()) < 0:
        raise _bad(f"size must be >= 0, was {int(frame.size.min())}")
    new_york_day(last_ns)


def decoded(payload: bytes) -> Record:
    """Return the record in a payload; RecordError where it is broken."""
    try:
        return wire.decode(payload)
    except wire.WireError as error:
        raise RecordError(RejectReason(error.reason.value), error.detail) from None


def _bad(text: str) -> RecordError:
    return RecordError(RejectReason.BAD_VALUE, text)
