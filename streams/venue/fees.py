"""Fees of an order, by schedules of dated rows. A row holds from its first day to the next row's.

"flat": what the account's mandate says: fee_per_share_cents, fee_per_contract_cents, and fee_min_cents an order.
"ibkr_fixed": 0.005 USD a share, at least 1 USD and at most 1 % of the trade; 0.65 USD a contract (0.70 in the rows
before 2019), at least 1 USD an order; and what is passed on: of sales the SEC's fee under Section 31, by value, and
FINRA's trading activity fee, by shares (with a maximum) and by contracts; of all contracts the exchanges' ORF.
Options on indices are exempt from both fees on sales (SEC, Release 34-45371; FINRA, TAF questions, Q400.5). Exercise
and assignment bear no commission there (ibkr.info/node/186), but who delivers shares by them has sold them at the
strike: the SEC's fee on that, and FINRA's on the shares.

An order's fee is reckoned of all it has traded so far, rounded up to a cent; a fill pays what is new. So least and
most are of the order, as a broker counts them, in however many pieces it fills. The day is New York's.

Sources stand row by row in tests/unit/test_venue_fees.py, which says of which rows none was found. In short: the SEC's
rates are those of its advisories; a rate holds from 60 days after the year's appropriation was signed (15 USC 78ee).
There is no single history of the ORF: a row is what IBKR or another broker charged at some time, and its first day may
be off by months. Options below 0.10 USD cost less at IBKR (0.50 and 0.25); that, exchanges', clearing (OCC: 0.025 USD a
contract in 2026) and CAT fees are left out.
"""

from bisect import bisect_right
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

from schemas.records import LegFill, Mandate, Settlement, Side
from streams.book.settle_terms import is_cash_settled
from streams.venue.order import SECOND_NS, Tally, is_option

FLAT, IBKR_FIXED = "flat", "ibkr_fixed"
SCHEDULES = (FLAT, IBKR_FIXED)
PRECISION = 10_000
"""Parts of a cent that a mandate's fees are taken to, and micro-dollars of a cent."""
DAY_CUT_S = 5 * 3_600
"""New York's midnight, or an hour before it in summer, when no US market trades."""
SHARE, LEAST, MOST_PARTS = 5_000, 1_000_000, 100
"""Of ibkr_fixed: micro-dollars a share, and an order; the most is a hundredth of the shares' value."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Rates from a day on. values: micro-dollars, as the table says; sec: hundredths of a dollar a million."""

    first: date
    values: tuple[int, ...]


def _rates(*rows: tuple[str, tuple[int, ...]]) -> tuple[Rates, ...]:
    return tuple(Rates(date.fromisoformat(first), values) for first, values in rows)


SEC = _rates(
    ("2012-04-01", (2_240,)),
    ("2013-05-25", (1_740,)),
    ("2014-03-18", (2_210,)),
    ("2015-02-14", (1_840,)),
    ("2016-02-16", (2_180,)),
    ("2017-07-04", (2_310,)),
    ("2018-05-22", (1_300,)),
    ("2019-04-16", (2_070,)),
    ("2020-02-18", (2_210,)),
    ("2021-02-25", (510,)),
    ("2022-05-14", (2_290,)),
    ("2023-02-27", (800,)),
    ("2024-05-22", (2_780,)),
    ("2025-05-14", (0,)),
    ("2026-04-04", (2_060,)),
)
TAF = _rates(
    ("2012-07-01", (119, 5_950_000, 2_000)),
    ("2022-01-01", (130, 6_490_000, 2_180)),
    ("2023-01-01", (145, 7_270_000, 2_440)),
    ("2024-01-01", (166, 8_300_000, 2_790)),
    ("2026-01-01", (195, 9_790_000, 3_290)),
    ("2026-10-01", (0, 0, 0)),
    ("2027-01-01", (195, 9_790_000, 3_290)),
)
"""A share sold, at most an order, a contract sold."""
CONTRACT = _rates(
    ("2013-01-01", (700_000, 37_700)),
    ("2014-02-01", (700_000, 39_600)),
    ("2015-08-01", (700_000, 42_700)),
    ("2016-08-01", (700_000, 40_400)),
    ("2017-02-01", (700_000, 37_800)),
    ("2019-02-01", (650_000, 37_900)),
    ("2022-05-01", (650_000, 30_050)),
    ("2024-01-01", (650_000, 26_850)),
    ("2024-05-22", (650_000, 19_150)),
)
"""Commission and ORF of a contract."""


def rates_of(table: tuple[Rates, ...], day: date) -> tuple[int, ...]:
    """Return the rates of a day; before the first row that row's."""
    return table[max(0, bisect_right([row.first for row in table], day) - 1)].values


def day_of(event_ns: int) -> date:
    """Return the trading day of an instant."""
    return datetime.fromtimestamp(event_ns // SECOND_NS - DAY_CUT_S, UTC).date()


def tallied(tally: Tally, legs: tuple[LegFill, ...]) -> Tally:
    """Return the tally with what instruments have traded; what is sold of an index's options bears no fee on sales."""
    for leg in legs:
        option, sold = is_option(leg.symbol), leg.side is Side.SELL
        cents = leg.quantity * leg.price_cents * leg.multiplier
        sold = sold and not (option and is_cash_settled(leg.symbol))
        shares, contracts = (0, leg.quantity) if option else (leg.quantity, 0)
        tally = replace(
            tally,
            shares=tally.shares + shares,
            contracts=tally.contracts + contracts,
            cents=tally.cents + (0 if option else cents),
            sold_shares=tally.sold_shares + sold * shares,
            sold_contracts=tally.sold_contracts + sold * contracts,
            sold_cents=tally.sold_cents + sold * cents,
        )
    return tally


def total_cents(schedule: str, mandate: Mandate, tally: Tally, event_ns: int) -> int:
    """Return the fee of all that an order has traded, cents."""
    if schedule == FLAT:
        share = int(mandate.fee_per_share_cents * PRECISION + 0.5)
        contract = int(mandate.fee_per_contract_cents * PRECISION + 0.5)
        return max(mandate.fee_min_cents, -(-(share * tally.shares + contract * tally.contracts) // PRECISION))
    day = day_of(event_ns)
    contract, orf = rates_of(CONTRACT, day)
    commission = SHARE * tally.shares + contract * tally.contracts
    commission = max(LEAST, commission)
    if not tally.contracts:
        commission = min(commission, tally.cents * PRECISION // MOST_PARTS)
    return -(-(commission + orf * tally.contracts + _of_sales(tally, day)) // PRECISION)


def _of_sales(tally: Tally, day: date) -> int:
    """Return SEC's and FINRA's fees, micro-dollars."""
    (sec,) = rates_of(SEC, day)
    by_share, most, by_contract = rates_of(TAF, day)
    activity = min(most, by_share * tally.sold_shares) + by_contract * tally.sold_contracts
    return -(-sec * tally.sold_cents // PRECISION) + activity


def of_exercise(schedule: str, settlement: Settlement) -> int:
    """Return what an exercise or assignment costs, cents: fees on sales, where it delivers shares of the account's."""
    sold = sum(-one.quantity for one in settlement.transfers[1:] if one.quantity < 0 and not is_option(one.symbol))
    if schedule == FLAT or not sold or settlement.cash_cents <= 0:
        return 0
    tally = Tally(sold_shares=sold, sold_cents=settlement.cash_cents)
    return -(-_of_sales(tally, day_of(settlement.event_ns)) // PRECISION)


def charged(schedule: str, mandate: Mandate, tally: Tally, legs: tuple[LegFill, ...], event_ns: int) -> Tally:
    """Return the tally after a fill; its fee less that of the tally before is what the fill pays, >= 0."""
    after = tallied(tally, legs)
    return replace(after, fee_cents=max(tally.fee_cents, total_cents(schedule, mandate, after, event_ns)))
