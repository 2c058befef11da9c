"""Laws of American prices that hold whatever the numbers."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.options import Status, american_iv, american_price, greeks

NOISE = 1e-6
"""Of strike or spot: the accuracy of a price."""

strikes = st.floats(60.0, 160.0)
years = st.floats(1.0 / 3_650.0, 3.0)
rates = st.one_of(st.just(0.0), st.floats(0.0005, 0.12))
vols = st.floats(0.03, 2.0)
rights = st.booleans()


def price(strike: float, t: float, rate: float, yield_: float, vol: float, is_call: bool, spot: float = 100.0) -> float:
    found = american_price(spot, strike, t, rate, yield_, vol, is_call)
    assert found.status[0] == Status.OK
    return float(found.price[0])


@settings(deadline=None, max_examples=150)
@given(strikes, years, rates, rates, vols, rights)
def test_worth_at_least_exercise_and_the_european(
    strike: float, t: float, rate: float, yield_: float, vol: float, is_call: bool
) -> None:
    """The right to exercise early costs nothing to have; no price is above spot (call) or strike (put)."""
    found = price(strike, t, rate, yield_, vol, is_call)
    one = [np.full(1, x) for x in (100.0, strike, t, rate, yield_, vol)]
    european = greeks(one[0], one[1], one[2], one[3], one[4], one[5], np.full(1, is_call)).price[0]
    assert found >= (100.0 - strike if is_call else strike - 100.0)
    assert found >= european - NOISE * strike
    assert found <= (100.0 if is_call else strike)


@settings(deadline=None, max_examples=150)
@given(strikes, years, rates, rates, vols, rights, st.floats(1.01, 1.5))
def test_more_volatility_or_time_is_worth_more(
    strike: float, t: float, rate: float, yield_: float, vol: float, is_call: bool, more: float
) -> None:
    """Price rises with volatility, and with time, as what can be done today can be done with more time, too."""
    found = price(strike, t, rate, yield_, vol, is_call)
    assert price(strike, t, rate, yield_, vol * more, is_call) >= found - NOISE * strike
    assert price(strike, t * more, rate, yield_, vol, is_call) >= found - NOISE * strike


@settings(deadline=None, max_examples=100)
@given(strikes, years, rates, rates, vols, st.floats(0.01, 100.0))
def test_call_is_put_with_everything_exchanged(
    strike: float, t: float, rate: float, yield_: float, vol: float, size: float
) -> None:
    """McDonald and Schroder's symmetry to the bit; scaling spot and strike scales the price."""
    call = price(strike, t, rate, yield_, vol, True)
    assert call == price(100.0, t, yield_, rate, vol, False, spot=strike)
    scaled = price(strike * size, t, rate, yield_, vol, True, spot=100.0 * size)
    assert abs(scaled - size * call) <= 1e-11 * size * max(strike, 100.0)


@settings(deadline=None, max_examples=150)
@given(strikes, years, rates, rates, vols, rights)
def test_volatility_comes_back_from_its_price(
    strike: float, t: float, rate: float, yield_: float, vol: float, is_call: bool
) -> None:
    """Where a price has time value, its volatility gives that price again; where it has none, the status says so."""
    paid = price(strike, t, rate, yield_, vol, is_call)
    found = american_iv(paid, 100.0, strike, t, rate, yield_, is_call)
    if found.status[0] == Status.OK:
        again = price(strike, t, rate, yield_, float(found.vol[0]), is_call)
        assert abs(again - paid) <= 1e-8 * max(strike, 100.0)
    else:
        gain = 100.0 - strike if is_call else strike - 100.0
        later = 100.0 * np.exp(-yield_ * t) - strike * np.exp(-rate * t)
        least = max(gain, later if is_call else -later, 0.0)
        assert found.status[0] in (Status.AT_EXERCISE_VALUE, Status.OUT_OF_RANGE)
        assert paid - least < 1e-6 * strike
