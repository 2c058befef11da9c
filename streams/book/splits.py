"""A split as accounts live through it: the event changes prices, the Settlement that follows changes positions.

Between the two the market tells prices of new shares while accounts still hold old ones. So what a position counted
before the event it counts until its Settlement (or a mark of a day later, should none come), and markets go on at the
event's ratio until they are marked anew: equity does not move by the split itself, and no limit of losses trips on it.
Contracts have other symbols afterwards, and an old symbol may come to name another contract: what was known of them is
forgotten with the event, and what a position becomes starts at the worth of what it was.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

from schemas.osi import TAIL, underlying_of
from schemas.records import MarketEvent, Settlement, SettlementKind
from streams.book.valuation import is_option

DAY_NS = 86_400_000_000_000
DENOMINATOR_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Split:
    """A ticker's newest split: its day since 1970, and its ratio as new shares for old ones."""

    day: int
    new: int
    old: int


class Turned(NamedTuple):
    """What a position became: symbols, and by what the worth of one share of its price is multiplied."""

    gone: str
    came: str
    factor: Fraction


def begun(state: Mapping[str, Any], event: MarketEvent) -> Split | None:
    """Return the split that an event tells; None where it changes nothing or repeats one of its day.

    The same events count as at the venue (streams/venue/life/splits.py). state: holds Split by split/TICKER.
    """
    if not event.symbol or not 0.0 < event.value < math.inf:
        return None
    ratio, day = Fraction(event.value).limit_denominator(DENOMINATOR_MAX), event.event_ns // DAY_NS
    known: Split | None = state.get(f"split/{event.symbol}")
    if ratio in (0, 1) or (known is not None and known.day >= day):
        return None
    return Split(day, ratio.numerator, ratio.denominator)


def is_of(symbol: str, ticker: str) -> bool:
    """Return whether a position's symbol is a ticker's shares or an option on it."""
    return underlying_of(symbol[:-TAIL].rstrip()) == ticker if is_option(symbol) else symbol == ticker


def turned(settlement: Settlement) -> Turned | None:
    """Return what a split made of a contract; None of shares, and of settlements of other kinds."""
    if settlement.kind is not SettlementKind.SPLIT or len(settlement.transfers) != 2:
        return None
    gone, came = settlement.transfers
    if not is_option(gone.symbol) or not came.quantity:
        return None
    factor = Fraction(abs(gone.quantity) * gone.multiplier, abs(came.quantity) * came.multiplier)
    return Turned(gone.symbol, came.symbol, factor)


def times(amount: int, factor: Fraction) -> int:
    """Return an amount times a factor, to the nearest, half up."""
    return (2 * amount * factor.numerator + factor.denominator) // (2 * factor.denominator)
