"""The duplicate filter: a record is applied once, however often it stands in the log, and a missing one is noticed."""

from collections.abc import Mapping
from typing import Any

from streams.log.ids import (
    ID_HEADER,
    ORIGIN_BYTES_MAX,
    PREVIOUS_HEADER,
    Place,
    RecordId,
    is_place,
    parse_id,
    parse_place,
)


class GapError(RuntimeError):
    """A record's predecessor never came: the log lost something, or two writers share an origin. Not to be survived."""


class IdFilter:
    """Remember the newest place of each origin, and say of each record whether it is new.

    strict: an origin whose first record seen names a predecessor is a gap too; for readers that began at the log's
    start. Readers that begin at a tail pass False.
    """

    def __init__(self, newest: Mapping[str, Place] | None = None, *, strict: bool = True) -> None:
        # Places are kept as the text of the header: in the common case a record names its predecessor by the very
        # bytes that we hold, and nothing needs to be parsed.
        self._newest = {origin.encode(): b"%d.%d" % place for origin, place in (newest or {}).items()}
        self._strict = strict

    def newest(self) -> dict[str, Place]:
        """Return the newest place seen, by origin."""
        return {origin.decode(): parse_place(text) for origin, text in self._newest.items()}

    def places(self) -> Mapping[bytes, bytes]:
        """Return the newest place seen by origin, both as in headers, the origin that was seen first first."""
        return self._newest

    def replace(self, places: Mapping[bytes, bytes]) -> None:
        """Go back to what `places` was."""
        self._newest = dict(places)

    def put(self, origin: bytes, place: bytes) -> None:
        """Remember a place that was found to follow the newest of its origin."""
        self._newest[origin] = place

    def accept(self, record_id: RecordId, previous: Place | None) -> bool:
        """Return whether the record is new, and remember it; GapError where its predecessor is not the one seen."""
        before = None if previous is None else b"%d.%d" % previous
        return self.accept_text(record_id.origin.encode(), b"%d.%d" % record_id.place, before)

    def accept_headers(self, headers: Any, foreign: bytes, offset: int) -> bytes | None:
        """As accept, on headers as confluent-kafka gives them; return the record's id, None where it is not new.

        foreign, offset: see split_headers, which decides in every case but the usual one: id and prev come first, and
        prev is the very place that this origin was last seen at.
        """
        if headers and len(headers) > 1:
            text: bytes
            (name, text), (second, previous) = headers[0], headers[1]
            if name == ID_HEADER and second == PREVIOUS_HEADER and text:
                origin, _, place = text.rpartition(b":")
                if previous is not None and self._newest.get(origin) == previous and is_place(place):
                    self._newest[origin] = place
                    return text
        origin, place, before = split_headers(headers, foreign, offset)
        return b"%s:%s" % (origin, place) if self.accept_text(origin, place, before) else None

    def accept_text(self, origin: bytes, place: bytes, previous: bytes | None) -> bool:
        """As accept, on the bytes of the headers."""
        newest = self._newest.get(origin)
        if newest is None:
            if previous is not None and self._strict:
                raise GapError(
                    f"{origin.decode()}: the first record seen is {place.decode()}, but it follows {previous.decode()}"
                )
        elif newest != previous:
            if parse_place(place) <= parse_place(newest):
                return False
            if previous is not None and parse_place(previous) != parse_place(newest):
                raise GapError(
                    f"{origin.decode()}: record {place.decode()} follows {previous.decode()}, "
                    f"but the newest seen is {newest.decode()}"
                )
        self._newest[origin] = place
        return True


def split_headers(headers: Any, foreign: bytes, offset: int) -> tuple[bytes, bytes, bytes | None]:
    """Return (origin, place, previous) as bytes, of headers as confluent-kafka gives them.

    A record without a readable id has origin `foreign` and its offset.
    """
    if headers:
        first_name, text = headers[0]
        if first_name != ID_HEADER:
            text = find_header(headers, ID_HEADER)
        # Anybody may write to a topic, with any bytes under these names, or none: none of it may stop the reader.
        if text:
            origin, _, place = text.rpartition(b":")
            if is_place(place) and 0 < len(origin) <= ORIGIN_BYTES_MAX and origin.isascii():
                if len(headers) > 1 and headers[1][0] == PREVIOUS_HEADER:
                    previous: bytes | None = headers[1][1]
                else:
                    previous = find_header(headers, PREVIOUS_HEADER)
                if previous is None or is_place(previous):
                    return origin, place, previous
    return foreign, b"%d.0" % offset, None


def find_header(headers: Any, name: str) -> bytes | None:
    """Return the last value of a header, None where it is absent."""
    found: bytes | None = None
    for key, value in headers or ():
        if key == name:
            found = value
    return found


def id_of(headers: Any, topic: str, partition: int, offset: int) -> tuple[RecordId, Place | None]:
    """Return a record's id and the place before it; of a record without an id, the foreign one."""
    origin, place, previous = split_headers(headers, f"foreign/{topic}/{partition}".encode(), offset)
    return parse_id(origin + b":" + place), None if previous is None else parse_place(previous)
