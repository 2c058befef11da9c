"""Databento files and records of no use are counted and named with file and record, and the rest goes on."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from connectors.sources.dbn import DbnSource, NoDbnDataError, open_dbn
from connectors.sources.record import REJECTS_LISTED_MAX, SourceReason
from schemas.records import MarketEvent, MarketEventKind
from schemas.wire import decode
from tests import dbn_files as made
from tests.dbn_files import NONE, NVDA, OF_CALL, at, dbn

Reason = SourceReason


def rows(source: DbnSource) -> int:
    """Play a source; return how many rows it gave."""
    return sum(record.rows for record in source.records(1))


@pytest.mark.parametrize(
    ("schema", "good", "bad", "reason"),
    [
        ("trades", made.trade, lambda: made.trade(2, None), Reason.NOT_A_NUMBER),
        ("trades", made.trade, lambda: made.trade(2, -1.0), Reason.NEGATIVE),
        ("trades", made.trade, lambda: made.trade(2, 0.0), Reason.ZERO_PRICE),
        ("trades", made.trade, lambda: made.trade(0.5), Reason.OUT_OF_ORDER),
        ("trades", made.trade, lambda: made.trade(2, ts_recv=2**64 - 1), Reason.UNPARSABLE),
        ("trades", made.trade, lambda: made.trade(2, number=8), Reason.UNKNOWN_INSTRUMENT),
        ("mbp-1", lambda at: made.book(at, 1.0, 2.0), lambda: made.book(2, -1.0, 2.0), Reason.NEGATIVE),
        ("mbp-1", lambda at: made.book(at, 1.0, 2.0), lambda: made.book(2, 1.0, 2.0, publisher=3), Reason.OTHER_VENUE),
        ("ohlcv-1m", lambda at: made.bar(60 * at, (1, 2, 1, 2)), lambda: made.bar(150, (1, 1, 1, 2)), "crossed_bar"),
        ("ohlcv-1m", lambda at: made.bar(60 * at, (1, 2, 1, 2)), lambda: made.bar(150, (1, 2, 0, 2)), "zero_price"),
        ("ohlcv-1m", lambda at: made.bar(60 * at, (1, 2, 1, 2)), lambda: made.bar(150, (1, 2, -1, 2)), "negative"),
        (
            "ohlcv-1m",
            lambda at: made.bar(60 * at, (1, 2, 1, 2)),
            lambda: made.bar(150, (1, None, 1, 2)),
            "not_a_number",
        ),
        (
            "ohlcv-1m",
            lambda at: made.bar(60 * at, (1, 2, 1, 2)),
            lambda: made.bar(150, (1, 2, 1, 2), 2**63),
            Reason.UNPARSABLE,
        ),
        (
            "ohlcv-1m",
            lambda at: made.bar(60 * at, (1, 2, 1, 2)),
            lambda: made.bar(150, (1, 2, 1, 2), venue=3),
            Reason.OTHER_VENUE,
        ),
        ("trades", made.trade, lambda: dbn.ErrorMsg(at(2), "gap"), Reason.UNSUPPORTED),
        (
            "trades",
            made.trade,
            lambda: made.trade(2, ts_out=1).__bytes__()[:40].replace(b"\x0e", b"\x0a", 1),
            "unsupported",
        ),
    ],
)
def test_a_bad_record_is_rejected_with_its_number(
    tmp_path: Path, schema: str, good: Callable[[float], Any], bad: Callable[[], Any], reason: SourceReason
) -> None:
    """Each kind of bad record gives its own reason and number 3; the four good ones survive."""
    records = [good(0.0), good(1.0), bad(), good(3.0), good(4.0)]
    source = open_dbn([made.equity(tmp_path / "a.dbn", schema, records)])
    assert rows(source) == (8 if schema == "mbp-1" else 4)
    assert source.rejects.counts == {SourceReason(reason): 1}
    (reject,) = source.rejects.listed
    assert (reject.reason, reject.line) == (reason, 3)
    assert reject.file.endswith("a.dbn")
    assert reject.payload


def test_open_interest_must_be_a_number(tmp_path: Path) -> None:
    """Undefined and negative quantities are told."""
    quantities = (5, 2**63 - 1, -4)
    stats = [made.open_interest(n, quantity) for n, quantity in enumerate(quantities)]
    source = open_dbn([made.options(tmp_path / "a.dbn", "statistics", stats)])
    assert rows(source) == 1
    assert source.rejects.counts == {Reason.NOT_A_NUMBER: 1, Reason.NEGATIVE: 1}


def test_opra_quotes_are_the_national_best(tmp_path: Path) -> None:
    """Of mbp-1 each venue's own quotes are left out, its trades are not."""
    records = [
        made.book(1, 1.0, 2.0, OF_CALL, publisher=34),
        made.book(2, 1.0, 2.0, OF_CALL, publisher=30),
        made.book(3, 1.0, 2.0, OF_CALL, publisher=34, trade=1.5),
    ]
    source = open_dbn([made.options(tmp_path / "a.dbn", "mbp-1", records)])
    assert rows(source) == 3
    assert source.rejects.counts == {Reason.OTHER_VENUE: 1}


@pytest.mark.parametrize("name", ["a.dbn", "a.dbn.zst"])
def test_a_file_that_breaks_off_is_read_to_there(tmp_path: Path, name: str) -> None:
    """The whole records before the break are played, the reject says how many, and a gap stands behind them."""
    path = made.equity(tmp_path / name, "trades", [made.trade(0.01 * n, 10 + n % 97) for n in range(40_000)])
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 3 // 4])
    source = open_dbn([path])
    records = list(source.records(1))
    played = sum(record.rows for record in records)
    assert 10_000 < played < 40_000
    assert source.rejects.counts == {Reason.TRUNCATED_FILE: 1}
    assert (source.rejects.listed[0].line, f"{played} records" in source.rejects.listed[0].detail) == (played + 1, True)
    events = [what for what in (decode(record.payload) for record in records) if isinstance(what, MarketEvent)]
    (gap,) = (event for event in events if event.kind is MarketEventKind.GAP)
    assert (gap.text, gap.event_ns) == ("a recording breaks off", at(0.01 * (played - 1)) + 1)


def test_a_record_without_a_length_ends_the_file(tmp_path: Path) -> None:
    """What comes after it cannot be found."""
    path = made.equity(tmp_path / "a.dbn", "trades", [made.trade(1), bytes(48), made.trade(2)])
    source = open_dbn([path])
    assert rows(source) == 1
    assert source.rejects.counts == {Reason.TRUNCATED_FILE: 1}
    assert "record 2 says that it has 0 bytes" in source.rejects.listed[0].detail


def newer(data: bytes) -> bytes:
    """Return a file of a version that is to come."""
    return data[:3] + b"\x09" + data[4:]


@pytest.mark.parametrize(
    ("broken", "text"),
    [
        (newer, "newer version"),
        (lambda data: data[:100], "breaks off after 92 of"),
        (lambda data: b"PK\x03\x04" + data, "not with DBN"),
        (lambda data: b"", "not with DBN"),
        (lambda data: b"\x28\xb5\x2f\xfd" + data, "ZSTD"),
    ],
)
def test_a_file_without_a_header_is_left_out(tmp_path: Path, broken: Callable[[bytes], bytes], text: str) -> None:
    """It is rejected as a whole, and the other files are played; where there are none, that is an error."""
    good = made.equity(tmp_path / "a.dbn", "trades", [made.trade(1)])
    bad = made.write(tmp_path / "b.dbn", broken(good.read_bytes()))
    source = open_dbn([good, bad])
    assert rows(source) == 1
    assert source.rejects.counts == {Reason.UNREADABLE_FILE: 1}
    assert text in source.rejects.listed[0].detail
    with pytest.raises(NoDbnDataError, match=text):
        open_dbn([bad])


def test_what_is_not_played_is_said(tmp_path: Path) -> None:
    """Futures, and schemas of whole books, are named; a folder without files is an error."""
    good = made.equity(tmp_path / "a.dbn", "trades", [made.trade(1)])
    future = made.write(tmp_path / "b.dbn", made.encode("trades", [], "GLBX.MDP3"))
    book = made.write(tmp_path / "c.dbn", made.encode("mbo", []))
    source = open_dbn([good, future, book])
    assert rows(source) == 1
    assert source.rejects.counts == {Reason.UNSUPPORTED: 2}
    assert [reject.detail for reject in source.rejects.listed] == [
        "dataset GLBX.MDP3 is neither of US equities nor OPRA",
        "schema mbo is not played",
    ]
    (tmp_path / "empty").mkdir()
    with pytest.raises(NoDbnDataError, match=r"no file \*.dbn"):
        open_dbn([tmp_path / "empty"])
    with pytest.raises(NoDbnDataError, match="No such file"):
        open_dbn([tmp_path / "nowhere.dbn"])


def test_many_rejects_are_counted_and_the_first_listed(tmp_path: Path) -> None:
    """A file of an unknown instrument lists a thousand of its records and counts them all."""
    trades = [made.trade(0.01 * n, number=8) for n in range(REJECTS_LISTED_MAX + 500)]
    source = open_dbn([made.equity(tmp_path / "a.dbn", "trades", [*trades, made.trade(99)])])
    assert rows(source) == 1
    assert source.rejects.counts == {Reason.UNKNOWN_INSTRUMENT: REJECTS_LISTED_MAX + 500}
    assert len(source.rejects.listed) == REJECTS_LISTED_MAX + 1


def test_a_symbol_must_fit_its_dataset(tmp_path: Path) -> None:
    """OPRA's instruments are contracts, an exchange's are tickers; neither reads as the other."""
    for dataset, symbol in (("OPRA.PILLAR", "NVDA"), ("XNAS.ITCH", made.CALL), ("XNAS.ITCH", "esz4")):
        data = made.encode("trades", [made.trade(1)], dataset, {symbol: NVDA})
        with pytest.raises(NoDbnDataError):
            open_dbn([made.write(tmp_path / "a.dbn", data)])


def test_a_bar_that_stands_twice_is_taken_once(tmp_path: Path) -> None:
    """Two live recordings of one bar: headers cannot tell, so the bar itself does."""
    maps = dbn.SymbolMappingMsg(0, NVDA, at(-10), dbn.SType.RAW_SYMBOL, "NVDA", dbn.SType.RAW_SYMBOL, "NVDA", 0, 2**63)
    paths = [
        made.write(tmp_path / f"{n}.dbn", made.encode("", [maps, made.bar(0, (1, 1, 1, 1), 5 + n)])) for n in (0, 1)
    ]
    source = open_dbn(paths)
    assert rows(source) == 1
    assert source.rejects.counts == {Reason.OUT_OF_ORDER: 1}


def test_the_command_says_what_is_wrong(tmp_path: Path) -> None:
    """A file that is none ends with 2 and a sentence, not a traceback."""
    from aiots.commands.ingest import app

    made.write(tmp_path / "a.dbn", b"nothing")
    result = CliRunner().invoke(app, ["dbn", str(tmp_path / "a.dbn")])
    assert result.exit_code == 2
    assert "is no DBN file that can be read" in result.output
    assert NONE == 2**63 - 1
