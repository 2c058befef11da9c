"""American greeks against bumped high-precision prices, and the broker's recorded volatilities."""

import csv
import datetime as dt
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from streams.options import Greeks, Status, american_greeks, american_iv, exercise_boundary
from streams.options.american import greeks_on, open_table, tables_beside
from tests.american_cases import Cases, Oracle, cases

F64 = NDArray[np.float64]
COUNT = 90
TOLERANCES = {
    "price": 2e-6, "delta": 3e-4, "gamma": 1e-3, "vega": 5e-4, "theta": 5e-4, "rho": 2e-3, "vanna": 1e-3,
    "volga": 2e-3, "charm": 1e-2,
}  # fmt: skip
"""Of each greek's scale, where the spot is 0.06 standard deviations or more from the boundary. The bumps themselves
(1 % to 2 %) leave about a third of it."""


def bumped(chosen: Cases) -> dict[str, F64]:
    """Return greeks by central differences of the oracle's prices; rho NaN where the rate is 0."""
    oracle = Oracle()
    spot = 0.02 * chosen.spot * chosen.vol * np.sqrt(chosen.years)
    vol, years, rate = 0.01 * chosen.vol, 0.01 * chosen.years, np.minimum(1e-3, 0.25 * chosen.rate)

    def price(a: float = 0.0, b: float = 0.0, c: float = 0.0, d: float = 0.0) -> F64:
        return oracle.prices(chosen.moved(spot=a * spot, vol=b * vol, years=c * years, rate=d * rate))

    here, up, down, more, less = price(), price(1), price(-1), price(0, 1), price(0, -1)
    cross = price(1, 1) - price(1, -1) - price(-1, 1) + price(-1, -1)
    decay = price(1, 0, 1) - price(1, 0, -1) - price(-1, 0, 1) + price(-1, 0, -1)
    slope = price(0, 0, 0, 1) - price(0, 0, 0, -1)
    return {
        "price": here,
        "delta": (up - down) / (2.0 * spot),
        "gamma": (up - 2.0 * here + down) / (spot * spot),
        "vega": (more - less) / (2.0 * vol),
        "theta": (price(0, 0, -1) - price(0, 0, 1)) / (2.0 * years),
        "rho": np.divide(slope, 2.0 * rate, out=np.full(COUNT, np.nan), where=rate > 0.0),
        "vanna": cross / (4.0 * spot * vol),
        "volga": (more - 2.0 * here + less) / (vol * vol),
        "charm": -decay / (4.0 * spot * years),
    }


def scales(chosen: Cases) -> dict[str, F64]:
    """Return the size that each greek has at the money, (n,) each."""
    spot, root = chosen.spot, np.sqrt(chosen.years)
    width = chosen.vol * root
    return {
        "price": spot * width, "delta": np.ones(COUNT), "gamma": 1.0 / (spot * width), "vega": spot * root,
        "theta": spot * chosen.vol / root, "rho": chosen.strike * chosen.years, "vanna": root / width,
        "volga": spot * root / chosen.vol, "charm": 1.0 / chosen.years,
    }  # fmt: skip


def away(chosen: Cases) -> NDArray[np.bool_]:
    """Return which spots are 0.06 standard deviations or more from the boundary."""
    edge = exercise_boundary(chosen.strike, *chosen.arguments()[2:]).price
    edge = np.where((edge > 0.0) & np.isfinite(edge), edge, 1e9)
    return np.asarray(np.abs(np.log(chosen.spot / edge)) > 0.06 * chosen.vol * np.sqrt(chosen.years))


def test_greeks_are_those_of_bumped_prices() -> None:
    """All eight, relative to their scale; at the boundary itself the numbers are finite."""
    chosen = cases(COUNT, 5)
    found: Greeks = american_greeks(*chosen.arguments())
    assert (found.status == Status.OK).all()
    truth, scale, far = bumped(chosen), scales(chosen), away(chosen)
    assert far.sum() > 0.8 * COUNT
    for name, tolerance in TOLERANCES.items():
        ours: F64 = getattr(found, name)
        assert np.isfinite(ours).all(), name
        error = np.abs(ours - truth[name]) / scale[name]
        assert np.nanmax(error[far]) <= tolerance, name


def test_rho_without_a_rate_is_that_of_a_european() -> None:
    """At a rate of 0 a put is never exercised early, and a rate a little above changes it little: both rhos agree."""
    none = american_greeks(100.0, 105.0, 0.5, 0.0, 0.02, 0.3, False).rho[0]
    little = american_greeks(100.0, 105.0, 0.5, 1e-5, 0.02, 0.3, False).rho[0]
    assert none == pytest.approx(little, rel=1e-3)


NAMES = ("C00430000", "C00450000", "C00470000", "P00430000", "P00450000", "P00470000")


@pytest.mark.parametrize("name", NAMES)
def test_the_brokers_volatilities_come_back(shared_data: Path, name: str) -> None:
    """Interactive Brokers' SPY contracts at r = 5.5 %: puts in the money within 0.003, others within 0.005.

    Where the broker's price is the exercise value, that is the status and there is no number.
    """
    path = shared_data / f"lean_gold/Tests/TestData/greeks/SPY230811{name}.csv"
    if not path.exists():
        pytest.skip("no recorded greeks")
    with path.open() as file:
        rows = list(csv.DictReader(file))
    expiry = dt.datetime(2023, 8, 11, 20, 0)
    times = [dt.datetime.strptime(row[""], "%Y%m%d %H:%M:%S.%f") for row in rows]
    years = np.array([(expiry - time).total_seconds() / (365.0 * 86_400.0) for time in times])
    price, vol, spot, delta = (
        np.array([float(row[f"model_{key}"]) for row in rows]) for key in ("price", "impliedVol", "undPrice", "delta")
    )
    strike, is_call = float(name[1:]) / 1_000.0, name[0] == "C"
    found = american_iv(price, spot, strike, years, 0.055, 0.0, is_call)
    due = np.abs(price - (spot - strike if is_call else strike - spot)) < 1e-9
    assert (found.status[due] == Status.AT_EXERCISE_VALUE).all()
    assert (found.status[~due] == Status.OK).all()
    deep = name == "P00470000"
    assert np.abs(found.vol - vol)[~due].max() <= (0.003 if deep else 0.005)
    assert due.any() == deep
    greeks = american_greeks(spot[~due], strike, years[~due], 0.055, 0.0, found.vol[~due], is_call)
    assert np.abs(greeks.delta - delta[~due]).max() < 0.02


def test_greeks_from_a_kept_table_have_the_bits_of_those_from_a_new_one() -> None:
    """With tables beside it for rho or without; a table that fills as it is read serves a second call too."""
    table = open_table(0.5, 0.05, 0.02)
    beside = tables_beside(table)
    strikes, calls = np.array([90.0, 100.0, 110.0]), np.array([True, False, False])
    new = american_greeks(100.0, strikes, 0.5, 0.05, 0.02, 0.3, calls)
    for kept in (beside, beside, None):
        found = greeks_on(table, 0, 100.0, strikes, 0.3, calls, kept)
        assert np.array(found).tobytes() == np.array(new).tobytes()
    assert table.states.any()
