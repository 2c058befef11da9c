"""Moving sums and extremes over the last n values, O(1) a value amortised, in plain float64 arrays.

A running sum that adds the new value and takes the oldest off drifts; one added anew at each value costs n. Here the
window is a ring, the sum is taken anew once a turn of the ring (O(1) a value), and values are counted from the oldest
value of that turn, so that sums of squares do not cancel. The order of operations is fixed, so the bits are, too.
"""

import numpy as np
from numpy.typing import NDArray

from streams.numerics.jit import kernel

F64 = NDArray[np.float64]

SUM_HEAD = 4
"""state[0] values seen, state[1] origin, state[2] sum of (x - origin), state[3] sum of squares; then the ring."""


def sum_size(length: int) -> int:
    """Return how many float64 the state of a moving sum over `length` values takes; zeros are an empty window."""
    return SUM_HEAD + length


@kernel
def push_sum(state: F64, length: int, value: float) -> bool:
    """Add a value to a moving sum, the oldest leaves; return whether the window is full. state: sum_size(length)."""
    seen = int(state[0])
    place = SUM_HEAD + seen % length
    oldest = state[place]
    state[place] = value
    state[0] = seen + 1
    if (seen + 1) % length == 0:
        origin = value
        total = 0.0
        squares = 0.0
        for i in range(SUM_HEAD, SUM_HEAD + length):
            apart = state[i] - origin
            total += apart
            squares += apart * apart
        state[1] = origin
        state[2] = total
        state[3] = squares
    elif seen >= length:
        came = value - state[1]
        left = oldest - state[1]
        state[2] += came - left
        state[3] += came * came - left * left
    return seen + 1 >= length


@kernel
def window_mean(state: F64, length: int) -> float:
    """Return the mean of a full window."""
    return float(state[1] + state[2] / length)


@kernel
def window_deviation(state: F64, length: int) -> float:
    """Return the population's standard deviation of a full window; 0 where rounding would make it negative."""
    mean = state[2] / length
    variance = state[3] / length - mean * mean
    return float(np.sqrt(variance)) if variance > 0.0 else 0.0


def extreme_size(length: int) -> int:
    """Return how many float64 the state of a moving extreme takes; zeros are an empty window."""
    return 3 + 2 * length


@kernel
def push_extreme(state: F64, length: int, value: float, sign: float) -> float:
    """Add a value, return the window's maximum (sign 1.0) or minimum (sign -1.0). state: extreme_size(length).

    A queue of candidates: state[0] values seen, [1] head, [2] candidates, then (value, when it leaves) pairs in a ring.
    A value that comes drives out all candidates behind it that it beats, so each enters and leaves once.
    """
    seen = state[0]
    head = int(state[1])
    count = int(state[2])
    if count > 0 and state[3 + 2 * head + 1] <= seen:
        head = (head + 1) % length
        count -= 1
    while count > 0 and sign * state[3 + 2 * ((head + count - 1) % length)] <= sign * value:
        count -= 1
    place = 3 + 2 * ((head + count) % length)
    state[place] = value
    state[place + 1] = seen + length
    state[0] = seen + 1.0
    state[1] = head
    state[2] = count + 1
    return float(state[3 + 2 * head])
