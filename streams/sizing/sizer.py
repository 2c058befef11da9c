"""The shape of a sizing rule: one file in rules/, found by its name, with one pure function `size(request) -> Size`."""

from collections.abc import Callable
from dataclasses import dataclass

from schemas.records import Mandate


@dataclass(frozen=True, slots=True)
class Request:
    """What a rule may know of an entry.

    equity_cents: cash and positions at the last marks, > 0.
    price_cents: what a share costs to enter, > 0, rounded up.
    risk_cents: distance of a share's price from the stop, > 0, rounded up.
    volatility_annual: realised volatility of the symbol's minutes, per sqrt(year), per 1.00; NaN before it is known.
    """

    equity_cents: int
    price_cents: int
    risk_cents: int
    volatility_annual: float
    mandate: Mandate


@dataclass(frozen=True, slots=True)
class Size:
    """Shares, >= 0; where 0, reason says why in one word that is counted."""

    quantity: int
    reason: str = ""


Rule = Callable[[Request], Size]
