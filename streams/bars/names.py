"""Names of symbols and sources as bytes: hashed and compared inside the kernel."""

import numpy as np

from schemas.binary import Int
from streams.bars.layout import U8
from streams.numerics.jit import entry, kernel


@kernel
def hash_of(data: U8, start: Int, stop: Int) -> Int:
    """Return a hash of bytes, >= 0 (FNV-1a, 63 bits)."""
    value = np.int64(1469598103934665603)
    for i in range(start, stop):
        value = ((value ^ np.int64(data[i])) * np.int64(1099511628211)) & np.int64(0x7FFFFFFFFFFFFFFF)
    return value


@kernel
def equal(data: U8, start: Int, stop: Int, name: U8) -> bool:
    """Return whether bytes are those of a name that is kept as its length and its bytes."""
    if np.int64(name[0]) != stop - start:
        return False
    for i in range(stop - start):  # noqa: SIM110 (numba has no all() of a generator)
        if data[start + i] != name[1 + i]:
            return False
    return True


@entry
def hash_bytes(data: U8) -> Int:
    """Return hash_of a whole array."""
    return hash_of(data, 0, len(data))
