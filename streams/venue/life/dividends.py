"""Dividends: paid on the shares held at the opening of the ex-date, by who is short.

Cash comes on the ex-date; in truth it comes on the day of payment, weeks later. An amount is rounded to the nearest
cent, a half away from zero. One that is told after the opening of its own ex-date is paid at once.
"""

from dataclasses import replace

from schemas.records import Settlement, SettlementKind
from streams.book.money import MICRO_PER_CENT
from streams.venue.life.records import made
from streams.venue.life.state import Dividend, Draft, Underlying, text_day

KEPT_MAX = 16


def declare(draft: Draft, ticker: str, ex_day: int, cash_micro: int) -> None:
    """Keep a dividend of a share; one of the same day takes the other's place, and cash 0 takes it away."""
    known: Underlying = draft.under(ticker)
    if ex_day <= known.paid_day or ex_day < draft.clock.day:
        return
    kept = [one for one in known.dividends if one.ex_day != ex_day]
    if cash_micro > 0:
        kept.append(Dividend(ex_day, cash_micro))
    dividends = tuple(sorted(kept, key=lambda one: one.ex_day)[:KEPT_MAX])
    draft.changed[f"ticker/{ticker}"] = replace(known, dividends=dividends)


def pay(draft: Draft, now_ns: int, tickers: tuple[str, ...]) -> None:
    """Pay what goes ex by the clock's day on these tickers' shares."""
    day = draft.clock.day
    for ticker in tickers:
        known = draft.under(ticker)
        due = [one for one in known.dividends if one.ex_day <= day]
        if not due:
            continue
        left = tuple(one for one in known.dividends if one.ex_day > day)
        draft.changed[f"ticker/{ticker}"] = replace(known, dividends=left, paid_day=due[-1].ex_day)
        micro = sum(one.cash_micro for one in due)
        for account, holder in tuple(draft.holders()):
            position = holder.ledger.positions.get(ticker)
            if position is not None:
                draft.settle(account, _paid(account, ticker, now_ns, position.quantity, micro, due[-1].ex_day))


def _paid(account: str, ticker: str, now_ns: int, quantity: int, micro: int, ex_day: int) -> Settlement:
    size = (abs(quantity) * micro + MICRO_PER_CENT // 2) // MICRO_PER_CENT
    cents = size if quantity > 0 else -size
    text = f"{quantity} {ticker}, {micro / 1_000_000:.6g} a share went ex {text_day(ex_day)}"
    price = (micro + MICRO_PER_CENT // 2) // MICRO_PER_CENT
    return made(account, ticker, now_ns, SettlementKind.DIVIDEND, quantity, price, (), cents, text)
