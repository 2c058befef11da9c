"""The emergency stop: all that an account holds is closed, at the market, as soon as a mark is there.

What is short is bought back first, so that no long leg leaves before the short one that it secures. An order is sent
again where the one before ended without closing all, with the next mark of its symbol: never in answer to that end
alone, or an order that cannot be filled would go round for ever.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from schemas.records import OrderIntent, OrderOrigin, Purpose, Side
from streams.book.ledger import Position
from streams.sizing.account import Account, is_working, with_order
from streams.sizing.orders import market_order
from streams.sizing.quotes import equity_cents, executable_of, newest_ns

STRATEGY = "flatten"


def breached(account: Account, state: Mapping[str, Any]) -> tuple[int, str]:
    """Return the account's peak of equity, cents, and why all is to be closed; empty where it is not.

    Only where the mandate's drawdown_flatten is set, and a position is held.
    """
    limit = account.mandate.drawdown_flatten
    if not limit or not account.ledger.positions:
        return account.peak_cents, ""
    equity = equity_cents(state, account)
    peak = max(account.peak_cents, equity)
    fall = 1.0 - equity / peak
    return peak, f"equity is {fall:.4f} below its peak, limit {limit:.4f}" if fall >= limit else ""


def closing(
    account: Account, state: Mapping[str, Any], event_ns: int, only: str = ""
) -> tuple[Account, list[OrderIntent]]:
    """Return the account with an order to close each position that has none, and no split, under way, and the orders.

    event_ns: now, for a position without a mark. only: one symbol; empty: all.
    """
    orders = []
    for symbol, position in _shorts_first(account.ledger.positions):
        if (only and symbol != only) or symbol in account.kept or is_working(account, symbol):
            continue
        side = Side.SELL if position.quantity > 0 else Side.BUY
        price = executable_of(state, symbol, side)
        if not price > 0:
            price = max(0.01, abs(position.cost_cents / (position.quantity * position.multiplier)) / 100)
        order = market_order(
            account.mandate.account,
            symbol,
            -position.quantity,
            Purpose.FLATTEN,
            cause=f"flatten/{symbol}",
            strategy=STRATEGY,
            event_ns=max(event_ns, newest_ns(state, symbol)),
            ordinal=account.orders,
            reference=price,
            origin=OrderOrigin.BOOK,
            multiplier=position.multiplier,
        )
        account = with_order(account, order)
        orders.append(order)
    return account, orders


def _shorts_first(positions: Mapping[str, Position]) -> Iterator[tuple[str, Position]]:
    yield from sorted(positions.items(), key=lambda one: (one[1].quantity > 0, one[0]))
