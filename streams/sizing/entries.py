"""From a signal to the order that opens a position, and from a bracket to the one that closes it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol

from schemas.records import Direction, Mode, OrderIntent, Purpose, Side, Signal
from streams.book.money import cents_up
from streams.sizing.account import Account, Holding, is_busy, mode_of, with_order
from streams.sizing.market import Market, executable, volatility_annual
from streams.sizing.orders import intent_id
from streams.sizing.quotes import equity_cents
from streams.sizing.rules import RULES
from streams.sizing.sizer import Request


class Settings(Protocol):
    """The part of the stage's parameters that an entry needs."""

    @property
    def samples_min(self) -> int: ...


def entry(state: Mapping[str, Any], account: Account, signal: Signal, params: Settings) -> OrderIntent | str:
    """Return the order that opens a position on a signal, or why there is none."""
    mandate, symbol = account.mandate, signal.symbol
    mode = mode_of(mandate, signal.strategy)
    if mode is Mode.OFF or (mandate.strategies and signal.strategy not in mandate.strategies):
        return "not_followed"
    if account.halted:
        return "halted"
    if is_busy(account, symbol):
        return "busy"
    market: Market | None = state.get(f"market/{symbol}")
    side = Side.BUY if signal.direction is Direction.LONG else Side.SELL
    event_ns, price = signal.event_ns, signal.entry
    if market is not None and market.event_ns > event_ns:
        newest = executable(market, side)
        event_ns, price = market.event_ns, newest if newest == newest else price
    if event_ns >= signal.expires_ns:
        return "expired"
    low, high = sorted((signal.stop, signal.target))
    if not low < price < high:
        return "passed"
    equity = equity_cents(state, account)
    if equity <= 0:
        return "no_equity"
    price_cents = cents_up(price)
    volatility = volatility_annual(market, params.samples_min) if market is not None else float("nan")
    size = RULES[mandate.sizing](Request(equity, price_cents, cents_up(abs(price - signal.stop)), volatility, mandate))
    quantity = min(size.quantity, equity // price_cents)
    if quantity < 1:
        return size.reason or "below_one_share"
    return OrderIntent(
        id=intent_id(mandate.account, signal.id, Purpose.ENTRY, event_ns, account.orders),
        account=mandate.account,
        symbol=symbol,
        event_ns=event_ns,
        side=side,
        quantity=quantity,
        purpose=Purpose.ENTRY,
        signal_id=signal.id,
        strategy=signal.strategy,
        reference=price,
        stop=signal.stop,
        target=signal.target,
        expires_ns=signal.expires_ns,
        parked=mode is Mode.ASK,
    )


def leaving(
    account: Account, symbol: str, holding: Holding, purpose: Purpose, market: Market
) -> tuple[Account, OrderIntent]:
    """Return the account with an order under way that closes a holding, and the order."""
    name = account.mandate.account
    side = Side.SELL if holding.quantity > 0 else Side.BUY
    price = executable(market, side)
    order = OrderIntent(
        id=intent_id(name, holding.signal_id, purpose, market.event_ns, account.orders),
        account=name,
        symbol=symbol,
        event_ns=market.event_ns,
        side=side,
        quantity=abs(holding.quantity),
        purpose=purpose,
        signal_id=holding.signal_id,
        strategy=holding.strategy,
        reference=price if price == price else holding.stop,
        stop=holding.stop,
        target=holding.target,
        expires_ns=holding.expires_ns,
    )
    holdings = {**account.holdings, symbol: replace(holding, leaving=purpose)}
    return with_order(replace(account, holdings=holdings), order), order
