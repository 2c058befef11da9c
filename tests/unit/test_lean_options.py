"""LEAN's option zips as OptionFrames: every row, its instant, its underlying, its index, and what is of no use."""

import zipfile
from collections import Counter
from datetime import date, datetime
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from connectors.sources.frames import ASK, BID, OPEN_INTEREST, PAIRED, TRADE, FrameRule
from connectors.sources.lean import open_lean
from connectors.sources.lean_files import NoLeanDataError, find_roots
from connectors.sources.record import SourceReason, SourceRecord
from schemas.records import BarFrame, MarketEvent, MarketEventKind, OptionFrame
from schemas.wire import decode
from streams.log.filter import IdFilter

DAY = date(2014, 6, 5)
MINUTE_NS = 60_000_000_000
QUOTE = "34200000,100,120,90,110,5,130,150,120,140,7"
CALL = "20140605_abc_minute_{}_american_call_1000000_20140621.csv"
PUT = CALL.replace("call", "put")


class Row(NamedTuple):
    """A row of an OptionFrame; at: seconds since midnight in New York, of the instant a nanosecond later."""

    at: float
    contract: str
    kind: int
    flags: int
    price: float
    size: int


def rows_of(records: list[SourceRecord], symbol: str = "ABC") -> list[Row]:
    """Return every option row of an underlying in log order."""
    out = []
    for frame in (decode(record.payload) for record in records if record.key == symbol):
        if isinstance(frame, OptionFrame):
            midnight = datetime.fromtimestamp(frame.base_ns // 10**9, ZoneInfo("America/New_York")).replace(
                hour=0, minute=0, second=0
            )
            event_ns = frame.base_ns + np.cumsum(frame.delta_ns)
            at = ((event_ns + 1 - int(midnight.timestamp()) * 10**9) / 1e9).tolist()
            contracts = [frame.contracts[number] for number in frame.contract.tolist()]
            columns = (at, contracts, frame.kind, frame.flags, frame.price.tolist(), frame.size.tolist())
            out += [Row(*row) for row in zip(*columns, strict=True)]
    return out


def write_options(root: Path, kind: str, members: dict[str, str], asset: str = "option", ticker: str = "abc") -> Path:
    """Write a zip of contracts' CSVs, named by `members` with the kind put in."""
    folder = root / asset / "usa" / "minute" / ticker
    folder.mkdir(parents=True, exist_ok=True)
    style = "american" if asset == "option" else "european"
    path = folder / f"{DAY:%Y%m%d}_{kind}_{style}.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name.format(kind), text)
    return path


def test_rows_stand_where_their_minute_ends(tmp_path: Path) -> None:
    """Open interest at its time, quotes in pairs and trades at the minute's end; strikes and prices over 10,000."""
    write_options(tmp_path, "quote", {CALL: f"{QUOTE}\n34260000,,,,,,130,130,120,120,3\n"})
    write_options(tmp_path, "trade", {PUT: "34200000,200,200,150,160,12\n"})
    write_options(tmp_path, "openinterest", {CALL: "23400000,77\n"})
    call, put = "ABC   140621C00100000", "ABC   140621P00100000"
    source = open_lean([tmp_path])
    assert rows_of(list(source.records(1))) == [
        Row(23_400.000000001, call, OPEN_INTEREST, 0, 0.0, 77),
        Row(34_260, call, BID, PAIRED, 0.011, 5),
        Row(34_260, call, ASK, 0, 0.014, 7),
        Row(34_260, put, TRADE, 0, 0.016, 12),
        Row(34_320, call, ASK, 0, 0.012, 3),
    ]
    assert source.rejects.total() == 0


def test_a_crossed_quote_and_an_empty_book_are_passed_on(tmp_path: Path) -> None:
    """Hygiene is the stage's: a bid above the ask stays, and a side at 0 is a row of price 0."""
    write_options(tmp_path, "quote", {CALL: "34200000,20,20,20,20,1,10,10,10,10,1\n34260000,0,0,0,0,0,5,5,5,5,1\n"})
    source = open_lean([tmp_path])
    got = [(row.kind, row.flags, row.price) for row in rows_of(list(source.records(1)))]
    assert got == [(BID, PAIRED, 0.002), (ASK, 0, 0.001), (BID, PAIRED, 0.0), (ASK, 0, 0.0005)]
    assert source.rejects.total() == 0


@pytest.mark.parametrize(
    ("kind", "bad", "reason"),
    [
        ("quote", "34260000,1,1,1,1,5,2,2,2,2", SourceReason.WRONG_COLUMNS),
        ("quote", "34260000,,,,,,,,,,", SourceReason.NOT_A_NUMBER),
        ("quote", "34260000,nan,1,1,1,5,2,2,2,2,7", SourceReason.NOT_A_NUMBER),
        ("quote", "34260000,-1,1,-1,1,5,2,2,2,2,7", SourceReason.NEGATIVE),
        ("quote", "34260000,3,2,1,1,5,2,2,2,2,7", SourceReason.CROSSED_BAR),
        ("quote", "34200000,1,1,1,1,5,2,2,2,2,7", SourceReason.OUT_OF_ORDER),
        ("quote", "86400000,1,1,1,1,5,2,2,2,2,7", SourceReason.OUTSIDE_DAY),
        ("quote", "soon,1,1,1,1,5,2,2,2,2,7", SourceReason.UNPARSABLE),
        ("trade", "34260000,1,1,1,,5", SourceReason.NOT_A_NUMBER),
        ("trade", "34260000,1,1,1,-1,5", SourceReason.NEGATIVE),
        ("trade", "34260000,1,1,0,1,5", SourceReason.ZERO_PRICE),
        ("openinterest", "34260000,", SourceReason.NOT_A_NUMBER),
        ("openinterest", "34260000,-3", SourceReason.NEGATIVE),
    ],
)
@pytest.mark.parametrize("lines", [2, 20])
def test_a_bad_row_is_rejected_with_contract_and_line(
    tmp_path: Path, kind: str, bad: str, reason: SourceReason, lines: int
) -> None:
    """One row is left out, named by zip, CSV and line; the rest goes on, be there few rows or many."""
    good = {"quote": QUOTE, "trade": "34200000,1,1,1,1,5", "openinterest": "34200000,3"}[kind]
    later = [good.replace("34200000", str(34_260_000 + 60_000 * at)) for at in range(1, lines)]
    write_options(tmp_path, kind, {CALL: "\n".join([good, bad, *later])})
    source = open_lean([tmp_path])
    assert len(rows_of(list(source.records(1)))) == lines * (2 if kind == "quote" else 1)
    assert source.rejects.counts == {reason: 1}
    (reject,) = source.rejects.listed
    assert reject.line == 2
    assert reject.file.endswith(f"{kind}_american.zip#{CALL.format(kind)}")


@pytest.mark.parametrize(
    "name",
    [
        "readme.csv",
        CALL.replace("20140605", "20140604"),
        CALL.replace("abc", "abd"),
        CALL.replace("1000000", "1000001"),
        CALL.replace("20140621", "20140631"),
        CALL.replace("1000000", "0"),
    ],
)
def test_a_contract_that_cannot_be_is_rejected_whole(tmp_path: Path, name: str) -> None:
    """The name of a CSV says day, underlying, kind, strike and expiry; where it does not, its rows are of no use."""
    write_options(tmp_path, "quote", {name: QUOTE, PUT: QUOTE})
    source = open_lean([tmp_path])
    assert {row.contract for row in rows_of(list(source.records(1)))} == {"ABC   140621P00100000"}
    assert source.rejects.counts == {SourceReason.UNPARSABLE: 1}
    assert source.rejects.listed[0].file.endswith(name.format("quote"))


def test_a_truncated_zip_gives_what_it_holds_and_a_gap(tmp_path: Path) -> None:
    """Contracts before the break are whole, the broken one ends at its last whole line, and the day has a gap."""
    rows = "\n".join(QUOTE.replace("34200000", str(34_200_000 + 60_000 * at)) for at in range(300))
    path = write_options(tmp_path, "quote", {CALL: rows, PUT: rows})
    whole = len(rows_of(list(open_lean([tmp_path]).records(1))))
    data = path.read_bytes()
    path.write_bytes(data[: data.rfind(b"PK\x03\x04") + 300])
    source = open_lean([tmp_path])
    records = list(source.records(1))
    counts = Counter(row.contract for row in rows_of(records))
    assert counts["ABC   140621C00100000"] == whole // 2 == 600
    assert 0 < counts["ABC   140621P00100000"] < 600
    assert source.rejects.counts == {SourceReason.TRUNCATED_ZIP: 1}
    said = [decode(record.payload) for record in records]
    (gap,) = [what for what in said if isinstance(what, MarketEvent) and what.kind is MarketEventKind.GAP]
    assert (gap.symbol, gap.text) == ("ABC", "the recording of the options is broken")
    path.write_bytes(b"PK\x03\x04 and nothing more")
    assert rows_of(list(open_lean([tmp_path]).records(1))) == []


def test_options_can_be_chosen_and_left_out(tmp_path: Path) -> None:
    """By ticker, by resolution, and as a whole; an index's root is chosen by itself or by its index."""
    write_options(tmp_path, "quote", {CALL: QUOTE})
    index = {CALL.replace("abc", "spxw").replace("american", "european"): QUOTE}
    write_options(tmp_path, "quote", index, "indexoption", "spxw")
    assert open_lean([tmp_path]).symbols == ("ABC", "SPX")
    assert open_lean([tmp_path], ["abc"]).symbols == ("ABC",)
    assert open_lean([tmp_path], ["SPX"]).symbols == open_lean([tmp_path], ["spxw"]).symbols == ("SPX",)
    assert open_lean([tmp_path / "option" / "usa"]).symbols == ("ABC",)
    assert find_roots(tmp_path / "indexoption" / "usa" / "minute") == [tmp_path]
    for nothing in ({"options": False}, {"resolution": "tick,second"}):
        with pytest.raises(NoLeanDataError):
            open_lean([tmp_path], **nothing)


def test_each_row_of_a_recorded_chain_is_there(lean_data: Path) -> None:
    """GOOG 2015-12-23: 20,183 bids, 25,962 asks, 581 trades, 118 of open interest, as counted in the CSVs."""
    source = open_lean([lean_data], ["GOOG"], date(2015, 12, 23), date(2015, 12, 23))
    records = list(source.records(3))
    rows = rows_of(records, "GOOG")
    assert Counter(row.kind for row in rows) == {BID: 20_183, ASK: 25_962, TRADE: 581, OPEN_INTEREST: 118}
    assert source.rejects.counts == {SourceReason.NOT_A_NUMBER: 244}  # Quote bars of neither side.
    first = [row[:1] + row[2:] for row in rows if row.contract == "GOOG  151224C00750000"][:4]
    assert first[1:] == [
        (34_260, BID, PAIRED, 3.9, 13),
        (34_260, ASK, 0, 5.0, 1),
        (34_320, BID, PAIRED, 4.3, 28),
    ]
    filters = [IdFilter(strict=True) for _ in range(3)]
    assert all(filters[record.partition].accept(record.record_id, record.previous) for record in records)
    assert all(a.event_ns <= b.event_ns for a, b in pairwise(records))
    assert [record.payload for record in source.records(3)] == [record.payload for record in records]


def test_where_frames_are_cut_changes_no_row(lean_data: Path) -> None:
    """Small frames and large hold the same rows; no pair is parted, none crosses a multiple of its span."""
    days = (date(2014, 6, 5), date(2014, 6, 5))
    small, large = (
        list(open_lean([lean_data], ["TWX"], *days, rule=rule).records(1))
        for rule in (FrameRule(7, 250_000_000), FrameRule(4_000, MINUTE_NS))
    )
    rows = rows_of(large, "TWX")
    assert rows == rows_of(small, "TWX")
    assert len(rows) == 23_904 + 24_093 + 79 + 184
    for record in small:
        frame = decode(record.payload)
        if isinstance(frame, OptionFrame):
            assert len(frame.price) <= 8
            assert not frame.flags[-1] & PAIRED
            assert sorted(set(frame.contract.tolist())) == list(range(len(frame.contracts)))


def test_index_options_stand_beside_their_index(lean_data: Path) -> None:
    """SPXW 2021-01-04 under SPX, whose bars are plain numbers in Chicago's time, at the instants of its options."""
    source = open_lean([lean_data], ["SPX"])
    records = list(source.records(2))
    rows = rows_of(records, "SPX")
    assert {row.contract[:6] for row in rows} == {"SPX   ", "SPXW  "}
    assert len(rows) == 37_892
    assert source.rejects.total() == 0
    bars = [bar for bar in (decode(record.payload) for record in records) if isinstance(bar, BarFrame)]
    first = datetime.fromtimestamp(bars[0].base_ns / 1e9, ZoneInfo("America/New_York"))
    assert (first.strftime("%F %T"), bars[0].open[0], bars[0].close[0]) == ("2021-01-04 09:30:00", 3764.61, 3766.63)
    # At the open the call of 3,700 less the put of it says what the index is, within 3 points of the recorded bar.
    call, put = (
        np.mean([row.price for row in rows if row.contract == name and row.at == 34_260 and row.kind in (BID, ASK)])
        for name in ("SPXW  210104C03700000", "SPXW  210104P03700000")
    )
    assert abs(3700 + call - put - bars[0].close[0]) < 3
