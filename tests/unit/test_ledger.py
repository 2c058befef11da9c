"""Tax lots, combinations and what settlements carry: the ledger in cases reckoned by hand."""

from typing import Any

import pytest

from schemas.records import Settlement, SettlementKind, Side, Transfer
from streams.book.ledger import LOTS_MAX, Ledger, Lot, Position, apply_fill, apply_settlement, equity_cents
from streams.state import decode_state, encode_state
from tests.life_rig import leg
from tests.orderpath_rig import fill

CALL = "JJJ   241220C00100000"
PUT = "JJJ   241220P00100000"


def settlement(kind: SettlementKind, *transfers: Transfer, **changes: Any) -> Settlement:
    """Return a settlement of the account paper."""
    first = transfers[0] if transfers else Transfer("JJJ", -1, 0, 1)
    fields: dict[str, Any] = {
        "id": "s",
        "account": "paper",
        "symbol": first.symbol,
        "event_ns": 9,
        "kind": kind,
        "quantity": -first.quantity,
        "price_cents": 0,
        "transfers": transfers,
        "carries": False,
        "cash_cents": 0,
        "fee_cents": 0,
        "text": "",
    }
    return Settlement(**{**fields, **changes})


def started(*fills: Any) -> Ledger:
    """Return a ledger of 100,000 USD after fills."""
    ledger = Ledger(10_000_000, {})
    for one in fills:
        ledger = apply_fill(ledger, one)
    return ledger


def test_lots_are_closed_first_in_first_out() -> None:
    """100 at 10, 100 at 12; 150 sold at 15 realise 100 x 5 + 50 x 3 = 650 USD (Publication 550: the oldest first)."""
    ledger = started(
        fill(quantity=100, price_cents=1_000, event_ns=1),
        fill(quantity=100, price_cents=1_200, event_ns=2),
        fill(side=Side.SELL, quantity=150, price_cents=1_500, event_ns=3),
    )
    assert ledger.realised_cents == 65_000
    assert ledger.positions == {"SPY": Position(50, 60_000, 1, (Lot(50, 60_000, 2),))}
    assert ledger.cash_cents == 10_000_000 - 100_000 - 120_000 + 225_000


def test_a_position_turns_over_with_the_rest_as_a_new_lot() -> None:
    """100 long at 10; 160 sold at 11 realise 100 USD and leave 60 short at 11."""
    ledger = started(
        fill(quantity=100, price_cents=1_000, event_ns=1),
        fill(side=Side.SELL, quantity=160, price_cents=1_100, event_ns=2),
    )
    assert ledger.realised_cents == 10_000
    assert ledger.positions["SPY"] == Position(-60, -66_000, 1, (Lot(-60, -66_000, 2),))


def test_a_combination_changes_hands_leg_by_leg_and_pays_one_fee() -> None:
    """A call spread bought twice at 3.00 and 1.20: 2 x 1.80 x 100 = 360 USD and 2.60 of fees."""
    low, high = "SPY   131019C00165000", "SPY   131019C00170000"
    legs = (leg(low, 2, 300), leg(high, -2, 120))
    ledger = started(fill(quantity=2, price_cents=180, fee_cents=260, legs=legs, event_ns=5))
    assert ledger.cash_cents == 10_000_000 - 36_000 - 260
    assert ledger.positions[low] == Position(2, 60_000, 100, (Lot(2, 60_000, 5),))
    assert ledger.positions[high] == Position(-2, -24_000, 100, (Lot(-2, -24_000, 5),))
    assert (ledger.realised_cents, ledger.fees_cents) == (-260, 260)
    assert equity_cents(ledger, {low: 31_000}) == ledger.cash_cents + 62_000 - 24_000


def test_options_that_expire_realise_their_price() -> None:
    """Ten JJJ calls written for 4,000 USD expire: 4,000 gained; bought, 4,000 lost (Publication 550, chapter 4)."""
    for side, signed in ((Side.SELL, -10), (Side.BUY, 10)):
        ledger = started(fill(symbol=CALL, side=side, quantity=10, price_cents=400, multiplier=100))
        ledger = apply_settlement(ledger, settlement(SettlementKind.EXPIRY, Transfer(CALL, -signed, 0, 100)))
        assert ledger.realised_cents == (400_000 if signed < 0 else -400_000)
        assert ledger.positions == {}


@pytest.mark.parametrize(
    ("symbol", "signed", "shares", "cost_cents"),
    [
        (CALL, 10, 1_000, 10_000_000 + 400_000),
        (CALL, -10, -1_000, -10_000_000 - 400_000),
        (PUT, 10, -1_000, -10_000_000 + 400_000),
        (PUT, -10, 1_000, 10_000_000 - 400_000),
    ],
)
def test_exercise_carries_the_options_price_into_the_shares(
    symbol: str, signed: int, shares: int, cost_cents: int
) -> None:
    """A call's holder adds its cost to the shares', its writer adds the premium to what was realised; a put's holder
    takes its cost from what was realised, its writer the premium from the cost (Publication 550, puts and calls).
    """
    side = Side.BUY if signed > 0 else Side.SELL
    ledger = started(fill(symbol=symbol, side=side, quantity=10, price_cents=400, multiplier=100))
    amount = shares * 10_000
    kind = SettlementKind.EXERCISE if signed > 0 else SettlementKind.ASSIGNMENT
    moved = (Transfer(symbol, -signed, 0, 100), Transfer("JJJ", shares, amount, 1))
    ledger = apply_settlement(ledger, settlement(kind, *moved, carries=True, cash_cents=-amount, event_ns=9))
    assert ledger.positions == {"JJJ": Position(shares, cost_cents, 1, (Lot(shares, cost_cents, 9),))}
    assert ledger.realised_cents == 0
    assert ledger.cash_cents == 10_000_000 - signed * 40_000 - amount


def test_assignment_of_a_covered_call_realises_with_its_premium() -> None:
    """100 shares at 95, a call of 100 sold for 4: called away, they realise 100 + 4 - 95 = 9 a share."""
    ledger = started(
        fill(symbol="JJJ", quantity=100, price_cents=9_500),
        fill(symbol=CALL, side=Side.SELL, quantity=1, price_cents=400, multiplier=100),
    )
    moved = (Transfer(CALL, 1, 0, 100), Transfer("JJJ", -100, -1_000_000, 1))
    given = settlement(SettlementKind.ASSIGNMENT, *moved, carries=True, cash_cents=1_000_000, fee_cents=5)
    ledger = apply_settlement(ledger, given)
    assert ledger.positions == {}
    assert (ledger.realised_cents, ledger.fees_cents) == (90_000 - 5, 5)
    assert ledger.cash_cents == 10_000_000 + 90_000 - 5


def test_settled_in_cash_realises_against_the_cost() -> None:
    """An index call bought for 12.00 settles at 20.50: 850 USD gained."""
    ledger = started(fill(symbol=CALL, quantity=1, price_cents=1_200, multiplier=100))
    done = settlement(SettlementKind.CASH, Transfer(CALL, -1, -205_000, 100), cash_cents=205_000)
    assert apply_settlement(ledger, done) == Ledger(10_000_000 + 85_000, {}, 85_000)


def test_a_dividend_is_realised() -> None:
    """Cash that no transfer speaks of is income."""
    paid = settlement(SettlementKind.DIVIDEND, cash_cents=250)
    assert apply_settlement(Ledger(100, {}), paid) == Ledger(350, {}, 250)


def test_a_split_keeps_each_lots_day_and_cost() -> None:
    """Lots of 5 and 4 shares, 7:1: 35 and 28, as old and as dear as before."""
    ledger = started(fill(quantity=5, price_cents=64_500, event_ns=1), fill(quantity=4, price_cents=64_600, event_ns=2))
    moved = (Transfer("SPY", -9, 0, 1), Transfer("SPY", 63, 0, 1))
    after = apply_settlement(ledger, settlement(SettlementKind.SPLIT, *moved, carries=True))
    assert after.positions["SPY"].lots == (Lot(35, 322_500, 1), Lot(28, 258_400, 2))
    assert (after.cash_cents, after.realised_cents) == (ledger.cash_cents, 0)


def test_lots_are_bounded_and_lose_nothing() -> None:
    """Beyond the bound the two oldest are one, of the younger's day."""
    ledger = started(*(fill(quantity=1, price_cents=100 + n, event_ns=n) for n in range(LOTS_MAX + 3)))
    position = ledger.positions["SPY"]
    assert len(position.lots) == LOTS_MAX
    assert position.lots[0] == Lot(4, 406, 3)
    assert sum(lot.cost_cents for lot in position.lots) == position.cost_cents
    assert decode_state(Ledger, encode_state(ledger)) == ledger


def test_a_position_without_lots_is_one_lot() -> None:
    """As a state of before lots were kept has it."""
    ledger = apply_fill(Ledger(0, {"SPY": Position(10, 1_005)}), fill(side=Side.SELL, quantity=3, price_cents=110))
    assert ledger.positions["SPY"] == Position(7, 704, 1, (Lot(7, 704, 0),))
    assert ledger.realised_cents == 330 - 301
