"""Rates of margin by the day from which they hold, and what a table of the config makes of them."""

from datetime import date
from typing import Any

import pytest

from streams.risk.margin.contract import Holding
from streams.risk.margin.requirement import requirement
from streams.risk.margin.rules import MarginRow, MarginRules, rules_of


def test_last_row_before_a_day_holds() -> None:
    """A row holds from its day on, and takes what it does not name from the one before."""
    rules = rules_of({"2026-06-01": {"naked_bps": 2500}, "2026-01-01": {"long_maintenance_bps": 3000}})
    assert rules.at(date(2025, 12, 31)) == MarginRow()
    held = [(row.naked_bps, row.long_maintenance_bps) for row in map(rules.at, (date(2026, 5, 31), date(2026, 6, 1)))]
    assert held == [(2000, 3000), (2500, 3000)]


def test_rates_change_what_is_required() -> None:
    """A house rate of 30 % instead of 20: a put at the money at 100 needs 3,000 beside its premium."""
    symbol = "XYZ   261218P00100000"
    prices = {"XYZ": 10_000, symbol: 300}
    house = rules_of({"2026-01-01": {"naked_bps": 3000}}).at(date(2026, 2, 1))
    assert requirement({symbol: Holding(-1, -30_000, 100)}, prices, (), house).initial_cents == 300_000


def test_funds_can_be_broad_based() -> None:
    """A broker that margins SPY as its index names it: 15 % of 500."""
    symbol = "SPY   261218P00500000"
    prices = {"SPY": 50_000, symbol: 300}
    row = rules_of({"2026-01-01": {"broad_based": ["SPX", "SPY"]}}).at(date(2026, 1, 1))
    assert requirement({symbol: Holding(-1, -30_000, 100)}, prices, (), row).initial_cents == 750_000


@pytest.mark.parametrize(
    ("table", "text"),
    [
        ({"2026-01-01": {"naked": 2500}}, "unknown rate 'naked'"),
        ({"2026-01-01": {"naked_bps": 0.2}}, "naked_bps must be a whole number"),
        ({"2026-01-01": {"long_initial_bps": 0}}, "long_initial_bps must be > 0"),
        ({"2026-01-01": {"equity_least_cents": -1}}, "equity_least_cents must be a whole number >= 0"),
        ({"2026-01-01": 25}, "expected a table"),
        ({"soon": {}}, "expected a date"),
    ],
)
def test_bad_tables_say_where_and_what(table: dict[str, Any], text: str) -> None:
    """What cannot be used is a ValueError that names it."""
    with pytest.raises(ValueError, match=text):
        rules_of(table)


def test_rows_ascend() -> None:
    """Two rows of one day are no rules."""
    with pytest.raises(ValueError, match="ascending"):
        MarginRules((MarginRow(), MarginRow()))
