"""Where an expiry's forward comes from: one closed list. New statuses go at the end: their numbers are stored."""

from enum import IntEnum


class ForwardStatus(IntEnum):
    """What a forward rests on."""

    OK = 0
    """Put-call parity over strikes with two-sided quotes."""
    BOUNDS = 1
    """Quotes are one-sided: the middle between what the forward can be sold and bought at."""
    CARRIED = 2
    """No bounds from quotes: the spot, carried by the borrow that was given (a neighbour's, or 0)."""
    NONE = 3
    """Neither quotes nor a spot."""
    NOT_SETTLED = 4
    """Parity, but the premium of early exercise still moved the forward at the last round."""
    NO_PREMIUM = 5
    """Parity of American prices as they are: no table gave the premium of early exercise (yet)."""
    NO_TIME = 6
    """Expiry is now or past."""
