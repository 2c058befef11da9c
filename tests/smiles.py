"""Smiles whose truth is known, and the conditions against arbitrage written a second time, by differences of w."""

import numpy as np
from numpy.typing import NDArray

from streams.options.surface import SurfaceFit, fit_chain, total_variance

F64 = NDArray[np.float64]

YEARS = np.array([0.05, 0.25, 1.0])
ROWS = np.array(
    [
        [0.0005, 0.012, -0.5, 0.0, 0.03],
        [0.002, 0.04, -0.5, 0.01, 0.08],
        [0.012, 0.10, -0.4, 0.05, 0.25],
    ]
)
"""Raw SVI (a, b, rho, m, sigma) by expiry: no butterfly, and none below the one before."""
GRID = np.linspace(-5.0, 5.0, 200)


def deviation(row: F64) -> float:
    """Return sqrt(w) at the money."""
    return float(np.sqrt(total_variance(row, 0.0)[0]))


def quotes(row: F64, years: float, count: int = 21, low: float = -3.0, high: float = 2.5) -> tuple[F64, F64]:
    """Return k, rising, and the slice's own volatility there; low and high in standard deviations."""
    k = np.linspace(low, high, count) * deviation(row)
    return k, np.sqrt(total_variance(row, k) / years)


def fit_rows(rows: F64, years: F64, noise: float = 0.0, half_spread: float = 0.002, seed: int = 3) -> SurfaceFit:
    """Return the fit of the rows' quotes; noise: standard deviation, in half spreads."""
    draw = np.random.default_rng(seed)
    ks, vols = zip(*(quotes(row, one) for row, one in zip(rows, years.tolist(), strict=True)), strict=True)
    k, vol = np.concatenate(ks), np.concatenate(vols)
    vol = vol + noise * half_spread * draw.standard_normal(vol.size)
    begins = np.arange(len(rows) + 1) * (k.size // len(rows))
    return fit_chain(begins, k, vol, np.full(k.size, half_spread), years)


def durrleman(row: F64, k: F64) -> F64:
    """Return g at k by differences of w, as one who was given w alone would."""
    step = 1e-3 * deviation(row)
    low, w, high = (total_variance(row, k + i * step) for i in (-1.0, 0.0, 1.0))
    first, second = (high - low) / (2.0 * step), (high - 2.0 * w + low) / (step * step)
    return np.asarray((1.0 - 0.5 * k * first / w) ** 2 - 0.25 * first**2 * (1.0 / w + 0.25) + 0.5 * second)


def has_butterfly(row: F64, least: float = -1e-5) -> bool:
    """Return whether w <= 0 or g < least anywhere on 200 points over five standard deviations to both sides."""
    k = GRID * deviation(row)
    return not bool(np.all(total_variance(row, k) > 0.0) and np.all(durrleman(row, k) > least))


def crosses(row: F64, before: F64) -> bool:
    """Return whether w lies under that of the slice before anywhere on the same points of the later one."""
    k = GRID * deviation(row)
    return bool(np.any(total_variance(row, k) < total_variance(before, k)))


def as_bytes(fit: SurfaceFit) -> list[bytes]:
    """Return the columns of a fit as bytes."""
    return [column.tobytes() for column in fit]
