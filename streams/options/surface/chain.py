"""Fit all expiries of an underlying, the earliest first: arrays in, arrays out.

Three passes: each slice alone; then, the last first, wherever a slice lies above the next one outside of its own
quotes, it is fitted again under that ceiling (wings without quotes give way to the neighbour's quotes); then, the first
first, each is held above the one before it. A pass that finds nothing violated costs a check.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from streams.numerics.jit import entry, kernel
from streams.numerics.special import log
from streams.options.surface.descent import STEPS_MAX, descend
from streams.options.surface.fit import (
    CHECKED,
    NOTHING,
    OWN,
    PRIOR,
    PRIOR_LITTLE,
    PRIOR_WEIGHT,
    WORK_COLUMNS,
    WORK_ROWS,
    cost_most,
    ease,
    free_fit,
    from_slice,
    held_fit,
    is_broken,
    move_to_safety,
    open_bounds,
    power_fit,
    rescale,
    safe_fit,
    set_bounds,
    to_slice,
)
from streams.options.surface.linear import copy
from streams.options.surface.prepare import (
    WEIGHT,
    V,
    X,
    discount_outliers,
    fill_grids,
    load_quotes,
    median,
    money_variance,
)
from streams.options.surface.slices import (
    DENSE,
    SLICE_SIZE,
    butterfly_margin,
    calendar_margin,
    is_slice,
    slice_terms,
    slice_variance,
)
from streams.options.surface.status import (
    BAD_INPUT,
    CALENDAR_CROSSED,
    FALLBACK,
    FEW_QUOTES,
    MODEL_NONE,
    MODEL_SSVI,
    MODEL_SVI,
    NO_QUOTES,
    NO_TIME,
    OK,
    POOR_FIT,
    POOR_RMS,
    POOR_SPREAD,
)

F64 = NDArray[np.float64]
U8 = NDArray[np.uint8]
I64 = NDArray[np.int64]

STRIKES_FOR_SVI = 5
SPAN_FOR_SVI = 0.8
"""In standard deviations at the money: quotes closer together tell a level and a slope."""
VARIANCE_MIN, VARIANCE_MAX = 1e-12, 1e4
"""Of w at the money: what lies outside is no quote."""
RHO_PRIOR, LOG_CURVE_PRIOR = -0.3, -0.1
DEVIATION, QUOTES, RMS, WORST, BUTTERFLY, CALENDAR, STEPS, MODEL, OUTSIDE = range(9)
FIGURES = 9
QUOTE_ROWS, GRID_ROWS = 6, 6
"""Rows of the work space that fit_slices is given, (QUOTE_ROWS, most quotes of a slice) and (GRID_ROWS, DENSE)."""


class SurfaceFit(NamedTuple):
    """One row an expiry, in the order given (by time to expiry).

    slices: (s, SLICE_SIZE) parameters, NaN where there is none. model, status: (s,) SliceModel and FitStatus. quotes:
    (s,) how many were used. rms, worst: (s,) residual in volatility: root mean square and largest, every used quote
    counting alike. butterfly: (s,) least g. calendar: (s,) least (w - w before) / w before, NaN for the first.
    steps: (s,) of the descent.
    """

    slices: F64
    model: U8
    status: U8
    quotes: I64
    rms: F64
    worst: F64
    butterfly: F64
    calendar: F64
    steps: I64


@kernel
def shape_of(before: F64, prior: F64) -> None:
    """Write rho and log curve of SSVI with the skew and curvature of a slice at the money; defaults without it."""
    prior[0], prior[1] = RHO_PRIOR, LOG_CURVE_PRIOR
    if is_slice(before):
        w, first, second = slice_terms(before, 0.0)
        tilt = first / np.sqrt(w)
        square = max(2.0 * second + tilt * tilt, 1e-3)
        prior[0] = min(max(tilt / np.sqrt(square), -0.9), 0.9)
        prior[1] = min(max(0.5 * log(square), -2.0), 0.3)


@kernel
def fitted_deviation(row: F64, deviation: float) -> float:
    """Return sqrt(w at the money) of a slice, within a factor of two of what the nearest quotes said."""
    fitted = np.sqrt(slice_variance(row, 0.0))
    return float(min(max(fitted, 0.5 * deviation), 2.0 * deviation))


@kernel
def strikes_and_span(quotes: F64, count: int) -> tuple[int, float, float]:
    """Return how many strikes differ from the one before, and the least and greatest place."""
    strikes, low, high = 0, np.inf, -np.inf
    for i in range(count):
        strikes += 1 if i == 0 or quotes[X, i] != quotes[X, i - 1] else 0
        low, high = min(low, quotes[X, i]), max(high, quotes[X, i])
    return strikes, low, high


@kernel
def fit_alone(
    k: F64, vol: F64, error: F64, years: float, last: F64, before: F64, row: F64, figures: F64, quotes: F64,
    grids: F64, work: F64,
) -> int:  # fmt: skip
    """Fit a slice without neighbours; write it to row in log-moneyness, and figures; return its status."""
    figures[QUOTES], figures[STEPS], figures[MODEL] = 0.0, 0.0, MODEL_NONE
    if not abs(years) < np.inf:
        return BAD_INPUT
    if not years > 0.0:
        return NO_TIME
    variance = money_variance(k, vol, years)
    if not VARIANCE_MIN < variance < VARIANCE_MAX:
        return NO_QUOTES
    figures[DEVIATION] = deviation = np.sqrt(variance)
    count = load_quotes(k, vol, error, years, deviation, quotes)
    figures[QUOTES] = count
    strikes, low, high = strikes_and_span(quotes, count)
    shape_of(before, work[PRIOR])
    p = work[OWN]
    fitted = False
    if strikes >= STRIKES_FOR_SVI and high - low >= SPAN_FOR_SVI:
        warm = from_slice(last, deviation, p)
        fitted, figures[STEPS] = free_fit(p, quotes, count, variance, warm, grids, work)
    if not fitted:
        figures[STEPS] = power_fit(quotes, count, work[PRIOR], PRIOR_WEIGHT, variance, row, work)
        rescale(row, deviation)
        figures[MODEL] = MODEL_SSVI
        return FEW_QUOTES
    to_slice(p, row)
    rescale(row, deviation)
    figures[DEVIATION] = deviation = fitted_deviation(row, deviation)
    variance = deviation * deviation
    load_quotes(k, vol, error, years, deviation, quotes)
    from_slice(row, deviation, p)
    rescale(row, 1.0 / deviation)
    discount_outliers(row, quotes, count)
    open_bounds(grids)
    x, v, weight = quotes[X, :count], quotes[V, :count], quotes[WEIGHT, :count]
    _, steps = descend(p, x, v, weight, grids[0, :1], grids[2, :1], grids[2, :1], variance, 0.0, STEPS_MAX, work)
    status, more = safe_fit(p, quotes, count, variance, work[NOTHING], grids, row, work)
    figures[STEPS] += steps + more
    figures[MODEL] = MODEL_SVI
    if status == CALENDAR_CROSSED:
        # Without neighbours there is nothing to cross: g alone could not be met. SSVI's inequalities are proven.
        figures[STEPS] += power_fit(quotes, count, work[PRIOR], PRIOR_LITTLE, variance, row, work)
        status, figures[MODEL] = FALLBACK, MODEL_SSVI
    rescale(row, deviation)
    return status


@kernel
def fit_between(
    k: F64, vol: F64, error: F64, years: float, before: F64, after: F64, status: int, row: F64, figures: F64,
    quotes: F64, grids: F64, work: F64,
) -> int:  # fmt: skip
    """Fit a slice again where it violates its neighbours' bounds; return its status.

    Without a slice before it only the ceiling is at hand, and what cannot be met may stay: the next pass is the last.
    """
    deviation = figures[DEVIATION]
    variance = deviation * deviation
    count = load_quotes(k, vol, error, years, deviation, quotes)
    _, low, high = strikes_and_span(quotes, count)
    set_bounds(grids, deviation, before, after, low, high)
    fitted = work[CHECKED]
    copy(row, fitted, SLICE_SIZE)
    rescale(fitted, 1.0 / deviation)
    if not is_broken(fitted, grids[1], grids[4], grids[5], variance):
        return status
    discount_outliers(fitted, quotes, count)
    shape_of(before, work[PRIOR])
    p = work[OWN]
    from_slice(fitted, 1.0, p)
    if not is_slice(before):
        most = cost_most(p, quotes, count, work)
        holds, steps = held_fit(p, quotes, count, variance, most, grids, fitted, work)
        if not holds:
            copy(row, fitted, SLICE_SIZE)
            rescale(fitted, 1.0 / deviation)
            from_slice(fitted, 1.0, p)
            steps += ease(p, quotes, count, variance, grids, fitted, work)
    elif status == FEW_QUOTES:
        _, steps = move_to_safety(p, quotes, count, variance, before, grids, fitted, work)
    else:
        found, steps = safe_fit(p, quotes, count, variance, before, grids, fitted, work)
        status = max(status, found)
        figures[MODEL] = MODEL_SVI
    figures[STEPS] += steps
    rescale(fitted, deviation)
    copy(fitted, row, SLICE_SIZE)
    return status


@kernel
def residuals(k: F64, vol: F64, error: F64, years: float, row: F64, figures: F64, quotes: F64) -> None:
    """Write root mean square and largest residual in volatility, and the median one in half spreads (NaN: none known).

    quotes: work space, (QUOTE_ROWS, m).
    """
    total, worst, count, known = 0.0, 0.0, 0, 0
    least = POOR_SPREAD * np.sqrt(slice_variance(row, 0.0) / years)
    for i in range(k.size):
        if abs(k[i]) < np.inf and vol[i] > 0.0 and vol[i] < np.inf:
            apart = abs(np.sqrt(slice_variance(row, k[i]) / years) - vol[i])
            total += apart * apart
            worst = max(worst, apart)
            count += 1
            if error[i] >= 0.0:
                quotes[X, known] = apart / max(error[i], least)
                known += 1
    figures[RMS], figures[WORST] = np.sqrt(total / count), worst
    figures[OUTSIDE] = median(quotes[X], known, quotes[V]) if known > 0 else np.nan


@kernel
def is_poor(row: F64, years: float, figures: F64) -> bool:
    """Return whether a slice is not the smile of its quotes: see POOR_FIT."""
    return figures[OUTSIDE] > 1.0 and figures[RMS] > POOR_RMS * np.sqrt(slice_variance(row, 0.0) / years)


@kernel
def fit_slices(
    begins: I64, k: F64, vol: F64, error: F64, years: F64, last: F64, slices: F64, model: U8, status: U8, figures: F64,
    quotes: F64, grids: F64, work: F64,
) -> None:  # fmt: skip
    """Fit the slices of a chain, for kernels that hold memory of their own; the arguments are those of fit_chain.

    figures: (s, FIGURES), written. quotes, grids, work: work space, (QUOTE_ROWS, the most quotes of a slice),
    (GRID_ROWS, DENSE), (WORK_ROWS, WORK_COLUMNS).
    """
    count = years.size
    fill_grids(grids[0], grids[1])
    slices[:, :] = np.nan
    model[:] = MODEL_NONE
    figures[:, :] = np.nan
    nothing = work[NOTHING]
    nothing[:] = np.nan
    before = nothing
    for i in range(count):
        a, z = begins[i], begins[i + 1]
        status[i] = fit_alone(
            k[a:z], vol[a:z], error[a:z], years[i], last[i], before, slices[i], figures[i], quotes, grids, work
        )
        before = slices[i] if is_slice(slices[i]) else before
    after = nothing
    for i in range(count - 1, -1, -1):
        a, z = begins[i], begins[i + 1]
        if is_slice(slices[i]):
            if status[i] != FEW_QUOTES and is_slice(after):
                fit_between(
                    k[a:z], vol[a:z], error[a:z], years[i], nothing, after, OK, slices[i], figures[i], quotes, grids,
                    work,
                )  # fmt: skip
            after = slices[i]
    before = nothing
    for i in range(count):
        row = slices[i]
        if not is_slice(row):
            continue
        a, z = begins[i], begins[i + 1]
        after = nothing
        for j in range(count - 1, i, -1):
            after = slices[j] if is_slice(slices[j]) else after
        if is_slice(before):
            status[i] = fit_between(
                k[a:z], vol[a:z], error[a:z], years[i], before, after, status[i], row, figures[i], quotes, grids, work
            )
        model[i] = np.uint8(figures[i, MODEL])
        residuals(k[a:z], vol[a:z], error[a:z], years[i], row, figures[i], quotes)
        figures[i, BUTTERFLY] = butterfly_margin(row, figures[i, DEVIATION])
        if is_slice(before):
            figures[i, CALENDAR] = calendar_margin(row, before, figures[i, DEVIATION])
            if figures[i, CALENDAR] < 0.0:
                status[i] = CALENDAR_CROSSED
        if status[i] == OK and is_poor(row, years[i], figures[i]):
            status[i] = POOR_FIT
        before = row


@entry
def _fit(
    begins: I64, k: F64, vol: F64, error: F64, years: F64, last: F64, slices: F64, model: U8, status: U8, figures: F64
) -> None:
    """Fit the slices of a chain in work space made here."""
    most = 1
    for i in range(years.size):
        most = max(most, begins[i + 1] - begins[i])
    quotes, grids = np.empty((QUOTE_ROWS, most)), np.empty((GRID_ROWS, DENSE))
    work = np.zeros((WORK_ROWS, WORK_COLUMNS))
    fit_slices(begins, k, vol, error, years, last, slices, model, status, figures, quotes, grids, work)


def fit_chain(
    begins: ArrayLike, k: ArrayLike, vol: ArrayLike, half_spread: ArrayLike, years: ArrayLike,
    last: ArrayLike | None = None,
) -> SurfaceFit:  # fmt: skip
    """Fit a smile to each expiry of an underlying, free of butterflies and, where quotes allow, of calendar arbitrage.

    begins: (s + 1,) where each expiry's quotes begin in k, vol and half_spread, (n,), the earliest expiry first:
    log(strike / forward), by strike; implied volatility of the mid; half the spread in volatility. A NaN in k or vol
    leaves a quote out, in half_spread counts as the slice's median. years: (s,) ACT/365, rising. last: (s, SLICE_SIZE)
    slices of a moment ago to begin with, NaN where there is none. Never raises for bad data; ValueError for shapes that
    do not fit.
    """
    bounds = np.array(begins, np.int64).reshape(-1)
    columns = [np.array(one, np.float64).reshape(-1) for one in (k, vol, half_spread, years)]
    size, count = columns[0].size, columns[3].size
    if bounds.size != count + 1 or any(one.size != size for one in columns[:3]):
        raise ValueError(f"{count} expiries need {count + 1} begins, had {bounds.size}, and columns of one size")
    if bounds[0] != 0 or bounds[-1] != size or bool(np.any(np.diff(bounds) < 0)):
        raise ValueError(f"begins must rise from 0 to {size}")
    given = np.full((count, SLICE_SIZE), np.nan) if last is None else np.array(last, np.float64)
    if given.shape != (count, SLICE_SIZE):
        raise ValueError(f"last must be of shape {(count, SLICE_SIZE)}, was {given.shape}")
    slices, figures = np.empty((count, SLICE_SIZE)), np.empty((count, FIGURES))
    model, status = np.zeros(count, np.uint8), np.zeros(count, np.uint8)
    _fit(bounds, columns[0], columns[1], columns[2], columns[3], given, slices, model, status, figures)
    whole = figures[:, (QUOTES, STEPS)].astype(np.int64)
    return SurfaceFit(
        slices, model, status, whole[:, 0].copy(), figures[:, RMS].copy(), figures[:, WORST].copy(),
        figures[:, BUTTERFLY].copy(), figures[:, CALENDAR].copy(), whole[:, 1].copy(),
    )  # fmt: skip


def fit_surface(
    k: list[ArrayLike], vol: list[ArrayLike], half_spread: list[ArrayLike] | None, years: ArrayLike,
    last: ArrayLike | None = None,
) -> SurfaceFit:  # fmt: skip
    """Return fit_chain of quotes that lie in one array an expiry; half_spread None: all alike."""
    columns = [[np.array(one, np.float64).reshape(-1) for one in part] for part in (k, vol, half_spread or vol)]
    if half_spread is None:
        columns[2] = [np.full(one.size, np.nan) for one in columns[1]]
    sizes = [one.size for one in columns[0]]
    if any([one.size for one in part] != sizes for part in columns):
        raise ValueError("k, vol and half_spread must have the same expiries and, in each, one size")
    flat = [np.concatenate([np.zeros(0), *part]) for part in columns]
    return fit_chain(np.cumsum([0, *sizes]), flat[0], flat[1], flat[2], years, last)
