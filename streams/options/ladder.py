"""The strikes of one expiry in order, each with its put and its call: what looks across strikes walks over it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

PUT, CALL = 0, 1
"""Rows of Ladder.contract."""
NONE = -1


@dataclass(frozen=True)
class Ladder:
    """strikes: (m,) ascending, each once. contract: (2, m), the index of its put and its call, -1 where there is none.

    count: how many contracts were given; those whose strike is not a positive number stand on no rung.
    """

    strikes: F64
    contract: I64
    count: int


def ladder(strike: ArrayLike, is_call: ArrayLike) -> Ladder:
    """Return the ladder of an expiry's n contracts; made once for as long as the list of contracts stays.

    strike: (n,) quote currency. is_call: (n,) bool. ValueError where shapes do not fit or a strike has two calls or
    two puts: then they are of two roots, and are two expiries.
    """
    k, call = np.asarray(strike, np.float64), np.asarray(is_call, np.bool_)
    if k.ndim != 1 or k.shape != call.shape:
        raise ValueError(f"strike and is_call must be of one shape (n,), were {k.shape} and {call.shape}")
    sound = np.flatnonzero((k > 0.0) & (k < np.inf))
    strikes, rung = np.unique(k[sound], return_inverse=True)
    contract = np.full((2, strikes.size), NONE, np.int64)
    side = call[sound].astype(np.int64)
    contract[side, rung] = sound
    if np.count_nonzero(contract >= 0) != sound.size:
        raise ValueError("an expiry's strike has one call and one put, was given more")
    return Ladder(strikes, contract, k.size)
