"""`aiots expiries`: what a person sees of the contract calendar."""

import json

import pytest
from typer.testing import CliRunner

from aiots.__main__ import build_app


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(build_app(), ["expiries", *arguments])
    return result.exit_code, result.stdout, result.stderr


def test_expiries_are_listed_with_instant_years_and_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    """AAPL in June 2014: the half-day-less weeklies, and the monthly of the Saturday that ends on Friday at 16:00."""
    monkeypatch.setenv("AIOTS_RATES", '{"2014-06-01": 0.0075}')
    code, text, _ = run("aapl", "--from", "2014-06-06", "--to", "2014-06-30", "--json")
    assert code == 0
    rows = [json.loads(line) for line in text.splitlines()]
    assert [row["day"] for row in rows] == ["2014-06-06", "2014-06-13", "2014-06-21", "2014-06-27"]
    assert rows[0]["years"] == pytest.approx(6.5 / 24 / 365)
    assert [row["rate"] for row in rows] == pytest.approx([0.0075] * 4)
    assert (rows[2]["cycle"], rows[2]["root"], rows[2]["settlement"]) == ("monthly", "AAPL", "pm")
    monkeypatch.delenv("AIOTS_RATES")
    code, text, _ = run("AAPL", "--from", "2014-06-06", "--to", "2014-06-30")
    assert code == 0
    assert "2014-06-21  AAPL  monthly      pm      2014-06-20T20:00:00Z" in text


def test_bad_days_are_named() -> None:
    """A day that is none, or an end before the beginning, ends the command with a word about it."""
    assert run("SPY", "--from", "soon")[0] == 2
    code, _, error = run("SPY", "--from", "2023-06-06", "--to", "2023-06-05")
    assert code == 1
    assert "--to" in error
