"""What accounts have to hear of a market goes from its source to their book, through analytics and router."""

from typing import Any

import pytest

from schemas import wire
from schemas.records import FeatureFrame, MarketEvent, MarketEventKind
from streams.bars.events import TOLD
from streams.book.router import ROUTED
from streams.chain.analytics import Params, make
from streams.runtime.memory import MemoryPipeline
from streams.stage import Output, Rejected
from tests.analytics_ticks import OPEN, SECOND, Tick, event, frame, heartbeat, session

KIND = MarketEventKind


def told(*payloads: bytes, batch: int = 100) -> list[Any]:
    """Return what analytics writes, decoded."""
    fold, out = make(Params(), 0, 1), []
    for at in range(0, len(payloads), batch):
        for result in fold.apply(payloads[at : at + batch]):
            assert isinstance(result, Output), result
            record = wire.decode(result.payload)
            assert result.key == record.symbol.encode()  # type: ignore[union-attr]  # all that it writes have one
            out.append(record)
    return out


def test_what_the_router_routes_is_told() -> None:
    """Both lists name the same kinds: none is routed that never comes, none comes that nobody wants."""
    assert TOLD == ROUTED


@pytest.mark.parametrize("kind", sorted(TOLD))
def test_an_event_goes_on_as_it_is(kind: MarketEventKind) -> None:
    """With its symbol as key, or none, in the partition that it came in."""
    given = event(kind, 1.0, symbol="SPY", start_ns=OPEN, end_ns=OPEN + 3_600 * SECOND, value=2.0)
    assert told(given) == [wire.decode(given)]


@pytest.mark.parametrize("kind", sorted(set(MarketEventKind) - TOLD))
def test_what_concerns_no_account_does_not(kind: MarketEventKind) -> None:
    """Heartbeats, gaps, and what a source says of itself."""
    assert told(event(kind, 1.0)) == []


def test_a_session_s_close_comes_after_its_last_bars() -> None:
    """So the book has the closing price before what ends with the session; wherever batches are cut."""
    payloads = [
        session(),
        frame([Tick(23_399.5, 101.0)]),
        event(KIND.SESSION_CLOSE, 23_400.0),
        heartbeat(23_405.0),
    ]
    whole = told(*payloads)
    assert [type(one) for one in whole[:1]] == [MarketEvent]
    close = next(at for at, one in enumerate(whole) if getattr(one, "kind", None) is KIND.SESSION_CLOSE)
    before = [one for one in whole[:close] if isinstance(one, FeatureFrame)]
    assert any(one.interval_ns == SECOND and one.close[-1] == 101.0 for one in before)
    assert [wire.encode(one) for one in told(*payloads, batch=1)] == [wire.encode(one) for one in whole]


def test_an_event_that_is_refused_is_not_told() -> None:
    """A split of no symbol is a reject, and no output."""
    (result,) = make(Params(), 0, 1).apply([event(KIND.SPLIT, 1.0, value=7.0)])
    assert isinstance(result, Rejected)


def test_events_reach_the_book_in_a_backtest() -> None:
    """At a session's close the closing mark stands before the event, as a live log has it."""
    found: list[Any] = []

    def observe(out: Any) -> None:
        if out.topic == "orders":
            found.append(wire.decode(out.payload))

    pipeline = MemoryPipeline({}, 1, observe)
    payloads = [session(), frame([Tick(23_399.5, 101.0)]), event(KIND.SESSION_CLOSE, 23_400.0), heartbeat(23_460.0)]
    for number, payload in enumerate(payloads):
        previous = [("prev", b"%d.0" % (number - 1))] if number else []
        pipeline.feed_raw(0, payload, [("id", b"test/0:%d.0" % number), *previous])
    pipeline.finish()
    names = [getattr(one, "kind", type(one).__name__) for one in found]
    assert names == [KIND.SESSION_OPEN, "Mark", KIND.SESSION_CLOSE]
