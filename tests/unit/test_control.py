"""Mandates from the config, and the errors of `aiots control` that need no broker."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from aiots.__main__ import build_app
from aiots.config import Config, ConfigError, load_config
from aiots.mandates import DEFAULTS, mandates_of
from schemas.records import MarginKind, Mode, StrategyMode


def test_each_account_has_a_mandate() -> None:
    """The defaults, altered by the account's table."""
    config = Config(accounts=("a", "b"), mandates={"b": {"capital_cents": 5, "strategies": ["x"], "drawdown_max": 1}})
    first, second = mandates_of(config)
    assert (first.account, first.capital_cents, first.strategies) == ("a", DEFAULTS["capital_cents"], ())
    assert (second.account, second.capital_cents, second.strategies, second.drawdown_max) == ("b", 5, ("x",), 1.0)


def test_mandates_stand_in_the_config_file(tmp_path: Path) -> None:
    """Table [mandates.ACCOUNT]."""
    path = tmp_path / "aiots.toml"
    path.write_text('accounts = ["paper"]\n[mandates.paper]\nsizing = "volatility_target"\n')
    config = load_config(environ={"AIOTS_CONFIG": str(path), "XDG_STATE_HOME": str(tmp_path)})
    assert mandates_of(config)[0].sizing == "volatility_target"


def test_limits_modes_and_lists_of_a_mandate(tmp_path: Path) -> None:
    """Whole numbers serve as figures; names of modes and kinds in any case; "*" is every other strategy."""
    path = tmp_path / "aiots.toml"
    path.write_text(
        'accounts = ["paper"]\n[mandates.paper]\nmodes = { momentum_breakout = "ask", "*" = "OFF" }\n'
        'margin = "cash"\nrestricted = ["TSLA"]\nvega_usd_max = 500\nday_trades_max = 3\nsoft_fraction = 0.7\n'
    )
    (found,) = mandates_of(load_config(environ={"AIOTS_CONFIG": str(path), "XDG_STATE_HOME": str(tmp_path)}))
    assert found.modes == (StrategyMode("", Mode.OFF), StrategyMode("momentum_breakout", Mode.ASK))
    assert (found.margin, found.restricted) == (MarginKind.CASH, ("TSLA",))
    assert (found.vega_usd_max, found.day_trades_max, found.soft_fraction) == (500.0, 3, 0.7)
    (all_ask,) = mandates_of(Config(accounts=("a",), mandates={"a": {"modes": "ask"}}))
    assert all_ask.modes == (StrategyMode("", Mode.ASK),)


@pytest.mark.parametrize(
    ("mandates", "text"),
    [
        ({"other": {}}, r"\[mandates.other\]: no such account; accounts are paper"),
        ({"paper": {"nonsense": 1}}, "unknown setting 'nonsense'; known are event_ns, capital_cents"),
        ({"paper": {"drawdown_max": 2.0}}, "mandate.drawdown_max must be 0 to 1, was 2.0"),
        ({"paper": {"capital_cents": 1.5}}, "capital_cents must be of type int, was 1.5"),
        ({"paper": {"fee_min_cents": True}}, "fee_min_cents must be of type int, was True"),
        ({"paper": {"strategies": "all"}}, "strategies must be of type"),
        ({"paper": {"restricted": "TSLA"}}, r"restricted must be of type list \(of names\), was 'TSLA'"),
        ({"paper": {"modes": ["ask"]}}, "modes must be a table such as"),
        ({"paper": {"modes": {"guess": "ask"}}}, "modes: no strategy 'guess'; known are "),
        ({"paper": {"modes": {"momentum_breakout": "maybe"}}}, "modes.momentum_breakout must be one of auto, ask, off"),
        ({"paper": {"margin": "portfolio"}}, "margin must be one of cash, reg_t, was 'portfolio'"),
        ({"paper": {"vega_usd_max": -1}}, "mandate.vega_usd_max must be >= 0, was -1"),
        ({"paper": {"sizing": "guess"}}, "sizing must be one of fixed_fraction, volatility_target, was 'guess'"),
    ],
)
def test_a_mandate_that_cannot_be_used_says_why(mandates: dict[str, dict[str, Any]], text: str) -> None:
    """The error names the table, what was expected and what was seen."""
    with pytest.raises(ConfigError, match=text):
        mandates_of(Config(mandates=mandates))


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["halt", "nobody", "--reason", "x"], "unknown account 'nobody'; accounts are paper"),
        (["halt", "paper", "--reason", " "], "--reason must say why"),
    ],
)
def test_what_control_refuses(arguments: list[str], text: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Exit code 1 and a line that says what was wrong, before anything is sent."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("AIOTS_CONFIG", raising=False)
    result = CliRunner().invoke(build_app(), ["control", *arguments])
    assert result.exit_code == 1
    assert text in result.output
