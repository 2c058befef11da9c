"""The normal distribution over arrays for integrals: the tail to 1e-11 relative, half the work of the exact one.

tail(x) = density(x) ratio(x), where (x + 3.5) ratio(x) is a polynomial of degree 16 in (x - 3.5) / (x + 3.5), fitted at
Chebyshev points to 40-digit values (streams/numerics/lanes.py has the same to the last digit, with degree 26). Values
are clipped at +-37: beyond, the density is under 1e-290.
"""

import numpy as np
from numpy.typing import NDArray

from streams.numerics.jit import kernel, lane
from streams.numerics.lanes import INVERSE_SQRT_TWO_PI, exp

F64 = NDArray[np.float64]
Int = int | np.int64

CLIP = 37.0


@lane
def tail_ratio(size: float) -> float:
    """Return (1 - cdf(size)) / pdf(size) for size >= 0, without a branch."""
    inverse = 1.0 / (size + 3.5)
    t = (size - 3.5) * inverse
    t2 = t * t
    t4 = t2 * t2
    a = (1.8659743827778543 + t * -1.4176532392690877) + t2 * (0.7906531479968333 + t * -0.29089653448960845)
    b = (0.04363496678495224 + t * 0.016233406162615774) + t2 * (-0.007993906170010572 + t * -0.0011150489992825246)
    c = (0.0011948888373738804 + t * 0.00016653626715064715) + t2 * (
        -0.00018974721868246708 + t * -4.413958812822614e-05
    )
    d = (2.9420282028273287e-05 + t * 1.0730733824498341e-05) + t2 * (
        -3.6647982651267094e-06 + t * -1.4511247493412103e-06
    )
    return float((a + t4 * (b + t4 * (c + t4 * (d + t4 * 2.518098557891047e-07)))) * inverse)


@kernel
def densities(values: F64, count: Int, density: F64) -> None:
    """Write the normal density at values, (count,)."""
    for i in range(count):
        size = min(abs(values[i]), CLIP)
        density[i] = INVERSE_SQRT_TWO_PI * exp(-0.5 * size * size)


@kernel
def densities_and_tails(values: F64, count: Int, density: F64, below: F64) -> None:
    """Write the normal density at values and the probability of being <= -value, both (count,)."""
    for i in range(count):
        size = min(abs(values[i]), CLIP)
        density[i] = INVERSE_SQRT_TWO_PI * exp(-0.5 * size * size)
        tail = density[i] * tail_ratio(size)
        below[i] = tail if values[i] >= 0.0 else 1.0 - tail
