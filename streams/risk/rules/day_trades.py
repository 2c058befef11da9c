"""Limit of the day trades in five sessions while equity is below what FINRA asks of a pattern day trader.

Counted in the worst case: what this session opened and is still held, what works to open, and this order may each be
closed in it, by a stop perhaps (FINRA Rule 4210(f)(8)(B): more than three in five days make a pattern day trader).
"""

from schemas.records import MarginKind
from streams.book.money import text_of
from streams.risk.limit import Measure, Objection, OrderView


def _counts(view: OrderView) -> bool:
    mandate = view.account.mandate
    poor = view.account.equity_cents < view.pattern_equity_cents
    return bool(mandate.day_trades_max) and mandate.margin is MarginKind.REG_T and poor


def judge(view: OrderView) -> Objection | None:
    """Object to all that opens where it could make one day trade too many."""
    limit = view.account.mandate.day_trades_max
    if not _counts(view) or view.day_trades <= limit:
        return None
    equity, least = view.account.equity_cents, view.pattern_equity_cents
    return Objection(
        0,
        f"{view.day_trades} day trades in five sessions could become of it, limit {limit} while equity"
        f" {text_of(equity)} USD is below {text_of(least)} USD",
    )


def measure(view: OrderView) -> Measure | None:
    """Return the day trades that may become of it; none where they are free."""
    return Measure(float(view.day_trades), float(view.account.mandate.day_trades_max)) if _counts(view) else None
