"""The strikes of one expiry in order, each with its put and its call: what looks across strikes walks over it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

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


class Ladders(NamedTuple):
    """The ladders of e expiries, one after another.

    begins: (e + 1,) where each one's m rungs begin. strikes: (sum of m,). contract: (2 x sum of m,), of each ladder
    its (2, m) in a row, indices into the chain of all.
    """

    begins: I64
    strikes: F64
    contract: I64


def one_ladder(rungs: Ladder) -> Ladders:
    """Return a ladder as the only one of its chain."""
    return Ladders(np.array([0, rungs.strikes.size], np.int64), rungs.strikes, rungs.contract.reshape(-1))


def ladders_of(parts: Sequence[tuple[Ladder, I64]]) -> Ladders:
    """Return ladders one after another. parts: of each expiry, and where its contracts are in the chain, (count,)."""
    begins = np.cumsum([0, *(rungs.strikes.size for rungs, _ in parts)])
    contract = [np.append(rows, NONE)[rungs.contract].reshape(-1) for rungs, rows in parts]
    strikes = [rungs.strikes for rungs, _ in parts]
    return Ladders(begins, np.concatenate([np.empty(0), *strikes]), np.concatenate([np.empty(0, np.int64), *contract]))
