"""Exits of brackets as risk counts them: the venue works them by itself, so they are known by its Fills alone.

Of a bracket's two exits one cancels the other, so the worse of both counts and not the sum. They count from the fill of
their order on, before the venue has told of them: a close beside a live bracket is one order more that may sell what
the exits sell, and what of it could turn the position round is judged as what opens. The emergency stop has them
cancelled before it closes (sizing's flatten.py), so its orders are judged without them.
"""

from collections.abc import Iterator
from dataclasses import replace

from schemas.records import Fill, OrderIntent, OrderKind, OrderOrigin, OrderStatus, Purpose, Side
from streams.risk.account import Account, Exits, Part, Working

EXITS = (Purpose.TARGET, Purpose.STOP)


def under_way(account: Account) -> Iterator[Working]:
    """Yield what may still fill: working orders, and one for the exits of each bracket."""
    yield from account.working.values()
    for one in account.exits.values():
        yield one.order


def after_fill(account: Account, fill: Fill, order: Working | None) -> Account:
    """Return the account after news of an order, which was under way as `order`, or of an exit (None)."""
    if order is None and fill.purpose not in EXITS:
        return account
    key = f"{fill.signal_id}/{fill.symbol}"
    before = account.exits.get(key)
    target, stop = (before.target, before.stop) if before is not None else (0, 0)
    if order is not None:
        if not fill.quantity or not (order.target or order.stop):
            return account
        target += fill.quantity * order.target
        stop += fill.quantity * order.stop
        side = Side.SELL if fill.side is Side.BUY else Side.BUY
    else:
        if before is None and fill.status is not OrderStatus.ACKNOWLEDGED:
            return account
        side = fill.side
        if fill.purpose is Purpose.TARGET:
            target, stop = fill.remaining, max(0, stop - fill.quantity)
        else:
            target, stop = max(0, target - fill.quantity), fill.remaining
    return replace(account, exits=_with(account.exits, key, fill, side, target, stop))


def _with(exits: dict[str, Exits], key: str, fill: Fill, side: Side, target: int, stop: int) -> dict[str, Exits]:
    out = {name: one for name, one in exits.items() if name != key}
    if quantity := max(target, stop):
        part = Part(fill.symbol, 1 if side is Side.BUY else -1, fill.multiplier)
        market = OrderKind.MARKET
        order = Working(
            fill.symbol, side, quantity, 0, (part,), fill.strategy, market, 0, OrderOrigin.BOOK, fill.event_ns
        )
        out[key] = Exits(target, stop, order)
    return out


def before_stop(account: Account, intent: OrderIntent) -> Account:
    """Return the account as the emergency stop's orders meet it: without exits of their symbol."""
    if not account.exits or intent.purpose is not Purpose.FLATTEN or intent.origin is not OrderOrigin.BOOK:
        return account
    return replace(account, exits={key: one for key, one in account.exits.items() if one.order.symbol != intent.symbol})
