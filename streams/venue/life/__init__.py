"""The life of what an account holds at the paper venue: expiry, assignment, early exercise, dividends, splits."""

from streams.venue.life.fold import STATE, Params, after

__all__ = ["STATE", "Params", "after"]
