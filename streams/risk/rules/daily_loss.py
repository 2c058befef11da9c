"""Limit of the loss in a session day: from there on nothing is opened until the next day, but what hedges."""

from streams.book.money import cents_down, dollars_of, text_of
from streams.risk.limit import AccountView, Breach, Measure, Objection, OrderView, opening_only


def _breach(view: AccountView) -> str:
    loss, limit = view.day_open_cents - view.equity_cents, cents_down(view.mandate.daily_loss_usd_max)
    return f"lost {text_of(loss)} USD today, limit {text_of(limit)} USD" if loss >= max(1, limit) else ""


def judge(view: OrderView) -> Objection | None:
    """Object to all that opens once the day's loss has reached daily_loss_usd_max."""
    reason = _breach(view.account)
    return opening_only(view, reason) if reason else None


def watch(view: AccountView) -> Breach | None:
    """Tell a person; the day's end lifts it, so the account is not halted."""
    text = _breach(view)
    if not text:
        return None
    return Breach(text, dollars_of(view.day_open_cents - view.equity_cents), view.mandate.daily_loss_usd_max, False)


def measure(view: OrderView) -> Measure | None:
    """Return what was lost in this session day, negative where it was earned."""
    loss = view.account.day_open_cents - view.account.equity_cents
    return Measure(dollars_of(loss), view.account.mandate.daily_loss_usd_max)
