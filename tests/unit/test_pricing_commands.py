"""`aiots price` and `aiots iv`: one option and a CSV, there and back, and what they say to bad input."""

import csv
import io
from pathlib import Path

import pytest

from aiots.pricing.table import models
from tests.pricing_cli import aiots, lines

ONE = ("--spot", "42", "--strike", "40", "--years", "0.5", "--rate", "0.1")


def test_a_price_and_its_volatility() -> None:
    """Hull's call is 4.76; the volatility of that price is the one it was made with; greeks are in shown units."""
    priced = lines(aiots("price", *ONE, "--vol", "0.2"))
    assert float(priced["price"]) == pytest.approx(4.7594, abs=1e-4)
    assert float(priced["vega_per_percent"]) == pytest.approx(0.0881, abs=1e-4)
    assert float(priced["theta_per_day"]) == pytest.approx(-4.559 / 365.0, abs=1e-5)
    found = lines(aiots("iv", "--price", priced["price"], *ONE))
    assert float(found["vol"]) == pytest.approx(0.2, rel=1e-13)
    assert found["status"] == "ok"
    assert lines(aiots("iv", "--price", "0.1", *ONE)) == {"vol": "", "status": "below_intrinsic"}


def test_a_csv_comes_back_with_its_answers(tmp_path: Path) -> None:
    """Columns that are not understood stay, missing ones take the option's value, bad cells get a status."""
    path = tmp_path / "quotes.csv"
    path.write_text(
        "symbol,side,spot,strike,years,price\n"
        "A,call,100,100,1,10\nB,P,100,100,1,5\nC,put,100,100,1,\nD,call,100,100,0,5\nE,call,-1,100,1,5\n"
    )
    result = aiots("iv", "--csv", str(path), "--rate", "0.03")
    assert result.exit_code == 0, result.output
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert [row["symbol"] for row in rows] == list("ABCDE")
    assert [row["status"] for row in rows] == ["ok", "ok", "not_a_number", "no_time", "bad_input"]
    assert [bool(row["vol"]) for row in rows] == [True, True, False, False, False]
    priced = tmp_path / "priced.csv"
    good = "symbol,side,spot,strike,years,vol\n" + "".join(
        f"{row['symbol']},{row['side']},{row['spot']},{row['strike']},{row['years']},{row['vol']}\n" for row in rows[:2]
    )
    priced.write_text(good)
    back = list(csv.DictReader(io.StringIO(aiots("price", "--csv", str(priced), "--rate", "0.03").stdout)))
    assert [float(row["price"]) for row in back] == pytest.approx([10.0, 5.0], rel=1e-13)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("iv", "--spot", "1"), "--price, --strike, --years must be given"),
        (("price", *ONE), "--vol must be given"),
        (("price", *ONE, "--vol", "0.2", "--model", "nonsense"), "--model must be one of"),
        (("iv", "--csv", "absent.csv"), "cannot read absent.csv"),
    ],
)
def test_what_is_missing_is_named(arguments: tuple[str, ...], said: str) -> None:
    """Bad use ends with code 2 and one line that says what to give."""
    result = aiots(*arguments)
    assert result.exit_code == 2
    assert said in result.stderr


@pytest.mark.parametrize(
    ("text", "said"), [("spot\n1\n", "column side"), ("side,spot\nup,1\n", "line 2"), ("", "side")]
)
def test_a_bad_table_is_named(text: str, said: str, tmp_path: Path) -> None:
    """A table without sides, or with a side that is none, is refused with its line."""
    path = tmp_path / "bad.csv"
    path.write_text(text)
    result = aiots("price", "--csv", str(path))
    assert result.exit_code == 2
    assert said in result.stderr


def test_help_teaches() -> None:
    """--help shows an example, the columns and what each status means; models are found by their file's name."""
    assert "european" in models()
    text = aiots("iv", "--help").stdout
    assert "aiots iv --csv quotes.csv" in text
    assert "at_exercise_value" in text


def test_compiling_is_said_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no command has left its stamp in the kernels' cache, standard error says what takes so long."""
    monkeypatch.setattr("aiots.pricing.kernels.CACHE_FOLDER", tmp_path)
    monkeypatch.setattr("aiots.pricing.kernels.DISABLED", False)
    first, second = (aiots("price", *ONE, "--vol", "0.2") for _ in range(2))
    assert first.stderr.startswith("compiling the kernels of --model european, once for this version")
    assert "compiling" not in first.stdout
    assert second.stderr == ""
    assert first.stdout == second.stdout
    assert aiots("iv", "--spot", "1").stderr.count("compiling") == 0


@pytest.mark.parametrize("model", ["european", "american", "cash"])
@pytest.mark.parametrize("command", ["price", "iv"])
def test_a_table_without_rows_comes_back_without_rows(command: str, model: str, tmp_path: Path) -> None:
    """A header alone gives a header alone."""
    path = tmp_path / "none.csv"
    path.write_text("side,spot,strike,years,vol,price\n")
    result = aiots(command, "--csv", str(path), "--model", model)
    assert result.exit_code == 0, result.output
    assert len(result.stdout.splitlines()) == 1
