"""Single quotes on cash dividends: volatilities come back, and greeks are those of prices."""

import math

import numpy as np

from streams.options import greeks
from streams.options.cash import CashDividends, cash_greeks, cash_iv, cash_price
from streams.options.status import Status

DIVIDENDS = CashDividends((0.1, 0.35, 0.6), (0.8, 0.8, 0.8))


def test_volatilities_come_back() -> None:
    """From 6 % to 200 % the volatility of a price is the one that gave it, to 1e-4 where vega is above 0.5."""
    draw = np.random.default_rng(2)
    strikes, years = 100.0 * np.exp(draw.normal(0.0, 0.1, 60)), draw.uniform(0.02, 1.0, 60)
    vols, calls = np.exp(draw.uniform(math.log(0.06), math.log(2.0), 60)), draw.random(60) < 0.5
    made = cash_price(100.0, strikes, years, 0.04, 0.0, vols, calls, DIVIDENDS)
    assert (made.status == Status.OK).all()
    found = cash_iv(made.price, 100.0, strikes, years, 0.04, 0.0, calls, DIVIDENDS)
    read = cash_greeks(100.0, strikes, years, 0.04, 0.0, vols, calls, DIVIDENDS)
    value = np.maximum(np.where(calls, 100.0 - strikes, strikes - 100.0), 0.0)
    clear = (read.vega > 0.5) & (made.price - value > 2e-3)
    assert clear.sum() > 40
    assert (found.status[clear] == Status.OK).all()
    np.testing.assert_allclose(found.vol[clear], vols[clear], atol=1e-4)
    np.testing.assert_allclose(read.price[clear], made.price[clear], atol=1e-3)
    np.testing.assert_allclose(read.delta[clear], made.delta[clear], atol=1e-3, rtol=1e-3)


def test_europeans_without_dividends_have_blacks_greeks() -> None:
    """All eight greeks are the European formulas', absolutely and relatively."""
    strikes, calls = np.array([90.0, 100.0, 110.0] * 2), np.repeat([True, False], 3)
    ours = cash_greeks(100.0, strikes, 0.5, 0.05, 0.01, 0.3, calls, CashDividends(), False)
    theirs = greeks(100.0, strikes, 0.5, 0.05, 0.01, 0.3, calls)
    tolerances = {"price": 2e-4, "delta": 1e-4, "gamma": 2e-5, "vega": 1e-2, "theta": 2e-3, "rho": 3e-2, "vanna": 2e-2}
    for name, tolerance in (tolerances | {"volga": 0.5, "charm": 1e-2}).items():
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), atol=tolerance, rtol=1e-3, err_msg=name)


def test_what_has_no_volatility_says_why() -> None:
    """Each status of a quote, and of an option at its expiry."""
    price = np.array([math.nan, -1.0, 19.0, 20.0005, 100.0, 5.0, 5.0, 1e-12])
    spot = np.array([100.0, 100.0, 120.0, 120.0, 100.0, 100.0, 0.0, 100.0])
    years = np.array([0.5, 0.5, 0.5, 0.01, 0.5, 0.0, 0.5, 0.01])
    found = cash_iv(price, spot, 100.0, years, 0.05, 0.0, True, DIVIDENDS)
    wanted = [Status.NOT_A_NUMBER, Status.BAD_INPUT, Status.BELOW_INTRINSIC, Status.AT_EXERCISE_VALUE]
    wanted += [Status.ABOVE_BOUND, Status.NO_TIME, Status.BAD_INPUT, Status.OUT_OF_RANGE]
    assert found.status.tolist() == wanted
    assert np.isnan(found.vol).all()
    late = cash_greeks(np.array([110.0, 90.0]), 100.0, 0.0, 0.05, 0.0, 0.2, True, DIVIDENDS)
    assert (late.price.tolist(), late.delta.tolist(), late.vega.tolist()) == ([10.0, 0.0], [1.0, 0.0], [0.0, 0.0])
    assert cash_greeks(100.0, 100.0, 0.5, 0.05, 0.0, 3.0, True, DIVIDENDS).status[0] == Status.OUT_OF_RANGE
