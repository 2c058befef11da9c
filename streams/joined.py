"""Payloads of a batch in one array: what a fold of kernels reads as it is, and any other fold as a list of bytes."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import overload

import numpy as np
from numpy.typing import NDArray

I64 = NDArray[np.int64]
U8 = NDArray[np.uint8]


class Joined(Sequence[bytes]):
    """Payloads one behind the other. Only valid until the next batch: the array belongs to who fetched it.

    data: uint8, bytes behind the last payload are readable and mean nothing. bounds: int64 (n + 1,), from 0 on.
    """

    __slots__ = ("bounds", "data")

    def __init__(self, data: U8, bounds: I64) -> None:
        # Read-only, as bytes are: to numba that is a type, and kernels are compiled for one type alone.
        self.data = data.view()
        self.data.flags.writeable = False
        self.bounds = bounds

    def __len__(self) -> int:
        return len(self.bounds) - 1

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> list[bytes]: ...
    def __getitem__(self, index: int | slice) -> bytes | list[bytes]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if index < 0:
            index += len(self)
        if not 0 <= index < len(self):
            raise IndexError(index)
        return self.data[self.bounds[index] : self.bounds[index + 1]].tobytes()

    def __iter__(self) -> Iterator[bytes]:
        edges = self.bounds.tolist()
        whole = self.data[: edges[-1]].tobytes()
        for start, end in pairwise(edges):
            yield whole[start:end]
