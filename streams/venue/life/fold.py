"""What becomes of positions at the paper venue, record by record, after the venue has matched.

The venue folds each account's ledger itself, of its own Fills and Settlements, in the order in which it tells them; so
sizing and risk, who apply the same, hold the same. Times of events:

- contracts that end: at the price of their end (expiry.py), told at once; short ones the next morning;
- the morning is the first SESSION_OPEN of a new day: what was assigned, what was exercised early (early.py), then
  dividends (dividends.py) on what is left;
- splits when they are told, before the opening (splits.py); special dividends and cash mergers (actions.py) in the
  morning of their day, before ordinary dividends, or, told later, at once.

Events of a ticker come once, those of all tickers (symbol "") once a partition of features: the first one counts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from schemas.records import CorporateAction, Fill, Mandate, Mark, MarketEvent, MarketEventKind, OptionMark, Record
from streams.book.ledger import Ledger, apply_fill
from streams.book.money import micro_of
from streams.book.settle_rules import Quote, quote_of
from streams.book.valuation import is_option
from streams.stage import Emit, Step
from streams.venue.life import actions
from streams.venue.life.assignment import tell
from streams.venue.life.dividends import declare, pay
from streams.venue.life.early import exercise_early
from streams.venue.life.expiry import end_contracts
from streams.venue.life.splits import split
from streams.venue.life.state import STATE, Clock, Draft, Holder, Params, day_of

__all__ = ["STATE", "Params", "after"]


def after(state: Mapping[str, Any], record: Record, step: Step, params: Params) -> Step:
    """Return the venue's step with what becomes of positions: settlements come after the step's own outputs."""
    draft = Draft(state, step.changed, params.fees)
    traded = _fold_fills(draft, step.outputs)
    if isinstance(record, Mark):
        _on_mark(draft, record, params)
    elif isinstance(record, OptionMark):
        _on_option_mark(draft, record, params)
    elif isinstance(record, MarketEvent):
        _on_event(draft, state, record, params)
    elif isinstance(record, CorporateAction):
        actions.tell(draft, record, params)
    elif isinstance(record, Mandate):
        _on_mandate(draft, record)
    elif not traded:
        return step
    if draft.outputs:
        draft.changed["life"] = replace(draft.clock, due_ns=draft.due_ns())
    return Step(draft.changed, (*step.outputs, *draft.outputs))


def _fold_fills(draft: Draft, outputs: Sequence[Emit]) -> bool:
    """Apply the fills among the venue's outputs to its accounts' ledgers; return whether there were any."""
    traded = False
    for emit in outputs:
        fill = emit.record
        if not isinstance(fill, Fill) or not fill.quantity:
            continue
        holder: Holder | None = draft.get(f"holder/{fill.account}")
        if holder is None:
            continue
        traded = True
        draft.changed[f"holder/{fill.account}"] = replace(holder, ledger=apply_fill(holder.ledger, fill))
        ends = [draft.end_ns(one) for one in (fill.symbol, *(leg.symbol for leg in fill.legs)) if is_option(one)]
        clock = draft.clock
        if ends and min(ends) < clock.due_ns:
            draft.changed["life"] = replace(clock, due_ns=min(ends))
    return traded


def _on_mandate(draft: Draft, mandate: Mandate) -> None:
    key, clock = f"holder/{mandate.account}", draft.clock
    if draft.get(key) is None:
        draft.changed[key] = Holder(Ledger(mandate.capital_cents, {}))
        draft.changed["life"] = replace(clock, accounts=tuple(sorted((*clock.accounts, mandate.account))))


def _on_mark(draft: Draft, mark: Mark, params: Params) -> None:
    known, due = draft.under(mark.symbol), mark.event_ns >= draft.clock.due_ns
    if due:
        end_contracts(draft, mark.event_ns, params, mark.symbol)
    if mark.last == mark.last and mark.event_ns >= known.price_ns:
        draft.changed[f"ticker/{mark.symbol}"] = replace(known, price_micro=micro_of(mark.last), price_ns=mark.event_ns)
    if due:
        end_contracts(draft, mark.event_ns, params, mark.symbol, exact=True)


def _on_option_mark(draft: Draft, mark: OptionMark, params: Params) -> None:
    key, ticker = f"contract/{mark.symbol}", mark.underlying
    if any(mark.symbol in holder.ledger.positions for _, holder in draft.holders()):
        known: Quote | None = draft.get(key)
        if known is None or mark.event_ns >= known.event_ns:
            draft.changed[key] = quote_of(mark)
        if known is None or known.expiry_ns != mark.expiry_ns:
            draft.changed["life"] = replace(draft.clock, due_ns=draft.due_ns())
    under = draft.under(ticker)
    # Where the underlying itself is traded its marks say its price; of an index only the options' spot may be known.
    due = not under.price_micro and mark.event_ns >= draft.clock.due_ns
    if due:
        end_contracts(draft, mark.event_ns, params, ticker)
    if not under.price_micro and 0.0 < mark.spot < float("inf") and mark.event_ns >= under.spot_ns:
        draft.changed[f"ticker/{ticker}"] = replace(under, spot_micro=micro_of(mark.spot), spot_ns=mark.event_ns)
    if due:
        end_contracts(draft, mark.event_ns, params, ticker, exact=True)


def _on_event(draft: Draft, state: Mapping[str, Any], event: MarketEvent, params: Params) -> None:
    clock = draft.clock
    if event.kind is MarketEventKind.SESSION_OPEN:
        if day_of(event.start_ns) > clock.day:
            _morning(draft, state, event, params)
    elif event.kind is MarketEventKind.SESSION_CLOSE:
        if event.event_ns >= clock.due_ns:
            end_contracts(draft, event.event_ns, params, exact=True)
    elif event.kind is MarketEventKind.DIVIDEND and 0.0 <= event.value < float("inf") and event.symbol:
        ex_day = day_of(event.start_ns or event.event_ns)
        declare(draft, event.symbol, ex_day, micro_of(event.value))
        if ex_day == clock.day:
            exercise_early(draft, event.event_ns, clock.open_ns, params, event.symbol)
            pay(draft, event.event_ns, (event.symbol,))
    elif event.kind is MarketEventKind.SPLIT and 0.0 < event.value < float("inf"):
        split(draft, event, params)


def _morning(draft: Draft, state: Mapping[str, Any], event: MarketEvent, params: Params) -> None:
    """Begin a session: what ended before it, what was assigned and exercised, then dividends."""
    before = draft.clock
    draft.changed["life"] = Clock(
        day_of(event.start_ns), event.start_ns, event.end_ns, before.due_ns, before.accounts, before.close_ns
    )
    # Ends are looked for up to the opening, and none of those that the opening itself settles.
    end_contracts(draft, min(event.event_ns, event.start_ns - 1), params, exact=True)
    tell(draft, event.event_ns)
    exercise_early(draft, event.event_ns, event.start_ns, params)
    actions.take_effect(draft, event.event_ns, tuple(sorted({*state, *draft.changed})))
    tickers = {key.partition("/")[2] for key in (*state, *draft.changed) if key.startswith("ticker/")}
    pay(draft, event.event_ns, tuple(sorted(tickers)))
    held = {symbol for _, holder in draft.holders() for symbol in holder.ledger.positions}
    for key in sorted(state):
        kind, _, symbol = key.partition("/")
        if kind in ("contract", "terms") and symbol not in held:
            draft.changed[key] = None
    draft.changed["life"] = replace(draft.clock, due_ns=draft.due_ns())
