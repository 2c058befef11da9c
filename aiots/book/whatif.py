"""What an order would come to: a ticket through the folds of sizing, risk and venue, which keep nothing of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from schemas.records import Fill, OrderIntent, OrderTicket, Side, Verdict
from streams.risk import calls, margins
from streams.risk import stage as risk
from streams.risk.account import Account, parts_of
from streams.risk.margin.forecast import Forecast
from streams.risk.market import market_key, unit_of
from streams.sizing import stage as sizing
from streams.venue import stage as venue

MICRO = 1_000_000


@dataclass(frozen=True)
class Stages:
    """State by key, and parameters, of the three stages."""

    sizing: tuple[Mapping[str, Any], Any]
    risk: tuple[Mapping[str, Any], Any]
    venue: tuple[Mapping[str, Any], Any]


@dataclass(frozen=True)
class WhatIf:
    """What would become of a ticket at once. Amounts in cents; margin_before_cents: initial requirement without it.

    calls_before, calls_with: moves of the whole market that bring a margin call without it, and once it has filled as
    far as risk allows. Greeks are of the order as asked for, dollars: delta x spot, its change for 1 % of spot, for 1 %
    of volatility.
    """

    intent: OrderIntent
    verdict: Verdict
    fills: tuple[Fill, ...]
    equity_cents: int
    margin_before_cents: int
    buying_power_before_cents: int
    delta_usd: float
    gamma_usd: float
    vega_usd: float
    calls_before: Forecast
    calls_with: Forecast


def what_if(stages: Stages, ticket: OrderTicket) -> WhatIf | None:
    """Return what a ticket would come to now; None while there is no mark of something that it trades.

    RecordError where a stage would reject it.
    """
    step = sizing.advance(stages.sizing[0], ticket, stages.sizing[1])
    if not step.outputs:
        return None
    intent = step.outputs[0].record
    assert isinstance(intent, OrderIntent)
    state, params = stages.risk
    (verdict,) = [
        emit.record for emit in risk.advance(state, intent, params).outputs if isinstance(emit.record, Verdict)
    ]
    told = venue.advance(stages.venue[0], verdict, stages.venue[1]).outputs
    account: Account = state[f"account/{intent.account}"]
    account = margins.remargined(account, account.stale, state, params.margin_rules)
    before, power = margins.power_of(account, params.margin_rules)
    delta, gamma, vega = greeks(state, intent)
    return WhatIf(
        intent=intent,
        verdict=verdict,
        fills=tuple(emit.record for emit in told if isinstance(emit.record, Fill)),
        equity_cents=account.equity_cents,
        margin_before_cents=before,
        buying_power_before_cents=power.available_cents,
        delta_usd=delta,
        gamma_usd=gamma,
        vega_usd=vega,
        calls_before=calls.forecast_of(account, state, params.margin_rules),
        calls_with=calls.forecast_of(account, state, params.margin_rules, calls.filled(intent, verdict.quantity)),
    )


def greeks(state: Mapping[str, Any], intent: OrderIntent) -> tuple[float, float, float]:
    """Return delta, gamma and vega of an order filled whole, dollars; NaN where a market is not known."""
    sums = [0.0, 0.0, 0.0]
    for part in parts_of(intent):
        unit = unit_of(part.symbol, part.multiplier, state.get(market_key(part.symbol)))
        if unit is None or not unit.known:
            return float("nan"), float("nan"), float("nan")
        for at, value in enumerate((unit.delta, unit.gamma, unit.vega)):
            sums[at] += part.ratio * intent.quantity * value / MICRO
    return sums[0], sums[1], sums[2]


def cost_cents(fills: tuple[Fill, ...]) -> tuple[int, int]:
    """Return what fills pay (> 0) or bring, and their fees."""
    paid = 0
    for fill in fills:
        for part in fill.legs or (fill,):
            signed = part.quantity if part.side is Side.BUY else -part.quantity
            paid += signed * part.price_cents * part.multiplier
    return paid, sum(fill.fee_cents for fill in fills)
