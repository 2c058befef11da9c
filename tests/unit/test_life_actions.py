"""Special dividends and cash mergers: cases by hand, each with its source."""

from dataclasses import replace
from datetime import date, time
from typing import Any

import pytest
from typer.testing import CliRunner

from aiots.__main__ import build_app
from aiots.commands import corporate
from schemas.records import CorporateAction, CorporateActionKind, OrderStatus, Settlement, SettlementKind, Side
from streams.risk import stage as risk
from streams.sizing import stage as sizing
from streams.stage import RecordError
from streams.venue import stage as venue
from tests.life_rig import Life, action, bought, contract, dividend, new_york, opening, option_mark, price
from tests.orderpath_rig import Stage, mandate
from tests.venue_rig import ends, limit, option
from tests.venue_rig import option_mark as quote_of_call

SPECIAL, MERGER = CorporateActionKind.SPECIAL_DIVIDEND, CorporateActionKind.CASH_MERGER
EVE, EX, EXPIRY = date(2013, 6, 17), date(2013, 6, 18), date(2013, 7, 19)
CALL, PUT = contract(EXPIRY, "C", 100, "COST"), contract(EXPIRY, "P", 93, "COST")


def only(settled: list[Settlement]) -> Settlement:
    """Return the one settlement."""
    (one,) = settled
    return one


def held_before(*fills: tuple[str, int, int]) -> Life:
    """Return an account that bought (symbol, quantity, cents) on the eve, COST at 104.30."""
    life = Life()
    life(opening(EVE), *[bought(symbol, quantity, cents, EVE) for symbol, quantity, cents in fills])
    life(price("COST", EVE, time(16), 104.3))
    return life


def test_a_special_dividend_lowers_strikes() -> None:
    """Costco's of 7.00 of December 2012, share at 104.30 (Cboe Options Hub, Special Dividends, be especially careful,
    cboeoptionshub.com/2012/12/05: paid outside of ordinary, of 12.50 a contract or more: strikes are adjusted). 100
    becomes 93, and the 93 that is held too becomes 86, not that of a hundred once more; shares get 7.00. Dates moved.
    """
    life = held_before((CALL, 2, 600), (PUT, -3, 110), ("COST", 100, 10_400))
    assert life(action(SPECIAL, "COST", EVE, EX, 700)) == []
    told = life(opening(EX))
    assert [one.kind for one in told] == [SettlementKind.DIVIDEND, SettlementKind.SPLIT, SettlementKind.SPLIT]
    assert (told[0].quantity, told[0].price_cents, told[0].cash_cents) == (100, 700, 70_000)
    lower_call, lower_put = contract(EXPIRY, "C", 93, "COST"), contract(EXPIRY, "P", 86, "COST")
    assert life.held() == {"COST": 100, lower_call: 2, lower_put: -3}
    assert (life.cost(lower_call), life.cost(lower_put)) == (120_000, -33_000)
    assert life.ledger.realised_cents == 70_000
    assert life(opening(EX), opening(date(2013, 6, 19))) == []


def test_strikes_that_meet_are_not_lowered_twice() -> None:
    """Calls of 100 and of 93: of 93 and of 86."""
    other = contract(EXPIRY, "C", 93, "COST")
    life = held_before((CALL, 2, 600), (other, 5, 1_200))
    life(action(SPECIAL, "COST", EVE, EX, 700), opening(EX))
    assert life.held() == {other: 2, contract(EXPIRY, "C", 86, "COST"): 5}


def test_a_special_dividend_below_twelve_fifty_changes_no_contract() -> None:
    """0.10 a share is 10.00 a contract (the same page's example); 0.125 would be 12.50 (OCC, November 2012 Supplement
    to Characteristics and Risks of Standardized Options: less than 0.125 a share is not adjusted for).
    """
    life = held_before((CALL, 1, 600), ("COST", -100, 10_400))
    life(action(SPECIAL, "COST", EVE, EX, 10))
    assert only(life(opening(EX))).cash_cents == -1_000
    assert CALL in life.held()
    life = held_before((CALL, 1, 600))
    life(action(SPECIAL, "COST", EVE, EX, 13), opening(EX))
    assert life.held() == {contract(EXPIRY, "C", 99.87, "COST"): 1}


def test_a_dividend_of_the_whole_strike_is_delivered() -> None:
    """Strike 5, dividend 6.00: strike and root COST1 of 100 shares and 600 USD; exercised it brings both for 500."""
    deep = contract(EXPIRY, "C", 5, "COST")
    life = held_before((deep, 1, 9_900))
    life(action(SPECIAL, "COST", EVE, EX, 600), opening(EX))
    assert life.held() == {contract(EXPIRY, "C", 5, "COST1"): 1}
    life(opening(EXPIRY))
    exercised = only(life(price("COST", EXPIRY, time(16), 98.0)))
    assert (exercised.cash_cents, life.held()) == (-(50_000 - 60_000), {"COST": 100})


def test_nobody_exercises_early_for_a_special_dividend() -> None:
    """The strike falls with the share, so a call without time value is left alone; for an ordinary one it goes."""
    ends_ns = new_york(EXPIRY, time(16))
    for special in (True, False):
        life = held_before((CALL, -1, 450))
        life(option_mark(CALL, EVE, time(16), ends_ns, bid=4.2, ask=4.4, spot=104.3))
        life(action(SPECIAL, "COST", EVE, EX, 700) if special else dividend("COST", EVE, EX, 7.0))
        kinds = [one.kind for one in life(opening(EX))]
        assert kinds[0] is (SettlementKind.SPLIT if special else SettlementKind.ASSIGNMENT)


def test_told_late_it_takes_effect_at_once() -> None:
    """On its own day after the opening, and once."""
    life = held_before((CALL, 1, 600))
    life(opening(EX))
    assert only(life(action(SPECIAL, "COST", EX, EX, 700))).kind is SettlementKind.SPLIT
    assert life(opening(date(2013, 6, 19))) == []


def test_a_cash_merger_settles_shares_and_options() -> None:
    """Omnicare's offer for NeighborCare of 34.75 (elitetrader.com, Very interesting options question; the OCC's memo
    19744): the 35 call is worthless, the seller keeps the premium; the 30 call is worth 4.75, the 35 put 0.25. In the
    money by 0.01 is exercised all the same (IBKR, What happens to US security options ... cash merger, ibkr.info 639).
    """
    out, deep = contract(EXPIRY, "C", 35, "NCRX"), contract(EXPIRY, "C", 30, "NCRX")
    put, cent = contract(EXPIRY, "P", 35, "NCRX"), contract(EXPIRY, "C", 34.74, "NCRX")
    life = held_before((out, -1, 60), (deep, 2, 400), (put, -4, 40), (cent, 1, 5), ("NCRX", 100, 3_300))
    life(action(MERGER, "NCRX", EVE, EX, 3_475))
    told = {one.symbol: one for one in life(opening(EX))}
    assert {symbol: (one.kind, one.cash_cents) for symbol, one in told.items()} == {
        "NCRX": (SettlementKind.CASH, 347_500),
        out: (SettlementKind.EXPIRY, 0),
        deep: (SettlementKind.CASH, 2 * 47_500),
        put: (SettlementKind.CASH, -4 * 2_500),
        cent: (SettlementKind.CASH, 100),
    }
    assert life.held() == {}
    # 1,750 of a share's gain; premiums 6,000 kept, 80,000 and 500 paid, 16,000 taken.
    assert life.ledger.realised_cents == 17_500 + 6_000 + (95_000 - 80_000) + (16_000 - 10_000) + (100 - 500)


def test_orders_on_what_changes_are_cancelled() -> None:
    """Of the options alone for a dividend, of the share too at a merger; of other shares never."""
    for kind, names in ((SPECIAL, {"2"}), (MERGER, {"1", "2"})):
        run = Stage(venue.advance, venue.Params(), mandate(), opening(date(2013, 10, 8)), quote_of_call())
        run(limit("1", Side.BUY, 1, 9_000, symbol="AAPL"))
        run(option("2", Side.BUY, 1, 100))
        run(limit("3", Side.BUY, 1, 9_000, symbol="SPY"))
        told = run(action(kind, "AAPL", date(2013, 10, 8), date(2013, 10, 9), 700))
        assert {name for name, _, _ in ends(told)} == names
        assert {state for _, state, _ in ends(told)} == {OrderStatus.CANCELLED}


@pytest.mark.parametrize(
    "changes", [{"account": "nobody"}, {"account": ""}, {"symbol": ""}, {"cash_cents": 0}, {"day": "soon"}]
)
def test_an_action_that_says_nothing_is_rejected(changes: dict[str, Any]) -> None:
    """Of no account or share, of no cash or day."""
    run = Stage(venue.advance, venue.Params(), mandate())
    with pytest.raises(RecordError):
        run(replace(action(MERGER, "AAPL", EVE, EX, 1), **changes))


def test_sizing_and_risk_hold_what_the_venue_holds() -> None:
    """Fills, a special dividend and a merger through all three ledgers."""
    life = held_before((CALL, 2, 600), ("COST", 100, 10_400))
    life(action(SPECIAL, "COST", EVE, EX, 700), opening(EX))
    life(action(MERGER, "COST", EX, EX, 11_000))
    sized, risked = (Stage(one.advance, one.Params(), mandate()) for one in (sizing, risk))
    for record in (*life.told, action(MERGER, "COST", EX, EX, 11_000)):
        sized(record)
        risked(record)
    assert life.held() == {}
    assert sized.state["account/paper"].ledger == risked.state["account/paper"].ledger == life.ledger


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["dividend", "paper", "cost", "7.00", "--ex", "2013-06-18"], (SPECIAL, 700)),
        (["merger", "paper", "cost", "34.75", "--on", "2013-06-18"], (MERGER, 3_475)),
        (["dividend", "paper", "cost", "0", "--ex", "2013-06-18"], None),
        (["dividend", "paper", "cost", "seven", "--ex", "2013-06-18"], None),
        (["merger", "paper", "cost", "7", "--on", "2013-13-18"], None),
        (["merger", "nobody", "cost", "7", "--on", "2013-06-18"], None),
    ],
)
def test_the_command_writes_what_it_was_told(
    arguments: list[str], expected: tuple[CorporateActionKind, int] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One record in the account's inbox; what is wrong is said, with exit code 2, and nothing written."""
    written: list[CorporateAction] = []

    def publish(kafka: Any, world: str, partitions: int, records: tuple[CorporateAction, ...]) -> list[str]:
        written.extend(records)
        return ["book/0"]

    monkeypatch.setattr(corporate, "publish", publish)
    found = CliRunner().invoke(build_app(), ["corporate", *arguments])
    if expected is None:
        assert (found.exit_code, written) == (2, [])
    else:
        assert found.exit_code == 0, found.output
        assert written == [CorporateAction("paper", 0, "COST", expected[0], expected[1], "2013-06-18")]
