"""Quote hygiene: what is wrong with each contract's quote, and how much it is worth."""

from streams.options.hygiene.bits import QuoteBits, bit_labels
from streams.options.hygiene.measure import Hygiene, HygieneLimits, quote_hygiene, stale_age

__all__ = ["Hygiene", "HygieneLimits", "QuoteBits", "bit_labels", "quote_hygiene", "stale_age"]
