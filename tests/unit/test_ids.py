"""Record ids: text and back, and whatever anybody may have written in the headers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.log.filter import find_header, id_of, split_headers
from streams.log.ids import ORIGIN_BYTES_MAX, Headers, RecordId, headers_of, parse_id, parse_place

ORIGINS = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=ORIGIN_BYTES_MAX)
MAJORS = st.integers(-(2**63), 2**63 - 1)
MINORS = st.integers(0, 999_999_999)
FOREIGN = b"foreign/market.ticks/2"


@given(origin=ORIGINS, major=MAJORS, minor=MINORS)
def test_an_id_reads_back_from_its_text(origin: str, major: int, minor: int) -> None:
    """Round trip, also of origins with colons and dots in them."""
    record_id = RecordId(origin, major, minor)
    assert parse_id(str(record_id).encode()) == record_id
    assert record_id.place == parse_place(b"%d.%d" % record_id.place) == (major, minor)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"x",
        b":1.0",
        b"x:1",
        b"x:1.",
        b"x:.1",
        b"x:--1.0",
        b"x:1.-1",
        b"x:1.0.0",
        b"x: 1.0",
        b"\xff:1.0",
        b"x:1_0.0",
        b"x:" + b"9" * 5_000 + b".0",
        b"x" * 201 + b":1.0",
        "x:\u0661.0".encode(),
    ],
)
def test_a_malformed_id_is_refused(text: bytes) -> None:
    """Neither parser takes what is not origin:major.minor, and the duplicate filter takes it for foreign."""
    with pytest.raises(ValueError, match=r"expected origin:major\.minor"):
        parse_id(text)
    assert split_headers([("id", text)], FOREIGN, 7) == (FOREIGN, b"7.0", None)


@pytest.mark.parametrize("text", [b"", b"1", b"a.b", b"--1.0", b"1.0\n", b"9" * 5_000 + b".0"])
def test_a_malformed_place_is_refused(text: bytes) -> None:
    """A `prev` of no use makes the record foreign: it is neither a gap nor a crash."""
    with pytest.raises(ValueError, match=r"expected major\.minor"):
        parse_place(text)
    assert split_headers([("id", b"x:2.0"), ("prev", text)], FOREIGN, 7) == (FOREIGN, b"7.0", None)


@pytest.mark.parametrize("headers", [None, [], [("id", None)], [("other", b"x:1.0")], [("other", None), ("id", None)]])
def test_a_record_without_an_id_is_foreign(headers: Headers | None) -> None:
    """Its origin is the topic and partition, its place its offset."""
    assert split_headers(headers, FOREIGN, 41) == (FOREIGN, b"41.0", None)
    assert id_of(headers, "market.ticks", 2, 41) == (RecordId(FOREIGN.decode(), 41, 0), None)


def test_headers_carry_id_previous_cause_and_code() -> None:
    """What headers_of writes, split_headers and id_of read."""
    record_id = RecordId("signals/1/uuid", 9, 2)
    headers = headers_of(record_id, (8, 0), cause="features/0/u:3.1", code="abc")
    assert headers == [
        ("id", b"signals/1/uuid:9.2"),
        ("prev", b"8.0"),
        ("cause", b"features/0/u:3.1"),
        ("code", b"abc"),
    ]
    assert split_headers(headers, FOREIGN, 0) == (b"signals/1/uuid", b"9.2", b"8.0")
    assert id_of(headers, "x", 0, 0) == (record_id, (8, 0))
    assert headers_of(record_id, None) == [("id", b"signals/1/uuid:9.2")]


def test_headers_are_found_wherever_others_put_theirs() -> None:
    """Tracing agents add headers before ours; of several of one name the last counts."""
    headers = [("trace", b"t"), ("prev", b"1.0"), ("id", b"x:1.5"), ("id", b"x:2.0")]
    assert split_headers(headers, FOREIGN, 0) == (b"x", b"2.0", b"1.0")
    assert find_header(headers, "id") == b"x:2.0"
    assert find_header(None, "id") is None
