"""The pace of a replay, and the file of a recording, without a broker."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from aiots.topic_text import plain
from connectors.sources import recording
from connectors.sources.recording import Pace, Recording, RecordingError, RecordingWriter, Row, event_ns_of
from schemas import frames, wire
from schemas.records import FeatureFrame, Mark, Version

T0_NS = 1_381_152_600 * 10**9


def test_event_time_runs_at_the_speed_asked_for() -> None:
    """At speed 10 a record ten event seconds later is due a second later; a night is not waited out."""
    now_s = [100.0]
    pace = Pace(10.0, lambda: now_s[0])
    assert pace.seconds_early(T0_NS) == 0.0
    assert pace.seconds_early(T0_NS + 10 * 10**9) == pytest.approx(1.0)
    now_s[0] = 100.4
    assert pace.seconds_early(T0_NS + 10 * 10**9) == pytest.approx(0.6)
    now_s[0] = 103.0
    assert pace.seconds_early(T0_NS + 20 * 10**9) == pytest.approx(-1.0)
    night_ns = T0_NS + 17 * 3600 * 10**9
    assert pace.seconds_early(night_ns) == 0.0
    assert pace.seconds_early(night_ns + 10**9) == pytest.approx(0.1)
    assert Pace(None).seconds_early(T0_NS) == 0.0


def test_event_time_of_any_record() -> None:
    """Frames count to their last row; what has no time, or is no record, has none."""
    zeros, ones = np.zeros(2, np.uint8), np.ones(2, np.int64)
    times = np.array([T0_NS, T0_NS + 5], np.int64)
    assert event_ns_of(frames.encode_ticks("SPY", "t", times, zeros, zeros, np.ones(2), ones, ones)) == T0_NS + 5
    assert event_ns_of(wire.encode(Mark("SPY", T0_NS, 1.0, 1.0, 1.0, 1.0, 1.0, 1))) == T0_NS
    assert event_ns_of(wire.encode(Version("risk", "a", "b"))) == 0
    assert event_ns_of(b"no record") == event_ns_of(None) == 0


def test_rows_come_back_in_any_number_of_row_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Absent keys, values and headers stay absent; reading can begin anywhere."""
    monkeypatch.setattr(recording, "GROUP_ROWS_MAX", 3)
    rows = [
        Row(partition, offset, 1000 + offset, *content)
        for partition in (0, 2)
        for offset, content in enumerate(
            [(None, None, ()), (b"", b"", (("id", None), ("id", b"x"))), (b"k", b"v" * 99, (("ü", b"\xff"),))] * 4
        )
    ]
    with RecordingWriter(tmp_path / "r", "live.signals", 3) as writer:
        for row in rows:
            writer.add(row)
    whole = Recording(tmp_path / "r")
    assert (whole.topic, whole.partitions, whole.rows) == ("live.signals", 3, {0: 12, 1: 0, 2: 12})
    assert pq.ParquetFile(tmp_path / "r").num_row_groups == 8
    for first in range(13):
        assert list(whole.read(2, first)) == rows[12 + first :]
    assert list(whole.read(1)) == []
    assert [row.append_ms for row in whole.merged(dict.fromkeys(range(3), 0))] == sorted(row.append_ms for row in rows)


def test_an_error_leaves_no_file_behind(tmp_path: Path) -> None:
    """Half a recording is none."""
    with pytest.raises(ZeroDivisionError), RecordingWriter(tmp_path / "r", "live.signals", 1) as writer:  # noqa: PT012
        writer.add(Row(0, 0, 0, None, b"", ()))
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_a_parquet_file_of_another_kind_is_no_recording(tmp_path: Path) -> None:
    """The message says what was seen."""
    pq.write_table(pa.table({"price": [1.0]}), tmp_path / "prices")
    with pytest.raises(RecordingError, match="not one of `aiots topic export`"):
        Recording(tmp_path / "prices")


def test_a_record_is_shown_in_types_that_json_has() -> None:
    """NaN is null, infinities are words, byte columns are numbers, other bytes hex."""
    nan = np.array([np.nan, np.inf])
    longs = np.array([0, 1])
    frame = FeatureFrame("SPY", 1, 2, longs, *(nan,) * 4, longs, longs, nan, nan, nan, longs, b"\2\2", ("ema",), nan)
    seen = plain(frame)
    assert seen["open"] == [None, "inf"]
    assert seen["session"] == [2, 2]
    assert seen["names"] == ["ema"]
    assert seen["delta_ns"] == [0, 1]
