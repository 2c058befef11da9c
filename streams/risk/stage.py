"""Risk: answers each OrderIntent with one Verdict, and halts accounts that lose too much.

What reduces a position passes; what opens is cut to the least that the rules allow (streams/risk/rules). Mark, Fill,
Control, Mandate and their like are passed on to `verdicts`, byte for byte. A person's RESUME lifts any halt and starts
the peak anew at the equity of that moment, since a person has decided to go on from there. A Cancel always passes.

An intent that is parked (it waits for a person) is judged, and its verdict told by an Alert of the rule "ask"; it
takes nothing of the limits and makes no Verdict, so that no venue ever sees it. It is judged again when it is sent.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from schemas.records import (
    Alert,
    Cancel,
    Control,
    ControlAction,
    CorporateAction,
    Decision,
    Figure,
    Fill,
    Mandate,
    Mark,
    MarketEvent,
    MarketEventKind,
    OptionMark,
    OrderIntent,
    Record,
    Settlement,
    Side,
    Statement,
    Verdict,
)
from schemas.topics import PASSED_ON
from streams.book import radar
from streams.book.checks import (
    check_fill,
    check_intent,
    check_mandate,
    check_mark,
    check_option_mark,
    check_settlement,
    check_statement,
)
from streams.book.ledger import Ledger, quantity_of
from streams.book.money import dollars_of
from streams.checks import bad, unexpected
from streams.fold import PureFold
from streams.risk import account as accounts
from streams.risk import calls, day_trades, exits, holdings, margins, soft, splits
from streams.risk import statement as statements
from streams.risk.account import DAY_CUT_NS, DAY_NS, Account
from streams.risk.exposure import Worst
from streams.risk.judge import figures_of, judged, reducing_units, view_order
from streams.risk.limit import OrderView, watch_nothing
from streams.risk.market import Market, OptionMarket, after_mark, after_option_mark, market_key
from streams.risk.params import Params as Params
from streams.risk.rules import RULES
from streams.stage import Emit, Step

VERDICTS = "verdicts"
RISK = "risk"
SECOND_NS = 1_000_000_000
EXPIRED_NS = 7 * DAY_NS
"""How long after its expiry the market of a contract that nobody holds is kept."""


@dataclass(frozen=True, slots=True)
class Index:
    """The accounts of this partition, in name order."""

    names: tuple[str, ...]


WATCHED = tuple(name for name, rule in RULES.items() if rule.watch is not watch_nothing)
"""Rules that look at every mark."""
STATE: dict[str, type] = {
    "index": Index,
    "account": Account,
    "market": Market,
    "option": OptionMarket,
    **radar.STATE,
    **statements.STATE,
}
NONE = Index(())


def make(params: Params, partition: int, partitions: int) -> PureFold:
    """Return the fold of one partition."""
    return PureFold(advance, params, STATE, forwards=PASSED_ON, forward_topic=VERDICTS)


def advance(state: Mapping[str, Any], record: Record, params: Params) -> Step:
    """Return the verdicts, reports and alerts that a record makes, and what it changes."""
    if isinstance(record, Mark):
        check_mark(record)
        before = state.get(market_key(record.symbol))
        return _marked(state, record, before, after_mark(before, record), params)
    if isinstance(record, OptionMark):
        check_option_mark(record)
        before = state.get(market_key(record.symbol))
        step = _marked(state, record, before, after_option_mark(before, record), params)
        return radar.after(state, record, step, _ledgers(state))
    if isinstance(record, OrderIntent):
        return _on_intent(state, record, params)
    if isinstance(record, Fill):
        return _on_fill(state, record, params)
    if isinstance(record, Settlement):
        return _on_settlement(state, record, params)
    if isinstance(record, Statement):
        return _on_statement(state, record)
    if isinstance(record, MarketEvent):
        return radar.after(state, record, _on_event(state, record), ())
    if isinstance(record, Control):
        return _on_control(state, record)
    if isinstance(record, Mandate):
        return _on_mandate(state, record)
    if isinstance(record, Cancel | CorporateAction):
        return Step({}, ())
    raise unexpected("risk", record)


def _marked(state: Mapping[str, Any], mark: Mark | OptionMark, before: Any, after: Any, params: Params) -> Step:
    """Value what accounts hold of the symbol anew; watch and report them."""
    symbol, key = mark.symbol, market_key(mark.symbol)
    changed: dict[str, Any] = {key: after}
    outputs: list[Emit] = []
    for name in state.get("index", NONE).names:
        was: Account = state[f"account/{name}"]
        if not was.ledger.positions:
            continue
        account = accounts.at_day(was, mark.event_ns)
        if symbol not in account.ledger.positions:
            account = accounts.at_time(account, mark.event_ns)
        else:
            account = holdings.remarked(account, symbol, before, after, mark.event_ns)
            account, alerts = _watched(account)
            outputs += alerts
            if account.now_ns - account.soft_ns >= params.soft_interval_s * SECOND_NS:
                account, alerts = _softly(account, {**state, key: after}, params)
                outputs += alerts
        if account.now_ns - account.report_ns >= params.report_interval_s * SECOND_NS:
            markets = {**state, key: after}
            account = margins.remargined(account, {*account.margins, *account.stale}, markets, params.margin_rules)
            account, emit = _reported(account, markets)
            account, ahead = calls.told(account, markets, params.margin_rules)
            outputs += [emit, *(Emit(RISK, name, alert) for alert in ahead)]
        if account is not was:
            changed[f"account/{name}"] = account
    return Step(changed, outputs)


def _watched(account: Account) -> tuple[Account, list[Emit]]:
    """Return the account after its rules have looked at it, and what they tell, once a rule and session day."""
    now = account.equity_cents
    if now > account.peak_cents:
        account = replace(account, peak_cents=now)
    view, alerts = accounts.view_of(account), []
    for name in WATCHED:
        breach = RULES[name].watch(view)
        if breach is None:
            continue
        if breach.halts and not account.halted:
            account = replace(account, halted=f"{name}: {breach.text}")
        if name not in account.alerted:
            account = replace(account, alerted=(*account.alerted, name))
            alert = Alert(account.mandate.account, account.now_ns, name, breach.text, breach.value, breach.limit)
            alerts.append(Emit(RISK, account.mandate.account, alert))
    return account, alerts


def _softly(account: Account, markets: Mapping[str, Any], params: Params) -> tuple[Account, list[Emit]]:
    """Return the account after a look at its soft limits, and what it tells."""
    account, alerts = soft.told(Worst(account, markets), params.sectors)
    return account, [Emit(RISK, alert.account, alert) for alert in alerts]


def _reported(account: Account, markets: Mapping[str, Any]) -> tuple[Account, Emit]:
    account = replace(account, report_ns=account.now_ns)
    return account, Emit(RISK, account.mandate.account, accounts.report(account, markets))


def _on_intent(state: Mapping[str, Any], intent: OrderIntent, params: Params) -> Step:
    check_intent(intent)
    account = accounts.at_time(_account(state, "intent", intent.account), intent.event_ns)
    if intent.id in account.working:
        raise bad("intent.id", intent.id, "one that is not under way")
    account = exits.before_stop(account, intent)
    parts, worst = accounts.parts_of(intent), Worst(account, state)
    if not parts:
        raise bad("intent.legs", intent.legs, "legs that do not cancel each other")
    reducing = reducing_units(worst, parts, intent.quantity)
    allowed, rule = 0, ""
    reasons: tuple[str, ...] = ()
    figures: tuple[Figure, ...] = ()
    view: OrderView | None = None
    if reducing < intent.quantity:
        view = view_order(worst, intent, parts, reducing, params)
        allowed, rule, reasons = judged(view)
        if reasons and account.stale:
            account = margins.remargined(account, account.stale, state, params.margin_rules)
            worst.account = account
            view = view_order(worst, intent, parts, reducing, params)
            allowed, rule, reasons = judged(view)
        figures = figures_of(view)
    quantity = reducing + allowed
    decision = Decision.APPROVE if quantity == intent.quantity else Decision.CUT if quantity else Decision.REFUSE
    if intent.parked:
        alert = _asked(intent, decision, quantity, reasons)
        return Step({f"account/{intent.account}": account}, (Emit(RISK, intent.account, alert),))
    if quantity:
        account = accounts.with_order(account, intent, parts, quantity)
        if view is not None and view.needs is not None:
            account = margins.approved(account, view.needs(allowed), parts)
        else:
            account = margins.remargined(account, (part.symbol for part in parts), state, params.margin_rules)
        order = account.working[intent.id]
        worst.approve(account, parts, quantity, order.reference_cents, order.strategy)
    margin, left = margins.power_of(account, params.margin_rules)
    verdict = Verdict(
        intent=intent,
        event_ns=intent.event_ns,
        decision=decision,
        quantity=quantity,
        rule=rule,
        reasons=reasons,
        equity_cents=account.equity_cents,
        gross_notional_usd=dollars_of(worst.gross_cents),
        figures=figures,
        margin_cents=margin,
        buying_power_cents=left.available_cents,
    )
    return Step({f"account/{intent.account}": account}, (Emit(VERDICTS, intent.account, verdict),))


def _asked(intent: OrderIntent, decision: Decision, quantity: int, reasons: tuple[str, ...]) -> Alert:
    """Return what a person is told of an order that waits for them."""
    side = "buy" if intent.side is Side.BUY else "sell"
    text = (
        f"order {intent.id} to {side} {intent.quantity} of {intent.symbol} ({intent.strategy or 'no strategy'},"
        f" {intent.purpose}) waits for a person; risk would {decision.lower()} it, {quantity} of {intent.quantity}"
    )
    return Alert(
        account=intent.account,
        event_ns=intent.event_ns,
        rule="ask",
        text="; ".join((text, *reasons)),
        value=float(quantity),
        limit=float(intent.quantity),
    )


def _on_fill(state: Mapping[str, Any], fill: Fill, params: Params) -> Step:
    check_fill(fill)
    account = accounts.at_time(_account(state, "fill", fill.account), fill.event_ns)
    order = account.working.get(fill.intent_id)
    account = exits.after_fill(accounts.after_answer(account, fill), fill, order)
    if not fill.quantity:
        if order is not None and fill.remaining != order.quantity:
            symbols = [part.symbol for part in order.parts]
            account = margins.remargined(account, symbols, state, params.margin_rules)
        return Step({f"account/{fill.account}": account}, ())
    moves = []
    for leg in fill.legs or (fill,):
        signed = leg.quantity if leg.side is Side.BUY else -leg.quantity
        moves.append((leg.symbol, quantity_of(account.ledger, leg.symbol), signed))
    account = _traded(account, moves)
    account = holdings.filled(account, fill, state)
    symbols = [symbol for symbol, *_ in moves]
    if order is None:
        account = margins.remargined(account, symbols, state, params.margin_rules)
    else:
        account = margins.filled(account, symbols)
    return _moved(state, account, params)


def _traded(account: Account, moves: list[tuple[str, int, int]]) -> Account:
    """Return the account with the day trades that a fill made, in the session of its day."""
    sessions = day_trades.at_session(account.sessions, account.day)
    traded = account.traded if sessions == account.sessions else {}
    traded, made = day_trades.after_fill(traded, moves)
    newest = replace(sessions[-1], trades=sessions[-1].trades + made)
    return replace(account, sessions=(*sessions[:-1], newest), traded=traded)


def _on_settlement(state: Mapping[str, Any], settlement: Settlement, params: Params) -> Step:
    check_settlement(settlement)
    account = accounts.at_time(_account(state, "settlement", settlement.account), settlement.event_ns)
    symbols = {settlement.symbol, *(one.symbol for one in settlement.transfers)}
    carried = splits.carried(state, account, settlement)
    markets = {**state, **carried} if carried else state
    account = holdings.settled(account, settlement, markets)
    step = _moved(markets, margins.remargined(account, symbols, markets, params.margin_rules), params)
    return Step({**step.changed, **carried}, step.outputs)


def _on_statement(state: Mapping[str, Any], statement: Statement) -> Step:
    check_statement(statement)
    account = accounts.at_time(_account(state, "statement", statement.account), statement.event_ns)
    found, alerts = statements.compared(account.ledger, statement)
    key = f"statement/{statement.account}"
    account, emit = _reported(account, {**state, key: found})
    told = [Emit(RISK, alert.account, alert) for alert in alerts]
    return Step({f"account/{statement.account}": account, key: found}, (*told, emit))


def _moved(state: Mapping[str, Any], account: Account, params: Params) -> Step:
    """Return what follows once cash or positions have changed."""
    account, alerts = _watched(account)
    account, near = _softly(account, state, params)
    account, emit = _reported(account, state)
    return Step({f"account/{account.mandate.account}": account}, (*alerts, *near, emit))


def _on_event(state: Mapping[str, Any], event: MarketEvent) -> Step:
    """Begin a session of day trades or a split; forget contracts that expired long ago. Repeats change nothing."""
    if event.kind is MarketEventKind.SPLIT:
        return Step(splits.after_event(state, state.get("index", NONE).names, event), ())
    if event.kind is not MarketEventKind.SESSION_OPEN:
        return Step({}, ())
    opens_ns = event.start_ns or event.event_ns
    day = (opens_ns - DAY_CUT_NS) // DAY_NS
    changed: dict[str, Any] = {}
    held: set[str] = set()
    for name in state.get("index", NONE).names:
        account: Account = state[f"account/{name}"]
        held.update(account.ledger.positions)
        sessions = day_trades.at_session(account.sessions, day)
        if sessions != account.sessions:
            changed[f"account/{name}"] = replace(account, sessions=sessions, traded={})
    for key, market in state.items():
        gone = isinstance(market, OptionMarket) and market.expiry_ns + EXPIRED_NS < opens_ns
        if gone and key.removeprefix("option/") not in held:
            changed[key] = None
    return Step(changed, ())


def _on_control(state: Mapping[str, Any], control: Control) -> Step:
    account = _account(state, "control", control.account)
    if control.event_ns:
        account = accounts.at_time(account, control.event_ns)
    if control.action is ControlAction.HALT:
        account = replace(account, halted=control.reason or "by hand")
    else:
        account = replace(account, halted="", alerted=(), peak_cents=max(1, account.equity_cents))
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


def _ledgers(state: Mapping[str, Any]) -> list[tuple[str, Ledger]]:
    return [(name, state[f"account/{name}"].ledger) for name in state.get("index", NONE).names]


def _account(state: Mapping[str, Any], what: str, name: str) -> Account:
    account: Account | None = state.get(f"account/{name}")
    if account is None:
        raise bad(f"{what}.account", repr(name), "an account with a mandate")
    return account
