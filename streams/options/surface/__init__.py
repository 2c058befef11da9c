"""The volatility surface of an underlying: fit, reading, volatility time; docs/volatility_surface.md is the guide."""

from streams.options.surface.chain import SurfaceFit, fit_chain, fit_surface
from streams.options.surface.clock import DayWeights, VolatilityClock, volatility_clock, volatility_years, with_event
from streams.options.surface.events import EventVariance, event_variance
from streams.options.surface.function import Surface, forward_vol, surface_vol, term_slope
from streams.options.surface.slices import SLICE_SIZE, total_variance
from streams.options.surface.smile import SmileFigures, distribution, quote_edge, smile_figures
from streams.options.surface.status import FitStatus, SliceModel, fit_labels, model_labels

__all__ = [
    "SLICE_SIZE",
    "DayWeights",
    "EventVariance",
    "FitStatus",
    "SliceModel",
    "SmileFigures",
    "Surface",
    "SurfaceFit",
    "VolatilityClock",
    "distribution",
    "event_variance",
    "fit_chain",
    "fit_labels",
    "fit_surface",
    "forward_vol",
    "model_labels",
    "quote_edge",
    "smile_figures",
    "surface_vol",
    "term_slope",
    "total_variance",
    "volatility_clock",
    "volatility_years",
    "with_event",
]
