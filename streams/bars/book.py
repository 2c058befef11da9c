"""What the kernel works on: rows of symbols, names of sources, the hold; how it grows, is saved and is restored."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from schemas.frames import FRAME_ROWS_MAX
from streams.bars.kernel import Scratch, State
from streams.bars.layout import (
    HELD,
    HOLD_FLOATS,
    HOLD_INTS,
    LAYOUT_VERSION,
    LEVELS,
    NAME_BYTES_MAX,
    OPEN_SOURCES,
    SESSIONS,
    SOURCES_MAX,
    Columns,
    Layout,
)
from streams.bars.names import hash_bytes

I64 = NDArray[np.int64]
U8 = NDArray[np.uint8]
PARTITION = 0
"""Slot of what concerns every symbol of the partition; its key is empty."""


def columns(rows: int) -> Columns:
    """Return empty columns for this many ticks."""
    return Columns(np.empty(rows, np.int64), np.empty(rows, np.uint8), np.empty(rows), np.empty(rows, np.int64))


def new_scratch(hold_rows_max: int) -> Scratch:
    """Return the columns that frames are decoded into."""
    return Scratch(
        columns(FRAME_ROWS_MAX),
        np.empty(FRAME_ROWS_MAX, np.uint8),
        np.empty(FRAME_ROWS_MAX, np.uint8),
        np.empty(FRAME_ROWS_MAX, np.int64),
        np.empty((6, FRAME_ROWS_MAX)),
        np.empty(6),
        np.zeros(1, np.int64),
        columns(hold_rows_max),
        np.zeros(4, np.int64),
    )


class Symbols:
    """Rows by slot. state: the arrays as the kernel takes them, replaced by larger ones when they are full."""

    def __init__(self, layout: Layout, symbols_max: int, hold_rows_max: int) -> None:
        self._layout = layout
        self._symbols_max = symbols_max
        self._hold_rows_max = hold_rows_max
        self._clear()

    def _clear(self) -> None:
        self.keys: list[str] = []
        self.encoded: list[bytes] = []
        self.sources: list[str] = []
        self._slots: dict[str, int] = {}
        self.state = self._arrays(16, 0)
        self.add_symbol("")

    def _arrays(self, capacity: int, hold_rows: int) -> State:
        layout = self._layout
        return State(
            np.zeros((capacity, len(layout.new_ints)), np.int64),
            np.zeros((capacity, len(layout.new_floats))),
            np.zeros((capacity, hold_rows, HOLD_INTS), np.int64),
            np.zeros((capacity, hold_rows, HOLD_FLOATS)),
            np.zeros(capacity, np.uint8),
            np.zeros((capacity, NAME_BYTES_MAX + 1), np.uint8),
            np.zeros((SOURCES_MAX, NAME_BYTES_MAX + 1), np.uint8),
            np.zeros(SOURCES_MAX, np.int64),
            np.zeros(capacity * 4, np.int64),
        )

    def _resize(self, capacity: int, hold_rows: int) -> None:
        """Move everything into arrays of another size."""
        old, used = self.state, len(self.keys)
        self.state = self._arrays(capacity, hold_rows)
        rows = old.held.shape[1]
        self.state.ints[:used] = old.ints[:used]
        self.state.floats[:used] = old.floats[:used]
        self.state.held[:used, :rows] = old.held[:used]
        self.state.held_prices[:used, :rows] = old.held_prices[:used]
        self.state.changed[:used] = old.changed[:used]
        self.state.symbols[:used] = old.symbols[:used]
        self.state.sources[:] = old.sources
        self.state.ranks[:] = old.ranks
        for slot, key in enumerate(self.keys):
            self._enter(key.encode(), slot)

    def _enter(self, name: bytes, slot: int) -> None:
        """Enter a symbol into the hash table of the kernel."""
        table = self.state.table
        data = np.frombuffer(name, np.uint8)
        place = int(hash_bytes(data)) & (len(table) - 1)
        while table[place]:
            place = (place + 1) & (len(table) - 1)
        table[place] = slot + 1

    def hold(self) -> None:
        """Make the hold, which is not there until a second source is."""
        if self.state.held.shape[1] == 0:
            self._resize(len(self.state.ints), self._hold_rows_max)

    def slot_of(self, symbol: str) -> int:
        """Return a symbol's slot, a new one if need be; -1 where there are symbols_max already."""
        if symbol in self._slots:
            return self._slots[symbol]
        if len(self.keys) > self._symbols_max:
            return -1
        return self.add_symbol(symbol)

    def add_symbol(self, symbol: str) -> int:
        """Give a symbol a row, with sessions and sources as the partition knows them."""
        slot = len(self.keys)
        if slot == len(self.state.ints):
            self._resize(2 * slot, self.state.held.shape[1])
        name = symbol.encode()
        state = self.state
        state.ints[slot] = self._layout.new_ints
        state.floats[slot] = self._layout.new_floats
        if slot != PARTITION:
            for first, stop in ((SESSIONS, LEVELS), (OPEN_SOURCES, OPEN_SOURCES + 1)):
                state.ints[slot, first:stop] = state.ints[PARTITION, first:stop]
        state.symbols[slot, 0] = len(name)
        state.symbols[slot, 1 : 1 + len(name)] = np.frombuffer(name, np.uint8)
        state.changed[slot] = 1
        self.keys.append(symbol)
        self.encoded.append(name)
        self._slots[symbol] = slot
        self._enter(name, slot)
        return slot

    def source_of(self, source: str) -> int:
        """Return a source's number, a new one if need be; -1 where there are SOURCES_MAX already."""
        if source in self.sources:
            return self.sources.index(source)
        if len(self.sources) == SOURCES_MAX:
            return -1
        name = source.encode()
        number = len(self.sources)
        self.state.sources[number, 0] = len(name)
        self.state.sources[number, 1 : 1 + len(name)] = np.frombuffer(name, np.uint8)
        self.sources.append(source)
        for rank, known in enumerate(sorted(self.sources, key=str.encode)):
            self.state.ranks[self.sources.index(known)] = rank
        self.state.changed[PARTITION] = 1
        return number

    # ---- state ------------------------------------------------------------------------------------------------------

    def changed(self) -> dict[str, bytes | None]:
        """Return the bytes of every slot changed since the last call."""
        slots = np.flatnonzero(self.state.changed[: len(self.keys)])
        self.state.changed[:] = 0
        return {self.keys[slot]: self._saved(int(slot)) for slot in slots}

    def _saved(self, slot: int) -> bytes:
        state = self.state
        rows = int(state.ints[slot, HELD])
        names = "\n".join(self.sources).encode() if slot == PARTITION else b""
        head = np.array([LAYOUT_VERSION, slot, rows, len(names)], np.int64)
        parts = (
            self._layout.fingerprint,
            head.tobytes(),
            state.ints[slot].tobytes(),
            state.floats[slot].tobytes(),
            state.held[slot, :rows].tobytes(),
            state.held_prices[slot, :rows].tobytes(),
            names,
        )
        return b"".join(parts)

    def load(self, saved: Mapping[str, bytes]) -> None:
        """Replace everything by saved rows; ValueError where they are of another layout, or some are missing."""
        heads = {key: self._head(key, data) for key, data in saved.items()}
        ordered = sorted(saved, key=lambda key: heads[key][1])
        if [int(heads[key][1]) for key in ordered] != list(range(len(ordered))) or (ordered and ordered[0] != ""):
            raise ValueError(
                f"saved state must hold slots 0 to n - 1, the first of them of the partition: {ordered[:5]}"
            )
        self._clear()
        for key in ordered:
            self._restore(key, heads[key], saved[key])
        self.state.changed[:] = 0

    def _head(self, key: str, data: bytes) -> I64:
        if data[:8] != self._layout.fingerprint:
            raise ValueError(f"the state of {key!r} has another layout: {data[:8].hex()}")
        return np.frombuffer(data, np.int64, 4, 8)

    def _restore(self, key: str, head: I64, data: bytes) -> None:
        if key == "":
            names = data[len(data) - int(head[3]) :].decode()
            for name in names.split("\n") if names else ():
                self.source_of(name)
            slot = PARTITION
        else:
            slot = self.add_symbol(key)
        rows = int(head[2])
        if rows:
            self.hold()
        state, at = self.state, 8 + 32
        for target in (state.ints[slot], state.floats[slot], state.held[slot, :rows], state.held_prices[slot, :rows]):
            target[...] = np.frombuffer(data, target.dtype, target.size, at).reshape(target.shape)
            at += target.nbytes
