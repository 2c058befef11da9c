"""What became of one expiry's fit: a closed list, as metric labels have it. New statuses go at the end."""

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray


class FitStatus(IntEnum):
    """How far a slice can be trusted; all but NO_QUOTES, NO_TIME and BAD_INPUT come with a slice."""

    OK = 0
    """Fitted to its quotes, and no arbitrage in it or against the slice before."""
    FEW_QUOTES = 1
    """Under five strikes, or strikes too close: an SSVI slice whose shape leans on that of the slice before."""
    FALLBACK = 2
    """What the fit violated did not go away by fitting: moved towards a slice that violates nothing, until it did."""
    CALENDAR_CROSSED = 3
    """Free of butterflies, and below the slice before somewhere: `calendar_margin` says by how much."""
    NO_QUOTES = 4
    """No quote that can be used."""
    NO_TIME = 5
    """Expiry is now or past."""
    BAD_INPUT = 6
    """Years are NaN or infinite."""
    POOR_FIT = 7
    """No arbitrage, and not its quotes' smile: the median strike lies outside of its own spread (half spreads below
    POOR_SPREAD of the volatility at the money count as that), and rms is over POOR_RMS of that volatility."""


class SliceModel(IntEnum):
    """How the five numbers of a slice were found; they are read alike."""

    NONE = 0
    SVI = 1
    SSVI = 2


OK = int(FitStatus.OK)
FEW_QUOTES = int(FitStatus.FEW_QUOTES)
FALLBACK = int(FitStatus.FALLBACK)
CALENDAR_CROSSED = int(FitStatus.CALENDAR_CROSSED)
NO_QUOTES = int(FitStatus.NO_QUOTES)
NO_TIME = int(FitStatus.NO_TIME)
BAD_INPUT = int(FitStatus.BAD_INPUT)
POOR_FIT = int(FitStatus.POOR_FIT)
MODEL_NONE = int(SliceModel.NONE)
MODEL_SVI = int(SliceModel.SVI)
MODEL_SSVI = int(SliceModel.SSVI)
"""The numbers as kernels use them."""
POOR_SPREAD, POOR_RMS = 0.002, 0.03


def fit_labels(status: NDArray[np.uint8]) -> list[str]:
    """Return the words of statuses, e.g. `few_quotes`, a list of n."""
    return [FitStatus(code).name.lower() for code in status.ravel().tolist()]


def model_labels(model: NDArray[np.uint8]) -> list[str]:
    """Return the words of models, e.g. `ssvi`, a list of n."""
    return [SliceModel(code).name.lower() for code in model.ravel().tolist()]
