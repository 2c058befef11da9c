"""The fall from the highest equity from which what opens is cut to half."""

from streams.book.money import share_of, text_of
from streams.risk.limit import AccountView, Breach, Measure, Objection, OrderView


def _breached(view: AccountView) -> bool:
    if not view.mandate.drawdown_reduce:
        return False
    fall = view.peak_cents - view.equity_cents
    return fall > 0 and fall >= share_of(view.peak_cents, view.mandate.drawdown_reduce)


def _text(view: AccountView) -> str:
    return (
        f"equity {text_of(view.equity_cents)} USD is {1.0 - view.equity_cents / view.peak_cents:.4f} below its peak"
        f" {text_of(view.peak_cents)} USD, limit {view.mandate.drawdown_reduce:.4f}"
    )


def judge(view: OrderView) -> Objection | None:
    """Object to the second half of what opens, but what hedges, once the fall has reached drawdown_reduce."""
    allowed = max(view.opening // 2, view.hedging)
    return Objection(allowed, _text(view.account)) if allowed < view.opening and _breached(view.account) else None


def watch(view: AccountView) -> Breach | None:
    """Tell a person; orders go on at half their size."""
    if not _breached(view):
        return None
    text = f"{_text(view)}: what opens is cut to half"
    return Breach(text, 1.0 - view.equity_cents / view.peak_cents, view.mandate.drawdown_reduce, False)


def measure(view: OrderView) -> Measure | None:
    """Return the fall from the highest equity, per 1.00 of it."""
    limit = view.account.mandate.drawdown_reduce
    return Measure(1.0 - view.account.equity_cents / view.account.peak_cents, limit) if limit else None
