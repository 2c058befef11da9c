"""The venue's statement against risk's own ledger, at its place in the inbox: what differs is an Alert.

The statement stands behind every Fill and Settlement that it counts (streams/venue/statement.py), so at its place the
ledger has applied them all, and nothing else: any difference is a fault, never news under way.
"""

from dataclasses import dataclass

from schemas.records import Alert, Priority, Statement
from streams.book.ledger import Ledger
from streams.book.reconcile import Figure, differences

RULE = "statement"
ALERTS_MAX = 20
"""Of one statement; the last says how many more there are."""


@dataclass(frozen=True, slots=True)
class Compared:
    """When the newest statement was compared, and in how many figures it differed."""

    event_ns: int
    differences: int


STATE: dict[str, type] = {"statement": Compared}


def compared(ledger: Ledger, statement: Statement) -> tuple[Compared, list[Alert]]:
    """Return what comes of a statement: an Alert a figure in which the ledger differs."""
    found = differences(ledger, statement)
    alerts = [_alert(statement, one, "") for one in found[:ALERTS_MAX]]
    if len(found) > ALERTS_MAX:
        alerts[-1] = _alert(statement, found[ALERTS_MAX - 1], f"; and {len(found) - ALERTS_MAX} more figures differ")
    return Compared(statement.event_ns, len(found)), alerts


def _alert(statement: Statement, one: Figure, more: str) -> Alert:
    text = f"{statement.account} does not reconcile at the close of {statement.day}: {one.text}{more}"
    return Alert(
        account=statement.account,
        event_ns=statement.event_ns,
        rule=RULE,
        text=text,
        value=float(one.ours),
        limit=float(one.theirs),
        priority=Priority.HIGH,
    )
