"""Where margin calls come, by hand."""

import pytest

from schemas.records import MarginKind
from streams.risk.margin.contract import Held, Holding
from streams.risk.margin.forecast import Greeks, forecast
from streams.risk.margin.rules import MarginRow

ROW = MarginRow()
PUT = "XYZ   261218P00100000"


def test_shares_on_margin_are_called_where_a_quarter_is_not_covered() -> None:
    """200 shares at 100, 10,000 of them lent: equity 20,000 x - 10,000 is below 5,000 x where x < 2/3.

    On a grid of 5 % from -40 that is -35 %: equity 3,000 of 3,250. Nothing is called above.
    """
    positions: dict[str, Held] = {"XYZ": Holding(200, 2_000_000, 1)}
    found = forecast("XYZ", positions, {"XYZ": 10_000}, {}, 1_000_000, 0, ROW, percents=range(-40, 45, 5))
    assert (found.down_percent, found.up_percent) == (-35, None)
    worst = next(one for one in found.moves if one.percent == -35)
    assert (worst.equity_cents, worst.maintenance_cents, worst.excess_cents) == (300_000, 325_000, -25_000)


def test_short_put_is_repriced_by_delta_and_gamma() -> None:
    """A put 100 at 4.00, delta -0.5, gamma 0.04: 10 % down it is 4 + 5 + 2 = 11.00, in the money by 10.

    One sold, equity 3,000: 700 lost; 20 % of 9,000 = 1,800 is needed, and 2,300 is left.
    """
    positions: dict[str, Held] = {PUT: Holding(-1, -40_000, 100)}
    prices = {"XYZ": 10_000, PUT: 400}
    found = forecast("XYZ", positions, prices, {PUT: Greeks(-0.5, 0.04)}, 300_000, 0, ROW)
    ten = next(one for one in found.moves if one.percent == -10)
    assert (ten.equity_cents, ten.maintenance_cents) == (230_000, 180_000)
    called = next(one for one in found.moves if one.percent == found.down_percent)
    before = next(one for one in found.moves if one.percent == called.percent + 1)
    assert called.excess_cents < 0 <= before.excess_cents
    assert found.up_percent is None


def test_option_is_worth_at_least_what_it_is_in_the_money() -> None:
    """Without gamma a put of delta -0.1 would be 5.00 at 80: it is worth 20; without greeks its 3.00 of time more."""
    positions: dict[str, Held] = {PUT: Holding(1, 30_000, 100)}
    prices = {"XYZ": 10_000, PUT: 300}
    low = forecast("XYZ", positions, prices, {PUT: Greeks(-0.1, 0.0)}, 0, 0, ROW, percents=(-20,)).moves[0]
    assert low.equity_cents == 100 * (2_000 - 300)
    low = forecast("XYZ", positions, prices, {}, 0, 0, ROW, percents=(-20,)).moves[0]
    assert low.equity_cents == 100 * 2_000


def test_other_underlyings_need_theirs() -> None:
    """What the account's other positions need stands beside it, and may call by itself."""
    found = forecast("XYZ", {}, {"XYZ": 10_000}, {}, 100_000, 100_001, ROW)
    assert (found.down_percent, found.up_percent) == (-1, 1)


def test_unpriced_underlying_is_an_error() -> None:
    """There is nothing to move."""
    with pytest.raises(ValueError, match="XYZ must have a price"):
        forecast("XYZ", {}, {}, {}, 0, 0, ROW, MarginKind.REG_T)
