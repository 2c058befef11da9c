"""exp, log, erf, erfc and the normal distribution with + - * / alone: the same bits on every x86-64.

The C library picks other code on a CPU with fused multiply-add, so its exp differs by a bit from machine to machine.
Formulas and coefficients are those of fdlibm (Sun Microsystems, 1993), which states an error under 1 ulp for each.
NaN in, NaN out (the one canonical NaN).
"""

import numpy as np

from streams.numerics.jit import kernel

Int = int | np.int64

LN2_HIGH = 6.93147180369123816490e-01
LN2_LOW = 1.90821492927058770002e-10
INVERSE_LN2 = 1.44269504088896338700
EXP_MAX = 7.09782712893383973096e02
EXP_MIN = -7.45133219101941108420e02
SQRT_HALF = 7.07106781186547524401e-01
INVERSE_SQRT_TWO_PI = 3.98942280401432677940e-01
_MANTISSA = (1 << 52) - 1
_HALF_BITS = 1022 << 52


@kernel
def canonical(value: float) -> float:
    """Return value with any NaN as the one quiet NaN and -0.0 as 0.0: the form that payloads hold."""
    if value != value:
        return np.nan
    return value if value != 0.0 else 0.0


@kernel
def power_of_two(exponent: Int) -> float:
    """Return 2.0 ** exponent, exact, for -1022 <= exponent <= 1023."""
    return np.int64((exponent + 1023) << 52).view(np.float64)


@kernel
def exp(value: float) -> float:
    """Return e ** value, dimensionless; inf above 709.78, 0 below -745.13."""
    if value != value:
        return np.nan
    if value > EXP_MAX:
        return np.inf
    if value < EXP_MIN:
        return 0.0
    steps = np.int64(value * INVERSE_LN2 + (0.5 if value >= 0.0 else -0.5))
    high = value - steps * LN2_HIGH
    low = steps * LN2_LOW
    rest = high - low
    square = rest * rest
    even = square * (
        1.66666666666666019037e-01
        + square
        * (
            -2.77777777770155933842e-03
            + square
            * (
                6.61375632143793436117e-05
                + square * (-1.65339022054652515390e-06 + square * 4.13813679705723846039e-08)
            )
        )
    )
    odd = rest - even
    result = 1.0 - ((low - (rest * odd) / (2.0 - odd)) - high)
    if steps >= 1023:
        return float(result * power_of_two(steps - 1) * 2.0)
    if steps < -1021:
        return float(result * power_of_two(steps + 1000) * power_of_two(-1000))
    return float(result * power_of_two(steps))


@kernel
def log(value: float) -> float:
    """Return the natural logarithm; NaN below 0, -inf at 0."""
    if value != value or value < 0.0:
        return np.nan
    if value == 0.0:
        return -np.inf
    if value == np.inf:
        return np.inf
    exponent: Int = 0
    if value < 2.2250738585072014e-308:
        value *= 1.8014398509481984e16
        exponent = -54
    bits = np.float64(value).view(np.int64)
    exponent += np.int64(bits >> 52) - 1022
    mantissa = np.int64((bits & _MANTISSA) | _HALF_BITS).view(np.float64)
    if mantissa < SQRT_HALF:
        mantissa *= 2.0
        exponent -= 1
    rest = mantissa - 1.0
    ratio = rest / (2.0 + rest)
    square = ratio * ratio
    fourth = square * square
    odd = fourth * (3.999999999940941908e-01 + fourth * (2.222219843214978396e-01 + fourth * 1.531383769920937332e-01))
    even = square * (
        6.666666666666735130e-01
        + fourth * (2.857142874366239149e-01 + fourth * (1.818357216161805012e-01 + fourth * 1.479819860511658591e-01))
    )
    half = 0.5 * rest * rest
    return float(exponent * LN2_HIGH - ((half - (ratio * (half + odd + even) + exponent * LN2_LOW)) - rest))


@kernel
def _near_zero(square: float) -> float:
    """Return erf(x) / x - 1 for x * x = square, |x| < 0.84375."""
    top = 1.28379167095512558561e-01 + square * (
        -3.25042107247001499370e-01
        + square
        * (-2.84817495755985104766e-02 + square * (-5.77027029648944159157e-03 + square * -2.37630166566501626084e-05))
    )
    bottom = 1.0 + square * (
        3.97917223959155352819e-01
        + square
        * (
            6.50222499887672944485e-02
            + square
            * (
                5.08130628187576562776e-03
                + square * (1.32494738004321644526e-04 + square * -3.96022827877536812320e-06)
            )
        )
    )
    return float(top / bottom)


ERX = 8.45062911510467529297e-01


@kernel
def _near_one(apart: float) -> float:
    """Return erf(1 + apart) - ERX for 0.84375 <= 1 + apart < 1.25."""
    top = -2.36211856075265944077e-03 + apart * (
        4.14856118683748331666e-01
        + apart
        * (
            -3.72207876035701323847e-01
            + apart
            * (
                3.18346619901161753674e-01
                + apart
                * (
                    -1.10894694282396677476e-01
                    + apart * (3.54783043256182359371e-02 + apart * -2.16637559486879084300e-03)
                )
            )
        )
    )
    bottom = 1.0 + apart * (
        1.06420880400844228286e-01
        + apart
        * (
            5.40397917702171048937e-01
            + apart
            * (
                7.18286544141962662868e-02
                + apart
                * (
                    1.26171219808761642112e-01
                    + apart * (1.36370839120290507362e-02 + apart * 1.19844998467991074170e-02)
                )
            )
        )
    )
    return float(top / bottom)


@kernel
def _near_tail(inverse: float) -> float:
    """Return the quotient of fdlibm's ra and sa for 1.25 <= size < 1 / 0.35, where inverse is 1 / size^2."""
    top = -9.86494403484714822705e-03 + inverse * (
        -6.93858572707181764372e-01
        + inverse
        * (
            -1.05586262253232909814e01
            + inverse
            * (
                -6.23753324503260060396e01
                + inverse
                * (
                    -1.62396669462573470355e02
                    + inverse
                    * (
                        -1.84605092906711035994e02
                        + inverse * (-8.12874355063065934246e01 + inverse * -9.81432934416914548592e00)
                    )
                )
            )
        )
    )
    bottom = 1.0 + inverse * (
        1.96512716674392571292e01
        + inverse
        * (
            1.37657754143519042600e02
            + inverse
            * (
                4.34565877475229228821e02
                + inverse
                * (
                    6.45387271733267880336e02
                    + inverse
                    * (
                        4.29008140027567833386e02
                        + inverse
                        * (
                            1.08635005541779435134e02
                            + inverse * (6.57024977031928170135e00 + inverse * -6.04244152148580987438e-02)
                        )
                    )
                )
            )
        )
    )
    return float(top / bottom)


@kernel
def _far_tail(inverse: float) -> float:
    """Return the quotient of fdlibm's rb and sb for 1 / 0.35 <= size < 28, where inverse is 1 / size^2."""
    top = -9.86494292470009928597e-03 + inverse * (
        -7.99283237680523006574e-01
        + inverse
        * (
            -1.77579549177547519889e01
            + inverse
            * (
                -1.60636384855821916062e02
                + inverse
                * (
                    -6.37566443368389627722e02
                    + inverse * (-1.02509513161107724954e03 + inverse * -4.83519191608651397019e02)
                )
            )
        )
    )
    bottom = 1.0 + inverse * (
        3.03380607434824582924e01
        + inverse
        * (
            3.25792512996573918826e02
            + inverse
            * (
                1.53672958608443695994e03
                + inverse
                * (
                    3.19985821950859553908e03
                    + inverse
                    * (
                        2.55305040643316442583e03
                        + inverse * (4.74528541206955367215e02 + inverse * -2.24409524465858183362e01)
                    )
                )
            )
        )
    )
    return float(top / bottom)


@kernel
def _tail(size: float) -> float:
    """Return erfc(size) for 1.25 <= size < 28."""
    inverse = 1.0 / (size * size)
    ratio = _near_tail(inverse) if size < 1.0 / 0.35 else _far_tail(inverse)
    # size * size is not exact: the square of its upper half is, and the rest is small.
    upper = np.int64(np.float64(size).view(np.int64) & -4294967296).view(np.float64)
    return float(exp(-upper * upper - 0.5625) * exp((upper - size) * (upper + size) + ratio) / size)


@kernel
def erf(value: float) -> float:
    """Return the error function, in [-1, 1]."""
    if value != value:
        return np.nan
    size = abs(value)
    if size < 0.84375:
        return float(value + value * _near_zero(value * value))
    if size < 1.25:
        result = ERX + _near_one(size - 1.0)
    elif size >= 6.0:
        result = 1.0
    else:
        result = 1.0 - _tail(size)
    return float(result if value > 0.0 else -result)


@kernel
def erfc(value: float) -> float:
    """Return 1 - erf(value) without cancellation, in [0, 2]; 0 above 28."""
    if value != value:
        return np.nan
    size = abs(value)
    if size < 0.84375:
        share = _near_zero(value * value)
        if value < 0.25:
            return float(1.0 - (value + value * share))
        return float(0.5 - (value - 0.5 + value * share))
    if size < 1.25:
        result = 1.0 - ERX - _near_one(size - 1.0)
    elif size < 28.0:
        result = _tail(size)
    else:
        result = 0.0
    return float(result if value > 0.0 else 2.0 - result)


@kernel
def normal_cdf(value: float) -> float:
    """Return the probability that a standard normal variable is <= value, in [0, 1], the far tails included."""
    return float(0.5 * erfc(-value * SQRT_HALF))


@kernel
def normal_pdf(value: float) -> float:
    """Return the density of the standard normal distribution at value."""
    return float(INVERSE_SQRT_TWO_PI * exp(-0.5 * value * value))
