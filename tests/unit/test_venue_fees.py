"""Fees: the mandate's, and the dated schedule, reckoned by hand."""

from datetime import date
from typing import Any

import pytest

from schemas.records import LegFill, Settlement, SettlementKind, Side, Transfer
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


@pytest.mark.parametrize("side", list(Side))
def test_options_on_an_index_bear_no_fee_on_sales(side: Side) -> None:
    """7.00 + 0.377, bought or sold. Section 31 exempts options on indices (SEC, Exemption of Transactions in Certain
    Options and Futures on Security Indexes, Release 34-45371, sec.gov/rules/final/34-45371.htm; broad ones by the
    statute), and so does FINRA's (Trading Activity Fee FAQ, A400.5, finra.org/rules-guidance/guidance/faqs).
    """
    assert fee("2013-10-08", LegFill("SPXW  131018C01700000", side, 10, 200, 100)) == 738


OF_2016 = "2016-03-01"


def test_interactive_brokers_own_examples_of_section_31() -> None:
    """Of 2016, at 21.80 a million (ibkr.info, tag optionswarrants, table "Examples of the transactions impacted by this
    fee"): 1,000 MSFT sold at 25.87 pay 0.563966, ten calls sold at 1.17 pay 0.025506; bought they pay none.

    Beside it: commission 5.00 and activity fee 0.119: 5.683. 7.00, ORF 0.427 and 0.02: 7.472506.
    """
    assert fee(OF_2016, LegFill("MSFT", Side.SELL, 1_000, 2_587, 1)) == 569
    assert fee(OF_2016, LegFill("MSFT", Side.BUY, 1_000, 2_587, 1)) == 500
    assert fee(OF_2016, LegFill("MSFT  160617C00025000", Side.SELL, 10, 117, 100)) == 748
    assert fee(OF_2016, LegFill("MSFT  160617C00025000", Side.BUY, 10, 117, 100)) == 743


@pytest.mark.parametrize(
    ("right", "quantity", "expected"),
    [("P", 10, 67), ("C", -10, 67), ("C", 10, 0), ("P", -10, 0)],
    ids=["put exercised", "call assigned", "call exercised", "put assigned"],
)
def test_exercise_that_delivers_shares_is_a_sale_at_the_strike(right: str, quantity: int, expected: int) -> None:
    """No commission (ibkr.info/node/186); ten puts of 25 exercised pay 0.545 under Section 31, so do calls assigned; a
    call exercised, a put assigned none (the same table); the activity fee on 1,000 shares is 0.119 (FINRA, TAF rule
    flow of equities: by exercise, on delivery). Together 0.664, rounded up.
    """
    toward = quantity if right == "C" else -quantity
    symbol = f"MSFT  160617{right}00025000"
    moved = (Transfer(symbol, -quantity, 0, 100), Transfer("MSFT", 100 * toward, 250_000 * toward, 1))
    kind = SettlementKind.EXERCISE if quantity > 0 else SettlementKind.ASSIGNMENT
    done = Settlement(
        "s", "paper", symbol, instant(OF_2016), kind, quantity, 2_500, moved, True, -250_000 * toward, 0, ""
    )
    assert fees.of_exercise(fees.IBKR_FIXED, done) == expected
    assert fees.of_exercise(fees.FLAT, done) == 0


FINRA, NOTICES = "FINRA Information Notice", "finra.org/rules-guidance/notices/information-notice"
SOURCES = {
    # Rate and first day, as the page says; "in force": the page gives the rate and not the day.
    (
        "SEC",
        "2012-04-01",
    ): "in force: SEC, Fee Rate Advisory #2 for FY 2013, sec.gov/news/press-release/2012-2012-232htm",
    ("SEC", "2013-05-25"): (
        f"rate: {FINRA} 3/3/14; day: 60 days after 2013-03-26, Release 34-69449,"
        " regulations.justia.com/regulations/fedreg/2013/05/01/2013-10194.html"
    ),
    ("SEC", "2014-03-18"): f"{FINRA} 3/3/14, {NOTICES}-030314",
    ("SEC", "2016-02-16"): f"in force: {FINRA} 3/15/16, {NOTICES}-031516",
    ("SEC", "2017-07-04"): f"in force: {FINRA} 5/7/18, {NOTICES}-050718",
    ("SEC", "2018-05-22"): f"{FINRA} 5/7/18, {NOTICES}-050718",
    ("SEC", "2019-04-16"): "FTF News, FINRA Ups Key Fees by 59 Percent, ftfnews.com/finra-ups-key-fees-by-59-percent",
    ("SEC", "2020-02-18"): (
        "National Law Review, New Rate for Fees Paid Under Section 31,"
        " natlawreview.com/article/new-rate-fees-paid-under-section-31-exchange-act"
    ),
    ("SEC", "2021-02-25"): (
        "National Law Review, New Fees Rate Paid Under Section 31,"
        " natlawreview.com/article/new-fees-rate-paid-under-section-31-exchange-act"
    ),
    ("SEC", "2024-05-22"): (
        "rate: STA, Congrats Stock Traders, securitytraders.org; day: 60 days after 2024-03-23, Release 34-99973,"
        " federalstatelaw.com/federal-register/2024-08512"
    ),
    ("SEC", "2026-04-04"): (
        "SEC, Fee Rate Advisory FY 2026, sec.gov/rules-regulations/fee-rate-advisories/2026-2, as others quote it;"
        " Release 34-104909 of 2026-02-27"
    ),
    ("SEC", "2025-05-14"): f"{FINRA} 4/24/25, {NOTICES}-20250424, as told by reg-monitoring.pages.dev",
    ("TAF", "2012-07-01"): "in force: FINRA, TAF Rule Flow Equities, docplayer.net/amp/13418813 (shares and maximum)",
    ("TAF", "2023-01-01"): "in force: brokerage-review.com/account-fee/taf-fee.aspx (shares and contracts)",
    ("TAF", "2024-01-01"): "in force: brokerage-review.com/account-fee/taf-fee.aspx (shares, maximum and contracts)",
    ("TAF", "2026-01-01"): (
        "FINRA, SR-FINRA-2024-019 fee adjustment schedule, finra.org/rules-guidance/rule-filings/sr-finra-2024-019, and"
        " Robinhood's fee schedule of 2026 (contracts), both as others quote them"
    ),
    ("TAF", "2026-10-01"): (
        "no fee in October to December 2026: SEC, Release 34-106409 (SR-FINRA-2026-021),"
        " public-inspection.federalregister.gov/2026-19392.pdf, as others quote it"
    ),
    ("TAF", "2027-01-01"): "the rates of before come back: the same release; SR-FINRA-2026-020 is said to hold them",
    ("CONTRACT", "2015-08-01"): "in force: Alaric, Regulatory Fees, alarictrader.com/regulatory-fees (ORF)",
    ("CONTRACT", "2017-02-01"): "in force: IBKR, Options Regulatory Fee, ibkr.info/article/1184, with PEARL's of 2017",
    (
        "CONTRACT",
        "2019-02-01",
    ): "in force: IBKR, Options Regulatory Fee, ibkr.info/article/1184, with EMERALD's of 2019",
}
UNVERIFIED = {
    ("SEC", "2015-02-14"),
    ("SEC", "2022-05-14"),
    ("SEC", "2023-02-27"),  # the day is 60 days after 2022-12-29, Release 34-96724; no page found says the rate
    ("TAF", "2022-01-01"),
    ("CONTRACT", "2013-01-01"),
    ("CONTRACT", "2014-02-01"),
    ("CONTRACT", "2016-08-01"),
    ("CONTRACT", "2022-05-01"),
    ("CONTRACT", "2024-01-01"),
    ("CONTRACT", "2024-05-22"),
}
"""Rows of which no page was found that says them: taken from memory of advisories and brokers' tables."""


def test_every_row_names_its_source_or_that_there_is_none() -> None:
    """A row that is added has to say where it comes from."""
    tables = {"SEC": fees.SEC, "TAF": fees.TAF, "CONTRACT": fees.CONTRACT}
    rows = {(name, row.first.isoformat()) for name, table in tables.items() for row in table}
    assert rows == SOURCES.keys() | UNVERIFIED
    assert not SOURCES.keys() & UNVERIFIED


@pytest.mark.parametrize(
    ("table", "day", "expected"),
    [
        (fees.SEC, "2012-11-15", (2_240,)),
        (fees.SEC, "2014-03-17", (1_740,)),
        (fees.SEC, "2014-03-18", (2_210,)),
        (fees.SEC, "2016-03-15", (2_180,)),
        (fees.SEC, "2018-05-21", (2_310,)),
        (fees.SEC, "2018-05-22", (1_300,)),
        (fees.SEC, "2019-04-15", (1_300,)),
        (fees.SEC, "2019-04-16", (2_070,)),
        (fees.SEC, "2020-02-17", (2_070,)),
        (fees.SEC, "2020-02-18", (2_210,)),
        (fees.SEC, "2021-02-24", (2_210,)),
        (fees.SEC, "2021-02-25", (510,)),
        (fees.SEC, "2025-05-13", (2_780,)),
        (fees.SEC, "2025-05-14", (0,)),
        (fees.TAF, "2013-10-08", (119, 5_950_000, 2_000)),
        (fees.SEC, "2026-04-03", (0,)),
        (fees.SEC, "2026-04-04", (2_060,)),
        (fees.TAF, "2025-01-02", (166, 8_300_000, 2_790)),
        (fees.TAF, "2026-09-30", (195, 9_790_000, 3_290)),
        (fees.TAF, "2026-10-01", (0, 0, 0)),
        (fees.TAF, "2026-12-31", (0, 0, 0)),
        (fees.TAF, "2027-01-04", (195, 9_790_000, 3_290)),
        (fees.CONTRACT, "2018-01-02", (700_000, 37_800)),
        (fees.CONTRACT, "2019-06-03", (650_000, 37_900)),
    ],
)
def test_rates_are_those_of_the_sources(table: Any, day: str, expected: tuple[int, ...]) -> None:
    """On the day before and from the first day on, where a page says the day (SOURCES)."""
    assert fees.rates_of(table, date.fromisoformat(day)) == expected


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
