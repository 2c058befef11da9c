"""Tables of cash dividends: what is read from them is what a solve gives, and the builder serves the nearest first."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from streams.options.cash import (
    CashDividends,
    CashMarket,
    CashTables,
    advance,
    cash_price,
    new_tables,
    price_of,
    vol_of,
)
from streams.options.cash.builder import due_rows
from streams.options.cash.table import VOL_REACH, build_row
from streams.options.contracts.expiry import YEAR_NS
from streams.options.status import Status

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
DAY_NS = 86_400_000_000_000
NOW_NS = 1_700_000_000_000_000_000
STRIKES = np.array([85.0, 95.0, 100.0, 105.0, 115.0] * 2)
CALLS = np.repeat([True, False], 5)
RATE, VOL = 0.05, 0.3


def market(ex_days: tuple[float, ...] = (20.0, 110.0), cash: float = 1.0, spot: float = 100.0) -> CashMarket:
    ex_ns = tuple(NOW_NS + int(day * DAY_NS) for day in ex_days)
    return CashMarket(NOW_NS, spot, RATE, 0.0, ex_ns, (cash,) * len(ex_days))


def built(days: float, of: CashMarket) -> CashTables:
    tables = new_tables(STRIKES, CALLS, NOW_NS + int(days * DAY_NS))
    assert advance(tables, of, np.full(len(STRIKES), VOL), 100) == len(STRIKES)
    return tables


def direct(tables: CashTables, of: CashMarket, row: int, spot: float, vol: float, event_ns: int, **more: float) -> F64:
    """Return price, delta, gamma and theta of a solve at that spot and time."""
    dividends = CashDividends(tuple((ex_ns - event_ns) / YEAR_NS for ex_ns in of.ex_ns), of.cash)
    years = (int(tables.expiry_ns[row]) - event_ns) / YEAR_NS
    rate = more.get("rate", of.rate)
    found = cash_price(spot, tables.strike[row], years, rate, 0.0, vol, tables.is_call[row], dividends)
    return np.array([found.price[0], found.delta[0], found.gamma[0], found.theta[0]])


@pytest.mark.parametrize(("days", "ex_days"), [(180.0, (20.0, 110.0)), (30.0, (3.0,)), (7.0, (4.0,)), (3.0, (1.0,))])
def test_a_table_reads_as_a_solve(days: float, ex_days: tuple[float, ...]) -> None:
    """At any spot and time of the window prices are within 1e-3 of a solve's, and volatilities come back to 5e-4."""
    of = market(ex_days)
    tables = built(days, of)
    draw = np.random.default_rng(5)
    rows = np.repeat(np.arange(len(STRIKES)), 4)
    spots = 100.0 * np.exp(draw.uniform(-0.015, 0.015, len(rows)))
    vols = draw.uniform(0.2, 0.5, len(rows))
    events = NOW_NS + (draw.random(len(rows)) * (tables.end_ns[rows] - NOW_NS)).astype(np.int64)
    truth = np.array([
        direct(tables, of, int(row), spot, vol, int(event))
        for row, spot, vol, event in zip(rows, spots, vols, events, strict=True)
    ])  # fmt: skip
    read = price_of(tables, rows, spots, vols, events)
    assert (read.status == Status.OK).all()
    np.testing.assert_allclose(read.price, truth[:, 0], atol=1e-3)
    np.testing.assert_allclose(read.delta, truth[:, 1], atol=2e-3, rtol=5e-3)
    back = vol_of(tables, rows, truth[:, 0], spots, events)
    value = np.where(CALLS[rows], spots - STRIKES[rows], STRIKES[rows] - spots)
    clear = (read.vega > 0.5) & (truth[:, 0] - np.maximum(value, 0.0) > 1e-3)
    assert clear.sum() > 10
    assert (back.status[clear] == Status.OK).all()
    np.testing.assert_allclose(back.vol[clear], vols[clear], atol=5e-4)


def test_greeks_are_the_solves_bumped() -> None:
    """Every greek at 180 days equals differences of solves at bumped spot, volatility, time and rate."""
    of = market()
    tables = built(180.0, of)
    event_ns, spot, vol = NOW_NS + DAY_NS // 3, 101.0, 0.33
    for row in (1, 3, 6, 8):
        read = price_of(tables, np.array([row]), spot, vol, event_ns)
        base = direct(tables, of, row, spot, vol, event_ns)
        up, down = (direct(tables, of, row, spot, vol + bump, event_ns) for bump in (0.01, -0.01))
        later, before = (direct(tables, of, row, spot, vol, event_ns + bump) for bump in (2 * DAY_NS, -2 * DAY_NS))
        high, low = (direct(tables, of, row, spot, vol, event_ns, rate=RATE + bump) for bump in (0.002, -0.002))
        assert read.price[0] == pytest.approx(base[0], abs=3e-4)
        assert read.delta[0] == pytest.approx(base[1], abs=2e-4, rel=1e-3)
        assert read.gamma[0] == pytest.approx(base[2], abs=1e-4, rel=5e-3)
        assert read.theta[0] == pytest.approx(base[3], abs=2e-2, rel=5e-3)
        assert read.theta[0] == pytest.approx((later[0] - before[0]) / (4 * DAY_NS / YEAR_NS), abs=2e-2, rel=1e-2)
        assert read.vega[0] == pytest.approx((up[0] - down[0]) / 0.02, abs=2e-2, rel=2e-3)
        assert read.rho[0] == pytest.approx((high[0] - low[0]) / 0.004, abs=0.2, rel=1e-2)
        assert read.vanna[0] == pytest.approx((up[1] - down[1]) / 0.02, abs=1e-2, rel=2e-2)
        assert read.volga[0] == pytest.approx((up[0] - 2.0 * base[0] + down[0]) / 1e-4, abs=1.0, rel=5e-2)
        assert read.charm[0] == pytest.approx((later[1] - before[1]) / (4 * DAY_NS / YEAR_NS), abs=1e-2, rel=3e-2)


def test_what_has_no_volatility_says_why() -> None:
    """Each status of a quoted price, NaN and no quality with it."""
    tables = built(180.0, market())
    price = np.array([math.nan, 14.9, 18.0, 18.0005, 101.0, 0.0, -1.0, 2.0, 36.0, 1e-9])
    spot = np.array([100.0, 100.0, 67.0, 67.0, 100.0, 100.0, 100.0, math.nan, 150.0, 100.0])
    rows = np.array([0, 0, 5, 5, 0, 4, 4, 4, 4, 4])
    found = vol_of(tables, rows, price, spot, NOW_NS)
    wanted = [Status.NOT_A_NUMBER, Status.BELOW_INTRINSIC, Status.AT_EXERCISE_VALUE, Status.AT_EXERCISE_VALUE]
    wanted += [Status.ABOVE_BOUND, Status.BELOW_INTRINSIC, Status.BAD_INPUT, Status.NOT_A_NUMBER, Status.OUT_OF_RANGE]
    wanted += [Status.OUT_OF_RANGE]
    assert found.status.tolist() == wanted
    assert np.isnan(found.vol).all()
    assert np.isnan(found.delta).all()
    assert not found.quality.any()


def test_a_deep_put_reads_its_exercise_value() -> None:
    """Where exercise is due the price is the exercise value, delta -1 and every other greek 0."""
    of = market(ex_days=())
    tables = new_tables(np.array([140.0]), np.array([False]), NOW_NS + 90 * DAY_NS)
    assert build_row(tables, 0, of, 0.2)
    read = price_of(tables, np.array([0]), 100.0, 0.2, NOW_NS + DAY_NS // 4)
    assert (read.price[0], read.delta[0], read.gamma[0], read.vega[0]) == (40.0, -1.0, 0.0, 0.0)


def test_quality_falls_with_age_and_ends_with_the_window() -> None:
    """1 when built, half at the window's end, 0 after it and before a table is built."""
    tables = built(180.0, market())
    row = np.zeros(5, np.int64)
    events = np.array([NOW_NS - 1, NOW_NS, NOW_NS + DAY_NS // 2, NOW_NS + DAY_NS - 1, NOW_NS + DAY_NS])
    read = price_of(tables, row, 100.0, VOL, events)
    np.testing.assert_allclose(read.quality, [0.0, 1.0, 0.75, 0.5, 0.0], atol=1e-9)
    empty = new_tables(np.array([100.0]), np.array([True]), NOW_NS + DAY_NS)
    assert price_of(empty, row[:1], 100.0, VOL, NOW_NS).status[0] == Status.OUT_OF_RANGE
    assert price_of(empty, row[:1], 100.0, VOL, NOW_NS + DAY_NS).status[0] == Status.NO_TIME
    with pytest.raises(ValueError, match="rows"):
        price_of(empty, np.array([1]), 100.0, VOL, NOW_NS)


@pytest.mark.parametrize(
    ("days", "ex_days", "window_days"),
    [(180.0, (20.0,), 1.0), (180.0, (1.0,), 0.5), (0.5, (), 0.25), (30.0, (-1.0,), 1.0)],
)
def test_a_window_ends_before_values_bend(days: float, ex_days: tuple[float, ...], window_days: float) -> None:
    """A day, and at most half of the way to the next ex-date and to expiry."""
    end_ns = market(ex_days).window_end_ns(NOW_NS + int(days * DAY_NS))
    assert end_ns - NOW_NS == int(window_days * DAY_NS)


def test_the_nearest_to_the_money_is_built_first_within_the_budget() -> None:
    """Three builds a call serve 100, then the nearest; when all stand nothing is due."""
    tables = new_tables(STRIKES, CALLS, NOW_NS + 30 * DAY_NS)
    of, vols = market(), np.full(len(STRIKES), VOL)
    order = due_rows(tables, of, vols)
    assert STRIKES[order].tolist() == [100.0, 100.0, 105.0, 105.0, 95.0, 95.0, 115.0, 115.0, 85.0, 85.0]
    assert advance(tables, of, vols, 3) == 3
    assert np.flatnonzero(tables.begin_ns).tolist() == sorted(order[:3].tolist())
    assert [advance(tables, of, vols, 4) for _ in range(3)] == [4, 3, 0]
    assert advance(tables, of, np.full(len(STRIKES), np.nan), 9) == 0
    with pytest.raises(ValueError, match="budget"):
        advance(tables, of, vols, -1)


def test_a_table_is_due_when_the_market_leaves_it() -> None:
    """A moved spot, a moved volatility, a window's end and, last of all, its half make rows due."""
    tables = built(180.0, market())
    vols = np.full(len(STRIKES), VOL)

    def due(event_ns: int, spot: float, vol: F64) -> I64:
        return due_rows(tables, CashMarket(event_ns, spot, RATE), vol)

    assert due(NOW_NS + 1, 100.0, vols).size == 0
    assert due(NOW_NS + 1, 106.0, vols).size == len(STRIKES)
    assert due(NOW_NS + DAY_NS, 100.0, vols).size == len(STRIKES)
    moved = vols.copy()
    moved[4] = VOL * VOL_REACH
    assert due(NOW_NS + 1, 100.0, moved).tolist() == [4]
    assert due(NOW_NS + DAY_NS // 2, 100.0, moved)[0] == 4
    assert due(NOW_NS + DAY_NS // 2, 100.0, moved).size == len(STRIKES)
    assert due(NOW_NS + 180 * DAY_NS, 100.0, vols).size == 0


def test_what_no_grid_covers_is_left() -> None:
    """A row outside of what grids are made for is not built, and says so."""
    tables = new_tables(np.array([100.0]), np.array([True]), NOW_NS + DAY_NS)
    assert not build_row(tables, 0, market(), math.nan)
    assert not build_row(tables, 0, market(), 10.0)
    assert not build_row(tables, 0, market(spot=-1.0), VOL)
    assert tables.begin_ns[0] == 0
