"""The gateway's parts without a broker: cursors, settings, subscriptions, JSON, frames, the tail, callers."""

import dataclasses
import json
import math
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cursor import CursorError, CursorReason, Layout, ServedTopic
from gateway.message import Message, Reader, Refused, dumps, framed, text_frame
from gateway.record import Record
from gateway.rest import foreign_caller
from gateway.settings import Settings, SettingsError, settings_from
from gateway.subscription import ClientError, Ping, Subscribe, Unsubscribe, parse_command
from gateway.tail import Tail
from schemas import wire
from streams.log.ids import RecordId, headers_of
from tests.gateway_rig import signal

LAYOUT = Layout("demo-7", (ServedTopic("signals", "5e6f-_8b", 3), ServedTopic("risk", "9f3c01ab", 1)))
OFFSETS = st.lists(st.integers(0, 2**62), min_size=4, max_size=4)


def record(offset: int, value: bytes | None, major: int, before: int | None = None, partition: int = 0) -> Record:
    """Return a record of signals as Kafka gives it, from origin `o`."""
    headers = headers_of(RecordId("o", major, 0), None if before is None else (before, 0))
    return Record("demo-7.signals", partition, offset, b"SPY", value, headers, 1_000, None)


@given(OFFSETS)
def test_a_cursor_reads_as_it_was_written(offsets: list[int]) -> None:
    """Text and offsets are two forms of one thing."""
    assert LAYOUT.parse(LAYOUT.text(offsets)) == offsets


def test_a_cursor_can_be_read_by_people() -> None:
    """World, topics in order, the UUID's beginning, next offsets."""
    assert LAYOUT.text([4, 12, 30, 0]) == "demo-7|risk.9f3c01ab:4|signals.5e6f-_8b:12,30,0"


@given(st.text(max_size=60) | st.integers() | st.none() | st.lists(st.integers()))
def test_any_other_cursor_is_an_error_with_a_remedy(cursor: object) -> None:
    """Nothing but CursorError leaves parse, whatever a client sends."""
    with pytest.raises(CursorError) as caught:
        LAYOUT.parse(cursor)
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("cursor", "reason"),
    [
        ("demo-8|risk.9f3c01ab:4|signals.5e6f-_8b:12,30,0", CursorReason.OTHER_WORLD),
        ("demo-7|risk.9f3c01aX:4|signals.5e6f-_8b:12,30,0", CursorReason.TOPIC_RECREATED),
        ("demo-7|risk.9f3c01ab:4|signals.5e6f-_8b:12,30", CursorReason.BAD_CURSOR),
        ("demo-7|risk.9f3c01ab:4|signals.5e6f-_8b:12,30,-1", CursorReason.BAD_CURSOR),
        ("demo-7|risk.9f3c01ab:4", CursorReason.BAD_CURSOR),
        ("demo-7|risk.9f3c01ab:4|signals.5e6f-_8b:1,2," + "9" * 30, CursorReason.BAD_CURSOR),
        ("demo-7|" * 2_000, CursorReason.BAD_CURSOR),
    ],
)
def test_what_is_wrong_with_a_cursor_is_named(cursor: str, reason: CursorReason) -> None:
    """Each reason of the closed list has its case."""
    with pytest.raises(CursorError) as caught:
        LAYOUT.parse(cursor)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"host": "0.0.0.0"}, "loopback only"),
        ({"port": 70_000}, "0 to 65535"),
        ({"clients_max": 0}, "clients_max must be > 0"),
        ({"watch_s": math.nan}, "watch_s must be > 0"),
        ({"clients_max": "many"}, "clients_max must be int"),
        ({"clients_max": True}, "clients_max must be int"),
        ({"queue": 1}, "unknown setting 'queue'"),
        ({"origins": "http://x"}, "origins must be"),
        ({"ping_idle_s": 1, "ping_reply_s": 2}, "at most ping_idle_s"),
    ],
)
def test_a_bad_setting_is_named(table: dict[str, object], says: str) -> None:
    """The gateway does not start with a bound that cannot hold."""
    with pytest.raises(SettingsError, match=says):
        settings_from(table)


def test_settings_come_from_the_table_and_the_command_line() -> None:
    """What is given goes before the table; whole numbers do for seconds."""
    found = settings_from({"port": 1, "watch_s": 3, "origins": ["http://localhost:1"]}, port=2, host=None)
    assert found == Settings(port=2, watch_s=3.0, origins=("http://localhost:1",))
    assert Settings(host="localhost").address == "127.0.0.1"


VALUES = st.recursive(st.none() | st.text() | st.integers(), st.lists)


@given(st.binary(max_size=200) | VALUES.map(lambda value: json.dumps(value).encode()))
def test_any_message_of_a_client_is_a_command_or_an_error(text: bytes) -> None:
    """Nothing but ClientError leaves parse_command."""
    found: object = None
    with suppress(ClientError):
        found = parse_command(text)
    assert found is None or isinstance(found, Subscribe | Unsubscribe | Ping)


def test_a_deep_message_is_an_error() -> None:
    """JSON nested beyond the parser's depth does not end the connection."""
    with pytest.raises(ClientError):
        parse_command(b"[" * 16_000)


def test_json_has_null_for_what_is_no_number() -> None:
    """NaN, infinities, arrays, bytes and nested records have one JSON form."""
    value = dumps((math.nan, math.inf, 1.5, np.array([1.0, math.nan]), b"\1", signal(1).evidence))
    assert json.loads(value) == [None, None, 1.5, [1.0, None], "01", [{"name": "volume_ratio", "value": 2.5}]]


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536])
def test_frames_are_as_rfc_6455_says(size: int) -> None:
    """Each length has its form of header, at its limits."""
    frame = text_frame(b"x" * size)
    head = 2 if size < 126 else 4 if size < 65_536 else 10
    assert frame[0] == 0x81
    assert len(frame) == head + size
    assert frame[1] == (size if size < 126 else 126 if size < 65_536 else 127)
    if head > 2:
        assert int.from_bytes(frame[2:head], "big") == size


def messages(count: int) -> list[Message]:
    """Return signals of one partition as the reader makes them."""
    reader = Reader(LAYOUT, [0] * 4, Refused())
    made = [
        reader.take(record(number, wire.encode(signal(number)), number + 1, number or None), LAYOUT.slot("signals", 0))
        for number in range(count)
    ]
    return [one for one in made if one is not None]


def test_the_reader_counts_what_it_does_not_serve() -> None:
    """Duplicates, gaps of an origin, and poison are counted; positions move on past all of them."""
    refused = Refused()
    reader = Reader(LAYOUT, [0] * 4, refused)
    slot = LAYOUT.slot("signals", 0)
    good = wire.encode(signal(1))
    assert reader.take(record(0, good, 1), slot) is not None
    assert reader.take(record(1, good, 1), slot) is None
    assert reader.take(record(2, b"?", 2, 1), slot) is None
    assert reader.take(record(3, good, 5, 4), slot) is not None
    assert reader.take(record(4, good, 6, 5), slot) is not None
    assert refused == {"duplicate": 1, "not_framed": 1, "origin_gap": 1}
    assert reader.positions[slot] == 5


def test_the_tail_says_from_where_it_is_whole() -> None:
    """After old messages are let go, covered_from is the offset after the newest of them."""
    slot = LAYOUT.slot("signals", 0)
    tail = Tail(LAYOUT, [0] * 4, messages_max=3, bytes_max=1_000_000)
    for one in messages(10):
        tail.append(one)
    assert tail.covered_from[slot] == 7
    assert [one.offset for one in tail.since(["signals"], [0] * 4)] == [7, 8, 9]
    positions = [0] * 4
    positions[slot] = 9
    assert [one.offset for one in tail.since(["signals", "risk"], positions)] == [9]
    assert tail.since(["risk"], [0] * 4) == []
    tail.lose(slot, 20)
    assert tail.covered_from[slot] == 20


def test_a_message_can_be_given_another_cursor() -> None:
    """The body is the same JSON under any cursor, so it is made once."""
    (one,) = messages(1)
    own, _ = framed("mine", one.body)
    assert json.loads(own[4:]) == json.loads(one.frame[4:]) | {"cursor": "mine"}
    assert {field.name for field in dataclasses.fields(one)} >= {"positions", "frame"}


@pytest.mark.parametrize(
    ("host", "origin", "is_good"),
    [
        ("127.0.0.1:8087", None, True),
        ("localhost", None, True),
        ("[::1]:8087", None, True),
        ("127.0.0.1:8087", "http://127.0.0.1:8087", True),
        ("127.0.0.1:8087", "http://localhost:8087", False),
        ("127.0.0.1:8087", "file://", False),
        ("127.0.0.1:8087", "http://allowed:1", True),
        ("127.0.0.1.evil.example", None, False),
        ("localhost.evil.example:8087", None, False),
        ("evil@127.0.0.1:x", "http://evil", False),
        ("", None, False),
        (None, None, False),
    ],
)
def test_callers_from_elsewhere_are_known(host: str | None, origin: str | None, is_good: bool) -> None:
    """Host must be this machine's and Origin the page's own, or allowed by name."""
    assert (foreign_caller(host, origin, ("http://allowed:1",)) is None) == is_good
