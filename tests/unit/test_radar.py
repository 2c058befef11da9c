"""Warnings of what will become of options, with the dollars at stake: each figure reckoned by hand."""

import math
from datetime import date, time
from typing import Any

import pytest

from schemas.records import Alert, Record
from streams.book import radar
from streams.book.ledger import Ledger, Position
from streams.stage import Step
from streams.state import decode_state, encode_state
from tests.life_rig import contract, dividend, new_york, option_mark, split

SATURDAY, THURSDAY = date(2013, 10, 19), date(2013, 10, 17)
EXPIRY_NS = new_york(date(2013, 10, 18), time(16))
CALL, PUT = contract(SATURDAY, "C", 170), contract(SATURDAY, "P", 170)


class Radar:
    """The radar with its state, over an account that holds one contract."""

    def __init__(self, symbol: str, quantity: int) -> None:
        self.symbol = symbol
        self.ledger = Ledger(0, {symbol: Position(quantity, 0, 100)})
        self.state: dict[str, Any] = {}

    def __call__(self, record: Record) -> list[Alert]:
        """Return the alerts of a record; the state goes through bytes."""
        step = radar.after(self.state, record, Step({}, ()), [("paper", self.ledger)])
        for key, value in step.changed.items():
            self.state[key] = decode_state(radar.STATE[key.partition("/")[0]], encode_state(value))
        alerts = [emit.record for emit in step.outputs]
        assert all(isinstance(one, Alert) and one.account == "paper" for one in alerts)
        return alerts  # type: ignore[return-value]  # as asserted

    def mark(self, day: date = THURSDAY, **figures: Any) -> list[Alert]:
        """Return the alerts of a mark of the contract at noon."""
        ends = figures.pop("expiry_ns", EXPIRY_NS)
        return self(option_mark(self.symbol, day, time(12), ends, **figures))


def test_time_value_below_the_dividend() -> None:
    """12.80 - 12.76 = 0.04 against 0.84: 0.80 x 100 x 3 = 240 USD; told once a day, and on the day before."""
    call = contract(SATURDAY, "C", 160)
    eye, ex = Radar(call, -3), date(2013, 10, 18)
    eye(dividend("SPY", date(2013, 10, 1), ex, 0.84))
    assert eye.mark(date(2013, 10, 15), bid=12.7, ask=12.9, spot=172.76) == []
    figures: dict[str, Any] = {"bid": 12.7, "ask": 12.9, "spot": 172.76}
    (alert,) = [one for one in eye.mark(**figures) if one.rule == "early_exercise"]
    assert math.isclose(alert.value, 240.0, rel_tol=1e-9)
    assert all(figure in alert.text for figure in ("0.04", "0.84", "2013-10-18", "240.00 USD"))
    assert eye.mark(**figures) == []


def test_a_call_with_more_time_value_than_the_dividend_is_not_told() -> None:
    """0.94 of time value against 0.84; or a dividend after the contract has ended."""
    for ask, ex in ((14.7, date(2013, 10, 18)), (12.9, date(2013, 10, 21))):
        eye = Radar(contract(SATURDAY, "C", 160), -3)
        eye(dividend("SPY", THURSDAY, ex, 0.84))
        assert [one.rule for one in eye.mark(bid=12.7, ask=ask, spot=172.76)] == ["assignment"]


def test_a_split_divides_dividends_ahead() -> None:
    """0.84 before 7:1 is 0.12 after it: above 0.04 of time value by 0.08 x 100."""
    eye = Radar(contract(SATURDAY, "C", 160), 1)
    eye(dividend("SPY", THURSDAY, date(2013, 10, 18), 0.84))
    eye(split("SPY", THURSDAY, 7.0))
    (alert,) = [one for one in eye.mark(bid=12.7, ask=12.9, spot=172.76) if one.rule == "early_exercise"]
    assert math.isclose(alert.value, 8.0, rel_tol=1e-9)
    assert "yours" in alert.text


def test_a_put_below_a_nights_interest() -> None:
    """200 x 5 % x 17.5 h of a year = 0.01998 a share against no time value: 2.00 USD a contract sold, none bought."""
    put, far = contract(date(2013, 12, 21), "P", 200), new_york(date(2013, 12, 20), time(16))
    figures: dict[str, Any] = {"bid": 49.5, "ask": 50.5, "spot": 150.0, "rate": 0.05, "expiry_ns": far}
    (alert,) = Radar(put, -1).mark(**figures)
    assert (alert.rule, round(alert.value, 2)) == ("early_exercise", 2.0)
    assert Radar(put, 1).mark(**figures) == []


def test_pin_in_dollars_and_expected_moves() -> None:
    """One day at 17.52 %: 170.30 x 0.1752 x sqrt(28 h / year) = 1.687; 0.30 away is 0.18 moves; 2 x 17,000 USD."""
    (alert,) = Radar(CALL, -2).mark(spot=170.3, iv=0.1752, delta=0.55, bid=1.0, ask=1.1)
    assert (alert.rule, alert.value) == ("pin", 34_000.0)
    assert all(figure in alert.text for figure in ("0.30 USD or 0.18 expected moves", "chance of assignment 0.55"))


@pytest.mark.parametrize(("quantity", "rule", "at_stake"), [(-2, "assignment", 34_000.0), (2, "expiry", 1_000.0)])
def test_what_ends_in_the_money(quantity: int, rule: str, at_stake: float) -> None:
    """5.00 in the money: sold, 2 x 17,000 USD of shares; bought, 2 x 500 USD. Out of the money nothing is told."""
    (alert,) = Radar(PUT, quantity).mark(spot=165.0, iv=0.1752, delta=-0.99, bid=4.9, ask=5.2)
    assert (alert.rule, alert.value) == (rule, at_stake)
    assert Radar(CALL, quantity).mark(spot=165.0, iv=0.1752, delta=0.01, bid=0.0, ask=0.1) == []


def test_an_index_is_settled_not_delivered() -> None:
    """Near its strike or not: what it is worth, 0.30 x 100, and no pin."""
    symbol = contract(SATURDAY, "C", 1_700, "SPX")
    (alert,) = Radar(symbol, -1).mark(underlying="SPX", spot=1_700.3, iv=0.15, delta=0.5, bid=8.0, ask=9.0)
    assert (alert.rule, round(alert.value, 6)) == ("expiry", 30.0)


def test_days_ahead_are_weekdays() -> None:
    """From Thursday: up to Monday is near, Tuesday is not; the past never is."""
    today = (THURSDAY - date(1970, 1, 1)).days
    assert [number for number in range(-2, 9) if radar.is_near(today, today + number)] == [0, 1, 2, 3, 4]


def test_a_mark_without_a_spot_says_nothing() -> None:
    """NaN passes no comparison."""
    assert Radar(CALL, -1).mark(bid=1.0, ask=1.1) == []
