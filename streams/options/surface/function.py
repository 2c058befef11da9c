"""The surface as a function: volatility at any strike and instant, from the slices of its expiries.

Between two expiries total variance at one log-moneyness is linear in volatility time (clock.py, events included): where
the slices do not cross, no two instants do. Before the first expiry its w shrinks in proportion to volatility time;
after the last one w rises evenly, at the rate w(0) / time of the last. The forward between expiries is
log-linear in calendar time, and beyond them goes on as between the two nearest (with one expiry: from the spot).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from streams.numerics.jit import entry, kernel
from streams.numerics.special import exp, log
from streams.options.surface.slices import SLICE_SIZE, is_slice, slice_variance, total_variance

F64 = NDArray[np.float64]


class Surface(NamedTuple):
    """A surface at one instant, one row an expiry, the earliest first.

    spot: quote currency. years: (s,) ACT/365 to expiry, > 0, rising. clock: (s,) volatility years to expiry, rising.
    forward: (s,) quote currency. slices: (s, SLICE_SIZE); an expiry whose slice or forward is NaN is passed
    over by what reads it.
    """

    spot: float
    years: F64
    clock: F64
    forward: F64
    slices: F64


@kernel
def variance_at(clock: F64, slices: F64, at: float, k: float) -> float:
    """Return w at volatility time `at` and log-moneyness k; NaN where at is not > 0 or there is no slice."""
    before, after = -1, -1
    for i in range(clock.size):
        if is_slice(slices[i]):
            if clock[i] <= at:
                before = i
            elif after < 0:
                after = i
    if not at > 0.0 or (before < 0 and after < 0):
        return np.nan
    if before < 0:
        return float(slice_variance(slices[after], k) * (at / clock[after]))
    w = slice_variance(slices[before], k)
    if after < 0:
        return float(w + slice_variance(slices[before], 0.0) * (at / clock[before] - 1.0))
    share = (at - clock[before]) / (clock[after] - clock[before])
    return float(w + share * (slice_variance(slices[after], k) - w))


@kernel
def forward_at(spot: float, years: F64, forward: F64, at: float) -> float:
    """Return the forward at `at` years; NaN where at is negative. A forward that is not > 0 is passed over."""
    if not at >= 0.0:
        return np.nan
    begin_years, begin, end_years, end = 0.0, spot, 0.0, np.nan
    for i in range(years.size):
        if forward[i] > 0.0 and not end_years >= at and years[i] > end_years:
            if end == end:
                begin_years, begin = end_years, end
            end_years, end = years[i], forward[i]
    share = (at - begin_years) / (end_years - begin_years)
    return float(begin * exp(share * log(end / begin)))


@entry
def _read(
    spot: float, years: F64, clock: F64, forward: F64, slices: F64, strike: F64, at_years: F64, at_clock: F64, vol: F64
) -> None:
    """Fill volatilities, (n,)."""
    for i in range(strike.size):
        ahead = forward_at(spot, years, forward, at_years[i])
        vol[i] = np.sqrt(variance_at(clock, slices, at_clock[i], log(strike[i] / ahead)) / at_years[i])


def surface_vol(surface: Surface, strike: ArrayLike, years: ArrayLike, clock: ArrayLike) -> F64:
    """Return Black's volatility per sqrt(ACT/365 year) at strikes and instants, of their common shape as (n,).

    strike: quote currency, > 0. years, clock: ACT/365 and volatility years to the instant, > 0. NaN where any is not,
    or the surface has no slice. ValueError where the surface's arrays do not fit each other.
    """
    rows = [np.array(one, np.float64).reshape(-1) for one in surface[1:4]]
    slices = np.array(surface.slices, np.float64)
    count = rows[0].size
    if any(one.size != count for one in rows) or slices.shape != (count, SLICE_SIZE):
        raise ValueError(f"a surface of {count} expiries needs as many clocks, forwards and slices")
    given = np.broadcast_arrays(*(np.asarray(one, np.float64) for one in (strike, years, clock)))
    columns = [np.array(one).reshape(-1) for one in given]
    vol = np.empty(columns[0].size)
    _read(float(surface.spot), rows[0], rows[1], rows[2], slices, columns[0], columns[1], columns[2], vol)
    return vol


def forward_vol(slices: ArrayLike, years: ArrayLike) -> F64:
    """Return the volatility at the money between an expiry and the one before it, (s,), the first from now.

    slices: (s, SLICE_SIZE). years: (s,), rising, calendar or volatility time. NaN where w falls or there is no slice.
    """
    rows, times = np.array(slices, np.float64).reshape(-1, SLICE_SIZE), np.array(years, np.float64).reshape(-1)
    if len(rows) != times.size:
        raise ValueError(f"there must be as many slices as years, were {len(rows)} and {times.size}")
    w = np.array([total_variance(row, 0.0)[0] for row in rows])
    rise, span = np.diff(w, prepend=0.0), np.diff(times, prepend=0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.sqrt(np.where(rise >= 0.0, rise, np.nan) / span))


def term_slope(atm_vol: ArrayLike, years: ArrayLike) -> F64:
    """Return how volatility at the money rises from an expiry to the next, per year, (s,); NaN for the last."""
    vol, times = np.array(atm_vol, np.float64).reshape(-1), np.array(years, np.float64).reshape(-1)
    if vol.size != times.size:
        raise ValueError(f"there must be as many volatilities as years, were {vol.size} and {times.size}")
    out = np.full(vol.size, np.nan)
    out[:-1] = np.diff(vol) / np.diff(times)
    return out
