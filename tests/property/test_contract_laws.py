"""Laws of symbols, expiries and curves: they hold for every input."""

from datetime import date

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streams.options.contracts import OptionSymbol, SymbolFault, TradingDays, expiry_ns, osi, parse_osi, years_to
from streams.options.contracts.adjusted import split, spot_of, standard_terms
from streams.options.contracts.clock import new_york_day
from streams.options.rates import RateCurve

DAYS = TradingDays(date(2005, 1, 1), date(2040, 1, 1))
symbols = st.builds(
    OptionSymbol,
    root=st.from_regex(r"[A-Z]{1,5}[1-9]?", fullmatch=True),
    expiry=st.dates(date(2000, 1, 1), date(2099, 12, 31)),
    is_call=st.booleans(),
    strike_mills=st.integers(1, 99_999_999),
)


@given(symbols)
def test_a_symbol_goes_out_and_comes_back(symbol: OptionSymbol) -> None:
    """OSI text has 21 characters and gives the same symbol, its spaces left out as well."""
    text = osi(symbol)
    assert len(text) == 21
    assert parse_osi(text) == symbol
    assert parse_osi(text.replace(" ", "")) == symbol


@given(st.one_of(st.text(max_size=24), st.from_regex(r"[A-Z]{1,6} *[0-9]{6}[A-Z][0-9]{8}", fullmatch=True)))
def test_any_text_is_a_symbol_or_a_fault(text: str) -> None:
    """Parsing never raises, and what it reads it writes again."""
    found = parse_osi(text)
    if not isinstance(found, SymbolFault):
        assert osi(found).replace(" ", "") == text.replace(" ", "")


@given(st.dates(date(2006, 1, 1), date(2039, 1, 1)), st.integers(0, 10**18))
@example(date(2006, 1, 1), 10**16 + 1)
def test_time_to_expiry_ends_at_expiry(day: date, before_ns: int) -> None:
    """An expiry lies on its last session's date; the years to it grow with the distance alone."""
    end = expiry_ns(day, DAYS)
    assert new_york_day(end) == DAYS.on_or_before(day)
    # Beyond 2**53 ns the distance itself is rounded, and then the quotient.
    assert float(years_to(end, end - before_ns)) == pytest.approx(before_ns / (365 * 86_400 * 10**9), rel=2**-51, abs=0)


@given(symbols, st.integers(1, 20), st.integers(1, 20), st.floats(1.0, 5_000.0))
def test_a_split_keeps_the_value_of_what_is_delivered(symbol: OptionSymbol, new: int, old: int, price: float) -> None:
    """A holder's shares are worth as much after any split, fractions and number of contracts counted."""
    if symbol.is_adjusted or symbol.strike_mills < 1_000 * new:
        return
    before = standard_terms(symbol)
    after = split(before, symbol.ticker, new, old)
    value = after.contracts * after.multiplier * spot_of(after, {symbol.ticker: price * old / new})
    assert abs(value / (100.0 * price) - 1.0) < 1e-12


@given(st.lists(st.floats(-0.05, 0.2), min_size=1, max_size=6), st.floats(0.001, 40.0))
def test_a_curve_discounts_step_by_step(rates: list[float], years: float) -> None:
    """A curve returns its pillars, and between them the forward rate is one."""
    pillars = tuple(0.5 * (k + 1) for k in range(len(rates)))
    curve = RateCurve(date(2023, 1, 1), pillars, tuple(rates))
    np.testing.assert_allclose(curve.zero(np.array(pillars)), rates, atol=1e-14)
    times = np.array([years, years + 0.01, years + 0.02])
    grown = curve.zero(times) * times
    if np.searchsorted(pillars, times[0]) == np.searchsorted(pillars, times[2]) and pillars[0] < years < pillars[-1]:
        np.testing.assert_allclose(grown[2] - grown[1], grown[1] - grown[0], atol=1e-12)
