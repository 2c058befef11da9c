"""Finite differences for options on a spot that falls by cash, many at once: the kernels.

Between ex-dates V solves V_t + vol^2 S^2 / 2 V_SS + (rate - yield) S V_S - rate V = 0. Some options ("lanes":
volatilities of one contract, or contracts of one chain) are solved side by side, each on a grid of its own, in
lockstep: a loop over lanes becomes vector instructions, and a lane's numbers depend on that lane alone.

- Grid: S_i = strike * exp(width * sinh(c_i)), c evenly spaced, dense at the strike, which lies halfway between two
  nodes. Rows run from the worthless side to the side of exercise (a put's spots fall), so that puts and calls are one.
- Time: TR-BDF2 with gamma = 2 - sqrt(2), one matrix for both halves; L-stable, so kinks need no other start.
- Exercise: after Brennan and Schwartz, elimination comes from the worthless side, and substitution takes the larger of
  solution and exercise value from the exercise side on; exact for one free boundary.
- Ends: V = 0 on the worthless side; V_SS = 0 on the other.
- Ex-date: V(S, before) = V(max(S - cash, 0), after), by cubic interpolation, then exercise.

Sources: Brennan and Schwartz (1977); Bank et al. (1985) and Le Floc'h, TR-BDF2 for Fast Stable American Option
Pricing (2014); Tavella and Randall, Pricing Financial Instruments (2000), chapter 5 (grid); Haug, Haug and Lewis, Back
to Basics: a New Approach to the Discrete Dividend Problem (2003) (spot model; the liquidator policy).
"""

import numpy as np
from numpy.typing import NDArray

from streams.numerics.jit import kernel
from streams.numerics.special import exp, log

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
Int = int | np.int64

GAMMA = 0.5857864376269049
"""2 - sqrt(2)."""
AHEAD = 1.0 / (GAMMA * (2.0 - GAMMA))
BEHIND = (1.0 - GAMMA) * (1.0 - GAMMA) / (GAMMA * (2.0 - GAMMA))


@kernel
def asinh(value: float) -> float:
    """Return the inverse hyperbolic sine."""
    size = abs(value)
    result = log(size + np.sqrt(size * size + 1.0))
    return float(result if value >= 0.0 else -result)


@kernel
def fill_grid(spots: F64, lane: Int, strike: float, low: float, high: float, width: float, sign: float) -> None:
    """Fill a lane's spots. low, high: logarithms of the ends over the strike; width: of the dense part; sign:

    1 call.
    """
    last = spots.shape[0] - 1
    begin, end = asinh(low / width), asinh(high / width)
    step = (end - begin) / last
    # Move the grid by less than half a step so that the strike (c = 0) lies halfway between two nodes.
    count = np.floor(-begin / step)
    begin = -(count + 0.5) * step
    for i in range(last + 1):
        place = begin + step * (i if sign > 0.0 else last - i)
        grown = exp(place)
        spots[i, lane] = strike * exp(width * 0.5 * (grown - 1.0 / grown))


@kernel
def fill_operator(spots: F64, rate: F64, carry: F64, variance: F64, operator: F64) -> None:
    """Fill the spatial operator's lower, middle and upper bands, per year, (3, nodes, lanes).

    rate, carry (rate - yield), variance (vol squared): (lanes,), per year.
    """
    lower, middle, upper = operator[0], operator[1], operator[2]
    last = spots.shape[0] - 1
    for lane in range(spots.shape[1]):
        lower[0, lane] = 0.0
        middle[0, lane] = 0.0
        upper[0, lane] = 0.0
        drift = carry[lane] * spots[last, lane] / (spots[last, lane] - spots[last - 1, lane])
        lower[last, lane] = -drift
        middle[last, lane] = drift - rate[lane]
        upper[last, lane] = 0.0
    for i in range(1, last):
        for lane in range(spots.shape[1]):
            spot = spots[i, lane]
            before, after = spot - spots[i - 1, lane], spots[i + 1, lane] - spot
            spread = variance[lane] * spot * spot
            drift = carry[lane] * spot
            down = (spread - drift * after) / (before * (before + after))
            up = (spread + drift * before) / (after * (before + after))
            lower[i, lane] = down
            upper[i, lane] = up
            middle[i, lane] = -down - up - rate[lane]


@kernel
def factor(theta: F64, operator: F64, scaled: F64, left: F64, inverse: F64, right: F64) -> None:
    """Factor 1 - theta * operator: left multiplies the row before, inverse is 1 / pivot, right is upper / pivot.

    operator, scaled: (3, nodes, lanes), lower, middle and upper; scaled is filled with theta * operator.
    """
    lower, middle, upper = scaled[0], scaled[1], scaled[2]
    for band in range(3):
        for i in range(lower.shape[0]):
            source, scale = operator[band, i], scaled[band, i]
            for lane in range(scale.shape[0]):
                scale[lane] = theta[lane] * source[lane]
    for lane in range(lower.shape[1]):
        left[0, lane] = 0.0
        inverse[0, lane] = 1.0 / (1.0 - middle[0, lane])
        right[0, lane] = -upper[0, lane] * inverse[0, lane]
    for i in range(1, lower.shape[0]):
        down, same, up = lower[i], middle[i], upper[i]
        pivot, before, after, share = inverse[i], right[i - 1], right[i], left[i]
        for lane in range(pivot.shape[0]):
            pivot[lane] = 1.0 / (1.0 - same[lane] + down[lane] * before[lane])
        for lane in range(pivot.shape[0]):
            after[lane] = -up[lane] * pivot[lane]
        before = inverse[i - 1]
        for lane in range(pivot.shape[0]):
            share[lane] = -down[lane] * before[lane]


@kernel
def eliminate(left: F64, rest: F64) -> None:
    """Take from each row its share of the row before, from the worthless side on."""
    for i in range(1, rest.shape[0]):
        share, out, done = left[i], rest[i], rest[i - 1]
        for lane in range(out.shape[0]):
            out[lane] -= share[lane] * done[lane]


@kernel
def substitute(rest: F64, inverse: F64, right: F64, floor: F64, values: F64) -> None:
    """Solve from the exercise side on, no value below its floor."""
    last = rest.shape[0] - 1
    for lane in range(rest.shape[1]):
        held = rest[last, lane] * inverse[last, lane]
        values[last, lane] = held if held > floor[last, lane] else floor[last, lane]
    for i in range(last - 1, -1, -1):
        # Rows as arrays of their own: only so are the loops over lanes made vector instructions.
        of, by, share, least, out, before = rest[i], inverse[i], right[i], floor[i], values[i], values[i + 1]
        for lane in range(of.shape[0]):
            held = of[lane] * by[lane] - share[lane] * before[lane]
            out[lane] = held if held > least[lane] else least[lane]


@kernel
def explicit(scaled: F64, values: F64, rest: F64) -> None:
    """Fill rest with values + scaled operator * values, over the flat arrays: one long vector loop."""
    lanes = values.shape[1]
    flat, out = values.reshape(-1), rest.reshape(-1)
    low, mid, high = scaled[0].reshape(-1), scaled[1].reshape(-1), scaled[2].reshape(-1)
    size = flat.shape[0]
    for j in range(lanes):
        out[j] = flat[j] + mid[j] * flat[j]
        k = size - lanes + j
        out[k] = flat[k] + low[k] * flat[k - lanes] + mid[k] * flat[k]
    to, here, before, after = out[lanes:-lanes], flat[lanes:-lanes], flat[: -2 * lanes], flat[2 * lanes :]
    down, same, up = low[lanes:-lanes], mid[lanes:-lanes], high[lanes:-lanes]
    for j in range(to.shape[0]):
        to[j] = here[j] + down[j] * before[j] + same[j] * here[j] + up[j] * after[j]


@kernel
def blend(halfway: F64, values: F64, rest: F64) -> None:
    """Fill rest with the right side of a step's second half."""
    half, here, out = halfway.reshape(-1), values.reshape(-1), rest.reshape(-1)
    for j in range(out.shape[0]):
        out[j] = AHEAD * half[j] - BEHIND * here[j]


@kernel
def take_step(
    scaled: F64, left: F64, inverse: F64, right: F64, floor: F64, values: F64, halfway: F64, rest: F64
) -> None:
    """Take values back by one time step of the factored length; halfway, rest: room, (nodes, lanes)."""
    explicit(scaled, values, rest)
    eliminate(left, rest)
    substitute(rest, inverse, right, floor, halfway)
    blend(halfway, values, rest)
    eliminate(left, rest)
    substitute(rest, inverse, right, floor, values)
