"""How a notebook's numbers reach a kernel: float64 arrays of one size as they are, everything else broadcast first.

A kernel takes (n,) contiguous arrays and fills arrays that it is given, compiled once for one signature. Passing it
what fits costs a microsecond; only what it does not take (scalars, lists, integers, strides, read-only or unequal
arrays) is copied.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from streams.numerics.jit import DISABLED

Numbers = ArrayLike
"""What the public functions take: an array, a list or a number; flags too."""
STATUS_TYPE = np.dtype(np.uint8)
NONE = np.full(0, np.nan)
"""An argument that is not given."""
MISFIT = (TypeError, ValueError, AttributeError)
"""What arguments raise that a kernel does not take as they are."""
FLOATS, FLAGS, STATUSES, TABLE = "float64[::1]", "boolean[::1]", "uint8[::1]", "float64[:,::1]"


class Compiled:
    """A kernel with one signature, compiled or loaded at its first call; of other types it raises TypeError."""

    def __init__(self, kernel: Callable[..., Any], *types: str) -> None:
        self._kernel: Any = kernel
        self._signature = f"({', '.join(types)})"
        self.call: Callable[..., Any] = kernel if DISABLED else self._first

    def _first(self, *arguments: Any) -> Any:
        self._kernel.compile(self._signature)
        self._kernel.disable_compile()
        self.call = self._kernel
        return self._kernel(*arguments)


def columns(*typed: NDArray[Any]) -> list[NDArray[Any]]:
    """Return arrays and scalars as contiguous arrays of one shape (n,); those that are one already as they are.

    ValueError where shapes do not fit, or where one has more than one dimension.
    """
    sizes = {one.size for one in typed if one.ndim == 1 and one.size != 1}
    if len(sizes) > 1 or any(one.ndim > 1 for one in typed):
        raise ValueError(f"inputs must be scalars or of one shape (n,), were {[one.shape for one in typed]}")
    count = sizes.pop() if sizes else 1
    # A tenth of the time of numpy's broadcast_arrays, whose views of one item are half read-only besides.
    return [np.ascontiguousarray(one) if one.shape == (count,) else np.full(count, one, one.dtype) for one in typed]


def broadcast(arguments: tuple[Any, ...], flag: int) -> tuple[list[Any], tuple[int, ...]]:
    """Return the arguments as new (n,) arrays, float64 but bool at place `flag`, and the shape they have together.

    NONE stays as it is. ValueError where shapes do not fit, or where something is no number.
    """
    given = [one for one in arguments if one is not NONE]
    typed = [np.asarray(one, np.bool_ if i == flag else np.float64) for i, one in enumerate(given)]
    flat: list[Any]
    if any(one.ndim == 1 for one in typed) and all(one.ndim < 2 for one in typed):
        flat = [np.array(one) for one in columns(*typed)]
        shape: tuple[int, ...] = flat[0].shape
    else:
        together = np.broadcast_arrays(*typed)
        shape = together[0].shape
        flat = [np.array(one, order="C").reshape(-1) for one in together]
    return flat + [NONE] * (len(arguments) - len(given)), shape
