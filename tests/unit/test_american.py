"""American options: QuantLib's high-precision engine agrees, limits and laws hold, and every refusal has its status."""

import numpy as np
import pytest
from numpy.typing import NDArray

from streams.options import Status
from streams.options.american import (
    american_greeks,
    american_iv,
    american_price,
    american_table,
    exercise_boundary,
    iv_on,
    price_on,
)
from streams.options.american.boundary import WORK_ROWS, prepare_expiry, solve_boundary
from streams.options.american.nodes import FLAT, NODES
from streams.options.american.start import start_boundary
from streams.options.greeks import greeks
from tests.american_cases import Cases, Oracle, cases

F64 = NDArray[np.float64]
COUNT = 240


@pytest.fixture(scope="module")
def chosen() -> Cases:
    return cases(COUNT, 11)


@pytest.fixture(scope="module")
def truth(chosen: Cases) -> F64:
    return Oracle().prices(chosen)


def least(one: Cases) -> F64:
    return np.maximum(np.where(one.is_call, one.spot - one.strike, one.strike - one.spot), 0.0)


def test_prices_are_those_of_the_oracle(chosen: Cases, truth: F64) -> None:
    """Every regime: within 5e-5 of a spot of 100 at worst, 2e-5 at the 99th percentile."""
    found = american_price(*chosen.arguments())
    assert (found.status == Status.OK).all()
    error = np.abs(found.price - truth)
    assert error.max() <= 5e-5
    assert np.quantile(error, 0.99) <= 2e-5


def test_volatility_comes_back_from_the_oracles_price(chosen: Cases, truth: F64) -> None:
    """Where there is vega and time value: 5e-5 at worst, 1e-5 at the 99th percentile; no time value: no number."""
    spot, strike, years, rate, yield_, vol, is_call = chosen.arguments()
    found = american_iv(truth, spot, strike, years, rate, yield_, is_call)
    vega = american_greeks(*chosen.arguments()).vega
    told = (vega > 0.5) & (truth - least(chosen) > 1e-3)
    assert told.sum() > COUNT // 2
    assert (found.status[told] == Status.OK).all()
    error = np.abs(found.vol - vol)[told]
    assert error.max() <= 5e-5
    assert np.quantile(error, 0.99) <= 1e-5
    at_value = (truth == least(chosen)) & (least(chosen) > 0.0)
    assert at_value.any()
    assert (found.status[at_value] == Status.AT_EXERCISE_VALUE).all()
    assert np.isnan(found.vol[found.status != Status.OK]).all()


def test_a_table_gives_the_same_bits_as_a_chain(chosen: Cases) -> None:
    """A number depends on its own option alone: not on its neighbours, nor on which panels were solved before."""
    spot, strike, years, rate, yield_, vol, is_call = (part[:24] for part in chosen.arguments())
    whole = american_price(spot, strike, years, rate, yield_, vol, is_call).price
    table = american_table(years, rate, yield_)
    assert table.failed == 0
    rows = np.arange(24)
    assert price_on(table, rows, spot, strike, vol, is_call).price.tobytes() == whole.tobytes()
    alone = [float(american_price(*(part[i : i + 1] for part in chosen.arguments())).price[0]) for i in range(24)]
    assert np.array(alone).tobytes() == whole.tobytes()
    vols = american_iv(whole, spot, strike, years, rate, yield_, is_call)
    assert iv_on(table, rows, whole, spot, strike, is_call).vol.tobytes() == vols.vol.tobytes()
    narrow = american_table(years, rate, yield_, 0.1, 0.2)
    far = price_on(narrow, 5, 100.0, 100.0, 2.0, True)
    assert far.status[0] == Status.OUT_OF_RANGE
    with pytest.raises(ValueError, match="row of the table"):
        price_on(table, 24, 100.0, 100.0, 0.2, False)


def test_known_numbers() -> None:
    """Puts of Andersen, Lake and Offengenden (2016): 100, 100, 1 year, 5 %, 5 %, 25 % has a premium of 0.106952703."""
    american = american_price(100.0, 100.0, 1.0, 0.05, 0.05, 0.25, False).price[0]
    european = greeks(np.full(1, 100.0), 100.0, 1.0, 0.05, 0.05, 0.25, False).price[0]
    assert american - european == pytest.approx(0.106952703, abs=1e-6)


def test_the_boundary_starts_and_ends_where_it_must() -> None:
    """At expiry min(1, r / q) of strike; at infinity the perpetual put's; in between it falls with time."""
    rate, yield_, vol = 0.05, 0.08, 0.3
    near = exercise_boundary(100.0, 1e-7, rate, yield_, vol, False).price[0]
    assert near == pytest.approx(62.5, rel=1e-3)
    assert exercise_boundary(100.0, 1e-7, yield_, rate, vol, False).price[0] == pytest.approx(100.0, rel=1e-3)
    n = (rate - yield_) / vol**2 - 0.5
    power = -n - np.sqrt(n * n + 2.0 * rate / vol**2)
    assert exercise_boundary(100.0, 150.0, rate, yield_, vol, False).price[0] == pytest.approx(
        100.0 * power / (power - 1.0), rel=2e-3
    )
    years = np.geomspace(0.001, 10.0, 40)
    path = exercise_boundary(100.0, years, rate, yield_, vol, False).price
    assert (np.diff(path) < 0.0).all()
    mirrored = exercise_boundary(100.0, years, yield_, rate, vol, True).price
    np.testing.assert_allclose(path * mirrored, 1e4, rtol=1e-12)
    never = exercise_boundary(100.0, 1.0, 0.05, 0.0, 0.2, [True, False]).price
    assert never[0] == np.inf
    assert 0.0 < never[1] < 100.0


def test_price_meets_exercise_value_smoothly_at_the_boundary() -> None:
    """On the boundary the price is the exercise value and delta -1; below, nothing else moves it."""
    edge = exercise_boundary(100.0, 0.5, 0.06, 0.02, 0.25, False).price[0]
    found = american_greeks([edge * (1.0 + 1e-7), 0.9 * edge], 100.0, 0.5, 0.06, 0.02, 0.25, False)
    assert found.price[0] == pytest.approx(100.0 - edge, abs=2e-5)
    assert found.delta[0] == pytest.approx(-1.0, abs=1e-3)
    assert found.price[1] == pytest.approx(100.0 - 0.9 * edge, abs=1e-12)
    assert [found.delta[1], found.gamma[1], found.vega[1], found.theta[1], found.rho[1], found.charm[1]] == [
        -1.0, 0.0, 0.0, 0.0, 0.0, 0.0,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("price", "spot", "strike", "years", "rate", "yield_", "is_call", "status"),
    [
        (30.0, 70.0, 100.0, 0.5, 0.05, 0.0, False, Status.AT_EXERCISE_VALUE),
        (29.9, 70.0, 100.0, 0.5, 0.05, 0.0, False, Status.BELOW_INTRINSIC),
        (30.0, 100.0, 70.0, 0.5, 0.0, 0.05, True, Status.AT_EXERCISE_VALUE),
        (0.0, 100.0, 90.0, 0.5, 0.05, 0.0, False, Status.AT_EXERCISE_VALUE),
        (90.0, 100.0, 90.0, 0.5, 0.05, 0.0, False, Status.ABOVE_BOUND),
        (100.0, 100.0, 90.0, 0.5, 0.05, 0.02, True, Status.ABOVE_BOUND),
        (5.0, 100.0, 90.0, 0.0, 0.05, 0.0, False, Status.NO_TIME),
        (np.nan, 100.0, 90.0, 1.0, 0.05, 0.0, False, Status.NOT_A_NUMBER),
        (5.0, 100.0, 90.0, 1.0, np.nan, 0.0, False, Status.NOT_A_NUMBER),
        (-1.0, 100.0, 90.0, 1.0, 0.05, 0.0, False, Status.BAD_INPUT),
        (5.0, 0.0, 90.0, 1.0, 0.05, 0.0, False, Status.BAD_INPUT),
        (5.0, np.inf, 90.0, 1.0, 0.05, 0.02, True, Status.BAD_INPUT),
        (5.0, 100.0, 90.0, 1.0, -0.01, -0.02, False, Status.OUT_OF_RANGE),
        (5.0, 100.0, 90.0, 1.0, -0.02, -0.01, True, Status.OUT_OF_RANGE),
        (89.9, 100.0, 90.0, 0.01, 0.05, 0.0, False, Status.OUT_OF_RANGE),
    ],
)
def test_every_price_without_a_volatility_says_why(
    price: float, spot: float, strike: float, years: float, rate: float, yield_: float, is_call: bool, status: Status
) -> None:
    """A status from the closed list and NaN, no exception."""
    found = american_iv(price, spot, strike, years, rate, yield_, is_call)
    assert Status(found.status[0]) == status
    assert np.isnan(found.vol[0])


def test_limits_of_pricing() -> None:
    """No time: the exercise value; no volatility: the best known time of exercise; beyond the range: a status."""
    assert american_price(90.0, 100.0, 0.0, 0.05, 0.0, 0.2, False).status[0] == Status.NO_TIME
    assert american_price(90.0, 100.0, [0.0, 1.0], 0.05, 0.0, [0.2, 0.0], False).price.tolist() == pytest.approx(
        [10.0, 10.0]
    )
    late = american_price(100.0, 100.0, 1.0, 0.02, 0.1, 0.0, False)
    assert late.price[0] == pytest.approx(100.0 * (np.exp(-0.02) - np.exp(-0.1)), rel=1e-13)
    assert american_price(100.0, 100.0, 1.0, 0.05, 0.0, 0.001, False).status[0] == Status.OUT_OF_RANGE
    assert american_price(100.0, 100.0, 1.0, 0.05, 0.0, 9.0, False).status[0] == Status.OUT_OF_RANGE
    negative = american_price(100.0, 90.0, 1.0, -0.01, 0.02, 0.3, False)
    assert negative.status[0] == Status.OK
    assert negative.price[0] == pytest.approx(greeks(np.full(1, 100.0), 90.0, 1.0, -0.01, 0.02, 0.3, False).price[0])
    empty = np.zeros(0)
    assert american_price(empty, empty, empty, empty, empty, empty, empty).price.shape == (0,)
    with pytest.raises(ValueError, match=r"shape|broadcast"):
        american_price([100.0, 90.0], [1.0, 2.0, 3.0], 1.0, 0.05, 0.0, 0.2, False)


def test_a_bad_start_is_found_out() -> None:
    """A start that does not lead to rest is refused; one that is only far away leads to the same boundary."""
    work, h = np.empty((WORK_ROWS, FLAT)), np.empty(NODES)
    prepare_expiry(1.0, 0.05, 0.02, work)
    start_boundary(1.0, 0.05, 0.02, 0.2, 0.0, h)
    assert solve_boundary(1.0, 0.05, 0.02, 0.2, 0.0, h, work)
    good = h.copy()
    h[:] = np.nan
    assert not solve_boundary(1.0, 0.05, 0.02, 0.2, 0.0, h, work)
    h[:] = good * 1.1
    assert solve_boundary(1.0, 0.05, 0.02, 0.2, 0.0, h, work)
    np.testing.assert_allclose(h, good, atol=1e-6)
