"""European implied volatility: right to rounding everywhere, and a reason wherever there is none."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bench.pricing_accuracy import due_statuses, error_units, quotes
from streams.options import Status, greeks, implied_volatility, labels

F64 = NDArray[np.float64]
CASES = quotes(360)
UNITS_MAX = 4.0


def status_of(*quote: Any) -> str:
    """Return the status of price, spot, strike, years, rate, yield_, is_call."""
    found = implied_volatility(*quote)
    assert np.isnan(found.vol) == (found.status != Status.OK)
    return labels(found.status)[0]


def test_errors_are_roundings() -> None:
    """All kinds of quotes (far, near, minutes, cents, wild): at most 4 units of 50-digit arithmetic, the due status."""
    vol, status = implied_volatility(*CASES.arguments())
    rows = zip(*(column.tolist() for column in CASES.arguments()), strict=True)
    for label, row in zip(labels(status), rows, strict=True):
        assert label in due_statuses(row), row
    solved = status == Status.OK
    assert solved.sum() > 330
    units = error_units(CASES.take(solved), vol[solved])
    assert units.max() <= UNITS_MAX, (units.max(), CASES.kind[solved][units.argmax()])


def test_a_known_number() -> None:
    """Hull's example: a call at 1.875 on 21, strike 20, 10 % and three months has 23.45 % volatility."""
    assert implied_volatility(1.875, 21.0, 20.0, 0.25, 0.10, 0.0, True).vol == pytest.approx(0.2345, abs=5e-5)


@pytest.mark.parametrize("scale", [0.99, 1.01, 0.5, 0.05, 1e-3, 1e-6, 3.0, 20.0, 1e3])
def test_a_volatility_from_before_changes_only_the_way(scale: float) -> None:
    """Begun at any volatility, near or stale, or at none, the search ends at the same answer and status."""
    cold = implied_volatility(*CASES.arguments())
    last = cold.vol * scale
    last[::11], last[5::11], last[7::11] = np.nan, -1.0, np.inf
    warm = implied_volatility(*CASES.arguments(), last)
    assert warm.status.tobytes() == cold.status.tobytes()
    solved = cold.status == Status.OK
    assert warm.vol[solved] == pytest.approx(cold.vol[solved], rel=1e-4), "then 50 digits tell how near"
    assert error_units(CASES.take(solved), warm.vol[solved]).max() <= UNITS_MAX


def test_neighbours_do_not_matter() -> None:
    """A quote has the same bits alone, in another order, and across the border of a block."""
    whole = implied_volatility(*CASES.arguments())
    order = np.random.default_rng(1).permutation(len(CASES))
    mixed = implied_volatility(*CASES.take(order).arguments())
    assert mixed.vol.tobytes() == whole.vol[order].tobytes()
    for i in range(0, len(CASES), 17):
        alone = implied_volatility(*CASES.take(np.array([i])).arguments())
        assert alone.vol.tobytes() == whole.vol[i : i + 1].tobytes()


DEGENERATE = [
    ((5.0, 100.0, 95.0, 0.5, 0.0, 0.0, True), "at_exercise_value"),
    ((4.99, 100.0, 95.0, 0.5, 0.0, 0.0, True), "below_intrinsic"),
    ((0.0, 100.0, 95.0, 0.5, 0.0, 0.0, True), "below_intrinsic"),
    ((0.0, 100.0, 105.0, 0.5, 0.0, 0.0, True), "at_exercise_value"),
    ((0.0, 100.0, 95.0, 0.5, 0.0, 0.0, False), "at_exercise_value"),
    ((5.0, 95.0, 100.0, 0.5, 0.0, 0.0, False), "at_exercise_value"),
    ((100.0, 100.0, 95.0, 0.5, 0.0, 0.0, True), "above_bound"),
    ((101.0, 100.0, 95.0, 0.5, 0.0, 0.0, True), "above_bound"),
    ((95.0, 100.0, 95.0, 0.5, 0.0, 0.0, False), "above_bound"),
    ((94.0, 100.0, 95.0, 0.5, 0.1, 0.0, False), "above_bound"),
    ((3.0, 100.0, 100.0, 0.0, 0.0, 0.0, True), "no_time"),
    ((3.0, 100.0, 100.0, -0.1, 0.0, 0.0, True), "no_time"),
    ((np.nan, 100.0, 100.0, 0.5, 0.0, 0.0, True), "not_a_number"),
    ((3.0, np.nan, 100.0, 0.5, 0.0, 0.0, True), "not_a_number"),
    ((3.0, 100.0, np.nan, 0.5, 0.0, 0.0, True), "not_a_number"),
    ((3.0, 100.0, 100.0, np.nan, 0.0, 0.0, True), "not_a_number"),
    ((3.0, 100.0, 100.0, 0.5, np.nan, 0.0, True), "not_a_number"),
    ((3.0, 100.0, 100.0, 0.5, 0.0, np.nan, True), "not_a_number"),
    ((-3.0, 100.0, 100.0, 0.5, 0.0, 0.0, True), "bad_input"),
    ((3.0, 0.0, 100.0, 0.5, 0.0, 0.0, True), "bad_input"),
    ((3.0, 100.0, -1.0, 0.5, 0.0, 0.0, True), "bad_input"),
    ((np.inf, 100.0, 100.0, 0.5, 0.0, 0.0, True), "bad_input"),
    ((3.0, np.inf, 100.0, 0.5, 0.0, 0.0, True), "bad_input"),
    ((3.0, 100.0, 100.0, np.inf, 0.0, 0.0, True), "bad_input"),
    ((3.0, 100.0, 100.0, 0.5, np.inf, 0.0, True), "bad_input"),
]


@pytest.mark.parametrize(("quote", "status"), DEGENERATE)
def test_degenerate_quotes_say_why(quote: tuple[object, ...], status: str) -> None:
    """Every input without an answer has its status and NaN, and no exception."""
    assert status_of(*quote) == status


NUMBERS = st.one_of(st.floats(), st.floats(0.0, 1000.0), st.sampled_from([0.0, -0.0, 1e-310, 1e308]))


@given(quote=st.tuples(*[NUMBERS] * 6, st.booleans()))
@settings(max_examples=300, deadline=None)
def test_nothing_raises(quote: tuple[Any, ...]) -> None:
    """Any seven values give a volatility above 0 with OK or NaN with a reason; greeks take the same values."""
    found = implied_volatility(*quote)
    assert (found.vol > 0.0) if found.status == Status.OK else np.isnan(found.vol)
    vol, spot, strike, years, rate, yield_, is_call = quote
    other = greeks(spot, strike, years, rate, yield_, vol, is_call)
    assert np.isnan(other.price) if other.status in (Status.NOT_A_NUMBER, Status.BAD_INPUT) else True


def test_shapes() -> None:
    """Scalars, lists, integers, strides and read-only arrays are taken; only shapes that do not fit are refused."""
    assert implied_volatility(10.0, 100, 100, 1, 0, 0, True).vol.shape == ()
    strikes = np.array([[90.0, 100.0], [110.0, 120.0]])
    table = implied_volatility(12.0, 100.0, strikes, 1.0, 0.0, 0.0, False)
    assert table.vol.shape == table.status.shape == (2, 2)
    rows = [implied_volatility([12.0], [100.0], [k], 1.0, 0.0, 0.0, False).vol[0] for k in strikes.ravel()]
    assert table.vol.ravel().tolist() == pytest.approx(rows, nan_ok=True, abs=0.0)
    assert implied_volatility(np.empty(0), 100.0, 100.0, 1.0, 0.0, 0.0, True).vol.shape == (0,)
    every = np.arange(90.0, 110.0)[::2]
    every.flags.writeable = False
    assert implied_volatility(12.0, 100.0, every, 1.0, 0.0, 0.0, True, 0.3).vol.shape == (10,)
    with pytest.raises(ValueError, match="shape"):
        implied_volatility(np.ones(3), np.ones(4), 100.0, 1.0, 0.0, 0.0, True)
    with pytest.raises(ValueError, match="shape"):
        implied_volatility(np.ones(3), 1.0, 1.0, 1.0, 0.0, 0.0, True, np.ones(2))
