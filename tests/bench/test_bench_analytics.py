"""Speed of the analytics stage alone, in one process on one core: python -m tests.bench.test_bench_analytics.

Ticks as dense as SPY's (about 15 a second), all indicators, bars of 1 s, 1 min and 5 min. CPU time of the process, the
best of several rounds: other work on the machine shows in neither. Goals are for frames of 64 with second_rows 60.
"""

import gc
import time
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest

from schemas.frames import encode_tick_frames
from streams.bars.analytics import Params, make
from tests.analytics_ticks import OPEN, bars

TICKS_A_SECOND = 15
BATCH = 500
GOAL_TICKS_A_SECOND = 12_000_000
GOAL_BARS_A_SECOND = 200_000


def recording(count: int) -> tuple[np.ndarray, ...]:
    """Return the columns of this many trades."""
    rng = np.random.default_rng(1)
    gaps_ms = (rng.exponential(1_000 / TICKS_A_SECOND, count)).astype(np.int64)
    price = np.round(168.0 + np.cumsum(rng.integers(-1, 2, count)) * 0.003, 2)
    size = rng.choice([100, 100, 100, 200, 300, 500, 1_200], count).astype(np.int64)
    condition = rng.choice([0, 0, 0x08000000, 0x100000], count).astype(np.int64)
    zeros = np.zeros(count, np.uint8)
    return OPEN + np.cumsum(gaps_ms) * 1_000_000, zeros, zeros, price, size, condition


def frames(count: int, rows: int) -> list[bytes]:
    """Return a recording as frames of this many rows."""
    cuts = np.arange(0, count + 1, rows)
    columns = [column[: cuts[-1]] for column in recording(count)]
    buffer, offsets = encode_tick_frames("SPY", "lean", *columns, cuts=cuts)
    data, edges = buffer.tobytes(), offsets.tolist()
    return [data[a:b] for a, b in pairwise(edges)]


def seconds_of(payloads: Sequence[bytes], second_rows: int, rounds: int = 7) -> float:
    """Return the least CPU time of applying payloads."""
    gc.collect()
    gc.freeze()
    best = float("inf")
    for _ in range(rounds):
        stage = make(Params(second_rows=second_rows), 0, 1)
        stage.apply(payloads[:1])
        began = time.process_time()
        for i in range(1, len(payloads), BATCH):
            stage.apply(payloads[i : i + BATCH])
        best = min(best, time.process_time() - began)
    gc.unfreeze()
    return best


def measured(rows: int, second_rows: int) -> float:
    """Return ticks a second for frames of this many rows."""
    payloads = frames(640_000 if rows > 1 else 60_000, rows)
    speed = rows * len(payloads) / seconds_of(payloads, second_rows)
    print(
        f"analytics.apply, frames of {rows:2d}, second_rows {second_rows:2d}: {speed / 1e6:6.2f} M ticks/s, "
        f"{1e6 * rows / speed:5.2f} us a record"
    )
    return speed


def bars_measured(rows: int) -> float:
    """Return source bars a second for BarFrames of this many minutes."""
    nan = float("nan")
    payloads = [
        bars([(60.0 * (i * rows + k), 10.0, 12.0, 9.0, 11.0, 100.0, nan, nan) for k in range(rows)])
        for i in range(20_000 // rows)
    ]
    speed = rows * len(payloads) / seconds_of(payloads, 1)
    print(f"analytics.apply, BarFrames of {rows:2d}: {speed / 1e3:.0f} k bars/s")
    return speed


@pytest.mark.bench
def test_frames_of_64_reach_the_goal() -> None:
    """apply takes at least 12 M ticks/s in frames of 64."""
    assert measured(64, 60) >= GOAL_TICKS_A_SECOND


@pytest.mark.bench
def test_source_bars_reach_the_goal() -> None:
    """apply takes at least 200,000 source bars a second, an hour a frame."""
    assert bars_measured(60) >= GOAL_BARS_A_SECOND


if __name__ == "__main__":
    for frame_rows in (64, 16, 1):
        for wanted in (60, 1):
            measured(frame_rows, wanted)
    for bar_rows in (60, 1):
        bars_measured(bar_rows)
