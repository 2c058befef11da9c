"""Why an option has a number, or has none: one closed list for every measure and pricer of this folder.

Status arrays are uint8 of shape (n,). The names are metric labels and words of the command line (lower case). New
statuses go at the end: their numbers are stored.
"""

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray


class Status(IntEnum):
    """What became of one option; only OK (and, where a function says so, NO_TIME) comes with numbers."""

    OK = 0
    BELOW_INTRINSIC = 1
    """The price is below the least it can be: the discounted intrinsic value, or the exercise value of an American."""
    AT_EXERCISE_VALUE = 2
    """The price has no time value: every volatility below some bound gives it, so none is returned."""
    ABOVE_BOUND = 3
    """The price is, to rounding, at or above the most it can be: the discounted forward (call) or strike (put)."""
    NO_TIME = 4
    """Expiry is now or past: a price does not depend on volatility."""
    NOT_A_NUMBER = 5
    """An input is NaN."""
    BAD_INPUT = 6
    """An input that no contract has: spot or strike not positive, a negative price or volatility, an infinity."""
    NOT_CONVERGED = 7
    """The method ended without an answer that meets its own accuracy."""
    OUT_OF_RANGE = 8
    """Inputs are sound and lie outside what the method covers; its docstring gives the range."""


OK = int(Status.OK)
BELOW_INTRINSIC = int(Status.BELOW_INTRINSIC)
AT_EXERCISE_VALUE = int(Status.AT_EXERCISE_VALUE)
ABOVE_BOUND = int(Status.ABOVE_BOUND)
NO_TIME = int(Status.NO_TIME)
NOT_A_NUMBER = int(Status.NOT_A_NUMBER)
BAD_INPUT = int(Status.BAD_INPUT)
NOT_CONVERGED = int(Status.NOT_CONVERGED)
OUT_OF_RANGE = int(Status.OUT_OF_RANGE)
"""The numbers as kernels use them."""

LABELS = tuple(status.name.lower() for status in Status)


def labels(status: NDArray[np.uint8]) -> list[str]:
    """Return the words of statuses, e.g. `below_intrinsic`, a list of n."""
    return [LABELS[code] for code in status.ravel().tolist()]
