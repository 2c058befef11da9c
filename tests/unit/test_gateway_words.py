"""Records of the order path in words: contracts by name, prices a share, and the money."""

from dataclasses import replace

import pytest

from gateway.words import words
from schemas.records import (
    Alert,
    Decision,
    LegFill,
    OrderKind,
    OrderStatus,
    Settlement,
    SettlementKind,
    Side,
    Verdict,
)
from tests.orderpath_rig import at, fill, intent, mark

CALL, HIGHER = "SPY   131019C00100000", "SPY   131019C00105000"


def test_a_fill_of_an_option_says_price_a_share_and_money() -> None:
    """Three contracts at 5.01 a share are 1,503 dollars."""
    one = fill("a", Side.BUY, 3, 501, symbol=CALL, multiplier=100, fee_cents=195, remaining=2)
    assert words(one) == ("bought 3 SPY 2013-10-19 C 100 at 5.01 a share: 1,503.00 USD paid, fee 1.95; 2 still work")


def test_a_fill_of_a_combination_says_its_legs_and_the_net() -> None:
    """Bought at 3.00, sold at 1.20, twice: 360 dollars."""
    legs = (LegFill(CALL, Side.BUY, 2, 300, 100), LegFill(HIGHER, Side.SELL, 2, 120, 100))
    assert words(fill("a", Side.BUY, 2, 18_000, legs=legs)) == (
        "2 x combination: bought 2 SPY 2013-10-19 C 100 at 3.00 / sold 2 SPY 2013-10-19 C 105 at 1.20:"
        " 360.00 USD paid, fee 0.00"
    )


def test_a_fill_of_nothing_says_the_order_s_state() -> None:
    """Acknowledged: how much works; ended: why."""
    one = fill("00000000000000aa", quantity=0, remaining=5, status=OrderStatus.ACKNOWLEDGED)
    assert words(one) == "order 00000000000000aa in SPY acknowledged, 5 still work"
    ended = replace(one, remaining=0, status=OrderStatus.CANCELLED, reason="by a person")
    assert words(ended) == "order 00000000000000aa in SPY cancelled: by a person"


@pytest.mark.parametrize(
    ("decision", "quantity", "expected"),
    [
        (Decision.APPROVE, 10, "approved: sell 10 SPY 2013-10-19 C 100, limit 2.50 a share"),
        (Decision.CUT, 4, "cut to 4 of 10 by net: sell 10 SPY 2013-10-19 C 100, limit 2.50 a share: too much"),
        (Decision.REFUSE, 0, "refused by net: sell 10 SPY 2013-10-19 C 100, limit 2.50 a share: too much"),
    ],
)
def test_a_verdict_says_what_was_asked_and_why_not(decision: Decision, quantity: int, expected: str) -> None:
    """With the rule and its figures where there are any."""
    asked = intent("a", Side.SELL, 10, symbol=CALL, multiplier=100, kind=OrderKind.LIMIT, limit_cents=250)
    rule, reasons = ("", ()) if decision is Decision.APPROVE else ("net", ("too much",))
    assert words(Verdict(asked, at(1), decision, quantity, rule, reasons, 0, 0.0)) == expected


def test_a_settlement_says_what_happened_and_the_cash() -> None:
    """Its own sentence with the contract's name."""
    one = Settlement("s", "paper", CALL, at(1), SettlementKind.CASH, 2, 0, (), False, 40_000, 0, f"2 {CALL} paid out")
    assert words(one) == "2 SPY 2013-10-19 C 100 paid out; 400.00 USD received"
    assert words(replace(one, text="", cash_cents=0)) == "cash of 2 SPY 2013-10-19 C 100"


def test_an_alert_that_asks_says_how_to_answer() -> None:
    """The commands, with account and order; other alerts are as they are."""
    text = "order 0d12f2f90c38ecbb to buy 1243 of AAPL (every_bar, ENTRY) waits for a person"
    said = words(Alert("paper", at(1), "ask", text, 0.0, 0.0))
    assert said == (
        f"{text}. Answer: aiots order approve paper 0d12f2f90c38ecbb, or aiots order refuse paper 0d12f2f90c38ecbb"
    )
    assert words(Alert("paper", at(1), "daily_loss", "lost 5 USD", 5.0, 4.0)) == "lost 5 USD"


def test_what_is_shown_by_its_fields_has_no_words() -> None:
    """A mark, for one."""
    assert words(mark()) is None
