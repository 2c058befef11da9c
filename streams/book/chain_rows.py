"""Rows of watched contracts out of a ChainFrame's bytes, without decoding the rest.

A ChainFrame has 26 columns of up to thousands of contracts, some tens of times a second; accounts watch a few. The
names are looked through; where none is watched, nothing behind them is read (so neither is anything wrong with it
seen), else columns of doubles are taken at their places, and of columns of varints the ends alone are counted. Anything
but what `wire.encode` writes is decoded whole; both ways give the same rows: a test holds that.
"""

from collections.abc import Container
from typing import NamedTuple

import numpy as np

from schemas import wire
from schemas.osi import LENGTH
from schemas.primitives import read_long
from schemas.records import ChainFrame
from streams.checks import bad

FLOATS = (
    "bid", "ask", "last", "quality", "iv", "delta", "gamma", "vega", "theta", "rho", "vanna", "volga", "charm",
    "theoretical",
)  # fmt: skip
"""Columns of Row.floats, in the order of the frame's."""
COUNTS = ("expiry_ns", "bid_size", "ask_size", "bits")
ROWS_MAX = 16
"""More rows are taken faster from the whole frame, decoded."""
_SPAN = 1 + LENGTH
_COLUMNS = (
    ("expiry_ns", "bid", "ask", "bid_size", "ask_size", "last", "volume", "open_interest", "age_ms", "bits", "quality"),
    ("smile_vol", "half_spread", "delta", "gamma", "vega", "theta", "rho", "vanna", "volga", "charm", "theoretical"),
)
"""Before and behind iv and iv_status, which lie between them."""
_OF_LONGS = frozenset({"expiry_ns", "bid_size", "ask_size", "volume", "open_interest", "age_ms", "bits"})
_HEADER = wire.HEADERS["ChainFrame"]


class Row(NamedTuple):
    """A watched contract's figures: FLOATS, and COUNTS."""

    floats: tuple[float, ...]
    counts: tuple[int, ...]


class ChainRows(NamedTuple):
    """What the router needs of a ChainFrame. rows: by OSI symbol, watched ones only; names: of all where it is whole,
    else none.
    """

    symbol: str
    event_ns: int
    spot: float
    rows: dict[str, Row]
    names: tuple[str, ...] | None


class _Unusual(Exception):
    """The bytes are not those that wire.encode writes."""


def rows_of(frame: ChainFrame, watched: Container[str]) -> ChainRows:
    """Return the rows of a decoded frame; RecordError where its columns have not one length."""
    count = len(frame.contracts)
    columns = {name: getattr(frame, name) for name in (*FLOATS, *COUNTS)}
    found = [(at, name) for at, name in enumerate(frame.contracts) if name in watched]
    if found and any(len(column) != count for column in columns.values()):
        raise bad("columns of the frame", [len(column) for column in columns.values()], f"of {count} contracts")
    at = [number for number, _ in found]
    floats = zip(*[columns[of][at].tolist() for of in FLOATS], strict=True)
    counts = zip(*[columns[of][at].tolist() for of in COUNTS], strict=True)
    rows = {name: Row(*both) for (_, name), both in zip(found, zip(floats, counts, strict=True), strict=True)}
    return ChainRows(frame.symbol, frame.event_ns, frame.spot, rows, frame.contracts if frame.whole else None)


def read_rows(payload: bytes, watched: Container[str]) -> ChainRows:
    """Return the rows of a ChainFrame's wire bytes; WireError or RecordError where they are broken."""
    try:
        return _read(payload, watched)
    except (_Unusual, IndexError, ValueError, wire.WireError):
        frame = wire.decode(payload)
        assert isinstance(frame, ChainFrame)
        return rows_of(frame, watched)


def _read(payload: bytes, watched: Container[str]) -> ChainRows:
    pos = len(_HEADER)
    length = payload[pos]
    if not payload.startswith(_HEADER) or length & 0x81:
        raise _Unusual
    symbol = payload[pos + 1 : (pos := pos + 1 + (length >> 1))].decode()
    event_ns, pos = read_long(payload, pos)
    spot = float(np.frombuffer(payload, "<f8", 1, pos)[0])
    whole, head = payload[pos + 8], pos + 9
    count, pos = read_long(payload, head)
    block = payload[pos : pos + _SPAN * count]
    if whole > 1 or count < 1 or len(block) < _SPAN * count or payload[pos + len(block)]:
        raise _Unusual
    if block[::_SPAN] != bytes([LENGTH << 1]) * count or not block.isascii():
        raise _Unusual
    text = block.decode("ascii")
    names = [text[begin : begin + LENGTH] for begin in range(1, len(text), _SPAN)]
    at = [number for number, name in enumerate(names) if name in watched]
    rows = {}
    if len(at) > ROWS_MAX:
        raise _Unusual
    if at:
        found = _columns(payload, pos + len(block) + 1, count, payload[head:pos], at)
        floats = zip(*[found[name] for name in FLOATS], strict=True)
        counts = zip(*[found[name] for name in COUNTS], strict=True)
        rows = {names[row]: Row(*both) for row, both in zip(at, zip(floats, counts, strict=True), strict=True)}
    return ChainRows(symbol, event_ns, spot, rows, tuple(names) if whole else None)


def _columns(payload: bytes, pos: int, count: int, head: bytes, at: list[int]) -> dict[str, list[float] | list[int]]:
    """Return some rows of the columns that are asked for. head: the bytes of the count, as each block begins."""
    found: dict[str, list[float] | list[int]] = {}

    def one(name: str) -> None:
        nonlocal pos
        if not payload.startswith(head, pos):
            raise _Unusual
        pos += len(head)
        if name in _OF_LONGS:
            values, pos = _longs(payload, pos, count, at if name in COUNTS else [])
            found[name] = values
        else:
            if name in FLOATS:
                found[name] = np.frombuffer(payload, "<f8", count, pos)[at].tolist()
            pos += 8 * count
        if payload[pos]:
            raise _Unusual
        pos += 1

    for name in _COLUMNS[0]:
        one(name)
    one("iv")
    length, pos = read_long(payload, pos)
    if length != count:
        raise _Unusual
    pos += length
    for name in _COLUMNS[1]:
        one(name)
    if pos != len(payload):
        raise _Unusual
    return found


def _longs(payload: bytes, pos: int, count: int, at: list[int]) -> tuple[list[int], int]:
    """Return some numbers of a column of varints, and the position behind it."""
    window = np.frombuffer(payload, np.uint8, min(10 * count, len(payload) - pos), pos)
    ends = np.flatnonzero(window < 0x80)
    if len(ends) < count:
        raise _Unusual
    begins = [pos + int(ends[row - 1]) + 1 if row else pos for row in at]
    return [read_long(payload, begin)[0] for begin in begins], pos + int(ends[count - 1]) + 1
