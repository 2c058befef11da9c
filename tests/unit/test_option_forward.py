"""Forwards and borrow from parity: formulas, robustness, the premium of early exercise, and every fallback."""

import numpy as np
import pytest
from numpy.typing import NDArray

from streams.options.cash import CashDividends, cash_price
from streams.options.forward import Borrow, ForwardStatus, Terms, expiry_forward, terms
from streams.options.forward.borrow import RENEWED_NS, joined
from streams.options.forward.european import european_forward_prices
from streams.options.forward.expiry import ExpiryForward
from streams.options.forward.parity import DEVIATION, FOUND, HIGH, LOW, MIDDLE, SHARE, USED, locate
from streams.options.hygiene import quote_hygiene
from tests.option_truth import SECOND_NS, SPOT, START_NS, Truth, spread_of, truth

F64 = NDArray[np.float64]


def located(low: list[float], high: list[float], weight: list[float] | None = None) -> F64:
    found = np.empty(FOUND)
    locate(np.array(low), np.array(high), np.array(weight or [1.0] * len(low)), found)
    return found


def found_of(
    one: Truth, bid: F64, ask: F64, spot: float = SPOT, american: bool = True, prior: Borrow | None = None
) -> ExpiryForward:
    judged = quote_hygiene(one.rungs, bid, ask, 1.0, spot - 0.01, spot + 0.01)
    return expiry_forward(
        one.rungs, bid, ask, judged, one.of, spot - 0.01, spot + 0.01, american=american, age_s=1.0, event_ns=START_NS,
        prior=prior or Borrow(),
    )  # fmt: skip


@pytest.fixture(scope="module")
def month() -> Truth:
    return truth(30, 0.01)


def test_spot_forward_and_borrow_are_inverses_and_known() -> None:
    """100 for a year at 5 % less 1 % borrow and a dividend of 2 after half a year: 100 e^0.04 - 2 e^0.02."""
    of = terms(1.0, 0.05, [0.5, 1.5, -0.1], [2.0, 9.0, 9.0])
    assert of.forward(100.0, 0.01) == pytest.approx(104.08107741923882 - 2.0 * 1.0202013400267558, rel=1e-14)
    assert of.spot(of.forward(100.0, 0.01), 0.01) == pytest.approx(100.0, rel=1e-14)
    assert of.borrow(100.0, of.forward(100.0, -0.3)) == pytest.approx(-0.3, abs=1e-12)
    assert of.pays
    assert not terms(0.4, 0.05, [0.5], [2.0]).pays
    for value in (of.borrow(np.nan, 100.0), of.borrow(100.0, -1.0), of.borrow(1.0, 100.0), of.forward(np.nan)):
        assert np.isnan(value)
    with pytest.raises(ValueError, match="one shape"):
        terms(1.0, 0.05, [0.5], [])


def test_strikes_agree_on_a_region_and_one_that_is_off_is_outvoted() -> None:
    """Three intervals agree on [100, 101]; a fourth far away changes the share alone; a NaN changes nothing."""
    three = located([99.0, 100.0, 99.5], [101.0, 102.0, 101.5])
    assert three[[LOW, HIGH, SHARE, USED]].tolist() == [100.0, 101.0, 1.0, 3.0]
    assert three[MIDDLE] == pytest.approx(100.5, abs=1e-9)
    four = located([99.0, 100.0, 99.5, 110.0], [101.0, 102.0, 101.5, 111.0])
    assert four[[LOW, HIGH, SHARE, USED]].tolist() == [100.0, 101.0, 0.75, 3.0]
    assert four[MIDDLE] == pytest.approx(100.5, abs=0.02)
    none = located([99.0, 100.0, 99.5, np.nan, 3.0], [101.0, 102.0, 101.5, 99.0, 2.0], [1.0, 1.0, 1.0, 1.0, 5.0])
    assert none.tobytes() == three.tobytes()
    one = located([99.0], [101.0])
    assert one[MIDDLE] == pytest.approx(100.0, abs=1e-9)
    assert 0.3 < one[DEVIATION] < 0.8
    assert np.isnan(located([np.nan], [1.0])[MIDDLE])


def test_european_prices_over_cash_without_a_grid_are_those_of_the_grid() -> None:
    """Within 1e-3 on 100, a grid's own error, for two dividends of 2 %."""
    of = terms(1.0, 0.04, [0.3, 0.8], [2.0, 2.0])
    strike = np.array([70.0, 90.0, 100.0, 110.0, 140.0])
    for is_call in (True, False):
        out, outside, flags = np.empty(5), np.empty(5), np.full(5, is_call)
        european_forward_prices(
            strike, flags, np.full(5, 100.0), np.full(5, 0.03), np.full(5, 0.3), 1.0, of.ex_years, of.cash, out, outside
        )
        grid = cash_price(100.0, strike, 1.0, 0.04, 0.01, 0.3, is_call, CashDividends((0.3, 0.8), (2.0, 2.0)), False)
        np.testing.assert_allclose(of.discount * out, grid.price, atol=1e-3)


@pytest.mark.parametrize(
    ("days", "borrow", "ex_days", "cash"),
    [(30, 0.01, (), 0.0), (365, -0.02, (), 0.0), (365, 0.08, (), 0.0), (182, 0.01, (60, 151), 0.6)],
)
def test_american_quotes_without_noise_give_the_forward(
    days: int, borrow: float, ex_days: tuple[int, ...], cash: float
) -> None:
    """Within 0.5 basis points of the truth, borrow within 1, though parity of the raw prices is 2 to 200 off."""
    one = truth(days, borrow, ex_days, cash, step=5.0)
    half = 0.5 * spread_of(one.price)
    found = found_of(one, one.price - half, one.price + half)
    assert found.status == ForwardStatus.OK
    assert found.forward == pytest.approx(one.forward, rel=5e-5)
    assert found.borrow == pytest.approx(one.borrow, abs=1e-4 * max(1.0, 0.5 * 365 / days))
    assert found.low <= one.forward <= found.high
    assert found.borrow_low < one.borrow < found.borrow_high
    assert 0.2 < found.quality < 1.0


def test_european_quotes_need_no_premium_and_no_spot() -> None:
    """An index: plain parity to a hundredth of a basis point; its spot is implied where there is none."""
    one = truth(90, 0.015, american=False)
    bid, ask = one.price - 0.05, one.price + 0.05
    found = found_of(one, bid, ask, american=False)
    assert found.forward == pytest.approx(one.forward, rel=1e-6)
    assert found.rounds == 1 or found.rounds == 2
    alone = found_of(one, bid, ask, spot=np.nan, american=False, prior=Borrow(0.015))
    assert alone.forward == pytest.approx(one.forward, rel=1e-6)
    assert alone.spot == pytest.approx(SPOT, rel=1e-5)
    assert np.isnan(alone.borrow)


def test_without_two_sided_strikes_the_bounds_stand_for_the_forward(month: Truth) -> None:
    """Calls with a bid and puts with an ask bound it below, others above: BOUNDS, at low quality."""
    low_strikes = month.strike < 100.0
    bid = np.where(low_strikes == month.is_call, month.price - 0.02, 0.0)
    ask = np.where(low_strikes == month.is_call, np.nan, month.price + 0.02)
    found = found_of(month, bid, ask)
    assert found.status == ForwardStatus.BOUNDS
    assert found.low <= found.forward <= found.high
    assert found.forward == pytest.approx(month.forward, rel=2e-3)
    assert 0.0 < found.quality < 0.1
    assert found.strikes == 0


def test_without_quotes_the_spot_is_carried_by_a_neighbours_borrow(month: Truth) -> None:
    empty = np.full(month.price.size, np.nan)
    found = found_of(month, empty, empty, prior=Borrow(0.01))
    assert found.status == ForwardStatus.CARRIED
    assert found.forward == pytest.approx(month.forward, rel=1e-12)
    assert (found.quality, found.strikes) == (0.0, 0)
    lost = found_of(month, empty, empty, spot=np.nan)
    assert lost.status == ForwardStatus.NONE
    assert np.isnan(lost.forward)


def test_a_past_expiry_and_bad_shapes(month: Truth) -> None:
    over = Truth(month.rungs, month.strike, month.is_call, month.vol, month.price, terms(0.0, 0.05), 0.0, 0.0)
    assert found_of(over, month.price - 0.1, month.price + 0.1).status == ForwardStatus.NO_TIME
    judged = quote_hygiene(month.rungs, month.price, month.price, 1.0, 99.0, 101.0)
    with pytest.raises(ValueError, match="quotes must be of shape"):
        expiry_forward(month.rungs, np.ones(2), np.ones(2), judged, month.of, 99.0, 101.0, american=True)


def test_a_measurement_counts_for_what_has_been_renewed_and_a_jump_begins_anew() -> None:
    first = Borrow().met_by(0.02, 0.01, START_NS, 0.5)
    assert first.mean == pytest.approx(0.02 * 0.9, rel=1e-12)
    assert first.met_by(0.03, 0.01, START_NS, 0.5).mean == first.mean
    later = first.met_by(0.03, 0.01, START_NS + RENEWED_NS, 0.5)
    assert first.mean < later.mean < 0.03
    assert later.deviation < first.deviation
    jumped = later.met_by(0.5, 0.01, START_NS + 2 * RENEWED_NS, 0.5)
    assert (jumped.mean, jumped.deviation) == (0.5, 0.01)
    assert first.met_by(np.nan, 0.01, START_NS, 0.5) is first
    assert later.at(START_NS + 86_400 * SECOND_NS).deviation > later.deviation
    assert joined(100.0, 0.01, 100.02, 0.01)[0] == pytest.approx(100.01, rel=1e-12)
    assert joined(100.0, 0.01, 101.0, 0.01) == (100.0, 0.01)
    assert joined(100.0, 0.01, np.nan, 0.01) == (100.0, 0.01)


def test_terms_are_plain_numbers() -> None:
    assert Terms(0.5, 0.05, np.empty(0), np.empty(0)).discount == pytest.approx(np.exp(-0.025), rel=1e-15)
