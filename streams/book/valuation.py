"""What an instrument is valued at: one rule for sizing, risk and reports, in whole micro-dollars and cents.

Shares: the last trade. Options: the middle of a good quote; the value at the surface's volatility where it is bad
(BAD_BITS, or a side is missing); else what was known before. Where nothing is known a position counts at its cost.
"""

from typing import Protocol

from streams.book.money import MICRO_PER_CENT, cents_nearest, micro_of

OPTION_CHARS = 21
"""Length of an OSI symbol; a ticker is shorter."""
BAD_BITS = 1 | 2 | 4 | 16 | 64 | 128 | 512 | 1024 | 4096
"""No bid, no ask, crossed, stale, wide, below intrinsic, vertical, width, suspicious: bits of streams.options.QuoteBits
with which a middle is no value. The others are for information.
"""


class OptionPrices(Protocol):
    """The part of an OptionMark that values a contract. Quote currency a share, NaN where unknown."""

    @property
    def bid(self) -> float: ...
    @property
    def ask(self) -> float: ...
    @property
    def theoretical(self) -> float: ...
    @property
    def bits(self) -> int: ...


def is_option(symbol: str) -> bool:
    """Return whether a position's symbol is an option's (OSI), not a ticker."""
    return len(symbol) == OPTION_CHARS


def option_price(mark: OptionPrices) -> float:
    """Return what a share of a contract is valued at by a mark alone, quote currency; NaN when it does not tell."""
    if mark.bits & BAD_BITS == 0 and mark.bid == mark.bid and mark.ask == mark.ask:
        return 0.5 * (mark.bid + mark.ask)
    return mark.theoretical


def option_micro(mark: OptionPrices, before_micro: int | None) -> int | None:
    """Return what a share of a contract is valued at, micro-dollars; None when unknown. before_micro: so far."""
    if mark.bits & BAD_BITS == 0 and mark.bid == mark.bid and mark.ask == mark.ask:
        return (micro_of(mark.bid) + micro_of(mark.ask)) // 2
    if mark.theoretical == mark.theoretical:
        return micro_of(mark.theoretical)
    return before_micro


def unit_cents(micro: int | None, multiplier: int) -> int | None:
    """Return what one contract is valued at, cents, to the nearest, half up; None when unknown."""
    return None if micro is None else (micro * multiplier + MICRO_PER_CENT // 2) // MICRO_PER_CENT


def option_value_cents(mark: OptionPrices, multiplier: int) -> int | None:
    """Return what one contract is valued at by a mark alone, cents; None when the mark does not tell."""
    return unit_cents(option_micro(mark, None), multiplier)


def share_value_cents(last: float) -> int | None:
    """Return what a share is valued at, cents, to the nearest, half up; None when unknown (NaN)."""
    return cents_nearest(last) if last > 0 else None
