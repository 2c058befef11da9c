"""Who exercises, and when: the rules that the venue applies and of which the radar warns.

- At expiry: exercise by exception, what is in the money by 0.01 a share or more (OCC Rule 805). Holders may decide
  otherwise until 17:30, after a close that is not the market's last word; so near the strike (`pin_micro` a share on
  either side) assignment is a chance, that rises from 0 at this distance out of the money to 1 at this distance in it.
- A call before an ex-date: its holder exercises where the dividend is more than what is left of time value
  (OIC, Options and dividends; Cox and Rubinstein, 1985, section 4.1). Time value is the middle of the quote less what
  exercise gives, the surface's value where there is no quote of two sides; never below 0.
- A put in the money: its holder exercises where a night's interest on the strike is more than its time value, unless
  the share goes ex that morning.
"""

from dataclasses import dataclass

from schemas.records import OptionMark

EXERCISE_MICRO_MIN = 10_000
"""In the money by so much a share is exercised: 0.01."""
YEAR_NS = 365 * 86_400 * 1_000_000_000


@dataclass(frozen=True, slots=True)
class Quote:
    """A contract's last OptionMark, as far as rules need it; quote currency a share, NaN unknown."""

    event_ns: int
    expiry_ns: int
    bid: float
    ask: float
    theoretical: float
    spot: float
    rate: float
    delta: float
    iv: float


def quote_of(mark: OptionMark) -> Quote:
    """Return what rules need of a contract's mark."""
    return Quote(
        mark.event_ns,
        mark.expiry_ns,
        mark.bid,
        mark.ask,
        mark.theoretical,
        mark.spot,
        mark.rate,
        mark.delta,
        mark.iv,
    )


def is_exercised(intrinsic_micro: int, multiplier: int) -> bool:
    """Return whether a contract that ends is exercised by exception. intrinsic_micro: of one contract."""
    return intrinsic_micro >= EXERCISE_MICRO_MIN * multiplier


def assigned_chance(intrinsic_micro: int, multiplier: int, pin_micro: int) -> tuple[int, int]:
    """Return the chance (numerator, denominator) that a contract sold is assigned at its end.

    intrinsic_micro: of one contract, negative out of the money. pin_micro: of a share; 0: none but exception's rule.
    """
    width = pin_micro * multiplier
    if abs(intrinsic_micro) >= width:
        return (1, 1) if is_exercised(intrinsic_micro, multiplier) else (0, 1)
    return width + intrinsic_micro, 2 * width


def time_value(quote: Quote, intrinsic: float) -> float:
    """Return what a contract's price is above what exercise gives (>= 0), a share; NaN where no price is known."""
    two_sided = quote.bid == quote.bid and quote.ask == quote.ask
    price = (quote.bid + quote.ask) / 2.0 if two_sided else quote.theoretical
    return max(0.0, price - max(0.0, intrinsic)) if price == price else price


def call_goes_before(quote: Quote, intrinsic: float, dividend: float) -> bool:
    """Return whether a call's holder exercises on the evening before `dividend` (a share) goes ex; NaN: no."""
    return intrinsic > 0.0 and time_value(quote, intrinsic) < dividend


def put_goes_overnight(quote: Quote, intrinsic: float, strike: float, open_ns: int) -> bool:
    """Return whether a put's holder exercises before the session that opens at `open_ns`; NaN: no."""
    interest = strike * quote.rate * (max(0, open_ns - quote.event_ns) / YEAR_NS)
    return intrinsic > 0.0 and time_value(quote, intrinsic) < interest
