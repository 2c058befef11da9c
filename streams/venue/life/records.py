"""Settlements of options: what exercise, assignment, expiry and settlement in cash change."""

import hashlib
from collections.abc import Mapping

from schemas.records import Settlement, SettlementKind, Transfer
from streams.book.money import MICRO_PER_CENT, text_of
from streams.book.settle_terms import Contract, parts_of, strike_cents


def settlement_id(account: str, symbol: str, kind: SettlementKind, event_ns: int) -> str:
    """Return the 16 hex digits that name a settlement."""
    return hashlib.sha256(f"{account}|{symbol}|{kind}|{event_ns}".encode()).hexdigest()[:16]


def made(
    account: str,
    symbol: str,
    event_ns: int,
    kind: SettlementKind,
    quantity: int,
    price_cents: int,
    transfers: tuple[Transfer, ...],
    cash_cents: int,
    text: str,
    carries: bool = False,
) -> Settlement:
    """Return a settlement without a fee."""
    name = settlement_id(account, symbol, kind, event_ns)
    return Settlement(
        name, account, symbol, event_ns, kind, quantity, price_cents, transfers, carries, cash_cents, 0, text
    )


def expired(account: str, contract: Contract, quantity: int, event_ns: int) -> Settlement:
    """Return the end of a position (negative when short) without value."""
    gone = Transfer(contract.symbol, -quantity, 0, contract.multiplier)
    text = f"{abs(quantity)} {contract.symbol.strip()} expired without value"
    return made(account, contract.symbol, event_ns, SettlementKind.EXPIRY, quantity, 0, (gone,), 0, text)


def paid_out(
    account: str, contract: Contract, quantity: int, event_ns: int, intrinsic_micro: int, value_micro: int
) -> Settlement:
    """Return a settlement in cash of contracts in the money. value_micro: of the index, one unit of it."""
    cents = quantity * ((intrinsic_micro + MICRO_PER_CENT // 2) // MICRO_PER_CENT)
    gone = Transfer(contract.symbol, -quantity, -cents, contract.multiplier)
    price = (value_micro + MICRO_PER_CENT // 2) // MICRO_PER_CENT
    text = f"{abs(quantity)} {contract.symbol.strip()} settled in cash at {text_of(price)}: {text_of(cents)} USD"
    return made(account, contract.symbol, event_ns, SettlementKind.CASH, quantity, price, (gone,), cents, text)


def delivered(
    account: str, contract: Contract, quantity: int, event_ns: int, prices_micro: Mapping[str, int], why: str
) -> Settlement:
    """Return the exercise (quantity > 0) or assignment (< 0) of contracts: shares against the strike.

    The strike less the cash delivered is shared out among several companies' shares by their worth at `prices_micro`.
    A fraction of a share whose price is still open is paid at that price. why: for people.
    """
    parts = parts_of(contract.symbol)
    toward = quantity if parts.is_call else -quantity
    paid = toward * (strike_cents(contract) - contract.cash_cents - _fraction_cents(contract, prices_micro))
    worth = [count * prices_micro.get(ticker, 1) for ticker, count in contract.shares]
    amounts = [paid * size // (sum(worth) or 1) for size in worth[:-1]]
    amounts.append(paid - sum(amounts))
    carries = bool(contract.shares)
    gone = Transfer(contract.symbol, -quantity, 0 if carries else paid, contract.multiplier)
    shares = [
        Transfer(ticker, toward * count, amount, 1)
        for (ticker, count), amount in zip(contract.shares, amounts, strict=False)
    ]
    kind = SettlementKind.EXERCISE if quantity > 0 else SettlementKind.ASSIGNMENT
    price = parts.strike_mills // 10
    moved = ", ".join(f"{one.quantity:+d} {one.symbol}" for one in shares) or "cash"
    text = f"{abs(quantity)} {contract.symbol.strip()} {kind.value.lower()}: {moved} at {text_of(price)}, {why}"
    return made(
        account, contract.symbol, event_ns, kind, quantity, price, (gone, *shares), -paid, text, carries=carries
    )


def _fraction_cents(contract: Contract, prices_micro: Mapping[str, int]) -> int:
    if contract.fraction is None:
        return 0
    ticker, numerator, denominator = contract.fraction
    return prices_micro.get(ticker, 0) * numerator // (denominator * MICRO_PER_CENT)
