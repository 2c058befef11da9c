"""A record of a topic as JSON, and as a line for people."""

import dataclasses
import math
from datetime import UTC, datetime
from typing import Any

import numpy as np
from confluent_kafka import Message

from schemas import records, wire
from streams.log.filter import find_header
from streams.log.ids import ID_HEADER, PREVIOUS_HEADER

SHOWN_BYTES_MAX = 64
LINE_CHARS_MAX = 240
_FRAMES = (
    records.TickFrame,
    records.BarFrame,
    records.OptionFrame,
    records.FeatureFrame,
    records.ChainFrame,
    records.SurfaceFrame,
)
_OPTION_KINDS = ("trade", "bid", "ask", "open interest", "cancel")


def shown(message: Message) -> dict[str, Any]:
    """Return what there is to see of a message, ready for JSON: NaN is None, a frame's byte columns are numbers.

    Where the bytes are no record of ours: type None, `error` with reason and detail, and the first bytes as hex.
    """
    headers = message.headers() or ()
    out: dict[str, Any] = {
        "partition": message.partition(),
        "offset": message.offset(),
        "append_ms": message.timestamp()[1],
        "key": _text(message.key()),
        "type": None,
        "id": _text(find_header(headers, ID_HEADER)),
        "prev": _text(find_header(headers, PREVIOUS_HEADER)),
    }
    value = message.value()
    try:
        record = wire.decode(value)
    except wire.WireError as error:
        seen = value or b""
        out["error"] = {"reason": str(error.reason), "detail": error.detail}
        return out | {"bytes": len(seen), "hex": seen[:SHOWN_BYTES_MAX].hex()}
    return out | {"type": type(record).__name__, "record": plain(record)}


def plain(value: Any) -> Any:
    """Return a record, or a part of one, in JSON's types."""
    if dataclasses.is_dataclass(value):
        columns = isinstance(value, _FRAMES)
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return {
            name: list(part) if columns and isinstance(part, bytes) else plain(part) for name, part in fields.items()
        }
    if isinstance(value, np.ndarray | tuple | list):
        return [plain(part) for part in (value.tolist() if isinstance(value, np.ndarray) else value)]
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value


def line(message: Message) -> str:
    """Return one line: partition/offset, append time, key, type, and what counts of the record."""
    seen = shown(message)
    place = f"{seen['partition']}/{seen['offset']}"
    time = _clock(seen["append_ms"] * 1_000_000)
    if "error" in seen:
        about = f"{seen['error']['reason']} ({seen['error']['detail']}), {seen['bytes']} bytes {seen['hex']}"
    else:
        about = f"{seen['type']} {_about(seen['record'])}"
    text = f"{place:>10} {time} {seen['key'] or '-':6} {about}"
    return text if len(text) <= LINE_CHARS_MAX else text[: LINE_CHARS_MAX - 1] + "…"


def _about(record: dict[str, Any]) -> str:
    deltas = record.get("delta_ns")
    if "smile_vol" in record:
        what, spot = "whole chain" if record["whole"] else "changes", _short("", record["spot"])
        return f"{what} {_clock(record['event_ns'])} {len(record['contracts'])} contracts spot={spot}"
    if "slices" in record:
        vols, spot = ", ".join(_short("", one) for one in record["atm_vol"]), _short("", record["spot"])
        return f"{_clock(record['event_ns'])} {len(record['years'])} expiries spot={spot} atm_vol=[{vols}]"
    if deltas is None:
        return " ".join(
            f"{name}={_short(name, value)}" for name, value in record.items() if value not in ("", [], None)
        )
    first_ns = record["base_ns"]
    prices = record["price"] if "price" in record else record["close"]
    span = f"{_clock(first_ns)}..{_clock(first_ns + sum(deltas))}"
    if "contracts" in record:
        return f"{len(deltas)} rows of {len(record['contracts'])} contracts {span} last={_last_of(record)}"
    return f"{len(deltas)} rows {span} last={_short('', prices[-1] if prices else None)}"


def _last_of(record: dict[str, Any]) -> str:
    """Return the last row of an OptionFrame in words; foreign bytes may name a contract or a kind that is none."""
    if not all(record[name] for name in ("contract", "kind", "price", "size")):
        return "-"
    at, kind = record["contract"][-1], record["kind"][-1]
    contract = record["contracts"][at] if 0 <= at < len(record["contracts"]) else f"contract {at}"
    what = _OPTION_KINDS[kind] if kind < len(_OPTION_KINDS) else f"kind {kind}"
    return f"{contract} {what} {_short('', record['price'][-1])} x {record['size'][-1]}"


def _short(name: str, value: Any) -> str:
    if name.endswith("_ns") and isinstance(value, int) and value > 10**15:
        return _clock(value)
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, dict):
        return "(" + " ".join(f"{inner}={_short(inner, part)}" for inner, part in value.items()) + ")"
    if isinstance(value, list):
        return "[" + ", ".join(_short("", part) for part in value) + "]"
    return repr(value) if isinstance(value, str) and " " in value else str(value)


def _clock(event_ns: int) -> str:
    # A nonsense time in foreign bytes must not end the listing.
    if not 0 <= event_ns < 2**62:
        return str(event_ns)
    seconds, rest = divmod(event_ns, 10**9)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest // 10**6:03d}Z"


def _text(data: Any) -> str | None:
    if data is None:
        return None
    return data.decode(errors="backslashreplace") if isinstance(data, bytes) else str(data)
