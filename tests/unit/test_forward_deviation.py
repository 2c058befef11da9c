"""A forward's stated deviation holds: with few pairs, with old ones, after many looks at quotes that do not move.

The truth is drawn: a spot that walks at a known volatility, each quote made where the spot was at its time, its middle
anywhere within half a spread. About 68 % of errors then lie within one stated deviation.
"""

import numpy as np
import pytest
from numpy.typing import NDArray

from streams.options import greeks, ladder
from streams.options.forward import Borrow, ForwardStatus, SliceState, expiry_forward, slice_of, terms
from streams.options.forward.deviation import SESSION_SHARE, aged, few, moved, student
from streams.options.forward.expiry import ExpiryForward
from streams.options.hygiene import quote_hygiene

F64 = NDArray[np.float64]

SPOT, VOL, RATE, YEARS, BORROW = 100.0, 0.25, 0.03, 35.0 / 365.0, 0.01
START_NS, SECOND_NS = 1_700_000_000_000_000_000, 1_000_000_000
HALF = 0.03
DRAWS = 200
LEAST, MOST = 0.55, 0.90
"""Share of errors within one deviation; 68 % of a normal one."""
OF = terms(YEARS, RATE)
PER_ROOT_SECOND = VOL * SPOT * np.sqrt(SESSION_SHARE)


def strikes_of(pairs: int) -> F64:
    return np.asarray(SPOT + 2.0 * (np.arange(pairs) - (pairs - 1) // 2), np.float64)


def quotes(strike: F64, is_call: NDArray[np.bool_], spot: F64, draw: np.random.Generator) -> F64:
    """Return middles made where the spot was, each off by up to half a spread."""
    price = np.array(
        [
            float(greeks(s, k, YEARS, RATE, BORROW, VOL, call).price)
            for s, k, call in zip(spot.tolist(), strike.tolist(), is_call.tolist(), strict=True)
        ]
    )
    return price + draw.uniform(-HALF, HALF, price.size)


def walked(ages_s: F64, draw: np.random.Generator) -> F64:
    """Return the spot at each age, of one walk that ends at SPOT."""
    order = np.argsort(ages_s)
    steps = np.diff(ages_s[order], prepend=0.0)
    path = np.cumsum(draw.standard_normal(steps.size) * PER_ROOT_SECOND * np.sqrt(steps))
    out = np.empty(ages_s.size)
    out[order] = SPOT + path
    return out


def looked(pairs: int, mean_age_s: float, draw: np.random.Generator) -> ExpiryForward:
    """Return the forward of one look, without a spot, at pairs whose rights are quoted at times of their own."""
    strike, is_call = np.repeat(strikes_of(pairs), 2), np.tile([False, True], pairs)
    ages = draw.exponential(mean_age_s, strike.size) if mean_age_s else np.zeros(strike.size)
    mid = quotes(strike, is_call, walked(ages, draw), draw)
    rungs = ladder(strike, is_call)
    judged = quote_hygiene(rungs, mid - HALF, mid + HALF, 0.0, np.nan, np.nan)
    return expiry_forward(
        rungs, mid - HALF, mid + HALF, judged, OF, np.nan, np.nan, american=False, age_s=ages, event_ns=START_NS
    )


@pytest.mark.parametrize("pairs", [1, 2, 3, 6])
@pytest.mark.parametrize("mean_age_s", [0.0, 60.0, 1_800.0])
def test_the_truth_lies_within_one_deviation_as_often_as_it_should(pairs: int, mean_age_s: float) -> None:
    """Few pairs and old ones: neither too sure nor told to be useless."""
    draw, truth = np.random.default_rng([pairs, int(mean_age_s)]), OF.forward(SPOT, BORROW)
    errors, deviations = np.empty(DRAWS), np.empty(DRAWS)
    for i in range(DRAWS):
        found = looked(pairs, mean_age_s, draw)
        assert found.status == ForwardStatus.OK
        errors[i], deviations[i] = abs(found.forward - truth), found.deviation_bp * found.forward / 1e4
    assert LEAST <= np.mean(errors <= deviations) <= MOST
    assert np.mean(errors <= 3.0 * deviations) >= 0.97


def test_a_pair_that_nobody_renews_says_less_and_less() -> None:
    """An hour of looks at one pair beside a spot that walks: the forward follows the spot, and its error is told."""
    draw, inside, errors, told = np.random.default_rng(7), 0, [], []
    strike, is_call = np.array([SPOT, SPOT]), np.array([False, True])
    rungs = ladder(strike, is_call)
    for _ in range(60):
        mid, spot, state = quotes(strike, is_call, np.full(2, SPOT), draw), SPOT, SliceState()
        for age_s in range(0, 3_601, 300):
            found, state = slice_of(
                rungs, mid - HALF, mid + HALF, float(age_s), OF, spot - 0.005, spot + 0.005, american=False,
                event_ns=START_NS + age_s * SECOND_NS, state=state, stale_s=1e9,
            )  # fmt: skip
            spot_then, spot = spot, spot + draw.standard_normal() * PER_ROOT_SECOND * np.sqrt(300.0)
        error = abs(found.forward.forward - OF.forward(spot_then, BORROW))
        deviation = found.forward.deviation_bp * found.forward.forward / 1e4
        inside += error <= deviation
        errors.append(error)
        told.append(deviation)
        assert state.borrow.event_ns == START_NS, "what does not move is measured once"
    assert LEAST <= inside / 60 <= 0.95
    assert np.median(told) < 0.5 * PER_ROOT_SECOND * 60.0, "the spot is known, and far better than the pair's hour"
    assert np.median(errors) < 2.0 * HALF


@pytest.mark.parametrize("mean_age_s", [1.0, 60.0])
def test_where_the_spot_of_each_quote_is_known_age_costs_little(mean_age_s: float) -> None:
    """Rights quoted at times of their own beside a spot that walks: forward and borrow as if all were new."""
    draw, truth = np.random.default_rng([9, int(mean_age_s)]), OF.forward(SPOT, BORROW)
    strike, is_call = np.repeat(strikes_of(6), 2), np.tile([False, True], 6)
    rungs = ladder(strike, is_call)
    errors: dict[bool, list[float]] = {True: [], False: []}
    inside, borrows = 0, []
    for _ in range(DRAWS):
        ages = draw.exponential(mean_age_s, strike.size)
        then = walked(ages, draw)
        mid = quotes(strike, is_call, then, draw)
        judged = quote_hygiene(rungs, mid - HALF, mid + HALF, 0.0, np.nan, np.nan)
        for known in (True, False):
            found = expiry_forward(
                rungs, mid - HALF, mid + HALF, judged, OF, SPOT - 0.005, SPOT + 0.005, american=False, age_s=ages,
                event_ns=START_NS, spot_then=then if known else np.nan,
            )  # fmt: skip
            errors[known].append(abs(found.forward - truth))
            if known:
                inside += errors[True][-1] <= found.deviation_bp * found.forward / 1e4
                borrows.append(abs(found.borrow - BORROW))
    assert np.quantile(errors[True], 0.95) <= HALF
    assert LEAST <= inside / DRAWS <= 0.99
    assert np.quantile(borrows, 0.95) <= HALF / (SPOT * YEARS)
    if mean_age_s == 60.0:
        assert np.mean(errors[True]) < 0.7 * np.mean(errors[False])


def test_what_age_adds_is_the_move_since_the_quotes() -> None:
    """One pair: an hour old, with one right renewed, and new; known to the formula's last digit."""
    low, high, weight = np.array([99.9]), np.array([100.1]), np.ones(1)
    strikes, hour = np.array([100.0]), PER_ROOT_SECOND * np.sqrt(3_600.0)
    both = aged(low, high, strikes, np.array([[3_600.0], [3_600.0]]), weight, 100.0, VOL, YEARS)
    assert both.common == pytest.approx(hour, rel=1e-12)
    assert (both.low.tolist(), both.high.tolist()) == ([99.9], [100.1]), "it is common to all, and widens none"
    # At the money either right moves with half of what the spot does.
    one = aged(low, high, strikes, np.array([[3_600.0], [0.0]]), weight, 100.0, VOL, YEARS)
    assert one.common == 0.0
    assert one.high[0] - 100.0 == pytest.approx(np.sqrt(0.01 + 1.5 * hour * hour), rel=1e-12)
    young = aged(low, high, strikes, np.array([[np.nan], [np.nan]]), weight, 100.0, VOL, YEARS)
    assert (young.common, young.low[0]) == (0.0, 99.9)
    assert aged(low, high, strikes, np.full((2, 1), 9e9), weight, 100.0, np.nan, YEARS).common == 0.0


def test_an_old_strike_among_new_ones_is_widened_and_outvoted() -> None:
    """The new ones keep their intervals; the old one gets sqrt(6) deviations of its move."""
    low, high = np.array([99.9, 99.9]), np.array([100.1, 100.1])
    ages = np.array([[0.0, 3_600.0], [0.0, 3_600.0]])
    found = aged(low, high, np.array([100.0, 100.0]), ages, np.ones(2), 100.0, VOL, YEARS)
    assert found.common == 0.0
    assert found.low[0] == 99.9
    assert found.high[1] - 100.0 == pytest.approx(np.sqrt(0.01 + 6.0 * PER_ROOT_SECOND**2 * 3_600.0), rel=1e-12)


def test_few_strikes_are_told_as_few() -> None:
    """Alone half a width over sqrt(6); two that agree over sqrt(12); two that are apart their scatter, by Student."""
    assert few(np.array([99.0]), np.array([101.0]), 100.0) == pytest.approx(1.0 / np.sqrt(6.0))
    assert few(np.array([99.0, 99.0]), np.array([101.0, 101.0]), 100.0) == pytest.approx(1.0 / np.sqrt(12.0))
    apart = few(np.array([98.2, 99.8]), np.array([100.2, 101.8]), 100.0)
    assert apart == pytest.approx(student(1) * 0.8 / np.sqrt(1.0))
    assert few(np.empty(0), np.empty(0), 100.0) == np.inf
    assert (student(1), student(8)) == (1.837, 1.067)
    assert 1.0 < student(9) < 1.067
    assert moved(100.0, 50.0, 0.2) == pytest.approx(50.0 * 0.2 * np.sqrt(100.0 * SESSION_SHARE))
    assert moved(100.0, 50.0, np.nan) == 0.0


def test_a_borrow_is_never_better_known_than_its_quotes_allow() -> None:
    """A thousand measurements: down to a share of one's deviation; a worse one takes nothing away."""
    known = Borrow().met_by(0.01, 0.004, START_NS, 0.5)
    for i in range(1, 1_000):
        known = known.met_by(0.01, 0.004, START_NS + i * 60 * SECOND_NS, 0.5)
    assert known.deviation == pytest.approx(0.3 * 0.004, rel=1e-12)
    assert known.met_by(0.01, 0.4, START_NS + 10**15, 0.5).deviation <= known.deviation
