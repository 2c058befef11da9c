"""Records and bytes for the tests of the wire: any record of any schema, and a second Avro writer that cuts blocks."""

import io
import math
from typing import Any

import fastavro
import numpy as np
from hypothesis import strategies as st

from schemas import codecs, ids, records, wire
from schemas.generate import self_contained

SCHEMAS = {name: self_contained(name) for name in ids.SCHEMA_IDS}
PARSED = {name: fastavro.parse_schema(schema, named_schemas={}) for name, schema in SCHEMAS.items()}
LONGS = st.one_of(
    st.integers(-70, 70),
    st.integers(-(2**63), 2**63 - 1),
    st.integers(10**18, 2 * 10**18),
    st.sampled_from([2**56, 2**62]),
)
DOUBLES = st.floats(allow_nan=True, allow_infinity=True)
TEXTS = st.text(max_size=80)
OTHER_NAN = np.array([0xFFF0_0000_0000_0001], "<u8").view("<f8")[0]
"""A NaN that is not the one we write."""


def datums(name: str) -> st.SearchStrategy[dict[str, Any]]:
    """Any datum of a record's schema, as fastavro takes it."""
    return datums_of(SCHEMAS[name])


def datums_of(schema: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Any datum of a self-contained schema."""
    return _of(schema, {})


def _of(schema: Any, known: dict[str, Any]) -> st.SearchStrategy[Any]:
    kind = schema["type"] if isinstance(schema, dict) else schema
    if kind in ("record", "enum"):
        known[schema["name"]] = schema
    if kind == "record":
        return st.fixed_dictionaries({field["name"]: _of(field["type"], known) for field in schema["fields"]})
    if kind == "enum":
        return st.sampled_from(schema["symbols"])
    if kind == "array":
        return st.lists(_of(schema["items"], known), max_size=6)
    if kind.startswith("aiots."):
        return _of(known[kind.removeprefix("aiots.")], known)
    return {
        "string": TEXTS,
        "bytes": st.binary(max_size=80),
        "long": LONGS,
        "int": st.integers(-(2**31), 2**31 - 1),
        "double": DOUBLES,
        "boolean": st.booleans(),
    }[kind]


def record_of(name: str, datum: dict[str, Any]) -> Any:
    """The typed record of a datum."""
    kind: Any = records.RECORDS[name]
    values: dict[str, Any] = {}
    for field in kind.__dataclass_fields__.values():
        value = datum[field.name]
        if isinstance(value, dict):
            value = record_of(field.type.__name__, value)
        elif isinstance(value, list):
            inner = str(field.type)
            if "NDArray" in inner or "ndarray" in inner:
                value = np.array(value, np.float64 if "float64" in inner else np.int64)
            else:
                item = inner.removeprefix("tuple[").split(",")[0].rpartition(".")[2]
                value = tuple(record_of(item, one) if isinstance(one, dict) else one for one in value)
        elif isinstance(field.type, type) and issubclass(field.type, str) and field.type is not str:
            value = field.type(value)
        values[field.name] = value
    return kind(**values)


def canonical(value: Any) -> Any:
    """A datum as we write it: one NaN, no -0.0."""
    if isinstance(value, dict):
        return {key: canonical(part) for key, part in sorted(value.items())}
    if isinstance(value, list):
        return [canonical(part) for part in value]
    if isinstance(value, float):
        return math.nan if value != value else value + 0.0
    return value


def by_fastavro(name: str, datum: dict[str, Any]) -> bytes:
    """The wire bytes that fastavro makes of a datum."""
    out = io.BytesIO()
    fastavro.schemaless_writer(out, PARSED[name], datum)
    return ids.header_of(name) + out.getvalue()


def read_by_fastavro(payload: bytes) -> dict[str, Any]:
    """The datum that fastavro reads."""
    source = io.BytesIO(payload)
    source.seek(ids.HEADER_BYTES)
    datum: Any = fastavro.schemaless_reader(source, PARSED[wire.name_of(payload)], None)
    assert source.tell() == len(payload)
    return dict(datum)


def in_blocks(name: str, datum: dict[str, Any], draw: Any) -> bytes:
    """The wire bytes with each array cut into blocks anywhere, some with their size in bytes, as the format allows."""
    return ids.header_of(name) + _blocks(SCHEMAS[name], datum, draw, {})


def _blocks(schema: Any, value: Any, draw: Any, known: dict[str, Any]) -> bytes:
    kind = schema["type"] if isinstance(schema, dict) else schema
    if kind in ("record", "enum"):
        known[schema["name"]] = schema
    if kind.startswith("aiots."):
        return _blocks(known[kind.removeprefix("aiots.")], value, draw, known)
    if kind == "record":
        return b"".join(_blocks(field["type"], value[field["name"]], draw, known) for field in schema["fields"])
    if kind != "array":
        out = io.BytesIO()
        fastavro.schemaless_writer(out, fastavro.parse_schema(schema, named_schemas={}), value)
        return out.getvalue()
    _blocks_of_items = [_blocks(schema["items"], item, draw, known) for item in value]
    parts = []
    at = 0
    while at < len(value):
        count = draw(st.integers(1, len(value) - at))
        body = b"".join(_blocks_of_items[at : at + count])
        sized = draw(st.booleans())
        parts += [long(-count), long(len(body))] if sized else [long(count)]
        parts.append(body)
        at += count
    return b"".join([*parts, b"\0"])


def long(value: int) -> bytes:
    """An int64 as Avro's specification writes it, the plainest way."""
    raw = (value << 1) ^ (value >> 63)
    out = []
    while raw > 0x7F:
        out.append(raw & 0x7F | 0x80)
        raw >>= 7
    return bytes([*out, raw])


NAMES = sorted(codecs.DECODERS)
