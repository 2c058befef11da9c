"""A signal is passed on as it is exactly where decoding and writing it would give the same bytes."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import wire
from schemas.records import Direction, Evidence, Grade, Priority, Signal
from streams.book import router
from streams.book.pass_on import signal_key
from streams.book.router import Params
from streams.fold import PureFold
from streams.stage import Output
from tests.orderpath_rig import NAN, signal

TEXT = st.text(st.characters(max_codepoint=0x17F), max_size=90)
PRICES = st.floats(allow_infinity=True, allow_nan=True)
SIGNALS = st.builds(
    Signal,
    id=st.text("abcdef0123456789", max_size=20),
    strategy=TEXT,
    symbol=TEXT,
    event_ns=st.integers(-(2**63), 2**63 - 1),
    ordinal=st.integers(-70, 70),
    direction=st.sampled_from(Direction),
    entry=PRICES,
    stop=PRICES,
    target=PRICES,
    expires_ns=st.integers(2**60, 2**61),
    confidence=PRICES,
    calibrated=st.booleans(),
    grade=st.sampled_from(Grade),
    priority=st.sampled_from(Priority),
    bid=PRICES,
    ask=PRICES,
    evidence=st.lists(st.builds(Evidence, TEXT, PRICES), max_size=70).map(tuple),
    text=TEXT,
)


def check(payload: bytes) -> bool:
    """Return whether a payload is passed on; it must then be what writing it anew gives, under its symbol."""
    key = signal_key(payload)
    if key is not None:
        record = wire.decode(payload)
        assert isinstance(record, Signal)
        assert wire.encode(record) == payload
        assert key == record.symbol.encode()
    return key is not None


@pytest.mark.parametrize(
    ("changes", "passed"),
    [
        ({}, True),
        ({"confidence": 0.0}, True),
        ({"evidence": (Evidence("close", 100.0), Evidence("none", 0.0)), "text": "It broke out."}, True),
        ({"text": "long " * 30}, True),
        ({"text": "l" * 63}, True),
        ({"text": "l" * 64}, True),
        ({"bid": NAN}, False),
        ({"text": "née"}, False),
        ({"evidence": (Evidence("change", -0.5),)}, False),
    ],
)
def test_what_is_passed_on(changes: dict[str, Any], passed: bool) -> None:
    """Usual signals are; what has an unknown figure, or letters beyond ASCII, goes the long way."""
    assert check(wire.encode(signal(**changes))) is passed


@given(record=SIGNALS)
def test_any_signal(record: Signal) -> None:
    """Whatever a signal holds, what is passed on is canonical."""
    check(wire.encode(record))


@settings(max_examples=400)
@given(data=st.data())
def test_bytes_that_were_changed(data: st.DataObject) -> None:
    """A byte changed, cut off or put in: what is passed on is canonical all the same."""
    payload = bytearray(wire.encode(signal(evidence=(Evidence("close", 100.0),), text="It broke out.")))
    at = data.draw(st.integers(0, len(payload) - 1))
    what = data.draw(st.sampled_from(["change", "cut", "put"]))
    if what == "change":
        payload[at] = data.draw(st.integers(0, 255))
    elif what == "cut":
        del payload[at:]
    else:
        payload.insert(at, data.draw(st.integers(0, 255)))
    check(bytes(payload))


def test_the_router_gives_the_same_either_way() -> None:
    """Copies, keys and rejects are those of the plain fold."""
    params = Params(accounts=("a", "b", "c"), partitions=3)
    payloads = [wire.encode(signal(second=n, text="x" * n, bid=NAN if n % 3 == 0 else 99.9)) for n in range(1, 90)]
    payloads += [payloads[0][:-1], payloads[1] + b"\0"]
    plain = PureFold(router.advance, params, router.STATE).apply(payloads)
    assert router.RouterFold(params).apply(payloads) == plain
    assert sum(isinstance(one, Output) for one in plain) == 89 * len(params.targets())
