"""CSVs in LEAN's zips, broken ones included: whole lines up to where a zip breaks, and a reject.

A zip's directory stands at its end, so a truncated one has none: its members are then found by their own headers.
"""

import hashlib
import io
import struct
import zipfile
import zlib
from pathlib import Path
from typing import NamedTuple

from connectors.sources.record import Rejects, SourceReason

_HEADER = struct.Struct("<4s5H3I2H")
"""A member's header: signature, version, flags, method, time, date, CRC, sizes, lengths of name and extra."""
_SIGNATURE, _DIRECTORY = b"PK\x03\x04", b"PK\x01\x02"
_STORED, _DEFLATED = 0, 8
_CHUNK = 65_536
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError)


def file_sha256(path: Path) -> bytes:
    """Return the sha256 of a file."""
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").digest()


def read_zip(path: Path, rejects: Rejects) -> bytes:
    """Return the bytes of the first CSV in a zip; of a broken one, whole lines up to where it breaks, and a reject."""
    members = read_members(path, rejects)
    return members[0][1] if members else b""


def read_members(path: Path, rejects: Rejects) -> list[tuple[str, bytes]]:
    """Return name and bytes of each CSV in a zip, in its order; of a broken one as far as it goes, and a reject."""
    raw = path.read_bytes()
    out = []
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            for info in archive.infolist():
                if info.filename.endswith(".csv"):
                    try:
                        data = archive.read(info)
                    except _BROKEN as error:
                        found = _member(raw, info.header_offset)
                        data = _whole_lines(found.data if found else b"", path, info.filename, rejects, error)
                    out.append((info.filename, data))
            if not out:
                seen = f"the zip holds no CSV, only {archive.namelist()}"
                rejects.add(SourceReason.UNREADABLE_ZIP, str(path), 0, seen)
            return out
    except _BROKEN as error:
        return _salvage(raw, path, rejects, error)


def _salvage(raw: bytes, path: Path, rejects: Rejects, error: Exception) -> list[tuple[str, bytes]]:
    """Return the CSVs of a zip without a directory; the last of them may be the one in which it breaks."""
    found, at = [], 0
    while member := _member(raw, at):
        found.append(member)
        if member.end is None:
            break
        at = member.end
    if not found:
        rejects.add(SourceReason.UNREADABLE_ZIP, str(path), 0, str(error), raw)
        return []
    out = [(member.name, member.data) for member in found[:-1]]
    last = found[-1]
    out.append((last.name, _whole_lines(last.data, path, last.name, rejects, error)))
    return [(name, data) for name, data in out if name.endswith(".csv") and data]


def _whole_lines(data: bytes, path: Path, name: str, rejects: Rejects, error: Exception) -> bytes:
    """Return the whole lines of a member that may have broken off in the midst of one, and reject the file there."""
    data = data[: data.rfind(b"\n") + 1]
    line = data.count(b"\n")
    detail = f"{error}; the {line} lines of {name} before that were read"
    rejects.add(SourceReason.TRUNCATED_ZIP, str(path), line, detail)
    return data


class _Member(NamedTuple):
    """A member as far as it can be read. end: where the next begins, None where this one breaks off."""

    name: str
    data: bytes
    end: int | None


def _member(raw: bytes, at: int) -> _Member | None:
    """Return the member whose header stands there; None where there is no header, or another way of packing."""
    if len(raw) - at < _HEADER.size:
        return None
    signature, _, _, method, _, _, _, packed, _, name_bytes, extra_bytes = _HEADER.unpack_from(raw, at)
    if signature != _SIGNATURE or method not in (_STORED, _DEFLATED):
        return None
    first = at + _HEADER.size
    name = raw[first : first + name_bytes].decode(errors="replace")
    first += name_bytes + extra_bytes
    if method == _STORED:
        # Stored without a size: nobody can say where it ends.
        end = first + packed if 0 < packed <= len(raw) - first else None
        return _Member(name, raw[first : first + (packed or len(raw))], end)
    data, end = _inflate(raw, first)
    return _Member(name, data, None if end is None else _after_descriptor(raw, end))


def _inflate(raw: bytes, first: int) -> tuple[bytes, int | None]:
    """Return what is packed from there on, and where it ends; None where it breaks off."""
    inflater, out = zlib.decompressobj(-15), io.BytesIO()
    try:
        for at in range(first, len(raw), _CHUNK):
            out.write(inflater.decompress(raw[at : at + _CHUNK]))
            if inflater.eof:
                return out.getvalue(), min(at + _CHUNK, len(raw)) - len(inflater.unused_data)
    except zlib.error:
        pass  # What came out before the damage is what can be read.
    return out.getvalue(), None


def _after_descriptor(raw: bytes, end: int) -> int:
    """Return where the next header begins: some writers put 12 to 24 bytes of sizes behind a member."""
    steps = (step for step in (0, 12, 16, 20, 24) if raw[end + step : end + step + 4] in (_SIGNATURE, _DIRECTORY))
    return end + next(steps, 0)
