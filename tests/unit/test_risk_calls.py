"""Margin calls ahead, told by risk: by hand, once a level and day, whatever the cuts between records."""

from typing import Any

import pytest

from schemas.records import Alert, Record, Side
from streams.risk import calls
from streams.risk import stage as risk
from streams.risk.params import Params
from tests.orderpath_rig import Stage, at, fill, intent, mandate, mark

WIDE: dict[str, Any] = {
    "concentration_max": 1.0,
    "position_notional_usd_max": 1e9,
    "gross_notional_usd_max": 1e9,
    "daily_loss_usd_max": 1e9,
    "drawdown_max": 0.99,
}


def world(shares: int, **changes: Any) -> Stage:
    """Return risk of an account of 10,000 USD that has bought so many shares at 100."""
    given = mandate(capital_cents=1_000_000, **{**WIDE, **changes})
    return Stage(risk.advance, Params(), given, mark("XYZ", 0), fill("1", Side.BUY, shares, symbol="XYZ"))


def alerts(run: Stage, *records: Record) -> list[Alert]:
    return [one for record in records for one in run(record) if isinstance(one, Alert) and one.rule == calls.RULE]


def test_call_is_where_a_quarter_of_the_shares_is_not_covered() -> None:
    """380 shares at 100 with 10,000: equity 380 S - 28,000 is below 95 S where S < 98.25: at -2 %, not at -1."""
    run = world(380)
    account = run.state["account/paper"]
    found = calls.forecast_of(account, run.state, Params().margin_rules)
    assert (found.down_percent, found.up_percent, calls.text_of(found)) == (-2, None, "-2 %")
    two = next(one for one in found.moves if one.percent == -2)
    assert (two.equity_cents, two.maintenance_cents) == (924_000, 931_000)
    (told,) = alerts(run, mark("XYZ", 61))
    assert (told.value, told.event_ns) == (-2.0, at(61))
    assert told.text == (
        "a fall of 2 % of the market brings a margin call of 70.00 USD: equity 9240.00 USD, maintenance 9310.00 USD;"
        " XYZ would do it alone"
    )


def test_a_level_is_told_once_a_day_and_the_nearer_one_anew() -> None:
    """300 shares are called below 88.89: from 98 that is a fall of 10 %, from 93 of 5 %, and at 88 it is there."""
    run = world(300)
    assert alerts(run, mark("XYZ", 61)) == []
    told = alerts(run, *(mark("XYZ", 61 * step, price) for step, price in ((2, 98.0), (3, 98.0), (4, 93.0), (5, 92.0))))
    assert [one.value for one in told] == [-10.0, -5.0]
    (now,) = alerts(run, mark("XYZ", 61 * 6, 88.0))
    assert (now.value, now.text[:12]) == (0.0, "margin call:")
    assert alerts(run, mark("XYZ", 61 * 7, 87.0)) == [], "the levels beyond are told with it"
    assert [one.value for one in alerts(run, mark("XYZ", 86_400, 93.0))] == [-5.0], "a day later anew"


def test_a_short_is_called_from_above() -> None:
    """150 sold at 100 with 10,000: equity 25,000 - 150 S is below 45 S where S > 128.2; at 120 that is 10 % away."""
    run = world(1)
    run(fill("2", Side.SELL, 151, symbol="XYZ"))
    (told,) = alerts(run, mark("XYZ", 61, 120.0))
    assert told.value == 10.0


@pytest.mark.parametrize("shares", [100, 380])
def test_an_order_moves_the_forecast(shares: int) -> None:
    """What an order would add is counted as filled: 300 more than 80 is as 380."""
    run = world(shares)
    account = run.state["account/paper"]
    order = intent("9", Side.BUY, 380 - shares, symbol="XYZ") if shares < 380 else None
    more = calls.filled(order, order.quantity) if order is not None else []
    assert calls.forecast_of(account, run.state, Params().margin_rules, more).down_percent == -2
    assert (calls.forecast_of(account, run.state, Params().margin_rules).down_percent == -2) == (shares == 380)
