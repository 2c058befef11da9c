"""Quotes that give money away against another strike of the same right: vertical spreads and butterflies.

For calls of strikes K1 < K2, and for puts with the strikes' parts exchanged, what can be dealt must satisfy

    ask(K1) >= bid(K2)                          monotone: else VERTICAL
    bid(K1) - ask(K2) <= discount (K2 - K1)     a spread pays no more than its width: else WIDTH

(American exercise: discount 1). Every pair counts, not neighbours alone; a running best of the strikes passed tells
whether a strike breaks a rule with any of them, so a clean ladder is one pass, and only a broken one looks at pairs.

Of a pair the one is blamed that breaks rules with more partners, for one bad print breaks them with many good
quotes; among equals the older, then the wider, then the one with the higher strike. Crossed quotes are left out.
"""

import numpy as np
from numpy.typing import NDArray

from streams.numerics.jit import kernel
from streams.options.hygiene.bits import BUTTERFLY, CROSSED, NO_ASK, NO_BID, VERTICAL, WIDTH
from streams.options.hygiene.own import DISCOUNT, SLACK

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
U16 = NDArray[np.uint16]
Int = int | np.int64


@kernel
def blamed(one: Int, other: Int, bid: F64, ask: F64, age_s: F64, counts: I64) -> Int:
    """Return which of two contracts, the first of the lower strike, is at fault."""
    if counts[one] != counts[other]:
        return one if counts[one] > counts[other] else other
    if age_s[one] != age_s[other]:
        return one if age_s[one] > age_s[other] else other
    # A missing side is as wide as can be.
    first, second = ask[one] - bid[one], ask[other] - bid[other]
    if first == first and second == second and first != second:
        return one if first > second else other
    return other


@kernel
def broken(rich: Int, cheap: Int, rule: Int, room: float, bid: F64, ask: F64, bits: U16, slack: float) -> bool:
    """Return whether selling one and buying the other breaks a rule; room: what the pair may be worth."""
    if rule == VERTICAL:
        room = 0.0
    if bits[rich] & NO_BID or bits[cheap] & NO_ASK:
        return False
    return bid[rich] - ask[cheap] > room + slack


@kernel
def walk(
    strikes: F64, contract: I64, bid: F64, ask: F64, age_s: F64, discount: float, rule: Int, is_call: bool, blame: bool,
    counts: I64, bits: U16,
) -> None:  # fmt: skip
    """Count (or, later, blame) the pairs of one right that break one rule.

    The right that should be worth less is sold: for VERTICAL the call of the higher or the put of the lower strike, for
    WIDTH the other one. With the lower strike sold the running best is its bid (+ discount K for WIDTH), else its ask.
    """
    low_is_sold = is_call == (rule == WIDTH)
    best = -np.inf
    for j in range(strikes.size):
        high = contract[j]
        if high < 0 or bits[high] & CROSSED:
            continue
        # Selling the lower strike gains bid(K1) + shift(K1) - ask(K2) - shift(K2), and vice versa.
        shift = discount * strikes[j] if rule == WIDTH else 0.0
        slack = SLACK * strikes[j]
        if low_is_sold:
            suspect = not bits[high] & NO_ASK and best - ask[high] - shift > slack
        else:
            suspect = not bits[high] & NO_BID and best + bid[high] - shift > slack
        if suspect:
            for i in range(j):
                low = contract[i]
                if low < 0 or bits[low] & CROSSED:
                    continue
                room = discount * (strikes[j] - strikes[i])
                rich, cheap = (low, high) if low_is_sold else (high, low)
                if broken(rich, cheap, rule, room, bid, ask, bits, slack):
                    if blame:
                        bits[blamed(low, high, bid, ask, age_s, counts)] |= rule
                    else:
                        counts[low] += 1
                        counts[high] += 1
        if low_is_sold and not bits[high] & NO_BID:
            best = max(best, bid[high] + shift)
        elif not low_is_sold and not bits[high] & NO_ASK:
            best = max(best, shift - ask[high])


@kernel
def find_verticals(
    strikes: F64, contract: I64, bid: F64, ask: F64, age_s: F64, facts: F64, counts: I64, bits: U16
) -> None:
    """Set VERTICAL and WIDTH of the quotes that are blamed. counts: (n,) room, zeros."""
    for blame in (False, True):
        for side in range(2):
            for rule in (VERTICAL, WIDTH):
                walk(strikes, contract[side], bid, ask, age_s, facts[DISCOUNT], rule, side == 1, blame, counts, bits)


@kernel
def find_butterflies(strikes: F64, contract: I64, bid: F64, ask: F64, bits: U16) -> None:
    """Set BUTTERFLY where a bid is above the line through the asks of its nearest neighbours that have one."""
    for side in range(2):
        before, middle = -1, -1
        for j in range(strikes.size):
            at = contract[side, j]
            if at < 0 or bits[at] & (CROSSED | NO_ASK | NO_BID):
                continue
            if before >= 0:
                one, two = contract[side, before], contract[side, middle]
                share = (strikes[middle] - strikes[before]) / (strikes[j] - strikes[before])
                line = ask[one] + share * (ask[at] - ask[one])
                if bid[two] > line + SLACK * strikes[middle]:
                    bits[two] |= BUTTERFLY
            before, middle = middle, j
