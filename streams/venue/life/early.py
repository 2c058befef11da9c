"""Early exercise, by the rules of streams/book/settle_rules.py, at the marks of the evening before.

Told at the opening, before the dividend is paid: calls sold are assigned, and the account's own calls exercised where
`exercise_calls` is set, on the morning a dividend goes ex; puts sold are assigned on any morning. All of a position
goes: every holder reckons alike. Index options are left alone (SPX is European).
"""

from streams.book.money import MICRO_PER_CENT
from streams.book.settle_rules import Quote, call_goes_before, put_goes_overnight
from streams.book.settle_terms import Contract, intrinsic_micro, is_cash_settled, parts_of
from streams.book.valuation import is_option
from streams.venue.life.records import delivered
from streams.venue.life.state import DAY_NS, Draft, Params

STALE_NS = 5 * DAY_NS
"""Marks older than a long weekend say nothing of the evening before."""
MICRO = 100 * MICRO_PER_CENT


def exercise_early(draft: Draft, now_ns: int, open_ns: int, params: Params, ticker: str = "") -> None:
    """Settle what is exercised on the evening before the session that opens at `open_ns`.

    ticker: only contracts that deliver it; "": all.
    """
    day = draft.clock.day
    for account, holder in tuple(draft.holders()):
        for symbol, position in sorted(holder.ledger.positions.items()):
            quote: Quote | None = draft.get(f"contract/{symbol}") if is_option(symbol) else None
            if quote is None or is_cash_settled(symbol) or not now_ns < quote.expiry_ns:
                continue
            if now_ns - quote.event_ns > STALE_NS or (position.quantity > 0 and not params.exercise_calls):
                continue
            contract = draft.contract(symbol, position.multiplier)
            if ticker and ticker not in dict(contract.shares):
                continue
            why = _why(draft, contract, quote, day, open_ns, position.quantity > 0)
            if why:
                prices = draft.prices(contract)
                draft.settle(account, delivered(account, contract, position.quantity, now_ns, prices, why))


def _why(draft: Draft, contract: Contract, quote: Quote, day: int, open_ns: int, own: bool) -> str:
    """Return why a contract was exercised on the evening before; empty where it was not."""
    micro = intrinsic_micro(contract, draft.prices(contract))
    if micro is None:
        return ""
    parts, intrinsic = parts_of(contract.symbol), micro / (MICRO * contract.multiplier)
    cash = sum(count * ex_micro(draft, one, day) for one, count in contract.shares) / (MICRO * contract.multiplier)
    if parts.is_call:
        return f"before {cash:.4f} a share went ex" if call_goes_before(quote, intrinsic, cash) else ""
    if own or cash > 0.0 or not put_goes_overnight(quote, intrinsic, parts.strike, open_ns):
        return ""
    return "a night's interest was more than its time value"


def ex_micro(draft: Draft, ticker: str, day: int) -> int:
    """Return the dividends of a share, not paid yet, that go ex by a day, micro-dollars."""
    known = draft.under(ticker)
    return sum(one.cash_micro for one in known.dividends if one.ex_day <= day)
