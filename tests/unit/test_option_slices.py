"""One expiry's slice: truth is recovered from noisy, stale and one-sided quotes, work is bounded, statuses say why."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from streams.options import american_greeks, implied_volatility
from streams.options.american import open_table, price_on, tables_beside
from streams.options.forward import ExpirySlice, ForwardStatus, SliceState, quote_figures, slice_of, smile_of, terms
from streams.options.forward.boundary import Boundaries, BoundaryExercise, boundary_exercise
from streams.options.forward.exercise import Point
from streams.options.forward.readings import Quotes
from streams.options.forward.slices import columns_of
from streams.options.greeks import Greeks
from streams.options.status import Status
from tests.option_truth import (
    RATE,
    SECOND_NS,
    SPOT,
    START_NS,
    Truth,
    faulty_quotes,
    price_by_quantlib,
    spread_of,
    truth,
)

F64 = NDArray[np.float64]
SHARE = 0.5
"""Spread over price, in percent."""
NO_ROWS = np.empty(0, np.int64)


@cache
def chain(name: str) -> Truth:
    if name == "month":
        return truth(30, 0.01)
    if name == "year":
        return truth(365, 0.03, step=5.0)
    if name == "index":
        return truth(90, 0.015, american=False)
    return truth(182, 0.01, (60, 151), 0.6, step=5.0)


def quoted(one: Truth, bid: F64, ask: F64, age_s: F64 | float = 1.0, state: SliceState | None = None, at_s: int = 0,
           american: bool = True, builds_max: int = 2) -> tuple[ExpirySlice, SliceState]:  # fmt: skip
    return slice_of(
        one.rungs, bid, ask, age_s, one.of, SPOT - 0.01, SPOT + 0.01, american=american,
        event_ns=START_NS + at_s * SECOND_NS, state=state, builds_max=builds_max,
    )  # fmt: skip


def clean(one: Truth, american: bool = True, calls: int = 1) -> tuple[ExpirySlice, SliceState]:
    half = 0.5 * spread_of(one.price)
    found, state = quoted(one, one.price - half, one.price + half, american=american, builds_max=10**6)
    for at_s in range(1, calls):
        found, state = quoted(
            one, one.price - half, one.price + half, 1.0, state, 60 * at_s, american=american, builds_max=10**6
        )
    return found, state


@pytest.mark.parametrize(("name", "american"), [("month", True), ("year", True), ("cash", True), ("index", False)])
def test_the_truth_is_recovered_from_faulty_quotes(name: str, american: bool) -> None:
    """Forward within 2 basis points, borrow within 25, after half a minute of quotes renewed once in 5 s."""
    one = chain(name)
    for seed in range(3):
        draw, state = np.random.default_rng(seed), None
        found = None
        for step in range(6):
            bid, ask, age = faulty_quotes(one, draw, SHARE / 100.0)
            found, state = quoted(one, bid, ask, age, state, 5 * step, american, builds_max=16)
        assert found is not None
        assert state is not None
        assert found.forward.status in (ForwardStatus.OK, ForwardStatus.NOT_SETTLED)
        assert found.forward.forward == pytest.approx(one.forward, rel=2e-4)
        assert state.borrow.mean == pytest.approx(one.borrow, abs=25e-4)
        assert abs(found.forward.forward - one.forward) < 5e-4 * found.forward.deviation_bp * one.forward


@pytest.mark.parametrize(("name", "american"), [("month", True), ("year", True), ("index", False)])
def test_without_cash_the_smile_is_the_truths(name: str, american: bool) -> None:
    """The European price in the same model is Black's there, so the smile is the chain's own volatility."""
    one = chain(name)
    found, _ = clean(one, american)
    smile = found.smile
    np.testing.assert_allclose(smile.k, np.log(one.rungs.strikes / found.forward.forward), atol=1e-14)
    good = np.isfinite(smile.vol)
    assert good.mean() > 0.9
    np.testing.assert_allclose(smile.vol[good], one.vol[one.is_call][good], atol=1e-4)
    own = found.figures.status == Status.OK
    told = own & (found.greeks().vega > 2.0)
    np.testing.assert_allclose(found.figures.vol[told], one.vol[told], atol=5e-4)
    vega = found.greeks().vega
    np.testing.assert_allclose(found.figures.half_spread[own], 0.5 * spread_of(one.price)[own] / vega[own], rtol=1e-9)


def test_over_cash_only_the_european_price_in_the_same_model_enters() -> None:
    """Black's volatility of another engine's European price over the same dividends, within 3e-4."""
    one = chain("cash")
    found, _ = clean(one, calls=5)
    near = np.abs(one.rungs.strikes - SPOT) <= 15.0
    strikes, vols = one.rungs.strikes[near], one.vol[one.is_call][near]
    calls = strikes >= one.forward
    parts = zip(strikes.tolist(), calls.tolist(), vols.tolist(), strict=True)
    price = np.array([price_by_quantlib(k, call, v, one.of, one.borrow, american=False) for k, call, v in parts])
    black = implied_volatility(price, one.forward, strikes, one.of.years, RATE, RATE, calls).vol
    np.testing.assert_allclose(found.smile.vol[near], black, atol=3e-4)
    assert np.abs(black - vols).max() > 1e-3
    assert found.forward.forward == pytest.approx(one.forward, rel=5e-5)


def test_greeks_are_those_of_the_american_at_the_borrow_that_was_found() -> None:
    one = chain("month")
    found, _ = clean(one, calls=3)
    figures, greeks, point = found.figures, found.greeks(), found.forward.point
    ready = np.isfinite(figures.used)
    answer = american_greeks(
        point.spot, one.strike, one.of.years, RATE, point.borrow, figures.used, one.is_call
    )  # fmt: skip
    for name, bound in (
        ("price", 1e-3),
        ("delta", 1e-3),
        ("gamma", 1e-3),
        ("vega", 2e-2),
        ("theta", 2e-2),
        ("rho", 2e-2),
    ):
        ours, theirs = getattr(greeks, name)[ready], getattr(answer, name)[ready]
        np.testing.assert_allclose(ours, theirs, atol=bound * max(1.0, np.nanmax(np.abs(theirs)) * 0.05), err_msg=name)


def test_part_of_an_expiry_has_the_bits_of_the_whole() -> None:
    """One contract's quote between two slices: quote_figures of it alone."""
    one = chain("month")
    found, _ = clean(one)
    strike, is_call, rows, _ = columns_of(one.rungs)
    half = 0.5 * spread_of(one.price)
    point, way = found.forward.point, found.forward.exercise
    whole = quote_figures(one.price - half, one.price + half, strike, is_call, rows, point, way)
    for at in (3, 17):
        i = slice(at, at + 1)
        alone = quote_figures((one.price - half)[i], (one.price + half)[i], strike[i], is_call[i], rows[i], point, way)
        assert alone.vol.tobytes() == whole.vol[i].tobytes()
        assert alone.half_spread.tobytes() == whole.half_spread[i].tobytes()
        theta = way.greeks(point, alone.vol, strike[i], is_call[i], rows[i]).theta
        assert theta.tobytes() == way.greeks(point, whole.vol, strike, is_call, rows).theta[i].tobytes()


def test_several_expiries_are_told_in_one_call() -> None:
    """Boundaries: the volatilities, prices and greeks of each expiry's own tables; the same bits in any company."""
    slices = [clean(chain(name))[0] for name in ("month", "year")]
    boundaries = Boundaries()
    for turn in range(2):
        ways = []
        for one in slices:
            way = one.forward.exercise
            assert isinstance(way, BoundaryExercise)
            ways.append(boundary_exercise(one.forward.point) if turn else way)
        points = [replace(one.forward.point, borrow=one.forward.point.borrow + 3e-4) for one in slices]
        parts = [columns_of(one.rungs)[:2] for one in slices]
        counts = [strike.size for strike, _ in parts]
        strike, is_call = (np.concatenate(one) for one in zip(*parts, strict=True))
        price = np.concatenate([one.greeks().price for one in slices])
        price[::7] = np.nan
        vol = np.concatenate([one.figures.vol for one in slices])
        last = np.where(np.arange(vol.size) % 3 > 0, vol, np.nan)
        surface = np.where(np.arange(vol.size) % 14 > 0, vol * 1.01, np.nan)
        quotes = Quotes(price, strike, is_call, last, surface, np.ones(vol.size))
        told = boundaries.read(list(zip("ab", ways, points, counts, strict=True))).told(quotes)
        begins = [0, counts[0], sum(counts)]
        for number, (way, point) in enumerate(zip(ways, points, strict=True)):
            part = slice(begins[number], begins[number + 1])
            own = Quotes._make(column[part] for column in quotes)
            alone = boundaries.read([("ab"[number], way, point, counts[number])]).told(own)
            assert alone.vol.tobytes() == told.vol[part].tobytes()
            assert np.array(alone.greeks[:-1]).tobytes() == np.array([one[part] for one in told.greeks[:-1]]).tobytes()
            assert alone.other.tobytes() == told.other[part].tobytes()
            found = way.vols(point, own.price, own.strike, own.is_call, NO_ROWS)
            assert (alone.status == found.status).all()
            np.testing.assert_allclose(alone.vol, found.vol, rtol=1e-6)
            other = np.where(np.isnan(own.surface), own.last, own.surface)
            used = np.where(np.isnan(found.vol), other, found.vol)
            assert np.isfinite(alone.vol).mean() > 0.5
            assert np.isnan(found.vol)[np.isfinite(used)].any()
            greeks = way.greeks(point, used, own.strike, own.is_call, NO_ROWS)
            for name in Greeks._fields[:-1]:
                theirs = getattr(greeks, name)
                scale = np.nanmax(np.abs(theirs))
                np.testing.assert_allclose(getattr(alone.greeks, name), theirs, rtol=1e-4, atol=1e-6 * scale)
            priced = way.greeks(point, other, own.strike, own.is_call, NO_ROWS).price
            np.testing.assert_allclose(alone.other, priced, atol=5e-4)


def test_a_further_table_that_says_nothing_leaves_the_first_ones_price() -> None:
    """At a negative rate a put's further table may have two boundaries: no number of another contract stands in."""
    of = terms(0.5, -0.01, [], [])
    first, further = open_table(0.5, -0.01, 0.0), open_table(0.5, -0.01, -0.05)
    way = BoundaryExercise(first, further, tables_beside(first))
    point = Point(of, 100.0, -0.01)
    strike, is_call = np.array([90.0, 105.0]), np.array([True, False])
    surface, silent = np.array([0.3, 0.25]), np.full(2, np.nan)
    both = Boundaries().read([("a", way, point, 2)]).told(Quotes(silent, strike, is_call, silent, surface, np.ones(2)))
    put = Quotes(silent[1:], strike[1:], is_call[1:], silent[1:], surface[1:], np.ones(1))
    alone = Boundaries().read([("a", way, point, 1)]).told(put)
    assert alone.other[0] == both.other[1]
    assert alone.greeks.price[0] == both.greeks.price[1]
    place = way.place(point)
    price = price_on(first, 0, place.spot, put.strike, surface[1:] * place.root, put.is_call).price
    np.testing.assert_allclose(alone.other, price / place.over, rtol=1e-12)


def test_tables_over_cash_are_built_in_turn_and_the_slice_says_how_many_wait() -> None:
    """builds_max a call, 0 for none; no table: OUT_OF_RANGE and the raw parity's NO_PREMIUM."""
    one = chain("cash")
    half = 0.5 * spread_of(one.price)
    bid, ask = one.price - half, one.price + half
    none, state = quoted(one, bid, ask, builds_max=0)
    assert (none.builds, none.due) == (0, one.price.size)
    assert none.forward.status == ForwardStatus.NO_PREMIUM
    assert (none.figures.status == Status.OUT_OF_RANGE).all()
    first, state = quoted(one, bid, ask, 1.0, state, 1, builds_max=4)
    assert (first.builds, first.due) == (4, one.price.size - 4)
    built = np.flatnonzero(first.figures.status == Status.OK)
    assert np.abs(one.strike[built] - one.forward).max() <= 5.0
    announced = terms(one.of.years, RATE, one.of.ex_years, [0.6, 0.7])
    other, _ = slice_of(
        one.rungs, bid, ask, 1.0, announced, SPOT, SPOT, american=True, event_ns=START_NS + 2 * SECOND_NS, state=state,
        builds_max=0,
    )  # fmt: skip
    assert other.due == one.price.size
    with pytest.raises(ValueError, match="builds_max"):
        quoted(one, bid, ask, builds_max=-1)


def test_an_expiry_that_is_over_and_one_without_quotes() -> None:
    one = chain("month")
    empty = np.full(one.price.size, np.nan)
    found, state = quoted(one, empty, empty)
    assert found.forward.status == ForwardStatus.CARRIED
    assert np.isnan(found.smile.vol).all()
    assert not found.smile.quality.any()
    assert np.isnan(found.greeks().delta).all()
    over, after = slice_of(
        one.rungs, one.price, one.price + 0.1, 1.0, terms(-1e-6, RATE), SPOT, SPOT, american=True, event_ns=START_NS,
        state=state,
    )  # fmt: skip
    assert over.forward.status == ForwardStatus.NO_TIME
    assert np.isnan(over.smile.vol).all()
    assert after.forward == state.forward


def test_near_the_money_both_rights_say_the_volatility_and_further_out_one() -> None:
    """A put five volatility points too dear moves the smile at the money, and not where the call is far out."""
    one = chain("month")
    half = 0.5 * spread_of(one.price)
    price = one.price.copy()
    dear = ~one.is_call & np.isin(one.strike, [100.0, 107.5])
    clean_one, state = clean(one)
    vega = clean_one.greeks().vega
    price[dear] += 0.01 * vega[dear]
    point, way = clean_one.forward.point, clean_one.forward.exercise
    strike, is_call, rows, others = columns_of(one.rungs)
    figures = quote_figures(price - half, price + half, strike, is_call, rows, point, way, others)
    moved = smile_of(one.rungs, figures, clean_one.hygiene, point).vol - clean_one.smile.vol
    at = {level: float(moved[one.rungs.strikes == level][0]) for level in (95.0, 100.0, 107.5)}
    assert 0.002 < at[100.0] < 0.008
    assert abs(at[95.0]) < 1e-12
    assert abs(at[107.5]) < 1e-12
    assert state.vol.size == one.price.size
