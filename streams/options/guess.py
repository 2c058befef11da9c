"""Where the search for an implied volatility begins: Jäckel's four branches of rational cubics.

All is normalised and out of the money: x = |log(A / G)| >= 0, s = vol sqrt(T), and the price b(s) over sqrt(A G),
A and G being the discounted forward and strike. b is convex up to s_c = sqrt(2 x), where its slope is
v_c = exp(-x / 2) / sqrt(2 pi), and concave beyond. The tangent there meets b = 0 in s_l and the greatest price,
exp(-x / 2), in s_u. With m the Mills ratio, b / b' = m(x / s - s / 2) - m(x / s + s / 2), so s_l = s_c - m(0) + m(s_c),
s_u = s_c + m(0) + m(s_c). Between s_l, s_c and s_u the volatility is a rational cubic of the price (Delbourgo and
Gregory, 1985), shape-preserving, that meets values, slopes and one curvature; below s_l the cubic is of
f = 2 pi x / (3 sqrt 3) N(-x / (sqrt 3 s))^3, above s_u of N(-s / 2). Source: Jäckel, Let's Be Rational (2015).
"""

import numpy as np

from streams.numerics.jit import lane
from streams.numerics.lanes import INVERSE_SQRT_TWO_PI, exp, log, mills, mills_difference

MILLS_ZERO = 1.25331413731550025121
"""m(0) = sqrt(pi / 2)."""
SQRT_THREE = 1.73205080756887729353
INVERSE_SQRT_THREE = 5.77350269189625764509e-01
CUBE = 1.20919957615614523373
"""2 pi / (3 sqrt 3)."""
PI_OVER_SIX = 5.23598775598298873077e-01
LOOSE_MIN, LOOSE_MAX = -0.99999999, 1e30
LEAST = 1e-307
X_TINY = 1e-12
"""Below it s_l is m(0) x to the digits that a guess needs, and the difference that defines it has lost them."""

# fmt: off
QUANTILE = (
    -0.25584086068063866, 1.1277144586816612, -2.3558968557378597, 3.2192757478112535, -3.4684610372291074,
    3.314612327583136, -2.985423349737336, 2.101000342167189, 0.3031516330928595,
)
# fmt: on
"""z / u for N(-z) = exp(-u^2 / 2) as a polynomial of (u - 1.5) / (u + 1.5), 1.3 < u < 38.6, to 2e-5: a guess."""


@lane
def quantile(log_likely: float) -> float:
    """Return about z > 0.2 of N(-z) = exp(log_likely)."""
    root = np.sqrt(-2.0 * log_likely)
    place = (root - 1.5) / (root + 1.5)
    series = QUANTILE[0]
    for i in range(1, 9):
        series = series * place + QUANTILE[i]
    return root * series


@lane
def slope_at(x: float, s: float) -> float:
    """Return the normalised vega b'(s)."""
    middle, half = x / s, 0.5 * s
    return INVERSE_SQRT_TWO_PI * exp(-0.5 * (middle * middle + half * half))


@lane
def cubic(
    place: float, width: float, left: float, right: float, slope_left: float, slope_right: float, shape: float
) -> float:
    """Return the rational cubic at `place` of its interval, in [0, 1], between values left and right."""
    rest = 1.0 - place
    top = (
        right * place * place * place
        + (shape * right - width * slope_right) * place * place * rest
        + (shape * left + width * slope_left) * place * rest * rest
        + left * rest * rest * rest
    )
    return top / (1.0 + (shape - 3.0) * place * rest)


@lane
def shape_of(rise: float, slope: float, slope_left: float, slope_right: float, apart: float) -> float:
    """Return the cubic's parameter that gives the curvature, or the least that keeps it monotone and convex.

    rise: half of width times curvature, plus the change of slope; apart: the chord's slope from that at the curvature.
    """
    one, other = slope_right - slope, slope - slope_left
    shape = rise / apart
    shape = shape if shape > LOOSE_MIN else LOOSE_MIN
    monotone = (slope_left + slope_right) / slope
    monotone = monotone if (slope_left * slope >= 0.0) & (slope_right * slope >= 0.0) else shape
    shape = monotone if monotone > shape else shape
    least = abs(one) if abs(one) < abs(other) else abs(other)
    convex = abs(slope_right - slope_left) / least if one * other >= 0.0 else shape
    shape = convex if convex > shape else shape
    return shape if shape < LOOSE_MAX else LOOSE_MAX


@lane
def low_guess(x: float, price: float, corner: float, corner_mills: float) -> tuple[float, float]:
    """Return s for a price below that at s_c, and 1.0 where it is below that at s_l, else 0.0.

    corner: s_c = sqrt(2 x). corner_mills: m(0) - m(s_c).
    """
    low = corner - corner_mills
    low = low if x > X_TINY else MILLS_ZERO * x
    middle, half = x / low, 0.5 * low
    low_slope = slope_at(x, low)
    low_price = low_slope * mills_difference(middle, half if half < middle else middle)
    corner_slope = INVERSE_SQRT_TWO_PI * exp(-0.5 * x)
    corner_price = corner_slope * corner_mills
    # Between s_l and s_c.
    width = corner_price - low_price
    slope_left, slope_right, slope = 1.0 / low_slope, 1.0 / corner_slope, (corner - low) / width
    shape = shape_of(slope_right - slope_left, slope, slope_left, slope_right, slope_right - slope)
    between = cubic((price - low_price) / width, width, low, corner, slope_left, slope_right, shape)
    # Below s_l, by the map f.
    far = middle * INVERSE_SQRT_THREE
    ratio = mills(far)
    density = INVERSE_SQRT_TWO_PI * exp(-0.5 * far * far)
    tail = density * ratio
    square = low * low
    end = CUBE * x * tail * tail * tail
    slope_end = far * far * ratio * ratio * exp(0.125 * square)
    bend = (
        PI_OVER_SIX * far * far / (square * low) * tail
        * (8.0 * SQRT_THREE * low * x + (3.0 * square * (square - 8.0) - 8.0 * x * x) * ratio)
        * exp(2.0 * far * far + 0.25 * square)
    )  # fmt: skip
    chord = end / low_price
    rise = 0.5 * low_price * bend + slope_end - 1.0
    shape = shape_of(rise, chord, 1.0, slope_end, slope_end - chord)
    mapped = cubic(price / low_price, low_price, 0.0, end, 1.0, slope_end, shape)
    mapped = mapped if mapped > LEAST else LEAST
    below = x * INVERSE_SQRT_THREE / quantile(log(mapped / (CUBE * x)) * (1.0 / 3.0))
    return (below, 1.0) if price < low_price else (between, 0.0)


@lane
def high_guess(x: float, price: float, gap: float, corner: float, corner_mills: float) -> float:
    """Return s for a price of at least that at s_c; gap: the greatest price less this one."""
    corner_slope = INVERSE_SQRT_TWO_PI * exp(-0.5 * x)
    corner_gap = corner_slope * (2.0 * MILLS_ZERO - corner_mills)
    high = corner + 2.0 * MILLS_ZERO - corner_mills
    middle, half = x / high, 0.5 * high
    high_slope = slope_at(x, high)
    high_gap = high_slope * (mills(half - middle) + mills(half + middle))
    # Between s_c and s_u.
    width = corner_gap - high_gap
    slope_left, slope_right, slope = 1.0 / corner_slope, 1.0 / high_slope, (high - corner) / width
    shape = shape_of(slope_right - slope_left, slope, slope_left, slope_right, slope - slope_left)
    place = (price - corner_slope * corner_mills) / width
    between = cubic(place, width, corner, high, slope_left, slope_right, shape)
    # Above s_u, by the map N(-s / 2).
    weight = middle * middle
    growth = exp(0.5 * weight)
    density = INVERSE_SQRT_TWO_PI * exp(-0.5 * half * half)
    end = density * mills(half)
    slope_end = -0.5 * growth
    bend = MILLS_ZERO * growth * exp(0.5 * weight + 0.125 * high * high) * weight / high
    chord = -end / high_gap
    rise = 0.5 * high_gap * bend - 0.5 - slope_end
    shape = shape_of(rise, chord, slope_end, -0.5, chord - slope_end)
    mapped = cubic(1.0 - gap / high_gap, high_gap, end, 0.0, slope_end, -0.5, shape)
    mapped = mapped if mapped > LEAST else LEAST
    mapped = mapped if mapped < end else end
    beyond = 2.0 * quantile(log(mapped))
    return beyond if gap < high_gap else between
