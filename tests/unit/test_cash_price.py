"""Options on a spot that falls by cash: known numbers, limits, two other engines, and when exercise is due."""

import math

import numpy as np
import pytest

from bench.cash_oracle import Case, call_boundary, cases, integral, quantlib_price
from streams.options.cash import CashDividends, cash_price, yield_of_cash
from streams.options.cash.price import LANES_MAX
from streams.options.status import Status

NONE = CashDividends()


def ours(case: Case) -> float:
    """Return our price of a case."""
    dividends = CashDividends(tuple(day / 365 for day in case.ex_days), case.cash)
    found = cash_price(
        case.spot, case.strike, case.days / 365, case.rate, 0.0, case.vol, case.is_call, dividends, case.american
    )
    assert found.status[0] == Status.OK
    return float(found.price[0])


def name(case: Case) -> str:
    """Return a short name of a case."""
    return f"{case.strike:.0f}-{case.days}-{case.rate}-{case.vol:.2f}-{'call' if case.is_call else 'put'}"


def test_without_dividends_a_european_is_blacks() -> None:
    """Spot and strike 100, a year, 5 %, vol 20 %: 10.450584 and 5.573526, and the greeks that go with them."""
    call, put = (cash_price(100.0, 100.0, 1.0, 0.05, 0.0, 0.2, side, NONE, False) for side in (True, False))
    assert call.price[0] == pytest.approx(10.450583572185565, abs=1e-4)
    assert put.price[0] == pytest.approx(5.573526022256971, abs=1e-4)
    assert call.delta[0] == pytest.approx(0.6368306511756191, abs=1e-5)
    assert put.delta[0] == pytest.approx(0.6368306511756191 - 1.0, abs=1e-5)
    assert call.gamma[0] == pytest.approx(0.018762017345846895, abs=1e-5)
    assert call.theta[0] == pytest.approx(-6.414027546438197, abs=2e-3)


def test_without_dividends_an_american_put_has_its_known_premium() -> None:
    """At 100, a year, rate and yield 5 %, vol 25 %, exercise adds 0.106952702747 (Andersen et al., 2016)."""
    both = [cash_price(100.0, 100.0, 1.0, 0.05, 0.05, 0.25, False, NONE, early) for early in (True, False)]
    assert both[0].price[0] - both[1].price[0] == pytest.approx(0.106952702747, abs=2e-4)


def test_a_call_is_exercised_before_the_ex_date_where_it_is_due() -> None:
    """One dividend of 3: the boundary is where holding is worth the exercise value, the price that of the integral."""
    case = Case(100.0, 90, 0.02, 0.25, True, True, (60,), (3.0,))
    dividends = CashDividends((60 / 365,), (3.0,))
    found = cash_price(np.array([100.0, 120.0]), 100.0, 90 / 365, 0.02, 0.0, 0.25, True, dividends)
    low = call_boundary(100.0, 30 / 365, 0.02, 0.25, 3.0)
    np.testing.assert_allclose(found.boundary, low, atol=0.02)
    assert low == pytest.approx(102.8735, abs=1e-4)
    assert found.price[0] == pytest.approx(integral(case), abs=1e-4)
    european = cash_price(100.0, 100.0, 90 / 365, 0.02, 0.0, 0.25, True, dividends, False)
    assert found.price[0] > european.price[0] + 0.5


def test_a_call_whose_dividend_is_under_the_interest_is_held() -> None:
    """Interest on the strike from ex-date to expiry is more than the dividend: exercise is due nowhere."""
    dividends = CashDividends((0.25,), (1.0,))
    both = [cash_price(100.0, 90.0, 1.0, 0.06, 0.0, 0.3, True, dividends, early) for early in (True, False)]
    assert 90.0 * (1.0 - math.exp(-0.06 * 0.75)) > 1.0
    assert math.isnan(both[0].boundary[0])
    assert both[0].price[0] == pytest.approx(both[1].price[0], abs=1e-12)


def test_the_day_before_the_ex_date_a_deep_call_is_worth_its_exercise_value() -> None:
    """A day ahead of a dividend of 2 a deep call is exercised, and one at the money is not."""
    dividends = CashDividends((0.5 / 365,), (2.0,))
    found = cash_price(np.array([130.0, 100.0]), 100.0, 30 / 365, 0.05, 0.0, 0.3, True, dividends)
    assert found.price[0] == pytest.approx(30.0, abs=0.01)
    assert found.delta[0] == pytest.approx(1.0, abs=1e-3)
    assert found.boundary[0] < 130.0
    assert found.price[1] > 2.0


def test_a_dividend_of_more_than_the_spot_takes_all_of_it() -> None:
    """The liquidator: at the ex-date the spot is 0, the call lost, the put worth its strike then."""
    dividends = CashDividends((0.5,), (5.0,))
    call, put, late = (
        float(cash_price(1.0, 10.0, 1.0, 0.05, 0.0, 0.3, side, dividends, early).price[0])
        for side, early in ((True, True), (False, True), (False, False))
    )
    assert call == pytest.approx(0.0, abs=1e-8)
    assert put == pytest.approx(10.0 * math.exp(-0.025), abs=1e-3)
    assert late == pytest.approx(10.0 * math.exp(-0.05), abs=1e-3)


@pytest.mark.parametrize("case", [one for one in cases(60) if one.is_integral][:10], ids=name)
def test_prices_are_the_integrals(case: Case) -> None:
    """Europeans and American calls are within 5e-4 of an integral that is exact for them."""
    assert ours(case) == pytest.approx(integral(case, 12_000, 321), abs=5e-4)


@pytest.mark.parametrize("case", [one for one in cases(60) if not one.is_integral][:10], ids=name)
def test_american_puts_are_quantlibs(case: Case) -> None:
    """American puts are within 1e-3 of QuantLib's grid, extrapolated in time."""
    rough, fine = (quantlib_price(case, steps, 800) for steps in (400, 800))
    assert ours(case) == pytest.approx(2.0 * fine - rough, abs=1e-3)


def test_what_has_no_price_says_why() -> None:
    """Every bad input has a status and NaN; an expired one its exercise value."""
    nan, inf = math.nan, math.inf
    spot = np.array([nan, 0.0, 100.0, 100.0, inf, 100.0, 100.0, 100.0, 110.0])
    strike = np.array([100.0, 100.0, -1.0, 100.0, 100.0, 100.0, 100.0, 100.0, 100.0])
    years = np.array([1.0, 1.0, 1.0, nan, 1.0, 11.0, 1.0, 1.0, 0.0])
    vol = np.array([0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.001, 0.0, 0.2])
    found = cash_price(spot, strike, years, 0.05, 0.0, vol, True, NONE)
    wanted = [Status.NOT_A_NUMBER, Status.BAD_INPUT, Status.BAD_INPUT, Status.NOT_A_NUMBER, Status.BAD_INPUT]
    wanted += [Status.OUT_OF_RANGE, Status.OUT_OF_RANGE, Status.BAD_INPUT, Status.NO_TIME]
    assert found.status.tolist() == wanted
    assert np.isnan(found.price[:-1]).all()
    assert (found.price[-1], found.delta[-1]) == (10.0, 1.0)


def test_cash_far_beyond_the_diffusion_is_out_of_range() -> None:
    """Half of the spot within a minute: no grid resolves where exercise is due, and none is asked."""
    dividends = CashDividends((1e-6,), (50.0,))
    assert cash_price(100.0, 100.0, 2e-6, 0.05, 0.0, 0.2, True, dividends).status[0] == Status.OUT_OF_RANGE
    assert cash_price(100.0, 100.0, 0.5, 0.05, 0.0, 0.2, True, dividends).status[0] == Status.OK


def test_shapes_and_dividends_are_checked() -> None:
    """Shapes that do not fit, and dividends that do not ascend or are not positive, are errors of the caller."""
    with pytest.raises(ValueError, match="broadcast"):
        cash_price(np.ones(2), np.ones(3), 1.0, 0.0, 0.0, 0.2, True, NONE)
    for ex_years, cash in (((0.5,), ()), ((0.5, 0.5), (1.0, 1.0)), ((0.5,), (0.0,)), ((0.5,), (math.nan,))):
        with pytest.raises(ValueError, match=r"dividends need|must"):
            CashDividends(ex_years, cash)
    assert cash_price(np.empty(0), 100.0, 1.0, 0.0, 0.0, 0.2, True, NONE).price.shape == (0,)


def test_past_dividends_and_those_after_expiry_do_not_count() -> None:
    """Only cash between now and expiry is in a price."""
    plain = cash_price(100.0, 100.0, 0.5, 0.05, 0.0, 0.2, False, NONE).price
    other = cash_price(100.0, 100.0, 0.5, 0.05, 0.0, 0.2, False, CashDividends((-0.1, 0.0, 0.5, 0.7), (1.0,) * 4)).price
    assert plain.tobytes() == other.tobytes()


def test_a_lane_depends_on_itself_alone() -> None:
    """A chain of more than one batch gives each option the bits that it has alone."""
    strikes = np.linspace(70.0, 140.0, LANES_MAX + 5)
    calls = np.arange(len(strikes)) % 2 == 0
    dividends = CashDividends((0.1, 0.35), (0.8, 0.8))
    chain = cash_price(100.0, strikes, 0.5, 0.05, 0.0, 0.3, calls, dividends)
    alone = [cash_price(100.0, k, 0.5, 0.05, 0.0, 0.3, call, dividends) for k, call in zip(strikes, calls, strict=True)]
    for name in ("price", "delta", "gamma", "theta", "boundary"):
        assert getattr(chain, name).tobytes() == np.concatenate([getattr(one, name) for one in alone]).tobytes()


def test_cash_made_a_yield_has_the_forward_and_another_price() -> None:
    """The yield keeps the forward; the price it gives is another, which is why it is made by name alone."""
    dividends = CashDividends((0.1, 0.6), (2.0, 2.0))
    yield_ = yield_of_cash(100.0, 1.0, 0.05, dividends)
    paid = 2.0 * math.exp(-0.005) + 2.0 * math.exp(-0.03)
    assert 100.0 * math.exp(-yield_) == pytest.approx(100.0 - paid, rel=1e-14)
    by_cash = cash_price(100.0, 100.0, 1.0, 0.05, 0.0, 0.3, True, dividends).price[0]
    by_yield = cash_price(100.0, 100.0, 1.0, 0.05, yield_, 0.3, True, NONE).price[0]
    assert abs(by_cash - by_yield) > 0.05
    assert math.isnan(yield_of_cash(1.0, 1.0, 0.05, dividends))
