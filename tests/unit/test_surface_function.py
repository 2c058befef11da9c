"""The surface as a function of strike and instant, and what a smile says: figures with known values."""

import numpy as np
import pytest
from numpy.typing import NDArray

from streams.numerics.special import normal_cdf
from streams.options.surface import (
    SLICE_SIZE,
    Surface,
    distribution,
    forward_vol,
    quote_edge,
    smile_figures,
    surface_vol,
    term_slope,
    total_variance,
)
from tests.smiles import ROWS, YEARS, deviation

F64 = NDArray[np.float64]
SPOT = 100.0
FORWARD = SPOT * np.exp(0.03 * YEARS)
FLAT = np.array([0.04 * 0.25, 1e-9, 0.0, 0.0, 0.1])
"""All but flat at w = 0.01, volatility 0.2 for a quarter."""


def surface(**changed: F64) -> Surface:
    given = {"clock": 0.95 * YEARS, "forward": FORWARD, "slices": ROWS} | changed
    return Surface(SPOT, YEARS, **given)


def test_at_an_expiry_the_surface_is_its_slice() -> None:
    for row, years, forward in zip(ROWS, YEARS.tolist(), FORWARD.tolist(), strict=True):
        strike = forward * np.exp(np.linspace(-0.3, 0.3, 7))
        vol = surface_vol(surface(), strike, years, 0.95 * years)
        np.testing.assert_allclose(vol, np.sqrt(total_variance(row, np.linspace(-0.3, 0.3, 7)) / years), rtol=1e-12)


def test_between_expiries_total_variance_is_linear_in_volatility_time() -> None:
    years, share = 0.5, 0.4
    clock = 0.95 * (YEARS[1] + share * (YEARS[2] - YEARS[1]))
    strike = SPOT * np.exp(0.03 * years) * np.exp(0.1)
    w = (1.0 - share) * total_variance(ROWS[1], 0.1) + share * total_variance(ROWS[2], 0.1)
    np.testing.assert_allclose(surface_vol(surface(), strike, years, clock), np.sqrt(w / years), rtol=1e-12)


def test_before_the_first_expiry_variance_shrinks_with_time_and_after_the_last_it_grows() -> None:
    k = 0.05
    early = surface_vol(surface(), SPOT * np.exp(0.03 * 0.01 + k), 0.01, 0.0095)
    np.testing.assert_allclose(early**2 * 0.01, total_variance(ROWS[0], k) * 0.01 / YEARS[0], rtol=1e-12)
    late = surface_vol(surface(), SPOT * np.exp(0.03 * 2.0 + k), 2.0, 1.9)
    np.testing.assert_allclose(late**2 * 2.0, total_variance(ROWS[2], k) + total_variance(ROWS[2], 0.0), rtol=1e-12)


def test_an_event_between_expiries_jumps_at_its_instant() -> None:
    """The clock holds the event: before it little of the next slice's variance, after it most."""
    clock = np.array([0.05, 0.45, 1.2])
    given = surface(clock=clock)
    before, after = (surface_vol(given, 100.0, 0.15, at)[0] for at in (0.10, 0.40))
    assert after > 1.3 * before


def test_expiries_without_a_slice_or_forward_are_passed_over() -> None:
    rows, forward = ROWS.copy(), FORWARD.copy()
    rows[1], forward[1] = np.nan, np.nan
    holed = surface(slices=rows, forward=forward)
    left = Surface(SPOT, YEARS[[0, 2]], 0.95 * YEARS[[0, 2]], FORWARD[[0, 2]], ROWS[[0, 2]])
    strike, years = np.linspace(80.0, 120.0, 9)[:, None], np.array([0.01, 0.05, 0.2, 0.25, 0.9, 3.0])
    one, other = (surface_vol(each, strike, years, 0.95 * years) for each in (holed, left))
    assert one.tobytes() == other.tobytes()
    assert np.isfinite(one).all()


def test_what_has_no_answer_is_nan() -> None:
    given = surface()
    for strike, years, clock in ((np.nan, 0.1, 0.1), (0.0, 0.1, 0.1), (-1.0, 0.1, 0.1), (100.0, 0.0, 0.0)):
        assert np.isnan(surface_vol(given, strike, years, clock)).all()
    for years, clock in ((-0.1, 0.1), (0.1, -0.1), (np.nan, 0.1), (0.1, np.nan)):
        assert np.isnan(surface_vol(given, 100.0, years, clock)).all()
    empty = Surface(SPOT, np.zeros(0), np.zeros(0), np.zeros(0), np.zeros((0, SLICE_SIZE)))
    assert np.isnan(surface_vol(empty, 100.0, 0.1, 0.1)).all()
    with pytest.raises(ValueError, match="expiries"):
        surface_vol(given._replace(slices=ROWS[:2]), 100.0, 0.1, 0.1)


def test_figures_of_a_flat_smile_are_blacks() -> None:
    found = smile_figures([FLAT, np.full(SLICE_SIZE, np.nan)], [0.25, 0.25])
    assert found.atm_vol[0] == pytest.approx(0.2, rel=1e-6)
    assert abs(found.slope[0]) < 1e-6
    assert abs(found.convexity[0]) < 1e-4
    assert abs(found.risk_reversal[0]) < 1e-6
    assert abs(found.butterfly[0]) < 1e-6
    assert found.swap_variance[0] == pytest.approx(0.01, rel=1e-6)
    assert found.implied_move[0] == pytest.approx(2.0 * (2.0 * normal_cdf(0.05) - 1.0), rel=1e-6)
    assert all(np.isnan(column[1]) for column in found)


def test_figures_of_a_skewed_smile_agree_with_differences() -> None:
    found = smile_figures(ROWS, YEARS)
    for i, (row, years) in enumerate(zip(ROWS, YEARS.tolist(), strict=True)):
        step = 1e-3 * deviation(row)
        low, middle, high = np.sqrt(total_variance(row, [-step, 0.0, step]) / years)
        assert found.atm_vol[i] == pytest.approx(middle, rel=1e-12)
        assert found.slope[i] == pytest.approx((high - low) / (2.0 * step), rel=1e-4)
        assert found.convexity[i] == pytest.approx((high - 2.0 * middle + low) / step**2, rel=1e-3)
        k = np.linspace(-60.0, 60.0, 60_001) * deviation(row)
        density, _ = distribution(row, k)
        swap = float(np.sum(-2.0 * k * density) * (k[1] - k[0]))
        assert found.swap_variance[i] == pytest.approx(swap, rel=2e-3)
        deltas = []
        for strike in (-1.0, 1.0):
            away = np.linspace(0.0, 4.0, 40_001) * deviation(row) * strike
            s = np.sqrt(total_variance(row, away))
            deltas.append(s[np.argmin(np.abs(-away / s + 0.5 * s + strike * 0.6744897501960817))] / np.sqrt(years))
        assert found.risk_reversal[i] == pytest.approx(deltas[1] - deltas[0], abs=1e-4)
        assert found.butterfly[i] == pytest.approx(0.5 * sum(deltas) - middle, abs=1e-4)
        assert found.risk_reversal[i] < 0.0 < found.butterfly[i]


def test_a_flat_smile_has_the_normal_distribution() -> None:
    k = np.linspace(-0.4, 0.4, 9)
    density, below = distribution(FLAT, k)
    z = (k + 0.005) / 0.1
    np.testing.assert_allclose(density, np.exp(-0.5 * z * z) / np.sqrt(2.0 * np.pi) / 0.1, rtol=1e-5)
    np.testing.assert_allclose(below, [normal_cdf(one) for one in z.tolist()], atol=1e-7)
    assert np.isnan(distribution(np.full(SLICE_SIZE, np.nan), k)[0]).all()


def test_forward_volatility_and_term_slope() -> None:
    w = np.array([total_variance(row, 0.0)[0] for row in ROWS])
    expected = np.sqrt(np.array([w[0], w[1] - w[0], w[2] - w[1]]) / np.array([0.05, 0.2, 0.75]))
    np.testing.assert_allclose(forward_vol(ROWS, YEARS), expected, rtol=1e-12)
    assert np.isnan(forward_vol(ROWS[::-1], YEARS)[1])
    np.testing.assert_allclose(term_slope([0.2, 0.25, 0.2], YEARS), [0.25, -0.05 / 0.75, np.nan], rtol=1e-12)


def test_edge_is_what_each_side_gains() -> None:
    buy, sell = quote_edge([1.0, 1.0, np.nan, 1.0], [0.9, 1.1, 0.9, 0.0], [0.95, 1.2, 1.1, np.nan])
    np.testing.assert_allclose(buy, [0.05, -0.2, np.nan, np.nan], rtol=1e-12)
    np.testing.assert_allclose(sell, [-0.1, 0.1, np.nan, np.nan], rtol=1e-12)


def test_shapes_that_do_not_fit_raise() -> None:
    with pytest.raises(ValueError, match="shape"):
        smile_figures(ROWS, YEARS[:2])
    with pytest.raises(ValueError, match="numbers"):
        distribution(np.zeros(4), 0.0)
    with pytest.raises(ValueError, match="as many"):
        forward_vol(ROWS, YEARS[:2])
    with pytest.raises(ValueError, match="as many"):
        term_slope([0.1], YEARS)
