"""What the rules ask for one contract, one spread and shares.

Amounts are mills (tenths of a cent), whole, rounded up; prices and strikes are mills a share. A short option:

    premium + max(rate x underlying - out of the money, least x (call: underlying, put: strike))

of which `naked_addon` is what stands beside the premium. A spread: the greatest loss, if any, of the netted intrinsic
values at every strike of it (FINRA 4210(f)(2), Cboe Rule 10.3(c)(5)).
"""

from collections.abc import Mapping

from streams.risk.margin.rules import BPS, MarginRow


def part_of(amount: int, bps: int) -> int:
    """Return a part of an amount >= 0 in hundredths of a percent, rounded up."""
    return -(-amount * bps // BPS)


def naked_addon(is_call: bool, strike: int, spot: int, multiplier: int, rate_bps: int, least_bps: int) -> int:
    """Return what a short contract needs beside its premium, mills. rate_bps: of the underlying's value."""
    out, floor = (strike - spot, spot) if is_call else (spot - strike, strike)
    least = -(-floor * multiplier * least_bps // BPS)
    plain = -(-spot * multiplier * rate_bps // BPS)
    if out > 0:
        plain -= out * multiplier
    return plain if plain > least else least


def greatest_loss(calls: Mapping[int, int], puts: Mapping[int, int]) -> int:
    """Return the greatest loss of netted intrinsic values, mills a share, >= 0.

    calls, puts: contracts sold less contracts bought by strike; sold at most as many of a kind as bought, or the loss
    beyond the outer strikes is not seen.
    """
    strikes = sorted({*calls, *puts})
    if not strikes:
        return 0
    before = strikes[0]
    loss = sum((strike - before) * sold for strike, sold in puts.items())
    slope = -sum(puts.values())
    worst = max(0, loss)
    for strike in strikes:
        loss += slope * (strike - before)
        if loss > worst:
            worst = loss
        slope += calls.get(strike, 0) + puts.get(strike, 0)
        before = strike
    return worst


def short_share_maintenance(spot: int, row: MarginRow) -> int:
    """Return the maintenance of one share short, beside its value, mills (FINRA 4210(c)(2) and (3))."""
    if spot < 10 * row.short_low_price_cents:
        return max(part_of(spot, row.short_low_maintenance_bps), 10 * row.short_low_share_cents)
    return max(part_of(spot, row.short_maintenance_bps), 10 * row.short_maintenance_share_cents)


def protected_maintenance(is_call: bool, strike: int, spot: int, multiplier: int, row: MarginRow) -> int:
    """Return the maintenance of `multiplier` shares that a long option protects, before the lesser-of, mills.

    A put protects shares held, a call shares sold short: 10 % of the strike and what the option is out of the money
    (FINRA 4210(f)(2)).
    """
    out = max(0, strike - spot if is_call else spot - strike)
    return part_of(strike * multiplier, row.hedge_bps) + out * multiplier
