"""Fees: the mandate's, and the dated schedule, reckoned by hand."""

from datetime import date
from typing import Any

import pytest

from schemas.records import LegFill, Side
from streams.venue import fees
from streams.venue.order import Tally
from streams.venue.stage import Params
from tests.orderpath_rig import mandate, mark
from tests.venue_rig import CALL, HIGHER, limit, option, option_mark, order, started, vertical

IBKR = Params(fees="ibkr_fixed")
NOON = 12 * 3_600 * 10**9


def instant(day: str) -> int:
    """Return noon UTC of a day."""
    return (date.fromisoformat(day) - date(1970, 1, 1)).days * 86_400 * 10**9 + NOON


def fee(day: str, *legs: LegFill) -> int:
    """Return the fee of an order that has traded so much on a day, by the schedule."""
    return fees.total_cents(fees.IBKR_FIXED, mandate(), fees.tallied(Tally(), legs), instant(day))


@pytest.mark.parametrize(
    ("day", "side", "shares", "cents", "expected"),
    [
        ("2013-10-08", Side.BUY, 100, 10_000, 100),  # 0.50, at least 1.00
        ("2013-10-08", Side.BUY, 1_000, 10_000, 500),  # 5.00
        ("2013-10-08", Side.BUY, 10, 500, 50),  # at most 1 % of 50.00
        ("2013-10-08", Side.SELL, 1_000, 10_000, 686),  # 5 + 100,000 x 17.4/1e6 = 1.74 + 0.119: 6.859
        ("2013-05-24", Side.SELL, 1_000, 10_000, 736),  # 5 + 2.24 + 0.119: 7.359
        ("2013-05-25", Side.SELL, 1_000, 10_000, 686),  # the new rate from its first day
        ("2025-06-02", Side.SELL, 1_000, 10_000, 517),  # 5 + 0 + 0.166: 5.166
        ("2024-06-03", Side.SELL, 100_000, 10_000, 77_800 // 100 * 100 + 830),  # 500 + 278 + at most 8.30
    ],
)
def test_shares(day: str, side: Side, shares: int, cents: int, expected: int) -> None:
    """Half a cent a share, least and most; of sales the SEC's and FINRA's fees; rounded up to a cent."""
    assert fee(day, LegFill("SPY", side, shares, cents, 1)) == expected


@pytest.mark.parametrize(
    ("day", "side", "contracts", "expected"),
    [
        ("2013-10-08", Side.BUY, 1, 104),  # at least 1.00, and ORF 0.0377
        ("2013-10-08", Side.BUY, 10, 738),  # 7.00 + 0.377
        ("2013-10-08", Side.SELL, 10, 744),  # and 2,000 x 17.4/1e6 = 0.0348, and 10 x 0.002: 7.4318
        ("2024-06-03", Side.SELL, 10, 678),  # 6.50 + 0.1915 + 0.0556 + 0.0279: 6.775
    ],
)
def test_contracts(day: str, side: Side, contracts: int, expected: int) -> None:
    """Commission and ORF of each contract; of sales the SEC's fee on the premium, and FINRA's."""
    assert fee(day, LegFill(CALL, side, contracts, 200, 100)) == expected


def test_a_combination_pays_for_every_contract_once() -> None:
    """Ten verticals are twenty contracts: 14.00 + 0.754, and of the leg sold 1,500 x 17.4/1e6 + 0.02: 14.8001."""
    legs = (LegFill(CALL, Side.BUY, 10, 210, 100), LegFill(HIGHER, Side.SELL, 10, 150, 100))
    assert fee("2013-10-08", *legs) == 1_481


def test_rows_hold_from_their_first_day() -> None:
    """And the first row before it; rows are in order; the day is New York's."""
    assert fees.rates_of(fees.SEC, date(2000, 1, 1)) == fees.rates_of(fees.SEC, date(2012, 4, 1))
    for table in (fees.SEC, fees.TAF, fees.CONTRACT):
        assert [row.first for row in table] == sorted({row.first for row in table})
        assert len({len(row.values) for row in table}) == 1
    assert fees.day_of(instant("2013-10-08") - NOON + 10**9) == date(2013, 10, 7)


def test_an_order_in_parts_pays_what_it_would_whole() -> None:
    """The least is the order's: the first part pays it, the next nothing until it is used up."""
    run = started(mark(volume=100), params=Params(fees="ibkr_fixed", participation=1.0))
    paid = [one.fee_cents for one in run(order("1", quantity=250))]
    for second in (2, 3):
        paid += [one.fee_cents for one in run(mark(second=second, volume=100))]
    assert paid == [100, 0, 25]
    (whole,) = started(mark(), params=IBKR)(order("1", quantity=250))
    assert sum(paid) == whole.fee_cents


def test_the_mandates_fees_are_the_default() -> None:
    """By share and contract, at least fee_min_cents an order, whatever its parts."""
    costs: dict[str, Any] = {"fee_per_share_cents": 0.5, "fee_per_contract_cents": 65.0, "fee_min_cents": 100}
    run = started(mark(), option_mark(), option_mark(HIGHER, 1, 1.5, 1.6), **costs)
    assert [one.fee_cents for one in run(limit("1", Side.BUY, 201, 10_001))] == [101]
    assert [one.fee_cents for one in run(option("2", Side.BUY, 1))] == [100]
    assert [one.fee_cents for one in run(option("3", Side.BUY, 3))] == [195]
    assert [one.fee_cents for one in run(vertical("4", 2, 9_000))] == [260]
