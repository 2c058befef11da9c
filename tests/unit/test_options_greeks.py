"""Prices and greeks of European options: against central differences in 60 digits, by their laws, at their limits."""

import csv
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.pricing_accuracy import GREEKS, expiry, greeks_errors
from streams.options import Greeks, Status, greeks

CONTRACTS = st.tuples(
    st.floats(1.0, 1000.0), st.floats(0.2, 5.0), st.floats(1e-4, 5.0), st.floats(-0.05, 0.1), st.floats(0.0, 0.1),
    st.floats(0.02, 3.0),
)  # fmt: skip


def one(found: Greeks) -> dict[str, float]:
    """Return the numbers of a single option by name."""
    return {name: float(getattr(found, name)) for name in GREEKS}


@pytest.mark.parametrize("seed", range(4))
def test_greeks_are_derivatives_of_the_exact_price(seed: int) -> None:
    """Over an expiry's strikes each error is below 1e-11 of the reference and 1e-12 of the greek's largest value."""
    options = expiry(np.random.default_rng(seed), 21)
    errors = greeks_errors(options, np.array(greeks(*options)[:9]))
    assert errors.max() <= 1.0, GREEKS[int(errors.max(axis=1).argmax())]


def test_known_numbers() -> None:
    """Hull's example (stock 42, strike 40, 10 %, 20 %, half a year): call 4.76, put 0.81; and his greeks of 49, 50."""
    assert greeks(42.0, 40.0, 0.5, 0.1, 0.0, 0.2, [True, False]).price == pytest.approx([4.76, 0.81], abs=5e-3)
    found = one(greeks(49.0, 50.0, 0.3846, 0.05, 0.0, 0.2, True))
    assert found["delta"] == pytest.approx(0.522, abs=5e-4)
    assert found["gamma"] == pytest.approx(0.066, abs=5e-4)
    assert found["vega"] == pytest.approx(12.1, abs=5e-2)
    assert found["theta"] == pytest.approx(-4.31, abs=5e-3)
    assert found["rho"] == pytest.approx(8.91, abs=5e-3)


@given(contract=CONTRACTS)
@settings(max_examples=200, deadline=None)
def test_parity(contract: tuple[float, ...]) -> None:
    """Call less put is the forward, in price and in every greek."""
    spot, ratio, years, rate, yield_, vol = contract
    strike = spot * ratio
    both = greeks(spot, strike, years, rate, yield_, vol, [True, False])
    asset, bond = np.exp(-yield_ * years), strike * np.exp(-rate * years)
    due = {
        "price": spot * asset - bond, "delta": asset, "gamma": 0.0, "vega": 0.0,
        "theta": yield_ * spot * asset - rate * bond, "rho": years * bond, "vanna": 0.0, "volga": 0.0,
        "charm": yield_ * asset,
    }  # fmt: skip
    for name, value in due.items():
        call, put = getattr(both, name)
        size = max(abs(call), abs(put), abs(value), (spot + strike) * 1e-3 if name in ("price", "theta") else 0.0)
        assert call - put == pytest.approx(value, abs=1e-12 * size), name


@given(contract=CONTRACTS, power=st.integers(-8, 8), is_call=st.booleans())
@settings(max_examples=200, deadline=None)
def test_homogeneity(contract: tuple[float, ...], power: int, is_call: bool) -> None:
    """In another unit of money (a power of two) amounts scale, delta and charm stay, gamma scales back: to the bit."""
    spot, ratio, *rest = contract
    unit = 2.0**power
    own = one(greeks(spot, spot * ratio, rest[0], rest[1], rest[2], rest[3], is_call))
    other = one(greeks(spot * unit, spot * ratio * unit, rest[0], rest[1], rest[2], rest[3], is_call))
    for name, value in own.items():
        factor = {"delta": 1.0, "charm": 1.0, "vanna": 1.0, "gamma": 1.0 / unit}.get(name, unit)
        assert other[name] == pytest.approx(value * factor, rel=0.0, abs=1e-300), name


@given(contract=CONTRACTS, is_call=st.booleans())
@settings(max_examples=200, deadline=None)
def test_euler_and_the_heat_equation(contract: tuple[float, ...], is_call: bool) -> None:
    """The price solves Black and Scholes's equation: theta + (r - q) S delta + vol^2 S^2 gamma / 2 = r price."""
    spot, ratio, years, rate, yield_, vol = contract
    found = one(greeks(spot, spot * ratio, years, rate, yield_, vol, is_call))
    terms = [
        found["theta"], (rate - yield_) * spot * found["delta"], 0.5 * vol * vol * spot * spot * found["gamma"],
        -rate * found["price"],
    ]  # fmt: skip
    assert abs(sum(terms)) <= 1e-11 * max(map(abs, terms)) + 1e-13 * spot * (1.0 + ratio)


@pytest.mark.parametrize(("is_call", "price", "delta"), [(True, 10.0, 1.0), (False, 0.0, 0.0)])
def test_at_expiry_the_price_is_exercise(is_call: bool, price: float, delta: float) -> None:
    """Without time, or after it, price and delta are those of exercise, all else is 0, and the status says so."""
    for years in (0.0, -1.0):
        found = greeks(110.0, 100.0, years, 0.05, 0.02, 0.3, is_call)
        assert found.status == Status.NO_TIME
        numbers = one(found)
        assert (numbers.pop("price"), numbers.pop("delta")) == (price, delta)
        assert numbers.pop("theta") == pytest.approx((0.02 * 110.0 - 0.05 * 100.0) if is_call else 0.0)
        assert numbers.pop("charm") == pytest.approx(0.02 if is_call else 0.0)
        assert set(numbers.values()) == {0.0}


def test_without_volatility_the_price_is_the_forward() -> None:
    """At volatility 0 the price is the discounted forward where that is worth something, vega and gamma are 0."""
    found = greeks(100.0, [90.0, 100.0, 120.0], 1.0, 0.05, 0.0, 0.0, True)
    assert found.price == pytest.approx([100.0 - 90.0 * np.exp(-0.05), 100.0 - 100.0 * np.exp(-0.05), 0.0], rel=1e-14)
    assert found.delta.tolist() == [1.0, 1.0, 0.0]
    assert not found.gamma.any()
    assert not found.vega.any()
    assert not found.status.any()


def test_far_strikes_and_volatilities() -> None:
    """Far out a price goes to 0 and to its bound, and never below or above."""
    found = greeks(100.0, [1e-6, 1e9, 1e9], 1.0, 0.0, 0.0, [0.2, 0.2, 500.0], True)
    assert found.price == pytest.approx([100.0 - 1e-6, 0.0, 100.0])
    assert found.delta == pytest.approx([1.0, 0.0, 1.0])


def test_bad_inputs_have_a_status() -> None:
    """NaN and what no contract has give NaN throughout, with the reason; neighbours are untouched."""
    found = greeks([np.nan, -1.0, 100.0, 100.0, 100.0], 100.0, 1.0, 0.0, 0.0, [0.2, 0.2, -0.1, np.inf, 0.2], True)
    assert found.status.tolist() == [Status.NOT_A_NUMBER, *[Status.BAD_INPUT] * 3, Status.OK]
    for name in GREEKS:
        assert np.isnan(getattr(found, name)).tolist() == [True] * 4 + [False]


def test_the_vendors_greeks(shared_data: Path) -> None:
    """A vendor's greeks of SPY in 2021 follow from its own volatilities: its rates and years, its rounding."""
    path = shared_data / "options_backtester" / "prod_options_2021H1.csv"
    if not path.is_file():
        pytest.skip(f"no recorded greeks ({path} is absent)")
    with path.open() as file:
        rows = list(csv.DictReader(file))
    column = {name: np.array([float(row[name]) for row in rows]) for name in
              ("underlying_last", "strike", "impliedvol", "delta", "gamma", "theta", "vega")}  # fmt: skip
    days = [(date.fromisoformat(row["expiration"]) - date.fromisoformat(row["quotedate"])).days for row in rows]
    is_call = np.array([row["type"] == "call" for row in rows])
    found = greeks(
        column["underlying_last"], column["strike"], np.array(days) / 365.0, 0.0005, 0.0, column["impliedvol"], is_call
    )
    assert len(rows) > 2_000
    assert np.abs(found.delta - column["delta"]).max() <= 1e-3
    assert np.abs(found.gamma - column["gamma"]).max() <= 5e-5
    assert np.abs(found.vega / 100.0 - column["vega"]).max() <= 1.5e-3
    assert np.abs(found.theta / 365.0 - column["theta"]).max() <= 7e-4
