"""The codec of OptionFrames against fastavro: columns to bytes and back, in any blocks, and bytes that are no frame."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas import frames, ids, option_frames, wire
from schemas.binary import F64, I64, U8, Malformed
from schemas.osi import LENGTH
from tests.wire_records import DOUBLES, LONGS, TEXTS, by_fastavro, canonical, in_blocks, long, read_by_fastavro

FEW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
ROWS = 48
"""Rows and contracts that the columns of these tests can hold."""
BOOK = tuple(f"{root:6}140606{right}{mills:08d}" for root in ("A", "SPXW") for right in "CP" for mills in (5, 645000))


@dataclass
class Options:
    """Columns of rows, as sources hand them over and as kernels get them."""

    event_ns: I64
    contract: I64
    kind: U8
    flags: U8
    price: F64
    size: I64
    condition: I64

    def columns(self) -> list[Any]:
        return [getattr(self, field.name) for field in fields(self)]

    def cut(self, start: int, stop: int) -> list[Any]:
        return [column[start:stop] for column in self.columns()]


def room() -> Options:
    """Columns to decode into, filled with what no test expects."""
    longs, small = np.full(ROWS, 7, np.int64), np.full(ROWS, 77, np.uint8)
    return Options(
        longs.copy(), longs.copy(), small.copy(), small.copy(), np.full(ROWS, 7.7), longs.copy(), longs.copy()
    )


def column(draw: st.DrawFn, items: st.SearchStrategy[Any], rows: int, kind: type) -> Any:
    return np.array(draw(st.lists(items, min_size=rows, max_size=rows)), kind)


@st.composite
def options(draw: st.DrawFn, rows_max: int = ROWS) -> Options:
    """Any rows in time order, of contracts of the book."""
    rows = draw(st.integers(1, rows_max))
    gaps = column(draw, st.one_of(st.integers(0, 70), st.integers(0, 10**12)), rows, np.int64)
    return Options(
        draw(st.sampled_from([0, -(10**9), 1_381_152_600 * 10**9])) + np.cumsum(gaps),
        column(draw, st.integers(0, len(BOOK) - 1), rows, np.int64),
        column(draw, st.integers(0, 255), rows, np.uint8),
        column(draw, st.integers(0, 255), rows, np.uint8),
        column(draw, DOUBLES, rows, np.float64),
        column(draw, LONGS, rows, np.int64),
        column(draw, LONGS, rows, np.int64),
    )


def datum_of(symbol: str, source: str, of: Options, book: tuple[str, ...] = BOOK) -> dict[str, Any]:
    """The OptionFrame that these rows make."""
    listed = list(dict.fromkeys(of.contract.tolist()))
    return {
        "symbol": symbol,
        "source": source,
        "base_ns": int(of.event_ns[0]),
        "delta_ns": np.diff(of.event_ns, prepend=of.event_ns[:1]).tolist(),
        "contracts": [book[at] for at in listed],
        "contract": [listed.index(at) for at in of.contract.tolist()],
        "kind": of.kind.tobytes(),
        "flags": of.flags.tobytes(),
        "price": of.price.tolist(),
        "size": of.size.tolist(),
        "condition": of.condition.tolist(),
    }


def decode(payload: bytes, before: bytes = b"", after: bytes = b"") -> tuple[int, list[str], Options]:
    """Decode one payload that lies between others in a buffer: rows or a code, contracts, columns."""
    out, starts = room(), np.full(ROWS, -1, np.int64)
    whole = before + payload + after
    data = np.frombuffer(whole, np.uint8)
    rows, listed = option_frames.decode_options(data, len(before), len(before) + len(payload), starts, *out.columns())
    texts = [whole[at : at + LENGTH].decode() for at in starts[:listed].tolist()]
    return int(rows), texts, out


@FEW
@given(of=options(), symbol=TEXTS, source=TEXTS)
def test_options_are_written_as_fastavro_writes_them_and_come_back(of: Options, symbol: str, source: str) -> None:
    """Bytes equal fastavro's and the generated codec's; decoding gives columns and contracts bit for bit."""
    payload = option_frames.encode_options(symbol, source, BOOK, *of.columns())
    assert payload == by_fastavro("OptionFrame", canonical(datum_of(symbol, source, of)))
    assert payload == wire.encode(wire.decode(payload))
    rows, texts, out = decode(payload, b"before", b"\xff" * 9)
    assert rows == len(of.event_ns)
    assert [texts[at] for at in out.contract[:rows].tolist()] == [BOOK[at] for at in of.contract.tolist()]
    assert texts == list(dict.fromkeys(BOOK[at] for at in of.contract.tolist()))
    for got, meant in zip(out.cut(0, rows), of.columns(), strict=True):
        if meant is of.contract:
            continue
        meant = np.where(np.isnan(meant), np.nan, meant) + 0.0 if meant.dtype == np.float64 else meant
        assert got.tobytes() == meant.tobytes()
    for got, untouched in zip(out.columns(), room().columns(), strict=True):
        assert got[rows:].tobytes() == untouched[rows:].tobytes()
    span, data = np.empty(4, np.int64), np.frombuffer(payload, np.uint8)
    assert option_frames.option_names(data, 0, len(data), span) > 0
    assert [payload[span[0] : span[1]].decode(), payload[span[2] : span[3]].decode()] == [symbol, source]


@FEW
@given(of=options(), data=st.data())
def test_many_frames_in_one_call_are_the_frames_one_by_one(of: Options, data: st.DataObject) -> None:
    """The bulk writer is the same writer, and each frame names its own contracts only."""
    rows = len(of.event_ns)
    inner = data.draw(st.sets(st.integers(1, rows - 1))) if rows > 1 else set()
    cuts = np.array([0, *sorted(inner), rows], np.int64)
    buffer, offsets = option_frames.encode_option_frames("SPY", "lean", BOOK, *of.columns(), cuts=cuts)
    assert offsets[-1] == len(buffer)
    for i in range(len(cuts) - 1):
        one = by_fastavro("OptionFrame", canonical(datum_of("SPY", "lean", Options(*of.cut(cuts[i], cuts[i + 1])))))
        assert buffer[offsets[i] : offsets[i + 1]].tobytes() == one


@FEW
@given(of=options(), data=st.data())
def test_frames_in_any_blocks_are_decoded(of: Options, data: st.DataObject) -> None:
    """Other writers cut arrays into blocks and may put sizes before them: columns and contracts are the same."""
    datum = datum_of("SPY", "java", of)
    rows, texts, out = decode(in_blocks("OptionFrame", datum, data.draw))
    plain, same_texts, same = decode(by_fastavro("OptionFrame", datum))
    assert rows == plain == len(of.event_ns)
    assert texts == same_texts
    for got, meant in zip(out.columns(), same.columns(), strict=True):
        assert got.tobytes() == meant.tobytes()


@FEW
@given(of=options(rows_max=12), data=st.data())
def test_broken_frames_give_a_code_or_what_fastavro_reads(of: Options, data: st.DataObject) -> None:
    """Truncated, mutated or longer bytes give a code of the closed list, or what they are by fastavro too."""
    payload = option_frames.encode_options("SPY", "lean", BOOK, *of.columns())
    kind = data.draw(st.sampled_from(["cut", "flip", "insert", "append"]))
    at = data.draw(st.integers(0, len(payload) - 1))
    byte = data.draw(st.integers(0, 255))
    broken = {
        "cut": payload[:at],
        "flip": payload[:at] + bytes([byte]) + payload[at + 1 :],
        "insert": payload[:at] + bytes([byte]) + payload[at:],
        "append": payload + bytes([byte]),
    }[kind]
    rows, texts, out = decode(broken, b"", payload)
    if rows < 0:
        assert frames.explain(rows)[0] in wire.WireReason
        return
    datum = read_by_fastavro(broken)
    assert texts == datum["contracts"]
    assert out.contract[:rows].tolist() == datum["contract"]
    assert out.event_ns[:rows].tolist() == (datum["base_ns"] + np.cumsum(datum["delta_ns"])).tolist()
    assert (out.kind[:rows].tobytes(), out.flags[:rows].tobytes()) == (datum["kind"], datum["flags"])
    assert repr(canonical(out.price[:rows].tolist())) == repr(canonical(datum["price"]))
    assert (out.size[:rows].tolist(), out.condition[:rows].tolist()) == (datum["size"], datum["condition"])


def test_each_fault_has_its_code() -> None:
    """A contract that is none, an index beyond the frame's contracts, and the faults that ticks have."""
    bytes_, longs = np.zeros(3, np.uint8), np.ones(3, np.int64)
    of = Options(np.arange(3, dtype=np.int64), np.array([4, 1, 4]), bytes_, bytes_, np.ones(3), longs, longs)
    datum = datum_of("SPY", "lean", of)
    good = by_fastavro("OptionFrame", datum)
    empty = {"delta_ns": [], "contract": [], "kind": b"", "flags": b"", "price": [], "size": [], "condition": []}
    block_at = good.index(BOOK[4].encode()) - 2
    assert good[block_at] == 4

    def made(**changed: Any) -> bytes:
        return by_fastavro("OptionFrame", datum | changed)

    def with_count(count: bytes) -> bytes:
        return good[:block_at] + count + good[block_at + 1 :]

    cases = [
        (b"", Malformed.NOT_FRAMED),
        (ids.header_of("TickFrame") + good[5:], Malformed.OTHER_SCHEMA),
        (good[:-1], Malformed.TRUNCATED),
        (made(**empty), Malformed.NO_ROWS),
        (made(contract=[0, 1]), Malformed.UNEQUAL_COLUMNS),
        (made(kind=b"\0"), Malformed.UNEQUAL_COLUMNS),
        (made(flags=b"\0"), Malformed.UNEQUAL_COLUMNS),
        (made(price=[1.0]), Malformed.UNEQUAL_COLUMNS),
        (made(base_ns=2**63 - 1), Malformed.TIME_OVERFLOW),
        (made(contracts=[BOOK[4], BOOK[1][:20]]), Malformed.BAD_CONTRACT),
        (made(contracts=[BOOK[4], BOOK[1] + " "]), Malformed.BAD_CONTRACT),
        (made(contracts=[BOOK[4]]), Malformed.BAD_CONTRACT),
        (made(contracts=[]), Malformed.BAD_CONTRACT),
        (made(contract=[0, 1, 2]), Malformed.BAD_CONTRACT),
        (made(contract=[0, -1, 0]), Malformed.BAD_CONTRACT),
        (made(contracts=[BOOK[0]] * (ROWS + 1)), Malformed.TOO_MANY_ROWS),
        (with_count(long(2**62)), Malformed.TOO_MANY_ROWS),
        (with_count(long(-2) + long(43)), Malformed.BAD_COUNT),
        (good.replace(BOOK[1].encode(), b"\xc0\xaf" + BOOK[1][2:].encode()), Malformed.BAD_TEXT),
        (good + b"\0", Malformed.LEFT_OVER),
    ]
    for payload, code in cases:
        rows, _, _ = decode(payload)
        assert Malformed(rows) is code, payload.hex()
        assert frames.explain(rows)[1]
    assert decode(with_count(long(-2) + long(44)))[0] == decode(good)[0] == 3


def test_what_cannot_be_a_frame_is_refused_when_written() -> None:
    """No rows, unequal columns, times that go back, contracts that are none: ValueError with what was seen."""
    bytes_, longs = np.zeros(3, np.uint8), np.ones(3, np.int64)
    of = Options(np.array([5, 6, 4], np.int64), longs, bytes_, bytes_, np.ones(3), longs, longs)
    with pytest.raises(ValueError, match="times of SPY must not go back, row 2 was 4 after 6"):
        option_frames.encode_options("SPY", "lean", BOOK, *of.columns())
    with pytest.raises(ValueError, match=r"cuts must lead from 0 to 0|1 to 65536 rows, was 0"):
        option_frames.encode_options("SPY", "lean", BOOK, *of.cut(0, 0))
    with pytest.raises(ValueError, match="equal lengths, were 3 and 2"):
        option_frames.encode_options("SPY", "lean", BOOK, *[*of.columns()[:-1], longs[:2]])
    of.event_ns.sort()
    for contract in (-1, len(BOOK)):
        of.contract = np.array([0, contract, 0])
        with pytest.raises(ValueError, match=r"contract must be in \[0, 8\)"):
            option_frames.encode_options("SPY", "lean", BOOK, *of.columns())
    for bad in ("", "AAPL140606C00645000", BOOK[0] + " ", "\u00c4" + BOOK[0][1:]):
        with pytest.raises(ValueError, match="OSI symbol of 21 characters"):
            option_frames.encode_options("SPY", "lean", (*BOOK, bad), *of.columns())
    for cuts in ([0], [0, 2], [1, 3], [0, 3, 3]):
        with pytest.raises(ValueError, match=r"cuts must lead from 0 to 3|rows, was"):
            option_frames.encode_option_frames("SPY", "lean", BOOK, *of.columns(), cuts=np.array(cuts, np.int64))
