"""Risk: answers each OrderIntent with one Verdict, and halts accounts that lose too much.

What reduces a position passes; what opens is cut to the least that the rules allow (streams/risk/rules). Mark, Fill,
Control and Mandate are passed on to `verdicts`, byte for byte. A person's RESUME lifts any halt and starts the peak
anew at the equity of that moment, since a person has decided to go on from there.
"""

from collections import ChainMap
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from schemas.records import (
    Alert,
    Cancel,
    Control,
    ControlAction,
    Decision,
    Fill,
    Mandate,
    Mark,
    MarketEvent,
    OptionMark,
    OrderIntent,
    Record,
    Settlement,
    Side,
    Verdict,
)
from schemas.topics import PASSED_ON
from streams.book.checks import check_fill, check_intent, check_mandate, check_mark
from streams.book.ledger import apply_fill, quantity_of
from streams.book.money import dollars_of
from streams.checks import bad, unexpected
from streams.fold import PureFold
from streams.risk import account as accounts
from streams.risk.account import Account, Market
from streams.risk.limit import OrderView
from streams.risk.rules import RULES
from streams.stage import Emit, Step

VERDICTS = "verdicts"
RISK = "risk"
SECOND_NS = 1_000_000_000


@dataclass(frozen=True)
class Params:
    """report_interval_s: least event time between two reports that only marks caused. working_max: orders under way
    of an account, at which nothing more is opened.
    """

    report_interval_s: int = 60
    working_max: int = 256

    def __post_init__(self) -> None:
        for name in ("report_interval_s", "working_max"):
            if not getattr(self, name) >= 1:
                raise ValueError(f"{name} must be >= 1, was {getattr(self, name)}")


@dataclass(frozen=True, slots=True)
class Index:
    """The accounts of this partition, in name order."""

    names: tuple[str, ...]


STATE: dict[str, type] = {"index": Index, "account": Account, "market": Market}
NONE = Index(())


def make(params: Params, partition: int, partitions: int) -> PureFold:
    """Return the fold of one partition."""
    return PureFold(advance, params, STATE, forwards=PASSED_ON, forward_topic=VERDICTS)


def advance(state: Mapping[str, Any], record: Record, params: Params) -> Step:
    """Return the verdicts, reports and alerts that a record makes, and what it changes."""
    if isinstance(record, Mark):
        return _on_mark(state, record, params)
    if isinstance(record, OrderIntent):
        return _on_intent(state, record, params)
    if isinstance(record, Fill):
        return _on_fill(state, record)
    if isinstance(record, Control):
        return _on_control(state, record)
    if isinstance(record, Mandate):
        return _on_mandate(state, record)
    if isinstance(record, OptionMark | MarketEvent | Settlement | Cancel):
        return Step({}, ())
    raise unexpected("risk", record)


def _on_mark(state: Mapping[str, Any], mark: Mark, params: Params) -> Step:
    check_mark(mark)
    key = f"market/{mark.symbol}"
    market = accounts.after_mark(state.get(key), mark)
    changed: dict[str, Any] = {key: market}
    outputs: list[Emit] = []
    for name in state.get("index", NONE).names:
        before: Account = state[f"account/{name}"]
        if not before.ledger.positions:
            continue
        markets: Mapping[str, Any] = ChainMap({key: market}, state)  # type: ignore[arg-type]  # only read
        account = accounts.at_time(before, mark.event_ns, state)
        if mark.symbol in account.ledger.positions:
            account, alerts = _watched(account, markets)
            outputs += alerts
        if account.now_ns - account.report_ns >= params.report_interval_s * SECOND_NS:
            account, emit = _reported(account, markets)
            outputs.append(emit)
        if account is not before:
            changed[f"account/{name}"] = account
    return Step(changed, outputs)


def _watched(account: Account, markets: Mapping[str, Any]) -> tuple[Account, list[Emit]]:
    """Return the account after its rules have looked at it, and what they tell, once a rule and session day."""
    now = accounts.equity(account, markets)
    if now > account.peak_cents:
        account = replace(account, peak_cents=now)
    view, alerts = accounts.view_of(account, now), []
    for name, rule in RULES.items():
        breach = rule.watch(view)
        if breach is None:
            continue
        if breach.halts and not account.halted:
            account = replace(account, halted=f"{name}: {breach.text}")
        if name not in account.alerted:
            account = replace(account, alerted=(*account.alerted, name))
            alert = Alert(account.mandate.account, account.now_ns, name, breach.text, breach.value, breach.limit)
            alerts.append(Emit(RISK, account.mandate.account, alert))
    return account, alerts


def _reported(account: Account, markets: Mapping[str, Any]) -> tuple[Account, Emit]:
    account = replace(account, report_ns=account.now_ns)
    return account, Emit(RISK, account.mandate.account, accounts.report(account, markets))


def _on_intent(state: Mapping[str, Any], intent: OrderIntent, params: Params) -> Step:
    check_intent(intent)
    account = accounts.at_time(_account(state, "intent", intent.account), intent.event_ns, state)
    if intent.id in account.working:
        raise bad("intent.id", intent.id, "one that is not under way")
    equity = accounts.equity(account, state)
    reducing, view = _view(account, intent, equity, state, params)
    allowed, rule, reasons = _judged(view) if view.opening else (0, "", ())
    quantity = reducing + allowed
    if quantity:
        account = accounts.with_order(account, intent, quantity)
    decision = Decision.APPROVE if quantity == intent.quantity else Decision.CUT if quantity else Decision.REFUSE
    verdict = Verdict(
        intent=intent,
        event_ns=intent.event_ns,
        decision=decision,
        quantity=quantity,
        rule=rule,
        reasons=reasons,
        equity_cents=equity,
        gross_notional_usd=dollars_of(accounts.gross_cents(account, state)),
    )
    return Step({f"account/{intent.account}": account}, (Emit(VERDICTS, intent.account, verdict),))


def _view(
    account: Account, intent: OrderIntent, equity: int, state: Mapping[str, Any], params: Params
) -> tuple[int, OrderView]:
    """Return how many of the order's shares only reduce, and the rest as rules see it.

    Shares reduce as far as they close what is held, after all working orders on their side have closed theirs.
    """
    worst = accounts.exposure(account, intent.symbol, state)
    buying = intent.side is Side.BUY
    held = quantity_of(account.ledger, intent.symbol)
    same_side = sum(
        order.quantity
        for order in account.working.values()
        if order.symbol == intent.symbol and order.side is intent.side
    )
    reducing = min(intent.quantity, max(0, (-held if buying else held) - same_side))
    view = OrderView(
        account=accounts.view_of(account, equity),
        symbol=intent.symbol,
        opening=intent.quantity - reducing,
        price_cents=_price(state, intent.symbol),
        side_quantity=worst.long if buying else worst.short,
        other_side_quantity=worst.short if buying else worst.long,
        other_gross_cents=accounts.gross_cents(account, state, without=intent.symbol),
        working=len(account.working),
        working_max=params.working_max,
    )
    return reducing, view


def _price(state: Mapping[str, Any], symbol: str) -> int | None:
    market: Market | None = state.get(f"market/{symbol}")
    return market.exposure_cents if market is not None else None


def _judged(view: OrderView) -> tuple[int, str, tuple[str, ...]]:
    """Return the opening shares allowed, the rule that allowed least (first by name), and each rule's objection."""
    allowed, decisive, reasons = view.opening, "", []
    for name, rule in RULES.items():
        objection = rule.judge(view)
        if objection is None:
            continue
        assert 0 <= objection.quantity < view.opening, f"{name} allowed {objection.quantity} of {view.opening}"
        reasons.append(f"{name}: {objection.reason}")
        if objection.quantity < allowed:
            allowed, decisive = objection.quantity, name
    return allowed, decisive, tuple(reasons)


def _on_fill(state: Mapping[str, Any], fill: Fill) -> Step:
    check_fill(fill)
    account = accounts.at_time(_account(state, "fill", fill.account), fill.event_ns, state)
    account = accounts.after_news(account, fill.intent_id, fill.remaining)
    if not fill.quantity:
        return Step({f"account/{fill.account}": account}, ())
    account, alerts = _watched(replace(account, ledger=apply_fill(account.ledger, fill)), state)
    account, emit = _reported(account, state)
    return Step({f"account/{fill.account}": account}, (*alerts, emit))


def _on_control(state: Mapping[str, Any], control: Control) -> Step:
    account = _account(state, "control", control.account)
    if control.event_ns:
        account = accounts.at_time(account, control.event_ns, state)
    if control.action is ControlAction.HALT:
        account = replace(account, halted=control.reason or "by hand")
    else:
        account = replace(account, halted="", alerted=(), peak_cents=max(1, accounts.equity(account, state)))
    account, emit = _reported(account, state)
    return Step({f"account/{control.account}": account}, (emit,))


def _on_mandate(state: Mapping[str, Any], mandate: Mandate) -> Step:
    check_mandate(mandate)
    key = f"account/{mandate.account}"
    changed: dict[str, Any] = {}
    if key in state:
        account = replace(state[key], mandate=mandate)
    else:
        account = accounts.opened(mandate)
        changed["index"] = Index(tuple(sorted((*state.get("index", NONE).names, mandate.account))))
    changed[key], emit = _reported(account, state)
    return Step(changed, (emit,))


def _account(state: Mapping[str, Any], what: str, name: str) -> Account:
    account: Account | None = state.get(f"account/{name}")
    if account is None:
        raise bad(f"{what}.account", repr(name), "an account with a mandate")
    return account
