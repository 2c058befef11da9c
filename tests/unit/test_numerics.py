"""The arithmetic under every payload: right to a unit in the last place, and in the order that is promised."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from streams.numerics.scans import smooth_exponentially, smooth_wilder, sum_in_order
from streams.numerics.special import canonical, erf, erfc, exp, log, normal_cdf, normal_pdf, power_of_two
from streams.numerics.windows import (
    extreme_size,
    push_extreme,
    push_sum,
    sum_size,
    window_deviation,
    window_mean,
)

F64 = NDArray[np.float64]


def ulps_max(
    function: Callable[[float], float], oracle: Callable[[np.longdouble], np.longdouble], points: F64
) -> float:
    """Return the largest error over points in units of the last place, against 80-bit arithmetic."""
    worst = 0.0
    for point in points:
        value = function(point)
        truth = oracle(np.longdouble(point))
        worst = max(worst, float(abs(np.longdouble(value) - truth) / np.spacing(abs(np.float64(truth)))))
    return worst


def points(low: float, high: float, count: int = 4_000) -> F64:
    return np.random.default_rng(7).uniform(low, high, count)


@pytest.mark.parametrize("reach", [1e-8, 0.3, 1.0, 20.0, 700.0])
def test_exp_is_right_to_a_unit_in_the_last_place(reach: float) -> None:
    """exp is within 1 ulp of the exact value, near 0 and far away."""
    assert ulps_max(exp, np.exp, points(-reach, reach)) < 1.0


@pytest.mark.parametrize(("low", "high"), [(0.5, 2.0), (0.999, 1.001), (1e-300, 1e-290), (1.0, 1e9), (1e-320, 1e-310)])
def test_log_is_right_to_a_unit_in_the_last_place(low: float, high: float) -> None:
    """log is within 1 ulp of the exact value, near 1, large, small and subnormal."""
    assert ulps_max(log, np.log, points(low, high)) < 1.0


@pytest.mark.parametrize(("low", "high"), [(-0.84, 0.84), (0.84, 1.3), (1.2, 6.0), (-6.0, -1.0)])
def test_erf_equals_the_c_library_to_some_units(low: float, high: float) -> None:
    """erf is that of the C library to 2 ulp on every branch, erfc to 4."""
    for point in points(low, high, 1_000):
        assert abs(erf(point) - math.erf(point)) <= 2 * np.spacing(abs(math.erf(point)))
        assert abs(erfc(point) - math.erfc(point)) <= 4 * np.spacing(math.erfc(point))


def test_limits() -> None:
    """Every function takes 0, the infinities and NaN to the value that mathematics gives them."""
    assert exp(0.0) == 1.0
    assert exp(710.0) == math.inf
    assert exp(-746.0) == 0.0
    assert exp(709.78) == pytest.approx(1.7928e308, rel=1e-4)
    assert 0.0 < exp(-745.0) < 1e-322
    assert exp(-math.inf) == 0.0
    assert log(1.0) == 0.0
    assert log(0.0) == -math.inf
    assert log(math.inf) == math.inf
    assert math.isnan(log(-1.0))
    assert erf(10.0) == 1.0
    assert erf(-10.0) == -1.0
    assert erfc(30.0) == 0.0
    assert erfc(-30.0) == 2.0
    assert 0.0 < erfc(26.5) < 1e-300
    for function in (exp, log, erf, erfc, normal_cdf, normal_pdf):
        assert math.isnan(function(math.nan))


def test_normal_distribution_has_known_values() -> None:
    """The normal distribution is right at the quantiles that everyone knows, and relatively so in its far tail."""
    assert normal_cdf(0.0) == 0.5
    assert normal_cdf(1.959963984540054) == pytest.approx(0.975, abs=1e-15)
    assert normal_cdf(-10.0) == pytest.approx(7.619853024160527e-24, rel=1e-13)
    assert normal_cdf(2.0) + normal_cdf(-2.0) == pytest.approx(1.0, abs=1e-15)
    assert normal_pdf(0.0) == pytest.approx(0.3989422804014327, rel=1e-15)


def test_canonical_form_has_one_nan_and_one_zero() -> None:
    """Any NaN becomes the one quiet NaN and -0.0 becomes 0.0, by their bits."""
    odd = np.array([0x7FF0000000000001, 0xFFF8000000000000, 0x8000000000000000], np.uint64).view(np.float64)
    bits = np.array([canonical(value) for value in odd]).view(np.uint64)
    assert bits.tolist() == [0x7FF8000000000000, 0x7FF8000000000000, 0]
    assert canonical(-2.5) == -2.5


def test_powers_of_two_are_exact() -> None:
    """power_of_two is exact over the whole range of normal numbers."""
    assert [power_of_two(k) for k in (-1022, -1, 0, 10, 1023)] == [2.0**-1022, 0.5, 1.0, 1024.0, 2.0**1023]


def test_sum_in_order_does_not_depend_on_parts() -> None:
    """A sum taken in parts has the bits of the sum taken at once."""
    values = points(-1e6, 1e6, 999)
    whole = sum_in_order(values, 0.0)
    assert sum_in_order(values[500:], sum_in_order(values[:500], 0.0)) == whole
    assert whole == pytest.approx(math.fsum(values), abs=1e-6)


def test_moving_sums_do_not_drift() -> None:
    """After 50,000 values mean and deviation equal those of the last 20, although the level moved by 1e6."""
    rng = np.random.default_rng(3)
    values = 1e6 * np.sin(np.arange(50_000) / 3_000.0) + 2e6 + rng.normal(0.0, 0.1, 50_000)
    state = np.zeros(sum_size(20))
    for i, value in enumerate(values):
        full = push_sum(state, 20, value)
        assert full == (i >= 19)
        if full and i % 97 == 0:
            window = values[i - 19 : i + 1]
            assert window_mean(state, 20) == pytest.approx(window.mean(), rel=1e-14)
            assert window_deviation(state, 20) == pytest.approx(window.std(), rel=1e-9)


def test_deviation_of_equal_values_is_zero() -> None:
    """Equal values deviate by nothing, rounding or not."""
    state = np.zeros(sum_size(3))
    for _ in range(5):
        push_sum(state, 3, 0.1)
    assert window_deviation(state, 3) == 0.0


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("length", [1, 2, 14])
def test_moving_extremes_equal_a_scan(sign: float, length: int) -> None:
    """The moving maximum and minimum are those of a plain scan of the window, ties among them."""
    values = np.random.default_rng(5).integers(0, 9, 400).astype(np.float64)
    state = np.zeros(extreme_size(length))
    for i, value in enumerate(values):
        window = values[max(0, i - length + 1) : i + 1]
        assert push_extreme(state, length, value, sign) == (window.max() if sign > 0 else window.min())


def test_smoothed_means_begin_at_the_plain_mean() -> None:
    """Both means are NaN before their period, then the plain mean, then follow their formulas."""
    for smooth, expected in ((smooth_exponentially, 2.0 + 0.5 * 8.0), (smooth_wilder, (2.0 * 2 + 10.0) / 3)):
        state = np.zeros(2)
        assert [math.isnan(smooth(state, 3, value)) for value in (1.0, 2.0)] == [True, True]
        assert smooth(state, 3, 3.0) == 2.0
        assert smooth(state, 3, 10.0) == pytest.approx(expected, rel=1e-15)
