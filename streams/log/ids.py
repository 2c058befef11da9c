"""Record ids: who wrote a record, and its place among all that this origin wrote.

In the header `id`, as text that people can read:   origin:major.minor
and in the header `prev`, the place before it among this origin's records of the same output partition:   major.minor
(absent for the first). An origin's places only grow within a partition.

| origin | major | minor |
|---|---|---|
| stage/partition/UUID of the input topic | input offset | index of the output |
| file source: name/sha256 of the recording (16 digits) | last row of the frame | 0 |
| live or simulated source, gateway: name/session/partition | sequence | 0 |
| foreign: topic/partition (a record without an id) | its offset | 0 |
"""

import re
from typing import NamedTuple

ID_HEADER = "id"
PREVIOUS_HEADER = "prev"
CAUSE_HEADER = "cause"
CODE_HEADER = "code"
FOREIGN = "foreign"

ORIGIN_BYTES_MAX = 200

Place = tuple[int, int]
# As confluent-kafka spells them; ours always hold bytes.
Headers = list[tuple[str, str | bytes | None]]


# Bounded, so that no text can be too long to be a number.
is_place = re.compile(rb"-?[0-9]{1,19}\.[0-9]{1,9}").fullmatch
"""Match the bytes of a place, major.minor; None where they are anything else."""


class RecordId(NamedTuple):
    """An origin and a place in it."""

    origin: str
    major: int
    minor: int

    @property
    def place(self) -> Place:
        return (self.major, self.minor)

    def __str__(self) -> str:
        return f"{self.origin}:{self.major}.{self.minor}"


def parse_id(text: bytes) -> RecordId:
    """Return the id in the bytes of a header; ValueError where they hold none."""
    origin, _, place = text.rpartition(b":")
    if not (is_place(place) and 0 < len(origin) <= ORIGIN_BYTES_MAX and origin.isascii()):
        raise ValueError(f"expected origin:major.minor, was {text!r}")
    return RecordId(origin.decode(), *parse_place(place))


def parse_place(text: bytes) -> Place:
    """Return the place in the bytes of a `prev` header; ValueError where they hold none."""
    if not is_place(text):
        raise ValueError(f"expected major.minor, was {text!r}")
    major, _, minor = text.partition(b".")
    return (int(major), int(minor))


def headers_of(record_id: RecordId, previous: Place | None, cause: str = "", code: str = "") -> Headers:
    """Return the headers of a record: id, prev (unless first), cause and code (unless empty)."""
    out: Headers = [(ID_HEADER, str(record_id).encode())]
    if previous is not None:
        out.append((PREVIOUS_HEADER, b"%d.%d" % previous))
    if cause:
        out.append((CAUSE_HEADER, cause.encode()))
    if code:
        out.append((CODE_HEADER, code.encode()))
    return out
