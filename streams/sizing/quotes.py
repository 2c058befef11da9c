"""What sizing knows of the market of anything that it may trade: shares from Mark, options from OptionMark."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from schemas.records import Leg, OptionMark, Side
from streams.book.ledger import Position
from streams.book.ledger import equity_cents as ledger_equity
from streams.book.valuation import is_option, option_micro
from streams.book.valuation import unit_cents as contract_cents
from streams.sizing.account import Account
from streams.sizing.market import Market, executable, value_cents

NAN = float("nan")


@dataclass(frozen=True, slots=True)
class Contract:
    """The newest OptionMark of a contract, as far as sizing needs it. Prices a share, NaN where unknown.

    value_micro: what a share of it is valued at, micro-dollars; None when unknown.
    """

    underlying: str
    event_ns: int
    expiry_ns: int
    bid: float
    ask: float
    value_micro: int | None
    spot: float
    delta: float


def after_option_mark(contract: Contract | None, mark: OptionMark) -> Contract | None:
    """Return the contract after a mark; one older than the newest changes nothing."""
    if contract is not None and mark.event_ns < contract.event_ns:
        return contract
    return Contract(
        mark.underlying,
        mark.event_ns,
        mark.expiry_ns,
        mark.bid,
        mark.ask,
        option_micro(mark, None if contract is None else contract.value_micro),
        mark.spot,
        mark.delta,
    )


def executable_of(state: Mapping[str, Any], symbol: str, side: Side) -> float:
    """Return the price of a share at which an order fills now: ask to buy, bid to sell; NaN when unknown."""
    if is_option(symbol):
        contract: Contract | None = state.get(f"contract/{symbol}")
        if contract is None:
            return NAN
        return contract.ask if side is Side.BUY else contract.bid
    market: Market | None = state.get(f"market/{symbol}")
    return executable(market, side) if market is not None else NAN


def net_of(state: Mapping[str, Any], legs: Sequence[Leg]) -> float:
    """Return what one combination costs by its legs' executable sides, dollars; negative where it brings money."""
    total = 0.0
    for leg in legs:
        price = executable_of(state, leg.symbol, leg.side) * leg.ratio * leg.multiplier
        total += price if leg.side is Side.BUY else -price
    return total


def newest_ns(state: Mapping[str, Any], symbol: str) -> int:
    """Return the instant of the newest mark of an instrument; 0 before the first."""
    seen = state.get(f"contract/{symbol}" if is_option(symbol) else f"market/{symbol}")
    return seen.event_ns if seen is not None else 0


def is_measured(state: Mapping[str, Any], symbol: str) -> bool:
    """Return whether risk can measure an instrument: a contract, once a mark has told value, delta and spot."""
    if not is_option(symbol):
        return newest_ns(state, symbol) > 0
    contract: Contract | None = state.get(f"contract/{symbol}")
    if contract is None or contract.value_micro is None:
        return False
    return contract.delta == contract.delta and contract.spot == contract.spot


def unit_cents(state: Mapping[str, Any], symbol: str, position: Position) -> int | None:
    """Return what one unit of a position (a share, a contract) is valued at, cents; None when unknown."""
    if is_option(symbol):
        contract: Contract | None = state.get(f"contract/{symbol}")
        return contract_cents(contract.value_micro, position.multiplier) if contract is not None else None
    return value_cents(state.get(f"market/{symbol}"))


def equity_cents(state: Mapping[str, Any], account: Account) -> int:
    """Return cash and positions at the newest marks, cents; a position without a price counts at its cost, one whose
    split is under way as it did before.
    """
    values = {}
    for symbol, position in account.ledger.positions.items():
        kept = account.kept.get(symbol)
        value = unit_cents(state, symbol, position) if kept is None else kept.value_cents
        if value is not None:
            values[symbol] = value
    return ledger_equity(account.ledger, values)
