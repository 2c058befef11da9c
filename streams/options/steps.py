"""One step of the search for an implied volatility: Householder's third-order iteration, of fourth-power error.

With x, s, b as in guess.py, h = x / s, t = s / 2: b'' / b' = h^2 / s - s / 4 and
b''' / b' = (b'' / b')^2 - 3 (h / s)^2 - 1 / 4. The function whose root is sought depends on where the price lies: the
price itself near the money; 1 / log(b) where it is far below, for there the price spans hundreds of powers of ten; the
logarithm of what is missing to the greatest price where it is far above. Each step is written with b / b' (or with
(greatest - b) / b'), which is a difference (sum) of Mills ratios, so nothing cancels and nothing underflows.
Source: Jäckel, Let's Be Rational (2015), section 3 and appendix.
"""

from streams.numerics.jit import lane
from streams.numerics.lanes import SQRT_TWO_PI, exp, log, mills, mills_difference

LOG_SQRT_TWO_PI = 9.18938533204672741780e-01
MIDDLE_MAX = 0.75
"""The price counts, not its gap, while s / 2 - x / s is at most this."""


@lane
def householder(newton: float, second: float, third: float) -> tuple[float, float]:
    """Return the change of s, and Newton's: of it and the second and third derivative over the first."""
    change = newton * (1.0 + 0.5 * newton * second) / (1.0 + newton * (second + newton * third * (1.0 / 6.0)))
    return change, newton


@lane
def low_step(x: float, s: float, log_price: float) -> tuple[float, float]:
    """Return the change of s, and Newton's, where the price is far below that at s_c."""
    middle, half = x / s, 0.5 * s
    scaled = mills_difference(middle, half if half < middle else middle)
    log_model = log(scaled) - 0.5 * (middle * middle + half * half) - LOG_SQRT_TWO_PI
    inverse, logarithm = 1.0 / scaled, 1.0 / log_model
    bend = middle * middle / s - 0.25 * s
    ratio = middle / s
    bend_more = bend * bend - 3.0 * ratio * ratio - 0.25
    newton = (log_price - log_model) * log_model / log_price * scaled
    second = bend - inverse * (1.0 + 2.0 * logarithm)
    third = (
        bend_more
        + 2.0 * inverse * inverse * (1.0 + 3.0 * logarithm * (1.0 + logarithm))
        - 3.0 * bend * inverse * (1.0 + 2.0 * logarithm)
    )
    return householder(newton, second, third)


@lane
def middle_step(x: float, s: float, price: float) -> tuple[float, float]:
    """Return the change of s, and Newton's, near the money."""
    middle, half = x / s, 0.5 * s
    most = middle + MIDDLE_MAX
    scaled = mills_difference(middle, half if half < most else most)
    slope_inverse = SQRT_TWO_PI * exp(0.5 * (middle * middle + half * half))
    bend = middle * middle / s - 0.25 * s
    ratio = middle / s
    return householder(price * slope_inverse - scaled, bend, bend * bend - 3.0 * ratio * ratio - 0.25)


@lane
def high_step(x: float, s: float, log_gap: float) -> tuple[float, float]:
    """Return the change of s, and Newton's, where little is missing to the greatest price."""
    middle, half = x / s, 0.5 * s
    near = half - middle
    scaled = mills(near if near > -MIDDLE_MAX else -MIDDLE_MAX) + mills(half + middle)
    log_model = log(scaled) - 0.5 * (middle * middle + half * half) - LOG_SQRT_TWO_PI
    inverse = 1.0 / scaled
    bend = middle * middle / s - 0.25 * s
    ratio = middle / s
    bend_more = bend * bend - 3.0 * ratio * ratio - 0.25
    return householder(
        (log_model - log_gap) * scaled, bend + inverse, bend_more + inverse * (2.0 * inverse + 3.0 * bend)
    )
