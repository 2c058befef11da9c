"""Money as integers: prices in micro-dollars, cash in cents, and the rules by which one becomes the other.

Prices come as float64 dollars. They are taken to the nearest micro-dollar (half up) once, and from there on all
arithmetic is exact. A price in cents is rounded to the nearest (half up) to value, and against the account to trade.
"""

MICRO_PER_DOLLAR = 1_000_000
MICRO_PER_CENT = 10_000
BPS_DENOMINATOR = 1_000_000
"""Of slippage in hundredths of a basis point."""


def micro_of(dollars: float) -> int:
    """Return dollars >= 0 in micro-dollars, to the nearest, half up."""
    return int(dollars * MICRO_PER_DOLLAR + 0.5)


def cents_nearest(dollars: float) -> int:
    """Return dollars >= 0 in cents, to the nearest, half up."""
    return (micro_of(dollars) + MICRO_PER_CENT // 2) // MICRO_PER_CENT


def cents_up(dollars: float) -> int:
    """Return dollars >= 0 in cents, rounded up."""
    return -(-micro_of(dollars) // MICRO_PER_CENT)


def cents_down(dollars: float) -> int:
    """Return dollars >= 0 in cents, rounded down."""
    return micro_of(dollars) // MICRO_PER_CENT


def share_of(cents: int, fraction: float) -> int:
    """Return the fraction (>= 0, to the nearest millionth, half up) of an amount, rounded down, cents."""
    return cents * int(fraction * 1_000_000 + 0.5) // 1_000_000


def dollars_of(cents: int) -> float:
    """Return cents in dollars, for display and for records that speak of dollars."""
    return cents / 100


def text_of(cents: int) -> str:
    """Return cents as dollars for people, for example 12.05."""
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100}.{abs(cents) % 100:02d}"


def slipped_cents(micro: int, slippage_bps: float, buying: bool) -> int:
    """Return what a share costs (buying) or brings after slippage, in cents, rounded against the account, >= 1."""
    hundredths = int(slippage_bps * 100 + 0.5)
    if buying:
        return -(-micro * (BPS_DENOMINATOR + hundredths) // (BPS_DENOMINATOR * MICRO_PER_CENT))
    return max(1, micro * (BPS_DENOMINATOR - hundredths) // (BPS_DENOMINATOR * MICRO_PER_CENT))


def fee_cents(quantity: int, fee_per_share_cents: float, fee_min_cents: int) -> int:
    """Return an order's fee: shares times the fee of one (nearest 1/10,000 cent), rounded up, at least the least."""
    per_share = int(fee_per_share_cents * 10_000 + 0.5)
    return max(fee_min_cents, -(-per_share * quantity // 10_000))
