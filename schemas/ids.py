"""Schema ids: which record and version each id of the wire names, and why bytes may not be readable."""

import json
from enum import StrEnum
from pathlib import Path

HEADER_BYTES = 5
HISTORY = Path(__file__).parent / "history"
LOCK: dict[str, int] = json.loads((Path(__file__).parent / "ids.lock.json").read_text())
"""Id of every version there ever was, by `Record.version`, which is also its file in history/."""


class WireReason(StrEnum):
    """Why bytes could not be read as a record."""

    NOT_FRAMED = "not_framed"
    UNKNOWN_SCHEMA = "unknown_schema"
    MALFORMED = "malformed"


class WireError(ValueError):
    """Bytes that are not a record; reason is from the closed list."""

    def __init__(self, reason: WireReason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


def _versions() -> dict[str, list[int]]:
    """Return the ids of each record, oldest version first."""
    found: dict[str, dict[int, int]] = {}
    for version, schema_id in LOCK.items():
        name, _, number = version.partition(".")
        found.setdefault(name, {})[int(number)] = schema_id
    return {name: [of[number] for number in sorted(of)] for name, of in sorted(found.items())}


VERSIONS: dict[str, list[int]] = _versions()
"""Ids of each record, oldest version first: the last one is written, all are read."""
SCHEMA_IDS: dict[str, int] = {name: ids[-1] for name, ids in VERSIONS.items()}
"""Id that is written for each record: that of its newest version."""
NAMES: dict[int, str] = {schema_id: name for name, ids in VERSIONS.items() for schema_id in ids}
"""Record of each id, older versions' among them."""


def header_of(name: str) -> bytes:
    """Return the 5 bytes before a record's datum: magic byte 0 and its current id, big-endian."""
    return b"\0" + SCHEMA_IDS[name].to_bytes(4, "big")
