"""Worked cases of strategy-based margin, by hand, each with its source; what equity must cover, in cents.

The sources' figures are "the cash to bring": a requirement less the premiums received, so for positions opened at
market what equity has to cover. IBM and SPX: Cboe, Margin Requirement Examples for Sample Options-based Positions
(April 2007: IBM 97.73, SPX 1451.19, 100 contracts). Cboe, Margin Manual (April 2000, docslib.org/doc/6485279): sample
calculations. FINRA 4210(f)(2): Regulatory Notice 12-44, finra.org/rules-guidance/notices/12-44, for spreads. The page
of the examples of 2007, the calculator's and the manual's samples were not found again when sources were looked up in
November 2026: their figures are unverified, the arithmetic beside each case is what is tested.
"""

from typing import NamedTuple

import pytest

from schemas.records import MarginKind
from streams.risk.margin.contract import Holding
from streams.risk.margin.requirement import power, requirement
from streams.risk.margin.rules import MarginRow
from streams.risk.margin.underlying import Requirement

ROW = MarginRow()
DAY, LATER = "261218", "270115"


class Held(NamedTuple):
    """A position of a case: contracts or shares at a price in cents."""

    symbol: str
    quantity: int
    price: int


def option(root: str, right: str, strike: float, day: str = DAY) -> str:
    """Return an OSI symbol; strike in dollars."""
    return f"{root:6}{day}{right}{round(strike * 1000):08d}"


def need(
    underlying: str, spot: float, *held: Held, row: MarginRow = ROW, kind: MarginKind = MarginKind.REG_T
) -> Requirement:
    """Return what positions need; spot in dollars."""
    prices = {one.symbol: one.price for one in held} | {underlying: round(spot * 100)}
    positions = {
        one.symbol: Holding(one.quantity, one.quantity * one.price, 100 if len(one.symbol) == 21 else 1) for one in held
    }
    return requirement(positions, prices, (), row, kind)


def ibm(right: str, strike: float, quantity: int, price: int) -> Held:
    """Return IBM options."""
    return Held(option("IBM", right, strike), quantity, price)


def spx(right: str, strike: float, quantity: int, price: int) -> Held:
    """Return SPX options."""
    return Held(option("SPX", right, strike), quantity, price)


IBM_CASES = [
    # 20 % of 97.73 is 19.546; the call is 2.27 out of the money: 17.276 x 10,000.
    ("naked call", 17_276_000, (ibm("C", 100, -100, 168),)),
    # The put is in the money: 19.546 x 10,000.
    ("naked put", 19_546_000, (ibm("P", 100, -100, 318),)),
    # 50 % of 977,300 less 16,800 received.
    ("covered call", 47_185_000, (Held("IBM", 10_000, 9_773), ibm("C", 100, -100, 168))),
    # 488,650 and the put's 10,200.
    ("protective put", 49_885_000, (Held("IBM", 10_000, 9_773), ibm("P", 95, 100, 102))),
    # Long call 16,800 and the naked put's 195,460.
    ("synthetic long", 21_226_000, (ibm("C", 100, 100, 168), ibm("P", 100, -100, 318))),
    # Long put 10,200; naked call 105: 19.546 - 7.27 = 12.276.
    ("risk reversal", 13_296_000, (ibm("P", 95, 100, 102), ibm("C", 105, -100, 40))),
    # 488,650 + 10,200 - 4,000.
    ("collar", 49_485_000, (Held("IBM", 10_000, 9_773), ibm("P", 95, 100, 102), ibm("C", 105, -100, 40))),
    # A debit spread: 45,300 - 4,000.
    ("call vertical", 4_130_000, (ibm("C", 95, 100, 453), ibm("C", 105, -100, 40))),
]
SPX_CASES = [
    # 15 % of 1451.19 is 217.6785; 8.81 out of the money: 208.8685 x 10,000.
    ("naked call", 208_868_500, (spx("C", 1460, -100, 2166),)),
    ("naked put", 217_678_500, (spx("P", 1460, -100, 2255),)),
    # Call 21.66 x 10,000 and the put's 2,176,785.
    ("synthetic long", 239_338_500, (spx("C", 1460, 100, 2166), spx("P", 1460, -100, 2255))),
    # Put 187,200; call 1500: 217.6785 - 48.81 = 168.8685.
    ("risk reversal", 187_588_500, (spx("P", 1450, 100, 1872), spx("C", 1500, -100, 596))),
    ("call vertical", 21_610_000, (spx("C", 1450, 100, 2757), spx("C", 1500, -100, 596))),
]


@pytest.mark.parametrize(("name", "cents", "held"), IBM_CASES)
def test_equity_options_as_cboe_reckons_them(name: str, cents: int, held: tuple[Held, ...]) -> None:
    """Each line of Cboe's table of equity strategies (strategy-based column)."""
    assert need("IBM", 97.73, *held).initial_cents == cents


@pytest.mark.parametrize(("name", "cents", "held"), SPX_CASES)
def test_index_options_as_cboe_reckons_them(name: str, cents: int, held: tuple[Held, ...]) -> None:
    """Each line of Cboe's table of index strategies that holds no fund (strategy-based column)."""
    assert need("SPX", 1451.19, *held).initial_cents == cents


def xyz(right: str, strike: float, quantity: int, price: int, day: str = DAY) -> Held:
    """Return options of XYZ."""
    return Held(option("XYZ", right, strike, day), quantity, price)


def manual(found: Requirement) -> int:
    """Return the requirement as manuals tell it: with the market value of what is short."""
    return found.initial_cents + found.short_value_cents


def names(found: Requirement) -> list[str]:
    """Return the strategies' names, sorted."""
    return sorted(one.name for one in found.strategies)


def test_short_straddle_is_the_greater_side_and_the_other_premium() -> None:
    """Cboe, Margin Manual, sample of a short straddle: underlying 92.63, call 90 at 7, put 90 at 3.70.

    Call: 700 + 20 % of 9,263 = 2,552.60. Put: 370 + 1,852.60 - 263 = 1,959.60. Requirement 2,552.60 + 370 = 2,922.60,
    of which the proceeds bring 1,070: 1,852.60.
    """
    found = need("XYZ", 92.63, xyz("C", 90, -1, 700), xyz("P", 90, -1, 370))
    assert (manual(found), found.initial_cents, names(found)) == (292_260, 185_260, ["short straddle"])


def test_short_strangle_is_the_greater_side_and_the_other_premium() -> None:
    """A broker's example (tastytrade, Short Straddle/Strangle): at 45, call 47 at 2.10, put 43 at 1.20: 910 + 120."""
    found = need("XYZ", 45, xyz("C", 47, -1, 210), xyz("P", 43, -1, 120))
    assert (manual(found), names(found)) == (103_000, ["short strangle"])


def test_naked_put_of_the_cboe_calculator() -> None:
    """Cboe's margin calculator: short a put 200 at 1.20, stock at 209: 120 + 4,180 - 900 = 3,400; call 3,280."""
    found = need("XYZ", 209, xyz("P", 200, -1, 120))
    assert (manual(found), found.initial_cents) == (340_000, 328_000)


def test_naked_options_far_out_of_the_money_need_the_least() -> None:
    """FINRA 4210(f)(2): a call at least 10 % of the underlying, a put at least 10 % of its strike, and premium.

    Stock at 100: call 130 at 0.10: 10 + max(2,000 - 3,000, 1,000). Put 70 at 0.15: 15 + max(-1,000, 700).
    """
    assert manual(need("XYZ", 100, xyz("C", 130, -1, 10))) == 101_000
    assert manual(need("XYZ", 100, xyz("P", 70, -1, 15))) == 71_500


def test_credit_spread_needs_its_width() -> None:
    """Cboe's margin calculator: long put 120 at 0.80, short put 125 at 1.24: the width 500, with 80 paid 580.

    124 of proceeds leave 456 to bring.
    """
    found = need("XYZ", 140, xyz("P", 120, 1, 80), xyz("P", 125, -1, 124))
    assert (manual(found), found.initial_cents, names(found)) == (58_000, 45_600, ["put vertical"])


def test_spread_wider_than_naked_is_margined_as_naked() -> None:
    """FINRA 4210(f)(2): the lesser of naked and the greatest loss. Stock at 100, short call 110, long call 190.

    Width 8,000. Naked: 50 + max(2,000 - 1,000, 1,000) = 1,050, and the long call's 5: 1,055.
    """
    found = need("XYZ", 100, xyz("C", 110, -1, 50), xyz("C", 190, 1, 5))
    assert (manual(found), names(found)) == (105_500, ["long call", "naked call"])


def test_iron_condor_needs_one_side() -> None:
    """Interactive Brokers, knowledge base, iron condor: SPY 160/170/180/190, ten of each: 10 x 10 x 100 = 10,000."""
    legs = [Held(option("SPY", "P", 160), 10, 20), Held(option("SPY", "P", 170), -10, 60)]
    legs += [Held(option("SPY", "C", 180), -10, 50), Held(option("SPY", "C", 190), 10, 15)]
    found = need("SPY", 175, *legs)
    credit = 10 * 100 * (60 + 50 - 20 - 15)
    assert (found.initial_cents, names(found)) == (1_000_000 - credit, ["iron condor"])


def test_butterflies() -> None:
    """Cboe, Margin Manual: a long butterfly is paid in full, a short one needs the credit spread's width.

    tastytrade's example, Short Butterfly: short 3 puts 75 at 1.50, long 6 at 80 at 4, short 3 at 85 at 6: 5 x 3 x 100.
    """
    found = need("XYZ", 80, xyz("C", 75, 1, 620), xyz("C", 80, -2, 300), xyz("C", 85, 1, 120))
    assert (found.initial_cents, names(found)) == (100 * (620 + 120 - 2 * 300), ["butterfly"])
    found = need("XYZ", 80, xyz("P", 75, -3, 150), xyz("P", 80, 6, 400), xyz("P", 85, -3, 600))
    assert found.initial_cents == 150_000 + 300 * (2 * 400 - 150 - 600)
    assert names(found) == ["butterfly"]


def test_boxes() -> None:
    """Cboe, Margin Manual: a long box is paid in full, a short one needs the difference of the strikes."""
    legs = (xyz("C", 50, 1, 700), xyz("C", 60, -1, 150), xyz("P", 60, 1, 500), xyz("P", 50, -1, 80))
    assert need("XYZ", 55, *legs).initial_cents == 97_000
    short = tuple(one._replace(quantity=-one.quantity) for one in legs)
    found = need("XYZ", 55, *short)
    assert (found.initial_cents, names(found)) == (100_000 - 97_000, ["box"])


def test_calendars_and_diagonals_are_covered_by_what_expires_later() -> None:
    """FINRA 4210(f)(2): short options of a spread expire on or before the long ones; the other way round is naked.

    Short call 105 at 2, long call 105 of the month after at 3: paid, 100. With the long at 110 (2.20): 500 and 20.
    The long one first: naked, 20 % of 100 less 5 = 1,500 beside its 3.00, and the long's 200.
    """
    found = need("XYZ", 100, xyz("C", 105, -1, 200), xyz("C", 105, 1, 300, LATER))
    assert (found.initial_cents, names(found)) == (10_000, ["call calendar"])
    found = need("XYZ", 100, xyz("C", 105, -1, 200), xyz("C", 110, 1, 220, LATER))
    assert (found.initial_cents, names(found)) == (52_000, ["call diagonal"])
    found = need("XYZ", 100, xyz("C", 105, 1, 200), xyz("C", 105, -1, 300, LATER))
    assert (manual(found), names(found)) == (150_000 + 30_000 + 20_000, ["long call", "naked call"])


def test_am_settled_index_options_do_not_cover_pm_settled_ones() -> None:
    """SPX ends at the open of its day, SPXW at the close: the first leaves the second uncovered for the day."""
    am, pm = option("SPX", "C", 5000), option("SPXW", "C", 5000)
    found = need("SPX", 5000, Held(am, 1, 5000), Held(pm, -1, 5000))
    assert names(found) == ["long call", "naked call"]
    assert names(need("SPX", 5000, Held(am, -1, 5000), Held(pm, 1, 5000))) == ["call calendar"]


def test_ratio_spread_leaves_the_rest_naked() -> None:
    """Long call 100 at 5, short two 110 at 2, stock at 100: one is covered, one naked: 200 + 2,000 - 1,000 -> 1,000."""
    found = need("XYZ", 100, xyz("C", 100, 1, 500), xyz("C", 110, -2, 200))
    assert (found.initial_cents, names(found)) == (50_000 - 20_000 + 100_000, ["call vertical", "naked call"])


def test_long_shares() -> None:
    """Reg T 220.12(a) and FINRA 4210(c)(1): 50 % at first, 25 % from then on. 100 shares at 60: 3,000 and 1,500."""
    found = need("XYZ", 60, Held("XYZ", 100, 6_000))
    assert (found.initial_cents, found.maintenance_cents) == (300_000, 150_000)


def test_short_shares() -> None:
    """Reg T 220.12(c)(1): 150 % with the proceeds. FINRA 4210(c)(2), (3): 30 %, at least 5.00; below 5.00: 100 %, 2.50.

    100 at 60: 9,000 and 30 % = 1,800 beside their value. At 8: 5.00 a share. At 4: 4.00 a share; at 2: 2.50.
    """
    found = need("XYZ", 60, Held("XYZ", -100, 6_000))
    assert (manual(found), found.maintenance_cents) == (900_000, 180_000)
    assert need("XYZ", 8, Held("XYZ", -100, 800)).maintenance_cents == 50_000
    assert need("XYZ", 4, Held("XYZ", -100, 400)).maintenance_cents == 40_000
    assert need("XYZ", 2, Held("XYZ", -100, 200)).maintenance_cents == 25_000


def test_covered_call_in_the_money_counts_shares_at_the_strike() -> None:
    """Cboe, Margin Manual, short call and long underlying: shares count at the lower of market and strike.

    100 at 60, call 50 at 11: at first 50 % = 3,000 and 1,000 in the money less 1,100. Later: 25 % of 5,000.
    """
    found = need("XYZ", 60, Held("XYZ", 100, 6_000), xyz("C", 50, -1, 1_100))
    assert (found.initial_cents, found.maintenance_cents, names(found)) == (290_000, 115_000, ["covered call"])


def test_covered_put_counts_short_shares_at_the_strike() -> None:
    """Cboe, Margin Manual, short put and short underlying: 150 %; shares count at the higher of market and strike.

    100 short at 60, put 70 at 11: 3,000 + 1,000 - 1,100. Later 30 % of 7,000 + 1,000 - 1,100.
    """
    found = need("XYZ", 60, Held("XYZ", -100, 6_000), xyz("P", 70, -1, 1_100))
    assert (found.initial_cents, found.maintenance_cents, names(found)) == (290_000, 200_000, ["covered put"])


def test_protective_options_lower_maintenance() -> None:
    """FINRA 4210(f)(2): 10 % of the strike and what is out of the money, or the plain rate where that is less.

    100 at 60, put 58 at 1: 580 + 200 = 780 < 1,500. Put 40: 400 + 2,000 > 1,500. Short, call 62: 620 + 200.
    """
    found = need("XYZ", 60, Held("XYZ", 100, 6_000), xyz("P", 58, 1, 100))
    assert (found.initial_cents, found.maintenance_cents) == (310_000, 78_000 + 10_000)
    assert need("XYZ", 60, Held("XYZ", 100, 6_000), xyz("P", 40, 1, 100)).maintenance_cents == 160_000
    found = need("XYZ", 60, Held("XYZ", -100, 6_000), xyz("C", 62, 1, 100))
    assert (found.maintenance_cents, names(found)) == (82_000 + 10_000, ["protective call"])


def test_conversion_collar_and_reversal() -> None:
    """FINRA 4210(f)(2); Cboe, Margin Manual, page 14.

    Conversion at 60: long 100, put 60 at 2, short call 60 at 3: 10 % of 6,000 = 600, less the 100 that options brought.
    Collar: put 55 at 1, call 65 at 1.50: min(550 + 500, 25 % of 6,500 = 1,625, 1,500) = 1,050, less 50.
    Reversal: short 100, call 62 at 2, short put 62 at 3: 10 % of 6,200 and 200 in the money, less 100.
    """
    shares = Held("XYZ", 100, 6_000)
    found = need("XYZ", 60, shares, xyz("P", 60, 1, 200), xyz("C", 60, -1, 300))
    assert (found.maintenance_cents, names(found)) == (60_000 - 10_000, ["conversion"])
    found = need("XYZ", 60, shares, xyz("P", 55, 1, 100), xyz("C", 65, -1, 150))
    assert (found.maintenance_cents, names(found)) == (105_000 - 5_000, ["collar"])
    found = need("XYZ", 60, Held("XYZ", -100, 6_000), xyz("C", 62, 1, 200), xyz("P", 62, -1, 300))
    assert (found.maintenance_cents, names(found)) == (62_000 + 20_000 - 10_000, ["reversal"])


def test_multipliers_count() -> None:
    """A mini of ten shares needs a tenth; contracts of another multiplier cover nothing of it (4210(f)(2))."""
    mini, full = option("XYZ7", "C", 110), option("XYZ", "C", 105)
    prices = {"XYZ": 10_000, mini: 100, full: 200}
    alone = requirement({mini: Holding(-1, -1_000, 10)}, prices, (), ROW)
    assert alone.initial_cents == 10_000
    both = requirement({mini: Holding(-1, -1_000, 10), full: Holding(1, 20_000, 100)}, prices, (), ROW)
    assert both.initial_cents == 10_000 + 20_000


def test_cash_account() -> None:
    """Reg T 220.8 and FINRA 4210(f)(2): puts secured by cash, calls by shares, index spreads by their loss.

    Put 50 at 2: 5,000 less 200. 100 shares at 60 and a call 65 at 1: 6,000 less 100. A naked call is not allowed, nor a
    spread of American options, nor short shares. SPX 5000/5050 put spread at 20: 5,000 less 2,000.
    """
    cash = MarginKind.CASH
    found = need("XYZ", 60, xyz("P", 50, -1, 200), kind=cash)
    assert (found.initial_cents, names(found), found.forbidden) == (480_000, ["cash-secured put"], ())
    found = need("XYZ", 60, Held("XYZ", 100, 6_000), xyz("C", 65, -1, 100), kind=cash)
    assert (found.initial_cents, names(found), found.forbidden) == (590_000, ["covered call"], ())
    assert len(need("XYZ", 60, xyz("C", 65, -1, 100), kind=cash).forbidden) == 1
    assert len(need("XYZ", 60, xyz("C", 65, -1, 100), xyz("C", 70, 1, 50), kind=cash).forbidden) == 1
    assert len(need("XYZ", 60, Held("XYZ", -100, 6_000), kind=cash).forbidden) == 1
    spread = (spx("P", 5000, 1, 3_000), spx("P", 5050, -1, 5_000))
    found = need("SPX", 5100, *spread, kind=cash)
    assert (found.initial_cents, names(found), found.forbidden) == (500_000 - 200_000, ["put vertical"], ())


def test_buying_power() -> None:
    """Equity 10,000 against 3,000 of initial and 1,500 of maintenance: 7,000, twice that in shares (Reg T), 8,500.

    FINRA 4210(b)(4): with less than 2,000 of equity nothing is lent, so shares are paid in full.
    """
    assert power(1_000_000, 300_000, 150_000, ROW, MarginKind.REG_T) == (700_000, 1_400_000, 850_000)
    assert power(1_000_000, 300_000, 150_000, ROW, MarginKind.CASH) == (700_000, 700_000, 850_000)
    assert power(150_000, 0, 0, ROW, MarginKind.REG_T) == (150_000, 150_000, 150_000)
