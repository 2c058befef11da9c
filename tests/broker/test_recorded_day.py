"""A recorded session through the real pipeline ends with a report: its page, its JSON and the ledger say the same."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from aiots.__main__ import build_app
from aiots.commands.control import publish
from aiots.commands.order import NONE, ticket_of
from aiots.config import Config, load_config
from aiots.mandates import mandates_of
from aiots.pipeline import behind
from deploy.local.admin import ensure_topics
from schemas.names import name_of
from schemas.records import SettlementKind
from streams.topology import STAGES
from tests.kills.book_laws import ByHand, check_reconciled
from tests.kills.processes import Pipeline, wait_until
from tests.lean_part import copy_part, copy_whole

pytestmark = [pytest.mark.broker, pytest.mark.slow, pytest.mark.timeout(400)]
TEN, EVENING = 10 * 60, 24 * 60
DAY, EXPIRY = "2015-12-23", "2015-12-24"
CONFIG = """
[rates]
"2010-01-01" = 0.0025
[mandates.paper]
capital_cents = 100_000_000
modes = "off"
position_notional_usd_max = 400_000.0
gross_notional_usd_max = 2_000_000.0
concentration_max = 1.0
fee_per_contract_cents = 65.0
"""
ORDERS = (
    "BUY 3 GOOG 2015-12-24 C 750",
    "SELL 2 GOOG 2015-12-24 P 755",
    "BUY 4 GOOG 2015-12-24 C 745 / SELL 4 GOOG 2015-12-24 C 755 @ 8.50",
    "BUY 2 GOOG 2015-12-24 P 740 @ 0.05",
    "BUY 20000 GOOG",
)


@dataclass(frozen=True)
class Played:
    """The account after the session: what its log says by hand, and the world's settings."""

    kafka: Mapping[str, str]
    config: Config
    book: ByHand
    folder: Path
    environment: dict[str, str]


def told(played: Played, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> str:
    """Return what a command prints; it must succeed."""
    for name, value in played.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(played.folder)
    result = CliRunner().invoke(build_app(), list(arguments))
    assert result.exit_code == 0, result.output
    return result.stdout


def part_of(lean_data: Path, folder: Path) -> Path:
    """Return a folder with the options' first half hour, the shares' day, and the days after it."""
    quotes = "option/usa/minute/goog/20151223_quote_american.zip"
    history = lean_data.parents[1] / "lean_history" / "Data"
    if not (lean_data / quotes).exists() or not history.is_dir():
        pytest.skip(f"no recording {quotes} in {lean_data}")
    data = folder / "Data"
    copy_part(lean_data, data, quotes, TEN)
    copy_part(lean_data, data, "equity/usa/minute/goog/20151223_trade.zip", EVENING)
    copy_part(history, data, "equity/usa/minute/goog/20151223_quote.zip", EVENING)
    copy_whole(lean_data, data, "equity/usa/daily/goog.zip", "market-hours", "symbol-properties")
    copy_whole(lean_data, data, "equity/usa/factor_files/goog.csv", "equity/usa/map_files/goog.csv")
    return data


@pytest.fixture(scope="module")
def played(broker: Mapping[str, str], lean_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Played:
    """Orders are given the evening before; the day is played, the half day on which the options end, and Monday."""
    folder = tmp_path_factory.mktemp("recorded-day")
    data = part_of(lean_data, folder)
    (folder / "aiots.toml").write_text(CONFIG)
    environment = {
        "KAFKA_BOOTSTRAP_SERVERS": broker["bootstrap.servers"],
        "AIOTS_WORLD": "recorded-day",
        "AIOTS_STATE_DIR": str(folder / "state"),
        "AIOTS_PARTITIONS": "1",
        "AIOTS_CONFIG": str(folder / "aiots.toml"),
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    config = replace(load_config(environ=environment), kafka=broker)
    ensure_topics(broker, config.world, 1)
    publish(broker, config.world, 1, mandates_of(config))
    pipeline = Pipeline(config.world, folder, environment)
    try:
        for stage in STAGES:
            pipeline.start_stage(stage.name)
        for order in ORDERS:
            ticket, watches = ticket_of("paper", order, "", False, False, NONE, NONE, "the evening before")
            publish(broker, config.world, 1, [*watches, ticket])
        span = ("--symbols", "GOOG", "--from", DAY, "--to", "2015-12-28", "--lag-max", "0", "--quiet")
        ingest = pipeline.start("ingest", "ingest", "lean", str(data), *span)
        assert ingest.process.wait(120) == 0, ingest.log.read_text()
        wait_until(lambda: not behind(config), 180, "every stage reaches the end of its inbox", 0.5)
        for stage in STAGES:
            assert pipeline.end(f"{stage.name}-0") == 0
    finally:
        pipeline.kill_all()
    return Played(broker, config, check_reconciled(broker, config, "paper"), folder, environment)


def test_the_account_lived_through_it(played: Played) -> None:
    """Options, a combination and an order that was cut; contracts ended by exercise, expiry and assignment.

    No hedge: at full speed a day's marks have passed before the first fill is back.
    """
    traded = [fill for fill in played.book.fills if fill.quantity]
    assert any(fill.symbol.startswith("GOOG  151224") for fill in traded)
    assert any(fill.legs for fill in traded)
    kinds = {one.kind for one in played.book.settlements}
    assert {SettlementKind.EXERCISE, SettlementKind.ASSIGNMENT} <= kinds
    assert not any(len(symbol) == 21 for symbol in played.book.held()), "every contract has ended"


def test_json_says_what_the_ledger_says(played: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cash and positions of the newest day are those added up by hand; fills and fees of all days are all there are."""
    days = [json.loads(told(played, monkeypatch, "day", "paper", "--json", "--day", day)) for day in all_days(played)]
    last = days[-1]
    assert round(last["cash_usd"] * 100) == played.book.cash_cents
    assert {row["symbol"]: row["quantity"] for row in last["positions"]} == played.book.held()
    assert sum(day["fills"] for day in days) == sum(fill.quantity > 0 for fill in played.book.fills)
    assert round(100 * sum(day["fees_usd"] for day in days)) == played.book.fees_cents
    assert sum(len(day["settlements"]) for day in days) == len(played.book.settlements)
    assert days[1]["equity_before_usd"] == pytest.approx(days[0]["equity_usd"], abs=0.005)
    assert days[0]["limits"]["cut"] == 1


def all_days(played: Played) -> list[str]:
    """Return the days that the account's report knows."""
    from aiots.book.reading import read_account

    log = read_account(played.config, "paper", lambda at, of: None, marks=False)
    return [day.isoformat() for day in log.days()]


def test_the_page_has_every_section_and_the_same_figures(played: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a person reads: the day in a paragraph, tables with units, contracts by name, nothing that is no figure."""
    plain: dict[str, Any] = json.loads(told(played, monkeypatch, "day", "paper", "--json", "--day", DAY))
    told(played, monkeypatch, "day", "paper", "--day", DAY)
    html = (played.folder / f"paper-{DAY}.html").read_text()
    for section in ("Equity", "Profit and loss, explained", "Positions at the end", "Fills", "Limits touched"):
        assert re.search(rf"<h2>{section}[^<]*</h2>", html), section
    for name in ("equity_usd", "pnl_usd", "realised_usd", "cash_usd"):
        assert f"{plain[name]:,.2f}" in html, name
    for row in plain["positions"]:
        assert name_of(row["symbol"]) in html
    assert f"{abs(plain['pnl_usd']):,.2f} USD" in html, "the paragraph says what came of the day"
    visible = re.sub(r"<style>.*?</style>|<svg.*?</svg>", "", html, flags=re.DOTALL)
    assert not re.search(r"\bNone\b|\bnan\b|\bNaN\b|Decimal|\[\]", visible)
    assert not re.search(r"\d{6}[CP]\d{8}", visible), "contracts are named, not coded"


def test_the_expiry_s_page_tells_what_happened_without_an_order(
    played: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exercises stand in a table with the money, and in the paragraph."""
    told(played, monkeypatch, "day", "paper", "--day", EXPIRY)
    html = (played.folder / f"paper-{EXPIRY}.html").read_text()
    assert "Without an order: " in html
    assert "GOOG 2015-12-24 C 745" in html


def test_the_session_verifies(played: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of it is byte-equal to the folds of its inboxes."""
    assert "verified: " in told(played, monkeypatch, "verify")
