"""Rows and files of no use are counted and named with file and line, and the rest goes on."""

import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from connectors.sources.frames import TRADE
from connectors.sources.lean import LeanSource, open_lean
from connectors.sources.lean_files import LeanFile, NoLeanDataError
from connectors.sources.lean_parse import read_bars, read_ticks
from connectors.sources.record import REJECTS_LISTED_MAX, Rejects, SourceReason
from schemas.records import MarketEvent, MarketEventKind
from schemas.wire import decode

DAY = date(2014, 6, 5)
OPEN_MS = 34_200_000
GOOD = [f"{OPEN_MS + n},1000000,100,Q,1,0" for n in range(5)]


def write_zip(
    root: Path, resolution: str, kind: str, lines: list[str], ticker: str = "abc", day: date = DAY
) -> LeanFile:
    folder = root / "equity" / "usa" / resolution / ticker
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{day:%Y%m%d}_{kind}.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{day:%Y%m%d}_{ticker}_{kind}.csv", "\n".join(lines))
    return LeanFile(ticker, resolution, day, kind, path)


def trades_with(root: Path, bad: str) -> tuple[list[float], Rejects]:
    """Read five good trades with a bad line after the second."""
    rejects = Rejects()
    file = write_zip(root, "tick", "trade", [*GOOD[:2], bad, *GOOD[2:]])
    ticks = read_ticks(file, None, None, DAY, rejects)
    return ticks.price.tolist(), rejects


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (f"{OPEN_MS + 1},1000000,100,Q,1", SourceReason.WRONG_COLUMNS),
        ("", SourceReason.WRONG_COLUMNS),
        (f"{OPEN_MS + 1},1000000,100,Q,1,0,7", SourceReason.WRONG_COLUMNS),
        (f"{OPEN_MS + 1},a million,100,Q,1,0", SourceReason.UNPARSABLE),
        (f"{OPEN_MS + 1},1000000,many,Q,1,0", SourceReason.UNPARSABLE),
        (f"{OPEN_MS + 1},1000000,100,Q,xyz,0", SourceReason.UNPARSABLE),
        (f"{OPEN_MS + 1},1000000,99999999999999999999,Q,1,0", SourceReason.UNPARSABLE),
        (f"{OPEN_MS + 1},\x00\xff,100,Q,1,0", SourceReason.UNPARSABLE),
        (f"{OPEN_MS + 1},nan,100,Q,1,0", SourceReason.NOT_A_NUMBER),
        (f"{OPEN_MS + 1},inf,100,Q,1,0", SourceReason.NOT_A_NUMBER),
        (f"{OPEN_MS + 1},,100,Q,1,0", SourceReason.NOT_A_NUMBER),
        (f"{OPEN_MS + 1},-1000000,100,Q,1,0", SourceReason.NEGATIVE),
        (f"{OPEN_MS + 1},1000000,-5,Q,1,0", SourceReason.NEGATIVE),
        (f"{OPEN_MS + 1},0,100,Q,1,0", SourceReason.ZERO_PRICE),
        (f"{OPEN_MS},1000000,100,Q,1,0", SourceReason.OUT_OF_ORDER),
        ("86400000,1000000,100,Q,1,0", SourceReason.OUTSIDE_DAY),
        ("-1,1000000,100,Q,1,0", SourceReason.OUTSIDE_DAY),
        ("14399999,1000000,100,Q,1,0", SourceReason.OUTSIDE_DAY),
    ],
)
def test_a_bad_trade_is_rejected_with_its_line(tmp_path: Path, bad: str, reason: SourceReason) -> None:
    """Each kind of bad row gives its own reason and line 3, and the five good rows survive."""
    prices, rejects = trades_with(tmp_path, bad)
    assert prices == [100.0] * 5
    assert rejects.counts == {reason: 1}
    (reject,) = rejects.listed
    assert (reject.reason, reject.line) == (reason, 3)
    assert reject.file.endswith("20140605_trade.zip")


def test_a_quote_without_a_side_is_rejected(tmp_path: Path) -> None:
    """A quote row has a bid or an ask; a row with both becomes a pair."""
    rejects = Rejects()
    rows = [f"{OPEN_MS},0,0,0,0,Q,1,0", f"{OPEN_MS},999900,100,1000100,200,Q,1,0"]
    ticks = read_ticks(None, write_zip(tmp_path, "tick", "quote", rows), None, DAY, rejects)
    assert rejects.counts == {SourceReason.ZERO_PRICE: 1}
    assert ticks.price.tolist() == [99.99, 100.01]
    assert ticks.flags.tolist() == [2, 0]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("100,90,110,95,10", SourceReason.CROSSED_BAR),
        ("100,110,105,102,10", SourceReason.CROSSED_BAR),
        ("0,110,0,102,10", SourceReason.ZERO_PRICE),
        ("100,110,90,,10", SourceReason.NOT_A_NUMBER),
        ("100,110,-90,102,10", SourceReason.NEGATIVE),
    ],
)
def test_a_bad_bar_is_rejected(tmp_path: Path, bad: str, reason: SourceReason) -> None:
    """A bar whose prices contradict one another is left out; its neighbours stay."""
    rejects = Rejects()
    rows = [f"{OPEN_MS},100,110,90,105,10", f"{OPEN_MS + 60_000},{bad}", f"{OPEN_MS + 120_000},100,110,90,105,10"]
    bars = read_bars(write_zip(tmp_path, "minute", "trade", rows), None, DAY, rejects)
    assert len(bars) == 2
    assert rejects.counts == {reason: 1}
    assert rejects.listed[0].line == 2


def test_two_bars_of_one_start_are_one_too_many(tmp_path: Path) -> None:
    """Bars must grow in time: the second of a start is out of order."""
    rejects = Rejects()
    rows = [f"{OPEN_MS},100,110,90,105,10"] * 2
    assert len(read_bars(write_zip(tmp_path, "minute", "trade", rows), None, DAY, rejects)) == 1
    assert rejects.counts == {SourceReason.OUT_OF_ORDER: 1}


def truncate(file: LeanFile, share: float) -> None:
    data = file.path.read_bytes()
    file.path.write_bytes(data[: int(len(data) * share)])


def many_trades(count: int) -> list[str]:
    prices = np.random.Generator(np.random.PCG64(1)).integers(900_000, 1_100_000, count)
    return [f"{OPEN_MS + n},{price},100,Q,1,0" for n, price in enumerate(prices.tolist())]


def test_a_truncated_zip_gives_what_stands_before_the_break(tmp_path: Path) -> None:
    """Whole lines up to the break are read and equal the original's; the break is a reject with its line."""
    lines = many_trades(20_000)
    file = write_zip(tmp_path, "tick", "trade", lines)
    whole = read_ticks(file, None, None, DAY, Rejects())
    truncate(file, 0.6)
    rejects = Rejects()
    ticks = read_ticks(file, None, None, DAY, rejects)
    assert 8_000 < len(ticks) < 16_000
    assert ticks.price.tolist() == whole.price[: len(ticks)].tolist()
    assert rejects.counts == {SourceReason.TRUNCATED_ZIP: 1}
    assert rejects.listed[0].line == len(ticks)


def test_a_zip_with_damage_inside_is_read_up_to_it(tmp_path: Path) -> None:
    """A flipped byte fails the zip's checksum: what comes before is kept, and the file is rejected once."""
    file = write_zip(tmp_path, "tick", "trade", many_trades(20_000))
    data = bytearray(file.path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    file.path.write_bytes(bytes(data))
    rejects = Rejects()
    ticks = read_ticks(file, None, None, DAY, rejects)
    assert len(ticks) > 5_000
    assert rejects.counts[SourceReason.TRUNCATED_ZIP] == 1


@pytest.mark.parametrize("content", [b"", b"not a zip at all, but some text", b"PK\x03\x04"])
def test_a_file_that_is_no_zip_is_rejected_whole(tmp_path: Path, content: bytes) -> None:
    """Nothing can be read: one reject, no ticks, no exception."""
    file = write_zip(tmp_path, "tick", "trade", GOOD)
    file.path.write_bytes(content)
    rejects = Rejects()
    assert len(read_ticks(file, None, None, DAY, rejects)) == 0
    assert rejects.counts == {SourceReason.UNREADABLE_ZIP: 1}


def test_many_rejects_of_a_kind_are_counted_but_not_all_listed(tmp_path: Path) -> None:
    """A file full of rubbish does not fill the memory or the topic."""
    rejects = Rejects()
    file = write_zip(tmp_path, "tick", "trade", [*GOOD, *["rubbish"] * 5_000])
    assert len(read_ticks(file, None, None, DAY, rejects)) == 5
    assert rejects.counts == {SourceReason.WRONG_COLUMNS: 5_000}
    assert len(rejects.listed) == REJECTS_LISTED_MAX + 1


def events(source: LeanSource) -> list[MarketEvent]:
    records = (decode(record.payload) for record in source.records(1) if record.rows == 0)
    return [record for record in records if isinstance(record, MarketEvent)]


def test_a_broken_recording_says_from_when_on_it_is_lost(tmp_path: Path) -> None:
    """After the last row of a truncated zip comes a GAP to the evening's end."""
    truncate(write_zip(tmp_path, "tick", "trade", many_trades(20_000)), 0.5)
    source = open_lean([tmp_path])
    told = events(source)
    (gap,) = [event for event in told if event.kind is MarketEventKind.GAP]
    (opening,) = [event for event in told if event.kind is MarketEventKind.SESSION_OPEN]
    assert gap.symbol == "ABC"
    assert opening.start_ns < gap.start_ns < opening.end_ns < gap.end_ns
    assert source.rejects.counts == {SourceReason.TRUNCATED_ZIP: 1}


def test_files_of_a_closed_day_are_rejected(tmp_path: Path) -> None:
    """Independence Day has no session: its file is left out and named, the next session plays."""
    write_zip(tmp_path, "tick", "trade", GOOD, day=date(2014, 7, 4))
    write_zip(tmp_path, "tick", "trade", GOOD, day=date(2014, 7, 7))
    source = open_lean([tmp_path])
    assert sum(record.rows for record in source.records(1)) == 5
    assert source.rejects.counts == {SourceReason.CLOSED_MARKET: 1}
    assert "2014-07-04" in source.rejects.listed[0].detail


@pytest.fixture
def rejecting(tmp_path: Path) -> Callable[[], LeanSource]:
    write_zip(tmp_path, "tick", "trade", [*GOOD, "rubbish"])
    return lambda: open_lean([tmp_path])


def test_rejects_fill_anew_on_each_pass(rejecting: Callable[[], LeanSource]) -> None:
    """Playing a source twice does not count its rejects twice."""
    source = rejecting()
    for _ in range(2):
        assert sum(record.rows for record in source.records(1)) == 5
        assert source.rejects.total() == 1


def test_nothing_there_is_said_at_once(tmp_path: Path) -> None:
    """A folder without LEAN's data, and a choice that leaves nothing, are errors with the folder's name."""
    with pytest.raises(NoLeanDataError, match="equity/usa"):
        open_lean([tmp_path])
    write_zip(tmp_path, "tick", "trade", GOOD)
    with pytest.raises(NoLeanDataError, match="nothing recorded"):
        open_lean([tmp_path], symbols=["XYZ"])


def test_trades_keep_their_kind(tmp_path: Path) -> None:
    """A file of trades alone gives trades alone."""
    file = write_zip(tmp_path, "tick", "trade", GOOD)
    assert set(read_ticks(file, None, None, DAY, Rejects()).kind.tolist()) == {TRADE}
