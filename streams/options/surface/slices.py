"""One expiry's smile as five numbers, and what is read from them: total variance, Durrleman's g, margins.

    w(k) = a + b (rho (k - m) + sqrt((k - m)^2 + sigma^2))

is raw SVI (Gatheral), k = log(strike / forward), w = vol^2 years; an SSVI slice is written in the same form (power.py).

    g = (1 - k w' / (2 w))^2 - w'^2 / 4 (1 / w + 1 / 4) + w'' / 2

has the sign of the density: g >= 0 everywhere and d1 -> -inf is "no butterfly" (Durrleman; Gatheral and Jacquier 2014,
lemma 2.2). In the far wings g -> (1 - slope^2 / 4) / 4, so Lee's bound b (1 + |rho|) <= 2 is its limit there.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from streams.numerics.jit import entry, kernel

F64 = NDArray[np.float64]

A, B, RHO, M, SIGMA = range(5)
SLICE_SIZE = 5
"""Float64 of a slice: a, b, rho, m, sigma; all NaN where there is none."""
REACH = 5.5
"""The neighbours' bounds are held and checked to this many standard deviations at the money to both sides."""
INNER, FAR, STRETCH = 241, 10, 1.3
DENSE = INNER + 2 * FAR
"""Points of the grid on which they are checked: within REACH, and for g alone beyond it, each 1.3 times as far."""
BEND, BEND_NEAR, BEND_FAR = 33, 4.0, 20.0
"""Points around m at which g is checked too, near u + far u^3 sigmas: a bend may be narrower than the grid."""


@kernel
def place(i: int, inner: int) -> float:
    """Return point i of a grid in standard deviations: `inner` points within REACH, rising, then far ones in pairs."""
    if i < inner:
        return REACH * (2.0 * i / (inner - 1.0) - 1.0)
    far = REACH if (i - inner) % 2 == 1 else -REACH
    for _ in range((i - inner) // 2 + 1):
        far *= STRETCH
    return far


@kernel
def bend_place(row: F64, i: int) -> float:
    """Return point i, of BEND, around a slice's bend."""
    u = 2.0 * i / (BEND - 1.0) - 1.0
    return float(row[M] + row[SIGMA] * u * (BEND_NEAR + BEND_FAR * u * u))


@kernel
def slice_terms(row: F64, k: float) -> tuple[float, float, float]:
    """Return w, w' and w'' at log-moneyness k. row: (SLICE_SIZE,)."""
    z = k - row[M]
    root = np.sqrt(z * z + row[SIGMA] * row[SIGMA])
    b, rho = row[B], row[RHO]
    slope, bend = 0.0, 0.0
    if root > 0.0:
        slope, bend = z / root, row[SIGMA] * row[SIGMA] / (root * root * root)
    return row[A] + b * (rho * z + root), b * (rho + slope), b * bend


@kernel
def is_slice(row: F64) -> bool:
    """Return whether a slice has parameters."""
    return bool(row[B] > 0.0 and row[SIGMA] > 0.0 and abs(row[RHO]) < 1.0)


@kernel
def slice_variance(row: F64, k: float) -> float:
    """Return w at log-moneyness k; NaN where the slice has no parameters."""
    value, _, _ = slice_terms(row, k)
    return value


@kernel
def durrleman(k: float, w: float, first: float, second: float) -> float:
    """Return g of k, w, w', w''; minus infinity where w is not positive."""
    if not w > 0.0:
        return -np.inf
    lean = 1.0 - 0.5 * k * first / w
    return lean * lean - 0.25 * first * first * (1.0 / w + 0.25) + 0.5 * second


@kernel
def butterfly_margin(row: F64, deviation: float) -> float:
    """Return the least g of a slice over the dense grid, around its own bend and in the limit of its wings.

    deviation: sqrt(w at the money), the unit of the grid. Minus infinity where w is not positive somewhere.
    """
    least = np.inf
    for i in range(DENSE):
        k = deviation * place(i, INNER)
        w, first, second = slice_terms(row, k)
        least = min(least, durrleman(k, w, first, second))
    for i in range(BEND):
        k = bend_place(row, i)
        w, first, second = slice_terms(row, k)
        least = min(least, durrleman(k, w, first, second))
    steepest = row[B] * (1.0 + abs(row[RHO]))
    return min(least, 0.25 * (1.0 - 0.25 * steepest * steepest))


@kernel
def calendar_margin(row: F64, before: F64, deviation: float) -> float:
    """Return the least of (w - w before) / w before within REACH: negative where they cross."""
    least = np.inf
    for i in range(INNER):
        k = deviation * place(i, INNER)
        past = slice_variance(before, k)
        least = min(least, (slice_variance(row, k) - past) / past)
    return least


@entry
def _variances(row: F64, k: F64, out: F64) -> None:
    """Fill w at each k, (n,)."""
    for i in range(k.size):
        out[i] = slice_variance(row, k[i])


def total_variance(row: ArrayLike, k: ArrayLike) -> F64:
    """Return w of a slice at log-moneyness k, (n,); NaN where the slice has no parameters or k is NaN.

    row: (SLICE_SIZE,). ValueError for another size.
    """
    numbers = np.array(row, np.float64).reshape(-1)
    if numbers.size != SLICE_SIZE:
        raise ValueError(f"a slice has {SLICE_SIZE} numbers, had {numbers.size}")
    places = np.array(k, np.float64).reshape(-1)
    out = np.empty(places.size)
    _variances(numbers, places, out)
    return out
