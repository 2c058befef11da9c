"""A halted account opens nothing, whoever halted it: a person, or a rule; but what only hedges passes."""

from streams.risk.limit import Measure, Objection, OrderView, opening_only


def judge(view: OrderView) -> Objection | None:
    """Object to all that opens while the account is halted, but what brings the underlying's delta nearer to 0."""
    if view.account.halted:
        return opening_only(view, f"account is halted: {view.account.halted}")
    return None


def measure(view: OrderView) -> Measure | None:
    """Return 1 where the account is halted."""
    return Measure(1.0 if view.account.halted else 0.0, 0.0)
