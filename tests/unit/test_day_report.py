"""A day's figures by hand, and the page that shows them."""

from datetime import date
from typing import Any

import pytest

from aiots.book.day import DayFigures, as_dict, band_of, day_of
from aiots.book.page import explained, page, touched
from aiots.book.reading import log_of
from schemas import wire
from schemas.records import (
    Alert,
    Decision,
    OptionMark,
    Record,
    Settlement,
    SettlementKind,
    Side,
    Transfer,
    Verdict,
)
from tests.orderpath_rig import NAN, at, fill, intent, mandate, mark

CALL = "SPY   131019C00100000"
DAY, DAY_S = date(2013, 10, 8), 86_400


def option(second: float, bid: float, **changes: Any) -> OptionMark:
    """Return a mark of the call, twenty cents wide."""
    fields: dict[str, Any] = dict.fromkeys(("rho", "vanna", "volga", "charm", "rate", "dividends"), 0.0)
    fields |= {"delta": 0.5, "gamma": 0.04, "vega": 12.0, "theta": -36.5}
    fields |= {"symbol": CALL, "underlying": "SPY", "event_ns": at(second), "expiry_ns": at(864_000)}
    fields |= {"bid": bid, "ask": bid + 0.2, "bid_size": 1, "ask_size": 1, "last": NAN, "spot": 102.0}
    fields |= {"forward": 102.0, "theoretical": bid, "iv": 0.2, "bits": 0, "quality": 1.0, "surface_ns": 0}
    return OptionMark(**{**fields, **changes})


def figures(day: date = DAY) -> DayFigures:
    """Return a day on which ten shares and two calls were bought, and a dividend came; the day before there was one
    fill, the day after everything falls.
    """
    bought = fill("b", quantity=2, price_cents=300, symbol=CALL, multiplier=100, fee_cents=130, event_ns=at(60))
    dividend = Settlement(
        "d", "paper", "SPY", at(90), SettlementKind.DIVIDEND, 15, 20, (), False, 300, 0, "0.20 a share on 15 shares"
    )
    records: tuple[Record, ...] = (
        mandate(),
        mark(second=-DAY_S, price=100.0),
        fill("a", quantity=5, price_cents=10_000, event_ns=at(-DAY_S), fee_cents=100),
        mark(second=1, price=101.0),
        fill("c", quantity=10, price_cents=10_100, event_ns=at(2), slippage_cents=10, fee_cents=100),
        option(30, 3.0),
        bought,
        dividend,
        option(120, 4.0),
        mark(second=180, price=102.0),
        verdict(Decision.REFUSE, "kill_switch", "halted: lunch"),
        mark(second=DAY_S, price=50.0),
        option(DAY_S, 0.1),
    )
    payloads = [(offset, wire.encode(record)) for offset, record in enumerate(records)]
    alert = wire.encode(Alert("paper", at(200), "daily_loss", "lost 5 USD", 5.0, 4.0))
    return day_of(log_of("paper", payloads, [], [(0, alert)], marks=True), day)


def verdict(decision: Decision, rule: str, text: str) -> Verdict:
    """Return a verdict on ten shares."""
    return Verdict(intent("late", second=185), at(185), decision, 0, rule, (f"{rule}: {text}",), 0, 0.0)


def test_a_days_figures_by_hand() -> None:
    """Before: 5 shares at 100, bought at 100, a dollar of fees. The end: 15 shares at 102, two calls at 4.10."""
    found = figures()
    cash = 10_000_000 - 50_000 - 100 - 101_000 - 100 - 60_000 - 130 + 300
    assert found.equity_before_cents == 10_000_000 - 100
    assert found.cash_cents == cash
    assert found.equity_cents == cash + 15 * 10_200 + 2 * 41_000
    assert found.pnl_cents == found.equity_cents - 9_999_900
    assert (found.fees_cents, found.slippage_cents, found.realised_cents) == (230, 10, 300 - 230)
    assert [one.intent_id for one in found.fills] == ["c", "b"]
    assert found.cash_by_strategy == {"momentum_breakout": -101_000 - 100 - 60_000 - 130}


def test_positions_and_greeks_by_hand() -> None:
    """Two calls of delta a half at 102 are 10,200 USD of delta; gamma 0.04 changes it by 832 USD for 1 %."""
    shares_first = {held.symbol: held for held in figures().positions}
    call, shares = shares_first[CALL], shares_first["SPY"]
    assert (call.quantity, call.cost_cents, call.value_cents) == (2, 60_000, 82_000)
    assert call.greeks["delta_usd"] == pytest.approx(200 * 0.5 * 102)
    assert call.greeks["gamma_usd"] == pytest.approx(200 * 0.04 * 102 * 102 / 100)
    assert call.greeks["vega_usd"] == pytest.approx(200 * 12 / 100)
    assert call.greeks["theta_usd"] == pytest.approx(-200 * 36.5 / 365)
    assert (shares.quantity, shares.value_cents, shares.greeks["delta_usd"]) == (15, 153_000, 1530.0)
    rows = figures().by_expiry()
    assert list(rows) == [("", "shares"), ("2013-10-19", "97.5 to 102.5 %")]
    assert rows["2013-10-19", "97.5 to 102.5 %"]["delta_usd"] == pytest.approx(10_200)


def test_the_curve_has_a_point_a_minute_of_marks() -> None:
    """The first mark of each minute, and between the lowest and the highest of them lies the day."""
    found = figures()
    assert [(event_ns - at(0)) // 60_000_000_000 for event_ns, _ in found.curve] == [0, 2, 3]
    assert found.low_cents <= min(cents for _, cents in found.curve)
    assert found.high_cents == max(found.equity_cents, found.equity_before_cents, *(c for _, c in found.curve))


def test_profit_and_loss_is_explained_to_the_cent() -> None:
    """Terms by strategy and by symbol both add up to the day's change of equity."""
    found = figures()
    plain = as_dict(found)["explained_usd"]
    for rows in plain.values():
        assert sum(sum(terms.values()) for terms in rows.values()) == pytest.approx(found.pnl_cents / 100, abs=1e-9)
    assert plain["by_symbol"]["SPY"]["delta"] == pytest.approx(5 * 1.0 + 15 * 1.0)
    assert plain["by_symbol"]["SPY"]["dividends"] == pytest.approx(3.0)
    by_strategy, by_symbol = explained(found)
    assert by_strategy[3] == by_symbol[3] == found.pnl_cents


def test_limits_alerts_and_what_happened_without_an_order() -> None:
    """A refusal by its rule, with what it said; the alert; the dividend."""
    found = figures()
    assert touched(found) == [("kill_switch", 1, "halted: lunch")]
    assert [one.rule for one in found.alerts] == ["daily_loss"]
    assert [one.kind for one in found.settlements] == [SettlementKind.DIVIDEND]


def test_a_position_without_a_mark_counts_at_its_cost() -> None:
    """And says so; its greeks are not known."""
    records = (mandate(), fill("b", quantity=1, price_cents=300, symbol=CALL, multiplier=100, event_ns=at(1)))
    found = day_of(log_of("paper", [(0, wire.encode(one)) for one in records], [], [], marks=True), DAY)
    (held,) = found.positions
    assert (held.value_cents, held.priced, held.band) == (30_000, False, "not marked")
    assert held.greeks["delta_usd"] != held.greeks["delta_usd"]


def test_a_day_before_the_mandate_has_no_report() -> None:
    """The error names the account and the day."""
    with pytest.raises(ValueError, match="paper had no mandate by 2013-10-08"):
        day_of(log_of("paper", [], [], [], marks=True), DAY)


@pytest.mark.parametrize(
    ("moneyness", "expected"),
    [(0.5, "below 80 %"), (0.8, "80 to 90 %"), (1.0, "97.5 to 102.5 %"), (1.2, "from 120 %")],
)
def test_bands_of_strikes(moneyness: float, expected: str) -> None:
    """An edge belongs to the band above it."""
    assert band_of(moneyness) == expected


def test_the_page_shows_what_the_json_says() -> None:
    """Both are of the same figures; the page has its plots inside and fetches nothing."""
    found = figures()
    html, plain = page(found, "test"), as_dict(found)
    assert f"{plain['equity_usd']:,.2f}" in html
    assert html.count("<svg") == 2
    for text in (
        "SPY 2013-10-19 C 100",
        "halted: lunch",
        "0.20 a share on 15 shares",
        "daily_loss",
        "Tuesday, 08 October 2013",
    ):
        assert text in html
    assert "<script" not in html
    assert 'src="' not in html
    assert plain["limits"] == {"refused": 1, "cut": 0, "rules": {"kill_switch": 1}}
    assert plain["positions"][1]["symbol"] == CALL


def test_text_of_the_log_cannot_write_the_page() -> None:
    """What stands in a record is shown, not run."""
    found = figures()
    found.alerts = [Alert("paper", at(1), "x", "<script>alert(1)</script>", 0.0, 0.0)]
    assert "&lt;script&gt;" in page(found, "test")


def test_a_short_position_is_shown_with_its_sign() -> None:
    """Sold calls: what they brought is a negative cost."""
    records = (
        mandate(),
        fill("b", Side.SELL, 1, 300, symbol=CALL, multiplier=100, event_ns=at(1)),
        option(2, 3.0),
        Settlement("e", "paper", CALL, at(3), SettlementKind.EXPIRY, -1, 0, (Transfer(CALL, 1, 0, 100),), False, 0, 0),
    )
    payloads = [(0, wire.encode(one)) for one in records]
    (held,) = day_of(log_of("paper", payloads[:-1], [], [], marks=True), DAY).positions
    assert (held.quantity, held.cost_cents, held.value_cents) == (-1, -30_000, -31_000)
    found = day_of(log_of("paper", payloads, [], [], marks=True), DAY)
    assert (found.positions, found.realised_cents) == ([], 30_000)


def test_margin_call_ahead_at_the_days_end() -> None:
    """380 shares at 100 with 10,000: a fall of 2 % calls (test_risk_calls.py has it by hand); page and JSON say so."""
    given = mandate(capital_cents=1_000_000)
    records: tuple[Record, ...] = (
        given,
        mark(second=1),
        fill("a", quantity=380, price_cents=10_000, event_ns=at(2)),
        mark(second=60),
    )
    payloads = [(offset, wire.encode(record)) for offset, record in enumerate(records)]
    found = day_of(log_of("paper", payloads, [], [], marks=True), DAY)
    assert as_dict(found)["margin_call_percent"] == {"down": -2, "up": None}
    assert "with the day's last marks: -2 %." in page(found, "test")


def test_what_comes_late_counts_at_its_time() -> None:
    """A recording played fast is marked far ahead of the venue's answers: the day has its fill all the same."""
    bought = fill("b", quantity=2, price_cents=10_100, event_ns=at(60))
    records = (mandate(), mark(second=1, price=101.0), mark(second=120, price=102.0), mark(second=DAY_S), bought)
    found = day_of(log_of("paper", [(0, wire.encode(one)) for one in records], [], [], marks=True), DAY)
    assert [one.intent_id for one in found.fills] == ["b"]
    assert found.equity_cents == found.curve[-1][1] == 10_000_000 + 2 * 100
