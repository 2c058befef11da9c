"""Why each order was made: from the idea behind it to what the venue did, as records and as lines for people."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from aiots.book.reading import AccountLog, date_of
from schemas.records import (
    Cancel,
    Control,
    Fill,
    OrderIntent,
    OrderKind,
    OrderTicket,
    Settlement,
    Side,
    Signal,
    Verdict,
)
from streams.book.money import text_of

NEW_YORK = ZoneInfo("America/New_York")


@dataclass
class Trail:
    """One order: idea (Signal, OrderTicket, None where a rule made it), intent, verdicts, approval, fills, cancels."""

    intent: OrderIntent
    idea: Signal | OrderTicket | None
    approval: Any = None
    verdicts: list[Verdict] = field(default_factory=list)
    fills: list[Fill] = field(default_factory=list)
    cancels: list[Cancel] = field(default_factory=list)


@dataclass
class Day:
    """What happened to an account on a day, in the order of its log: trails by order id, and what needed no order."""

    account: str
    day: date
    trails: dict[str, Trail] = field(default_factory=dict)
    settlements: list[Settlement] = field(default_factory=list)
    controls: list[tuple[int, Control]] = field(default_factory=list)


def trails_of(log: AccountLog, day: date) -> Day:
    """Return the orders that were made on a day (New York's date of the order), with all that became of them since."""
    found = Day(log.account, day)
    for entry in log.entries:
        record = entry.record
        if isinstance(record, Verdict):
            order_id = record.intent.id
            if date_of(record.intent.event_ns) == day:
                trail = found.trails.get(order_id)
                if trail is None:
                    idea = log.ideas.get(record.intent.signal_id)
                    trail = Trail(record.intent, idea, log.approvals.get(order_id))
                    found.trails[order_id] = trail
                trail.verdicts.append(record)
        elif isinstance(record, Fill):
            if record.intent_id in found.trails:
                found.trails[record.intent_id].fills.append(record)
        elif isinstance(record, Cancel):
            if record.order_id in found.trails:
                found.trails[record.order_id].cancels.append(record)
        elif isinstance(record, Settlement):
            if date_of(record.event_ns) == day:
                found.settlements.append(record)
        elif isinstance(record, Control) and date_of(entry.event_ns) == day:
            found.controls.append((entry.event_ns, record))
    return found


def lines_of(trail: Trail) -> list[str]:
    """Return one order's story."""
    intent = trail.intent
    lines = [
        f"{clock(intent.event_ns)}  {order_text(intent)}   {intent.purpose} by {intent.strategy}, order {intent.id}"
    ]
    lines += [f"    because  {part}" for part in _idea_lines(trail)]
    if trail.approval is not None:
        word = "approved" if trail.approval.approved else "refused"
        lines.append(f"    person   {word}{f': {trail.approval.reason}' if trail.approval.reason else ''}")
    for verdict in trail.verdicts:
        rule = f" by {verdict.rule}" if verdict.rule else ""
        lines.append(f"    risk     {verdict.decision} {verdict.quantity} of {verdict.intent.quantity}{rule}")
        lines += [f"             {reason}" for reason in verdict.reasons]
        lines += [f"             {one.name} {one.value:,.2f}, limit {one.limit:,.2f}" for one in verdict.figures]
    lines += [f"    person   cancels{f': {cancel.reason}' if cancel.reason else ''}" for cancel in trail.cancels]
    lines += [f"    venue    {fill_text(fill)}" for fill in trail.fills]
    if not trail.fills and any(verdict.quantity for verdict in trail.verdicts):
        lines.append("    venue    nothing yet")
    return lines


def _idea_lines(trail: Trail) -> list[str]:
    idea = trail.idea
    if isinstance(idea, Signal):
        calibrated = "calibrated" if idea.calibrated else "not calibrated"
        lines = [
            f"signal {idea.id}: {idea.direction} at {idea.entry:,.2f}, stop {idea.stop:,.2f},"
            f" target {idea.target:,.2f}, confidence {idea.confidence:.2f} ({calibrated}), grade {idea.grade}"
        ]
        if idea.evidence:
            lines.append(", ".join(f"{one.name} {one.value:.6g}" for one in idea.evidence))
        return [*lines, idea.text] if idea.text else lines
    if isinstance(idea, OrderTicket):
        return [f"a person's ticket {idea.id}{f': {idea.reason}' if idea.reason else ''}"]
    return [f"{trail.intent.origin.lower()}: {trail.intent.signal_id}"]


def order_text(intent: OrderIntent) -> str:
    """Return what an order asks for, in words."""
    what = f"{intent.side} {intent.quantity} {intent.symbol.replace('  ', ' ')}"
    if intent.legs:
        legs = " / ".join(f"{leg.side} {leg.ratio} {leg.symbol}" for leg in intent.legs)
        what = f"{intent.quantity} x ({legs})"
    price = ""
    if intent.kind in (OrderKind.LIMIT, OrderKind.STOP_LIMIT):
        price = f" at {text_of(intent.limit_cents)}"
    if intent.trigger_cents:
        price += f" once at {text_of(intent.trigger_cents)}"
    return f"{what} {intent.kind.lower().replace('_', ' ')}{price} {intent.time_in_force.lower()}"


def fill_text(fill: Fill) -> str:
    """Return what a venue did, in words."""
    head = f"{clock(fill.event_ns)}  {fill.status.lower().replace('_', ' ')}"
    if fill.quantity:
        head += f" {fill.quantity} at {text_of(fill.price_cents)}, fee {text_of(fill.fee_cents)}"
        head += f", given away against the quote {text_of(fill.slippage_cents)}" if fill.slippage_cents else ""
    if fill.remaining:
        head += f", {fill.remaining} left"
    return head + (f" ({fill.reason})" if fill.reason else "")


def cash_of(fill: Fill) -> int:
    """Return what a fill brings (> 0) or costs, cents, fee included."""
    parts = fill.legs or (fill,)
    paid = sum(
        (part.quantity if part.side is Side.BUY else -part.quantity) * part.price_cents * part.multiplier
        for part in parts
    )
    return -paid - fill.fee_cents


def clock(event_ns: int) -> str:
    """Return an instant in New York, to the millisecond."""
    return datetime.fromtimestamp(event_ns / 1e9, UTC).astimezone(NEW_YORK).strftime("%H:%M:%S.%f")[:-3]
