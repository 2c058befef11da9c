"""How a notebook's numbers reach a kernel: float64 arrays of one size as they are, everything else broadcast first.

A kernel takes (n,) contiguous arrays, compiled once for one signature. Passing it what fits costs a microsecond or two;
only what it does not take (scalars, lists, integers, strides, read-only or unequal arrays) is copied.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from streams.numerics.jit import DISABLED

Numbers = ArrayLike
"""What the public functions take: an array, a list or a number; flags too."""
NONE = np.full(0, np.nan)
"""An argument that is not given."""


class Broadcast:
    """Call a compiled kernel of n numbers (float64) and a flag (bool) per option, given as anything that broadcasts.

    Returns what the kernel returns, each array's last axis in the shape that the arguments have together. ValueError
    where shapes do not fit, or where something is no number. Arguments at the end may be NONE.
    """

    def __init__(self, kernel: Callable[..., tuple[Any, ...]], signature: str, flag: int) -> None:
        """flag: the place of the bool array among the arguments."""
        self._kernel: Any = kernel
        self._signature, self._flag = signature, flag
        self._ready = False

    def __call__(self, *arguments: Any) -> tuple[Any, ...]:
        """Return the kernel's arrays."""
        if self._ready:
            try:
                found: tuple[Any, ...] = self._kernel(*arguments)
                return found
            except (TypeError, ValueError):
                pass  # not arrays of one size: below
        elif not DISABLED:
            self._kernel.compile(self._signature)
            self._kernel.disable_compile()
            self._ready = True
        flag = self._flag
        given = [one for one in arguments if one is not NONE]
        typed = [np.asarray(one, np.bool_ if i == flag else np.float64) for i, one in enumerate(given)]
        together = np.broadcast_arrays(*typed)
        shape = together[0].shape
        flat = [np.array(one, order="C").reshape(-1) for one in together]
        flat += [NONE] * (len(arguments) - len(given))
        return tuple(one.reshape((*one.shape[:-1], *shape)) for one in self._kernel(*flat))
