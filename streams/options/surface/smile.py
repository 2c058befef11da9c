"""What one expiry's smile says: volatility at the money, skew, convexity, implied move, density and probabilities.

With s = sqrt(w(k)), d1 = -k / s + s / 2, d2 = d1 - s, in terms of k = log(strike / forward), all undiscounted:

    density of log(S / F)   g(k) n(d2) / s
    P(S < K)                N(-d2) + n(d2) s'(k)
    swap variance           E[-2 log(S / F)] = the mean of w over z = -d2, normal (Gatheral; Morokoff, Akesson and Zhou)
    implied move            E|S / F - 1| of a lognormal with w(0): 2 (2 N(s(0) / 2) - 1), the straddle over the forward

Deltas are N(d1) of a call on the forward, so the put of 25 has N(d1) = 0.75.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from streams.numerics.jit import entry, kernel
from streams.numerics.special import normal_cdf, normal_pdf
from streams.options.surface.slices import SLICE_SIZE, durrleman, is_slice, slice_terms, slice_variance

F64 = NDArray[np.float64]

QUARTER = 0.67448975019608171
"""Standard normal quantile of 0.75."""
BISECTIONS = 60
SWAP_POINTS, SWAP_NEAR, SWAP_FAR = 241, 6.0, 44.0
"""The grid is near u + far u^3 in deviations at the money, u from -1 to 1: a steep wing is heavy far out."""
ATM_VOL, SLOPE, CONVEXITY, RISK_REVERSAL, BUTTERFLY, MOVE, SWAP = range(7)
FIGURES = 7


class SmileFigures(NamedTuple):
    """One number a slice, (s,), NaN where there is none; volatilities per sqrt of the given years.

    atm_vol: at the forward. slope, convexity: first and second derivative of volatility by log(strike / forward) there.
    risk_reversal: volatility of the 25-delta call less that of the put. butterfly: their mean less atm_vol.
    implied_move: the straddle at the forward over the forward. swap_variance: E[-2 log(S / F)], total.
    """

    atm_vol: F64
    slope: F64
    convexity: F64
    risk_reversal: F64
    butterfly: F64
    implied_move: F64
    swap_variance: F64


@kernel
def place_of_d1(row: F64, wanted: float) -> float:
    """Return the log-moneyness at which d1 is `wanted`, by bisection: without a butterfly d1 falls with k."""
    size = np.sqrt(slice_variance(row, 0.0))
    low, high = -20.0 * size, 20.0 * size
    for _ in range(BISECTIONS):
        k = 0.5 * (low + high)
        s = np.sqrt(slice_variance(row, k))
        if -k / s + 0.5 * s > wanted:
            low = k
        else:
            high = k
    return 0.5 * (low + high)


@kernel
def swap_variance(row: F64) -> float:
    """Return E[-2 log(S / F)], by the trapezium rule over z = -d2(k) on a grid of k."""
    size = np.sqrt(slice_variance(row, 0.0))
    total, mass = 0.0, 0.0
    z_before, w_before = np.nan, np.nan
    for i in range(SWAP_POINTS):
        u = 2.0 * i / (SWAP_POINTS - 1.0) - 1.0
        k = size * (SWAP_NEAR * u + SWAP_FAR * u * u * u)
        w = slice_variance(row, k)
        s = np.sqrt(w)
        z = k / s + 0.5 * s
        if z_before == z_before:
            step = 0.5 * (normal_pdf(z) + normal_pdf(z_before)) * (z - z_before)
            total += step * 0.5 * (w + w_before)
            mass += step
        z_before, w_before = z, w
    return float(total / mass)


@kernel
def smile_figures_of(row: F64, years: float, out: F64) -> None:
    """Write the figures of a slice to out, (FIGURES,)."""
    out[:FIGURES] = np.nan
    if not (is_slice(row) and years > 0.0):
        return
    w, first, second = slice_terms(row, 0.0)
    s, root = np.sqrt(w), np.sqrt(years)
    out[ATM_VOL] = s / root
    out[SLOPE] = 0.5 * first / (s * root)
    out[CONVEXITY] = (0.5 * second - 0.25 * first * first / w) / (s * root)
    call = np.sqrt(slice_variance(row, place_of_d1(row, -QUARTER))) / root
    put = np.sqrt(slice_variance(row, place_of_d1(row, QUARTER))) / root
    out[RISK_REVERSAL], out[BUTTERFLY] = call - put, 0.5 * (call + put) - out[ATM_VOL]
    out[MOVE] = 2.0 * (2.0 * normal_cdf(0.5 * s) - 1.0)
    out[SWAP] = swap_variance(row)


@entry
def _figures(slices: F64, years: F64, out: F64) -> None:
    """Write the figures of each slice, (s, FIGURES)."""
    for i in range(years.size):
        smile_figures_of(slices[i], years[i], out[i])


@entry
def _distribution(row: F64, k: F64, density: F64, below: F64) -> None:
    """Fill density of log(S / F) and P(S < K) at each k, (n,)."""
    for i in range(k.size):
        w, first, second = slice_terms(row, k[i])
        s = np.sqrt(w)
        d2 = -k[i] / s - 0.5 * s
        density[i] = durrleman(k[i], w, first, second) * normal_pdf(d2) / s
        below[i] = normal_cdf(-d2) + normal_pdf(d2) * 0.5 * first / s


def smile_figures(slices: ArrayLike, years: ArrayLike) -> SmileFigures:
    """Return the figures of slices, (s, SLICE_SIZE), with years, (s,), > 0; ValueError where sizes do not fit."""
    rows, times = np.array(slices, np.float64), np.array(years, np.float64).reshape(-1)
    if rows.shape != (times.size, SLICE_SIZE):
        raise ValueError(f"slices must be of shape {(times.size, SLICE_SIZE)}, was {rows.shape}")
    out = np.empty((times.size, FIGURES))
    _figures(rows, times, out)
    return SmileFigures(*(out[:, j].copy() for j in range(FIGURES)))


def distribution(row: ArrayLike, k: ArrayLike) -> tuple[F64, F64]:
    """Return the risk-neutral density of log(S / F) and P(S < K) at k = log(K / F), both (n,); NaN without a slice."""
    numbers, places = np.array(row, np.float64).reshape(-1), np.array(k, np.float64).reshape(-1)
    if numbers.size != SLICE_SIZE:
        raise ValueError(f"a slice has {SLICE_SIZE} numbers, had {numbers.size}")
    density, below = np.empty(places.size), np.empty(places.size)
    _distribution(numbers, places, density, below)
    return density, below


def quote_edge(theoretical: ArrayLike, bid: ArrayLike, ask: ArrayLike) -> tuple[F64, F64]:
    """Return what buying at the ask and selling at the bid gain over the theoretical value, (n,) each, in its unit.

    Prices or volatilities alike. NaN where the theoretical value or that side is NaN or, for a side, not > 0.
    """
    value, low, high = (np.array(one, np.float64) for one in np.broadcast_arrays(theoretical, bid, ask))
    low, high = np.where(low > 0.0, low, np.nan), np.where(high > 0.0, high, np.nan)
    return value - high, low - value
