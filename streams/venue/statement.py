"""The account as the venue itself keeps it, and its statement at each session's close.

These are plain sums of what the venue has told: cash, fees and quantities of its Fills and Settlements. They know no
lots, no costs and nothing of streams/book/ledger.py, by which sizing and risk keep the account; so that a fault there
shows as a difference (streams/book/reconcile.py).

- A Statement is told once an account and session, with the first SESSION_CLOSE of its day, after what that close
  settles; where no close was told, with the next SESSION_OPEN, before what that morning settles.
- It stands for all that the venue has written before it. Nobody else writes Fills and Settlements, and all of an
  account goes to one partition: so what is still under way between venue and ledger lies before it there, and is no
  difference.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from schemas.records import (
    Fill,
    Mandate,
    MarketEvent,
    MarketEventKind,
    Record,
    Settlement,
    Side,
    StatedPosition,
    Statement,
)
from streams.book.ledger import Ledger
from streams.stage import Emit, Step
from streams.venue.life.state import TOPIC, Clock, Holder, day_of, text_day


@dataclass(frozen=True, slots=True)
class Line:
    """Shares or contracts held, never 0, and the shares that their price is for."""

    quantity: int
    multiplier: int


@dataclass(frozen=True, slots=True)
class Kept:
    """An account's sums. stated_day: the session that was stated last, days since 1970."""

    cash_cents: int
    fees_cents: int = 0
    lines: dict[str, Line] = field(default_factory=dict)
    stated_day: int = -1


STATE: dict[str, type] = {"kept": Kept}


def after(state: Mapping[str, Any], record: Record, step: Step) -> Step:
    """Return the venue's step with its sums of what the step tells, and with the statements that are due."""
    if isinstance(record, MarketEvent):
        return _on_event(state, record, step)
    if isinstance(record, Mandate):
        return _on_mandate(state, record, step)
    return step if not step.outputs else Step({**step.changed, **_folded(state, step)}, step.outputs)


def _on_mandate(state: Mapping[str, Any], mandate: Mandate, step: Step) -> Step:
    key = f"kept/{mandate.account}"
    return step if key in state else Step({**step.changed, key: Kept(mandate.capital_cents)}, step.outputs)


def _on_event(state: Mapping[str, Any], event: MarketEvent, step: Step) -> Step:
    """State every account once its session has closed: before the step's outputs where a new one opens."""
    clock: Clock = state.get("life") or Clock()
    changed = {**step.changed, **_folded(state, step)} if step.outputs else step.changed
    if event.kind is MarketEventKind.SESSION_OPEN and day_of(event.start_ns) > clock.day >= 0:
        told, stated = _stated(state, clock, event.event_ns)
        # What the morning settles is folded into sums that have been stated.
        days = {key: replace(changed.get(key, kept), stated_day=kept.stated_day) for key, kept in stated.items()}
        return Step({**changed, **days}, (*told, *step.outputs))
    if event.kind is MarketEventKind.SESSION_CLOSE and event.event_ns > clock.open_ns and clock.day >= 0:
        told, stated = _stated({**state, **changed}, clock, event.event_ns)
        return Step({**changed, **stated}, (*step.outputs, *told))
    return Step(changed, step.outputs)


def _stated(state: Mapping[str, Any], clock: Clock, event_ns: int) -> tuple[list[Emit], dict[str, Kept]]:
    """Return the statements of the clock's session that are not told yet, and what is kept of having told them."""
    told, stated = [], {}
    for account in clock.accounts:
        key = f"kept/{account}"
        kept: Kept = state.get(key) or _opened(state, account)
        if kept.stated_day >= clock.day:
            continue
        stated[key] = replace(kept, stated_day=clock.day)
        told.append(Emit(TOPIC, account, statement_of(account, kept, clock.day, event_ns)))
    return told, stated


def statement_of(account: str, kept: Kept, day: int, event_ns: int) -> Statement:
    """Return an account's statement of a session's day."""
    positions = tuple(
        StatedPosition(symbol, line.quantity, line.multiplier) for symbol, line in sorted(kept.lines.items())
    )
    return Statement(account, event_ns, text_day(day), kept.cash_cents, kept.fees_cents, positions)


def _folded(state: Mapping[str, Any], step: Step) -> dict[str, Kept]:
    """Return the sums that a step's fills and settlements change."""
    found: dict[str, Kept] = {}
    for emit in step.outputs:
        record = emit.record
        if isinstance(record, Fill) and record.quantity:
            moved, paid = _traded(record)
            cash = -paid - record.fee_cents
        elif isinstance(record, Settlement):
            moved = [(one.symbol, one.quantity, one.multiplier) for one in record.transfers]
            cash = record.cash_cents - record.fee_cents
        else:
            continue
        key = f"kept/{record.account}"
        kept: Kept = found.get(key) or state.get(key) or _opened(state, record.account)
        lines = _moved(kept.lines, moved)
        found[key] = Kept(kept.cash_cents + cash, kept.fees_cents + record.fee_cents, lines, kept.stated_day)
    return found


def _traded(fill: Fill) -> tuple[list[tuple[str, int, int]], int]:
    """Return what a fill moves (symbol, quantity, multiplier), and what is paid for it, cents, its fee not counted."""
    moved, paid = [], 0
    for one in fill.legs or (fill,):
        signed = one.quantity if one.side is Side.BUY else -one.quantity
        moved.append((one.symbol, signed, one.multiplier))
        paid += signed * one.price_cents * one.multiplier
    return moved, paid


def _moved(lines: Mapping[str, Line], moved: Sequence[tuple[str, int, int]]) -> dict[str, Line]:
    after = dict(lines)
    for symbol, signed, multiplier in moved:
        held = after.get(symbol)
        quantity = signed + (held.quantity if held is not None else 0)
        if quantity:
            after[symbol] = Line(quantity, held.multiplier if held is not None else multiplier)
        else:
            after.pop(symbol, None)
    return after


def _opened(state: Mapping[str, Any], account: str) -> Kept:
    """Return the sums of an account that was kept before this file was: those of its ledger, once."""
    holder: Holder | None = state.get(f"holder/{account}")
    ledger = holder.ledger if holder is not None else Ledger(0, {})
    lines = {symbol: Line(one.quantity, one.multiplier) for symbol, one in ledger.positions.items()}
    return Kept(ledger.cash_cents, ledger.fees_cents, lines)
