"""Functions for vector loops: right to some units in the last place, the same bits alone and among others."""

from typing import Any

import mpmath
import numpy as np
import pytest
from numpy.typing import NDArray

from streams.numerics import lanes
from streams.numerics.jit import entry

F64 = NDArray[np.float64]
EPS = 2.0**-52


@entry
def exp_all(value: F64, out: F64) -> None:
    for i in range(value.size):
        out[i] = lanes.exp(value[i])


@entry
def log_ratio_all(over: F64, under: F64, out: F64) -> None:
    for i in range(over.size):
        out[i] = lanes.log_ratio(over[i], under[i])


@entry
def mills_all(size: F64, out: F64) -> None:
    for i in range(size.size):
        out[i] = lanes.mills(size[i])


@entry
def difference_all(middle: F64, half: F64, out: F64) -> None:
    for i in range(middle.size):
        out[i] = lanes.mills_difference(middle[i], half[i])


def mills_exact(size: Any) -> Any:
    size = mpmath.mpf(size)
    return mpmath.sqrt(mpmath.pi / 2) * mpmath.exp(size * size / 2) * mpmath.erfc(size / mpmath.sqrt(2))


def error_max(values: F64, truths: list[Any]) -> float:
    """Return the largest relative error in units of 2^-52."""
    return max(float(abs((mpmath.mpf(v) - t) / t)) for v, t in zip(values.tolist(), truths, strict=True)) / EPS


@pytest.mark.parametrize("reach", [1e-6, 1.0, 700.0])
def test_exp_is_right_to_a_unit(reach: float) -> None:
    """exp is within 1 unit, near 0 and far away."""
    value = np.random.default_rng(1).uniform(-reach, reach, 500)
    out = np.empty(500)
    exp_all(value, out)
    with mpmath.workdps(40):
        assert error_max(out, [mpmath.exp(v) for v in value]) < 1.0


@pytest.mark.parametrize("reach", [1e-12, 1e-3, 0.5, 300.0])
def test_log_of_a_ratio_is_right_near_one(reach: float) -> None:
    """log_ratio is within 2 units of its own size, however near the two numbers are."""
    under = np.random.default_rng(2).uniform(1.0, 1000.0, 500)
    over = under * np.exp(np.random.default_rng(3).uniform(-reach, reach, 500))
    over[over == under] *= 1.5
    out = np.empty(500)
    log_ratio_all(over, under, out)
    with mpmath.workdps(40):
        assert error_max(out, [mpmath.log(mpmath.mpf(a) / b) for a, b in zip(over, under, strict=True)]) < 2.0


def test_mills_ratio_and_its_differences_are_right() -> None:
    """mills is within 5 units from -0.75 to 1e3; a difference is within 6 of itself, where it is 1e-9 of either."""
    rng = np.random.default_rng(4)
    size = np.concatenate([rng.uniform(-0.75, 3.0, 300), 10.0 ** rng.uniform(0.0, 3.0, 300)])
    middle = np.concatenate([10.0 ** rng.uniform(-6.0, 1.6, 500), rng.uniform(0.0, 3.0, 100)])
    half = (middle + 0.75) * 10.0 ** rng.uniform(-9.0, 0.0, 600)
    out, apart = np.empty(600), np.empty(600)
    mills_all(size, out)
    difference_all(middle, half, apart)
    with mpmath.workdps(60):
        assert error_max(out, [mills_exact(z) for z in size]) < 5.0
        pairs = zip(middle.tolist(), half.tolist(), strict=True)
        truths = [mills_exact(mpmath.mpf(m) - h) - mills_exact(mpmath.mpf(m) + h) for m, h in pairs]
        assert error_max(apart, truths) < 6.0


def test_limits() -> None:
    """exp goes to 0 and infinity at its ends and passes NaN on; equal numbers have a logarithm of exactly 0."""
    out = np.empty(5)
    exp_all(np.array([-709.0, -np.inf, np.inf, np.nan, 0.0]), out)
    np.testing.assert_array_equal(out, [0.0, 0.0, np.inf, np.nan, 1.0])
    log_ratio_all(np.full(5, 123.456), np.full(5, 123.456), out)
    np.testing.assert_array_equal(out, 0.0)


def test_neighbours_do_not_matter() -> None:
    """A value has the same bits alone and in any place of a vector."""
    rng = np.random.default_rng(5)
    value, half = rng.uniform(0.0, 30.0, 67), rng.uniform(0.0, 1.0, 67)
    whole, alone = np.empty(67), np.empty(67)
    difference_all(value, half, whole)
    for i in range(67):
        difference_all(value[i : i + 1], half[i : i + 1], alone[i : i + 1])
    assert whole.tobytes() == alone.tobytes()
