"""The forward and borrow of each expiry from put-call parity, and the one volatility of each strike on it."""

from streams.options.forward.borrow import Borrow
from streams.options.forward.carry import Terms, terms
from streams.options.forward.exercise import Exercise, Point
from streams.options.forward.expiry import ExpiryForward, expiry_forward
from streams.options.forward.figures import Figures, Smile, quote_figures, smile_of
from streams.options.forward.slices import ExpirySlice, SliceState, columns_of, slice_of
from streams.options.forward.status import ForwardStatus

__all__ = [
    "Borrow",
    "Exercise",
    "ExpiryForward",
    "ExpirySlice",
    "Figures",
    "ForwardStatus",
    "Point",
    "SliceState",
    "Smile",
    "Terms",
    "columns_of",
    "expiry_forward",
    "quote_figures",
    "slice_of",
    "smile_of",
    "terms",
]
