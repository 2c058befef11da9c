"""The option chain of an underlying: its quotes as they stand, and the figures and surface that follow from them."""
