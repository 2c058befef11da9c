"""The wire format: Confluent's (magic byte 0, 4-byte big-endian schema id, Avro datum), with ids from ids.lock.json.

What is written is always the current version in canonical form: one block an array, any NaN as the one quiet NaN,
-0.0 as 0.0. Read are all versions and what any Avro writer may emit; `decode` raises WireError and nothing else,
whatever the bytes. Whole frames at speed: schemas/frames.py.
"""

import io
import json
import struct
from functools import lru_cache
from typing import Any, cast

from schemas import records
from schemas.codecs import DECODERS, ENCODERS
from schemas.ids import (
    HEADER_BYTES,
    HISTORY,
    LOCK,
    NAMES,
    SCHEMA_IDS,
    WireError,
    WireReason,
    header_of,
)

__all__ = [
    "HEADERS",
    "HEADER_BYTES",
    "NAMES",
    "SCHEMA_IDS",
    "WireError",
    "WireReason",
    "decode",
    "encode",
    "modernise",
    "name_of",
    "schema_id_of",
]

HEADERS = {name: header_of(name) for name in SCHEMA_IDS}
_CURRENT = frozenset(SCHEMA_IDS.values())
_BY_HEADER = {header: (name, DECODERS[name]) for name, header in HEADERS.items()}


def schema_id_of(payload: bytes | None) -> int:
    """Return the schema id in the header, one of NAMES; WireError where there is none that we know."""
    if payload is None or len(payload) < HEADER_BYTES or payload[0] != 0:
        seen = "a tombstone" if payload is None else repr(bytes(payload[:8]).hex())
        raise WireError(WireReason.NOT_FRAMED, f"expected magic byte 0 and a 4-byte schema id, was {seen}")
    schema_id = int.from_bytes(payload[1:5], "big")
    if schema_id not in NAMES:
        raise WireError(WireReason.UNKNOWN_SCHEMA, f"schema id {schema_id} is not in ids.lock.json")
    return schema_id


def name_of(payload: bytes | None) -> str:
    """Return the record name that the header names; WireError where there is none."""
    return NAMES[schema_id_of(payload)]


def encode(record: records.Record) -> bytes:
    """Return the wire bytes of a record: header and Avro datum.

    Raises ValueError, TypeError or KeyError for a record whose values are not of its fields' types: that is a bug.
    """
    put, header = ENCODERS[type(record)]
    return put(record, header)


def decode(payload: bytes | None) -> records.Record:
    """Return the typed record in wire bytes; WireError where they hold none. Columns of frames are numpy arrays."""
    found = _BY_HEADER.get(bytes(payload[:HEADER_BYTES])) if payload else None
    if found is None or payload is None:
        schema_id_of(payload)  # raises where there is none that we know
        return decode_old(cast("bytes", payload))
    name, get = found
    record: records.Record
    try:
        record, end = get(payload, HEADER_BYTES)
    except WireError as error:
        raise WireError(error.reason, f"{name}: {error.detail}") from None
    except (IndexError, struct.error):
        raise WireError(WireReason.MALFORMED, f"{name}: the bytes end before the record does") from None
    except UnicodeDecodeError:
        raise WireError(WireReason.MALFORMED, f"{name}: a string is not UTF-8") from None
    except KeyError as error:
        raise WireError(WireReason.MALFORMED, f"{name}: no symbol of an enum has byte {error}") from None
    if end != len(payload):
        left = len(payload) - end
        text = f"{left} bytes are left over" if left > 0 else "the bytes end before the record does"
        raise WireError(WireReason.MALFORMED, f"{name}: {text}")
    return record


def modernise(payload: bytes) -> bytes:
    """Return the wire bytes of the current version of an older version's bytes; the current's as they are.

    For readers that know the current layout only (frames.py gives OTHER_SCHEMA): slow. WireError as decode.
    """
    return payload if schema_id_of(payload) in _CURRENT else encode(decode_old(payload))


def decode_old(payload: bytes) -> records.Record:
    """Decode any version by fastavro, resolving the writer's schema to the current one. Slow; errors as decode."""
    import fastavro

    schema_id = schema_id_of(payload)
    name = NAMES[schema_id]
    written, current = _parsed(schema_id), _parsed(SCHEMA_IDS[name])
    source = io.BytesIO(payload)
    source.seek(HEADER_BYTES)
    try:
        datum = fastavro.schemaless_reader(source, written, current)
        if source.tell() == len(payload):
            # Writing it anew and reading that costs little here, and spares a second way from datum to typed record.
            target = io.BytesIO()
            fastavro.schemaless_writer(target, current, datum)
            return cast("records.Record", DECODERS[name](target.getvalue(), 0)[0])
    except Exception as error:  # fastavro raises many kinds for broken bytes
        raise WireError(WireReason.MALFORMED, f"{name}: {type(error).__name__}: {error}") from error
    raise WireError(WireReason.MALFORMED, f"{name}: {len(payload) - source.tell()} bytes are left over")


@lru_cache(maxsize=256)
def _parsed(schema_id: int) -> Any:
    """Return the schema of an id as fastavro holds it."""
    import fastavro

    version = next(version for version, of in LOCK.items() if of == schema_id)
    return fastavro.parse_schema(json.loads((HISTORY / f"{version}.avsc").read_text()), named_schemas={})
