"""Whose a fill or a settlement is: each strategy has a ledger of its own, and their sum is the account's.

- What a strategy's signal or a hedge opens is its own, and so is what closes that. Two strategies may hold one symbol
  against each other; the account has the difference.
- What a person, the emergency stop or the drawdown's closes, is of those who opened it, first in, first out over all
  strategies' lots, with its fee and its spread; only what is left over opens something of the closer's own. So does
  what a strategy closes beyond its own.
- Where that leaves the account nothing of a symbol, strategies that held it against each other are closed at its price.
- A settlement of all that is held goes to each strategy as it holds, against the account's side, too (a dividend that
  a strategy's short side owes); of a part, first in, first out. Fees go by size. The last takes what rounding leaves.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from schemas.records import Fill, OrderOrigin, Purpose, Settlement, SettlementKind, Side, Transfer
from streams.book.ledger import Ledger, lots_of

Part = tuple[str, int]
"""A strategy, and its signed quantity of something."""


def fill_parts(ledgers: Mapping[str, Ledger], fill: Fill) -> list[tuple[str, Fill]]:
    """Return what a fill did to each strategy, without its fee: fills of one symbol each, leg by leg."""
    if not fill.legs:
        return _singles(ledgers, replace(fill, fee_cents=0))
    found = []
    for leg in fill.legs:
        single = replace(fill, symbol=leg.symbol, side=leg.side, quantity=leg.quantity, price_cents=leg.price_cents,
                         multiplier=leg.multiplier, fee_cents=0, legs=())  # fmt: skip
        found += _singles(ledgers, single)
    return found


def fee_parts(parts: Sequence[tuple[str, Fill]], fee_cents: int) -> list[Part]:
    """Return what each strategy pays of a fill's fee, cents: by what changed hands for it."""
    sizes: dict[str, int] = {}
    for name, part in parts:
        sizes[name] = sizes.get(name, 0) + part.quantity
    return list(zip(sizes, shared(fee_cents, list(sizes.values())), strict=True))


def settlement_parts(ledgers: Mapping[str, Ledger], settlement: Settlement) -> list[tuple[str, Settlement]]:
    """Return each strategy's part of a settlement, by name; all of it of "" where nobody holds the symbol."""
    weights = dict(_settled(ledgers, settlement))
    if len(weights) < 2:
        return [(next(iter(weights), ""), settlement)]
    signed = list(weights.values())
    columns = [shared(getattr(one, name), signed) for one in settlement.transfers
               for name in ("quantity", "amount_cents")]  # fmt: skip
    cash = shared(settlement.cash_cents, signed)
    fee = shared(settlement.fee_cents, [abs(one) for one in signed])
    parts = []
    for at, name in enumerate(weights):
        transfers = tuple(
            Transfer(one.symbol, columns[2 * number][at], columns[2 * number + 1][at], one.multiplier)
            for number, one in enumerate(settlement.transfers)
        )
        changes = replace(settlement, quantity=signed[at], transfers=transfers, cash_cents=cash[at], fee_cents=fee[at])
        parts.append((name, changes))
    return parts


def shared(amount: int, weights: Sequence[int]) -> list[int]:
    """Return parts of an amount by signed weights (their sum not 0), rounded down in size; the last takes the rest."""
    total = sum(weights)
    parts = []
    for weight in weights[:-1]:
        size = abs(amount * weight) // abs(total)
        parts.append(size if amount * weight * total >= 0 else -size)
    return [*parts, amount - sum(parts)]


def _singles(ledgers: Mapping[str, Ledger], fill: Fill) -> list[tuple[str, Fill]]:
    parts = _filled(ledgers, fill, fill.quantity if fill.side is Side.BUY else -fill.quantity)
    return [
        (name, replace(fill, side=Side.BUY if signed > 0 else Side.SELL, quantity=abs(signed)))
        for name, signed in parts
        if signed
    ]


def _filled(ledgers: Mapping[str, Ledger], fill: Fill, signed: int) -> list[Part]:
    """Return by how much each strategy's position changes; together by `signed`."""
    held = _held(ledgers, fill.symbol)
    for_others = fill.origin in (OrderOrigin.TICKET, OrderOrigin.BOOK)
    closes = for_others or (fill.origin is OrderOrigin.SIGNAL and fill.purpose is not Purpose.ENTRY)
    if closes and held and sum(held.values()) + signed == 0:
        return [(name, -quantity) for name, quantity in held.items()]
    changes: dict[str, int] = {}
    if closes:
        lots = _lots(ledgers, fill.symbol, signed)
        if not for_others:
            lots.sort(key=lambda one: one[1] != fill.strategy)
        changes = _first_out(lots, signed)
    left = signed - sum(changes.values())
    if left:
        changes[fill.strategy] = changes.get(fill.strategy, 0) + left
    return list(changes.items())


def _settled(ledgers: Mapping[str, Ledger], settlement: Settlement) -> list[Part]:
    """Return how many of what a settlement happened to are each strategy's, signed as held."""
    held, count = _held(ledgers, settlement.symbol), settlement.quantity
    if sum(held.values()) == count:
        return list(held.items())
    own = {name: quantity for name, quantity in held.items() if quantity * count > 0}
    if settlement.kind is SettlementKind.DIVIDEND or abs(sum(own.values())) < abs(count):
        return list(own.items())
    return [
        (name, -quantity) for name, quantity in _first_out(_lots(ledgers, settlement.symbol, -count), -count).items()
    ]


def _held(ledgers: Mapping[str, Ledger], symbol: str) -> dict[str, int]:
    return {
        name: ledger.positions[symbol].quantity
        for name, ledger in sorted(ledgers.items())
        if symbol in ledger.positions
    }


def _lots(ledgers: Mapping[str, Ledger], symbol: str, signed: int) -> list[tuple[int, str, int]]:
    """Return instant, strategy and size of all lots that `signed` closes, the oldest first."""
    return sorted(
        (lot.event_ns, name, abs(lot.quantity))
        for name, ledger in ledgers.items()
        if symbol in ledger.positions and ledger.positions[symbol].quantity * signed < 0
        for lot in lots_of(ledger.positions[symbol])
    )


def _first_out(lots: Sequence[tuple[int, str, int]], signed: int) -> dict[str, int]:
    """Return by how much `signed` changes each strategy's position, closing lots in this order while there are any."""
    changes: dict[str, int] = {}
    left, sign = abs(signed), 1 if signed > 0 else -1
    for _, name, size in lots:
        gone = min(left, size)
        if not gone:
            break
        changes[name] = changes.get(name, 0) + sign * gone
        left -= gone
    return changes
