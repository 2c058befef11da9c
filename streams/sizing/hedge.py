"""Hedging by a band: where the delta of an underlying's options leaves it, shares bring it back to nothing.

What is hedged are options, with the shares beside them that no signal stands behind: a signal's shares are its own
risk, under its own bracket. Once no option is held, the hedge's own shares go. It acts while the account is halted,
too, as it only reduces delta; not while all is being closed. Back to nothing, not to the band's edge: an order has a
least fee here, and one at each mark would pay it each time.
"""

from collections.abc import Mapping
from typing import Any

from schemas.records import OrderIntent, OrderOrigin, Purpose, Side
from streams.book.ledger import quantity_of
from streams.book.splits import is_of
from streams.book.valuation import is_option
from streams.sizing.account import Account, is_working
from streams.sizing.market import Market
from streams.sizing.orders import market_order
from streams.sizing.quotes import Contract, executable_of

STRATEGY = "delta_band"


def delta_shares(account: Account, state: Mapping[str, Any], underlying: str) -> float | None:
    """Return what is to be hedged, in shares; None where the delta of an option that is held is not known."""
    total, options = 0.0, 0
    for symbol, position in account.ledger.positions.items():
        if not is_option(symbol):
            continue
        contract: Contract | None = state.get(f"contract/{symbol}")
        if contract is None:
            return None
        if contract.underlying == underlying:
            options += 1
            total += position.quantity * position.multiplier * contract.delta
    if not options:
        return float(account.hedged.get(underlying, 0))
    holding = account.holdings.get(underlying)
    shares = quantity_of(account.ledger, underlying) - (holding.quantity if holding is not None else 0)
    return total + shares if total == total else None


def hedge(account: Account, state: Mapping[str, Any], underlying: str) -> OrderIntent | None:
    """Return the order that brings an underlying's delta back to nothing, None where it is within its band."""
    band = account.mandate.hedge_band_usd
    splitting = any(is_of(symbol, underlying) for symbol in account.kept)
    if not band or account.flatten or splitting or is_working(account, underlying):
        return None
    market: Market | None = state.get(f"market/{underlying}")
    if market is None or not market.last > 0:
        return None
    delta = delta_shares(account, state, underlying)
    options_left = any(is_option(symbol) for symbol in account.ledger.positions)
    if delta is None or abs(delta) * market.last <= (band if options_left else 0.0):
        return None
    quantity = -int(delta)
    price = executable_of(state, underlying, Side.BUY if quantity > 0 else Side.SELL)
    if not quantity or not price > 0:
        return None
    return market_order(
        account.mandate.account,
        underlying,
        quantity,
        Purpose.ENTRY,
        cause=f"hedge/{underlying}",
        strategy=STRATEGY,
        event_ns=market.event_ns,
        ordinal=account.orders,
        reference=price,
        origin=OrderOrigin.HEDGE,
    )
