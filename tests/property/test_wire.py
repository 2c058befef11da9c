"""The wire codec against fastavro: every record, every way an Avro writer may put it, and bytes that are none."""

import struct
import tracemalloc
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas import ids, wire
from schemas.records import Evidence, Mark, RiskReport, Signal
from tests.wire_records import (
    LONGS,
    NAMES,
    OTHER_NAN,
    by_fastavro,
    canonical,
    datums,
    in_blocks,
    long,
    read_by_fastavro,
    record_of,
)

FEW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@pytest.mark.parametrize("name", NAMES)
@FEW
@given(data=st.data())
def test_what_we_write_is_what_fastavro_writes_and_reads(name: str, data: st.DataObject) -> None:
    """Bytes equal, so any Avro reader can read our topics; and what fastavro wrote comes back as the same record."""
    datum = data.draw(datums(name))
    record = record_of(name, datum)
    payload = wire.encode(record)
    assert payload == by_fastavro(name, canonical(datum))
    back = wire.decode(payload)
    assert type(back) is type(record)
    assert wire.encode(back) == payload
    assert repr(canonical(read_by_fastavro(payload))) == repr(canonical(datum))
    assert wire.encode(wire.decode(by_fastavro(name, datum))) == payload


@pytest.mark.parametrize("name", NAMES)
@FEW
@given(data=st.data())
def test_arrays_in_any_blocks_are_the_same_record(name: str, data: st.DataObject) -> None:
    """Java's and others' writers cut arrays into blocks, and may put a block's size before it."""
    datum = data.draw(datums(name))
    payload = in_blocks(name, datum, data.draw)
    assert wire.encode(wire.decode(payload)) == by_fastavro(name, canonical(datum))


@pytest.mark.parametrize("name", NAMES)
@FEW
@given(data=st.data())
def test_broken_bytes_give_a_wire_error_or_what_fastavro_reads(name: str, data: st.DataObject) -> None:
    """Truncated, mutated or longer bytes never crash, and never become a record that Avro does not hold them to be."""
    payload = by_fastavro(name, data.draw(datums(name)))
    kind = data.draw(st.sampled_from(["cut", "flip", "insert", "append"]))
    at = data.draw(st.integers(0, len(payload) - 1))
    byte = data.draw(st.integers(0, 255))
    broken = {
        "cut": payload[:at],
        "flip": payload[:at] + bytes([byte]) + payload[at + 1 :],
        "insert": payload[:at] + bytes([byte]) + payload[at:],
        "append": payload + bytes([byte]),
    }[kind]
    try:
        record = wire.decode(broken)
    except wire.WireError:
        return
    assert wire.encode(record) == by_fastavro(type(record).__name__, canonical(read_by_fastavro(broken)))


@FEW
@given(data=st.binary(max_size=200))
@pytest.mark.parametrize("name", NAMES)
def test_noise_gives_a_wire_error_or_a_record(name: str, data: bytes) -> None:
    """Random bytes behind a good header."""
    try:
        record: Any = wire.decode(ids.header_of(name) + data)
    except wire.WireError:
        return
    assert type(record).__name__ == name


@pytest.mark.parametrize("count", [2**62, -(2**62), 2**40, 10**6, -(2**63)])
@pytest.mark.parametrize("name", ["Signal", "TickFrame", "FeatureFrame", "RiskReport", "Verdict"])
def test_an_absurd_count_takes_no_memory(name: str, count: int) -> None:
    """A count that the bytes cannot hold is refused before anything is made for it."""
    lists = {"Signal": ("evidence", b"\x02a" + bytes(8)), "RiskReport": ("positions", b"\x02a\0\0\0")}
    lists |= {"TickFrame": ("price", bytes(8)), "FeatureFrame": ("names", b"\x02a"), "Verdict": ("reasons", b"\x02a")}
    field, item = lists[name]
    datum = _smallest(name)
    whole = by_fastavro(name, datum)
    filled = by_fastavro(name, datum | {field: [_item(name)]})
    at = next(i for i, (a, b) in enumerate(zip(whole, filled, strict=False)) if a != b)
    assert filled[at + 1 : at + 1 + len(item)] == item
    size = long(8) if count < 0 else b""
    broken = filled[:at] + long(count) + size + filled[at + 1 :]
    tracemalloc.start()
    with pytest.raises(wire.WireError, match=name):
        wire.decode(broken)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 100_000


def _smallest(name: str) -> dict[str, Any]:
    from tests.wire_records import SCHEMAS

    def empty(schema: Any, known: dict[str, Any]) -> Any:
        kind = schema["type"] if isinstance(schema, dict) else schema
        if kind in ("record", "enum"):
            known[schema["name"]] = schema
        if kind == "record":
            return {field["name"]: empty(field["type"], known) for field in schema["fields"]}
        if kind.startswith("aiots."):
            return empty(known[kind.removeprefix("aiots.")], known)
        if kind == "enum":
            return schema["symbols"][0]
        values = {"array": [], "string": "", "bytes": b"", "long": 0, "int": 0, "double": 0.0, "boolean": False}
        return values[kind]

    datum: dict[str, Any] = empty(SCHEMAS[name], {})
    return datum


def _item(name: str) -> Any:
    position = {"symbol": "a", "quantity": 0, "cost_cents": 0, "value_cents": 0}
    items = {"Signal": {"name": "a", "value": 0.0}, "RiskReport": position, "TickFrame": 0.0}
    return items.get(name, "a")


def test_one_nan_and_no_negative_zero() -> None:
    """Equal records are equal bytes, whichever NaN or zero a kernel made."""
    mark = Mark("SPY", 1, float("nan"), -0.0, 1.0, OTHER_NAN, 1.0, 0)
    plain = Mark("SPY", 1, -float("nan"), 0.0, 1.0, float("nan"), 1.0, 0)
    assert wire.encode(mark) == wire.encode(plain)
    assert struct.pack("<Q", 0x7FF8000000000000) in wire.encode(mark)
    assert b"\x80" not in wire.encode(mark)[5:]


def test_any_nan_in_a_column_is_written_as_the_one() -> None:
    """A signalling NaN, which foreign bytes may hold, is no reason to warn."""
    import numpy as np

    from schemas.records import FeatureFrame

    def frame(values: list[float]) -> bytes:
        longs, column = np.array([0, 1]), np.array(values)
        return wire.encode(
            FeatureFrame("SPY", 1, 2, longs, *(column,) * 4, longs, longs, *(column,) * 3, longs, b"", (), column)
        )

    assert frame([OTHER_NAN, -0.0]) == frame([float("nan"), 0.0])


@given(value=LONGS)
def test_longs_come_back(value: int) -> None:
    """All lengths of a varint, the nine bytes of a nanosecond time among them."""
    mark = Mark("", value, 0.0, 0.0, 0.0, 0.0, 0.0, value)
    assert wire.decode(wire.encode(mark)) == mark
    assert wire.encode(mark).startswith(ids.header_of("Mark") + b"\0" + long(value))


def test_numpys_numbers_are_written_as_pythons() -> None:
    """A kernel's int64 does not wrap on its way to the wire, and a fraction is no integer."""
    import numpy as np

    value = 1_381_152_600_123_456_789
    of_numpy: list[Any] = [np.int64(value), np.float64(1), 1, 1, 1, 1, np.int64(70)]
    of_python = Mark("SPY", value, 1.0, 1.0, 1.0, 1.0, 1.0, 70)
    assert wire.encode(Mark("SPY", *of_numpy)) == wire.encode(of_python)
    for bad in (1.5, "1", 200.0):
        with pytest.raises(TypeError):
            wire.encode(Mark("SPY", bad, 1.0, 1.0, 1.0, 1.0, 1.0, 1))  # type: ignore[arg-type]
    for far in (2**63, -(2**63) - 1, 2**70):
        with pytest.raises(ValueError, match="expected an int64"):
            wire.encode(Mark("SPY", far, 1.0, 1.0, 1.0, 1.0, 1.0, 1))


def test_what_is_read_is_frozen_and_of_its_class() -> None:
    """Readers fill a record by a short cut; what comes out is no different from one that was constructed."""
    report = RiskReport("a", 1, 2, 3, 4, 0.5, 6, 7, 8, 9.0, 10.0, True, ())
    back = wire.decode(wire.encode(report))
    assert back == report
    assert hash(back) == hash(report)
    with pytest.raises(AttributeError):
        back.account = "b"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("payload", "reason", "text"),
    [
        (None, "not_framed", "a tombstone"),
        (b"", "not_framed", "was ''"),
        (b"\0\0\0\0", "not_framed", "was '00000000'"),
        (b"\1\0\0\0\7abc", "not_framed", "expected magic byte 0"),
        (b"\0\0\0\xff\xff", "unknown_schema", "schema id 65535"),
        (b"\0\0\0\0\0", "unknown_schema", "schema id 0"),
    ],
)
def test_bytes_without_our_header_are_named(payload: bytes | None, reason: str, text: str) -> None:
    """The reason is from the closed list, the detail says what was seen."""
    for read in (wire.decode, wire.name_of):
        with pytest.raises(wire.WireError, match=text) as caught:
            read(payload)
        assert caught.value.reason == reason


def test_an_enum_has_only_its_symbols() -> None:
    """An unknown symbol is malformed, not the last one."""
    from schemas.records import Direction, Grade, Priority

    signal = Signal(
        "i", "s", "SPY", 1, 0, Direction.LONG, 1.0, 2.0, 3.0, 4, 0.5, False, Grade.A, Priority.LOW, 1.0, 2.0,
        (Evidence("x", 1.0),), "t",
    )  # fmt: skip
    payload = wire.encode(signal)
    at = ids.HEADER_BYTES + 2 + 2 + 4 + 1 + 1
    assert payload[at] == 0
    for byte in (1, 4, 0x7F, 0x81):
        with pytest.raises(wire.WireError, match="Signal"):
            wire.decode(payload[:at] + bytes([byte]) + payload[at + 1 :])
