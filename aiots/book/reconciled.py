"""An account's ledger from its log, at the place of the venue's last statement or at a day's end, and what it is held
against.
"""

from dataclasses import dataclass
from datetime import date

from aiots.book.reading import AccountLog, date_of
from schemas.records import Fill, Mandate, Settlement, Statement
from streams.book.ledger import Ledger, apply_fill, apply_settlement
from streams.book.reconcile import Figure, Stated, figures


@dataclass(frozen=True)
class Reconciled:
    """Both sides' figures. against: what the ledger was held against. since: fills and settlements after that place."""

    against: str
    figures: tuple[Figure, ...]
    since: int

    @property
    def differences(self) -> tuple[Figure, ...]:
        """Return the figures that differ."""
        return tuple(one for one in self.figures if one.apart)


def with_venue(log: AccountLog, last: date | None = None) -> Reconciled | None:
    """Return the ledger at the venue's newest statement of a day up to `last` (None: of any) against it; None: there is
    no statement.
    """
    places = [
        at
        for at, entry in enumerate(log.entries)
        if isinstance(entry.record, Statement) and (last is None or entry.record.day <= last.isoformat())
    ]
    if not places:
        return None
    statement = log.entries[places[-1]].record
    ledger = ledger_at(log, places[-1])
    return Reconciled(f"the venue's statement of {statement.day}", figures(ledger, statement), _moves(log, places[-1]))


def with_file(log: AccountLog, stated: Stated, name: str, last: date | None = None) -> Reconciled:
    """Return the ledger as of now, or at the end of a day, against what a file states."""
    end = len(log.entries)
    if last is not None:
        late = (at for at, one in enumerate(log.entries) if (day := date_of(one.event_ns)) is not None and day > last)
        end = next(late, end)
    return Reconciled(name, figures(ledger_at(log, end), stated), _moves(log, end))


def ledger_at(log: AccountLog, end: int) -> Ledger:
    """Return the ledger after the first `end` entries of an account's log."""
    ledger, opened = Ledger(0, {}), False
    for entry in log.entries[:end]:
        record = entry.record
        if isinstance(record, Fill):
            ledger = apply_fill(ledger, record)
        elif isinstance(record, Settlement):
            ledger = apply_settlement(ledger, record)
        elif isinstance(record, Mandate) and not opened:
            ledger, opened = Ledger(record.capital_cents, {}), True
    return ledger


def _moves(log: AccountLog, start: int) -> int:
    """Return how many fills and settlements stand from an entry on."""
    records = (entry.record for entry in log.entries[start:])
    return sum(isinstance(one, Settlement) or (isinstance(one, Fill) and one.quantity > 0) for one in records)
