"""The analytics stage: ticks, source bars and market events in, FeatureFrames out, and events that accounts hear of.

What comes out for a symbol is a function of that symbol's records and of the records without a symbol, in log order;
where frames and batches are cut does not matter. The rules stand where they are carried out: clean.py (what is left
out), close.py (bars, frames), hold.py (several sources), events.py (sessions, sources, splits).
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from schemas.binary import Int, Malformed
from schemas.frames import explain
from schemas.ids import NAMES, WireError, WireReason
from schemas.records import MarketEvent
from schemas.wire import decode, encode, modernise
from streams.bars.book import PARTITION, Symbols, new_scratch
from streams.bars.events import TOLD, take_event
from streams.bars.kernel import Status, Unfit, run, settle_slots
from streams.bars.layout import (
    AT,
    COUNTERS,
    CURSORS,
    DECODED,
    MARKS,
    N_EVENTS,
    N_REJECTS,
    POSITION,
    RECORD,
    RESUME,
    Sink,
)
from streams.bars.params import Params, checked
from streams.bars.release import RELEASE
from streams.bars.slow import with_addresses
from streams.bars.unusual import decode_unusual
from streams.numerics.memory import joined
from streams.stage import Fold, Output, Rejected, RejectReason

I64 = NDArray[np.int64]
U8 = NDArray[np.uint8]

__all__ = ["Analytics", "Params", "make"]

TOPIC = "features"
MARKS_MAX = 65_536
_UNFIT = {
    Unfit.NAME: "symbol and source must have 1 to 32 bytes",
    Unfit.TIME: "event times must lie in [0, 2**62) and not go back",
    Unfit.KIND: "kind must be 0, 1 or 2",
    Unfit.INTERVAL: "no interval is fed by source bars of this length",
    Unfit.GRID: "source bars must begin at a multiple of their interval",
}


class Analytics:
    """The fold: see streams/stage.py. counters: totals since the process began, see layout.COUNTERS."""

    def __init__(self, params: Params) -> None:
        layout = checked(params)
        self._params = params
        self.symbols = Symbols(layout, params.symbols_max, params.hold_rows_max)
        self._scratch = new_scratch(params.hold_rows_max)
        self._sink = Sink(
            np.empty(params.output_bytes_max, np.uint8),
            np.empty((MARKS_MAX, 4), np.int64),
            np.zeros(CURSORS, np.int64),
            np.zeros(len(COUNTERS), np.int64),
        )
        self._fixed = with_addresses(layout, self._sink, RELEASE)
        self._data, self._bounds = joined(())
        self.counters = dict.fromkeys(COUNTERS, 0)
        self.names = layout.names
        """Names of the indicator outputs, as frames of indicator_intervals_s carry them."""

    def apply(self, payloads: Sequence[bytes]) -> Sequence[Output | Rejected]:
        """Advance over payloads in log order; return outputs sorted by at. Never raises for a bad record."""
        # Compiled code never warns; as plain Python it would, of the hash that wraps and of NaN.
        with np.errstate(all="ignore"):
            return self._apply(payloads)

    def _apply(self, payloads: Sequence[bytes]) -> list[Output | Rejected]:
        out: list[Output | Rejected] = []
        data, bounds = joined(payloads)
        self._data, self._bounds = data, bounds
        cursor = self._sink.cursor
        cursor[RECORD] = cursor[RESUME] = cursor[DECODED] = 0
        while True:
            status = run(self._fixed, self._sink, self.symbols.state, self._scratch, data, bounds)
            if status == Status.DONE:
                break
            if status == Status.NO_ROOM:
                self._empty_into(out)
            elif status == Status.NO_HOLD:
                self.symbols.hold()
            elif status == Status.UNUSUAL:
                self._unusual(out)
            else:
                at = int(cursor[RECORD])
                payload = data[bounds[at] : bounds[at + 1]].tobytes()
                if status == Status.OTHER_RECORD:
                    self._other(at, payload, out)
                    cursor[RECORD] = at + 1
                elif not self._meet(status):
                    self._empty_into(out)
                    out.append(self._reject(at, RejectReason.BAD_VALUE, "there are too many symbols or sources"))
                    cursor[RECORD] = at + 1
                    cursor[DECODED] = 0
        self._empty_into(out)
        self.counters.update(zip(COUNTERS, self._sink.counters.tolist(), strict=True))
        return out

    @property
    def batch(self) -> tuple[U8, I64]:
        """Return the payloads that were applied last, and where each begins: valid until the next batch."""
        return self._data, self._bounds

    def changed(self) -> dict[str, bytes | None]:
        """Return the encoded state of every symbol changed since the last call; key "": the partition's."""
        return self.symbols.changed()

    def load(self, state: Mapping[str, bytes]) -> None:
        """Replace all state by what `changed` returned; ValueError where it is of another layout."""
        self.symbols.load(state)

    def _meet(self, status: Int) -> bool:
        """Make the kernel know the symbol or source that it stopped at; False where there are too many."""
        span, data = self._scratch.span, self._data
        if status == Status.NEW_SYMBOL:
            return self.symbols.slot_of(data[span[0] : span[1]].tobytes().decode()) >= 0
        return self.symbols.source_of(data[span[2] : span[3]].tobytes().decode()) >= 0

    def _empty_into(self, out: list[Output | Rejected]) -> None:
        """Move what the kernel has written to out."""
        cursor = self._sink.cursor
        count = int(cursor[MARKS])
        if count == 0:
            return
        written = self._sink.out[: cursor[POSITION]].tobytes()
        keys = self.symbols.encoded
        # tuple.__new__ is what Output(...) comes to, at half the time.
        new, reasons = tuple.__new__, _rejected
        out += [
            new(Output, (at, TOPIC, None, keys[slot], written[start:stop])) if slot >= 0 else reasons(at, start)
            for at, start, stop, slot in self._sink.marks[:count].tolist()
        ]
        cursor[MARKS] = cursor[POSITION] = 0

    def _reject(self, at: int, reason: RejectReason, detail: str) -> Rejected:
        self._sink.counters[N_REJECTS] += 1
        return Rejected(at, reason, detail)

    def _other(self, at: int, payload: bytes, out: list[Output | Rejected]) -> None:
        """Take a record that is no frame of the current schemas: a market event, or a frame of an older one."""
        name = NAMES.get(int.from_bytes(payload[1:5], "big"))
        if name in ("TickFrame", "BarFrame"):
            self._older_frame(at, payload, out)
            return
        self._empty_into(out)
        if name is not None and name != "MarketEvent":
            out.append(self._reject(at, RejectReason.UNEXPECTED_TYPE, f"expected ticks, bars or events, was {name}"))
            return
        try:
            event = decode(payload)
        except WireError as error:
            out.append(self._reject(at, RejectReason(error.reason.value), error.detail))
            return
        assert isinstance(event, MarketEvent)
        refused = take_event(self.symbols, event)
        if refused:
            out.append(self._reject(at, RejectReason.BAD_VALUE, refused))
            return
        self._sink.counters[N_EVENTS] += 1
        slot = self.symbols.slot_of(event.symbol)
        self._settle(at, slot, len(self.symbols.keys) - 1 if slot == PARTITION else slot, out)
        if event.kind in TOLD:
            out.append(Output(at, TOPIC, None, event.symbol.encode(), encode(event)))

    def _unusual(self, out: list[Output | Rejected]) -> None:
        """Decode the frame that the kernel stopped at; where it is broken, reject it."""
        cursor = self._sink.cursor
        at = int(cursor[RECORD])
        start, end = self._bounds[at : at + 2]
        rows = decode_unusual(self._scratch, self._data, start, end)
        if rows > 0:
            cursor[DECODED] = rows
            return
        self._empty_into(out)
        self._sink.counters[N_REJECTS] += 1
        out.append(_rejected(at, rows))
        cursor[RECORD] = at + 1

    def _settle(self, at: int, first: int, last: int, out: list[Output | Rejected]) -> None:
        """Let symbols go on after an event."""
        cursor = self._sink.cursor
        cursor[AT] = at
        cursor[RESUME] = max(first, 1)
        while settle_slots(self._fixed, self._sink, self.symbols.state, self._scratch, last) == Status.NO_ROOM:
            self._empty_into(out)
        self._empty_into(out)
        cursor[RESUME] = 0

    def _older_frame(self, at: int, payload: bytes, out: list[Output | Rejected]) -> None:
        """Take a frame that an older writer wrote, by writing it anew (slow)."""
        self._empty_into(out)
        try:
            newer = modernise(payload)
        except WireError as error:
            out.append(self._reject(at, RejectReason(error.reason.value), error.detail))
            return
        cursor = self._sink.cursor
        saved = self._data, self._bounds
        for output in self._apply([newer]):
            out.append(output._replace(at=at))
        self._data, self._bounds = saved
        cursor[RESUME] = 0


def _rejected(at: int, code: int) -> Rejected:
    if code <= -100:
        return Rejected(at, RejectReason.BAD_VALUE, _UNFIT[Unfit(-100 - code)])
    reason, text = explain(Malformed(code))
    assert isinstance(reason, WireReason)
    return Rejected(at, RejectReason(reason.value), text)


def make(params: Params, partition: int, partitions: int) -> Fold:
    """Return the fold of a partition; ValueError for parameters that make no sense."""
    return Analytics(params)
