"""Contracts of several expiries told in one call: what each expiry's own way of exercise says, bit by bit."""

import numpy as np
import pytest
from numpy.typing import NDArray

from streams.options.forward import slice_of
from streams.options.forward.cash_exercise import CashExercise
from streams.options.forward.exercise import EuropeanExercise, Exercise, Point
from streams.options.forward.readings import CashStore, Quotes, Reading, european_reading
from streams.options.forward.slices import columns_of
from streams.options.greeks import Greeks
from streams.options.status import Status
from tests.option_truth import SPOT, START_NS, Truth, spread_of, truth

F64 = NDArray[np.float64]
NAMES = ("one", "two")


def quotes_of(one: Truth, vol: F64) -> Quotes:
    """Return quotes of an expiry: some without a price, some without a surface, Black's volatility 1 % off."""
    strike, is_call, _, _ = columns_of(one.rungs)
    price, place = one.price.copy(), np.arange(strike.size)
    price[::5] = np.nan
    surface = np.where(place % 3 > 0, vol * 1.02, np.nan)
    return Quotes(price, strike, is_call, np.full(strike.size, np.nan), surface, np.full(strike.size, 1.01))


def held_to(reading: Reading, quotes: list[Quotes], ways: list[Exercise], points: list[Point]) -> None:
    """Hold what is told of all expiries to what each one's own exercise says."""
    told = reading.told(Quotes(*(np.concatenate(column) for column in zip(*quotes, strict=True))))
    edges = np.cumsum([0, *(one.strike.size for one in quotes)])
    for number, (own, way, point) in enumerate(zip(quotes, ways, points, strict=True)):
        part, rows = slice(edges[number], edges[number + 1]), np.arange(own.strike.size)
        found = way.vols(point, own.price, own.strike, own.is_call, rows)
        assert told.vol[part].tobytes() == found.vol.tobytes()
        assert told.status[part].tobytes() == found.status.tobytes()
        other = own.other(found.vol)
        used = np.where(np.isnan(found.vol), other, found.vol)
        every = way.greeks(point, used, own.strike, own.is_call, rows)
        for name in Greeks._fields[:-1]:
            np.testing.assert_array_equal(getattr(told.greeks, name)[part], getattr(every, name))
        priced = way.greeks(point, other, own.strike, own.is_call, rows).price
        np.testing.assert_array_equal(told.other[part], priced)
        assert (found.status == Status.OK).mean() > 0.4
        assert np.isfinite(every.delta[np.isnan(found.vol)]).any()


def test_european_expiries_are_told_in_one_call() -> None:
    """Black on each expiry's own forward."""
    slices = [truth(30, 0.01, american=False), truth(90, 0.015, american=False)]
    points = [Point(one.of, one.forward, one.borrow) for one in slices]
    quotes = [quotes_of(one, one.vol) for one in slices]
    reading = european_reading([(point, own.strike.size) for point, own in zip(points, quotes, strict=True)])
    held_to(reading, quotes, [EuropeanExercise(), EuropeanExercise()], points)


@pytest.mark.parametrize("turns", [1, 3])
def test_expiries_over_cash_are_told_in_one_call(turns: int) -> None:
    """Tables in one room are those of each expiry, also after they were taken out and in again."""
    slices = [truth(days, 0.01, (60,), 0.6, step=10.0) for days in (91, 182)]
    ways: list[CashExercise] = []
    points = []
    for one in slices:
        half = 0.5 * spread_of(one.price)
        found, _ = slice_of(
            one.rungs, one.price - half, one.price + half, 1.0, one.of, SPOT - 0.01, SPOT + 0.01, american=True,
            event_ns=START_NS, builds_max=10**6,
        )  # fmt: skip
        assert isinstance(found.forward.exercise, CashExercise)
        ways.append(found.forward.exercise)
        points.append(found.forward.point)
    store, quotes = CashStore(), [quotes_of(one, one.vol) for one in slices]
    held = ways
    for _ in range(turns):
        for _ in range(2):
            held = [store.held(name, way) for name, way in zip(NAMES, held, strict=True)]
        store.drop(NAMES[0])
    for _ in range(2):
        held = [store.held(name, way) for name, way in zip(NAMES, held, strict=True)]
    assert [store.held(name, way) for name, way in zip(NAMES, held, strict=True)] == held
    asked = [(name, point, np.arange(own.strike.size)) for name, point, own in zip(NAMES, points, quotes, strict=True)]
    held_to(store.read(asked, ways[0].event_ns), quotes, list[Exercise](ways), points)
