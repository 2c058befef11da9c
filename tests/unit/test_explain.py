"""P&L explained: each move has its term, terms and the unexplained are the change of equity, and what fills cost."""

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.records import LegFill, Mark, OptionMark, Settlement, SettlementKind, Side, Transfer
from streams.book.explain.fold import explain, sums, underlying_name
from streams.book.explain.option import MICRO, YEAR_NS, between, carried, point_of
from streams.book.explain.terms import NOTHING, Terms, closed
from streams.book.ledger import Ledger, apply_fill, apply_settlement, equity_cents
from streams.book.valuation import option_micro, share_value_cents, unit_cents
from tests.orderpath_rig import NAN, at, fill, mark

CALL = "SPY   131108C00100000"
STRIKE, DAY_NS = 100.0, 86_400_000_000_000
EXPIRY_NS = at(0) + 31 * DAY_NS
HALF = 0.05


def normal(x: float) -> float:
    """The normal distribution."""
    return 0.5 * math.erfc(-x / math.sqrt(2.0))


def option(
    second: float = 0.0, spot: float = 100.0, vol: float = 0.2, rate: float = 0.02, cash: float = 0.0, **changes: Any
) -> OptionMark:
    """Return a mark of a European call on a spot less the cash that it is still to pay: value and greeks by formula."""
    event_ns = at(second)
    years, under = (EXPIRY_NS - event_ns) / YEAR_NS, spot - cash
    width = vol * math.sqrt(years)
    d1 = (math.log(under / STRIKE) + rate * years) / width + 0.5 * width
    d2, density = d1 - width, math.exp(-0.5 * d1 * d1) / math.sqrt(2.0 * math.pi)
    paid = STRIKE * math.exp(-rate * years) * normal(d2)
    value, vega = under * normal(d1) - paid, under * density * math.sqrt(years)
    made = OptionMark(
        CALL, "SPY", event_ns, EXPIRY_NS, value - HALF, value + HALF, 10, 10, NAN, spot,
        under * math.exp(rate * years), rate, cash, value, vol, normal(d1), density / (under * width), vega,
        -0.5 * vega * vol / years - rate * paid, years * paid, -density * d2 / vol, vega * d1 * d2 / vol,
        -density * (rate / width - 0.5 * d2 / years), 0, 1.0, event_ns,
    )  # fmt: skip
    return replace(made, **changes)


def value(one: OptionMark) -> float:
    """Return what a mark values a share at."""
    micro = option_micro(one, None)
    assert micro is not None
    return micro / MICRO


SIZES = {"spot": 105.0, "vol": 0.26, "rate": 0.025, "second": 86_400.0}
OWN = {"spot": {"delta", "gamma"}, "vol": {"vega", "volga"}, "rate": {"rho"}, "second": {"theta"}}


@pytest.mark.parametrize("name", SIZES)
def test_a_single_move_is_its_own_terms(name: str) -> None:
    """What does not move has no term, and next to nothing is unexplained."""
    before, after = option(spot=103.0), option(**{"spot": 103.0, name: SIZES[name]})
    terms = between(before, after)._asdict()
    assert {term for term, size in terms.items() if abs(size) > 2e-4} == OWN[name]
    assert sum(terms.values()) == pytest.approx(value(after) - value(before), rel=1e-3)


def test_curvature_is_told_apart() -> None:
    """Gamma, volga, vanna and charm are half the second derivatives' worth of squares, and products of two moves."""
    before, after = option(), option(3_600, 100.5, 0.205)
    terms, years = between(before, after), 3_600e9 / YEAR_NS
    assert terms.gamma == pytest.approx(0.5 * before.gamma * 0.25, rel=0.05)
    assert terms.volga == pytest.approx(0.5 * (before.volga + after.volga) / 2 * 0.005**2, rel=0.25)
    assert terms.vanna == pytest.approx((before.vanna + after.vanna) / 2 * 0.5 * 0.005, rel=0.05)
    assert terms.charm == pytest.approx((before.charm + after.charm) / 2 * 0.5 * years, rel=0.05)
    assert terms.delta == pytest.approx(before.delta * 0.5, rel=0.01)
    assert terms.vega == pytest.approx(before.vega * 0.005, rel=0.01)
    assert terms.theta == pytest.approx(before.theta * years, rel=0.03)


moves = st.tuples(st.floats(97.0, 103.0), st.floats(0.17, 0.24), st.floats(0.0, 0.04), st.floats(1.0, 200_000.0))


@settings(max_examples=60, deadline=None)
@given(moves)
def test_average_greeks_leave_little_of_large_moves(move: tuple[float, float, float, float]) -> None:
    """Spot, volatility, rate and time together: less than 3 % of the terms, mostly far less."""
    spot, vol, rate, second = move
    before, after = option(), option(second, spot, vol, rate)
    terms = closed(between(before, after), value(after) - value(before))
    assert terms.total == pytest.approx(value(after) - value(before), abs=1e-12)
    assert abs(terms.unexplained) <= 0.03 * terms.explained_size + 1e-3


def test_a_dividend_that_goes_ex_moves_nothing() -> None:
    """The spot falls by it, the forward does not: delta loses what dividends gain."""
    terms = between(option(cash=1.0), option(1.0, spot=99.0))
    assert terms.delta + terms.gamma == pytest.approx(-terms.dividends, rel=0.04)
    assert terms.dividends > 0.4
    expected = between(option(), option(1.0, cash=0.5))
    assert expected.dividends == pytest.approx(-0.5 * option().delta, rel=0.05), "one that nobody foresaw"
    assert carried(option(), option(86_400.0, 103.0, rate=0.03)) == pytest.approx(0.0, abs=1e-3)
    assert carried(option(forward=NAN), option(1.0)) == carried(option(), option(1.0, forward=NAN)) == 0.0


def test_what_is_not_known_moves_nothing() -> None:
    """Without spot and forward, or without a value, there is no point; with one of both there is."""
    assert point_of(option(spot=100.0, forward=NAN), 2 * MICRO) is not None
    assert between(replace(option(), spot=NAN, forward=NAN), option(1.0)) == NOTHING
    assert between(option(bid=NAN, ask=NAN, bits=1, theoretical=NAN), option(1.0)) == NOTHING
    by_forward = between(replace(option(), spot=NAN), replace(option(60.0, 100.5), spot=NAN))
    assert by_forward.delta == pytest.approx(between(option(), option(60.0, 100.5)).delta, rel=0.01)


def test_the_volatility_is_the_values_own() -> None:
    """Whatever the quote's middle tells: a value from the surface has another one, and that is vega's."""
    good = option()
    off = option(bits=1, bid=NAN, iv=NAN, theoretical=good.theoretical + 0.3)
    moved = closed(between(good, off), value(off) - value(good))
    assert moved.vega + moved.volga == pytest.approx(0.3, rel=1e-3)
    assert abs(moved.unexplained) < 1e-4


def test_a_value_below_exercise_has_no_volatility() -> None:
    """What it lacks is unexplained; the spot's move is delta's all the same."""
    low, lower = (option(0.0, spot, theoretical=spot - STRIKE - 0.2, bits=1) for spot in (120.0, 119.0))
    moved = closed(between(low, lower), value(lower) - value(low))
    assert moved.delta == pytest.approx(-1.0, abs=1e-3)
    assert moved.vega == 0.0
    assert abs(moved.unexplained) < 1e-6


CENT = 0.01 + 1e-9


def test_a_bought_contract_from_fill_to_night() -> None:
    """Half the spread and the fee are paid at the fill; the night is the next day's; each day sums to its equity."""
    bought = fill(symbol=CALL, multiplier=100, quantity=2, price_cents=260, fee_cents=130, event_ns=at(60))
    first, second, third = option(59.0), option(3_600.0, 101.0), option(DAY_NS / 1e9, 101.5)
    rows = explain([first, bought, second, third], "paper")
    assert [(row.day, row.symbol, row.underlying) for row in rows] == [
        ("2013-10-08", CALL, "SPY"), ("2013-10-09", CALL, "SPY"),
    ]  # fmt: skip
    today, night = rows[0].terms, rows[1].terms
    assert today.fees == -1.3
    assert today.spread == pytest.approx(2 * (100 * value(first) - 260), abs=2 * CENT)
    assert today.total == pytest.approx(2 * 100 * (value(second) - 2.6) - 1.3, abs=2 * CENT)
    assert night.total == pytest.approx(200 * (value(third) - value(second)), abs=4 * CENT)
    assert night.theta < -3.0 < 0.0 < night.delta
    assert night.fees == night.spread == 0.0
    assert abs(night.unexplained) < 0.02 * night.explained_size
    assert explain([first, bought, second, third], "other") == ()


def test_marks_between_are_steps() -> None:
    """Terms are of steps of a minute: a spot that comes back has earned gamma's and lost delta's nothing."""
    held = fill(symbol=CALL, multiplier=100, quantity=1, price_cents=250, event_ns=at(1))
    path = [option(0.0), held, *[option(60.0 * step, 100.0 + step % 2) for step in range(1, 21)]]
    by_minute = sums(explain(path, "paper"), lambda row: row.strategy)["momentum_breakout"]
    at_once = sums(explain(path, "paper", 10**15), lambda row: row.day)["2013-10-08"]
    assert by_minute.total == pytest.approx(at_once.total, abs=1e-9)
    assert by_minute.gamma > 20 * abs(at_once.gamma)


def test_legs_have_their_own_spreads() -> None:
    """A combination's legs are explained each; its fee stands under the underlying."""
    put = CALL.replace("C0", "P0")
    legs = (LegFill(CALL, Side.BUY, 3, 300, 100), LegFill(put, Side.SELL, 3, 200, 100))
    combined = fill(symbol="SPY", quantity=3, price_cents=10_000, legs=legs, fee_cents=195)
    marks = [option(0.0), option(0.0, symbol=put)]
    found = sums(explain([*marks, combined], "paper"), lambda row: row.symbol)
    worth = unit_cents(option_micro(marks[0], None), 100)
    assert worth is not None
    assert found["SPY"] == Terms(fees=-1.95)
    assert found[CALL] == Terms(spread=3 * (worth - 30_000) / 100)
    assert found[put] == Terms(spread=-3 * (worth - 20_000) / 100)


def test_shares_are_delta_and_dividends() -> None:
    """Shares bought before a price is known stand at their cost; a dividend is cash."""
    dividend = Settlement("1", "paper", "SPY", at(90), SettlementKind.DIVIDEND, 10, 25, (), False, 250, 0)
    log = [fill(event_ns=at(1)), mark(second=2, price=100.5), mark(second=70, price=103.0), dividend]
    (row,) = explain(log, "paper")
    assert row.terms == Terms(spread=5.0, delta=25.0, dividends=2.5)
    assert underlying_name("SPY") == "SPY"


def exercised(quantity: int = 2) -> Settlement:
    """Return an exercise of calls at 100."""
    transfers = (Transfer(CALL, -quantity, 0, 100), Transfer("SPY", 100 * quantity, 1_000_000 * quantity, 1))
    cash = -1_000_000 * quantity
    kind = SettlementKind.EXERCISE
    return Settlement("1", "paper", CALL, at(100), kind, quantity, 10_000, transfers, True, cash, 50)


def test_an_exercise_gives_up_what_is_left_of_time() -> None:
    """Shares at the spot for the strike and the contract's value; shared among strategies by what they hold."""
    one = fill(symbol=CALL, multiplier=100, quantity=2, price_cents=500, strategy="a")
    log = [mark(second=0, price=104.0), option(0.0, 104.0), one]
    worth = unit_cents(option_micro(option(0.0, 104.0), None), 100)
    assert worth is not None
    (row,) = explain([*log, exercised()], "paper")
    assert row.terms.exercise == pytest.approx(2 * (400 - worth / 100))
    assert row.terms.fees == -0.5
    other = replace(one, strategy="b", quantity=1)
    found = sums(explain([*log, other, exercised(3)], "paper"), lambda each: each.strategy)
    assert found["a"].exercise == pytest.approx(2 * found["b"].exercise)
    assert (found["a"].fees, found["b"].fees) == (-0.33, -0.17)


def test_a_split_moves_nothing_but_what_it_pays() -> None:
    """Two for one: the contract of half the strike stands where it stood, and goes on from there."""
    half = CALL.replace("00100000", "00050000")
    transfers = (Transfer(CALL, -3, 0, 100), Transfer(half, 6, 0, 100))
    halved = Settlement("1", "paper", CALL, at(80), SettlementKind.SPLIT, 3, 0, transfers, True, 0, 0)
    shares = Settlement(
        "2", "paper", "SPY", at(80), SettlementKind.SPLIT, 10, 0, (Transfer("SPY", 10, 0, 1),), False, 0, 0
    )
    log = [option(0.0), mark(second=0), fill(symbol=CALL, multiplier=100, quantity=3, price_cents=255), fill(), halved]
    log += [shares, mark(second=90, price=51.0)]
    before = option(0.0)
    found = sums(explain(log, "paper"), lambda row: row.symbol)
    assert found["SPY"] == Terms(delta=20.0)
    assert found[CALL].exercise == pytest.approx(0.0, abs=6 * CENT)
    later = option(90.0, 102.0)
    prices = ("bid", "ask", "spot", "forward", "dividends", "theoretical", "vega", "theta", "rho", "volga")
    changes = {name: getattr(later, name) / 2 for name in prices}
    after = replace(later, symbol=half, gamma=2 * later.gamma, **changes)
    terms = sums(explain([*log, after], "paper"), lambda row: row.symbol)[half]
    assert terms.total == pytest.approx(300 * (value(later) - value(before)), abs=12 * CENT)
    assert abs(terms.unexplained) < 0.01 * terms.explained_size


events = st.lists(
    st.tuples(
        st.sampled_from(["share", "option", "buy", "sell", "buy option", "sell option", "dividend", "exercise"]),
        st.integers(1, 40_000),
        st.integers(1, 9),
        st.sampled_from(["a", "b"]),
        st.floats(-3.0, 3.0),
    ),
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(events)
def test_terms_and_the_unexplained_are_the_change_of_equity(drawn: list[tuple[str, int, int, str, float]]) -> None:
    """After any marks, fills and settlements the rows sum to what the account's own ledger says, to 1e-9 of a dollar
    a record.
    """
    second, log = 0.0, list[Any]([mark(second=0), option(0.0)])
    held, ledger = 0, Ledger(0, {})
    for kind, pause, quantity, strategy, move in drawn:
        second += pause
        side = Side.BUY if "buy" in kind else Side.SELL
        given: dict[str, Any] = {
            "quantity": quantity,
            "side": side,
            "strategy": strategy,
            "event_ns": at(second),
            "fee_cents": 7,
        }
        if kind == "share":
            log.append(mark(second=second, price=100.0 + move))
        elif kind == "option":
            log.append(option(second, 100.0 + move, 0.2 + 0.01 * move))
        elif kind == "dividend":
            cash = quantity * 31
            log.append(Settlement("1", "paper", "SPY", at(second), SettlementKind.DIVIDEND, 9, 31, (), False, cash, 0))
        elif kind == "exercise" and held > 0:
            log.append(replace(exercised(held), event_ns=at(second)))
            held = 0
        elif "option" in kind and kind != "option":
            held += quantity if side is Side.BUY else -quantity
            log.append(fill(symbol=CALL, multiplier=100, price_cents=250 + pause % 90, **given))
        elif kind in ("buy", "sell"):
            log.append(fill(price_cents=10_000 + pause % 90, **given))
    values: dict[str, int | None] = {}
    for record in log:
        if isinstance(record, Settlement):
            ledger = apply_settlement(ledger, record)
        elif isinstance(record, OptionMark):
            values[record.symbol] = unit_cents(option_micro(record, None), 100)
        elif isinstance(record, Mark):
            values[record.symbol] = share_value_cents(record.last)
        else:
            ledger = apply_fill(ledger, record)
    known = {symbol: cents for symbol, cents in values.items() if cents is not None}
    rows = explain(log, "paper")
    total = sum(row.terms.total for row in rows)
    assert total == pytest.approx(equity_cents(ledger, known) / 100, abs=1e-9 * (1 + len(log)))
    assert all(math.isfinite(term) for row in rows for term in row.terms)
