"""Databento's files as a source: rows and events of each schema, one time line, sessions, ids, the recorded samples."""

from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.sources.dbn import DbnSource, NoDbnDataError, open_dbn
from connectors.sources.frames import ASK, BID, OPEN_INTEREST, PAIRED, SUSPICIOUS, TRADE, FrameRule
from connectors.sources.record import SourceRecord
from schemas.records import BarFrame, MarketEvent, MarketEventKind, OptionFrame, TickFrame
from schemas.wire import decode
from streams.log.filter import IdFilter
from tests import dbn_files as made
from tests.dbn_files import CALL, DAY, NVDA, OF_CALL, OF_PUT, PUT, at, dbn

Kind = MarketEventKind


class Row(NamedTuple):
    """A row of a TickFrame or an OptionFrame; at: nanoseconds after the open."""

    at: int
    name: str
    kind: int
    flags: int
    price: float
    size: int


def rows_of(records: list[SourceRecord]) -> list[Row]:
    """Return every row in log order; name: ticker or contract."""
    out = []
    for frame in (decode(record.payload) for record in records):
        if isinstance(frame, TickFrame | OptionFrame):
            event_ns = (frame.base_ns + np.cumsum(frame.delta_ns) - made.OPEN).tolist()
            n = len(event_ns)
            names = (
                [frame.symbol] * n
                if isinstance(frame, TickFrame)
                else [frame.contracts[number] for number in frame.contract.tolist()]
            )
            columns = (event_ns, names, frame.kind, frame.flags, frame.price.tolist(), frame.size.tolist())
            out += [Row(*row) for row in zip(*columns, strict=True)]
    return out


def said(records: list[SourceRecord]) -> list[MarketEvent]:
    """Return every event but heartbeats."""
    events = [what for what in (decode(record.payload) for record in records) if isinstance(what, MarketEvent)]
    return [event for event in events if event.kind is not Kind.HEARTBEAT]


def played(*paths: Path, **chosen: Any) -> list[SourceRecord]:
    """Play files of which nothing is rejected, into one partition."""
    source = open_dbn(paths, **chosen)
    records = list(source.records(1))
    assert source.rejects.counts == {}
    return records


@pytest.mark.parametrize("name", ["trades.dbn", "trades.dbn.zst"])
def test_trades_stand_when_they_were_received(tmp_path: Path, name: str) -> None:
    """Event time is ts_recv, prices are 1e-9; doubt of book or clock makes a row suspicious."""
    doubtful = [made.trade(2 + at, flags=flag) for at, flag in enumerate((dbn.F_MAYBE_BAD_BOOK, dbn.F_BAD_TS_RECV))]
    path = made.equity(tmp_path / name, "trades", [made.trade(1, 10.125, 300), *doubtful, made.trade(4, flags=0xF3)])
    assert rows_of(played(path)) == [
        Row(1_000_000_000, "NVDA", TRADE, 0, 10.125, 300),
        Row(2_000_000_000, "NVDA", TRADE, SUSPICIOUS, 10.0, 100),
        Row(3_000_000_000, "NVDA", TRADE, SUSPICIOUS, 10.0, 100),
        Row(4_000_000_000, "NVDA", TRADE, 0, 10.0, 100),
    ]


def test_a_book_gives_pairs_and_trades(tmp_path: Path) -> None:
    """mbp-1: after a change both sides, an undefined one as price 0; a trade by itself, the book does not change."""
    records = [made.book(1, 9.5, None), made.book(2, None, None), made.book(3, 9.5, 10.5, trade=10.5)]
    got = [row[2:] for row in rows_of(played(made.equity(tmp_path / "a.dbn", "mbp-1", records)))]
    assert got == [
        (BID, PAIRED, 9.5, 5), (ASK, 0, 0.0, 0),
        (BID, PAIRED, 0.0, 0), (ASK, 0, 0.0, 0),
        (TRADE, 0, 10.5, 3),
    ]  # fmt: skip


def test_the_book_of_tbbo_stands_before_its_trade(tmp_path: Path) -> None:
    """tbbo of an equity gives bid, ask and trade; of OPRA the trade alone, as its quotes are of one venue."""
    records = [made.book(1, 9.5, 10.5, trade=10.5)]
    pair = [(BID, PAIRED, 9.5, 5), (ASK, 0, 10.5, 7)]
    assert [row[2:] for row in rows_of(played(made.equity(tmp_path / "a.dbn", "tbbo", records)))] == [
        *pair,
        (TRADE, 0, 10.5, 3),
    ]
    records = [made.book(1, 9.5, 10.5, OF_CALL, trade=10.5)]
    assert rows_of(played(made.options(tmp_path / "b.dbn", "tbbo", records))) == [
        Row(1_000_000_000, CALL, TRADE, 0, 10.5, 3)
    ]


def test_consolidated_quotes_are_the_options_market(tmp_path: Path) -> None:
    """cmbp-1, tcbbo and cbbo-1s give pairs of the underlying SPX; a snapshot stands where its interval ends."""
    stamp = at(3)
    pair = dbn.ConsolidatedBidAskPair(made.px(1.5), made.px(1.75), 5, 7)
    snapshot = dbn.CBBOMsg(192, 30, OF_PUT, stamp - 5, made.px(1.6), 1, dbn.Side.NONE, stamp, levels=pair)
    paths = [
        made.options(tmp_path / "a.dbn", "cmbp-1", [made.best(1, 1.5, None, OF_CALL)]),
        made.options(tmp_path / "c.dbn", "cbbo-1s", [snapshot]),
    ]
    records = played(*paths)
    assert {record.key for record in records if record.rows} == {"SPX"}
    assert rows_of(records) == [
        Row(1_000_000_000, CALL, BID, PAIRED, 1.5, 5),
        Row(1_000_000_000, CALL, ASK, 0, 0.0, 0),
        Row(2_999_999_999, PUT, BID, PAIRED, 1.5, 5),
        Row(2_999_999_999, PUT, ASK, 0, 1.75, 7),
    ]
    path = made.options(tmp_path / "b.dbn", "tcbbo", [made.best(2, 1.5, 1.75, OF_PUT, rtype=194)])
    assert [row[2:] for row in rows_of(played(path))] == [
        (BID, PAIRED, 1.5, 5),
        (ASK, 0, 1.75, 7),
        (TRADE, 0, 1.5, 2),
    ]


def test_bars_are_known_as_they_end(tmp_path: Path) -> None:
    """An equity's bars are BarFrames by their start; an option's are trades of close and volume, one a venue."""
    bars = [made.bar(60 * n, (10.0, 13.0, 9.0, 10.5 + n), 50 + n) for n in range(3)]
    records = played(made.equity(tmp_path / "a.dbn", "ohlcv-1m", bars), rule=FrameRule(64, 60_000_000_000))
    frames = [what for what in (decode(record.payload) for record in records) if isinstance(what, BarFrame)]
    assert [frame.base_ns for frame in frames] == [at(0), at(60), at(120)]
    assert [record.event_ns for record in records if record.rows] == [at(60 * n) - 1 for n in (1, 2, 3)]
    first = frames[0]
    assert (first.interval_ns, first.open[0], first.high[0], first.low[0]) == (60_000_000_000, 10.0, 13.0, 9.0)
    assert (first.close[0], first.volume[0], np.isnan(first.bid[0])) == (10.5, 50, True)
    of_call = [made.bar(60, (1, 2, 1, 2), 5, OF_CALL, venue=venue) for venue in (20, 22)]
    assert (
        rows_of(played(made.options(tmp_path / "b.dbn", "ohlcv-1m", of_call)))
        == [Row(119_999_999_999, CALL, TRADE, 0, 2.0, 5)] * 2
    )


def test_open_interest_is_told_once(tmp_path: Path) -> None:
    """Each venue repeats it; a row comes for the first and for another figure. Other statistics pass."""
    stats = [made.open_interest(n, quantity, venue=20 + n) for n, quantity in enumerate((5, 5, 5, 6, 6))]
    high = dbn.StatMsg(20, OF_CALL, at(9), at(9), 2**64 - 1, made.px(3.0), 1, dbn.StatType.TRADING_SESSION_HIGH_PRICE)
    got = rows_of(played(made.options(tmp_path / "a.dbn", "statistics", [*stats, high])))
    assert got == [
        Row(0, CALL, OPEN_INTEREST, 0, 0.0, 5),
        Row(3_000_000_000, CALL, OPEN_INTEREST, 0, 0.0, 6),
    ]


def test_halts_and_what_ends_them(tmp_path: Path) -> None:
    """HALT, pause and suspension halt once; only trading ends it, and only what was halted resumes."""
    action = dbn.StatusAction
    steps = (action.TRADING, action.HALT, action.SUSPEND, action.QUOTING, action.TRADING, action.TRADING, action.PAUSE)
    path = made.equity(tmp_path / "a.dbn", "status", [made.status(n, step) for n, step in enumerate(steps)])
    events = [event for event in said(played(path)) if event.symbol]
    assert [(event.kind, event.event_ns - made.OPEN) for event in events] == [
        (Kind.HALT, 10**9),
        (Kind.RESUME, 4 * 10**9),
        (Kind.HALT, 6 * 10**9),
    ]
    assert events[0].text == "halt: news pending"
    path = made.options(tmp_path / "b.dbn", "status", [made.status(1, action.HALT, OF_CALL)])
    with pytest.raises(NoDbnDataError, match="no record"):
        open_dbn([path])


def test_definitions_name_what_a_header_does_not(tmp_path: Path) -> None:
    """By number and day, for each file of the dataset; they know that BRKB is an option on BRK.B."""
    quotes = made.encode("cmbp-1", [made.best(1, 1.0, 2.0, 501)], "OPRA.PILLAR")
    path = made.write(tmp_path / "a.dbn", quotes)
    for version in (1, 2, 3):
        old = {1: dbn.InstrumentDefMsgV1, 2: dbn.InstrumentDefMsgV2, 3: dbn.InstrumentDefMsg}[version]
        told = np.zeros(1, old._dtypes)
        told["length"], told["rtype"], told["instrument_id"] = told.itemsize // 4, 19, 501
        told["ts_recv"], told["raw_symbol"], told["underlying"] = at(-9_000), b"BRKB  240621C00400000", b"BRK.B"
        data = made.encode("definition", [told.tobytes()], "OPRA.PILLAR", version=version)
        records = played(path, made.write(tmp_path / "d.dbn", data))
        assert {record.key for record in records if record.rows} == {"BRK.B"}
        assert {row.name for row in rows_of(records)} == {"BRKB  240621C00400000"}
    assert open_dbn([path, tmp_path / "d.dbn"]).symbols == ("BRK.B",)


def test_a_number_means_what_it_means_on_its_day(tmp_path: Path) -> None:
    """The header's mappings hold for days; a number that passes to another ticker is read as that from then on."""
    days = [date(2024, 3, 5), date(2024, 3, 6)]
    paths = [
        made.write(
            tmp_path / f"{symbol}.dbn",
            made.encode("trades", [made.trade(86_400 * n + 1, number=5)], symbols={symbol: 5}, day=day),
        )
        for n, (day, symbol) in enumerate(zip(days, ("META", "FB"), strict=True))
    ]
    records = played(*paths)
    assert [(row.at, row.name) for row in rows_of(records)] == [(10**9, "META"), (86_401 * 10**9, "FB")]
    told = [made.definition(-9_000, "FB", 5), made.definition(86_400 - 9_000, "META", 5)]
    path = made.write(tmp_path / "t.dbn", made.encode("trades", [made.trade(86_400 * n + 1, number=5) for n in (0, 1)]))
    described = played(path, made.write(tmp_path / "d.dbn", made.encode("definition", told)))
    assert [row.name for row in rows_of(described)] == ["FB", "META"]


def test_a_live_recording_is_of_many_types(tmp_path: Path) -> None:
    """Symbol mappings name instruments, system messages pass, a bar comes late; each record carries its sending."""
    maps = dbn.SymbolMappingMsg(
        0, NVDA, at(-10), dbn.SType.RAW_SYMBOL, "NVDA", dbn.SType.RAW_SYMBOL, "NVDA", 0, 2**63, ts_out=at(0)
    )
    beat = dbn.SystemMsg(at(0.5), "Heartbeat", ts_out=at(0.5))
    one = dbn.OHLCVMsg(32, 2, NVDA, at(1), *(made.px(10.0),) * 4, 5, ts_out=at(2))
    records = [maps, beat, made.trade(1.5, ts_out=at(2)), made.trade(2.25, ts_out=at(3)), one]
    data = made.encode("", records, ts_out=True)
    log = played(made.write(tmp_path / "a.dbn", data))
    assert [(row.at, row.price) for row in rows_of(log)] == [(1_500_000_000, 10.0), (2_250_000_000, 10.0)]
    (frame,) = (what for what in (decode(record.payload) for record in log) if isinstance(what, BarFrame))
    assert (frame.base_ns, frame.interval_ns) == (at(1), 10**9)
    assert next(record.event_ns for record in log if b"BarFrame" in record.payload or record.rows == 1) >= at(1.5)


def test_a_day_is_told_with_its_session(tmp_path: Path) -> None:
    """Opening, heartbeats, close; a night's trade belongs to the next session; days not recorded are a gap."""
    paths = [
        made.equity(tmp_path / "a.dbn", "trades", [made.trade(1)]),
        made.equity(
            tmp_path / "b.dbn", "trades", [made.trade(3 * 86_400 - 12 * 3_600)], day=date(2024, 3, 8)
        ),  # 21:30 on Thursday: Friday's
    ]
    records = played(*paths)
    assert all(a.event_ns <= b.event_ns for a, b in pairwise(records))
    events = said(records)
    session = [Kind.SESSION_OPEN, Kind.SESSION_CLOSE]
    assert [event.kind for event in events] == [Kind.SOURCE_OPEN, *session, Kind.GAP, *session, Kind.SOURCE_CLOSE]
    assert (events[3].text, events[3].event_ns) == ("not recorded after 2024-03-05", at(3 * 86_400 - 12 * 3_600))
    assert [event.start_ns for event in events if event.kind is Kind.SESSION_OPEN] == [at(0), at(3 * 86_400)]
    beats = [decode(record.payload) for record in records if not record.rows]
    assert sum(isinstance(what, MarketEvent) and what.kind is Kind.HEARTBEAT for what in beats) == 2 * 16 * 60


def test_files_are_one_time_line(tmp_path: Path) -> None:
    """Equity and options, of files in any order, twice the same and by chunks of any size: the same records."""
    paths = mixed_files(tmp_path)
    records = played(*paths)
    assert all(a.event_ns <= b.event_ns for a, b in pairwise(records))
    filters = [IdFilter(strict=True) for _ in range(3)]
    source = open_dbn([*reversed(paths), paths[0]])
    apart = list(source.records(3))
    assert all(filters[record.partition].accept(record.record_id, record.previous) for record in apart)
    assert [record.payload for record in source.records(3)] == [record.payload for record in apart]
    assert open_dbn(paths).plan == source.plan != open_dbn(paths, rule=FrameRule(3, 10**9)).plan
    assert records[0].origin.startswith("databento/")
    assert {record.key for record in apart if record.rows} == {"NVDA", "SPX"}
    assert all(row.name == "NVDA" for row in rows_of(played(*paths, symbols=["nvda"])))
    assert len(rows_of(records)) == 200 + 400


def mixed_files(folder: Path) -> list[Path]:
    """Write 200 trades of NVDA and 200 quotes of two contracts over four seconds, and what the numbers are."""
    trades = [made.trade(0.02 * n, 10 + n) for n in range(200)]
    quotes = [made.best(0.02 * n, 1 + n, 2 + n, (OF_CALL, OF_PUT)[n % 2]) for n in range(200)]
    return [
        made.equity(folder / "a.dbn.zst", "trades", trades),
        made.write(folder / "b.dbn", made.encode("cmbp-1", quotes, "OPRA.PILLAR")),
        made.write(
            folder / "c.dbn",
            made.encode(
                "definition",
                [made.definition(-9_000, CALL, OF_CALL, "SPX"), made.definition(-9_000, PUT, OF_PUT, "SPX")],
                "OPRA.PILLAR",
            ),
        ),
    ]


class Mixed:
    """The files of mixed_files, and what they give read whole."""

    def __init__(self, folder: Path) -> None:
        self.paths = mixed_files(folder)
        records = played(*self.paths)
        self.payloads, self.rows = [record.payload for record in records], rows_of(records)


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Mixed:
    """Files that every example reads."""
    return Mixed(tmp_path_factory.mktemp("mixed"))


@settings(max_examples=10, deadline=None)
@given(chunk_bytes=st.integers(1, 20_000), ticks=st.integers(1, 70), span_ms=st.sampled_from([250, 1000, 60_000]))
def test_where_chunks_and_frames_end_changes_nothing(mixed: Mixed, chunk_bytes: int, ticks: int, span_ms: int) -> None:
    """Chunks change no byte; frames no row, and no pair is parted."""
    chunked = open_dbn(mixed.paths, chunk_bytes=chunk_bytes)
    assert [record.payload for record in chunked.records(1)] == mixed.payloads
    rule = FrameRule(ticks, span_ms * 1_000_000)
    cut = list(open_dbn(mixed.paths, rule=rule, chunk_bytes=chunk_bytes).records(1))
    for name in ("NVDA", "SPXW"):
        one, other = ([row for row in rows if row.name.startswith(name)] for rows in (mixed.rows, rows_of(cut)))
        assert one == other
    frames = [what for what in (decode(record.payload) for record in cut) if isinstance(what, OptionFrame)]
    assert not any(frame.flags[-1] & PAIRED for frame in frames)


def test_days_are_chosen(tmp_path: Path) -> None:
    """--from and --to are days in New York; where nothing is left, that is an error."""
    path = made.equity(tmp_path / "a.dbn", "trades", [made.trade(1)])
    for days in ({"first": DAY}, {"last": DAY}, {"first": DAY, "last": DAY}):
        assert len(rows_of(played(path, **days))) == 1
    for nothing in ({"last": date(2024, 3, 4)}, {"first": date(2024, 3, 6)}, {"symbols": ["AMD"]}):
        with pytest.raises(NoDbnDataError, match="no record that can be played"):
            open_dbn([path], **nothing)


def test_trades_told_twice_are_refused(tmp_path: Path) -> None:
    """Two files that tell one instrument's trades of a day would double its volume."""
    trades = made.equity(tmp_path / "a.dbn", "trades", [made.trade(1)])
    bars = made.equity(tmp_path / "b.dbn", "ohlcv-1m", [made.bar(0, (1, 1, 1, 1))])
    quotes = made.equity(tmp_path / "c.dbn", "bbo-1s", [])
    with pytest.raises(ValueError, match="both tell the trades of NVDA on 2024-03-05: give one of them"):
        open_dbn([tmp_path])
    assert open_dbn([trades, quotes]).symbols == open_dbn([bars, quotes]).symbols == ("NVDA",)
    later = made.equity(tmp_path / "d.dbn", "trades", [made.trade(86_401)], day=date(2024, 3, 6))
    assert len(rows_of(played(trades, later))) == 2


def decoded(path: Path) -> list[Any]:
    """Return a file's records as Databento's own decoder gives them."""
    decoder = dbn.DBNDecoder(compression=dbn.Compression.ZSTD)
    decoder.write(path.read_bytes())
    return [record for record in decoder.decode() if not isinstance(record, dbn.Metadata)]


@pytest.mark.parametrize(
    ("name", "ticker", "contract"),
    [
        ("EQUS.MINI/test_data.trades", "QQQ", ""),
        ("XNAS.ITCH/test_data.trades", "NVDA", ""),
        ("OPRA.PILLAR/test_data.trades", "AAPL", "AAPL  250221C00250000"),
    ],
)
def test_recorded_trades_are_as_databento_reads_them(shared_data: Path, name: str, ticker: str, contract: str) -> None:
    """Price, size and time of each trade of the samples equal those of Databento's own decoder."""
    path = shared_data / "databento" / f"{name}.dbn.zst"
    records = played(path)
    assert {record.key for record in records if record.rows} == {ticker}
    got = [(row.at + made.OPEN, row.name, row.price, row.size) for row in rows_of(records)]
    wanted = [(one.ts_recv, contract or ticker, one.pretty_price, one.size) for one in decoded(path)]
    assert got == wanted
    assert len(got) == 4


@pytest.mark.parametrize(
    ("name", "before_ns"),
    [
        ("EQUS.MINI/test_data.mbp-1", 0),
        ("EQUS.MINI/test_data.bbo-1s", 1),
        ("XNAS.ITCH/test_data.mbp-1", 0),
        ("OPRA.PILLAR/test_data.cbbo-1s", 1),
        ("OPRA.PILLAR/test_data.cbbo-1m", 1),
    ],
)
def test_recorded_quotes_are_as_databento_reads_them(shared_data: Path, name: str, before_ns: int) -> None:
    """Both sides of each quote of the samples, an undefined price as 0."""
    path = shared_data / "databento" / f"{name}.dbn.zst"
    rows = rows_of(played(path))
    wanted = []
    for one in decoded(path):
        (level,) = one.levels
        for price, size in ((level.bid_px, level.bid_sz), (level.ask_px, level.ask_sz)):
            wanted.append((one.ts_recv - before_ns, 0.0 if price == made.NONE else price / 1e9, size))
    assert [(row.at + made.OPEN, row.price, row.size) for row in rows] == wanted


def test_recorded_bars_and_open_interest(shared_data: Path) -> None:
    """QQQ's day of EQUS.MINI is a bar; AAPL's open interest of 57,924 is told once, of four venues."""
    records = played(shared_data / "databento/EQUS.MINI/test_data.ohlcv-1d.dbn.zst")
    (bar,) = (what for what in (decode(record.payload) for record in records) if isinstance(what, BarFrame))
    assert (bar.symbol, bar.open[0], bar.low[0], bar.close[0], bar.volume[0]) == (
        "QQQ", 307.83, 304.78, 307.5, 3_309_022,
    )  # fmt: skip
    (row,) = rows_of(played(shared_data / "databento/OPRA.PILLAR/test_data.statistics.dbn.zst"))
    assert (row.kind, row.size) == (OPEN_INTEREST, 57_924)


def test_a_source_knows_its_time(tmp_path: Path) -> None:
    """first_ns is the session's start, or a night's row before it; last_ns what the header promises."""
    source: DbnSource = open_dbn([made.equity(tmp_path / "a.dbn", "trades", [made.trade(1)])])
    first = next(iter(source.records(1)))
    assert source.first_ns == first.event_ns == at(0) - int(5.5 * 3_600) * 10**9
    assert source.last_ns >= list(source.records(1))[-1].event_ns
    assert source.rows_total is None
    with pytest.raises(ValueError, match="multiple of the frames' span"):
        open_dbn([tmp_path], rule=FrameRule(64, 7_000_000_000))
