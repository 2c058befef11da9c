"""Small symmetric systems in arrays that the caller owns: Cholesky's factor, forward and backward substitution."""

import numpy as np
from numpy.typing import NDArray

from streams.numerics.jit import kernel

F64 = NDArray[np.float64]


@kernel
def factor(matrix: F64, n: int) -> bool:
    """Turn the lower half of a positive definite (n, n) matrix into its Cholesky factor; False where it is not one."""
    for j in range(n):
        total = matrix[j, j]
        for t in range(j):
            total -= matrix[j, t] * matrix[j, t]
        if not total > 0.0:
            return False
        pivot = np.sqrt(total)
        matrix[j, j] = pivot
        for i in range(j + 1, n):
            total = matrix[i, j]
            for t in range(j):
                total -= matrix[i, t] * matrix[j, t]
            matrix[i, j] = total / pivot
    return True


@kernel
def solve(lower: F64, right: F64, n: int) -> None:
    """Replace right, (n,), by the solution of (lower lower') x = right."""
    for i in range(n):
        total = right[i]
        for t in range(i):
            total -= lower[i, t] * right[t]
        right[i] = total / lower[i, i]
    for i in range(n - 1, -1, -1):
        total = right[i]
        for t in range(i + 1, n):
            total -= lower[t, i] * right[t]
        right[i] = total / lower[i, i]


@kernel
def copy(source: F64, target: F64, n: int) -> None:
    """Copy the first n numbers: a kernel counts no references, so that slices cannot be assigned to each other."""
    for i in range(n):
        target[i] = source[i]
