"""Simulated chains: each kind of truth against what is known of it, the table against the truth, quotes as drawn."""

import math
from dataclasses import replace

import numpy as np
import pytest

from connectors.sources.sim_chain import YEARS_MIN, chain_mids, chain_state, draw_jump
from connectors.sources.sim_chain_quotes import TICK, quoted_chain
from connectors.sources.sim_chain_truth import (
    ChainTruth,
    TruthKind,
    black_otm,
    draw_truth,
    expected_variance,
    implied_variance,
    otm_prices,
    total_variance,
)

K = np.linspace(-0.2, 0.2, 9)
PLAIN = ChainTruth(TruthKind.BATES, 0.04, 0.04, 2.0, -0.5, vol_of_vol=1e-4)


def test_without_volatility_of_volatility_the_truth_is_black() -> None:
    np.testing.assert_allclose(total_variance(PLAIN, K, 0.25), 0.01, rtol=2e-4)
    np.testing.assert_allclose(implied_variance(K, black_otm(K, np.full(9, 0.01))), 0.01, rtol=1e-9)


def test_jumps_are_mertons_series() -> None:
    """Merton (1976): Black's prices weighed by the chances of each number of jumps."""
    truth = replace(PLAIN, jump_rate=0.8, jump_mean=-0.1, jump_sd=0.08)
    years, price = 0.5, np.zeros(9)
    drift = math.expm1(-0.1 + 0.5 * 0.08**2)
    for count in range(25):
        chance = math.exp(-0.8 * years) * (0.8 * years) ** count / math.factorial(count)
        ahead = math.exp(-0.8 * years * drift + count * (-0.1 + 0.5 * 0.08**2))
        moved = K - math.log(ahead)
        value = ahead * black_otm(moved, np.full(9, 0.04 * years + count * 0.08**2))
        value += np.where((K < 0.0) & (moved >= 0.0), np.exp(K) - ahead, 0.0)
        value += np.where((K >= 0.0) & (moved < 0.0), ahead - np.exp(K), 0.0)
        price += chance * value
    np.testing.assert_allclose(otm_prices(truth, K, years), price, rtol=1e-3, atol=2e-7)


def test_an_announcement_adds_its_variance_to_what_expires_after_it() -> None:
    """Its move is a standard deviation: E log^2 by the density that prices imply, before and after."""
    truth = draw_truth(TruthKind.EARNINGS, 5, 2)
    years, k = 0.1, np.linspace(-1.2, 1.2, 4_001)
    both = []
    for after in (False, True):
        price = otm_prices(truth, k, years, after)
        # Carr and Madan: E f(log S) from the prices of all strikes, f = log^2.
        step = k[1] - k[0]
        mean = -float(np.sum(price * np.exp(-k)) * step)
        square = float(np.sum(2.0 * (1.0 - k) * price * np.exp(-k)) * step)
        both.append(square - mean * mean)
    assert both[1] - both[0] == pytest.approx(truth.move**2, rel=0.01)
    assert both[0] == pytest.approx(expected_variance(truth, years), rel=0.05)


def test_earnings_move_the_price_by_their_truth_and_cost_nothing() -> None:
    truth = draw_truth(TruthKind.EARNINGS, 5, 2)
    factors = np.array([draw_jump(truth, 5, number) for number in range(4_000)])
    assert factors.mean() == pytest.approx(1.0, abs=4.0 * truth.move / math.sqrt(4_000.0))
    assert np.log(factors).std() == pytest.approx(truth.move, rel=0.05)
    assert draw_jump(PLAIN, 5) == 1.0
    assert draw_jump(truth, 5, 7) == draw_jump(truth, 5, 7)


@pytest.mark.parametrize("kind", list(TruthKind))
def test_the_table_is_the_truth_as_time_passes(kind: TruthKind) -> None:
    truth = draw_truth(kind, 9, 1)
    years, elapsed = np.array([0.03, 0.5]), 1.0 / 365.0
    state = chain_state(truth, years, 2.0 / 365.0, 0.01)
    strikes = [np.linspace(92.0, 108.0, 9), np.linspace(80.0, 120.0, 9)]
    for mids, left, strike in zip(
        chain_mids(state, elapsed, np.array([100.0, 101.0]), strikes), years - elapsed, strikes, strict=True
    ):
        forward = 100.0 if left < 0.1 else 101.0
        truth_vol = np.sqrt(total_variance(truth, np.log(strike / forward), left, True) / left)
        np.testing.assert_allclose(mids.vol, truth_vol, atol=0.004)
        np.testing.assert_allclose(mids.call - mids.put, forward - strike, atol=1e-9)


def test_a_span_may_not_hold_the_announcement() -> None:
    with pytest.raises(ValueError, match="announcement"):
        chain_state(PLAIN, np.array([0.1]), 0.05, 0.01)
    assert YEARS_MIN > 0.0


def test_quotes_lie_around_the_truth_and_are_the_same_again() -> None:
    for number in range(3):
        chain, again = quoted_chain(number), quoted_chain(number)
        assert chain.truth.kind is tuple(TruthKind)[number]
        within = []
        for one, other in zip(chain.slices, again.slices, strict=True):
            assert one.bid.tobytes() == other.bid.tobytes()
            assert np.all(one.ask > one.bid)
            np.testing.assert_allclose(one.ask / TICK, np.round(one.ask / TICK), atol=1e-6)
            assert np.array_equal(np.isnan(one.vol), one.bid <= 0.0)
            fresh = ~one.is_stale & (one.bid > 0.0)
            fair = one.forward * black_otm(one.k, one.truth**2 * one.years)
            within.append((fair >= one.bid - 1e-9)[fresh] & (fair <= one.ask + 1e-9)[fresh])
        assert np.concatenate(within).all()
        stale = np.concatenate([one.is_stale for one in chain.slices])
        assert 0.0 < stale.mean() < 0.12
