"""`aiots price` and `aiots iv`: one option and a CSV, there and back, and what they say to bad input."""

import csv
import io
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from aiots.__main__ import build_app
from aiots.pricing.table import models
from bench.cash_oracle import Case, integral


def aiots(*arguments: str, text: str | None = None) -> Result:
    return CliRunner().invoke(build_app(), list(arguments), input=text)


def lines(result: Result) -> dict[str, str]:
    """Return the names and values that a single option prints."""
    assert result.exit_code == 0, result.output
    return {parts[0]: " ".join(parts[1:]) for parts in map(str.split, result.stdout.splitlines())}


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


YEAR = ("--spot", "100", "--strike", "100", "--years", "1", "--rate", "0.05")


def test_american_exercise_has_its_known_premium_and_comes_back() -> None:
    """A put at 100, rate and yield 5 %, vol 25 %, is worth 0.106952702747 more (Andersen et al., 2016)."""
    put = (*YEAR, "--yield", "0.05", "--put")
    american, european = (
        lines(aiots("price", *put, "--vol", "0.25", "--model", model)) for model in ("american", "european")
    )
    assert float(american["price"]) - float(european["price"]) == pytest.approx(0.106952702747, abs=1e-5)
    assert american["status"] == "ok"
    found = lines(aiots("iv", "--price", american["price"], *put, "--model", "american"))
    assert float(found["vol"]) == pytest.approx(0.25, abs=1e-7)
    deep = ("--spot", "60", "--strike", "100", "--years", "0.1", "--rate", "0.05", "--put", "--model", "american")
    assert lines(aiots("iv", "--price", "40", *deep)) == {"vol": "", "status": "at_exercise_value"}


def test_cash_of_a_csv_is_paid_and_comes_back(tmp_path: Path) -> None:
    """A call over a dividend of 3 has the integral's price, that of a row without cash Black's; bad rows say why."""
    path = tmp_path / "options.csv"
    days = f"{90 / 365},0.25"
    path.write_text(
        "symbol,side,spot,strike,years,vol,ex_years,cash\n"
        f"A,call,100,100,{days},{60 / 365},3\nB,call,100,100,{days},,\nC,call,100,100,{days},0.1,much\n"
        f"D,call,100,100,{days},0.1,\nE,call,100,100,{days},0.1,-1\nF,put,-1,100,{days},0.1,1\nG,put,100,100,0,0.25,,\n"
    )
    result = aiots("price", "--csv", str(path), "--rate", "0.02", "--model", "cash")
    assert result.exit_code == 0, result.output
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    bad = ["not_a_number", "not_a_number", "bad_input", "bad_input", "no_time"]
    assert [row["status"] for row in rows] == ["ok", "ok", *bad]
    assert [row["price"] for row in rows[2:]] == ["", "", "", "", "0.0"]
    exact = integral(Case(100.0, 90, 0.02, 0.25, True, True, (60,), (3.0,)))
    blacks = lines(
        aiots("price", "--spot", "100", "--strike", "100", "--years", str(90 / 365), "--rate", "0.02", "--vol", "0.25")
    )
    assert float(rows[0]["price"]) == pytest.approx(exact, abs=3e-4)
    assert float(rows[1]["price"]) == pytest.approx(float(blacks["price"]), abs=3e-4)
    quotes = tmp_path / "quotes.csv"
    with quotes.open("w", newline="") as out:
        kept = ["side", "spot", "strike", "years", "ex_years", "cash", "price"]
        writer = csv.DictWriter(out, kept, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows[:3])
    back = aiots("iv", "--csv", str(quotes), "--rate", "0.02", "--model", "cash")
    found = list(csv.DictReader(io.StringIO(back.stdout)))
    assert [row["status"] for row in found] == ["ok", "ok", "not_a_number"]
    assert [float(row["vol"]) for row in found[:2]] == pytest.approx([0.25, 0.25], abs=1e-5)


def test_one_option_without_cash_is_priced_by_model_cash() -> None:
    """Without the CSV's columns nothing is paid: the same put as the American one, and back."""
    put = (*YEAR, "--put", "--model", "cash")
    priced = lines(aiots("price", *put, "--vol", "0.2"))
    assert float(priced["price"]) == pytest.approx(6.0904, abs=3e-4)
    found = lines(aiots("iv", "--price", priced["price"], *put))
    assert float(found["vol"]) == pytest.approx(0.2, abs=1e-5)


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
