"""European options on a spot that falls by cash: undiscounted prices without a grid, and Black's volatility of them.

In the spot model S_T = S X_T - sum_i D_i X_T / X_i, X a geometric Brownian motion and X_i its value at ex-date t_i.
Given z, the standardised Brownian motion at T, the mean of S_T is

    m(z) = S g(T) e^{a_0 z - a_0^2 / 2} - sum_i D_i g(T - t_i) e^{a_i z - a_i^2 / 2},   a_i = vol (T - t_i) / sqrt(T)

(t_0 = 0), which rises through the strike at one z*, so E[(m - K)+] is a sum of normal tails. What is left, the spread
of S_T around m given z, adds half its variance at z* times the density of m there:

    call = S g(T) N(a_0 - z*) - sum_i D_i g(T - t_i) N(a_i - z*) - K N(-z*) + V(z*) n(z*) / (2 m'(z*))
    V(z) = sum_ij D_i D_j g_i g_j e^{...}(z) (e^{vol^2 c_ij} - 1),   c_ij = min(t_i, t_j) (T - max(t_i, t_j)) / T

The rest is of the third order in that spread, which is a small part of the cash alone. The right out of the money is
priced (the other one by parity), so nothing cancels.
Sources: Rogers and Shi, The Value of an Asian Option (1995); Curran, Valuing Asian and Portfolio Options by
Conditioning on the Geometric Mean Price (1994); for cash dividends our own, tested against streams/options/cash.
"""

import numpy as np
from numpy.typing import NDArray

from streams.numerics.jit import entry, kernel
from streams.numerics.special import exp, log, normal_cdf, normal_pdf

F64 = NDArray[np.float64]

STEPS_MAX = 50
STEP_WIDEST = 2.0
ENOUGH = 1e-12


@kernel
def mean_given(z: float, spot: float, years: float, carry: float, vol: float, ex_years: F64, cash: F64) -> tuple[
    float, float
]:  # fmt: skip
    """Return m(z) and its slope."""
    root = np.sqrt(years)
    a = vol * root
    part = spot * exp(carry * years + a * z - 0.5 * a * a)
    value, slope = part, a * part
    for i in range(cash.size):
        left = years - ex_years[i]
        if ex_years[i] > 0.0 and left > 0.0:
            a = vol * left / root
            part = cash[i] * exp(carry * left + a * z - 0.5 * a * a)
            value -= part
            slope -= a * part
    return value, slope


@kernel
def spread_given(z: float, years: float, carry: float, vol: float, ex_years: F64, cash: F64) -> float:
    """Return V(z)."""
    root, total = np.sqrt(years), 0.0
    for i in range(cash.size):
        left = years - ex_years[i]
        if not (ex_years[i] > 0.0 and left > 0.0):
            continue
        a = vol * left / root
        one = cash[i] * exp(carry * left + a * z - 0.5 * a * a)
        for j in range(i + 1):
            right = years - ex_years[j]
            if not (ex_years[j] > 0.0 and right > 0.0):
                continue
            b = vol * right / root
            other = cash[j] * exp(carry * right + b * z - 0.5 * b * b)
            shared = vol * vol * min(ex_years[i], ex_years[j]) * min(left, right) / years
            total += (1.0 if i == j else 2.0) * one * other * (exp(shared) - 1.0)
    return total


@kernel
def crossing(strike: float, spot: float, years: float, carry: float, vol: float, ex_years: F64, cash: F64) -> float:
    """Return z*, where m is the strike; NaN where the search does not end."""
    a = vol * np.sqrt(years)
    paid = 0.0
    for i in range(cash.size):
        if 0.0 < ex_years[i] < years:
            paid += cash[i] * exp(carry * (years - ex_years[i]))
    z = (log((strike + paid) / spot) - carry * years) / a + 0.5 * a
    for _ in range(STEPS_MAX):
        value, slope = mean_given(z, spot, years, carry, vol, ex_years, cash)
        step = (strike - value) / slope if slope > 0.0 else STEP_WIDEST
        step = min(max(step, -STEP_WIDEST), STEP_WIDEST)
        z += step
        if abs(step) < ENOUGH:
            return z
    return np.nan


@kernel
def out_of_the_money(
    strike: float, spot: float, years: float, carry: float, vol: float, ex_years: F64, cash: F64
) -> tuple[float, float]:
    """Return the undiscounted price of the right out of the money, and the forward."""
    forward = spot * exp(carry * years)
    for i in range(cash.size):
        if 0.0 < ex_years[i] < years:
            forward -= cash[i] * exp(carry * (years - ex_years[i]))
    if not (vol > 0.0 and years > 0.0 and strike > 0.0 and forward > 0.0):
        return np.nan, forward
    z = crossing(strike, spot, years, carry, vol, ex_years, cash)
    side = 1.0 if strike >= forward else -1.0
    root = np.sqrt(years)
    price = side * (spot * exp(carry * years) * normal_cdf(side * (vol * root - z)) - strike * normal_cdf(-side * z))
    for i in range(cash.size):
        left = years - ex_years[i]
        if ex_years[i] > 0.0 and left > 0.0:
            price -= side * cash[i] * exp(carry * left) * normal_cdf(side * (vol * left / root - z))
    slope = mean_given(z, spot, years, carry, vol, ex_years, cash)[1]
    price += 0.5 * spread_given(z, years, carry, vol, ex_years, cash) * normal_pdf(z) / slope
    return price, forward


@entry
def european_forward_prices(
    strike: F64, is_call: NDArray[np.bool_], spot: F64, carry: F64, vol: F64, years: float, ex_years: F64, cash: F64,
    out: F64, outside: F64,
) -> None:  # fmt: skip
    """Fill out and outside (n,): undiscounted prices of the options, and of the rights out of the money there.

    spot, carry: (n,) as the model's. NaN where vol is not positive, or an input is NaN.
    """
    for i in range(strike.size):
        outside[i], forward = out_of_the_money(strike[i], spot[i], years, carry[i], vol[i], ex_years, cash)
        gain = forward - strike[i] if is_call[i] else strike[i] - forward
        out[i] = outside[i] + max(gain, 0.0)
