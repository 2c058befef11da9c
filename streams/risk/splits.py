"""Splits in risk (streams/book/splits.py): what positions count between the event and their Settlement."""

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

from schemas.records import MarketEvent, Settlement
from streams.book.splits import DAY_NS, begun, is_of, times, turned
from streams.risk.account import Account
from streams.risk.market import Kept, Market, OptionMarket, market_key, unit_in


def after_event(state: Mapping[str, Any], accounts: tuple[str, ...], event: MarketEvent) -> dict[str, Any]:
    """Return the states that a split changes: positions keep their worth, markets go on in new shares."""
    split = begun(state, event)
    if split is None:
        return {}
    changed: dict[str, Any] = {f"split/{event.symbol}": split}
    for name in accounts:
        account: Account = state[f"account/{name}"]
        kept = dict(account.kept)
        for symbol, position in account.ledger.positions.items():
            if is_of(symbol, event.symbol):
                unit = unit_in(account.kept, symbol, position, state.get(market_key(symbol)))
                kept[symbol] = Kept(event.event_ns + DAY_NS, *unit)
        if len(kept) > len(account.kept):
            changed[f"account/{name}"] = replace(account, kept=dict(sorted(kept.items())))
    for key, market in state.items():
        if isinstance(market, OptionMarket) and market.underlying == event.symbol:
            spot = None if market.spot_micro is None else times(market.spot_micro, Fraction(split.old, split.new))
            newest_ns = max(market.event_ns, event.event_ns)
            changed[key] = OptionMarket(newest_ns, market.underlying, market.expiry_ns, None, None, None, spot, None)
    shares: Market | None = state.get(market_key(event.symbol))
    if shares is not None:
        factor, value, exposure = Fraction(split.old, split.new), shares.value_cents, shares.exposure_cents
        changed[market_key(event.symbol)] = Market(
            max(shares.event_ns, event.event_ns),
            None if value is None else times(value, factor),
            None if exposure is None else -(-exposure * split.old // split.new),
        )
    return changed


def carried(state: Mapping[str, Any], account: Account, settlement: Settlement) -> dict[str, Any]:
    """Return the market of the contract that a settled one became, at its worth, where none has been told yet."""
    found = turned(settlement)
    if found is None or found.gone not in account.kept:
        return {}
    key, unit = market_key(found.came), account.kept[found.gone]
    position, before = account.ledger.positions.get(found.gone), state.get(key)
    if position is None or (isinstance(before, OptionMarket) and before.value_micro is not None):
        return {}
    old: OptionMarket | None = state.get(market_key(found.gone))

    def share(amount: int) -> int:
        return times(amount, found.factor / position.multiplier)

    value = None if unit.value_cents is None else share(unit.value_cents * 10_000)
    expiry_ns = max(one.expiry_ns for one in (old, before) if one is not None) if old or before else 0
    spot = old.spot_micro if old is not None else None
    event_ns = settlement.event_ns
    if not unit.known:
        return {key: OptionMarket(event_ns, unit.underlying, expiry_ns, value, None, None, spot, None)}
    greeks = share(unit.delta), share(unit.gamma), share(unit.vega)
    return {key: OptionMarket(event_ns, unit.underlying, expiry_ns, value, None, None, spot, *greeks)}
