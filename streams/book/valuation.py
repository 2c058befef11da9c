"""What an instrument is valued at, in whole cents: the same for sizing, risk and reports.

Shares: the last trade. Options: the middle of a good quote, else the value at the surface's volatility, else the
middle of the quote as it is; without any of these nothing is known, and a position counts at its cost.
"""

import math
from typing import Protocol

from streams.book.money import MICRO_PER_CENT, cents_nearest, micro_of

OPTION_CHARS = 21
"""Length of an OSI symbol; a ticker is shorter."""


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
    """Return what a share of a contract is valued at, quote currency, >= 0; NaN when unknown. No bid counts as 0."""
    bid = mark.bid if mark.bid == mark.bid else 0.0
    middle = 0.5 * (bid + mark.ask) if mark.ask >= bid else math.nan
    if mark.bits == 0 and middle == middle:
        return middle
    return mark.theoretical if mark.theoretical >= 0 else middle


def option_value_cents(mark: OptionPrices, multiplier: int) -> int | None:
    """Return what one contract is valued at, cents, to the nearest, half up; None when unknown."""
    price = option_price(mark)
    if price != price:
        return None
    return (micro_of(price) * multiplier + MICRO_PER_CENT // 2) // MICRO_PER_CENT


def share_value_cents(last: float) -> int | None:
    """Return what a share is valued at, cents, to the nearest, half up; None when unknown (NaN)."""
    return cents_nearest(last) if last > 0 else None
