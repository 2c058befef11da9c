"""Quote hygiene of one expiry: bits and quality of every contract, in one pass over its strikes in order."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from streams.numerics.jit import entry, kernel
from streams.options.arrays import columns
from streams.options.hygiene.bits import SUSPICIOUS
from streams.options.hygiene.own import FACTS, UNDER_BID, own_bits, quality_of
from streams.options.hygiene.vertical import find_butterflies, find_verticals
from streams.options.ladder import Ladder, Ladders, one_ladder

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
U16 = NDArray[np.uint16]
Bool = NDArray[np.bool_]


@dataclass(frozen=True)
class HygieneLimits:
    """What counts as stale, penny and wide; ValueError for limits that are not positive."""

    stale_min_s: float = 30.0
    """No quote is stale before this age, seconds."""
    stale_ratio: float = 10.0
    """Stale after this times the chain's median age."""
    tick: float = 0.01
    """Quote currency."""
    penny_ticks: float = 5.0
    """A mid of up to so many ticks is PENNY."""
    wide: float = 0.5
    """A spread over this share of the mid is WIDE, and halves the quality."""

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not 0.0 < value < np.inf:
                raise ValueError(f"{name} must be > 0, was {value}")


LIMITS = HygieneLimits()


class Hygiene(NamedTuple):
    """Arrays of shape (n,): QuoteBits, uint16; quality, 0 to 1; how many quotes each breaks VERTICAL or WIDTH with.

    violations counts both of a pair, while the bits name the one that is blamed.
    """

    bits: U16
    quality: F64
    violations: I64


@kernel
def _judge_one(
    strikes: F64, contract: I64, bid: F64, ask: F64, age_s: F64, suspicious: Bool, facts: F64, bits: U16, quality: F64,
    counts: I64,
) -> None:  # fmt: skip
    for side in range(2):
        for j in range(strikes.size):
            i = contract[side, j]
            if i >= 0:
                bits[i] = own_bits(bid[i], ask[i], age_s[i], strikes[j], side == 1, facts)
                if suspicious[i]:
                    bits[i] |= SUSPICIOUS
    find_verticals(strikes, contract, bid, ask, age_s, facts, counts, bits)
    find_butterflies(strikes, contract, bid, ask, bits)
    for side in range(2):
        for j in range(strikes.size):
            i = contract[side, j]
            if i >= 0:
                quality[i] = quality_of(bits[i], bid[i], ask[i], age_s[i], facts)


@entry
def _judge(
    begins: I64, strikes: F64, contract: I64, expiries: I64, bid: F64, ask: F64, age_s: F64, suspicious: Bool,
    facts: F64, bits: U16, quality: F64, counts: I64,
) -> None:  # fmt: skip
    for k in range(expiries.size):
        begin, end = begins[expiries[k]], begins[expiries[k] + 1]
        sides = contract[2 * begin : 2 * end].reshape((2, end - begin))
        _judge_one(strikes[begin:end], sides, bid, ask, age_s, suspicious, facts[k], bits, quality, counts)


def stale_age(age_s: ArrayLike, limits: HygieneLimits = LIMITS) -> float:
    """Return the age in seconds beyond which a quote of a chain is stale.

    max(stale_min_s, stale_ratio x the median of the ages that are numbers): market makers renew a chain together, so a
    quote is judged by its neighbours, and a quiet chain is not stale as a whole. age_s: (n,) seconds of event time.
    """
    ages = np.asarray(age_s, np.float64)
    known = ages[ages >= 0.0]
    if not known.size:
        return limits.stale_min_s
    low, high = (known.size - 1) // 2, known.size // 2
    known.partition((low, high))
    middle = 0.5 * (known[low] + known[high])
    return float(max(limits.stale_min_s, limits.stale_ratio * middle))


def quote_hygiene(
    rungs: Ladder, bid: ArrayLike, ask: ArrayLike, age_s: ArrayLike, under_bid: float, under_ask: float, *,
    discount: float = 1.0, suspicious: ArrayLike = False, stale_s: float | None = None,
    limits: HygieneLimits = LIMITS,
) -> Hygiene:  # fmt: skip
    """Return bits and quality of an expiry's quotes, each (n,), in the order of the contracts of its ladder.

    bid, ask: (n,) quote currency; 0, negative or NaN: no such side. age_s: (n,) seconds of event time since the last
    update, NaN: never quoted. under_bid, under_ask: what the underlying can be sold and bought at, NaN: not known, and
    nothing is said about exercise. American style: the spot's, discount 1; European style: bounds of the forward and
    the discount factor to expiry. suspicious: (n,) the source's doubt. stale_s: the chain's stale_age, else that of
    these quotes. A contract on no rung, or whose numbers are no quote, has quality 0. ValueError where shapes do not
    fit or discount is not positive.
    """
    if not 0.0 < discount < np.inf:
        raise ValueError(f"discount must be > 0, was {discount}")
    sides = columns(*(np.asarray(one, np.float64) for one in (bid, ask, age_s)))
    if sides[0].shape != (rungs.count,):
        raise ValueError(f"quotes must be of shape ({rungs.count},), were {sides[0].shape}")
    doubt = np.array(np.broadcast_to(np.asarray(suspicious, np.bool_), (rungs.count,)))
    old = stale_age(sides[2], limits) if stale_s is None else float(stale_s)
    facts = hygiene_facts(old, [(under_bid, under_ask, discount)], limits)
    return judge(one_ladder(rungs), np.zeros(1, np.int64), *sides, doubt, facts)


def hygiene_facts(stale_s: float, dealt: Sequence[tuple[float, float, float]], limits: HygieneLimits = LIMITS) -> F64:
    """Return what expiries are judged by, (k, FACTS); dealt: under_bid, under_ask and discount of each."""
    facts = np.empty((len(dealt), FACTS))
    facts[:, :UNDER_BID] = stale_s, limits.tick, limits.penny_ticks, limits.wide
    facts[:, UNDER_BID:] = dealt
    return facts


def judge(ladders: Ladders, expiries: I64, bid: F64, ask: F64, age_s: F64, suspicious: Bool, facts: F64) -> Hygiene:
    """Return bits and quality of the quotes of some expiries, as quote_hygiene; others of the chain have none.

    expiries: (k,) numbers of ladders; facts: (k, FACTS); the rest: (n,) of the whole chain.
    """
    out = Hygiene(np.zeros(bid.size, np.uint16), np.zeros(bid.size), np.zeros(bid.size, np.int64))
    _judge(*ladders, expiries, bid, ask, age_s, suspicious, facts, *out)
    return out
