"""What an order would come to: as the stages would do it, and nothing of it stays."""

import copy
from typing import Any

import pytest
from typer.testing import CliRunner

from aiots.__main__ import build_app
from aiots.book.whatif import Stages, cost_cents, what_if
from aiots.commands.whatif import show
from schemas.records import Control, ControlAction, Decision, Leg, OrderKind, OrderTicket, Record, Side
from streams.risk import stage as risk
from streams.sizing import stage as sizing
from streams.venue import stage as venue
from tests.orderpath_rig import Stage, mandate, mark
from tests.sizing_rig import CALL, PUT, option, ticket

LIMITS: dict[str, Any] = {"position_notional_usd_max": 1e6, "gross_notional_usd_max": 1e6, "concentration_max": 1.0}


def stages(*records: Record) -> Stages:
    """Return the three stages of an account that holds nothing, SPY and two of its contracts marked."""
    before = (mandate(**LIMITS), mark(second=1), option(), option(PUT, bid=1.0), *records)
    made = []
    for module in (sizing, risk, venue):
        run = Stage(module.advance, module.Params(), *before)
        made.append((run.state, run.params))
    return Stages(*made)


def test_an_order_is_judged_and_filled_and_leaves_nothing_behind() -> None:
    """Two calls at 2.10: 420 USD, a fee; delta a half of two hundred shares at 100; the state is as it was."""
    now = stages()
    before = copy.deepcopy(now)
    found = what_if(now, ticket())
    assert found is not None
    assert (found.verdict.decision, found.verdict.quantity) == (Decision.APPROVE, 2)
    paid, fees = cost_cents(found.fills)
    assert paid == pytest.approx(42_000, abs=200)
    assert fees == 100
    assert found.delta_usd == pytest.approx(10_000)
    assert found.margin_before_cents == 0
    assert found.verdict.margin_cents > 0
    assert found.verdict.buying_power_cents < found.buying_power_before_cents
    assert now == before


def test_a_combination_by_its_net() -> None:
    """A call bought, a put sold: what it pays is the net of both, its delta both legs'."""
    legs = (Leg(CALL, Side.BUY, 1, 100), Leg(PUT, Side.SELL, 1, 100))
    found = what_if(stages(), ticket("SPY", quantity=1, legs=legs, multiplier=1))
    assert found is not None
    paid, _ = cost_cents(found.fills)
    assert paid == pytest.approx(11_000, abs=200)
    assert found.delta_usd == pytest.approx(100 * 100 * (0.5 + 0.3))


@pytest.mark.parametrize(
    ("one", "says"),
    [
        (ticket("SPY", quantity=100_000), "position_notional"),
        (ticket(PUT, Side.SELL, quantity=200), "buying_power"),
    ],
)
def test_a_refusal_names_its_rule(one: OrderTicket, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What the person reads is what the verdict says."""
    found = what_if(stages(), one)
    assert found is not None
    assert found.verdict.decision is not Decision.APPROVE
    show(found)
    out = capsys.readouterr().out
    assert says in out
    assert "buying power with it" in out


def test_a_halted_account_is_told_so() -> None:
    """The halt that was sent counts, as it would for the order itself."""
    found = what_if(stages(Control("paper", 0, ControlAction.HALT, "lunch")), ticket())
    assert found is not None
    assert (found.verdict.decision, found.verdict.rule) == (Decision.REFUSE, "kill_switch")


def test_an_order_that_waits_for_its_price_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    """A limit below the market: acknowledged, nothing paid."""
    found = what_if(stages(), ticket("SPY", kind=OrderKind.LIMIT, limit_cents=9_000))
    assert found is not None
    show(found)
    assert "acknowledged, 2 left" in capsys.readouterr().out


def test_without_a_mark_there_is_no_answer() -> None:
    """The command waits for one."""
    assert what_if(stages(), ticket("MSFT")) is None


def test_an_unknown_account_is_refused_before_a_broker_is_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The error names those that there are."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
    monkeypatch.delenv("AIOTS_CONFIG", raising=False)
    result = CliRunner().invoke(build_app(), ["whatif", "nobody", "BUY 1 AAPL"])
    assert (result.exit_code, "unknown account 'nobody'; accounts are paper" in result.output) == (2, True)
