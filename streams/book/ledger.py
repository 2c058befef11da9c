"""An account's cash and positions, exact to the cent.

Two laws hold after any sequence of fills, and tests hold them:
    cash     = capital + sum over fills of (+ sold − bought − fees)
    realised = cash − capital + cost of what is held        (fees count when paid)
"""

from dataclasses import dataclass

from schemas.records import Fill, Side


@dataclass(frozen=True, slots=True)
class Position:
    """Shares held (negative when short) and what they cost, cents (negative when short: what they brought)."""

    quantity: int
    cost_cents: int


@dataclass(frozen=True, slots=True)
class Ledger:
    """Cash and positions by symbol; a position of 0 shares is not kept."""

    cash_cents: int
    positions: dict[str, Position]
    realised_cents: int = 0
    fees_cents: int = 0


def quantity_of(ledger: Ledger, symbol: str) -> int:
    """Return the shares held, 0 when none."""
    position = ledger.positions.get(symbol)
    return position.quantity if position is not None else 0


def apply_fill(ledger: Ledger, fill: Fill) -> Ledger:
    """Return the ledger after a fill. A fill of 0 shares changes nothing.

    What is closed takes its share of the cost along, rounded down in size; the cent of rounding stays with the rest,
    so that closing all realises all.
    """
    if fill.quantity == 0:
        return ledger
    signed = fill.quantity if fill.side is Side.BUY else -fill.quantity
    held = ledger.positions.get(fill.symbol, Position(0, 0))
    closed = min(abs(signed), abs(held.quantity)) if held.quantity * signed < 0 else 0
    closed_cost, sign = 0, 1 if held.quantity > 0 else -1
    if closed:
        closed_cost = sign * (abs(held.cost_cents) * closed // abs(held.quantity))
    opened = signed + sign * closed if closed else signed
    gain = sign * closed * fill.price_cents - closed_cost if closed else 0
    quantity = held.quantity + signed
    positions = {symbol: position for symbol, position in ledger.positions.items() if symbol != fill.symbol}
    if quantity:
        positions[fill.symbol] = Position(quantity, held.cost_cents - closed_cost + opened * fill.price_cents)
    return Ledger(
        cash_cents=ledger.cash_cents - signed * fill.price_cents - fill.fee_cents,
        positions=positions,
        realised_cents=ledger.realised_cents + gain - fill.fee_cents,
        fees_cents=ledger.fees_cents + fill.fee_cents,
    )


def equity_cents(ledger: Ledger, prices_cents: dict[str, int]) -> int:
    """Return cash and positions at these prices of a share, cents; a position without a price counts at its cost."""
    total = ledger.cash_cents
    for symbol, position in ledger.positions.items():
        price = prices_cents.get(symbol)
        total += position.cost_cents if price is None else position.quantity * price
    return total
