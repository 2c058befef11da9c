"""Laws of quote hygiene: the order of contracts, the scale of prices and quotes that are not there do not matter."""

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from streams.options.hygiene import Hygiene, QuoteBits, quote_hygiene
from streams.options.ladder import ladder

F64 = NDArray[np.float64]
COUNT = 8
K = np.repeat(np.arange(COUNT) * 5.0 + 85.0, 2)
CALLS = np.tile([True, False], COUNT)

seeds = st.integers(0, 2**32 - 1)


def quotes(seed: int) -> tuple[F64, F64, F64]:
    """Return bids, asks and ages of a chain on 100 in which every kind of fault occurs; prices are eighths."""
    draw = np.random.default_rng(seed)
    gain = np.where(CALLS, np.maximum(100.0 - K, 0.0), np.maximum(K - 100.0, 0.0))
    mid = gain + 4.0 * np.exp(-np.abs(K - 100.0) / 8.0) + draw.choice([0.0, 0.0, 0.0, 2.0, -2.0], K.size)
    bid = np.round(8.0 * mid) / 8.0 - draw.choice([0.0, 0.125, 0.5], K.size)
    ask = bid + draw.choice([-0.125, 0.0, 0.125, 0.25, 1.0], K.size, p=[0.05, 0.05, 0.5, 0.3, 0.1])
    return (
        np.where(draw.random(K.size) < 0.1, 0.0, bid),
        np.where(draw.random(K.size) < 0.1, np.nan, ask),
        np.round(draw.exponential(10.0, K.size), 3),
    )


def same(one: Hygiene, other: Hygiene, at: NDArray[np.int64]) -> bool:
    """Return whether one's rows at some places are the other's, bit by bit."""
    pairs: tuple[tuple[NDArray[Any], NDArray[Any]], ...] = (
        (one.bits, other.bits), (one.quality, other.quality), (one.violations, other.violations)
    )  # fmt: skip
    return all(left[at].tobytes() == right.tobytes() for left, right in pairs)


@settings(max_examples=60, deadline=None)
@given(seeds)
def test_the_order_of_contracts_does_not_matter(seed: int) -> None:
    bid, ask, age = quotes(seed)
    order = np.random.default_rng(seed + 1).permutation(K.size)
    one = quote_hygiene(ladder(K, CALLS), bid, ask, age, 99.5, 100.5)
    other = quote_hygiene(ladder(K[order], CALLS[order]), bid[order], ask[order], age[order], 99.5, 100.5)
    assert same(one, other, order)


@settings(max_examples=60, deadline=None)
@given(seeds)
def test_a_contract_without_a_quote_is_as_good_as_absent(seed: int) -> None:
    """Bits and quality of the others are the same with it and without it."""
    bid, ask, age = quotes(seed)
    gone = np.random.default_rng(seed + 2).random(K.size) < 0.3
    bid[gone], ask[gone] = np.nan, np.nan
    whole = quote_hygiene(ladder(K, CALLS), bid, ask, age, 99.5, 100.5, stale_s=30.0)
    rest = ~gone
    less = quote_hygiene(ladder(K[rest], CALLS[rest]), bid[rest], ask[rest], age[rest], 99.5, 100.5, stale_s=30.0)
    assert same(whole, less, np.flatnonzero(rest))


@settings(max_examples=60, deadline=None)
@given(seeds)
def test_quality_is_a_share_and_nought_where_a_quote_is_crossed_or_empty(seed: int) -> None:
    bid, ask, age = quotes(seed)
    found = quote_hygiene(ladder(K, CALLS), bid, ask, age, 99.5, 100.5)
    assert ((found.quality >= 0.0) & (found.quality <= 1.0)).all()
    empty = (found.bits & int(QuoteBits.NO_BID) > 0) & (found.bits & int(QuoteBits.NO_ASK) > 0)
    worthless = empty | (found.bits & int(QuoteBits.CROSSED) > 0)
    assert ((found.quality == 0.0) == worthless).all()


@settings(max_examples=60, deadline=None)
@given(seeds)
def test_without_the_blamed_quotes_every_pair_is_in_order(seed: int) -> None:
    """What is left after taking the blamed ones out breaks neither rule, checked pair by pair."""
    bid, ask, age = quotes(seed)
    found = quote_hygiene(ladder(K, CALLS), bid, ask, age, 99.5, 100.5)
    good = found.bits & int(QuoteBits.VERTICAL | QuoteBits.WIDTH | QuoteBits.CROSSED) == 0
    sells, buys = np.where(bid > 0.0, bid, np.nan), np.where(ask > 0.0, ask, np.nan)
    for i in range(K.size):
        for j in range(K.size):
            if CALLS[i] == CALLS[j] and K[i] < K[j] and good[i] and good[j]:
                dear, cheap = (i, j) if CALLS[i] else (j, i)
                assert not sells[cheap] > buys[dear] + 1e-6
                assert not sells[dear] - buys[cheap] > K[j] - K[i] + 1e-6
