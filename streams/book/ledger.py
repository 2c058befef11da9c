"""An account's cash, positions and tax lots, exact to the cent.

Laws that hold after any sequence of fills and settlements, and tests hold them:
    cash     = capital + sum over fills of (sold − bought) + sum over settlements of cash_cents − fees
    realised = cash − capital + cost of what is held        (fees count when paid; closing all realises all)
    a position's quantity and cost are the sums of its lots'

Lots are closed first in, first out (the default where the seller names none; IRS Publication 550, chapter 4). What
happens without an order is a Settlement: its transfers change positions in order, and where it `carries`, the cost of
what the first one closes goes into the others. So a call's price joins the cost of the shares it brought, a put's
price lowers what its shares were sold for, and a writer's premium likewise (Publication 550, table of puts and calls).
Shares that an exercise brings are as old as the exercise; in a split each lot keeps its day.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from schemas.records import Fill, Settlement, SettlementKind, Side, Transfer

LOTS_MAX = 1_024
"""Of one position. Beyond, the two oldest become one of the younger's day."""


@dataclass(frozen=True, slots=True)
class Lot:
    """What was opened at one instant. quantity and cost_cents have the position's sign; cost of all of it."""

    quantity: int
    cost_cents: int
    event_ns: int


@dataclass(frozen=True, slots=True)
class Position:
    """Shares or contracts held (negative when short) and what they cost, cents (negative: what they brought).

    multiplier: shares that its price is for. lots: oldest first; () stands for one lot of unknown day.
    """

    quantity: int
    cost_cents: int
    multiplier: int = 1
    lots: tuple[Lot, ...] = ()


@dataclass(frozen=True, slots=True)
class Ledger:
    """Cash and positions by symbol; a position of quantity 0 is not kept."""

    cash_cents: int
    positions: dict[str, Position]
    realised_cents: int = 0
    fees_cents: int = 0


class _Change(NamedTuple):
    """A position after a change. closed: its lots that went, in order; rest_cents: amount of what was not closing."""

    position: Position
    closed: tuple[Lot, ...]
    rest_cents: int

    @property
    def released_cents(self) -> int:
        return sum(lot.cost_cents for lot in self.closed)


def quantity_of(ledger: Ledger, symbol: str) -> int:
    """Return the shares or contracts held, 0 when none."""
    position = ledger.positions.get(symbol)
    return position.quantity if position is not None else 0


def apply_fill(ledger: Ledger, fill: Fill) -> Ledger:
    """Return the ledger after a fill; one of quantity 0 changes nothing.

    Amounts are price_cents x quantity x multiplier. A combination's legs change hands one by one at their own prices
    (a leg's quantity is that of the whole fill), and the fee is paid once. Of a lot that is closed in part, the part
    takes its share of the cost along, rounded down in size; the cent of rounding stays with the rest.
    """
    if fill.quantity == 0:
        return ledger
    positions, paid, gain = dict(ledger.positions), 0, 0
    for symbol, side, quantity, price, multiplier in _parts(fill):
        signed = quantity if side is Side.BUY else -quantity
        amount = signed * price * multiplier
        change = _moved(positions.get(symbol), signed, amount, multiplier, fill.event_ns)
        gain -= amount - change.rest_cents + change.released_cents
        paid += amount
        _keep(positions, symbol, change.position)
    return Ledger(
        cash_cents=ledger.cash_cents - paid - fill.fee_cents,
        positions=positions,
        realised_cents=ledger.realised_cents + gain - fill.fee_cents,
        fees_cents=ledger.fees_cents + fill.fee_cents,
    )


def apply_settlement(ledger: Ledger, settlement: Settlement) -> Ledger:
    """Return the ledger after what happened to a position without an order.

    cash_cents is all the money that moves; the transfers' amounts say which of it was paid or received for them, and
    what is left (a dividend) is realised. Where it carries, the first transfer realises nothing: its cost is shared
    out among the others by the size of their amounts (by quantity where all are 0), the last takes the rest.
    """
    positions = dict(ledger.positions)
    gain, carried = settlement.cash_cents, 0
    lots: tuple[Lot, ...] = ()
    shares = _shares(settlement.transfers) if settlement.carries else ()
    for at, transfer in enumerate(settlement.transfers):
        amount = transfer.amount_cents
        gain += amount
        if settlement.carries and at:
            part = carried - sum(_part(carried, share) for share in shares[:-1])
            part = part if at == len(shares) else _part(carried, shares[at - 1])
            amount += part
            gain += part
        before = positions.get(transfer.symbol)
        change = _moved(before, transfer.quantity, amount, transfer.multiplier, settlement.event_ns)
        gain -= amount - change.rest_cents + change.released_cents
        if settlement.carries and not at:
            carried, lots = amount - change.rest_cents + change.released_cents, change.closed
        elif settlement.kind is SettlementKind.SPLIT and not change.closed:
            change = change._replace(position=_aged(before, change.position, lots))
        _keep(positions, transfer.symbol, change.position)
    return Ledger(
        cash_cents=ledger.cash_cents + settlement.cash_cents - settlement.fee_cents,
        positions=positions,
        realised_cents=ledger.realised_cents + gain - settlement.fee_cents,
        fees_cents=ledger.fees_cents + settlement.fee_cents,
    )


def equity_cents(ledger: Ledger, values_cents: Mapping[str, int]) -> int:
    """Return cash and positions, cents. values_cents: of one share, or one contract (its price x multiplier); a
    position without a value counts at its cost.
    """
    total = ledger.cash_cents
    for symbol, position in ledger.positions.items():
        value = values_cents.get(symbol)
        total += position.cost_cents if value is None else position.quantity * value
    return total


def lots_of(position: Position) -> tuple[Lot, ...]:
    """Return a position's lots, oldest first; one of day 0 where they are not known."""
    return position.lots or (Lot(position.quantity, position.cost_cents, 0),)


def _parts(fill: Fill) -> list[tuple[str, Side, int, int, int]]:
    if not fill.legs:
        return [(fill.symbol, fill.side, fill.quantity, fill.price_cents, fill.multiplier)]
    return [(leg.symbol, leg.side, leg.quantity, leg.price_cents, leg.multiplier) for leg in fill.legs]


def _keep(positions: dict[str, Position], symbol: str, position: Position) -> None:
    if position.quantity:
        positions[symbol] = position
    else:
        positions.pop(symbol, None)


def _moved(before: Position | None, signed: int, amount_cents: int, multiplier: int, event_ns: int) -> _Change:
    """Return a position after `signed` came (> 0) or went for an amount, which what closes shares by quantity."""
    if not signed:
        return _Change(before or Position(0, 0), (), 0)
    if before is None:
        return _Change(
            Position(signed, amount_cents, multiplier, _lot(signed, amount_cents, event_ns)), (), amount_cents
        )
    lots = lots_of(before)
    if before.quantity * signed >= 0:
        cost = before.cost_cents + amount_cents
        return _Change(
            Position(before.quantity + signed, cost, multiplier, _added(lots, _lot(signed, amount_cents, event_ns))),
            (),
            amount_cents,
        )
    closed, left = _first_out(lots, min(abs(signed), abs(before.quantity)))
    count = sum(lot.quantity for lot in closed)
    rest = signed + count
    rest_cents = amount_cents - _part(amount_cents, (abs(count), abs(signed)))
    if rest:
        position = Position(rest, rest_cents, multiplier, _lot(rest, rest_cents, event_ns))
    else:
        position = Position(before.quantity - count, sum(lot.cost_cents for lot in left), before.multiplier, left)
    return _Change(position, closed, rest_cents)


def _lot(quantity: int, cost_cents: int, event_ns: int) -> tuple[Lot, ...]:
    return (Lot(quantity, cost_cents, event_ns),) if quantity else ()


def _added(lots: tuple[Lot, ...], more: tuple[Lot, ...]) -> tuple[Lot, ...]:
    """Return lots with others among them, oldest first; those of one instant are one."""
    together: list[Lot] = []
    for lot in sorted((*lots, *more), key=lambda one: one.event_ns) if more else lots:
        last = together[-1] if together else None
        if last is not None and last.event_ns == lot.event_ns:
            together[-1] = Lot(last.quantity + lot.quantity, last.cost_cents + lot.cost_cents, lot.event_ns)
        else:
            together.append(lot)
    while len(together) > LOTS_MAX:
        first, second = together[:2]
        together[:2] = [Lot(first.quantity + second.quantity, first.cost_cents + second.cost_cents, second.event_ns)]
    return tuple(together)


def _first_out(lots: tuple[Lot, ...], count: int) -> tuple[tuple[Lot, ...], tuple[Lot, ...]]:
    """Return what goes and what stays of lots where `count` (> 0, at most all) goes, oldest first."""
    gone: list[Lot] = []
    for at, lot in enumerate(lots):
        size = abs(lot.quantity)
        if count < size:
            if not count:
                return tuple(gone), lots[at:]
            sign = 1 if lot.quantity > 0 else -1
            part = Lot(sign * count, _part(lot.cost_cents, (count, size)), lot.event_ns)
            rest = Lot(lot.quantity - part.quantity, lot.cost_cents - part.cost_cents, lot.event_ns)
            return (*gone, part), (rest, *lots[at + 1 :])
        gone.append(lot)
        count -= size
    return tuple(gone), ()


def _part(cents: int, share: tuple[int, int]) -> int:
    """Return a share (numerator, denominator) of an amount, rounded down in size."""
    size = abs(cents) * share[0] // share[1]
    return size if cents >= 0 else -size


def _shares(transfers: tuple[Transfer, ...]) -> tuple[tuple[int, int], ...]:
    """Return the share of each transfer but the first in what the first one closes."""
    sizes = [abs(transfer.amount_cents) for transfer in transfers[1:]]
    if not any(sizes):
        sizes = [abs(transfer.quantity) * transfer.multiplier for transfer in transfers[1:]]
    return tuple((size, sum(sizes)) for size in sizes)


def _aged(before: Position | None, after: Position, lots: tuple[Lot, ...]) -> Position:
    """Return a position whose newest shares or contracts, those a split brought, keep the days of `lots`.

    Quantity and cost are shared out by the old lots' (cost by quantity where they cost nothing), the last taking the
    rest; a lot that becomes less than one share goes into the next.
    """
    held = before or Position(0, 0)
    quantity, cost = after.quantity - held.quantity, after.cost_cents - held.cost_cents
    count, total = sum(lot.quantity for lot in lots), sum(lot.cost_cents for lot in lots)
    if not lots or not quantity:
        return after
    new: list[Lot] = []
    seen_count = seen_cost = given = given_cents = 0
    for lot in lots:
        seen_count, seen_cost = seen_count + lot.quantity, seen_cost + lot.cost_cents
        part = abs(quantity) * abs(seen_count) // abs(count) * (1 if quantity > 0 else -1) - given
        if not part:
            continue
        share = (abs(seen_cost), abs(total)) if total else (abs(seen_count), abs(count))
        cents = _part(cost, share) - given_cents
        new.append(Lot(part, cents, lot.event_ns))
        given, given_cents = given + part, given_cents + cents
    kept = lots_of(held) if held.quantity else ()
    return Position(after.quantity, after.cost_cents, after.multiplier, _added(kept, tuple(new)))
