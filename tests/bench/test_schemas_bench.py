"""How fast the codecs are, each beside fastavro in the same run. CPU time of one thread, the best of many rounds.

Run: python -m pytest -q -s -m bench tests/bench/test_schemas_bench.py
"""

import io
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import fastavro
import numpy as np
import pytest
from numba import njit

from schemas import frames, records, wire
from tests.wire_records import PARSED

pytestmark = pytest.mark.bench
T_NS = 1_381_152_600_123_456_789


def best_us(call: Callable[[], Any], calls: int, rounds: int = 60) -> float:
    """Microseconds of one call: the least of many rounds, as whatever else runs only adds to it."""
    call()
    best_s = float("inf")
    for _ in range(rounds):
        start_s = time.thread_time()
        for _ in range(calls):
            call()
        best_s = min(best_s, time.thread_time() - start_s)
    return best_s / calls * 1e6


def samples() -> list[Any]:
    """One record of each type of the order path, with content of usual size."""
    evidence = tuple(records.Evidence(name, 2.5) for name in ("close", "high_20", "volume_ratio"))
    buy, entry = records.Side.BUY, records.Purpose.ENTRY
    ids, strategy = "0123456789abcdef", "momentum_breakout"
    intent = records.OrderIntent(ids, "paper", "SPY", T_NS, buy, 100, entry, ids, strategy, 1.0, 2.0, 3.0, T_NS)
    return [
        records.Signal(
            ids, strategy, "SPY", T_NS, 0, records.Direction.LONG, 1.0, 2.0, 3.0, T_NS, 0.7, False, records.Grade.D,
            records.Priority.HIGH, 1.0, 2.0, evidence, "SPY breaks above its 20-bar high",
        ),
        records.Mark("SPY", T_NS, 1.0, 2.0, 3.0, 4.0, 5.0, 600),
        intent,
        records.Verdict(intent, T_NS, records.Decision.CUT, 50, "concentration", ("0.3 > 0.2",), 10_000_000, 1e5),
        records.Fill(
            ids, ids, "paper", "SPY", T_NS, buy, 100, 16_800, 100, 5, entry, ids, strategy, 1.0, 2.0, T_NS, ""
        ),
    ]  # fmt: skip


def test_records_of_the_order_path() -> None:
    """Goal: 5 us to write and 8 us to read, and well under what fastavro takes for plain dicts without typing them."""
    ratios = []
    print()
    for record in samples():
        name = type(record).__name__
        payload = wire.encode(record)
        datum = fastavro.schemaless_reader(io.BytesIO(payload[5:]), PARSED[name], None)

        def write(datum: Any = datum, schema: Any = PARSED[name]) -> bytes:
            out = io.BytesIO()
            fastavro.schemaless_writer(out, schema, datum)
            return out.getvalue()

        def read(payload: bytes = payload, schema: Any = PARSED[name]) -> Any:
            return fastavro.schemaless_reader(io.BytesIO(payload[5:]), schema, None)

        ours = best_us(partial(wire.encode, record), 200), best_us(partial(wire.decode, payload), 200)
        peer = best_us(write, 200), best_us(read, 200)
        ratios.append(sum(ours) / sum(peer))
        print(
            f"{name:12} {len(payload):4} bytes: write {ours[0]:5.2f} us, read {ours[1]:5.2f} us; "
            f"fastavro, dicts: write {peer[0]:5.2f} us, read {peer[1]:5.2f} us"
        )
    assert max(ratios) < 1.5


def columns(rows: int) -> list[Any]:
    """Ticks like recorded ones: milliseconds, often equal; two decimals; round sizes; a few sale conditions."""
    rng = np.random.default_rng(1)
    return [
        T_NS // 10**6 * 10**6 + np.cumsum(rng.choice([0, 0, 0, 1, 2, 17, 130, 900], rows)) * 10**6,
        rng.integers(0, 3, rows).astype(np.uint8),
        rng.choice([0, 0, 0, 4], rows).astype(np.uint8),
        np.round(rng.normal(168, 1, rows), 2),
        rng.choice([100, 100, 100, 200, 300, 1500], rows),
        rng.choice([0, 0, 0, 0x20000000, 0x20100000], rows),
    ]


@njit
def decode_all(
    data: Any, offsets: Any, time_: Any, kind: Any, flags: Any, price: Any, size: Any, condition: Any
) -> Any:
    """Decode frame after frame, as a kernel does."""
    rows: Any = 0
    for i in range(len(offsets) - 1):
        n = frames.decode_ticks(data, offsets[i], offsets[i + 1], time_, kind, flags, price, size, condition)
        if n < 0:
            return n
        rows += n
    return rows


@pytest.mark.parametrize("frame_rows", [1, 16, 64, 256])
def test_frames(frame_rows: int) -> None:
    """Goal: 20 million ticks a second each way at frames of 64; encoded one by one, bounded by the call."""
    count = max(20, 131_072 // frame_rows)
    ticks = columns(count * frame_rows)
    cuts = np.arange(0, count * frame_rows + 1, frame_rows)
    buffer, offsets = frames.encode_tick_frames("SPY", "lean", *ticks, cuts=cuts)
    out = [np.empty(max(64, frame_rows), column.dtype) for column in ticks]
    one = [column[:frame_rows].copy() for column in ticks]
    payload = frames.encode_ticks("SPY", "lean", *one)
    ticks_per_us = frame_rows * count
    bulk = ticks_per_us / best_us(lambda: frames.encode_tick_frames("SPY", "lean", *ticks, cuts=cuts), 1)
    read = ticks_per_us / best_us(lambda: decode_all(buffer, offsets, *out), 1)
    single = best_us(lambda: frames.encode_ticks("SPY", "lean", *one), 200)
    peer = best_us(lambda: fastavro.schemaless_reader(io.BytesIO(payload[5:]), PARSED["TickFrame"], None), 20)
    assert decode_all(buffer, offsets, *out) == count * frame_rows
    print(
        f"\nframes of {frame_rows:3} ({len(payload):5} bytes): encode in bulk {bulk:6.2f} M ticks/s, "
        f"one by one {frame_rows / single:5.2f} ({single:.2f} us a frame), "
        f"decode {read:6.2f}; fastavro decodes {frame_rows / peer:.2f}"
    )
    assert read > frame_rows / peer * 3
