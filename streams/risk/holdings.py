"""Running sums over an account's positions, so that a mark costs one position's arithmetic and not all of them.

    worth_cents = sum of quantity x worth of one (cost where none is known)       gross_cents = sum of |quantity| x size
    sums[underlying][strategy] = (delta, gamma, vega), micro-dollars

All are whole numbers, so that adding and taking away never drifts: what a position counted before a change goes, what
it counts after it comes. `counted_anew` reckons them from nothing, for tests. Which strategy holds how much of a symbol
stands in `held`: shares of strategies in one symbol have one sign and add up to the position.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from schemas.records import Fill, Settlement, SettlementKind, Side
from streams.book.ledger import Ledger, Position, apply_fill, apply_settlement
from streams.book.money import MICRO_PER_CENT
from streams.risk.account import Account, Held, Sums, at_time, with_worth
from streams.risk.market import Kept, Market, Unit, held_unit, market_key, unit_in

NOTHING = (0, 0, 0)
NO_SUMS: dict[str, tuple[int, int, int]] = {}


def filled(account: Account, fill: Fill, markets: Mapping[str, Any]) -> Account:
    """Return the account after the shares and contracts of a fill changed hands."""
    held = dict(account.held)
    legs = fill.legs or (fill,)
    for leg in legs:
        signed = leg.quantity if leg.side is Side.BUY else -leg.quantity
        held[leg.symbol] = attributed(held.get(leg.symbol, ()), fill.strategy, signed)
    symbols = tuple(dict.fromkeys(leg.symbol for leg in legs))
    return _changed(account, apply_fill(account.ledger, fill), held, symbols, markets, account.kept)


def settled(account: Account, settlement: Settlement, markets: Mapping[str, Any]) -> Account:
    """Return the account after what happened to a position without an order.

    What the first transfer takes from strategies, the others give to them in proportion.
    """
    held = dict(account.held)
    taken: tuple[Held, ...] = ()
    for at, transfer in enumerate(settlement.transfers):
        before = held.get(transfer.symbol, ())
        if not at or not taken:
            strategy = before[0].strategy if before else ""
            after = attributed(before, strategy, transfer.quantity)
            taken = taken or _less(before, after)
        else:
            after = before
            for strategy, quantity in shared(transfer.quantity, taken):
                after = attributed(after, strategy, quantity)
        held[transfer.symbol] = after
    symbols = tuple(dict.fromkeys(transfer.symbol for transfer in settlement.transfers))
    kept = account.kept
    if kept and settlement.kind is SettlementKind.SPLIT:
        kept = {symbol: one for symbol, one in kept.items() if symbol != settlement.symbol}
    return _changed(account, apply_settlement(account.ledger, settlement), held, symbols, markets, kept)


def attributed(held: tuple[Held, ...], strategy: str, signed: int) -> tuple[Held, ...]:
    """Return who holds what after a strategy bought (> 0) or sold: it closes its own, then others', then opens."""
    quantities = {one.strategy: one.quantity for one in held}
    for name in (strategy, *sorted(quantities)):
        quantity = quantities.get(name, 0)
        if quantity * signed < 0:
            closed = min(abs(quantity), abs(signed))
            quantities[name] = quantity + (closed if signed > 0 else -closed)
            signed += -closed if signed > 0 else closed
    quantities[strategy] = quantities.get(strategy, 0) + signed
    return tuple(Held(name, quantity) for name, quantity in sorted(quantities.items()) if quantity)


def _less(before: tuple[Held, ...], after: tuple[Held, ...]) -> tuple[Held, ...]:
    left = {one.strategy: one.quantity for one in after}
    gone = (Held(one.strategy, abs(one.quantity - left.get(one.strategy, 0))) for one in before)
    return tuple(one for one in gone if one.quantity)


def shared(quantity: int, parts: tuple[Held, ...]) -> list[tuple[str, int]]:
    """Return a quantity in proportion to parts (> 0), rounded down in size; the last takes the rest."""
    whole, left, out = sum(part.quantity for part in parts), quantity, []
    for part in parts[:-1]:
        share = abs(quantity) * part.quantity // whole * (1 if quantity > 0 else -1)
        out.append((part.strategy, share))
        left -= share
    return [*out, (parts[-1].strategy, left)]


def _changed(
    account: Account,
    ledger: Ledger,
    held: dict[str, tuple[Held, ...]],
    symbols: tuple[str, ...],
    markets: Mapping[str, Any],
    kept: dict[str, Kept],
) -> Account:
    worth, gross, sums = account.worth_cents, account.gross_cents, dict(account.sums)
    for symbol in symbols:
        market = markets.get(market_key(symbol))
        for positions, owners, through, sign in (
            (account.ledger.positions, account.held.get(symbol, ()), account.kept, -1),
            (ledger.positions, held.get(symbol, ()), kept, 1),
        ):
            position = positions.get(symbol)
            if position is not None:
                unit = unit_in(through, symbol, position, market)
                worth += sign * worth_of(position, unit)
                gross += sign * abs(position.quantity) * unit.size_cents
                _add(sums, owners, unit, sign)
        if not held.get(symbol):
            held.pop(symbol, None)
    if kept:
        kept = {symbol: one for symbol, one in kept.items() if symbol in ledger.positions}
    return replace(account, ledger=ledger, held=held, worth_cents=worth, gross_cents=gross, sums=sums, kept=kept)


def remarked(account: Account, symbol: str, before: Any, after: Any, event_ns: int) -> Account:
    """Return the account, which holds the symbol, at the instant when its market has gone from one state to another."""
    position = account.ledger.positions[symbol]
    if account.kept and symbol in account.kept:
        return _after_kept(account, symbol, after, event_ns)
    if isinstance(before, Market) and before.exposure_cents is not None and before.value_cents is not None:
        return _share_remarked(account, symbol, before, after, event_ns)
    return _revalued(account, symbol, held_unit(symbol, position, before), held_unit(symbol, position, after), event_ns)


def _after_kept(account: Account, symbol: str, after: Any, event_ns: int) -> Account:
    """Return the account at a mark of what a split has not settled yet: it counts only where it is of a day later."""
    position = account.ledger.positions[symbol]
    if event_ns < account.kept[symbol].until_ns:
        return at_time(account, event_ns)
    old = unit_in(account.kept, symbol, position, None)
    account = replace(account, kept={name: one for name, one in account.kept.items() if name != symbol})
    return _revalued(account, symbol, old, held_unit(symbol, position, after), event_ns)


def _revalued(account: Account, symbol: str, old: Unit, new: Unit, event_ns: int) -> Account:
    """Return the account at an instant from which one unit of a position counts otherwise."""
    position = account.ledger.positions[symbol]
    sums, now_ns = account.sums, max(account.now_ns, event_ns)
    if old == new:
        return account if now_ns == account.now_ns else replace(account, now_ns=now_ns)
    if old[4:] != new[4:] or old.underlying != new.underlying:
        sums = dict(sums)
        if old.underlying == new.underlying:
            moved = new._replace(delta=new.delta - old.delta, gamma=new.gamma - old.gamma, vega=new.vega - old.vega)
            _add(sums, account.held[symbol], moved, 1)
        else:
            _add(sums, account.held[symbol], old, -1)
            _add(sums, account.held[symbol], new, 1)
    worth = account.worth_cents + worth_of(position, new) - worth_of(position, old)
    gross = account.gross_cents + abs(position.quantity) * (new.size_cents - old.size_cents)
    return with_worth(account, now_ns, worth, gross, sums)


def _share_remarked(account: Account, symbol: str, before: Market, after: Market, event_ns: int) -> Account:
    """Do the same for shares whose prices are known, which stay so: the arithmetic of most marks, without units."""
    assert before.value_cents is not None
    assert before.exposure_cents is not None
    assert after.value_cents is not None
    assert after.exposure_cents is not None
    quantity, sums = account.ledger.positions[symbol].quantity, account.sums
    larger = after.exposure_cents - before.exposure_cents
    worth = account.worth_cents + quantity * (after.value_cents - before.value_cents)
    if larger:
        inner = dict(sums.get(symbol, NO_SUMS))
        for owner in account.held[symbol]:
            delta, gamma, vega = inner.get(owner.strategy, NOTHING)
            inner[owner.strategy] = (delta + owner.quantity * larger * MICRO_PER_CENT, gamma, vega)
        sums = {**sums, symbol: inner}
    gross = account.gross_cents + abs(quantity) * larger
    return with_worth(account, max(account.now_ns, event_ns), worth, gross, sums)


def worth_of(position: Position, unit: Unit) -> int:
    """Return what a position counts for in equity, cents."""
    return position.cost_cents if unit.value_cents is None else position.quantity * unit.value_cents


def _add(sums: Sums, owners: tuple[Held, ...], unit: Unit, sign: int) -> None:
    """Change sums, whose inner dicts may be shared and are not changed. What becomes nothing is not kept."""
    inner = dict(sums.get(unit.underlying, {}))
    for owner in owners:
        delta, gamma, vega = inner.get(owner.strategy, NOTHING)
        by = sign * owner.quantity
        cell = (delta + by * unit.delta, gamma + by * unit.gamma, vega + by * unit.vega)
        if cell == NOTHING:
            inner.pop(owner.strategy, None)
        else:
            inner[owner.strategy] = cell
    if inner:
        sums[unit.underlying] = inner
    else:
        sums.pop(unit.underlying, None)


def counted_anew(account: Account, markets: Mapping[str, Any]) -> tuple[int, int, Sums]:
    """Return worth, gross and sums as they are by positions and markets alone."""
    worth = gross = 0
    sums: Sums = {}
    for symbol, position in sorted(account.ledger.positions.items()):
        unit = unit_in(account.kept, symbol, position, markets.get(market_key(symbol)))
        worth += worth_of(position, unit)
        gross += abs(position.quantity) * unit.size_cents
        _add(sums, account.held[symbol], unit, 1)
    return worth, gross, sums
