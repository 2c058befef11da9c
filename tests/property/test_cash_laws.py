"""Laws of prices with cash dividends: they hold for every contract."""

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from streams.options.american import american_price
from streams.options.cash import CashDividends, cash_price
from streams.options.status import Status

contracts = st.tuples(
    st.floats(60.0, 160.0),
    st.floats(0.02, 2.0),
    st.floats(0.0, 0.08),
    st.floats(0.1, 0.8),
    st.booleans(),
    st.booleans(),
)
TOLERANCE = 4e-4


def price(
    contract: tuple[float, float, float, float, bool, bool], dividends: CashDividends, scale: float = 1.0
) -> float:
    strike, years, rate, vol, is_call, american = contract
    found = cash_price(100.0 * scale, strike * scale, years, rate, 0.0, vol, is_call, dividends, american)
    assert found.status[0] == Status.OK
    return float(found.price[0])


@settings(max_examples=40, deadline=None)
@given(contracts, st.floats(0.05, 0.95), st.floats(0.01, 3.0), st.floats(0.01, 3.0))
def test_more_cash_is_worth_less_to_a_call_and_more_to_a_put(
    contract: tuple[float, float, float, float, bool, bool], when: float, cash: float, more: float
) -> None:
    """A larger dividend never raises a call or lowers a put."""
    ex_years = (when * contract[1],)
    less, larger = (price(contract, CashDividends(ex_years, (one,))) for one in (cash, cash + more))
    assert (larger <= less + TOLERANCE) if contract[4] else (larger >= less - TOLERANCE)


@settings(max_examples=40, deadline=None)
@given(contracts, st.floats(0.05, 0.95), st.floats(0.01, 3.0))
def test_exercise_is_a_right(contract: tuple[float, float, float, float, bool, bool], when: float, cash: float) -> None:
    """An American is worth its European and its exercise value at least, and less than spot or strike."""
    dividends = CashDividends((when * contract[1],), (cash,))
    american, european = (price((*contract[:5], early), dividends) for early in (True, False))
    strike, is_call = contract[0], contract[4]
    assert american >= european - 1e-9
    assert american >= (100.0 - strike if is_call else strike - 100.0)
    assert american <= (100.0 if is_call else strike) + TOLERANCE


@settings(max_examples=40, deadline=None)
@given(contracts, st.floats(0.05, 0.95), st.floats(0.01, 3.0))
def test_europeans_keep_parity(
    contract: tuple[float, float, float, float, bool, bool], when: float, cash: float
) -> None:
    """Call less put is the spot less the cash and the strike, both discounted."""
    strike, years, rate, vol, _, _ = contract
    dividends = CashDividends((when * years,), (cash,))
    call, put = (price((strike, years, rate, vol, side, False), dividends) for side in (True, False))
    forward = 100.0 - cash * np.exp(-rate * when * years) - strike * np.exp(-rate * years)
    assert abs(call - put - forward) < 5e-3 if vol * years**0.5 > 0.8 else abs(call - put - forward) < 1e-3


@settings(max_examples=30, deadline=None)
@given(contracts, st.floats(0.05, 0.95), st.floats(0.01, 3.0))
def test_a_tiny_dividend_is_none(
    contract: tuple[float, float, float, float, bool, bool], when: float, cash: float
) -> None:
    """As the cash goes to 0 the price goes to that without dividends; and money has no unit."""
    tiny = price(contract, CashDividends((when * contract[1],), (1e-9,)))
    assert abs(tiny - price(contract, CashDividends())) < 1e-3
    whole = price(contract, CashDividends((when * contract[1],), (cash,)))
    scaled = price(contract, CashDividends((when * contract[1],), (cash * 8.0,)), 8.0)
    assert abs(scaled / 8.0 - whole) < 1e-9


@settings(max_examples=40, deadline=None)
@given(contracts, st.floats(-0.02, 0.08))
@example((60.0, 1.0, 0.0, 0.5, False, False), -0.015625)
@example((140.0, 0.5, 0.0, 0.3, False, False), -0.02)
def test_without_cash_an_american_is_the_boundary_solvers(
    contract: tuple[float, float, float, float, bool, bool], yield_: float
) -> None:
    """Without dividends a price is that of streams/options/american, another method altogether."""
    strike, years, rate, vol, is_call, _ = contract
    ours = cash_price(100.0, strike, years, rate, yield_, vol, is_call, CashDividends())
    theirs = american_price(100.0, strike, years, rate, yield_, vol, is_call)
    if theirs.status[0] == Status.OK:
        assert abs(ours.price[0] - theirs.price[0]) < (6e-4 if vol * years**0.5 < 0.6 else 1.5e-3)
