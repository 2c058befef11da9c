"""The lattice of simulated chains: early exercise against QuantLib's finite differences, its limits, its spot model."""

import math

import numpy as np
import pytest
import QuantLib as ql

from connectors.sources.sim_chain_american import Carry, premiums, prices
from connectors.sources.sim_chain_truth import implied_variance

RATE, VOL = 0.043, 0.28
NONE = np.empty(0)
SPOT = np.array([194.0, 200.0, 206.0])
CENT = 0.01
TODAY = ql.Date(1, 1, 2024)


def oracle(
    spot: float, strike: float, call: bool, days: int, borrow: float, paid: dict[int, float], early: bool
) -> float:
    """Price an option by QuantLib, dividends by the day."""
    ql.Settings.instance().evaluationDate = TODAY
    actual = ql.Actual365Fixed()
    rate, yields = (ql.YieldTermStructureHandle(ql.FlatForward(TODAY, one, actual)) for one in (RATE, borrow))
    vol = ql.BlackVolTermStructureHandle(ql.BlackConstantVol(TODAY, ql.NullCalendar(), VOL, actual))
    process = ql.BlackScholesMertonProcess(ql.QuoteHandle(ql.SimpleQuote(spot)), yields, rate, vol)
    payoff = ql.PlainVanillaPayoff(ql.Option.Call if call else ql.Option.Put, strike)
    end = TODAY + days
    option = ql.VanillaOption(payoff, ql.AmericanExercise(TODAY, end) if early else ql.EuropeanExercise(end))
    dividends = ql.DividendVector([TODAY + day for day in paid], list(paid.values())) if paid else None
    engine = ql.FdBlackScholesVanillaEngine
    option.setPricingEngine(engine(process, dividends, 400, 400) if paid else engine(process, 400, 400))
    return float(option.NPV())


@pytest.mark.parametrize(
    ("days", "borrow", "paid"),
    [(7, 0.01, {}), (91, 0.0, {}), (91, 0.003, {30: 0.8}), (7, 0.003, {3: 0.8}), (365, 0.01, {30: 1.5, 212: 1.5})],
)
def test_early_exercise_is_worth_what_quantlib_says(days: int, borrow: float, paid: dict[int, float]) -> None:
    """Within half a cent, or one in a hundred where the premium is large; with and without dividends."""
    years = days / 365.0
    carry = Carry(RATE, borrow, np.array(list(paid)) / 365.0, np.array(list(paid.values())))
    strikes = carry.forward(200.0, years) * np.exp(VOL * math.sqrt(years) * np.array([-1.5, -0.5, 0.0, 0.5, 1.5]))
    strike, is_call = np.tile(strikes, 2), np.repeat([True, False], 5)
    found = premiums(carry, years, 0.25 * years, SPOT, strike, is_call, np.full(10, VOL))
    for row, spot in enumerate(SPOT.tolist()):
        both = [
            [oracle(spot, k, c, days, borrow, paid, early) for k, c in zip(strike, is_call, strict=True)]
            for early in (True, False)
        ]
        wanted = np.array(both[0]) - np.array(both[1])
        np.testing.assert_allclose(found[0, row], wanted, atol=0.5 * CENT, rtol=0.01)
        assert wanted.max() > 2.0 * CENT


def test_calls_are_not_exercised_early_without_a_reason() -> None:
    """No dividend and no borrow: a call's premium is 0, and so is a put's where money earns nothing."""
    strike = np.array([180.0, 200.0, 220.0])
    calls = premiums(Carry(RATE, 0.0, NONE, NONE), 0.5, 0.1, SPOT, strike, np.ones(3, bool), np.full(3, VOL))
    assert calls.max() < 1e-9
    puts = premiums(Carry(0.0, 0.0, NONE, NONE), 0.5, 0.1, SPOT, strike, np.zeros(3, bool), np.full(3, VOL))
    assert puts.max() < 1e-9


def test_a_put_deep_in_the_money_is_worth_its_exercise_and_all_ends_at_expiry() -> None:
    """Far outside of the lattice too; at expiry nothing is left to exercise early."""
    carry, strike = Carry(RATE, 0.0, NONE, NONE), np.array([260.0, 420.0])
    american, european = prices(carry, 0.02, SPOT, strike, np.zeros(2, bool), np.full(2, VOL))
    np.testing.assert_allclose(american, strike - SPOT[:, None], rtol=1e-7)
    np.testing.assert_allclose(european, strike * math.exp(-RATE * 0.02) - SPOT[:, None], rtol=1e-6)
    found = premiums(carry, 0.02, 0.02, SPOT, strike, np.zeros(2, bool), np.full(2, VOL))
    assert found[0].min() > 0.0
    assert found[1].max() == 0.0


def test_the_spots_volatility_is_blacks_before_the_cash() -> None:
    """At the volatility that spot_vol_ratio says, the spot model's European prices have Black's volatility."""
    carry, years = Carry(RATE, 0.003, np.array([30, 121, 212, 303]) / 365.0, np.full(4, 0.6)), 1.0
    forward = carry.forward(200.0, years)
    strike = forward * np.exp(VOL * np.array([-1.0, -0.5, 0.0, 0.5, 1.0]))
    ratio = carry.spot_vol_ratio(forward, strike, years)
    _, european = prices(carry, years, np.array([200.0]), strike, strike >= forward, VOL * ratio, 800)
    w = implied_variance(np.log(strike / forward), european[0] * math.exp(RATE * years) / forward)
    np.testing.assert_allclose(np.sqrt(w), VOL, atol=2e-4)
    assert ratio.max() < 0.997


def test_later_is_the_same_carry_nearer_to_its_dividends() -> None:
    """What is left of a time is the carry of the time that is left."""
    carry = Carry(RATE, 0.01, np.array([0.1, 0.4]), np.array([0.5, 0.6]))
    grown = 200.0 * math.exp((RATE - 0.01) * 0.25) - 0.5 * math.exp((RATE - 0.01) * 0.15)
    assert carry.forward(200.0, 0.25) == pytest.approx(grown)
    assert carry.later(0.25).forward(grown, 0.5) == pytest.approx(carry.forward(200.0, 0.75))
