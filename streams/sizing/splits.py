"""Splits in sizing (streams/book/splits.py): between the event and the Settlement no mark of new shares touches the
bracket, the emergency stop or the hedge of old ones.
"""

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

from schemas.records import MarketEvent, MarketEventKind, Settlement
from streams.book.money import MICRO_PER_CENT
from streams.book.splits import DAY_NS, begun, is_of, times, turned
from streams.sizing.account import Account, Kept
from streams.sizing.market import Market
from streams.sizing.quotes import Contract, unit_cents

NAN = float("nan")


def after_event(state: Mapping[str, Any], accounts: tuple[str, ...], event: MarketEvent) -> dict[str, Any]:
    """Return the states that an event changes: those of a split, once; others change nothing."""
    split = begun(state, event) if event.kind is MarketEventKind.SPLIT else None
    if split is None:
        return {}
    changed: dict[str, Any] = {f"split/{event.symbol}": split}
    for name in accounts:
        account: Account = state[f"account/{name}"]
        kept = dict(account.kept)
        for symbol, position in account.ledger.positions.items():
            if is_of(symbol, event.symbol) and symbol not in kept:
                kept[symbol] = Kept(event.event_ns + DAY_NS, unit_cents(state, symbol, position))
        if len(kept) > len(account.kept):
            changed[f"account/{name}"] = replace(account, kept=dict(sorted(kept.items())))
    ratio = split.new / split.old
    for key, one in state.items():
        if isinstance(one, Contract) and one.underlying == event.symbol:
            newest_ns = max(one.event_ns, event.event_ns)
            changed[key] = replace(
                one, event_ns=newest_ns, bid=NAN, ask=NAN, value_micro=None, spot=one.spot / ratio, delta=NAN
            )
    market: Market | None = state.get(f"market/{event.symbol}")
    if market is not None:
        changed[f"market/{event.symbol}"] = replace(
            market,
            event_ns=max(market.event_ns, event.event_ns),
            bid=market.bid / ratio,
            ask=market.ask / ratio,
            last=market.last / ratio,
            sample=market.sample / ratio,
            recent=(),
        )
    return changed


def released(account: Account, symbol: str, event_ns: int) -> Account:
    """Return the account, without what it keeps of a symbol where a mark is of a day later."""
    one = account.kept.get(symbol)
    if one is None or event_ns < one.until_ns:
        return account
    return replace(account, kept={name: kept for name, kept in account.kept.items() if name != symbol})


def carried(state: Mapping[str, Any], account: Account, settlement: Settlement) -> dict[str, Any]:
    """Return the contract that a settled one became, at its worth, where none has been told yet."""
    found = turned(settlement)
    if found is None or found.gone not in account.kept:
        return {}
    key, value = f"contract/{found.came}", account.kept[found.gone].value_cents
    position, before = account.ledger.positions.get(found.gone), state.get(key)
    if position is None or value is None or (before is not None and before.value_micro is not None):
        return {}
    old: Contract | None = state.get(f"contract/{found.gone}")
    if old is None:
        return {}
    micro = times(value * MICRO_PER_CENT, found.factor / Fraction(position.multiplier))
    return {key: replace(old, event_ns=settlement.event_ns, value_micro=micro)}
