"""Quote hygiene: every bit on a quote that is known to deserve it, quality by its formula, blame on the bad one."""

import numpy as np
import pytest
from numpy.typing import NDArray

from streams.options.hygiene import Hygiene, HygieneLimits, QuoteBits, bit_labels, quote_hygiene, stale_age
from streams.options.ladder import CALL, NONE, PUT, ladder

F64 = NDArray[np.float64]

STRIKES = np.array([90.0, 95.0, 100.0, 105.0, 110.0])
K, CALLS = np.tile(STRIKES, 2), np.repeat([True, False], 5)
RUNGS = ladder(K, CALLS)
MID = np.where(CALLS, np.maximum(100.0 - K, 0.0), np.maximum(K - 100.0, 0.0)) + 4.0 * np.exp(-np.abs(K - 100.0) / 5.0)
BID, ASK = MID - 0.05, MID + 0.05
AT_90, AT_95, AT_100, AT_105 = range(4)
"""The calls."""


def judged(bid: F64 = BID, ask: F64 = ASK, age_s: F64 | float = 1.0, **more: float) -> Hygiene:
    return quote_hygiene(RUNGS, bid, ask, np.broadcast_to(age_s, K.shape), 99.99, 100.01, **more)  # type: ignore[arg-type]


def changed(array: F64, place: int, value: float) -> F64:
    out = array.copy()
    out[place] = value
    return out


def test_a_clean_chain_has_no_bits_and_its_quality_by_the_formula() -> None:
    """1 / (1 + spread / mid / 0.5) / (1 + age / 30) is all there is to a clean quote."""
    found = judged()
    assert not found.bits.any()
    assert not found.violations.any()
    np.testing.assert_allclose(found.quality, 1.0 / (1.0 + 0.1 / MID / 0.5) / (1.0 + 1.0 / 30.0), rtol=1e-14)


@pytest.mark.parametrize(
    ("place", "bid", "ask", "words"),
    [
        (AT_105, 0.0, 1.5, ["no_bid", "penny"]),
        (AT_105, np.nan, 1.5, ["no_bid", "penny"]),
        (AT_105, 1.4, 0.0, ["no_ask"]),
        (AT_105, -1.0, np.inf, ["no_bid", "no_ask"]),
        (AT_105, 1.52, 1.48, ["crossed"]),
        (AT_105, 1.5, 1.5, ["locked"]),
        (4, 0.01, 0.03, ["penny", "wide"]),
        (AT_105, 1.0, 2.0, ["wide"]),
        (AT_90, 9.8, 9.98, ["below_intrinsic", "at_exercise_value"]),
        (AT_90, 9.95, 10.02, ["at_exercise_value"]),
    ],
)
def test_a_quote_gets_its_words(place: int, bid: float, ask: float, words: list[str]) -> None:
    """One quote of the clean chain is replaced: it gets its words, its neighbours get none but `butterfly`."""
    found = judged(changed(BID, place, bid), changed(ASK, place, ask))
    assert bit_labels(int(found.bits[place])) == words
    others = np.delete(found.bits, place)
    assert set(others.tolist()) <= {0, int(QuoteBits.BUTTERFLY)}


def test_stale_is_by_the_chain_and_never_below_its_floor() -> None:
    """Ten times the median age, 30 s at least; a quote without an age is stale and worth nothing."""
    ages = np.full(10, 5.0)
    assert [stale_age(one) for one in (ages, np.full(10, 0.1), np.full(3, np.nan))] == [50.0, 30.0, 30.0]
    ages[AT_100], ages[AT_105] = 50.5, np.nan
    found = judged(age_s=ages)
    assert bit_labels(int(found.bits[AT_100])) == ["stale"]
    assert found.quality[AT_105] == 0.0
    assert found.bits[AT_105] & QuoteBits.STALE
    assert not judged(age_s=ages, stale_s=60.0).bits[AT_100]
    wide = 0.1 / MID[AT_100] / 0.5
    assert judged(age_s=50.5, stale_s=50.5).quality[AT_100] == pytest.approx(0.5 / (1.0 + wide), rel=1e-14)


@pytest.mark.parametrize("shift", [-3.0, 4.5])
def test_one_bad_print_is_blamed_not_its_good_neighbours(shift: float) -> None:
    """A call dollars off breaks verticals with good ones; it alone is blamed, though it is the youngest."""
    ages = np.full(10, 20.0)
    ages[AT_95] = 0.1
    bid, ask = changed(BID, AT_95, BID[AT_95] + shift), changed(ASK, AT_95, ASK[AT_95] + shift)
    found = judged(bid, ask, ages)
    assert found.bits[AT_95] & (QuoteBits.VERTICAL | QuoteBits.WIDTH)
    blamed = found.bits & int(QuoteBits.VERTICAL | QuoteBits.WIDTH)
    assert np.flatnonzero(blamed).tolist() == [AT_95]
    assert found.violations[AT_95] >= 2
    assert found.quality[AT_95] < 0.1


def test_of_an_even_pair_the_older_is_blamed_then_the_wider_then_the_higher_strike() -> None:
    """Two calls out of order, nobody else to judge by: age decides, then spread, then the strike."""
    rungs = ladder([100.0, 105.0], [True, True])

    def blamed(ages: list[float], spreads: tuple[float, float]) -> list[int]:
        bid, ask = np.array([2.0 - spreads[0], 3.0]), np.array([2.0, 3.0 + spreads[1]])
        return np.flatnonzero(quote_hygiene(rungs, bid, ask, ages, 99.0, 99.1).bits & int(QuoteBits.VERTICAL)).tolist()

    assert blamed([2.0, 1.0], (0.125, 0.25)) == [0]
    assert blamed([1.0, 2.0], (0.25, 0.125)) == [1]
    assert blamed([1.0, 1.0], (0.25, 0.125)) == [0]
    assert blamed([1.0, 1.0], (0.125, 0.25)) == [1]
    assert blamed([1.0, 1.0], (0.125, 0.125)) == [1]


def test_a_spread_worth_more_than_its_width_is_found_and_discounted_where_exercise_is_at_expiry() -> None:
    """Calls at 90 and 95 of 9.90 and 5.00: fine by a width of 5, too much by 5 discounted at 0.97."""
    rungs = ladder([90.0, 95.0], [True, True])
    bid, ask = np.array([9.90, 4.9]), np.array([9.95, 5.0])
    free = quote_hygiene(rungs, bid, ask, [1.0, 2.0], np.nan, np.nan)
    tight = quote_hygiene(rungs, bid, ask, [1.0, 2.0], np.nan, np.nan, discount=0.97)
    assert not free.bits.any()
    assert [bit_labels(int(one)) for one in tight.bits] == [[], ["width"]]
    assert tight.violations.tolist() == [1, 1]


def test_a_kink_is_told_and_costs_nothing() -> None:
    """The middle of three above the line through its neighbours' asks: `butterfly`, quality as before."""
    middle = 0.5 * (ASK[AT_95] + ASK[AT_105]) + 0.02
    found = judged(changed(BID, AT_100, middle), changed(ASK, AT_100, middle + 0.1))
    assert bit_labels(int(found.bits[AT_100])) == ["butterfly"]
    clean = 1.0 / (1.0 + 0.1 / (middle + 0.05) / 0.5) / (1.0 + 1.0 / 30.0)
    assert found.quality[AT_100] == pytest.approx(clean, rel=1e-12)


def test_doubt_of_the_source_and_one_side_cost_three_quarters() -> None:
    found, clean = judged(suspicious=True), judged()
    assert (found.bits == int(QuoteBits.SUSPICIOUS)).all()
    np.testing.assert_allclose(found.quality, 0.25 * clean.quality, rtol=1e-14)
    alone = judged(ask=changed(ASK, AT_100, 0.0)).quality[AT_100]
    assert alone == pytest.approx(0.25 / (1.0 + 2.0 / 0.5) / (1.0 + 1.0 / 30.0), rel=1e-14)


def test_without_an_underlying_nothing_is_said_about_exercise() -> None:
    found = quote_hygiene(RUNGS, np.full(10, 0.5), np.full(10, 0.6), 1.0, np.nan, np.nan)
    assert not (found.bits & int(QuoteBits.BELOW_INTRINSIC | QuoteBits.AT_EXERCISE_VALUE)).any()


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match=r"shape \(10,\)"):
        quote_hygiene(RUNGS, BID[:3], ASK[:3], np.ones(3), 99.0, 101.0)
    with pytest.raises(ValueError, match="discount"):
        quote_hygiene(RUNGS, BID, ASK, 1.0, 99.0, 101.0, discount=np.nan)
    with pytest.raises(ValueError, match="tick must be > 0"):
        HygieneLimits(tick=0.0)


def test_a_ladder_knows_its_rungs_and_refuses_two_roots() -> None:
    """Strikes ascend, each once; what is no strike stands on no rung, and its quote has no bits and no quality."""
    rungs = ladder([95.0, np.nan, 90.0, 95.0, -1.0], [True, True, False, False, True])
    assert rungs.strikes.tolist() == [90.0, 95.0]
    assert rungs.count == 5
    assert rungs.contract.tolist() == [[2, 3], [NONE, 0]]
    assert (PUT, CALL) == (0, 1)
    assert quote_hygiene(rungs, np.ones(5), 1.1, 1.0, 92.0, 92.1).quality[[1, 4]].tolist() == [0.0, 0.0]
    with pytest.raises(ValueError, match="one call and one put"):
        ladder([95.0, 95.0], [True, True])
    with pytest.raises(ValueError, match="one shape"):
        ladder([95.0], [True, True])
    assert ladder([], []).strikes.size == 0
