"""The fit of an expiry and of a chain: known slices come back, arbitrage never does, statuses say what happened."""

import numpy as np
import pytest

from connectors.sources.sim_chain_quotes import quoted_chain
from streams.options.surface import SLICE_SIZE, FitStatus, SliceModel, fit_labels, fit_surface, total_variance
from streams.options.surface.chain import fit_chain
from tests.smiles import ROWS, YEARS, as_bytes, crosses, fit_rows, has_butterfly, quotes

LATER = 0.25


@pytest.mark.parametrize("row", [*ROWS, np.array([0.04, 0.1, 0.2, -0.1, 0.5]), np.array([0.02, 0.2, -0.3, 0.1, 0.4])])
def test_parameters_come_back_to_rounding(row: np.ndarray) -> None:
    """Exact quotes that hardly give way; what remains is the ridge on the wings, weighed against tiny spreads."""
    k, vol = quotes(row, LATER)
    fit = fit_chain([0, k.size], k, vol, np.full(k.size, 1e-7), [LATER])
    assert fit_labels(fit.status) == ["ok"]
    assert fit.model[0] == SliceModel.SVI
    assert fit.quotes[0] == k.size
    np.testing.assert_allclose(fit.slices[0], row, rtol=0.0, atol=1e-9)
    assert fit.worst[0] < 1e-11
    assert fit.rms[0] <= fit.worst[0]


def test_common_spreads_bend_exact_quotes_by_less_than_a_basis_point() -> None:
    assert fit_rows(ROWS, YEARS, half_spread=0.01).worst.max() < 1e-4


def test_noise_of_half_a_spread_leaves_no_arbitrage_and_little_error() -> None:
    for seed in range(5):
        fit = fit_rows(ROWS, YEARS, noise=0.5, half_spread=0.004, seed=seed)
        assert set(fit_labels(fit.status)) <= {"ok", "fallback"}
        for i, row in enumerate(fit.slices):
            assert not has_butterfly(row)
            assert fit.butterfly[i] > 0.0
            assert i == 0 or (not crosses(row, fit.slices[i - 1]) and fit.calendar[i] >= 0.0)
            k, vol = quotes(ROWS[i], YEARS[i])
            off = np.sqrt(total_variance(row, k) / YEARS[i]) - vol
            assert np.sqrt(np.mean(off * off)) < 0.002
        assert np.isnan(fit.calendar[0])


def test_wings_keep_lees_bound() -> None:
    """Quotes whose w rises by 3 a unit of k, which no density has."""
    k = np.linspace(-2.0, 2.0, 21)
    fit = fit_chain([0, 21], k, np.sqrt((0.3 + 3.0 * np.abs(k)) / 1.0), np.full(21, 0.01), [1.0])
    _, b, rho, _, _ = fit.slices[0]
    assert b * (1.0 + abs(rho)) <= 2.0
    assert not has_butterfly(fit.slices[0])
    assert fit.worst[0] > 0.1


def test_quotes_with_a_butterfly_are_met_as_far_as_there_is_none() -> None:
    """A smile with a sharp peak in the middle: its price there is worth less than nothing."""
    k = np.linspace(-0.3, 0.3, 25)
    vol = 0.25 - 0.3 * np.abs(k)
    for one in (vol, 0.25 + 3.0 * np.abs(k), np.where(k > 0.0, 0.4, 0.2)):
        fit = fit_chain([0, 25], k, one, np.full(25, 0.002), [0.1])
        assert FitStatus(fit.status[0]) in (FitStatus.POOR_FIT, FitStatus.FALLBACK)
        assert not has_butterfly(fit.slices[0])
        assert fit.butterfly[0] >= 0.0
        assert fit.worst[0] > 0.01


def test_a_smile_that_the_fit_is_not_says_so() -> None:
    """Strikes that scatter far beyond their spreads: no arbitrage, and not ok; within wide ones it is."""
    k = np.linspace(-0.2, 0.2, 33)
    loose = 0.3 + np.random.default_rng(1).uniform(-0.03, 0.03, 33)
    for vol, half, status in (
        (loose, 0.003, FitStatus.POOR_FIT),
        (loose, 0.05, FitStatus.OK),
        (0.3 + 0.1 * (loose - 0.3), 0.0003, FitStatus.OK),
    ):
        fit = fit_chain([0, 33], k, vol, np.full(33, half), [0.1])
        assert FitStatus(fit.status[0]) == status
        assert fit.butterfly[0] >= 0.0
    fit = fit_chain([0, 33], k, loose, np.full(33, np.nan), [0.1])
    assert FitStatus(fit.status[0]) == FitStatus.OK, "without spreads there is nothing to hold it to"


def test_crossing_quotes_say_so_and_have_no_butterfly() -> None:
    """The later expiry is quoted at a tenth of the earlier one's total variance: no fit can serve both."""
    near, far = ROWS[2], ROWS[2] * np.array([0.1, 0.1, 1.0, 1.0, 1.0])
    fit = fit_rows(np.array([near, far]), np.array([0.25, 0.5]))
    assert fit_labels(fit.status) == ["ok", "calendar_crossed"]
    assert fit.calendar[1] < -0.5
    assert crosses(fit.slices[1], fit.slices[0])
    assert not any(has_butterfly(row) for row in fit.slices)
    assert fit.worst.max() < 0.02


def test_neighbours_hold_what_slices_alone_would_cross() -> None:
    """Wings beyond the quotes give way; quotes hardly do: the residuals of all slices stay as they are alone."""
    alone_crossed, crossed, apart = 0, 0, []
    for number in range(8):
        slices = quoted_chain(number).slices
        alone = [fit_chain([0, one.k.size], one.k, one.vol, one.half_spread, [one.years]) for one in slices]
        fit = fit_surface(
            [one.k for one in slices], [one.vol for one in slices], [one.half_spread for one in slices],
            [one.years for one in slices],
        )  # fmt: skip
        for i in range(1, len(slices)):
            alone_crossed += crosses(alone[i].slices[0], alone[i - 1].slices[0])
            crossed += crosses(fit.slices[i], fit.slices[i - 1])
            apart.append(fit.rms[i] / alone[i].rms[0])
    assert alone_crossed >= 8
    assert crossed == 0
    assert np.median(apart) < 1.01


def test_rows_with_nan_are_left_out() -> None:
    k, vol = quotes(ROWS[1], LATER)
    half = np.linspace(0.002, 0.004, k.size)
    good = np.ones(k.size, bool)
    good[[0, 4, 9, 20]] = False
    holed_k, holed_vol = k.copy(), vol.copy()
    holed_vol[[0, 4]], holed_k[9], holed_vol[20] = np.nan, np.nan, -1.0
    one = fit_chain([0, k.size], holed_k, holed_vol, half, [LATER])
    other = fit_chain([0, good.sum()], k[good], vol[good], half[good], [LATER])
    assert one.quotes[0] == good.sum()
    assert as_bytes(one) == as_bytes(other)


def test_half_spreads_that_are_not_known_count_as_the_median() -> None:
    k, vol = quotes(ROWS[1], LATER)
    vol = vol + 0.001 * np.cos(np.arange(k.size))
    half = np.full(k.size, 0.003)
    holed = half.copy()
    holed[::3] = np.nan
    one, other = (fit_chain([0, k.size], k, vol, each, [LATER]) for each in (half, holed))
    assert as_bytes(one) == as_bytes(other)


def test_a_stale_quote_hardly_bends_the_smile() -> None:
    k, vol = quotes(ROWS[1], LATER)
    vol[6] += 0.05
    fit = fit_chain([0, k.size], k, vol, np.full(k.size, 0.002), [LATER])
    off = np.sqrt(total_variance(fit.slices[0], k) / LATER) - quotes(ROWS[1], LATER)[1]
    assert np.abs(off).max() < 0.001
    assert fit.worst[0] > 0.045


def test_a_wrong_quote_at_the_money_does_not_mislead_the_grid() -> None:
    """The unit in which conditions are held comes from the fitted slice, not from the one quote nearest to it."""
    k, vol = quotes(ROWS[1], LATER)
    at = int(np.argmin(np.abs(k)))
    vol[at] *= 0.6
    fit = fit_chain([0, k.size], k, vol, np.full(k.size, 0.002), [LATER])
    assert abs(np.sqrt(total_variance(fit.slices[0], 0.0)[0] / total_variance(ROWS[1], 0.0)[0]) - 1.0) < 0.01
    assert not has_butterfly(fit.slices[0])


@pytest.mark.parametrize("count", [1, 2, 4])
def test_few_quotes_make_an_ssvi_slice(count: int) -> None:
    k, vol = quotes(ROWS[1], YEARS[1], count=count, low=-1.0 if count > 1 else 0.0, high=1.0)
    k0, vol0 = quotes(ROWS[0], YEARS[0])
    fit = fit_surface([k0, k], [vol0, vol], None, YEARS[:2])
    assert fit_labels(fit.status) == ["ok", "few_quotes"]
    assert fit.model[1] == SliceModel.SSVI
    assert fit.worst[1] < 0.01
    assert not has_butterfly(fit.slices[1])
    assert not crosses(fit.slices[1], fit.slices[0])
    a, b, rho, m, sigma = fit.slices[1]
    np.testing.assert_allclose([a, m], [b * sigma * np.sqrt(1.0 - rho**2), -rho * sigma / np.sqrt(1.0 - rho**2)])


def test_what_cannot_be_fitted_has_a_status_and_leaves_the_others_alone() -> None:
    k, vol = quotes(ROWS[1], YEARS[1])
    none = np.full(k.size, np.nan)
    years = [np.nan, 0.0, 0.1, YEARS[1], 0.5]
    fit = fit_surface([k, k, k, k, k], [vol, vol, none, vol, none], None, years)
    assert fit_labels(fit.status) == ["bad_input", "no_time", "no_quotes", "ok", "no_quotes"]
    assert fit.model.tolist() == [SliceModel.NONE] * 3 + [SliceModel.SVI, SliceModel.NONE]
    assert np.isnan(fit.slices[[0, 1, 2, 4]]).all()
    assert np.isnan(fit.rms[[0, 1, 2, 4]]).all()
    alone = fit_chain([0, k.size], k, vol, np.full(k.size, np.nan), YEARS[1:2])
    assert fit.slices[3].tobytes() == alone.slices[0].tobytes()
    assert fit.quotes[3] == k.size
    empty = fit_chain([0], [], [], [], [])
    assert empty.slices.shape == (0, SLICE_SIZE)
    assert empty.status.size == 0


def test_shapes_that_do_not_fit_raise() -> None:
    k, vol = quotes(ROWS[1], LATER)
    for begins in ([0], [0, 5], [1, 21], [0, 30, 21]):
        with pytest.raises(ValueError, match="begins"):
            fit_chain(begins, k, vol, vol, [LATER] * (2 if len(begins) == 3 else 1))
    with pytest.raises(ValueError, match="columns"):
        fit_chain([0, 21], k, vol[:-1], vol, [LATER])
    with pytest.raises(ValueError, match="last"):
        fit_chain([0, 21], k, vol, vol, [LATER], np.zeros((2, SLICE_SIZE)))
    with pytest.raises(ValueError, match="expiries"):
        fit_surface([k], [vol[:-1]], None, [LATER])
    with pytest.raises(ValueError, match="numbers"):
        total_variance(np.zeros(4), 0.0)


def test_simulated_truths_are_recovered_without_arbitrage() -> None:
    """One chain of each kind, with noise, stale and one-sided quotes; the bench does a hundred, beside its peers."""
    errors = []
    for number in range(3):
        chain = quoted_chain(number)
        fit = fit_surface(
            [one.k for one in chain.slices], [one.vol for one in chain.slices],
            [one.half_spread for one in chain.slices], [one.years for one in chain.slices],
        )  # fmt: skip
        for i, one in enumerate(chain.slices):
            assert not has_butterfly(fit.slices[i])
            assert i == 0 or not crosses(fit.slices[i], fit.slices[i - 1])
            quoted = np.isfinite(one.vol)
            k, truth = one.k[quoted], one.truth[quoted]
            errors.append(np.sqrt(np.mean((np.sqrt(total_variance(fit.slices[i], k) / one.years) - truth) ** 2)))
    assert np.median(errors) < 0.002


def test_a_start_from_a_moment_ago_ends_where_a_cold_one_does() -> None:
    cold = fit_rows(ROWS, YEARS, noise=0.3)
    ks, vols = zip(*(quotes(row, one) for row, one in zip(ROWS, YEARS.tolist(), strict=True)), strict=True)
    vol = np.concatenate(vols)
    vol = vol + 0.3 * 0.002 * np.random.default_rng(3).standard_normal(vol.size)
    warm = fit_chain(np.arange(4) * 21, np.concatenate(ks), vol, np.full(63, 0.002), YEARS, cold.slices)
    assert warm.steps.sum() < cold.steps.sum()
    for i in range(3):
        apart = np.sqrt(total_variance(warm.slices[i], ks[i])) - np.sqrt(total_variance(cold.slices[i], ks[i]))
        assert np.abs(apart / np.sqrt(YEARS[i])).max() < 1e-5
