"""Expiry: what is in the money by 0.01 is exercised (OCC Rule 805), index options are settled in cash.

- Long contracts are exercised or expire at once, at the instant they end. Short ones are decided at that price too, but
  the account is told the next morning (assignment.py): until then it holds them.
- PM: the last trade up to the end. AM: the first mark of the underlying after it, which stands in for the opening value
  of the index. Half days need no rule: a contract's end is its session's.
- A contract without any price of its underlying waits for one.
"""

from streams.book.settle_rules import is_exercised
from streams.book.settle_terms import intrinsic_micro, is_cash_settled, is_opening, underlying
from streams.book.valuation import is_option
from streams.venue.life.assignment import decide
from streams.venue.life.records import delivered, expired, paid_out
from streams.venue.life.state import Draft, Holder, Params

SECOND_NS = 1_000_000_000


def end_contracts(draft: Draft, now_ns: int, params: Params, ticker: str = "", exact: bool = False) -> None:
    """Settle the contracts that have ended.

    ticker: whose price of `now_ns` has come: its contracts have theirs (exact: that price is already kept); those of
    others wait `settle_wait_s`, or for a session's end (ticker "", exact).
    """
    for account, holder in tuple(draft.holders()):
        told = {one.symbol for one in holder.pending}
        for symbol, position in sorted(holder.ledger.positions.items()):
            if not is_option(symbol) or symbol in told:
                continue
            end_ns = draft.end_ns(symbol)
            if now_ns < end_ns or not _has_price(symbol, end_ns, now_ns, params, ticker, exact):
                continue
            _end(draft, account, symbol, position.quantity, position.multiplier, end_ns, params)


def _has_price(symbol: str, end_ns: int, now_ns: int, params: Params, ticker: str, exact: bool) -> bool:
    """Return whether the price that settles a contract is the one that is kept now."""
    if is_opening(symbol):
        return exact and (not ticker or (ticker == underlying(symbol) and now_ns > end_ns))
    if now_ns >= end_ns + params.settle_wait_s * SECOND_NS or not ticker:
        return True
    # A mark of the very instant is the close; of a later one the close is what was kept before it.
    return ticker == underlying(symbol) and exact == (now_ns == end_ns)


def _end(draft: Draft, account: str, symbol: str, quantity: int, multiplier: int, end_ns: int, params: Params) -> None:
    contract = draft.contract(symbol, multiplier)
    prices = draft.prices(contract)
    intrinsic = intrinsic_micro(contract, prices)
    if intrinsic is None:
        return
    if is_cash_settled(symbol):
        if intrinsic > 0:
            value = prices[underlying(symbol)]
            draft.settle(account, paid_out(account, contract, quantity, end_ns, intrinsic, value))
        else:
            draft.settle(account, expired(account, contract, quantity, end_ns))
    elif quantity < 0:
        holder: Holder = draft.get(f"holder/{account}")
        pending = decide(account, contract, -quantity, intrinsic, end_ns, params)
        draft.changed[f"holder/{account}"] = Holder(holder.ledger, (*holder.pending, pending))
    elif is_exercised(intrinsic, contract.multiplier):
        draft.settle(account, delivered(account, contract, quantity, end_ns, prices, "in the money at its end"))
    else:
        draft.settle(account, expired(account, contract, quantity, end_ns))
