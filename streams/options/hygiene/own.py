"""What a quote says about itself: sides, spread, age, size of the price, exercise value; and its quality.

    quality = 1 / (1 + w / wide) x 1 / (1 + age / stale) x penalties,   w = (ask - bid) / mid, 2 for one side alone

A penalty is 0 for CROSSED and for no side at all, 1/4 for one side alone and for SUSPICIOUS, 1/2 for LOCKED and for
PENNY, 1/10 for each of BELOW_INTRINSIC, VERTICAL and WIDTH. BUTTERFLY and AT_EXERCISE_VALUE cost nothing. So a quote at
the stale age is worth half, and one whose spread is `wide` of its mid is, too.
"""

import numpy as np
from numpy.typing import NDArray

from streams.numerics.jit import kernel
from streams.options.hygiene.bits import (
    AT_EXERCISE_VALUE,
    BELOW_INTRINSIC,
    CROSSED,
    LOCKED,
    NO_ASK,
    NO_BID,
    PENNY,
    STALE,
    SUSPICIOUS,
    VERTICAL,
    WIDE,
    WIDTH,
)

F64 = NDArray[np.float64]
Int = int | np.int64

STALE_S, TICK, PENNY_TICKS, WIDE_SHARE, UNDER_BID, UNDER_ASK, DISCOUNT = range(7)
"""Places in the facts of a kernel, (FACTS,): limits, then the underlying's two sides and the discount factor."""
FACTS = 7
SLACK = 1e-9
"""Share of the strike within which prices are equal."""
ONE_SIDE, DOUBT, HALF, BROKEN = 0.25, 0.25, 0.5, 0.1


@kernel
def has_side(price: float) -> bool:
    """Return whether a side of the book is there."""
    return 0.0 < price < np.inf


@kernel
def own_bits(bid: float, ask: float, age_s: float, strike: float, is_call: bool, facts: F64) -> Int:
    """Return the bits that follow from one quote and the underlying."""
    bits: Int = 0
    if not has_side(bid):
        bits |= NO_BID
    if not has_side(ask):
        bits |= NO_ASK
    # A quote whose age is not known is stale.
    if not age_s <= facts[STALE_S]:
        bits |= STALE
    if bits & NO_ASK:
        return bits
    if bits & NO_BID or bid < facts[TICK]:
        bits |= PENNY
    side = 1.0 if is_call else -1.0
    under = facts[UNDER_BID] if is_call else facts[UNDER_ASK]
    if ask < facts[DISCOUNT] * side * (under - strike) - SLACK * strike:
        bits |= BELOW_INTRINSIC
    if bits & NO_BID:
        return bits
    mid = 0.5 * (bid + ask)
    if bid > ask:
        bits |= CROSSED
    elif bid == ask:
        bits |= LOCKED
    if mid <= facts[PENNY_TICKS] * facts[TICK]:
        bits |= PENNY
    if ask - bid > facts[WIDE_SHARE] * mid:
        bits |= WIDE
    middle = 0.5 * (facts[UNDER_BID] + facts[UNDER_ASK])
    gain = facts[DISCOUNT] * side * (middle - strike)
    if gain > 0.0 and mid <= gain + SLACK * strike:
        bits |= AT_EXERCISE_VALUE
    return bits


@kernel
def quality_of(bits: Int, bid: float, ask: float, age_s: float, facts: F64) -> float:
    """Return the quality of a quote with these bits, 0 to 1; see the module's head."""
    if bits & CROSSED or (bits & NO_BID and bits & NO_ASK) or age_s != age_s:
        return 0.0
    quality, share = 1.0, 2.0
    if bits & (NO_BID | NO_ASK):
        quality = ONE_SIDE
    else:
        share = (ask - bid) / (0.5 * (ask + bid))
    if bits & SUSPICIOUS:
        quality *= DOUBT
    if bits & LOCKED:
        quality *= HALF
    if bits & PENNY:
        quality *= HALF
    for fault in (BELOW_INTRINSIC, VERTICAL, WIDTH):
        if bits & fault:
            quality *= BROKEN
    return quality / ((1.0 + share / facts[WIDE_SHARE]) * (1.0 + max(age_s, 0.0) / facts[STALE_S]))
