"""Read what an account's day is rebuilt from: its partition of `verdicts` and `book`, and the alerts of `risk`.

`verdicts` has it all in the order in which the venue read it: verdicts (with their intents), marks, fills, settlements,
controls, mandates. `book` tells of signals, tickets and approvals. Times are event times: a record without one of its
own (a person's) has that of the newest record before it.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from aiots.config import Config
from schemas import wire
from schemas.records import Alert, Approval, Control, Fill, Mandate, RiskReport, Settlement, Verdict
from schemas.topics import full_name, partition_of
from streams.options.contracts.clock import new_york_day

MARKS = frozenset({"Mark", "OptionMark"})
Progress = Callable[[int, int], None]
Payloads = Iterable[tuple[int, bytes]]
"""Offset and payload, in the order of a partition's log."""


class UnreadableRecordError(ValueError):
    """A record of the log is none of ours; the text says where it stands."""


@dataclass(frozen=True)
class Entry:
    """A record of the log, where it stands, and when it was, nanoseconds since 1970 UTC."""

    offset: int
    event_ns: int
    record: Any


@dataclass
class AccountLog:
    """What was recorded of one account. entries: its verdicts, fills, settlements and controls, and all marks, in the
    order of the log; ideas: signals and tickets by id; approvals by order; alerts and reports of risk.
    """

    account: str
    entries: list[Entry] = field(default_factory=list)
    ideas: dict[str, Any] = field(default_factory=dict)
    approvals: dict[str, Any] = field(default_factory=dict)
    alerts: list[Alert] = field(default_factory=list)
    reports: list[RiskReport] = field(default_factory=list)

    def days(self) -> list[date]:
        """Return the days of which something of the account is known, the earliest first."""
        found = {date_of(one.event_ns) for one in self.entries if not _is_mark(one.record)}
        return sorted(day for day in found if day is not None)


def date_of(event_ns: int) -> date | None:
    """Return New York's date of an instant; None of 0: before all."""
    return new_york_day(event_ns) if event_ns else None


def _is_mark(record: Any) -> bool:
    return type(record).__name__ in MARKS


def read_account(config: Config, account: str, progress: Progress, *, marks: bool) -> AccountLog:
    """Return all that the log has of an account. marks: with its marks, which are most of the log."""
    partition = partition_of(account, config.partitions)
    verdicts, book, risk = (payloads(config, name, partition, progress) for name in ("verdicts", "book", "risk"))
    return log_of(account, verdicts, book, risk, marks=marks)


def log_of(account: str, verdicts: Payloads, book: Payloads, risk: Payloads, *, marks: bool) -> AccountLog:
    """Return what the records of three topics say of an account, each in its log's order; UnreadableRecordError."""
    log = AccountLog(account)
    now_ns, passed = 0, b""
    for offset, payload in verdicts:
        name = _read("verdicts", offset, payload, wire.name_of)
        if name in MARKS and not marks:
            passed = payload
            continue
        record: Any = _read("verdicts", offset, payload, wire.decode)
        if passed:  # the newest of the marks that were passed over tells when this was
            now_ns, passed = max(now_ns, getattr(_read("verdicts", offset, passed, wire.decode), "event_ns", 0)), b""
        now_ns = max(now_ns, getattr(record, "event_ns", 0))
        if name in MARKS or name == "MarketEvent" or account_of(record) == account:
            log.entries.append(Entry(offset, getattr(record, "event_ns", 0) or now_ns, record))
    for offset, payload in book:
        if _read("book", offset, payload, wire.name_of) in ("Signal", "OrderTicket", "Approval"):
            record = _read("book", offset, payload, wire.decode)
            if isinstance(record, Approval):
                log.approvals[record.order_id] = record
            elif getattr(record, "account", account) == account:
                log.ideas[record.id] = record
    for offset, payload in risk:
        record = _read("risk", offset, payload, wire.decode)
        if isinstance(record, Alert) and record.account == account:
            log.alerts.append(record)
        elif isinstance(record, RiskReport) and record.account == account:
            log.reports.append(record)
    return log


def _read(topic: str, offset: int, payload: bytes, read: Callable[[bytes], Any]) -> Any:
    try:
        return read(payload)
    except wire.WireError as error:
        raise UnreadableRecordError(f"the record at offset {offset} of {topic} cannot be read: {error}") from error


def account_of(record: Any) -> str:
    """Return the account that a record is of, empty where it is of none."""
    if isinstance(record, Verdict):
        return record.intent.account
    return (
        record.account if isinstance(record, Fill | Settlement | Control | Mandate) else getattr(record, "account", "")
    )


def payloads(config: Config, logical: str, partition: int, progress: Progress) -> Iterator[tuple[int, bytes]]:
    """Yield offset and payload of each record of a partition, as far as it has come now."""
    from streams.log.reader import bounds, read

    topic = full_name(config.world, logical)
    low, high = bounds(config.kafka, topic, partition)
    for number, message in enumerate(read(config.kafka, topic, partition, low, high)):
        if number % 4_096 == 0:
            progress((message.offset() or 0) - low, high - low)
        yield message.offset() or 0, message.value() or b""
    progress(high - low, high - low)
