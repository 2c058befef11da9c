"""Laws of the surface for whatever quotes there are: no butterfly, statuses that hold, the same bytes again."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from streams.options.surface import (
    FitStatus,
    Surface,
    SurfaceFit,
    distribution,
    fit_chain,
    surface_vol,
    total_variance,
)
from tests.smiles import ROWS, YEARS, as_bytes, crosses, deviation, fit_rows, has_butterfly, quotes

F64 = NDArray[np.float64]

seeds = st.integers(0, 2**32 - 1)
DEFINED = (FitStatus.OK, FitStatus.FEW_QUOTES, FitStatus.FALLBACK, FitStatus.CALENDAR_CROSSED, FitStatus.POOR_FIT)


def drawn(seed: int) -> tuple[NDArray[np.int64], F64, F64, F64, F64]:
    """Return begins, k, vol, half spreads and years of quotes that have never seen a smile."""
    draw = np.random.default_rng(seed)
    sizes = draw.integers(0, 14, draw.integers(1, 4))
    years = np.cumsum(draw.uniform(0.003, 0.6, sizes.size))
    vol = np.exp(draw.uniform(-3.0, 0.7, sizes.sum()))
    vol[draw.random(vol.size) < 0.1] = np.nan
    begins = np.concatenate([[0], np.cumsum(sizes)])
    parts = [np.sort(draw.normal(0.0, 0.5 * np.sqrt(t), n)) for n, t in zip(sizes, years, strict=True)]
    k = np.concatenate([np.zeros(0), *parts])
    return begins, k, vol, draw.uniform(0.0, 0.05, vol.size), years


def fit_drawn(seed: int) -> tuple[SurfaceFit, F64]:
    begins, k, vol, half, years = drawn(seed)
    return fit_chain(begins, k, vol, half, years), years


@settings(max_examples=150, deadline=None)
@given(seeds)
def test_no_quotes_make_a_butterfly_and_no_crossing_goes_unsaid(seed: int) -> None:
    fit, _ = fit_drawn(seed)
    before = None
    for i, row in enumerate(fit.slices):
        if FitStatus(fit.status[i]) not in DEFINED:
            assert np.isnan(row).all()
            continue
        assert np.isfinite(row).all()
        assert fit.butterfly[i] >= 0.0
        # Such quotes may have a bend so narrow, far from the money, that g dips between two points where it is held.
        assert not has_butterfly(row, least=-0.1)
        assert row[1] * (1.0 + abs(row[2])) <= 2.0
        assert abs(row[2]) < 1.0
        assert row[4] > 0.0
        if before is not None and fit.status[i] != FitStatus.CALENDAR_CROSSED:
            assert fit.calendar[i] >= 0.0
        before = row


@settings(max_examples=30, deadline=None)
@given(seeds)
def test_the_same_quotes_make_the_same_bytes(seed: int) -> None:
    assert as_bytes(fit_drawn(seed)[0]) == as_bytes(fit_drawn(seed)[0])


@settings(max_examples=30, deadline=None)
@given(seeds, seeds)
def test_chains_leave_no_trace_in_each_other(one: int, other: int) -> None:
    forth = [as_bytes(fit_drawn(seed)[0]) for seed in (one, other)]
    back = [as_bytes(fit_drawn(seed)[0]) for seed in (other, one)]
    assert forth == back[::-1]


@settings(max_examples=30, deadline=None)
@given(seeds)
def test_slices_that_do_not_touch_are_fitted_as_if_alone(seed: int) -> None:
    """Ten times the variance from expiry to expiry: no bound binds, so that what went before may not matter."""
    rows = ROWS[1] * np.array([[1.0], [10.0], [100.0]]) ** [1.0, 0.5, 0.0, 0.5, 0.5]
    years = np.array([0.1, 1.0, 10.0])
    draw, parts = np.random.default_rng(seed), []
    for row, one in zip(rows, years.tolist(), strict=True):
        k, vol = quotes(row, one)
        parts.append((k, vol * (1.0 + 0.003 * draw.standard_normal(k.size)), np.full(k.size, 0.002), np.array([one])))
    together = [np.concatenate(part) for part in zip(*parts, strict=True)]
    fit = fit_chain(np.arange(4) * 21, together[0], together[1], together[2], together[3])
    for i, part in enumerate(parts):
        alone = fit_chain([0, 21], *part)
        assert alone.slices[0].tobytes() == fit.slices[i].tobytes()
        assert alone.status[0] == fit.status[i]


@settings(max_examples=30, deadline=None)
@given(seeds, st.sampled_from([0.25, 0.5, 2.0, 4.0]))
def test_only_total_variance_matters(seed: int, factor: float) -> None:
    """Volatility times a power of two and years over its square: the same bits of w, so of the slices."""
    begins, k, vol, half, years = drawn(seed)
    one = fit_chain(begins, k, vol, half, years)
    other = fit_chain(begins, k, vol * factor, half * factor, years / (factor * factor))
    assert one.slices.tobytes() == other.slices.tobytes()
    assert one.status.tobytes() == other.status.tobytes()
    assert (one.rms * factor).tobytes() == other.rms.tobytes()


@settings(max_examples=40, deadline=None)
@given(seeds)
def test_a_density_is_one_and_its_distribution_rises(seed: int) -> None:
    fit = fit_rows(ROWS, YEARS, noise=0.6, half_spread=0.004, seed=seed)
    for i, row in enumerate(fit.slices):
        k = np.linspace(-12.0, 12.0, 4001) * deviation(row)
        density, below = distribution(row, k)
        inside = np.abs(k) <= 5.0 * deviation(row)
        assert np.all(density[inside] >= 0.0)
        assert np.all(np.diff(below[inside]) >= 0.0)
        mass = float(np.sum(0.5 * (density[1:] + density[:-1]) * np.diff(k)))
        mean = float(np.sum(0.5 * ((density * np.exp(k))[1:] + (density * np.exp(k))[:-1]) * np.diff(k)))
        assert abs(mass - 1.0) < 2e-3
        assert abs(mean - 1.0) < 2e-3
        step = np.cumsum(0.5 * (density[1:] + density[:-1]) * np.diff(k))
        np.testing.assert_allclose(below[1:] - below[0], step, atol=1e-5)
        assert i == 0 or fit.status[i] == FitStatus.CALENDAR_CROSSED or not crosses(row, fit.slices[i - 1])


@settings(max_examples=40, deadline=None)
@given(seeds)
def test_total_variance_at_a_moneyness_never_falls_with_time(seed: int) -> None:
    fit = fit_rows(ROWS, YEARS, noise=0.3, seed=seed)
    if np.any(fit.status == FitStatus.CALENDAR_CROSSED):
        return
    surface = Surface(100.0, YEARS, 0.9 * YEARS, np.full(3, 100.0), fit.slices)
    at = np.linspace(0.01, 2.0, 60)
    for k in np.linspace(-4.0, 4.0, 9) * deviation(fit.slices[0]):
        w = surface_vol(surface, 100.0 * np.exp(k), at, 0.9 * at) ** 2 * at
        assert np.all(np.diff(w) >= -1e-13)
        np.testing.assert_allclose(
            np.sqrt(w[0]), np.sqrt(total_variance(fit.slices[0], k)[0] * at[0] / YEARS[0]), rtol=1e-12
        )
