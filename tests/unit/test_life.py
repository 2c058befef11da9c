"""What becomes of options and shares at the paper venue: cases reckoned by hand, each with its source."""

from datetime import date, time
from typing import Any

import pytest

from schemas.records import Settlement, SettlementKind
from streams.book.ledger import Lot
from streams.book.settle_rules import assigned_chance
from streams.venue.life import Params
from tests.life_rig import (
    Life,
    bought,
    closing,
    contract,
    dividend,
    new_york,
    opening,
    option_mark,
    price,
    split,
)

FRIDAY, SATURDAY, MONDAY = date(2013, 10, 18), date(2013, 10, 19), date(2013, 10, 21)
"""The monthly expiry of October 2013: its symbols name the Saturday."""
CALL, PUT = contract(SATURDAY, "C", 170), contract(SATURDAY, "P", 170)


def at_the_close(life: Life, last: float, ticker: str = "SPY", day: date = FRIDAY) -> list[Settlement]:
    """Return what a day's last mark settles."""
    return life(price(ticker, day, time(16), last))


def only(settled: list[Settlement]) -> Settlement:
    """Return the one settlement."""
    (one,) = settled
    return one


def test_in_the_money_by_a_cent_is_exercised_at_the_close() -> None:
    """Exercise by exception: 0.01 in the money is exercised, less is not (OCC Rule 805; OIC,
    Options Exercise, optionseducation.org/referencelibrary/faq/options-exercise). The call's cost of 120 USD goes into
    the shares'.
    """
    life = Life(Params(pin_cents=0))
    life(opening(FRIDAY), bought(CALL, 1, 120, FRIDAY), bought(PUT, 1, 90, FRIDAY))
    life(price("SPY", FRIDAY, time(15, 59, 59), 169.0))
    called, put = at_the_close(life, 170.01)
    assert (called.kind, called.symbol, called.price_cents, called.cash_cents) == (
        SettlementKind.EXERCISE,
        CALL,
        17_000,
        -1_700_000,
    )
    assert (put.kind, put.cash_cents) == (SettlementKind.EXPIRY, 0)
    assert called.event_ns == put.event_ns == new_york(FRIDAY, time(16))
    assert life.held() == {"SPY": 100}
    assert life.ledger.positions["SPY"].lots == (Lot(100, 1_712_000, called.event_ns),)
    assert life.ledger.realised_cents == -9_000


def test_at_the_money_expires() -> None:
    """170.00 against 170: nothing is exercised."""
    life = Life(Params(pin_cents=0))
    life(opening(FRIDAY), bought(CALL, 2, 120, FRIDAY))
    assert only(at_the_close(life, 170.0)).kind is SettlementKind.EXPIRY
    assert life.ledger.realised_cents == -24_000


def test_the_close_is_the_last_price_up_to_it() -> None:
    """A mark of after the close does not settle what the close before it has settled by."""
    life = Life()
    life(opening(FRIDAY), bought(CALL, 1, 120, FRIDAY), price("SPY", FRIDAY, time(15, 59), 171.0))
    assert only(life(price("SPY", FRIDAY, time(16, 0, 2), 165.0))).kind is SettlementKind.EXERCISE


def test_without_a_mark_the_end_of_the_session_settles() -> None:
    """Another ticker's marks wait a quarter of an hour for the close, a session's end does not wait."""
    for last in (price("QQQ", FRIDAY, time(16, 15), 80.0), closing(FRIDAY)):
        life = Life()
        life(opening(FRIDAY), bought(CALL, 1, 120, FRIDAY), price("SPY", FRIDAY, time(15, 58), 171.0))
        assert life(price("QQQ", FRIDAY, time(16, 14), 80.0)) == []
        assert only(life(last)).kind is SettlementKind.EXERCISE


def test_a_writer_is_told_the_next_morning() -> None:
    """A call sold at 1.20 and 100 shares of 165: assigned at 170 on Monday, 165 - 170 - 1.20 realised on Monday."""
    life = Life()
    life(opening(FRIDAY), bought("SPY", 100, 16_500, FRIDAY), bought(CALL, -1, 120, FRIDAY))
    assert at_the_close(life, 172.0) == []
    assert life.held() == {"SPY": 100, CALL: -1}
    told = only(life(opening(MONDAY)))
    assert (told.kind, told.event_ns) == (SettlementKind.ASSIGNMENT, new_york(MONDAY, time(4)))
    assert (told.quantity, told.cash_cents) == (-1, 1_700_000)
    assert life.held() == {}
    assert life.ledger.realised_cents == 50_000 + 12_000
    assert life(opening(MONDAY)) == []


def test_a_put_writer_buys_less_the_premium() -> None:
    """A put of 170 sold at 0.90, SPY at 165: 100 shares at 169.10; what is out of the money expires."""
    life = Life()
    life(opening(FRIDAY), bought(PUT, -1, 90, FRIDAY), bought(CALL, -3, 20, FRIDAY))
    assert at_the_close(life, 165.0) == []
    kinds = {one.symbol: one.kind for one in life(opening(MONDAY))}
    assert kinds == {PUT: SettlementKind.ASSIGNMENT, CALL: SettlementKind.EXPIRY}
    assert (life.held(), life.cost("SPY")) == ({"SPY": 100}, 1_691_000)


def test_a_half_day_ends_at_one() -> None:
    """July 3rd 2013 closed at 13:00 (NYSE, holidays and early closings): what ended that day ended there."""
    day = date(2013, 7, 3)
    life, weekly = Life(), contract(day, "C", 160)
    life(opening(day, time(13)), bought(weekly, 1, 50, day), price("SPY", day, time(12, 59), 161.0))
    settled = only(at_the_close_of(life, day, time(13), 161.5))
    assert (settled.kind, settled.event_ns) == (SettlementKind.EXERCISE, new_york(day, time(13)))


def at_the_close_of(life: Life, day: date, clock: time, last: float) -> list[Settlement]:
    """Return what a mark at the close settles."""
    return life(price("SPY", day, clock, last))


def test_marks_say_when_a_contract_ends() -> None:
    """An OptionMark's expiry counts before the session's; a contract of an earlier holiday ends the session before."""
    life = Life()
    life(opening(FRIDAY), bought(CALL, 1, 120, FRIDAY), price("SPY", FRIDAY, time(12), 171.0))
    life(option_mark(CALL, FRIDAY, time(12), new_york(FRIDAY, time(13)), spot=171.0))
    assert only(life(price("SPY", FRIDAY, time(13), 171.0))).event_ns == new_york(FRIDAY, time(13))


def test_what_ended_while_nothing_was_told_is_settled_in_the_morning() -> None:
    """Good Friday: a contract that names its date ends with Thursday's session, and is told on Monday."""
    thursday, good_friday, monday = date(2014, 4, 17), date(2014, 4, 18), date(2014, 4, 21)
    life, weekly = Life(), contract(good_friday, "C", 180)
    life(opening(thursday), bought(weekly, 1, 500, thursday), price("SPY", thursday, time(16), 186.0))
    done = only(life(opening(monday)))
    assert (done.kind, done.event_ns) == (SettlementKind.EXERCISE, new_york(thursday, time(16)))


def spx(root: str, clock: time, **figures: Any) -> Any:
    """Return a mark of an index call of 1,700 that ends at a time of the Friday."""
    symbol = contract(SATURDAY if root == "SPX" else FRIDAY, "C", 1_700, root)
    ends = new_york(FRIDAY, time(9, 30) if root == "SPX" else time(16))
    return option_mark(symbol, FRIDAY, clock, ends, **{"underlying": "SPX", **figures})


def test_spx_is_settled_by_the_opening_value() -> None:
    """AM: the first value after 09:30, 1,736.72; cash 36.72 x 100 (Cboe, SPX Options Product Specification,
    cboe.com/products/indexopts/spx_spec.aspx: 100 USD a point), long and short alike."""
    for quantity in (2, -2):
        life = Life()
        thursday = date(2013, 10, 17)
        first = spx("SPX", time(15), spot=1_729.0)
        life(opening(thursday), bought(first.symbol, quantity, 3_000, thursday))
        life(price("SPX", thursday, time(15, 59), 1_733.15), price("SPX", thursday, time(16), 1_733.15))
        assert life(opening(FRIDAY)) == []
        done = only(life(price("SPX", FRIDAY, time(9, 30, 1), 1_736.72)))
        assert (done.kind, done.price_cents, done.quantity) == (SettlementKind.CASH, 173_672, quantity)
        assert done.cash_cents == quantity * 367_200
        assert life.ledger.realised_cents == quantity * (367_200 - 300_000)
        assert life.held() == {}


def test_spxw_is_settled_by_the_close() -> None:
    """PM: 1,744.50 gives 44.50 x 100; the spot of its options where no mark of the index comes."""
    life = Life()
    mark = spx("SPXW", time(15, 59, 59), spot=1_744.5)
    life(opening(FRIDAY), bought(mark.symbol, 1, 4_000, FRIDAY), mark)
    later = contract(date(2013, 11, 15), "C", 1_700, "SPXW")
    done = only(life(option_mark(later, FRIDAY, time(16, 0, 1), 2**62, underlying="SPX", spot=1_750.0)))
    assert (done.kind, done.price_cents, done.cash_cents) == (SettlementKind.CASH, 174_450, 445_000)


def test_pinned_contracts_are_assigned_by_chance_and_the_same_in_every_run() -> None:
    """Within 0.10 of the strike: at the strike half of 101 contracts and a draw, 0.05 in the money three quarters."""
    assert assigned_chance(0, 100, 100_000) == (10_000_000, 20_000_000)
    assert assigned_chance(5_000_000, 100, 100_000) == (15_000_000, 20_000_000)
    assert assigned_chance(-10_000_000, 100, 100_000) == (0, 1)
    found = set()
    for seed in range(12):
        runs = []
        for _ in range(2):
            life = Life(Params(pin_seed=seed))
            life(opening(FRIDAY), bought(CALL, -101, 5, FRIDAY))
            at_the_close(life, 170.0)
            runs.append([(one.kind, one.quantity) for one in life(opening(MONDAY))])
        assert runs[0] == runs[1]
        assigned = -dict(runs[0])[SettlementKind.ASSIGNMENT]
        assert assigned + -dict(runs[0])[SettlementKind.EXPIRY] == 101
        found.add(assigned)
    assert found == {50, 51}


EX, EVE = date(2013, 9, 20), date(2013, 9, 19)
OCTOBER = contract(SATURDAY, "C", 160)


def before_the_ex_date(quantity: int, ask: float, params: Params | None = None) -> Life:
    """Return an account on the evening before 0.84 goes ex: SPY at 172.76, its call of 160 quoted 12.70 to `ask`."""
    life = Life(params)
    ends = new_york(FRIDAY, time(16))
    life(opening(EVE), dividend("SPY", EVE, EX, 0.84), bought(OCTOBER, quantity, 1_270, EVE))
    life(price("SPY", EVE, time(16), 172.76), closing(EVE))
    life(option_mark(OCTOBER, EVE, time(16), ends, bid=12.7, ask=ask, spot=172.76, rate=0.001))
    return life


def test_a_short_call_is_assigned_before_the_ex_date() -> None:
    """Time value 12.80 - 12.76 = 0.04 < 0.84: assigned, and short 100 shares at the opening owe the dividend."""
    life = before_the_ex_date(-1, 12.9)
    assigned, paid = life(opening(EX))
    assert (assigned.kind, assigned.symbol) == (SettlementKind.ASSIGNMENT, OCTOBER)
    assert (paid.kind, paid.quantity, paid.cash_cents) == (SettlementKind.DIVIDEND, -100, -8_400)
    assert life.cost("SPY") == -1_600_000 - 127_000


def test_a_call_with_time_value_is_left_alone() -> None:
    """Time value 13.70 - 12.76 = 0.94 > 0.84."""
    assert before_the_ex_date(-1, 14.7)(opening(EX)) == []
    assert before_the_ex_date(1, 14.7)(opening(EX)) == []


def test_own_calls_are_exercised_before_the_ex_date() -> None:
    """The account's own call, exercised the evening before, brings shares that get the dividend; off by parameter."""
    exercised, paid = before_the_ex_date(1, 12.9)(opening(EX))
    assert (exercised.kind, paid.cash_cents) == (SettlementKind.EXERCISE, 8_400)
    assert before_the_ex_date(1, 12.9, Params(exercise_calls=False))(opening(EX)) == []


def test_a_dividend_told_on_its_own_day_is_paid_once() -> None:
    """A factor file tells it on the ex-date, before or after the opening; a repeat pays nothing."""
    told = dividend("SPY", EX, EX, 0.84)
    for records in ((opening(EX), told, told), (told, opening(EX), told, opening(EX))):
        life = Life()
        life(opening(EVE), bought("SPY", 101, 17_000, EVE))
        assert [one.cash_cents for one in life(*records)] == [8_484]


def test_shares_sold_on_the_ex_date_keep_the_dividend() -> None:
    """Held at the opening: what is bought later that day gets none."""
    life = Life()
    life(opening(EVE), dividend("SPY", EVE, EX, 0.84), bought("SPY", -10, 17_000, EVE))
    assert only(life(opening(EX))).cash_cents == -840
    assert life(bought("SPY", 500, 17_000, EX), closing(EX), opening(date(2013, 9, 23))) == []


def test_a_deep_put_goes_where_a_nights_interest_is_more_than_its_time_value() -> None:
    """200 x 5 % x 13.5 h / year = 0.0154: more than no time value, less than 0.03; not on an ex-date."""
    put, ends = contract(SATURDAY, "P", 200), new_york(FRIDAY, time(16))
    for middle, ex, count in ((50.0, False, 1), (50.03, False, 0), (50.0, True, 0)):
        life = Life()
        life(opening(EVE), bought(put, -1, 5_000, EVE), price("SPY", EVE, time(16), 150.0))
        life(option_mark(put, EVE, time(16), ends, bid=middle - 0.5, ask=middle + 0.5, spot=150.0, rate=0.05))
        if ex:
            life(dividend("SPY", EVE, EX, 0.84))
        assert [one.kind for one in life(opening(EX))] == [SettlementKind.ASSIGNMENT] * count


def test_a_call_assigned_at_ibkr_pays_the_fees_on_a_sale() -> None:
    """100 shares go at 170: 17,000 x 17.4/1e6 = 0.2958 and 0.0119: 0.31; in cash, fees and what is realised."""
    life = Life(Params(fees="ibkr_fixed"))
    life(opening(FRIDAY), bought("SPY", 100, 16_500, FRIDAY), bought(CALL, -1, 120, FRIDAY))
    at_the_close(life, 172.0)
    told = only(life(opening(MONDAY)))
    assert (told.cash_cents, told.fee_cents) == (1_700_000, 31)
    assert (life.ledger.fees_cents, life.ledger.realised_cents) == (31, 50_000 + 12_000 - 31)
    with pytest.raises(ValueError, match="fees must be one of flat, ibkr_fixed, was 'x'"):
        Params(fees="x")


SPLIT_DAY, BEFORE = date(2014, 6, 9), date(2014, 6, 6)


def test_apples_split_of_2014() -> None:
    """7:1 on 2014-06-09: contracts x 7, strikes / 7 to the cent, 100 shares each (OCC By-Laws, article VI, section 11A;
    the listed 645.00 became 92.14, 640.00 became 91.43); shares x 7; cost and days stay.
    """
    call, put = contract(date(2014, 6, 21), "C", 645, "AAPL"), contract(date(2014, 6, 21), "P", 640, "AAPL")
    life = Life()
    life(opening(BEFORE), bought(call, 2, 1_150, BEFORE), bought(put, -1, 800, BEFORE))
    life(bought("AAPL", 30, 64_500, BEFORE), price("AAPL", BEFORE, time(16), 645.57))
    told = life(split("AAPL", SPLIT_DAY, 7.0))
    assert {one.kind for one in told} == {SettlementKind.SPLIT}
    assert life.held() == {"AAPL": 210, "AAPL  140621C00092140": 14, "AAPL  140621P00091430": -7}
    assert (life.cost("AAPL"), life.cost("AAPL  140621C00092140")) == (1_935_000, 230_000)
    assert life.ledger.positions["AAPL"].lots[0].event_ns == new_york(BEFORE, time(12))
    assert life.ledger.realised_cents == 0
    assert life(split("AAPL", SPLIT_DAY, 7.0), opening(SPLIT_DAY)) == []
    expiry = date(2014, 6, 20)
    life(opening(expiry))
    exercised, expired = life(price("AAPL", expiry, time(16), 90.91)), life(opening(date(2014, 6, 23)))
    assert [one.kind for one in exercised] == [SettlementKind.EXPIRY]
    assert [one.kind for one in expired] == [SettlementKind.ASSIGNMENT]
    assert life.held() == {"AAPL": 210 + 700}


def test_three_for_two_changes_what_a_contract_delivers() -> None:
    """100 shares at 60 become 150, and a strike of 60 on 100 shares one of 40 on 150, root SPY1 (OCC, Characteristics
    and Risks of Standardized Options: adjustment for 3-for-2). Exercised, it brings 150 shares for 6,000 USD.
    """
    call = contract(SATURDAY, "C", 60)
    life = Life()
    life(opening(EVE), bought(call, 1, 500, EVE), bought("SPY", 101, 6_000, EVE), price("SPY", EVE, time(16), 60.0))
    shares, contracts = life(split("SPY", EX, 1.5))
    adjusted = contract(SATURDAY, "C", 40, "SPY1")
    assert life.held() == {"SPY": 151, adjusted: 1}
    # Half a share at 40 is paid; it had cost 606,000 x 0.5 / 151.5 = 2,000 cents.
    assert (shares.cash_cents, life.cost("SPY"), life.ledger.realised_cents) == (2_000, 604_000, 0)
    assert contracts.transfers[1].multiplier == 150
    life(opening(FRIDAY))
    exercised = only(at_the_close(life, 45.0))
    assert (exercised.cash_cents, life.held()) == (-600_000, {"SPY": 301})


def test_a_reverse_split_pays_the_fraction_of_a_contract() -> None:
    """1:8 of 100 shares: strike and multiplier stay, 12 shares and cash for half a share (adjusted.py's rules)."""
    call = contract(SATURDAY, "C", 2)
    life = Life()
    life(opening(EVE), bought(call, 1, 50, EVE), bought("SPY", -7, 250, EVE), price("SPY", EVE, time(16), 2.5))
    life(split("SPY", EX, 0.125))
    assert life.held() == {contract(SATURDAY, "C", 2, "SPY1"): 1}
    # Seven eighths of a share at 20.00: 17.50, as they were sold for.
    assert life.ledger.realised_cents == 0
    life(opening(FRIDAY))
    exercised = only(at_the_close(life, 24.0))
    assert exercised.cash_cents == -(20_000 - 1_000)
    assert life.held() == {"SPY": 12}


def test_what_is_gone_is_forgotten() -> None:
    """Quotes and terms of contracts that nobody holds leave the state with the next morning."""
    life = before_the_ex_date(-1, 12.9)
    assert f"contract/{OCTOBER}" in life.state
    life(opening(EX))
    assert not [key for key in life.state if key.startswith("contract/")]


@pytest.mark.parametrize("name", ["pin_cents", "pin_seed", "settle_wait_s"])
def test_parameters_are_checked(name: str) -> None:
    """A negative one is refused by name."""
    with pytest.raises(ValueError, match=name):
        Params(**{name: -1})  # type: ignore[arg-type]  # one of three numbers
