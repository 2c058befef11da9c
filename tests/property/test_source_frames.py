"""Where frames are cut changes nothing in what they hold."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from connectors.sources.frames import ASK, BID, PAIRED, TRADE, FrameRule, Ticks, cut_points
from connectors.sources.timeline import tick_frames
from schemas.records import TickFrame
from schemas.wire import decode


@st.composite
def ticks(draw: st.DrawFn) -> Ticks:
    """Ticks with equal times, long pauses, and quotes whose ask follows their bid at once."""
    events = draw(st.lists(st.tuples(st.booleans(), st.integers(0, 3_000_000_000)), min_size=1, max_size=60))
    rows: list[tuple[int, int, int]] = []
    now_ns = 1_381_000_000_000_000_000
    for is_quote, step_ns in events:
        now_ns += step_ns
        rows += [(now_ns, BID, PAIRED), (now_ns, ASK, 0)] if is_quote else [(now_ns, TRADE, 0)]
    time_ns, kind, flags = (np.array(column) for column in zip(*rows, strict=True))
    n = np.arange(len(rows))
    return Ticks(time_ns, kind.astype(np.uint8), flags.astype(np.uint8), n.astype(np.float64) + 100.0, n, n * 7)


rules = st.builds(FrameRule, st.integers(1, 70), st.sampled_from([5_000_000, 250_000_000, 1_000_000_000]))


@given(ticks=ticks(), rule=rules)
def test_frames_together_hold_every_tick_once(ticks: Ticks, rule: FrameRule) -> None:
    """Decoded and put together again, the columns are what they were, to the byte."""
    frames = tick_frames("SPY", "test", "", ticks, rule)
    decoded = []
    for a, b in zip(frames.offsets[:-1], frames.offsets[1:], strict=True):
        frame = decode(frames.payloads[a:b])
        assert isinstance(frame, TickFrame)
        decoded.append(frame)
    time_ns = np.concatenate([frame.base_ns + np.cumsum(frame.delta_ns) for frame in decoded])
    assert time_ns.tobytes() == ticks.event_ns.tobytes()
    assert b"".join(frame.kind for frame in decoded) == ticks.kind.tobytes()
    assert b"".join(frame.flags for frame in decoded) == ticks.flags.tobytes()
    for name in ("price", "size", "condition"):
        assert np.concatenate([getattr(frame, name) for frame in decoded]).tobytes() == getattr(ticks, name).tobytes()
    assert frames.last_row.tolist() == np.cumsum(frames.rows).tolist()


@given(ticks=ticks(), rule=rules)
def test_frames_keep_the_rule(ticks: Ticks, rule: FrameRule) -> None:
    """No frame crosses a multiple of the span, holds too many ticks, or parts a bid from its ask."""
    cuts = cut_points(ticks.event_ns, rule, ticks.flags)
    assert cuts[0] == 0
    assert cuts[-1] == len(ticks)
    for a, b in zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True):
        assert ticks.event_ns[a] // rule.span_ns == ticks.event_ns[b - 1] // rule.span_ns
        assert 1 <= b - a <= rule.ticks_max + 1
        if b < len(ticks):
            assert not ticks.flags[b - 1] & PAIRED
