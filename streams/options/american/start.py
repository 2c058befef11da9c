"""QD+ (Li, 2010): an early-exercise boundary of a put good to about a percent, where the solver starts from.

With strike 1 and M = 2r / vol^2, N = 2(r - q) / vol^2, h = 1 - e^{-rt}, the premium is taken as a power of the spot:

    lambda = -(N - 1)/2 - sqrt((N - 1)^2 + 4M/h) / 2,    lambda' = M / (h^2 sqrt((N - 1)^2 + 4M/h))
    c0 = -(1 - h) M / (2 lambda + N - 1) (1/h - theta(B) e^{rt} / (r (1 - B - p(B))) + lambda' / (2 lambda + N - 1))

and B solves  -e^{-qt} cdf(-d1(B)) + (lambda + c0) (1 - B - p(B)) / B + 1 = 0,  p the European put and theta its d/dt.
The root is found in ln B by false position (Illinois), each node's between its neighbour of less time and far below.
"""

import numpy as np
from numpy.typing import NDArray

from streams.numerics.jit import kernel
from streams.numerics.special import exp, normal_cdf, normal_pdf
from streams.options.american.nodes import NODES, TIMES

F64 = NDArray[np.float64]

STEPS_MAX = 30
ENOUGH = 1e-3
"""The start is exact enough when a step is below this times vol sqrt(t)."""


@kernel
def smooth_pasting(x: float, t: float, rate: float, yield_: float, vol: float) -> float:
    """Return the left side of QD+'s equation at ln B = x; positive above the boundary."""
    spot = exp(x)
    size = vol * np.sqrt(t)
    upper = (x + (rate - yield_) * t) / size + 0.5 * size
    lower = upper - size
    forget, fade = exp(-rate * t), exp(-yield_ * t)
    tail = normal_cdf(-upper)
    below = normal_cdf(-lower)
    price = forget * below - spot * fade * tail
    theta = (
        rate * forget * below - yield_ * spot * fade * tail - 0.5 * vol * spot * fade * normal_pdf(upper) / np.sqrt(t)
    )
    h = 1.0 - forget if rate * t > 1e-4 else rate * t * (1.0 - 0.5 * rate * t)
    m, n = 2.0 * rate / (vol * vol), 2.0 * (rate - yield_) / (vol * vol)
    root = np.sqrt((n - 1.0) * (n - 1.0) + 4.0 * m / h)
    power = 0.5 * (1.0 - n - root)
    slope = m / (h * h * root)
    gain = 1.0 - spot - price
    c0 = (1.0 - h) * m / root * (1.0 / h - theta / (forget * rate * gain) - slope / root)
    return float(1.0 - fade * tail + (power + c0) * gain / spot)


@kernel
def start_node(top: float, high: float, t: float, rate: float, yield_: float, vol: float) -> float:
    """Return ln B of one node, below `high` (ln B of less time) and `top` = ln X."""
    size = vol * np.sqrt(t)
    a = high - 1e-9
    fa = smooth_pasting(a, t, rate, yield_, vol)
    if not fa > 0.0:
        return high
    reach = size
    b = a - reach
    fb = smooth_pasting(b, t, rate, yield_, vol)
    while fb > 0.0 and b > -300.0:
        a, fa = b, fb
        reach *= 1.6
        b = a - reach
        fb = smooth_pasting(b, t, rate, yield_, vol)
    if not fb <= 0.0:
        return a
    last = 0
    for _ in range(STEPS_MAX):
        x = b - fb * (b - a) / (fb - fa)
        fx = smooth_pasting(x, t, rate, yield_, vol)
        moved = min(abs(x - a), abs(x - b))
        if fx > 0.0:
            a, fa = x, fx
            fb = 0.5 * fb if last == 1 else fb
            last = 1
        else:
            b, fb = x, fx
            fa = 0.5 * fa if last == -1 else fa
            last = -1
        if moved < ENOUGH * size:
            return x
    return 0.5 * (a + b)


@kernel
def start_boundary(years: float, rate: float, yield_: float, vol: float, top: float, h: F64) -> None:
    """Write h = ln(X / B) at NODES."""
    high = top
    for back in range(NODES):
        i = NODES - 1 - back
        high = start_node(top, high, TIMES[i] * TIMES[i] * years, rate, yield_, vol)
        h[i] = max(top - high, 0.0)
