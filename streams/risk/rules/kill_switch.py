"""A halted account opens nothing, whoever halted it: a person, or a rule."""

from streams.risk.limit import AccountView, Breach, Objection, OrderView


def judge(view: OrderView) -> Objection | None:
    """Object to all that opens while the account is halted."""
    if view.account.halted:
        return Objection(0, f"account is halted: {view.account.halted}")
    return None


def watch(view: AccountView) -> Breach | None:
    """Nothing to watch: a halt is an act, not a measure."""
    return None
