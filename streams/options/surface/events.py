"""The variance of an event, such as earnings, from the total variances of expiries before it and after it.

    w(tau) = level tau + tilt (1 - exp(-speed tau)) / speed + event [expiry after it]

in volatility time tau without the event: the ordinary variance reverts to a level. level, tilt and event are the
weighted least squares of the expiries' w, the tilt leaning on 0, for each speed of a fixed list, the best of which is
taken. With no expiry before the event it is the line's height at tau = 0. The error is that of least squares, with the
residuals' size where it is above the given one.

Take w from `swap_variance` (smile.py): at the money a jump that goes up or down, and seldom stays, looks larger.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from streams.numerics.jit import entry, kernel
from streams.numerics.special import exp
from streams.options.surface.linear import factor, solve

F64 = NDArray[np.float64]

SPEEDS = (0.7, 1.5, 3.0, 6.0)
"""Reversion a year."""
TILT_SHARE = 0.5
"""Of the variance a year: standard deviation of the tilt before anything is known."""
FAR = 1.0
"""Volatility years from the event at which an expiry counts half: what is far tells little of it."""


class EventVariance(NamedTuple):
    """variance: of the event, >= 0, NaN where expiries do not tell; error: its standard error; level: ordinary, a year.

    move: sqrt(variance), the event's standard deviation of the logarithm of the price.
    """

    variance: float
    error: float
    level: float
    move: float


@kernel
def event_fit(
    years: F64, w: F64, error: F64, is_after: NDArray[np.bool_], speed: float, matrix: F64, out: F64
) -> float:
    """Write level, tilt, event, variance of event to out, (4,); return the cost, infinite where there is no answer.

    matrix: (6, 3) work space. Expiries with NaN, years <= 0 or an error that is not > 0 are left out.
    """
    matrix[:, :] = 0.0
    normal, right, each = matrix[:3], matrix[3], matrix[4]
    before, after, first, typical = 0, 0, np.inf, 0.0
    for i in range(years.size):
        if years[i] > 0.0 and w[i] > 0.0 and error[i] > 0.0:
            before, after = before + (0 if is_after[i] else 1), after + (1 if is_after[i] else 0)
            first = min(first, years[i]) if is_after[i] else first
            typical = w[i] / years[i]
    if after == 0 or before + after < 2:
        return np.inf
    for i in range(years.size):
        if not (years[i] > 0.0 and w[i] > 0.0 and error[i] > 0.0):
            continue
        each[0], each[1] = years[i], (1.0 - exp(-speed * years[i])) / speed
        each[2] = 1.0 if is_after[i] else 0.0
        weight = 1.0 / (error[i] * error[i] * (1.0 + abs(years[i] - first) / FAR))
        for j in range(3):
            right[j] += weight * each[j] * w[i]
            for t in range(j + 1):
                normal[j, t] += weight * each[j] * each[t]
    lean = TILT_SHARE * typical
    normal[1, 1] += 1.0 / (lean * lean)
    if not factor(normal, 3):
        return np.inf
    for j in range(3):
        out[j] = right[j]
    solve(normal, out, 3)
    cost = out[1] * out[1] / (lean * lean)
    for i in range(years.size):
        if years[i] > 0.0 and w[i] > 0.0 and error[i] > 0.0:
            rest = w[i] - out[0] * years[i] - out[1] * (1.0 - exp(-speed * years[i])) / speed
            rest -= out[2] if is_after[i] else 0.0
            cost += rest * rest / (error[i] * error[i] * (1.0 + abs(years[i] - first) / FAR))
    each[0], each[1], each[2] = 0.0, 0.0, 1.0
    solve(normal, each, 3)
    free = max(before + after - 3.0, 1.0)
    out[3] = each[2] * max(cost / free, 1.0)
    return cost


@entry
def _best(
    years: F64, w: F64, error: F64, is_after: NDArray[np.bool_], speeds: F64, matrix: F64, trial: F64, out: F64
) -> None:
    """Write the answer of the speed with the least cost, NaN where there is none."""
    least = np.inf
    out[:] = np.nan
    for speed in speeds:
        cost = event_fit(years, w, error, is_after, speed, matrix, trial)
        if cost < least:
            least = cost
            for j in range(4):
                out[j] = trial[j]


def event_variance(years: ArrayLike, w: ArrayLike, error: ArrayLike, is_after: ArrayLike) -> EventVariance:
    """Return an event's variance from (n,) expiries.

    years: volatility time to expiry, without the event. w: total variance to expiry. error: its standard error, > 0;
    alike for all where only their ratios are known: the answer's error is at least the residuals'. is_after: whether
    the event lies before the expiry. At least two expiries, one after it; NaN otherwise. ValueError for unequal sizes.
    """
    columns = [np.array(one, np.float64).reshape(-1) for one in (years, w, error)]
    after = np.array(is_after, np.bool_).reshape(-1)
    if any(one.size != after.size for one in columns):
        raise ValueError(f"columns must have one size, had {[one.size for one in (*columns, after)]}")
    out = np.empty(4)
    _best(columns[0], columns[1], columns[2], after, np.array(SPEEDS), np.empty((6, 3)), np.empty(4), out)
    variance = max(float(out[2]), 0.0) if out[2] == out[2] else np.nan
    return EventVariance(variance, float(np.sqrt(out[3])), float(out[0]), float(np.sqrt(variance)))
