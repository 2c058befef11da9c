"""Folds over columns, in the order of the rows, whatever their length: np.sum of parts is not the sum of the whole."""

import numpy as np
from numpy.typing import NDArray

from streams.numerics.jit import kernel

F64 = NDArray[np.float64]


@kernel
def sum_in_order(values: F64, start: float = 0.0) -> float:
    """Return start + values[0] + values[1] + ..., added from left to right. values: (n,); NaN in, NaN out."""
    total = start
    for value in values:
        total += value
    return total


@kernel
def smooth_exponentially(state: F64, period: float, value: float) -> float:
    """Return the exponential mean, NaN before `period` values; it begins at their plain mean.

    state: float64 (2,), zeros at first: values seen (up to period), and the sum of those or the mean.
    """
    if state[0] < period:
        state[0] += 1.0
        state[1] += value
        if state[0] < period:
            return np.nan
        state[1] /= period
        return float(state[1])
    state[1] += (2.0 / (period + 1.0)) * (value - state[1])
    return float(state[1])


@kernel
def smooth_wilder(state: F64, period: float, value: float) -> float:
    """Return Wilder's mean, weight 1 / period for the new value, NaN before `period` values. state: as above."""
    if state[0] < period:
        state[0] += 1.0
        state[1] += value
        if state[0] < period:
            return np.nan
        state[1] /= period
        return float(state[1])
    state[1] = (state[1] * (period - 1.0) + value) / period
    return float(state[1])
