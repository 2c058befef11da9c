"""Laws of the order path: cash reconciles to the cent, limits hold, halts hold, and cuts of the input do not matter."""

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from schemas import wire
from schemas.records import (
    Control,
    ControlAction,
    Decision,
    Direction,
    Fill,
    Mandate,
    OrderIntent,
    Purpose,
    RiskReport,
    Side,
    Verdict,
)
from streams.book.ledger import Ledger, apply_fill
from streams.risk import account as risk_account
from streams.risk import stage as risk
from streams.risk.limit import Rule
from streams.risk.rules import RULES
from streams.sizing import stage as sizing
from streams.venue import stage as venue
from tests.orderpath_rig import Chain, Stage, at, fill, intent, mandate, mark, signal

SYMBOLS = ("SPY", "IBM", "AAPL")
CENTS = st.integers(500, 50_000)


@given(
    fills=st.lists(
        st.tuples(
            st.sampled_from(SYMBOLS), st.sampled_from(tuple(Side)), st.integers(0, 500), CENTS, st.integers(0, 900)
        ),
        max_size=60,
    )
)
def test_cash_and_cost_reconcile_after_any_fills(fills: Sequence[tuple[str, Side, int, int, int]]) -> None:
    """cash = capital ± fills − fees; realised = cash − capital + cost of what is held; shorts and flips included."""
    ledger, cash, held = Ledger(1_000_000, {}), 1_000_000, dict.fromkeys(SYMBOLS, 0)
    for symbol, side, quantity, price, fee in fills:
        ledger = apply_fill(ledger, fill(symbol=symbol, side=side, quantity=quantity, price_cents=price, fee_cents=fee))
        signed = quantity if side is Side.BUY else -quantity
        held[symbol] += signed
        cash -= signed * price + (fee if quantity else 0)
    assert ledger.cash_cents == cash
    assert {symbol: position.quantity for symbol, position in ledger.positions.items()} == {
        symbol: quantity for symbol, quantity in held.items() if quantity
    }
    costs = sum(position.cost_cents for position in ledger.positions.values())
    assert ledger.realised_cents == cash - 1_000_000 + costs
    for position in ledger.positions.values():
        assert position.cost_cents * position.quantity > 0


def sessions() -> st.SearchStrategy[list[tuple[str, str, int, int]]]:
    """Return what happens in a session: (kind, symbol, change of its price in cents, seconds since what was before)."""
    kinds = st.sampled_from(["mark", "mark", "mark", "mark", "long", "short", "long", "short", "halt", "resume"])
    return st.lists(
        st.tuples(kinds, st.sampled_from(SYMBOLS), st.integers(-120, 120), st.integers(0, 40)), min_size=20, max_size=80
    )


def play(session: Sequence[tuple[str, str, int, int]], chain: Chain) -> None:
    """Put a session into an account's inbox: signals come at the newest price, and the market moves between."""
    chain.put("book", mandate(sizing="fixed_fraction", risk_fraction=0.005, fee_per_share_cents=0.37))
    cents, second = dict.fromkeys(SYMBOLS, 10_000), 0
    for symbol in SYMBOLS:
        chain.put("book", mark(symbol, second))
    for number, (kind, symbol, change, pause) in enumerate(session):
        second += pause
        price = cents[symbol] / 100
        if kind == "mark":
            cents[symbol] += change
            after = cents[symbol] / 100
            chain.put("book", mark(symbol, second, after, high=max(price, after), low=min(price, after)))
        elif kind in ("halt", "resume"):
            chain.put("book", Control("paper", 0, ControlAction[kind.upper()], "test"))
        else:
            away = 1 if kind == "long" else -1
            made = signal(
                symbol,
                second,
                id=f"{number:016x}",
                direction=Direction.LONG if kind == "long" else Direction.SHORT,
                entry=price,
                stop=price - away,
                target=price + 2 * away,
                expires_ns=at(second + 120),
            )
            chain.put("book", made)


@settings(max_examples=60, deadline=None)
@given(session=sessions())
def test_a_session_reconciles_in_every_stage(session: list[tuple[str, str, int, int]]) -> None:
    """Each order has one verdict and at most one end; sizing, risk and the sum of fills agree to the cent."""
    chain = Chain()
    play(session, chain)
    fills = chain.of("book", Fill)
    intents, verdicts = chain.of("orders", OrderIntent), chain.of("verdicts", Verdict)
    assert [verdict.intent for verdict in verdicts] == intents
    assert len({one.id for one in intents}) == len(intents)
    ends = [one.intent_id for one in fills if not one.remaining]
    assert len(set(ends)) == len(ends)
    assert len({one.id for one in fills}) == len(fills)
    cash = 10_000_000
    for one in fills:
        cash += (one.quantity if one.side is Side.SELL else -one.quantity) * one.price_cents - one.fee_cents
    in_sizing = chain.folds["sizing"].state["account/paper"]
    in_risk = chain.folds["risk"].state["account/paper"]
    assert in_sizing.ledger == in_risk.ledger
    assert in_sizing.ledger.cash_cents == cash
    waiting = sum(key.startswith("order/") for key in chain.folds["venue"].state)
    assert len(in_sizing.working) == len(in_risk.working) == waiting == len(intents) - len(ends)
    for symbol, holding in in_sizing.holdings.items():
        assert in_sizing.ledger.positions[symbol].quantity == holding.quantity
    reports = chain.of("risk", RiskReport)
    traded = [one for one in fills if one.quantity]
    if traded:
        assert reports[-1].fees_cents == sum(one.fee_cents for one in fills)


@settings(max_examples=60, deadline=None)
@given(session=sessions())
def test_nothing_is_opened_while_halted(session: list[tuple[str, str, int, int]]) -> None:
    """Between a halt and the next resume in the log of verdicts no entry is approved, and none fills after it."""
    chain = Chain()
    play(session, chain)
    halted = False
    for record in chain.topics["verdicts"]:
        if isinstance(record, Control):
            halted = record.action is ControlAction.HALT
        elif isinstance(record, Verdict) and halted and record.intent.purpose is Purpose.ENTRY:
            assert record.decision is Decision.REFUSE
        elif isinstance(record, Fill) and halted and record.purpose is Purpose.ENTRY:
            assert record.quantity == 0


@st.composite
def limits(draw: st.DrawFn) -> Mandate:
    """Draw a mandate in which any limit may be the one that binds."""
    return mandate(
        position_notional_usd_max=draw(st.sampled_from([5_000.0, 40_000.0, 1e9])),
        gross_notional_usd_max=draw(st.sampled_from([8_000.0, 70_000.0, 1e9])),
        concentration_max=draw(st.sampled_from([0.06, 0.5, 1.0])),
        daily_loss_usd_max=draw(st.sampled_from([100.0, 1e9])),
        drawdown_max=draw(st.sampled_from([0.001, 1.0])),
    )


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["order", "order", "fill", "lost", "mark", "mark", "halt", "resume"]),
        st.sampled_from(SYMBOLS[:2]),
        st.sampled_from(tuple(Side)),
        st.integers(1, 800),
        st.integers(9_000, 11_000),
    ),
    min_size=20,
    max_size=60,
)


@settings(max_examples=200, deadline=None)
@given(allowed=limits(), working_max=st.sampled_from([1, 3, 256]), steps=STEPS)
def test_no_sequence_of_orders_passes_a_hard_limit(
    allowed: Mandate, working_max: int, steps: list[tuple[str, str, Side, int, int]]
) -> None:
    """After every approval that opens, each limit holds with all working orders filled in their worst case."""
    order_and_check(allowed, working_max, steps)


def order_and_check(allowed: Mandate, working_max: int, steps: list[tuple[str, str, Side, int, int]]) -> None:
    """Put orders, fills, marks and halts to risk; assert the limits after each verdict."""
    stage = Stage(risk.advance, risk.Params(working_max=working_max), allowed, mark(SYMBOLS[0]), mark(SYMBOLS[1]))
    working: list[Verdict] = []
    for number, (kind, symbol, side, quantity, cents) in enumerate(steps):
        if kind == "mark":
            stage(mark(symbol, number, cents / 100))
        elif kind in ("halt", "resume"):
            stage(Control("paper", 0, ControlAction[kind.upper()], "test"))
        elif kind == "order":
            before, under_way = worst(stage, symbol), len(working)
            order = intent(f"{number}", side, quantity, number, symbol=symbol, reference=100.0)
            (verdict,) = [out for out in stage(order) if isinstance(out, Verdict)]
            assert verdict.quantity <= quantity
            assert (verdict.decision is Decision.REFUSE) == (verdict.quantity == 0)
            if verdict.quantity:
                working.append(verdict)
                check_limits(stage, symbol, before, under_way)
        elif working:
            verdict = working.pop(number % len(working))
            filled = verdict.quantity if kind == "fill" else 0
            done = verdict.intent
            stage(fill(done.id, done.side, filled, cents, symbol=done.symbol, event_ns=at(number)))


def worst(stage: Stage, symbol: str) -> tuple[int, int]:
    """Return the worst-case shares, long and short, of a symbol, reckoned from position and working orders anew."""
    account: risk_account.Account = stage.state["account/paper"]
    orders = [order for order in account.working.values() if order.symbol == symbol]
    position = account.ledger.positions.get(symbol)
    held = position.quantity if position is not None else 0
    buys = sum(order.quantity for order in orders if order.side is Side.BUY)
    sells = sum(order.quantity for order in orders if order.side is Side.SELL)
    return max(0, held + buys), max(0, sells - held)


def check_limits(stage: Stage, symbol: str, before: tuple[int, int], under_way: int) -> None:
    """Assert every limit where the order made the worst case worse on a side; else nothing was opened."""
    account: risk_account.Account = stage.state["account/paper"]
    opened = [now for now, was in zip(worst(stage, symbol), before, strict=True) if now > was]
    if not opened:
        return
    cents = {one: stage.state[f"market/{one}"].exposure_cents for one in SYMBOLS[:2]}
    gross = sum(max(worst(stage, one)) * cents[one] for one in cents)
    equity = risk_account.equity(account, stage.state)
    allowed = account.mandate
    for shares in opened:
        assert shares * cents[symbol] <= allowed.position_notional_usd_max * 100
        assert shares * cents[symbol] <= equity * allowed.concentration_max
    assert gross <= allowed.gross_notional_usd_max * 100
    assert account.day_open_cents - equity < allowed.daily_loss_usd_max * 100
    assert account.peak_cents - equity < max(1, account.peak_cents * allowed.drawdown_max)
    assert under_way < stage.params.working_max
    assert not account.halted


@settings(max_examples=30, deadline=None)
@given(session=sessions(), cuts=st.lists(st.integers(0, 200), max_size=6))
def test_cuts_and_restarts_do_not_matter(session: list[tuple[str, str, int, int]], cuts: list[int]) -> None:
    """Each stage, restarted from its checkpoint at any places of its inbox, writes the same bytes and state."""
    chain = Chain()
    play(session, chain)
    for topic, module in (("book", sizing), ("orders", risk), ("verdicts", venue)):
        inbox = [wire.encode(record) for record in chain.topics.get(topic, [])]
        whole = module.make(module.Params(), 0, 1)
        expected = [(output.topic, output.key, output.payload) for output in whole.apply(inbox)]
        saved: dict[str, bytes | None] = {}
        found = []
        places = [0, *sorted(cut % (len(inbox) + 1) for cut in cuts), len(inbox)]
        for start, stop in itertools.pairwise(places):
            part = module.make(module.Params(), 0, 1)
            part.load({key: data for key, data in saved.items() if data is not None})
            found += [(output.topic, output.key, output.payload) for output in part.apply(inbox[start:stop])]
            saved |= part.changed()
        assert found == expected
        assert saved == whole.changed()


@pytest.mark.parametrize(
    "rule",
    [
        "concentration",
        "daily_loss",
        "drawdown_stop",
        "gross_notional",
        "kill_switch",
        "position_notional",
        "working_orders",
    ],
)
def test_the_law_of_limits_catches_a_missing_rule(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The property above is not empty: without any one of the rules it fails."""

    @settings(max_examples=1_000, deadline=None, database=None, phases=(Phase.generate,))
    @given(allowed=limits(), working_max=st.sampled_from([1, 3, 256]), steps=STEPS)
    def law(allowed: Mandate, working_max: int, steps: list[tuple[str, str, Side, int, int]]) -> None:
        order_and_check(allowed, working_max, steps)

    monkeypatch.setitem(RULES, rule, Rule(lambda view: None))  # in its place, so that the order stays
    with pytest.raises((AssertionError, ExceptionGroup)):
        law()
