"""`aiots reconcile` and the day's report: the ledger against the venue's statement, and against a broker's file."""

import json
from datetime import date, time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from aiots.__main__ import build_app
from aiots.book.day import as_dict, day_of
from aiots.book.page import page
from aiots.book.reading import AccountLog, log_of
from aiots.book.reconciled import with_file, with_venue
from aiots.book.statement_file import FileStatement, read_statement, symbol_of
from aiots.commands import reconcile as command
from schemas import wire
from schemas.records import Record, Side, StatedPosition, Statement
from tests.life_rig import closing, new_york, opening, option_mark
from tests.orderpath_rig import Chain, fill, mandate
from tests.venue_rig import CALL, option

DAY = date(2013, 10, 8)
FREE: dict[str, Any] = {"slippage_bps": 0.0, "fee_per_share_cents": 0.0, "fee_min_cents": 0}
CASH = 10_000_000 - 42_000 - 130
"""Two calls at 2.10 and 65 cents a contract."""


def played(*lies: Record, close: bool = True) -> AccountLog:
    """Return the log of a day on which two calls were bought through all stages; lies: put into the book before its
    close.
    """
    chain = Chain()
    mark = option_mark(CALL, DAY, time(10), new_york(date(2013, 10, 18), time(16)), bid=2.0, ask=2.1, spot=500.0)
    chain.put("book", mandate(**FREE, fee_per_contract_cents=65.0), opening(DAY), mark)
    chain.put("verdicts", option("1", Side.BUY, 2, event_ns=mark.event_ns))
    chain.put("book", *lies)
    if close:
        chain.put("book", closing(DAY))
    topics = {
        name: [(offset, wire.encode(record)) for offset, record in enumerate(chain.topics.get(name, []))]
        for name in ("verdicts", "book", "risk")
    }
    return log_of("paper", topics["verdicts"], topics["book"], topics["risk"], marks=True)


def run(monkeypatch: pytest.MonkeyPatch, log: AccountLog, *arguments: str) -> tuple[int, str]:
    """Return the command's exit code and output over a log."""
    monkeypatch.setattr(command, "recorded", lambda *_, **__: (log, DAY))
    found = CliRunner().invoke(build_app(), ["reconcile", "paper", *arguments])
    return found.exit_code, found.output


GHOST = fill("x", Side.BUY, 1, 210, symbol=CALL, multiplier=100, event_ns=new_york(DAY, time(11)))
"""A fill that the venue has never made."""


def test_the_ledger_equals_the_venues_statement(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cash, fees and one position: three figures, all equal."""
    code, text = run(monkeypatch, played())
    assert code == 0
    assert "paper against the venue's statement of 2013-10-08" in text
    assert "reconciled: yes, all 3 figures are equal" in text
    assert text.count("99,578.70") == 2


def test_a_fill_that_the_venue_never_made_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 1; the table has both sides: a contract and its price."""
    code, text = run(monkeypatch, played(GHOST))
    assert code == 1
    assert "reconciled: no, 2 of 3 figures differ" in text
    row = next(line.split() for line in text.splitlines() if line.strip().startswith("position"))
    assert row[-3:] == ["3", "2", "1"]
    cash = next(line.split() for line in text.splitlines() if line.strip().startswith("cash"))
    assert cash[-3:] == ["99,368.70", "99,578.70", "-210.00"]


def test_what_comes_after_the_statement_is_no_difference() -> None:
    """The ledger is taken at the statement's place, and what came later is counted."""
    log = played()
    log.entries.append(log.entries[-1].__class__(10**6, new_york(DAY, time(21)), GHOST))
    found = with_venue(log)
    assert found is not None
    assert (found.differences, found.since) == ((), 1)
    assert with_venue(log, date(2013, 10, 7)) is None


def test_without_a_statement_there_is_nothing_to_compare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 2, with when there will be one."""
    code, text = run(monkeypatch, played(close=False))
    assert code == 2
    assert "not stated paper yet" in text


OURS = {"cash_usd": CASH / 100, "fees_usd": 1.30, "positions": [{"symbol": CALL, "quantity": 2}]}
ROWS = f"symbol,quantity,multiplier\n{CALL},2,100\nCASH,99578.70\nFEES,1.30\n"
IBKR = """Statement,Header,Field Name,Field Value
Cash Report,Header,Currency Summary,Currency,Total,Securities,Futures
Cash Report,Data,Starting Cash,Base Currency Summary,100000,100000,0
Cash Report,Data,Ending Cash,Base Currency Summary,"99,578.7000001",99578.7,0
Open Positions,Header,DataDiscriminator,Asset Category,Currency,Symbol,Quantity,Mult,Cost Price,Value
Open Positions,Data,Summary,Equity and Index Options,USD,AAPL 18OCT13 500 C,2,100,2.1,400
Open Positions,Total,,Equity and Index Options,USD,,,,,400
"""


@pytest.mark.parametrize(
    ("name", "text", "fees"),
    [("a.json", json.dumps(OURS), 130), ("a.csv", ROWS, 130), ("ib.csv", "\ufeff" + IBKR, None)],
    ids=["json", "csv", "Interactive Brokers"],
)
def test_files_of_all_kinds_say_the_same(
    name: str, text: str, fees: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Equal to the ledger: exit code 0. With one cent or one contract less: 1."""
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    assert read_statement(path) == FileStatement(CASH, fees, (StatedPosition(CALL, 2, 100),))
    assert run(monkeypatch, played(), "--statement", str(path))[0] == 0
    path.write_text(text.replace("99578.7", "99578.6").replace("99,578.7", "99,578.6"), encoding="utf-8")
    assert run(monkeypatch, played(), "--statement", str(path))[0] == 1
    held = text.replace(" C,2,", " C,1,").replace('"quantity": 2', '"quantity": 1').replace("0000,2,", "0000,1,")
    path.write_text(held, encoding="utf-8")
    assert run(monkeypatch, played(), "--statement", str(path))[0] == 1


def test_a_file_is_held_against_the_end_of_a_day() -> None:
    """What came on later days is counted, not compared."""
    log = played()
    log.entries.append(log.entries[-1].__class__(10**6, new_york(date(2013, 10, 9), time(12)), GHOST))
    stated = FileStatement(CASH, None, (StatedPosition(CALL, 2, 100),))
    assert with_file(log, stated, "a.csv", DAY).differences == ()
    assert with_file(log, stated, "a.csv", DAY).since == 1
    assert len(with_file(log, stated, "a.csv").differences) == 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("AAPL131018C00500000", CALL),
        (CALL, CALL),
        ("SPY 31MAR25 570.5 P", "SPY   250331P00570500"),
        ("spy", "SPY"),
        ("BRK.B", "BRK.B"),
    ],
)
def test_symbols_of_files(text: str, expected: str) -> None:
    """OSI with and without blanks, and Interactive Brokers'."""
    assert symbol_of(text) == expected


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("a.csv", "", "a header with symbol and quantity, was nothing"),
        ("a.csv", "a,b\n1,2\n", "a header with symbol and quantity, was a,b"),
        ("a.csv", "symbol,quantity\nSPY,nan\n", "expected a number, was 'nan'"),
        ("a.csv", "symbol,quantity\nSPY,x\n", "expected a number, was 'x'"),
        ("a.csv", "symbol,quantity\nSPY,1.5\n", "quantity of SPY must be whole, was 1.5"),
        ("a.csv", "symbol,quantity,multiplier\nSPY,1,0\n", "a multiplier > 0"),
        ("a.csv", "symbol,quantity\nSPY,1\nspy,2\n", "SPY stands twice"),
        ("a.json", "[]", "an object with a list `positions`"),
        ("a.json", '{"positions": [1]}', "a position needs symbol and quantity, was 1"),
    ],
)
def test_a_bad_file_says_what_is_wrong(
    name: str, text: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 2."""
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(ValueError, match=says):
        read_statement(path)
    assert run(monkeypatch, played(), "--statement", str(path))[0] == 2


def test_the_days_report_says_whether_it_reconciled() -> None:
    """Yes; no, with how many figures differ, and its alerts; not stated."""
    good, bad, never = (day_of(log, DAY) for log in (played(), played(GHOST), played(close=False)))
    assert [one.reconciled for one in (good, bad, never)] == ["yes", "no, 2 differences", "not stated"]
    assert as_dict(good)["statement"] == {"cash_usd": CASH / 100, "fees_usd": 1.3, "positions": {CALL: 2}}
    assert (as_dict(never)["statement"], as_dict(bad)["reconciled_at_close"]) == (None, "no, 2 differences")
    assert [one.rule for one in bad.alerts].count("statement") == 2
    assert "no, 2 differences" in page(bad, "test")
    assert isinstance(good.statement, Statement)
