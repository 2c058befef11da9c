"""`aiots chain`: what its tables say, what its export holds, its picture, and the one line for what is not there."""

import re
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from rich.console import Console
from typer.testing import CliRunner

from aiots.__main__ import build_app
from aiots.chain.bulk import SCHEMA, ChainWriter
from aiots.chain.figure import SMILES_MAX, chosen, save_figure, spread_over
from aiots.chain.latest import Latest
from aiots.chain.smiles import smile_of_contracts
from aiots.chain.terminal import age, chain_view, wanted_expiries
from connectors.sources.recording import RecordingWriter, Row
from schemas import wire
from schemas.records import ChainFrame
from schemas.topics import partition_of
from streams.options.contracts.clock import SECOND_NS
from streams.options.hygiene.bits import STALE
from tests.chain_frames import EXPIRIES, FORWARDS, NOW_NS, SLICES, STRIKES, chain_frame, every_name, surface, years_of

PNG = b"\x89PNG\r\n\x1a\n"


def latest(rate_known: bool = True) -> Latest:
    """A chain told whole."""
    out = Latest("XYZ")
    assert out.take(wire.encode(surface(rate_known=rate_known))) is not None
    assert out.take(wire.encode(chain_frame(NOW_NS, every_name(), True))) is not None
    return out


def text(of: Latest, wanted: Sequence[int] = (), plot: bool = False, strikes: int = 3) -> str:
    console = Console(width=200, highlight=False)
    with console.capture() as captured:
        console.print(chain_view(of, wanted, strikes, plot))
    return captured.get()


def run(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(build_app(), ["chain", *map(str, arguments)])
    return result.exit_code, result.stdout, result.stderr


def test_changes_replace_what_they_tell_and_repetitions_nothing() -> None:
    """The newest figures are the last whole frame's and the changes' since; ages run on; what is old is passed over."""
    of, name = latest(), f"{'XYZ':6}240119C00100000"
    later = chain_frame(NOW_NS + 2 * SECOND_NS, [name], False, bid=2.5)
    assert of.take(wire.encode(later)) is not None
    assert of.take(wire.encode(later)) is None
    assert of.take(wire.encode(chain_frame(NOW_NS, every_name(), True, bid=9.0))) is None
    found = of.contracts(EXPIRIES[0], "XYZ")
    assert len(found.strike) == 2 * len(STRIKES)
    at = int(np.flatnonzero((found.strike == 100.0) & found.is_call)[0])
    assert found.bid[at] == 2.5
    assert set(found.bid[np.arange(found.bid.size) != at]) == {1.0}
    assert (found.age_ms[at], set(found.age_ms)) == (500, {500, 2_500})
    assert of.take(wire.encode(chain_frame(NOW_NS + 3 * SECOND_NS, [name], True))) is not None
    assert len(of) == 1
    early = Latest("XYZ", NOW_NS - 1)
    assert early.take(wire.encode(surface())) is None
    assert Latest("ABC").take(wire.encode(surface())) is None


def test_the_tables_say_what_the_frames_do() -> None:
    """Header, expiries and an expiry's contracts: figures, words, dashes for what there is not."""
    shown = text(latest(), [0])
    head, first, second = (
        next(line for line in shown.splitlines() if sign in line) for sign in ("XYZ ", "36.3", "92.2")
    )
    assert "2023-12-14 09:30:00 New York" in head
    for part in ("30-day volatility 21.34 % (no rank yet, 3 closes)", "30/60 = 0.50", "2023-12-23 0.25", "105 C"):
        assert part in shown
    for cell in ("2024-01-19", "100.50", "1.2", "parity", "+1.23 ±10.00", "0.75", "SVI", "0.25", "+0.310", "–"):
        assert cell in first
    for cell in ("2024-03-15", "carried", "SSVI few quotes", "-0.020", "+1.50"):
        assert cell in second
    assert "no rate" not in shown
    rows = [line for line in shown.splitlines() if re.search(r"\s(90|95|100|105|110|115)\s", line) and "0.5s" in line]
    assert len(rows) == 6
    # Theoretical 1.25 against an ask of 1.20: buying gains 0.05.
    assert all(row.count("+0.05") == 2 and row.count("1.20") == 2 for row in rows)
    assert "no curve of the day; the rate is taken as 0" in text(latest(rate_known=False))
    assert (age(-1), age(400), age(99_000), age(600_000), age(8 * 3_600_000)) == ("–", "0.4s", "99s", "10m", "8h")


def test_smiles_are_drawn_in_characters() -> None:
    """A plot has its range at the left and braille dots; the points lie on the line they were made of."""
    of = latest()
    shown = text(of, plot=True)
    assert shown.count("volatility % by strike") == 2
    assert sum(0x2800 < ord(one) <= 0x28FF for one in shown) > 100
    found = smile_of_contracts(of.contracts(EXPIRIES[0], "XYZ"), FORWARDS[0], years_of(0), np.array(SLICES[0]))
    assert found.strike.tolist() == list(STRIKES)
    assert found.residual == pytest.approx(0.0, abs=1e-12)
    frame = chain_frame(NOW_NS + SECOND_NS, [f"{'XYZ':6}240119P00090000"], False)
    frame.bits[:] = STALE
    of.merge(frame)
    found = smile_of_contracts(of.contracts(EXPIRIES[0], "XYZ"), FORWARDS[0], years_of(0), np.array(SLICES[0]))
    assert (90.0 in found.strike, found.faulty_strike.tolist()) == (False, [90.0])


def test_expiries_are_found_by_either_day() -> None:
    """The day of the last instant, or that of the symbols: monthlies of 2014 were named after a Saturday."""
    of = latest()
    assert wanted_expiries(surface(), of, date(2024, 3, 15)) == [1]
    assert wanted_expiries(surface(), of, date(2024, 3, 16)) == []
    of.merge(
        ChainFrame(**{
            **{name: getattr(chain_frame(NOW_NS + 1, every_name()[:1], False), name) for name in ChainFrame.__slots__},
            "contracts": ("XYZ   240120C00100000",),
        })
    )  # fmt: skip
    assert wanted_expiries(surface(), of, date(2024, 1, 20)) == [0]


def test_the_picture_is_a_png(tmp_path: Path) -> None:
    """Smiles, term structure and densities of hand-made frames; at most sixteen smiles, first and last among them."""
    file = tmp_path / "xyz.png"
    assert save_figure(latest(), file) == 2
    assert file.read_bytes().startswith(PNG)
    assert file.stat().st_size > 20_000
    many = surface()
    object.__setattr__(many, "quotes", np.array([3, 0, *range(1, 21)], np.int64))
    picked = chosen(many)
    assert len(picked) == SMILES_MAX
    assert (picked[0], picked[-1], 1 in picked) == (0, 21, False)
    assert spread_over(picked, 3) == [0, picked[8], 21]
    object.__setattr__(many, "quotes", np.array([3, 0, *range(1, 12)], np.int64))
    assert chosen(many) == [0, *range(2, 13)], "all that have quotes"


def test_an_export_holds_every_row(tmp_path: Path) -> None:
    """What goes into the file comes out of it, in order, in several row groups; an error leaves no file."""
    file = tmp_path / "xyz.parquet"
    frames = [chain_frame(NOW_NS + n * SECOND_NS, every_name(), n == 0, bid=1.0 + n) for n in range(3)]
    with ChainWriter(file, group_rows=30) as writer:
        for frame in frames:
            writer.add(frame)
    table = pq.read_table(file)
    assert table.schema.equals(SCHEMA)
    assert table.num_rows == writer.rows == 3 * len(every_name())
    assert pq.ParquetFile(file).num_row_groups == 2
    first = table.slice(0, 1).to_pylist()[0]
    assert (first["contract"], first["strike"], first["right"], str(first["expiry"])) == (
        "XYZ   240119C00085000", 85.0, "C", "2024-01-19",
    )  # fmt: skip
    assert (first["iv_status"], first["whole"], first["volume"]) == ("ok", True, 1)
    assert table["bid"].to_pylist() == [1.0 + n for n in range(3) for _ in every_name()]
    for name in ("smile_vol", "theoretical", "charm"):
        assert table[name].to_pylist() == np.concatenate([getattr(one, name) for one in frames]).tolist()
    with pytest.raises(ValueError, match="no OSI symbol"), ChainWriter(tmp_path / "none.parquet") as broken:
        broken.add(replace(frames[0], contracts=("nonsense",) * len(every_name())))
    assert sorted(one.name for one in tmp_path.iterdir()) == ["xyz.parquet"]


def recorded(path: Path) -> Path:
    """An export of the topic features with two instants of the chain and what else may stand there."""
    partition = partition_of("XYZ", 2)
    values: list[tuple[bytes, bytes]] = [(b"ABC", wire.encode(surface())), (b"XYZ", b"broken")]
    for n in range(2):
        values.append((b"XYZ", wire.encode(surface(NOW_NS + n * 60 * SECOND_NS))))
        values.append((b"XYZ", wire.encode(chain_frame(NOW_NS + n * 60 * SECOND_NS, every_name(), True, 1.0 + n))))
    with RecordingWriter(path, "live.features", 2) as writer:
        for offset, (key, value) in enumerate(values):
            writer.add(Row(partition, offset, 0, key, value, ()))
    return path


def test_a_recording_of_features_is_shown_and_exported(tmp_path: Path) -> None:
    """As of its end, and as of an instant; the export refuses to overwrite without --force."""
    file, out = recorded(tmp_path / "features.parquet"), tmp_path / "rows.parquet"
    code, shown, _ = run("xyz", "--recording", file, "--expiry", "2024-01-19", "--export", out)
    assert code == 0
    assert "2023-12-14 09:31:00 New York" in shown
    assert "2.00" in shown
    assert pq.read_table(out).num_rows == 2 * len(every_name())
    code, shown, _ = run("XYZ", "--recording", file, "--day", "2023-12-14", "--at", "09:30:30")
    assert (code, "2023-12-14 09:30:00 New York" in shown) == (0, True)
    code, _, error = run("XYZ", "--recording", file, "--export", out)
    assert (code, "--force overwrites" in error) == (2, True)
    assert run("XYZ", "--recording", file, "--export", out, "--force", "--day", "2023-12-14")[0] == 0


def test_what_is_not_there_is_said_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unknown symbols, days, expiries, folders, options that do not go together; no broker."""
    file = recorded(tmp_path / "features.parquet")
    nothing = tmp_path / "empty"
    nothing.mkdir()
    cases: list[tuple[int, str, list[object]]] = [
        (1, "no chain of NONE in", ["NONE", "--recording", file]),
        (1, "no chain of XYZ in", ["XYZ", "--recording", file, "--day", "2023-12-13"]),
        (2, "has no expiry 2024-01-18; there are 2024-01-19, 2024-03-15", [
            "XYZ", "--recording", file, "--expiry", "2024-01-18"]),
        (2, "--day: expected YYYY-MM-DD", ["XYZ", "--recording", file, "--day", "soon"]),
        (2, "--at: expected HH:MM", ["XYZ", "--recording", file, "--day", "2023-12-14", "--at", "noon"]),
        (2, "--at needs --day", ["XYZ", "--recording", file, "--at", "12:00"]),
        (2, "--data needs --day", ["XYZ", "--data", nothing]),
        (2, "not both", ["XYZ", "--data", nothing, "--day", "2023-12-14", "--recording", file]),
        (2, "--follow is for the live", ["XYZ", "--follow", "--recording", file]),
        (2, "no data of XYZ on 2023-12-14", ["XYZ", "--data", nothing, "--day", "2023-12-14"]),
        (2, "there is no folder", ["XYZ", "--data", tmp_path / "nowhere", "--day", "2023-12-14"]),
        (2, "there is no folder", ["XYZ", "--recording", file, "--png", tmp_path / "nowhere" / "a.png"]),
        (2, "cannot read", ["XYZ", "--recording", tmp_path / "none.parquet"]),
    ]  # fmt: skip
    for code, words, arguments in cases:
        found, _, error = run(*arguments)
        assert (found, words in error) == (code, True), (arguments, found, error)
        assert error.count("\n") == 1
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:9")
    monkeypatch.setattr("aiots.topic_reading.ANSWER_SECONDS_MAX", 1.0)
    code, _, error = run("XYZ")
    assert (code, "no answer from 127.0.0.1:9" in error, "aiots broker start" in error) == (1, True, True)


def test_help_teaches() -> None:
    """Every way in has an example."""
    code, shown, _ = run("--help")
    assert code == 0
    for option in ("--data", "--recording", "--follow", "--png", "--export", "--at"):
        assert option in shown


def spot_at(folder: Path, minute: int) -> float:
    """Return the middle of the last quote bar of GOOG that closed by a minute of the day."""
    with zipfile.ZipFile(folder / "Data" / "equity" / "usa" / "minute" / "goog" / "20151223_quote.zip") as archive:
        rows = [line.split(",") for line in archive.read(archive.namelist()[0]).decode().splitlines()]
    last = [row for row in rows if int(row[0]) + 60_000 <= minute * 60_000][-1]
    return (float(last[4]) + float(last[9])) / 2e4


@pytest.mark.slow
def test_googs_last_morning_end_to_end(shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """GOOG on 2015-12-23 at 10:30, from LEAN's zips: forward at the recorded spot, no butterfly, residuals, picture."""
    folders = [shared_data / name for name in ("lean", "lean_history")]
    for folder in (folders[0] / "Data" / "option", folders[1] / "Data" / "equity"):
        if not folder.is_dir():
            pytest.skip(f"nothing recorded in {folder}")
    monkeypatch.setenv("AIOTS_RATES", '{"2015-12-17": 0.0035}')
    png, rows = tmp_path / "goog.png", tmp_path / "goog.parquet"
    given = [part for folder in folders for part in ("--data", folder)]
    code, shown, error = run(
        "GOOG", *given, "--day", "2015-12-23", "--at", "10:30", "--expiry", "2015-12-24", "--png", png, "--export", rows
    )
    assert code == 0, error
    line = next(line for line in shown.splitlines() if line.startswith("2015-12-24 ") and "parity" in line)
    cells = line.split()
    # A day of carry is nothing: the forward is the stock's own quote of that minute, which is about 750.
    assert float(cells[2]) == pytest.approx(spot_at(folders[1], 10 * 60 + 30), rel=5e-4)
    assert float(cells[2]) == pytest.approx(750.0, rel=0.01)
    at = cells.index("SVI")
    quotes, rms, _, butterfly = (float(one) for one in cells[at + 1 : at + 5])
    assert quotes >= 12
    assert rms < 1.5
    assert butterfly >= 0.0
    assert "no rate" not in shown
    assert png.read_bytes().startswith(PNG)
    table = pq.read_table(rows, columns=["contract", "right", "strike", "event_ns", "iv"])
    assert len(set(table["contract"].to_pylist())) == 118
    at_ns = table["event_ns"].cast("int64").to_pylist()
    assert at_ns == sorted(at_ns)
    assert max(at_ns) <= 1_450_884_600 * SECOND_NS
    assert np.isfinite(table["iv"].to_numpy()).mean() > 0.2
