"""A simulated session through analytics and router: OptionMarks are rows of the frames that analytics wrote."""

from collections.abc import Iterable

import pytest

from schemas import wire
from schemas.records import ChainFrame, MarketEvent, MarketEventKind, OptionMark, SurfaceFrame, Watch
from streams.book import router
from streams.book.router import Params
from streams.options.contracts.clock import SECOND_NS
from streams.stage import Output, Rejected
from tests.option_frames import BEGIN_NS, SOURCE, SYMBOL, frames, session


def folded(payloads: Iterable[bytes]) -> list[bytes]:
    """Return what analytics tells of chains."""
    from streams.chain.analytics import Params as AnalyticsParams
    from streams.chain.analytics import make

    out = make(AnalyticsParams(rates={"2023-01-01": 0.05}), 0, 1).apply(list(payloads))
    assert not [one for one in out if isinstance(one, Rejected)]
    return [one.payload for one in out if isinstance(one, Output)]


def test_analytics_frames_come_out_as_marks() -> None:
    """A simulated session through analytics and router: each mark is its contract's newest row and surface, each
    second one where the chain told news, and none that nobody watches.
    """
    played = session(6.0)
    end = MarketEvent("", SOURCE, BEGIN_NS + 8 * SECOND_NS, MarketEventKind.HEARTBEAT)
    features = folded([*frames(played, range(0, len(played.rows), 50)), wire.encode(end)])
    wanted = played.contracts[::3]
    fold = router.make(Params(), 0, 1)
    fold.apply([wire.encode(Watch(SYMBOL, contract, BEGIN_NS)) for contract in wanted])
    rows: dict[str, tuple[ChainFrame, int]] = {}
    newest: SurfaceFrame | None = None
    told_ns: dict[str, int] = {}
    for payload in features:
        frame = wire.decode(payload)
        if isinstance(frame, ChainFrame):
            rows |= {name: (frame, at) for at, name in enumerate(frame.contracts)}
        elif isinstance(frame, SurfaceFrame):
            newest = frame
        for output in fold.apply([payload]):
            assert isinstance(output, Output)
            mark = wire.decode(output.payload)
            if not isinstance(mark, OptionMark):
                continue
            assert mark.symbol in wanted
            assert isinstance(frame, ChainFrame | SurfaceFrame)
            assert mark.event_ns == frame.event_ns
            assert mark.event_ns - told_ns.get(mark.symbol, 0) >= SECOND_NS
            told_ns[mark.symbol] = mark.event_ns
            assert_of(mark, *rows[mark.symbol], newest)
    assert set(told_ns) == set(wanted)
    assert min(told_ns.values()) > BEGIN_NS + 4 * SECOND_NS


def assert_of(mark: OptionMark, frame: ChainFrame, at: int, newest: SurfaceFrame | None) -> None:
    """Assert that a mark is a row of a chain and of a surface."""
    assert newest is not None
    same = set(OptionMark.__slots__) & set(ChainFrame.__slots__) - {"symbol", "event_ns", "spot"}
    assert len(same) == 18
    for name in same:
        assert repr(getattr(mark, name)) == repr(getattr(frame, name)[at].item()), name
    expiry = newest.expiry_ns.tolist().index(mark.expiry_ns)
    assert (mark.underlying, repr(mark.spot), mark.surface_ns) == (SYMBOL, repr(frame.spot), newest.event_ns)
    spot = frame.spot if frame.spot == frame.spot else newest.spot
    assert mark.forward == pytest.approx(
        newest.forward[expiry] * (spot / newest.spot if newest.spot > 0 else 1.0), rel=1e-12
    )
    assert mark.rate == newest.rate[expiry]
    assert mark.dividends == 0.0
