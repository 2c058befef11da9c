"""The fall from the highest equity at which all is closed: it halts the account, and sizing closes what is held."""

from streams.book.money import share_of, text_of
from streams.risk.limit import AccountView, Breach, Measure, Objection, OrderView


def _breached(view: AccountView) -> bool:
    if not view.mandate.drawdown_flatten:
        return False
    fall = view.peak_cents - view.equity_cents
    return fall > 0 and fall >= share_of(view.peak_cents, view.mandate.drawdown_flatten)


def _text(view: AccountView) -> str:
    return (
        f"equity {text_of(view.equity_cents)} USD is {1.0 - view.equity_cents / view.peak_cents:.4f} below its peak"
        f" {text_of(view.peak_cents)} USD, limit {view.mandate.drawdown_flatten:.4f}"
    )


def judge(view: OrderView) -> Objection | None:
    """Object to all that opens, hedges too, once the fall has reached drawdown_flatten."""
    return Objection(0, _text(view.account)) if _breached(view.account) else None


def watch(view: AccountView) -> Breach | None:
    """Halt the account and tell that all is closed once the fall has reached drawdown_flatten."""
    if not _breached(view):
        return None
    text = f"{_text(view)}: all is closed"
    return Breach(text, 1.0 - view.equity_cents / view.peak_cents, view.mandate.drawdown_flatten, True)


def measure(view: OrderView) -> Measure | None:
    """Return the fall from the highest equity, per 1.00 of it."""
    limit = view.account.mandate.drawdown_flatten
    return Measure(1.0 - view.account.equity_cents / view.account.peak_cents, limit) if limit else None
