"""Limit of the fall from the highest equity: it halts the account until a person resumes it."""

from streams.book.money import share_of, text_of
from streams.risk.limit import AccountView, Breach, Measure, Objection, OrderView, opening_only


def _breached(view: AccountView) -> bool:
    fall = view.peak_cents - view.equity_cents
    return fall > 0 and fall >= share_of(view.peak_cents, view.mandate.drawdown_max)


def _text(view: AccountView) -> str:
    return (
        f"equity {text_of(view.equity_cents)} USD is {1.0 - view.equity_cents / view.peak_cents:.4f} below its peak"
        f" {text_of(view.peak_cents)} USD, limit {view.mandate.drawdown_max:.4f}"
    )


def judge(view: OrderView) -> Objection | None:
    """Object to all that opens, but what hedges, once the fall has reached drawdown_max."""
    return opening_only(view, _text(view.account)) if _breached(view.account) else None


def watch(view: AccountView) -> Breach | None:
    """Halt the account once the fall has reached drawdown_max."""
    if not _breached(view):
        return None
    return Breach(_text(view), 1.0 - view.equity_cents / view.peak_cents, view.mandate.drawdown_max, True)


def measure(view: OrderView) -> Measure | None:
    """Return the fall from the highest equity, per 1.00 of it."""
    return Measure(1.0 - view.account.equity_cents / view.account.peak_cents, view.account.mandate.drawdown_max)
