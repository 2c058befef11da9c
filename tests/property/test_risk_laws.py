"""Laws of risk with options and combinations: the worst case is the worst, fills never pass it, halts hold.

Figures of one share or contract stand in a table here, and every exposure is reckoned from it anew, not by risk's code.
"""

import itertools
from typing import Any, NamedTuple

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from schemas.records import (
    Control,
    ControlAction,
    Leg,
    LegFill,
    Mandate,
    OptionMark,
    OrderIntent,
    OrderOrigin,
    OrderStatus,
    Record,
    Settlement,
    SettlementKind,
    Side,
    Transfer,
    Verdict,
)
from streams.risk import stage as risk
from streams.risk.account import Account
from streams.risk.exposure import Worst, size_of
from streams.risk.holdings import counted_anew
from streams.risk.limit import Rule
from streams.risk.rules import RULES
from tests.orderpath_rig import NAN, Stage, at, fill, intent, mandate, mark

MILLION = 1_000_000
CALL, PUT, FAR = "SPY   131018C00100000", "SPY   131018P00100000", "SPY   131018C00105000"
IBM_CALL = "IBM   131018C00100000"


class One(NamedTuple):
    """One share or contract: underlying, multiplier, size in cents, delta, gamma and vega in micro-dollars."""

    underlying: str
    multiplier: int
    size: int
    delta: int
    gamma: int
    vega: int


ONES = {
    "SPY": One("SPY", 1, 10_001, 10_001 * 10_000, 0, 0),
    "IBM": One("IBM", 1, 10_001, 10_001 * 10_000, 0, 0),
    CALL: One("SPY", 100, 500_000, 5_000 * MILLION, 400 * MILLION, 11 * MILLION),
    PUT: One("SPY", 100, 450_000, -4_500 * MILLION, 400 * MILLION, 11 * MILLION),
    FAR: One("SPY", 100, 300_000, 3_000 * MILLION, 350 * MILLION, 9 * MILLION),
    IBM_CALL: One("IBM", 100, 600_000, 6_000 * MILLION, 300 * MILLION, 10 * MILLION),
}
LEGS = {
    "vertical": (Leg(CALL, Side.BUY, 1, 100), Leg(FAR, Side.SELL, 1, 100)),
    "straddle": (Leg(CALL, Side.BUY, 1, 100), Leg(PUT, Side.BUY, 1, 100)),
    "short straddle": (Leg(CALL, Side.SELL, 1, 100), Leg(PUT, Side.SELL, 1, 100)),
    "covered": (Leg("SPY", Side.BUY, 100, 1), Leg(FAR, Side.SELL, 1, 100)),
    "backspread": (Leg(CALL, Side.SELL, 1, 100), Leg(FAR, Side.BUY, 2, 100)),
}
STRATEGIES = ("alpha", "beta")
Ends = dict[str, tuple[int, int]]


def option_mark(symbol: str) -> OptionMark:
    """Return a mark whose figures are those of the table."""
    one = ONES[symbol]
    greeks = (one.delta / 1e10, one.gamma / 1e10, one.vega / 1e6, 0.0, 0.0, 0.0, 0.0, 0.0)
    prices = (1.9, 2.1, 10, 10, NAN, 100.0, 100.0, 0.0, 0.0, 2.0, 0.2)
    return OptionMark(symbol, one.underlying, at(0), at(864_000), *prices, *greeks, 0, 1.0, at(0))


@st.composite
def limits(draw: st.DrawFn) -> Mandate:
    """Draw a mandate in which any limit may be the one that binds; 0 is none."""
    names: tuple[str, ...] = ("delta_usd", "gamma_usd", "vega_usd", "net_notional_usd", "underlying_notional_usd")
    names += ("sector_notional_usd", "strategy_notional_usd", "order_notional_usd")
    some: dict[str, Any] = {f"{name}_max": draw(st.sampled_from([0.0, 900.0, 9_000.0, 60_000.0])) for name in names}
    some["gross_notional_usd_max"] = draw(st.sampled_from([20_000.0, 90_000.0, 1e9]))
    some["position_notional_usd_max"] = draw(st.sampled_from([6_000.0, 40_000.0, 1e9]))
    some["vega_usd_max"] /= 100
    return mandate(concentration_max=1.0, daily_loss_usd_max=1e9, drawdown_max=1.0, **some)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["order", "order", "order", "part", "part", "end", "halt", "resume", "expiry"]),
        st.sampled_from([*ONES, *LEGS]),
        st.sampled_from(tuple(Side)),
        st.integers(1, 12),
        st.sampled_from(STRATEGIES),
        st.sampled_from([OrderOrigin.SIGNAL, OrderOrigin.SIGNAL, OrderOrigin.HEDGE]),
    ),
    min_size=10,
    max_size=40,
)


class Desk:
    """Risk, and what a venue knows of the orders that it approved."""

    def __init__(self, allowed: Mandate) -> None:
        marks: list[Record] = [mark("SPY", 0), mark("IBM", 0), *(option_mark(one) for one in ONES if len(one) == 21)]
        self.risk = Stage(risk.advance, risk.Params(duplicate_s=1), allowed, *marks)
        self.working: dict[str, tuple[OrderIntent, int]] = {}

    @property
    def account(self) -> Account:
        found: Account = self.risk.state["account/paper"]
        return found

    def order(self, number: int, what: str, side: Side, quantity: int, **more: Any) -> Verdict:
        """Put an order to risk and keep what it approves."""
        legs = LEGS.get(what, ())
        symbol, multiplier = ("SPY", 1) if legs else (what, ONES[what].multiplier)
        quantity *= 1 if legs or multiplier > 1 else 20
        more = {"symbol": symbol, "legs": legs, "multiplier": multiplier, "stop": NAN, "target": NAN, **more}
        order = intent(f"{number}", Side.BUY if legs else side, quantity, number + 1, **more)
        (verdict,) = self.risk(order)
        assert isinstance(verdict, Verdict)
        assert 0 <= verdict.quantity <= quantity
        if verdict.quantity:
            self.working[order.id] = (order, verdict.quantity)
        return verdict

    def fill(self, number: int, share: int) -> None:
        """Fill a part of a working order, or, with a share of 0, end it."""
        if not self.working:
            return
        key = sorted(self.working)[number % len(self.working)]
        order, left = self.working.pop(key)
        quantity = min(left, share)
        remaining = left - quantity if share else 0
        if remaining:
            self.working[key] = (order, remaining)
        legs = tuple(LegFill(leg.symbol, leg.side, leg.ratio * quantity, 100, leg.multiplier) for leg in order.legs)
        done = OrderStatus.FILLED if quantity else OrderStatus.CANCELLED
        status = OrderStatus.PARTIALLY_FILLED if remaining else done
        more = {"remaining": remaining, "status": status, "legs": legs, "strategy": order.strategy}
        more |= {"symbol": order.symbol, "multiplier": order.multiplier, "event_ns": at(number + 1)}
        self.risk(fill(key, order.side, quantity, 100, **more))

    def expire(self, number: int, symbol: str) -> None:
        """Let a held contract expire without value."""
        position = self.account.ledger.positions.get(symbol)
        if position is None or len(symbol) != 21:
            return
        gone = (Transfer(symbol, -position.quantity, 0, position.multiplier),)
        kind = SettlementKind.EXPIRY
        self.risk(
            Settlement(f"{number}", "paper", symbol, at(number), kind, position.quantity, 0, gone, False, 0, 0, "")
        )


def moves_of(order: OrderIntent) -> list[tuple[str, int]]:
    """Return what one unit of an order moves."""
    sign = 1 if order.side is Side.BUY else -1
    if not order.legs:
        return [(order.symbol, sign)]
    return [(leg.symbol, leg.ratio if leg.side is Side.BUY else -leg.ratio) for leg in order.legs]


def ends(desk: Desk) -> Ends:
    """Return least and greatest of every measure, reckoned from positions, holders and working orders."""
    found: dict[str, list[int]] = {}

    def put(name: str, held: int, moved: int) -> None:
        low_high = found.setdefault(name, [0, 0])
        low_high[0] += held + min(0, moved)
        low_high[1] += held + max(0, moved)

    for symbol, holders in desk.account.held.items():
        one = ONES[symbol]
        for holder in holders:
            put(f"strategy {holder.strategy} {one.underlying}", holder.quantity * one.delta, 0)
            put(f"underlying {one.underlying}", holder.quantity * one.delta, 0)
            for name in ("delta", "gamma", "vega"):
                put(name, holder.quantity * getattr(one, name), 0)
            put(f"position {symbol}", holder.quantity * one.size, 0)
    for order, left in desk.working.values():
        moves = moves_of(order)
        underlying = ONES[moves[0][0]].underlying
        delta = sum(left * ratio * ONES[symbol].delta for symbol, ratio in moves)
        put(f"strategy {order.strategy} {underlying}", 0, delta)
        put(f"underlying {underlying}", 0, delta)
        for name in ("delta", "gamma", "vega"):
            put(name, 0, sum(left * ratio * getattr(ONES[symbol], name) for symbol, ratio in moves))
        for symbol, ratio in moves:
            put(f"position {symbol}", 0, left * ratio * ONES[symbol].size)
    return {name: (low, high) for name, (low, high) in found.items()}


def size(found: Ends, name: str) -> int:
    low, high = found.get(name, (0, 0))
    return max(-low, high, 0)


def total(found: Ends, prefix: str) -> int:
    """Return the sum of all sizes of a kind."""
    return sum(size(found, name) for name in found if name.startswith(prefix))


def reducing(desk: Desk, order: OrderIntent) -> int:
    """Return the units that close what is held even if all that works on their side fills first."""
    units = order.quantity
    for symbol, ratio in moves_of(order):
        position = desk.account.ledger.positions.get(symbol)
        held = position.quantity if position is not None else 0
        same = 0
        for other, left in desk.working.values():
            same += sum(left * abs(by) for at_symbol, by in moves_of(other) if at_symbol == symbol and by * ratio > 0)
        units = min(units, max(0, (-held if ratio > 0 else held) - same) // abs(ratio))
    return units


@settings(max_examples=100, deadline=None)
@given(allowed=limits(), steps=STEPS)
def test_no_sequence_of_orders_and_fills_passes_a_limit(allowed: Mandate, steps: list[tuple[Any, ...]]) -> None:
    """What opens keeps every end to which it adds within its limit; no fill and no end of an order widens an end."""
    follow(allowed, steps)


def follow(allowed: Mandate, steps: list[tuple[Any, ...]]) -> None:
    """Play the steps; assert the laws after each."""
    desk = Desk(allowed)
    for number, (kind, what, side, quantity, strategy, origin) in enumerate(steps):
        before = ends(desk)
        if kind == "order":
            checked_order(desk, number, what, side, quantity, {"strategy": strategy, "origin": origin})
        elif kind in ("halt", "resume"):
            desk.risk(Control("paper", 0, ControlAction[kind.upper()], "test"))
        elif kind == "expiry":
            desk.expire(number, what)
        else:
            desk.fill(number, quantity if kind == "part" else 0)
            after = ends(desk)
            for name, (low, high) in after.items():
                if not name.startswith("strategy"):
                    assert low >= min(0, before[name][0]), name
                    assert high <= max(0, before[name][1]), name
        account = desk.account
        assert (account.worth_cents, account.gross_cents, account.sums) == counted_anew(account, desk.risk.state)
        assert {key: order.quantity for key, order in account.working.items()} == {
            key: left for key, (_, left) in desk.working.items()
        }


def checked_order(desk: Desk, number: int, what: str, side: Side, quantity: int, more: dict[str, Any]) -> None:
    """Put an order to risk; assert its limits where it opens, and that nothing opens while the account is halted."""
    before, working, halted = ends(desk), dict(desk.working), desk.account.halted
    verdict = desk.order(number, what, side, quantity, **more)
    order = verdict.intent
    after = ends(desk)
    desk_before = Desk.__new__(Desk)
    desk_before.risk, desk_before.working = desk.risk, working
    closing = reducing(desk_before, order)
    assert verdict.quantity >= closing, "what reduces always passes"
    if verdict.quantity == closing:
        return
    underlying = ONES[moves_of(order)[0][0]].underlying
    if halted:
        assert order.origin is OrderOrigin.HEDGE
        assert size(after, f"underlying {underlying}") <= size(before, f"underlying {underlying}")
    mandate_now = desk.account.mandate
    for name, limit in (
        ("delta", mandate_now.delta_usd_max),
        ("delta", mandate_now.net_notional_usd_max),
        ("gamma", mandate_now.gamma_usd_max),
        ("vega", mandate_now.vega_usd_max),
        (f"underlying {underlying}", mandate_now.underlying_notional_usd_max),
    ):
        grown = size(after, name) > size(before, name)
        assert not (limit and grown) or size(after, name) <= limit * MILLION, name
    assert total(after, "position") <= mandate_now.gross_notional_usd_max * 100
    for symbol, _ in moves_of(order):
        grown = size(after, f"position {symbol}") > size(before, f"position {symbol}")
        assert not grown or size(after, f"position {symbol}") <= mandate_now.position_notional_usd_max * 100
    strategies = [f"strategy {order.strategy} {one}" for one in ("SPY", "IBM")]
    for names, limit in (
        (strategies, mandate_now.strategy_notional_usd_max),
        (["underlying IBM"] if underlying == "IBM" else ["underlying SPY"], mandate_now.sector_notional_usd_max),
    ):
        now, was = (sum(size(found, name) for name in names) for found in (after, before))
        assert not (limit and now > was) or now <= limit * MILLION, names


@settings(max_examples=100, deadline=None)
@given(
    held=st.lists(st.tuples(st.sampled_from(list(ONES)), st.integers(-4, 4)), max_size=4),
    orders=st.lists(
        st.tuples(st.sampled_from([*ONES, *LEGS]), st.sampled_from(tuple(Side)), st.integers(1, 3)), max_size=5
    ),
)
def test_the_worst_case_is_the_worst_of_all_choices_of_fills(
    held: list[tuple[str, int]], orders: list[tuple[str, Side, int]]
) -> None:
    """Every working order wholly, partly or not filled, in all combinations: no choice passes the worst, one is it."""
    desk = Desk(mandate(position_notional_usd_max=1e9, gross_notional_usd_max=1e9, concentration_max=1.0))
    desk.risk(
        mandate(capital_cents=1, position_notional_usd_max=1e9, gross_notional_usd_max=1e9, concentration_max=1.0)
    )
    positions: dict[str, int] = {}
    for number, (symbol, quantity) in enumerate(held):
        if quantity:
            side = Side.BUY if quantity > 0 else Side.SELL
            desk.risk(fill(f"h{number}", side, abs(quantity), 1, symbol=symbol, multiplier=ONES[symbol].multiplier))
            positions[symbol] = positions.get(symbol, 0) + quantity
    for number, (what, side, quantity) in enumerate(orders):
        desk.order(number, what, side, quantity)
    worst = Worst(desk.account, desk.risk.state)
    choices = [[(order, units) for units in range(left + 1)] for order, left in desk.working.values()]
    choices = [each if len(each) <= 4 else [each[0], each[len(each) // 2], each[-1]] for each in choices]
    seen = {"delta": 0, "gamma": 0, "vega": 0, "gross": 0}
    for choice in itertools.product(*choices):
        after = dict(positions)
        for order, units in choice:
            for symbol, ratio in moves_of(order):
                after[symbol] = after.get(symbol, 0) + units * ratio
        for name in ("delta", "gamma", "vega"):
            value = sum(quantity * getattr(ONES[symbol], name) for symbol, quantity in after.items())
            seen[name] = max(seen[name], abs(value))
        seen["gross"] = max(seen["gross"], sum(abs(by) * ONES[symbol].size for symbol, by in after.items()))
    assert size_of((worst.total[0], worst.total[1])) == seen["delta"]
    assert size_of((worst.gamma[0], worst.gamma[1])) == seen["gamma"]
    assert size_of((worst.vega[0], worst.vega[1])) == seen["vega"]
    assert worst.gross_cents >= seen["gross"]
    if not any(order.legs for order, _ in desk.working.values()):
        assert worst.gross_cents == seen["gross"]


def test_the_desk_fills_what_risk_approved() -> None:
    """The rig's desk fills what it approved: an order of two vertical spreads, one by one."""
    desk = Desk(mandate(position_notional_usd_max=1e9, gross_notional_usd_max=1e9, concentration_max=1.0))
    desk.order(0, "vertical", Side.BUY, 2)
    desk.fill(0, 1)
    assert [order.quantity for order in desk.account.working.values()] == [1]
    desk.fill(0, 1)
    assert desk.account.working == {}
    assert {key: one.quantity for key, one in desk.account.ledger.positions.items()} == {CALL: 2, FAR: -2}


@pytest.mark.parametrize(
    "rule",
    [
        *("delta_usd", "gamma_usd", "vega_usd", "net_notional", "underlying_notional", "sector_notional"),
        *("strategy_notional", "gross_notional", "position_notional", "kill_switch"),
    ],
)
def test_the_law_catches_a_missing_rule(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The law of sequences is not empty: without any one of the rules it fails."""

    @settings(max_examples=2_000, deadline=None, database=None, phases=(Phase.generate,), report_multiple_bugs=False)
    @given(steps=STEPS)
    def law(steps: list[tuple[Any, ...]]) -> None:
        follow(allowed, steps)

    wide: dict[str, Any] = dict.fromkeys(("gross_notional_usd_max", "position_notional_usd_max"), 1e9)
    only = {f"{rule.removesuffix('_usd')}_usd_max": 9.0 if rule == "vega_usd" else 900.0}
    tight: dict[str, Any] = {} if rule == "kill_switch" else only
    allowed = mandate(
        "paper", **{**wide, "concentration_max": 1.0, "daily_loss_usd_max": 1e9, "drawdown_max": 1.0, **tight}
    )
    monkeypatch.setitem(RULES, rule, Rule(lambda view: None))  # in its place, so that the order stays
    with pytest.raises((AssertionError, ExceptionGroup)):
        law()
