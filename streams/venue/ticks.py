"""Steps of prices: an order whose limit or trigger stands between them is not taken.

Shares: a cent (Regulation NMS, rule 612; no share of the pipeline costs less than a dollar). Options: 5 cents below
3 USD and 10 above; of classes in the penny programme 1 and 5, of SPY, QQQ and IWM 1 at any price (Cboe rule 5.4).
A combination's net: a cent of one unit.
"""

from collections.abc import Collection

from schemas.osi import OptionSymbol

CUT_CENTS = 300
ALWAYS_PENNY = ("IWM", "QQQ", "SPY")


def tick_cents(contract: OptionSymbol | None, cents: int, penny: Collection[str]) -> int:
    """Return the step at a price, cents; contract None: of shares. penny: underlyings in the penny programme."""
    if contract is None or contract.underlying in ALWAYS_PENNY:
        return 1
    small, large = (1, 5) if contract.underlying in penny else (5, 10)
    return small if cents < CUT_CENTS else large


def at_tick(contract: OptionSymbol | None, cents: int, penny: Collection[str], up: bool) -> int:
    """Return the nearest price of a step at or above (up), else at or below, cents."""
    tick = tick_cents(contract, cents, penny)
    return -(-cents // tick) * tick if up else cents // tick * tick
