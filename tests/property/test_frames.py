"""The frame codec against fastavro: columns to bytes and back, in any blocks, and bytes that are no frame."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas import binary, frames, ids, wire
from schemas.binary import F64, I64, U8, Malformed
from tests.wire_records import DOUBLES, LONGS, TEXTS, by_fastavro, canonical, datums, in_blocks, long, read_by_fastavro

FEW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
ROWS = 64
"""Rows that the columns of these tests can hold."""


@dataclass
class Ticks:
    """Columns of ticks, as the sources hand them over and as kernels get them."""

    event_ns: I64
    kind: U8
    flags: U8
    price: F64
    size: I64
    condition: I64

    def columns(self) -> list[Any]:
        return [getattr(self, field.name) for field in fields(self)]

    def cut(self, start: int, stop: int) -> list[Any]:
        return [column[start:stop] for column in self.columns()]


def room() -> Ticks:
    """Columns to decode into, filled with what no test expects."""
    return Ticks(
        np.full(ROWS, 7, np.int64),
        np.full(ROWS, 77, np.uint8),
        np.full(ROWS, 77, np.uint8),
        np.full(ROWS, 7.7),
        np.full(ROWS, 7, np.int64),
        np.full(ROWS, 7, np.int64),
    )


def column(draw: st.DrawFn, items: st.SearchStrategy[Any], rows: int, kind: type) -> Any:
    return np.array(draw(st.lists(items, min_size=rows, max_size=rows)), kind)


@st.composite
def ticks(draw: st.DrawFn, rows_max: int = ROWS) -> Ticks:
    """Any ticks in time order."""
    rows = draw(st.integers(1, rows_max))
    first = draw(st.sampled_from([0, -(10**9), 1_381_152_600 * 10**9]))
    gaps = column(draw, st.one_of(st.integers(0, 70), st.integers(0, 10**12)), rows, np.int64)
    return Ticks(
        first + np.cumsum(gaps),
        column(draw, st.integers(0, 255), rows, np.uint8),
        column(draw, st.integers(0, 255), rows, np.uint8),
        column(draw, DOUBLES, rows, np.float64),
        column(draw, LONGS, rows, np.int64),
        column(draw, LONGS, rows, np.int64),
    )


def datum_of(symbol: str, source: str, of: Ticks) -> dict[str, Any]:
    """The TickFrame that these ticks make."""
    deltas = np.diff(of.event_ns, prepend=of.event_ns[:1])
    return {
        "symbol": symbol,
        "source": source,
        "base_ns": int(of.event_ns[0]),
        "delta_ns": deltas.tolist(),
        "kind": of.kind.tobytes(),
        "flags": of.flags.tobytes(),
        "price": of.price.tolist(),
        "size": of.size.tolist(),
        "condition": of.condition.tolist(),
    }


def decode(payload: bytes, before: bytes = b"", after: bytes = b"") -> tuple[Any, Ticks]:
    """Decode one payload that lies between others in a buffer."""
    out = room()
    data = np.frombuffer(before + payload + after, np.uint8)
    return frames.decode_ticks(data, len(before), len(before) + len(payload), *out.columns()), out


@FEW
@given(of=ticks(), symbol=TEXTS, source=TEXTS)
def test_ticks_are_written_as_fastavro_writes_them_and_come_back(of: Ticks, symbol: str, source: str) -> None:
    """Bytes equal fastavro's and the generated codec's; decoding gives the columns bit for bit (one NaN, no -0.0)."""
    payload = frames.encode_ticks(symbol, source, *of.columns())
    assert payload == by_fastavro("TickFrame", canonical(datum_of(symbol, source, of)))
    assert payload == wire.encode(wire.decode(payload))
    rows, out = decode(payload, b"before", b"\xff" * 9)
    assert rows == len(of.event_ns)
    for got, meant in zip(out.cut(0, rows), of.columns(), strict=True):
        meant = np.where(np.isnan(meant), np.nan, meant) + 0.0 if meant.dtype == np.float64 else meant
        assert got.tobytes() == meant.tobytes()
    for got, untouched in zip(out.columns(), room().columns(), strict=True):
        assert got[rows:].tobytes() == untouched[rows:].tobytes()
    span = np.empty(4, np.int64)
    data = np.frombuffer(payload, np.uint8)
    assert frames.tick_names(data, 0, len(data), span) > 0
    assert [payload[span[0] : span[1]].decode(), payload[span[2] : span[3]].decode()] == [symbol, source]


@FEW
@given(of=ticks(), data=st.data())
def test_many_frames_in_one_call_are_the_frames_one_by_one(of: Ticks, data: st.DataObject) -> None:
    """The bulk writer is the same writer."""
    rows = len(of.event_ns)
    inner = data.draw(st.sets(st.integers(1, rows - 1))) if rows > 1 else set()
    cuts = np.array([0, *sorted(inner), rows], np.int64)
    buffer, offsets = frames.encode_tick_frames("SPY", "lean", *of.columns(), cuts=cuts)
    assert offsets[0] == 0
    assert offsets[-1] == len(buffer)
    for i in range(len(cuts) - 1):
        one = frames.encode_ticks("SPY", "lean", *of.cut(cuts[i], cuts[i + 1]))
        assert buffer[offsets[i] : offsets[i + 1]].tobytes() == one


@FEW
@given(of=ticks(), data=st.data())
def test_frames_in_any_blocks_are_decoded(of: Ticks, data: st.DataObject) -> None:
    """Other writers cut arrays into blocks and may put sizes before them: the columns are the same."""
    datum = datum_of("SPY", "java", of)
    rows, out = decode(in_blocks("TickFrame", datum, data.draw))
    assert rows == len(of.event_ns)
    plain, same = decode(by_fastavro("TickFrame", datum))
    assert plain == rows
    for got, meant in zip(out.columns(), same.columns(), strict=True):
        assert got.tobytes() == meant.tobytes()


@FEW
@given(of=ticks(rows_max=12), data=st.data())
def test_broken_frames_give_a_code_or_what_fastavro_reads(of: Ticks, data: st.DataObject) -> None:
    """Truncated, mutated or longer bytes give a code of the closed list, or what they are by fastavro too."""
    payload = frames.encode_ticks("SPY", "lean", *of.columns())
    kind = data.draw(st.sampled_from(["cut", "flip", "insert", "append"]))
    at = data.draw(st.integers(0, len(payload) - 1))
    byte = data.draw(st.integers(0, 255))
    broken = {
        "cut": payload[:at],
        "flip": payload[:at] + bytes([byte]) + payload[at + 1 :],
        "insert": payload[:at] + bytes([byte]) + payload[at:],
        "append": payload + bytes([byte]),
    }[kind]
    rows, out = decode(broken, b"", payload)
    if rows < 0:
        assert frames.explain(rows)[0] in wire.WireReason
        return
    datum = read_by_fastavro(broken)
    assert by_fastavro("TickFrame", datum_of(datum["symbol"], datum["source"], Ticks(*out.cut(0, rows))))[5:] in (
        by_fastavro("TickFrame", datum)[5:],
        by_fastavro("TickFrame", _with_first_delta_in_base(datum))[5:],
    )


def _with_first_delta_in_base(datum: dict[str, Any]) -> dict[str, Any]:
    first, *rest = datum["delta_ns"]
    return datum | {"base_ns": datum["base_ns"] + first, "delta_ns": [0, *rest]}


def test_each_code_of_the_list_is_given_for_its_fault() -> None:
    """Every way to be malformed has its code, its reason and its text."""
    bytes_, longs = np.zeros(3, np.uint8), np.ones(3, np.int64)
    of = Ticks(np.arange(3, dtype=np.int64), bytes_, bytes_, np.ones(3), longs, longs)
    datum = datum_of("SPY", "lean", of)
    good = by_fastavro("TickFrame", datum)
    symbol_at = ids.HEADER_BYTES + 1
    deltas_at = symbol_at + 3 + 1 + 4 + 1

    def made(**changed: Any) -> bytes:
        return by_fastavro("TickFrame", datum | changed)

    def with_count(count: bytes) -> bytes:
        assert good[deltas_at] == 6
        return good[:deltas_at] + count + good[deltas_at + 1 :]

    cases: list[tuple[bytes, Malformed]] = [
        (b"", Malformed.NOT_FRAMED),
        (b"\1" + good[1:], Malformed.NOT_FRAMED),
        (ids.header_of("Mark") + good[5:], Malformed.OTHER_SCHEMA),
        (b"\0\xff\xff\xff\xff" + good[5:], Malformed.OTHER_SCHEMA),
        (good[:-1], Malformed.TRUNCATED),
        (good[:-9], Malformed.TRUNCATED),
        (good[:6], Malformed.TRUNCATED),
        (with_count(b"\xff" * 9 + b"\2"), Malformed.BAD_VARINT),
        (with_count(b"\xff" * 11), Malformed.BAD_VARINT),
        (with_count(long(-3) + long(4)), Malformed.BAD_COUNT),
        (with_count(long(-3) + long(-3)), Malformed.BAD_COUNT),
        (with_count(long(-(2**63)) + long(3)), Malformed.BAD_COUNT),
        (good[: ids.HEADER_BYTES] + long(-1) + good[symbol_at:], Malformed.BAD_COUNT),
        (good[:symbol_at] + b"\xc0\xaf" + good[symbol_at + 2 :], Malformed.BAD_TEXT),
        (with_count(long(2**62)), Malformed.TOO_MANY_ROWS),
        (with_count(long(ROWS + 1)), Malformed.TOO_MANY_ROWS),
        (with_count(long(ROWS)), Malformed.TRUNCATED),
        (made(delta_ns=[], kind=b"", flags=b"", price=[], size=[], condition=[]), Malformed.NO_ROWS),
        (made(delta_ns=[0, 0]), Malformed.UNEQUAL_COLUMNS),
        (made(kind=b"\0"), Malformed.UNEQUAL_COLUMNS),
        (made(flags=b"\0\0\0\0"), Malformed.UNEQUAL_COLUMNS),
        (made(price=[1.0]), Malformed.UNEQUAL_COLUMNS),
        (made(size=[]), Malformed.UNEQUAL_COLUMNS),
        (made(condition=[1, 2, 3, 4]), Malformed.UNEQUAL_COLUMNS),
        (made(base_ns=2**63 - 1, delta_ns=[0, 1, 0]), Malformed.TIME_OVERFLOW),
        (made(base_ns=-(2**63), delta_ns=[0, 0, -1]), Malformed.TIME_OVERFLOW),
        (good + b"\0", Malformed.LEFT_OVER),
    ]
    for payload, code in cases:
        rows, _ = decode(payload)
        assert Malformed(rows) is code, payload.hex()
        reason, text = frames.explain(rows)
        assert reason in wire.WireReason
        assert text
    of_options = {Malformed.BAD_CONTRACT}
    assert {code for _, code in cases} == set(Malformed) - of_options
    assert decode(good)[0] == 3


@FEW
@given(data=st.binary(max_size=12))
def test_utf8_is_judged_as_python_judges_it(data: bytes) -> None:
    """Overlong forms, surrogates and what lies beyond Unicode are no text."""
    try:
        data.decode()
        valid = True
    except UnicodeDecodeError:
        valid = False
    assert binary.is_utf8(np.frombuffer(data, np.uint8), 0, len(data)) == valid


@pytest.mark.parametrize("lead", [0xC0, 0xC2, 0xDF, 0xE0, 0xE1, 0xED, 0xEF, 0xF0, 0xF1, 0xF4, 0xF5, 0xFF])
def test_utf8_at_the_edges_of_each_lead_byte(lead: int) -> None:
    """Every second byte at the edges, with good and bad bytes after it."""
    judge: Any = vars(test_utf8_is_judged_as_python_judges_it)["hypothesis"].inner_test
    edges = (0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xFF)
    for second in edges:
        for tail in (b"", b"\x80", b"\x80\x80", b"\xbf\xbf", b"\x80\x41", b"\x80\x80\x80"):
            judge(bytes([lead, second]) + tail)


def test_what_cannot_be_a_frame_is_refused_when_written() -> None:
    """Unequal columns, no rows, too many, times that go back: ValueError with what was seen."""
    bytes_, longs = np.zeros(3, np.uint8), np.ones(3, np.int64)
    of = Ticks(np.array([5, 6, 4], np.int64), bytes_, bytes_, np.ones(3), longs, longs)
    with pytest.raises(ValueError, match=r"times of SPY must not go back, row 2 was 4 after 6"):
        frames.encode_ticks("SPY", "lean", *of.columns())
    with pytest.raises(ValueError, match="must not go back"):
        frames.encode_tick_frames("SPY", "lean", *of.columns(), cuts=np.array([0, 3]))
    with pytest.raises(ValueError, match="equal lengths, were 3 and 2"):
        frames.encode_ticks("SPY", "lean", *[*of.columns()[:-1], of.condition[:2]])
    with pytest.raises(ValueError, match="1 to 65536 rows, was 0"):
        frames.encode_ticks("SPY", "lean", *of.cut(0, 0))
    for cuts in ([0], [0, 2], [1, 3], [0, 3, 3], [0, 2, 1, 3]):
        with pytest.raises(ValueError, match=r"cuts must lead from 0 to 3|rows, was"):
            frames.encode_tick_frames("SPY", "lean", *of.columns(), cuts=np.array(cuts, np.int64))
    far = Ticks(np.array([-(2**63), 2**63 - 1]), *of.cut(0, 2)[1:])
    with pytest.raises(ValueError, match="go back, or be more apart than an int64 can say"):
        frames.encode_ticks("SPY", "lean", *far.columns())


@st.composite
def bar_columns(draw: st.DrawFn) -> list[Any]:
    """start_ns, open, high, low, close, volume, bid, ask."""
    rows = draw(st.integers(1, ROWS))
    start = np.cumsum(column(draw, st.integers(1, 10**11), rows, np.int64))
    prices = [column(draw, DOUBLES, rows, np.float64) for _ in range(6)]
    return [start, *prices[:4], column(draw, LONGS, rows, np.int64), *prices[4:]]


@FEW
@given(columns=bar_columns(), interval_ns=LONGS, data=st.data())
def test_bars_are_written_as_fastavro_writes_them_and_come_back(
    columns: list[Any], interval_ns: int, data: st.DataObject
) -> None:
    """As for ticks, blocks of other writers included."""
    start, *rest = columns
    payload = frames.encode_bars("AAPL", "lean", interval_ns, *columns)
    names = ["open", "high", "low", "close", "volume", "bid", "ask"]
    datum: dict[str, Any] = {"symbol": "AAPL", "source": "lean", "interval_ns": interval_ns, "base_ns": int(start[0])}
    datum["delta_ns"] = np.diff(start, prepend=start[:1]).tolist()
    datum |= {name: part.tolist() for name, part in zip(names, rest, strict=True)}
    assert payload == by_fastavro("BarFrame", canonical(datum))
    for written in (payload, in_blocks("BarFrame", canonical(datum), data.draw)):
        out: list[Any] = [np.zeros(1, np.int64), np.zeros(ROWS, np.int64)]
        out += [np.zeros(ROWS, np.int64 if name == "volume" else np.float64) for name in names]
        buffer = np.frombuffer(b"x" + written, np.uint8)
        rows = frames.decode_bars(buffer, 1, len(buffer), *out)
        assert rows == len(start)
        assert out[0][0] == interval_ns
        again = frames.encode_bars("AAPL", "lean", int(out[0][0]), *(part[:rows] for part in out[1:]))
        assert again == payload
    cut = np.frombuffer(payload[:-1], np.uint8)
    assert frames.decode_bars(cut, 0, len(cut), *out) == Malformed.TRUNCATED


@FEW
@given(data=st.data())
def test_a_feature_frame_is_put_together_from_the_primitives(data: st.DataObject) -> None:
    """A kernel that writes the schema's fields in order with put_* gives fastavro's bytes."""
    datum = data.draw(datums("FeatureFrame"))
    out = np.zeros(100_000, np.uint8)
    pos = binary.put_raw(out, 0, frames.feature_prefix(datum["symbol"], datum["interval_ns"]))
    pos = binary.put_long(out, pos, datum["base_ns"])
    longs = ("delta_ns", "volume", "trades", "dropped")
    for name in ("delta_ns", "open", "high", "low", "close", "volume", "trades", "vwap", "bid", "ask", "dropped"):
        if name in longs:
            pos = binary.put_block_of_longs(out, pos, np.array(datum[name], np.int64))
        else:
            pos = binary.put_block_of_doubles(out, pos, np.array(datum[name], np.float64))
    pos = binary.put_bytes(out, pos, np.frombuffer(datum["session"], np.uint8))
    if datum["names"]:
        pos = binary.put_long(out, pos, len(datum["names"]))
        for text in datum["names"]:
            pos = binary.put_bytes(out, pos, np.frombuffer(text.encode(), np.uint8))
    pos = binary.put_long(out, pos, 0)
    if datum["values"]:
        pos = binary.put_long(out, pos, len(datum["values"]))
        for value in datum["values"]:
            pos = binary.put_double(out, pos, value)
    pos = binary.put_long(out, pos, 0)
    assert out[:pos].tobytes() == by_fastavro("FeatureFrame", canonical(datum))


@given(values=st.lists(LONGS, min_size=1, max_size=30), gap=st.integers(0, 12))
@settings(deadline=None)
def test_longs_come_back_wherever_the_buffer_ends(values: list[int], gap: int) -> None:
    """Fast paths that read or write eight bytes at once do not look beyond the end, nor leave anything there."""
    out = np.full(400, 0xAA, np.uint8)
    end = binary.put_block_of_longs(out, 0, np.array(values, np.int64))
    meant = long(len(values)) + b"".join(long(value) for value in values) + b"\0"
    assert out[:end].tobytes() == meant
    back = np.zeros(len(values), np.int64)
    exact = np.frombuffer(meant + b"\x80" * gap, np.uint8)
    assert binary.get_longs(exact, 0, end, back) == (len(values), end)
    assert back.tolist() == values
    for stop in range(end):
        _, code = binary.get_longs(exact, 0, stop, back)
        assert code == Malformed.TRUNCATED
