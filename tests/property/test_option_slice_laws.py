"""Laws of a slice: the order of contracts and quotes that are not there do not matter; time goes on in the state."""

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from streams.options import greeks, ladder
from streams.options.forward import ExpirySlice, slice_of, terms

F64 = NDArray[np.float64]
SPOT, RATE, BORROW, START_NS = 100.0, 0.04, 0.01, 1_700_000_000_000_000_000
STRIKES = np.arange(80.0, 121.0, 5.0)
K, CALLS = np.repeat(STRIKES, 2), np.tile([True, False], STRIKES.size)

seeds = st.integers(0, 2**32 - 1)


def quotes(seed: int, years: float) -> tuple[F64, F64, F64]:
    """Return bids, asks and ages of a European chain with noise, missing sides and old quotes."""
    draw = np.random.default_rng(seed)
    vol = 0.25 + 0.1 * np.abs(K / SPOT - 1.0)
    price = greeks(SPOT, K, years, RATE, BORROW, vol, CALLS).price + draw.uniform(-0.04, 0.04, K.size)
    bid, ask = np.asarray(np.round(np.maximum(price - 0.05, 0.0), 2), np.float64), np.round(price + 0.05, 2)
    bid[draw.random(K.size) < 0.1] = 0.0
    ask[draw.random(K.size) < 0.1] = np.nan
    return bid, ask, np.round(draw.exponential(10.0, K.size), 3)


def slice_at(order: NDArray[np.int64], bid: F64, ask: F64, age_s: F64, american: bool) -> ExpirySlice:
    return slice_of(
        ladder(K[order], CALLS[order]), bid[order], ask[order], age_s[order], terms(0.25, RATE), SPOT - 0.01,
        SPOT + 0.01, american=american, event_ns=START_NS, stale_s=60.0,
    )[0]  # fmt: skip


def columns(one: ExpirySlice) -> dict[str, NDArray[Any]]:
    """Return what a slice says of each contract."""
    figures, greeks = one.figures, one.greeks()
    return {
        "bits": one.hygiene.bits, "quality": one.hygiene.quality, "vol": figures.vol, "status": figures.status,
        "black": figures.black, "half": figures.half_spread, "delta": greeks.delta, "rho": greeks.rho,
    }  # fmt: skip


def same_market(one: ExpirySlice, other: ExpirySlice) -> bool:
    """Return whether forward and smile are alike, bit by bit."""
    left, right = one.forward, other.forward
    numbers = np.array([[x.forward, x.low, x.high, x.borrow, x.quality, x.known.mean] for x in (left, right)])
    smiles = zip(one.smile, other.smile, strict=True)
    return numbers[0].tobytes() == numbers[1].tobytes() and all(a.tobytes() == b.tobytes() for a, b in smiles)


@settings(max_examples=25, deadline=None)
@given(seeds, st.booleans())
def test_the_order_of_contracts_does_not_matter(seed: int, american: bool) -> None:
    given_, order = quotes(seed, 0.25), np.random.default_rng(seed + 1).permutation(K.size)
    one = slice_at(np.arange(K.size), *given_, american)
    other = slice_at(order, *given_, american)
    assert same_market(one, other)
    mixed = columns(other)
    for name, column in columns(one).items():
        assert column[order].tobytes() == mixed[name].tobytes(), name


@settings(max_examples=25, deadline=None)
@given(seeds, st.booleans())
def test_a_strike_without_quotes_is_as_good_as_absent(seed: int, american: bool) -> None:
    bid, ask, age_s = quotes(seed, 0.25)
    gone = np.repeat(np.random.default_rng(seed + 2).random(STRIKES.size) < 0.3, 2)
    bid[gone], ask[gone] = np.nan, np.nan
    rest = np.flatnonzero(~gone)
    whole, less = slice_at(np.arange(K.size), bid, ask, age_s, american), slice_at(rest, bid, ask, age_s, american)
    assert whole.forward.forward == less.forward.forward or not less.forward.forward > 0.0
    fewer = columns(less)
    for name, column in columns(whole).items():
        assert column[rest].tobytes() == fewer[name].tobytes(), name


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_the_forward_lies_where_quotes_say_and_quality_is_a_share(seed: int) -> None:
    """The truth is within four deviations, the region within what any strike allows."""
    found = slice_at(np.arange(K.size), *quotes(seed, 0.25), False).forward
    truth = terms(0.25, RATE).forward(SPOT, BORROW)
    assert 0.0 <= found.quality <= 1.0
    assert abs(found.forward / truth - 1.0) * 1e4 < 4.0 * found.deviation_bp
