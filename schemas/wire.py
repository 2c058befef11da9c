"""The wire format: Confluent's (magic byte 0, 4-byte big-endian schema id, Avro datum), with ids from ids.lock.json."""

import dataclasses
import io
from enum import StrEnum
from typing import Any

import fastavro
import numpy as np

from schemas import records
from schemas.generate import FRAMES, self_contained
from schemas.ids import HEADER_BYTES, NAMES, SCHEMA_IDS, WireError, WireReason, header_of

HEADERS = {name: header_of(name) for name in SCHEMA_IDS}
_SCHEMAS = {name: fastavro.parse_schema(self_contained(name), named_schemas={}) for name in SCHEMA_IDS}
_ENUMS = {name: kind for name, kind in vars(records).items() if isinstance(kind, type) and issubclass(kind, StrEnum)}


def name_of(payload: bytes) -> str:
    """Return the record name that the header names; WireError where there is none."""
    if payload is None or len(payload) < HEADER_BYTES or payload[0] != 0:
        raise WireError(
            WireReason.NOT_FRAMED,
            f"expected magic byte 0 and a 4-byte schema id, was {bytes(payload or b'')[:8].hex()!r}",
        )
    schema_id = int.from_bytes(payload[1:5], "big")
    if schema_id not in NAMES:
        raise WireError(WireReason.UNKNOWN_SCHEMA, f"schema id {schema_id} is not in ids.lock.json")
    return NAMES[schema_id]


def encode(record: records.Record) -> bytes:
    """Return the wire bytes of a record: header and Avro datum."""
    name = type(record).__name__
    out = io.BytesIO()
    out.write(HEADERS[name])
    fastavro.schemaless_writer(out, _SCHEMAS[name], _plain(record))
    return out.getvalue()


def decode(payload: bytes) -> records.Record:
    """Return the typed record in wire bytes; WireError where they hold none. Columns of frames are numpy arrays."""
    name = name_of(payload)
    source = io.BytesIO(payload)
    source.seek(HEADER_BYTES)
    try:
        datum = fastavro.schemaless_reader(source, _SCHEMAS[name], None)
    except Exception as error:  # fastavro raises many kinds for broken bytes
        raise WireError(WireReason.MALFORMED, f"{name}: {type(error).__name__}: {error}") from error
    if source.tell() != len(payload):
        raise WireError(WireReason.MALFORMED, f"{name}: {len(payload) - source.tell()} bytes left over")
    return _typed(records.RECORDS[name], datum, name in FRAMES)


def _plain(record: Any) -> dict[str, Any]:
    out = {}
    for field in dataclasses.fields(record):
        value = getattr(record, field.name)
        if isinstance(value, np.ndarray):
            value = value.tolist()
        elif isinstance(value, tuple):
            value = [_plain(v) if dataclasses.is_dataclass(v) else v for v in value]
        elif dataclasses.is_dataclass(value):
            value = _plain(value)
        out[field.name] = value
    return out


def _typed(kind: type, datum: dict[str, Any], frame: bool) -> Any:
    values = {}
    for field in dataclasses.fields(kind):
        value, annotation = datum[field.name], str(field.type)
        if isinstance(value, list):
            if frame and "float64" in annotation:
                value = np.array(value, np.float64)
            elif frame and "int64" in annotation:
                value = np.array(value, np.int64)
            else:
                inner = annotation.removeprefix("tuple[").split(",")[0].split(".")[-1]
                value = tuple(_typed(records.RECORDS[inner], v, False) if isinstance(v, dict) else v for v in value)
        elif isinstance(value, dict):
            value = _typed(field.type, value, False)
        elif isinstance(field.type, type) and issubclass(field.type, StrEnum):
            value = field.type(value)
        values[field.name] = value
    return kind(**values)
