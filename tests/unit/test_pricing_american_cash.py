"""`aiots price` and `aiots iv` with --model american and --model cash: known numbers, there and back, bad rows.

Apart from the other models' tests: uncompiled, a grid takes minutes, and the file's name keeps it out of such runs.
"""

import csv
import io
from pathlib import Path

import pytest

from bench.cash_oracle import Case, integral
from tests.pricing_cli import aiots, lines

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
