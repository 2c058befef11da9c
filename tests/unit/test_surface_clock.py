"""Volatility time counts sessions, nights, closed days and events; an earnings jump's move comes back from expiries."""

import numpy as np
import pytest

from connectors.sources.sim_chain_quotes import QuotedChain, quoted_chain
from streams.options.surface import (
    DayWeights,
    EventVariance,
    event_variance,
    fit_surface,
    smile_figures,
    volatility_clock,
    volatility_years,
    with_event,
)

HOUR_NS = 3_600_000_000_000
DAY_NS = 24 * HOUR_NS
FRIDAY_NS = 1_700_240_400_000_000_000
"""2023-11-17 12:00 New York; the Thursday after it is Thanksgiving, the Friday after that a half day."""
OPEN, CLOSE = -int(2.5 * HOUR_NS), 4 * HOUR_NS
DAYS = (0, 3, 4, 5, 7, 10)
OPENS = np.array([FRIDAY_NS + day * DAY_NS + OPEN for day in DAYS])
CLOSES = np.array([FRIDAY_NS + day * DAY_NS + (CLOSE if day != 7 else HOUR_NS) for day in DAYS])
YEAR = 252.0 * 1.0 + 113.0 * 0.05


def test_a_week_adds_its_sessions_nights_and_closed_days() -> None:
    clock = volatility_clock(OPENS, CLOSES)
    gone = volatility_years(clock, CLOSES[0], [OPENS[1], CLOSES[1], CLOSES[2], OPENS[4], CLOSES[4], OPENS[5]]) * YEAR
    weekend, thanksgiving, half = 0.25 + 2 * 0.05, 0.25 + 0.05, 0.75 * 3.5 / 6.5
    sums = np.cumsum([weekend, 0.75, 0.25 + 0.75, 0.25 + 0.75 + thanksgiving, half, weekend])
    np.testing.assert_allclose(gone, sums, rtol=1e-12)


def test_time_runs_evenly_within_a_session_and_within_a_gap() -> None:
    clock = volatility_clock(OPENS, CLOSES)
    middle = (OPENS[1] + CLOSES[1]) // 2
    assert volatility_years(clock, OPENS[1], middle)[0] * YEAR == pytest.approx(0.375, rel=1e-12)
    night = (CLOSES[1] + OPENS[2]) // 2
    assert volatility_years(clock, CLOSES[1], night)[0] * YEAR == pytest.approx(0.125, rel=1e-12)
    assert volatility_years(clock, night, CLOSES[1])[0] * YEAR == pytest.approx(-0.125, rel=1e-12)


def test_weights_are_the_callers() -> None:
    clock = volatility_clock(OPENS, CLOSES, DayWeights(1.0, 0.0, 0.0))
    assert volatility_years(clock, CLOSES[0], OPENS[1])[0] == 0.0
    assert volatility_years(clock, OPENS[1], CLOSES[1])[0] == pytest.approx(1.0 / 252.0, rel=1e-12)
    for wrong in (DayWeights(0.0, 1.0, 1.0), DayWeights(1.0, -1.0, 0.0), DayWeights(1.0, np.nan, 0.0)):
        with pytest.raises(ValueError, match="weights"):
            volatility_clock(OPENS, CLOSES, wrong)


def test_outside_of_the_calendar_a_year_is_365_days() -> None:
    for clock in (volatility_clock(OPENS, CLOSES), volatility_clock([], [])):
        ahead = volatility_years(clock, CLOSES[-1], CLOSES[-1] + 73 * DAY_NS)
        behind = volatility_years(clock, OPENS[0] - 73 * DAY_NS, OPENS[0])
        np.testing.assert_allclose(np.concatenate([ahead, behind]), 0.2, rtol=1e-12)


def test_sessions_that_do_not_alternate_raise() -> None:
    with pytest.raises(ValueError, match="alternate"):
        volatility_clock(OPENS, OPENS)
    with pytest.raises(ValueError, match="as many"):
        volatility_clock(OPENS, CLOSES[:-1])


@pytest.mark.parametrize("at_ns", [int(CLOSES[2]), int(CLOSES[2]) + HOUR_NS, int(OPENS[0]) - 1, int(CLOSES[-1]) + 1])
def test_an_event_adds_its_variance_after_its_instant(at_ns: int) -> None:
    """On a knot, between two, and outside of the calendar."""
    plain = volatility_clock(OPENS, CLOSES)
    clock = with_event(plain, at_ns, 0.04)
    ends = np.array([at_ns - HOUR_NS, at_ns, at_ns + 1, at_ns + DAY_NS])
    begin = np.full(4, OPENS[0] - DAY_NS)
    apart = volatility_years(clock, begin, ends) - volatility_years(plain, begin, ends)
    np.testing.assert_allclose(apart, [0.0, 0.0, 0.04, 0.04], atol=1e-12)
    again = with_event(clock, at_ns, 0.01)
    apart = volatility_years(again, begin, ends) - volatility_years(plain, begin, ends)
    np.testing.assert_allclose(apart, [0.0, 0.0, 0.05, 0.05], atol=1e-12)
    with pytest.raises(ValueError, match="finite"):
        with_event(plain, at_ns, np.nan)


def test_two_expiries_of_one_variance_give_the_event_exactly() -> None:
    """w = 0.09 years + 0.01 [after]: level and event are what is left of two equations."""
    years = np.array([0.02, 0.06, 0.1, 0.3])
    after = years > 0.05
    found = event_variance(years, 0.09 * years + 0.01 * after, np.full(4, 1e-4), after)
    assert found.variance == pytest.approx(0.01, rel=1e-6)
    assert found.level == pytest.approx(0.09, rel=1e-4)
    assert found.move == pytest.approx(0.1, rel=1e-6)


def test_an_event_that_expiries_do_not_tell_is_nan() -> None:
    years, error = np.array([0.02, 0.06]), np.full(2, 1e-4)
    for w, after in (([0.01, 0.02], [False, False]), ([np.nan, 0.02], [False, True]), ([0.01, -1.0], [False, True])):
        assert np.isnan(event_variance(years, w, error, after).variance)
    down = event_variance(years, [0.01, 0.005], error, [False, True])
    assert down.variance == 0.0
    assert down.move == 0.0
    with pytest.raises(ValueError, match="one size"):
        event_variance(years, [0.01], error, [True, True])


def implied_move(chain: QuotedChain) -> EventVariance:
    """Return an announcement's variance as it is read from a chain's quotes."""
    fit = fit_surface(
        [one.k for one in chain.slices], [one.vol for one in chain.slices], [one.half_spread for one in chain.slices],
        [one.years for one in chain.slices],
    )  # fmt: skip
    years = np.array([one.years for one in chain.slices])
    figures = smile_figures(fit.slices, years)
    error = np.maximum(fit.rms / figures.atm_vol, 0.002) * 2.0 / np.sqrt(np.maximum(fit.quotes, 1))
    w = figures.swap_variance
    return event_variance(years, w, w * error, [one.after_event for one in chain.slices])


def test_the_earnings_move_of_simulated_chains_comes_back_within_a_tenth() -> None:
    """Announcements from two days to forty ahead, moves of 3 % to 12 %: the worst of twelve, and the stated error."""
    chains = [quoted_chain(number) for number in range(2, 38, 3)]
    found = [implied_move(chain) for chain in chains]
    apart = np.array([one.move / chain.truth.move - 1.0 for one, chain in zip(found, chains, strict=True)])
    assert np.abs(apart).max() < 0.1
    assert np.median(np.abs(apart)) < 0.02
    errors = [(one.variance - chain.truth.move**2) / one.error for one, chain in zip(found, chains, strict=True)]
    assert np.median(np.abs(errors)) < 2.0
