"""An SSVI slice (Gatheral and Jacquier): three numbers, and no butterfly by two inequalities.

    y(x) = theta (1 + rho phi x + sqrt((phi x + rho)^2 + 1 - rho^2)) / 2

with theta phi (1 + |rho|) <= 4 and theta phi^2 (1 + |rho|) <= 4 in log-moneyness (theorem 4.2). It is raw SVI with
a = theta (1 - rho^2) / 2, b = theta phi / 2, m = -rho / phi, sigma = sqrt(1 - rho^2) / phi. Few quotes do not tell
three numbers: rho and curve = phi sqrt(theta), which has no unit and hardly changes from expiry to expiry, lean on a
prior.
"""

import numpy as np
from numpy.typing import NDArray

from streams.numerics.jit import kernel
from streams.numerics.special import exp, log
from streams.options.surface.linear import copy, factor, solve
from streams.options.surface.slices import RHO, SIGMA, A, B, M

F64 = NDArray[np.float64]

RHO_MAX = 0.98
CURVE_MIN, CURVE_MAX = 0.02, 1.4142
RHO_ERROR, LOG_CURVE_ERROR = 0.25, 0.4
"""Standard errors of the prior."""
LEE_SHARE = 0.98
STEPS = 25
BUMP = 1e-5


@kernel
def admit(q: F64, variance: float) -> None:
    """Move (log theta, rho, log curve) to where the inequalities hold. variance: w at the money, y's unit."""
    q[1] = min(max(q[1], -RHO_MAX), RHO_MAX)
    lean = 1.0 + abs(q[1])
    theta = exp(q[0])
    # phi of x is phi of k times sqrt(variance), theta of y is theta of w over variance.
    most = min(2.0 / np.sqrt(lean), 4.0 / (lean * np.sqrt(theta * variance))) * LEE_SHARE
    curve = min(max(exp(q[2]), CURVE_MIN), most)
    q[2] = log(curve)


@kernel
def power_variance(q: F64, x: float) -> float:
    """Return y at x of (log theta, rho, log curve)."""
    theta, rho = exp(q[0]), q[1]
    moved = exp(q[2]) / np.sqrt(theta) * x
    return 0.5 * theta * (1.0 + rho * moved + np.sqrt((moved + rho) * (moved + rho) + 1.0 - rho * rho))


@kernel
def power_cost(q: F64, prior: F64, x: F64, v: F64, weight: F64, lean: float) -> float:
    """Return the cost of the quotes and of leaving the prior; lean: the prior's weight."""
    cost = 0.0
    for i in range(x.size):
        apart = np.sqrt(power_variance(q, x[i])) - v[i]
        cost += weight[i] * apart * apart
    off_rho, off_curve = (q[1] - prior[1]) / RHO_ERROR, (q[2] - prior[2]) / LOG_CURVE_ERROR
    return cost + lean * (off_rho * off_rho + off_curve * off_curve)


@kernel
def fit_power(
    q: F64, prior: F64, x: F64, v: F64, weight: F64, lean: float, variance: float, work: F64
) -> tuple[float, int]:
    """Move q = (log theta, rho, log curve) to a least cost within the inequalities; return cost and steps.

    x, v, weight: (m,) as descend; prior: (3,), its first number unused; work: (24, 6).
    """
    normal, lower, right, step, trial = work[4:7], work[9:12], work[14], work[15], work[16]
    each, moved = work[17], work[18]
    admit(q, variance)
    damping, cost = 1e-3, power_cost(q, prior, x, v, weight, lean)
    steps = 0
    while steps < STEPS:
        steps += 1
        normal[:, :3] = 0.0
        right[:3] = 0.0
        for i in range(x.size):
            base = np.sqrt(power_variance(q, x[i]))
            for j in range(3):
                copy(q, moved, 3)
                moved[j] += BUMP
                each[j] = (np.sqrt(power_variance(moved, x[i])) - base) / BUMP
            for j in range(3):
                right[j] -= weight[i] * each[j] * (base - v[i])
                for t in range(j + 1):
                    normal[j, t] += weight[i] * each[j] * each[t]
        for j, error in ((1, RHO_ERROR), (2, LOG_CURVE_ERROR)):
            normal[j, j] += lean / (error * error)
            right[j] -= lean * (q[j] - prior[j]) / (error * error)
        gain = -1.0
        while gain <= 0.0 and damping < 1e8:
            for j in range(3):
                step[j] = right[j]
                for t in range(j + 1):
                    lower[j, t] = normal[j, t]
                lower[j, j] += damping * normal[j, j] + 1e-12
            if factor(lower, 3):
                solve(lower, step, 3)
                for j in range(3):
                    trial[j] = q[j] + min(max(step[j], -1.0), 1.0)
                admit(trial, variance)
                gain = cost - power_cost(trial, prior, x, v, weight, lean)
            damping = damping * 0.2 if gain > 0.0 else damping * 6.0
        if gain <= 0.0:
            break
        copy(trial, q, 3)
        cost -= gain
        if gain < 1e-8 * cost:
            break
    return cost, steps


@kernel
def power_to_slice(q: F64, deviation: float, row: F64) -> None:
    """Write raw SVI in log-moneyness to row; q in units of the money, deviation: sqrt(w at the money)."""
    theta, rho = exp(q[0]), q[1]
    phi = exp(q[2]) / np.sqrt(theta)
    flat = np.sqrt(1.0 - rho * rho)
    row[A] = 0.5 * theta * (1.0 - rho * rho) * deviation * deviation
    row[B] = 0.5 * theta * phi * deviation
    row[RHO] = rho
    row[M] = -rho / phi * deviation
    row[SIGMA] = flat / phi * deviation
