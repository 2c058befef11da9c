"""The bench runs to its end on small inputs, so that it cannot rot; its figures are not judged here."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.figures import Figure, Report, at_least, below, interleaved
from bench.recording import FRAMES, Repeated, recorded_days
from streams.log.filter import IdFilter

ROOT = Path(__file__).parents[2]


@pytest.mark.bench
@pytest.mark.timeout(600)
@pytest.mark.parametrize("section", ["analytics", "latency", "backtest", "recovery", "pretrade"])
def test_section_runs(section: str, tmp_path: Path) -> None:
    """Each section gives figures; peers and Kafka's perf-test need the network and are run by `make bench`."""
    out = tmp_path / "bench.json"
    command = [sys.executable, "-m", "aiots", "bench", "--only", section, "--quick", "--out", str(out)]
    done = subprocess.run(
        [*command, "--folder", str(tmp_path)], capture_output=True, text=True, timeout=580, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stdout[-3_000:] + done.stderr[-3_000:]
    report = json.loads(out.read_text())
    assert report["quick"]
    assert {figure["section"] for figure in report["figures"]} == {section}
    assert all(figure["value"] == figure["value"] for figure in report["figures"])
    assert not list(tmp_path.glob("aiots-bench-*")), "the bench leaves nothing behind"


def test_a_missed_goal_fails_the_report() -> None:
    """A figure below its goal makes the report fail, a smoke run judges none, and no figure at all is no success."""
    missed, met = at_least("s", "rate", 1.0, "x", 2.0), below("s", "time", 1.0, "s", 2.0)
    judged, quick, empty = Report(), Report(quick=True), Report()
    for report in (judged, quick):
        report.add(missed)
        report.add(met)
    assert (missed.ok, met.ok) == (False, True)
    assert (judged.ok, quick.ok, empty.ok) == (False, True, False)
    assert not at_least("s", "rate", float("nan"), "x", 2.0).ok
    assert Figure("s", "free", 1.0, "x").ok is None


def test_rounds_are_interleaved() -> None:
    """What is measured by turns takes turns."""
    seen: list[str] = []

    def note(name: str) -> float:
        seen.append(name)
        return float(len(seen))

    values = interleaved(2, [("a", lambda: note("a")), ("b", lambda: note("b"))])
    assert seen == ["a", "b", "a", "b"]
    assert values == {"a": [1.0, 3.0], "b": [2.0, 4.0]}


@pytest.mark.timeout(300)
def test_repeated_recording_goes_on_in_time() -> None:
    """The repeated days are one log: event time never goes back, and every id follows the one before it."""
    _, days = recorded_days(None)
    newest_ns, seen, rows = 0, IdFilter(), 0
    for record in Repeated(days, 700_001, FRAMES).records(1):
        assert record.event_ns >= newest_ns
        assert seen.accept(record.record_id, record.previous)
        newest_ns, rows = record.event_ns, rows + record.rows
    assert rows >= 700_001
