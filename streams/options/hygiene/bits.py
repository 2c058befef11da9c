"""What can be wrong with a quote: one closed list. New bits go at the end: their numbers are stored."""

from enum import IntFlag


class QuoteBits(IntFlag):
    """Statuses of one contract's quote; several hold at once, none of them is a clean quote."""

    NO_BID = 1
    """No bid: zero, negative or not a number."""
    NO_ASK = 2
    """No ask: zero, negative or not a number."""
    CROSSED = 4
    """The bid is above the ask."""
    LOCKED = 8
    """The bid is the ask."""
    STALE = 16
    """Older than the chain's limit (stale_age)."""
    PENNY = 32
    """The bid is under a tick, or the mid is of a few ticks: rounding is all there is."""
    WIDE = 64
    """The spread is a large share of the mid."""
    BELOW_INTRINSIC = 128
    """The ask is below what exercise gives on the side of the underlying that can be dealt on."""
    AT_EXERCISE_VALUE = 256
    """The mid is no more than what exercise gives at the underlying's mid: no volatility in it. For information."""
    VERTICAL = 512
    """A vertical spread with another strike pays to hold: prices are not monotone. The quote that is blamed."""
    WIDTH = 1024
    """A vertical spread with another strike is worth more than its width. The quote that is blamed."""
    BUTTERFLY = 2048
    """The bid is above the line through its neighbours' asks. For information: neighbours may be at fault."""
    SUSPICIOUS = 4096
    """The source says so."""


NO_BID = int(QuoteBits.NO_BID)
NO_ASK = int(QuoteBits.NO_ASK)
CROSSED = int(QuoteBits.CROSSED)
LOCKED = int(QuoteBits.LOCKED)
STALE = int(QuoteBits.STALE)
PENNY = int(QuoteBits.PENNY)
WIDE = int(QuoteBits.WIDE)
BELOW_INTRINSIC = int(QuoteBits.BELOW_INTRINSIC)
AT_EXERCISE_VALUE = int(QuoteBits.AT_EXERCISE_VALUE)
VERTICAL = int(QuoteBits.VERTICAL)
WIDTH = int(QuoteBits.WIDTH)
BUTTERFLY = int(QuoteBits.BUTTERFLY)
SUSPICIOUS = int(QuoteBits.SUSPICIOUS)
"""The numbers as kernels use them."""


def bit_labels(bits: int) -> list[str]:
    """Return the words of a quote's bits, in the list's order, e.g. `["no_bid", "penny"]`; none: a clean quote."""
    return [str(bit.name).lower() for bit in QuoteBits if int(bits) & bit]
