"""Every strategy, sizing rule and risk rule keeps its contract: a new file is tested before its author tests it."""

import dataclasses
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.records import Direction
from streams.risk.limit import AccountView, Breach, Objection, OrderView
from streams.risk.rules import RULES as RISK_RULES
from streams.signals.stage import STATE
from streams.signals.strategies import STRATEGIES
from streams.signals.strategy import Idea, Row
from streams.sizing.rules import RULES as SIZING_RULES
from streams.sizing.sizer import Request
from streams.state import decode_state, encode_state
from tests.orderpath_rig import NAN, at, mandate


@st.composite
def rows(draw: st.DrawFn, columns: tuple[str, ...]) -> list[Row]:
    """Draw consecutive bars; each indicator is at times NaN."""
    out = []
    price = 100.0
    for number in range(draw(st.integers(1, 60))):
        opened = price
        price = max(1.0, price + draw(st.sampled_from([-1.0, -0.1, 0.0, 0.1, 1.0])))
        values = {name: draw(st.sampled_from([NAN, 0.0, 1.0, 55.0, 99.0, 101.0])) for name in columns}
        volume = draw(st.sampled_from([0, 100, 100, 1_000]))
        high, low = max(opened, price), min(opened, price)
        out.append(Row("SPY", at(60 * number), opened, high, low, price, volume, price - 0.01, price + 0.01, 2, values))
    return out


@pytest.mark.parametrize("name", STRATEGIES)
def test_strategy_has_the_shape(name: str) -> None:
    """Params and State are frozen with defaults, state survives a checkpoint, and no name is taken by the stage."""
    strategy = STRATEGIES[name]
    for kind in (strategy.params_type, strategy.state_type):
        assert dataclasses.is_dataclass(kind)
        assert kind.__dataclass_params__.frozen  # type: ignore[attr-defined]
    params, state = strategy.params_type(), strategy.state_type()
    assert params.interval_s >= 1
    assert params.cooldown_s >= 0
    assert all(isinstance(column, str) for column in strategy.reads(params))
    assert decode_state(strategy.state_type, encode_state(state)) == state
    assert STATE[name] is strategy.state_type
    assert name != "ideas"


@pytest.mark.parametrize("name", STRATEGIES)
@settings(max_examples=40, deadline=None)
@given(data=st.data(), scale=st.sampled_from([0.02, 0.3, 1.0]))
def test_strategy_is_pure_bounded_and_sane(name: str, data: st.DataObject, scale: float) -> None:
    """Same bars, same ideas, also across a checkpoint of the state; ideas are brackets; the state does not grow."""
    strategy = STRATEGIES[name]
    params = strategy.params_type()
    bars = data.draw(rows(strategy.reads(params)))
    state, again = strategy.state_type(), strategy.state_type()
    sizes = []
    for bar in bars:
        state, idea = strategy.advance(state, bar, params, scale)
        again, twin = strategy.advance(decode_state(strategy.state_type, encode_state(again)), bar, params, scale)
        assert (state, idea) == (again, twin)
        sizes.append(len(encode_state(state)))
        if idea is not None:
            check_idea(idea)
    assert max(sizes) < 4_096


def check_idea(idea: Idea) -> None:
    assert idea.direction in tuple(Direction)
    assert 0 < idea.stop_move < 1
    assert 0 < idea.target_move < 10
    assert idea.lifetime_s >= 1
    assert 0.0 <= idea.score <= 1.0
    assert idea.evidence
    assert all(figure == figure for _, figure in idea.evidence)
    assert idea.text.endswith(".")


REQUEST = Request(10_000_000, 10_000, 100, 0.2, mandate())


@pytest.mark.parametrize("name", SIZING_RULES)
@settings(max_examples=60, deadline=None)
@given(
    equity=st.integers(1, 10**12),
    price=st.integers(1, 10**8),
    risk=st.integers(1, 10**8),
    volatility=st.sampled_from([NAN, 0.0, 1e-9, 0.2, 5.0]),
    fraction=st.sampled_from([0.0, 1e-6, 0.01, 1.0]),
)
def test_sizing_rule_gives_whole_shares_or_a_reason(
    name: str, equity: int, price: int, risk: int, volatility: float, fraction: float
) -> None:
    """A size is a whole number >= 0, never NaN; 0 has a reason; more equity never gives less."""
    request = Request(equity, price, risk, volatility, mandate(risk_fraction=fraction, volatility_target=fraction))
    size = SIZING_RULES[name](request)
    assert isinstance(size.quantity, int)
    assert size.quantity >= 0
    assert bool(size.reason) == (size.quantity == 0)
    assert SIZING_RULES[name](replace(request, equity_cents=2 * equity)).quantity >= size.quantity


def order_view(**changes: Any) -> OrderView:
    account = AccountView(mandate(), 10_000_000, 10_000_000, 10_000_000, "")
    fields: dict[str, Any] = {
        "account": account,
        "symbol": "SPY",
        "opening": 10,
        "price_cents": 10_000,
        "side_quantity": 0,
        "other_side_quantity": 0,
        "other_gross_cents": 0,
        "working": 0,
        "working_max": 256,
    }
    return OrderView(**{**fields, **changes})


@pytest.mark.parametrize("name", RISK_RULES)
def test_risk_rule_lets_an_ordinary_order_pass(name: str) -> None:
    """Within all limits no rule objects, and none raises an alarm."""
    view = order_view()
    assert RISK_RULES[name].judge(view) is None
    assert RISK_RULES[name].watch(view.account) is None


@pytest.mark.parametrize("name", RISK_RULES)
@settings(max_examples=80, deadline=None)
@given(
    equity=st.integers(-(10**9), 10**9),
    peak=st.integers(1, 10**9),
    opening=st.integers(1, 10**6),
    price=st.none() | st.integers(1, 10**7),
    side=st.integers(0, 10**6),
    other=st.integers(0, 10**6),
    gross=st.integers(0, 10**10),
    halted=st.sampled_from(["", "by hand"]),
)
def test_risk_rule_answers_any_order(
    name: str,
    equity: int,
    peak: int,
    opening: int,
    price: int | None,
    side: int,
    other: int,
    gross: int,
    halted: str,
) -> None:
    """Whatever the account and order: less than what was asked, with a reason that holds figures, or nothing at all."""
    account = AccountView(mandate(), equity, max(peak, equity), peak, halted)
    view = order_view(
        account=account,
        opening=opening,
        price_cents=price,
        side_quantity=side,
        other_side_quantity=other,
        other_gross_cents=gross,
    )
    objection = RISK_RULES[name].judge(view)
    assert objection is None or isinstance(objection, Objection)
    if objection is not None:
        assert 0 <= objection.quantity < opening
        assert objection.reason
    breach = RISK_RULES[name].watch(account)
    assert breach is None or (isinstance(breach, Breach) and breach.text and breach.value == breach.value)
