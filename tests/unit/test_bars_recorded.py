"""Bars against a recording: IBM's ticks of two days make the minutes that the vendor recorded."""

from pathlib import Path

import numpy as np
import pytest

from schemas.frames import encode_tick_frames
from streams.bars.analytics import Params, make
from tests.analytics_ticks import SECOND, features, heartbeat, lean_rows, rows_of

MIDNIGHT = {"20131007": 1_381_118_400 * SECOND, "20131008": 1_381_204_800 * SECOND}
OPEN_MS, CLOSE_MS = 34_200_000, 57_600_000


def tick_payloads(data: Path, day: str) -> list[bytes]:
    """Return IBM's trades and quotes of a day as frames, in time order, quotes before trades of one ms."""
    folder = data / "equity" / "usa" / "tick" / "ibm"
    columns: list[tuple[int, int, int, int, float, int]] = []
    for order, (ms, bid, bid_size, ask, ask_size, *_, suspicious) in enumerate(lean_rows(folder / f"{day}_quote.zip")):
        side, price, size = (1, bid, bid_size) if bid or not ask else (2, ask, ask_size)
        columns.append((int(ms), order, side, int(suspicious != 0), price / 10_000, int(size)))
    for order, (ms, price, size, *_, suspicious) in enumerate(lean_rows(folder / f"{day}_trade.zip")):
        columns.append((int(ms), 10_000_000 + order, 0, int(suspicious != 0), price / 10_000, int(size)))
    columns.sort()
    times, _, kind, flags, prices, sizes = (np.array(column) for column in zip(*columns, strict=True))
    buffer, offsets = encode_tick_frames(
        "IBM",
        "lean",
        MIDNIGHT[day] + times.astype(np.int64) * 1_000_000,
        kind.astype(np.uint8),
        flags.astype(np.uint8),
        prices.astype(np.float64),
        sizes.astype(np.int64),
        np.zeros(len(times), np.int64),
        cuts=np.append(np.arange(0, len(times), 64), len(times)),
    )
    data_bytes = buffer.tobytes()
    return [data_bytes[a:b] for a, b in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True)]


@pytest.mark.parametrize("day", ["20131007", "20131008"])
def test_ibm_minutes_equal_the_recorded_ones(lean_data: Path, day: str) -> None:
    """Bid and ask closes equal in 100 % of regular-hours minutes, volume in over 99 %."""
    payloads = tick_payloads(lean_data, day)
    late = (MIDNIGHT[day] + 86_400 * SECOND - 1_381_152_600 * SECOND) / SECOND
    stage = make(Params(second_rows=60), 0, 1)
    out = stage.apply([*payloads, heartbeat(late)])
    minutes = rows_of(features(out, 60))
    folder = lean_data / "equity" / "usa" / "minute" / "ibm"
    checked = 0
    for ms, *_prices, bid, _, _, _, _, ask, _ in lean_rows(folder / f"{day}_quote.zip"):
        if OPEN_MS <= ms < CLOSE_MS:
            row = minutes[MIDNIGHT[day] + int(ms + 60_000) * 1_000_000]
            assert (row["bid"], row["ask"]) == (bid / 10_000, ask / 10_000), ms
            checked += 1
    assert checked == 390
    regular = [row for row in lean_rows(folder / f"{day}_trade.zip") if OPEN_MS <= row[0] < CLOSE_MS]
    equal = sum(minutes[MIDNIGHT[day] + int(row[0] + 60_000) * 1_000_000]["volume"] == row[5] for row in regular)
    assert len(regular) == 390
    assert equal / len(regular) > 0.99
