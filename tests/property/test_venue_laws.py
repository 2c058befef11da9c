"""Laws of the venue over any orders and any market: quotes, quantities, ends, bytes and cash."""

import itertools
from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import wire
from schemas.records import (
    Cancel,
    Control,
    ControlAction,
    Fill,
    Leg,
    LegFill,
    MarketEventKind,
    OrderKind,
    OrderStatus,
    Purpose,
    Record,
    Side,
    TimeInForce,
    Verdict,
)
from streams.book.ledger import Ledger, apply_fill
from streams.stage import Output
from streams.venue import fees, stage
from streams.venue.brackets import exit_id
from streams.venue.order import Tally
from streams.venue.stage import Params
from tests.orderpath_rig import at, mandate, mark
from tests.venue_laws import LAWS, PAIRS_MAX
from tests.venue_rig import CALL, HIGHER, event, option_mark, order, session

CAPITAL = 10_000_000
TICK = 5
LEGS = (Leg(CALL, Side.BUY, 1, 100), Leg(HIGHER, Side.SELL, 2, 100))
PARAMS = st.builds(
    Params,
    latency_ms=st.sampled_from([0, 1_500]),
    fees=st.sampled_from(fees.SCHEDULES),
    participation=st.sampled_from([0.0, 0.1, 1.0]),
    queue_shares=st.sampled_from([-1, 0, 60]),
    quote_age_s=st.sampled_from([0, 2, 60]),
    waiting_max=st.sampled_from([3, 1_000]),
)
Steps = Sequence[tuple[str, int, int, int, int, bool, bool]]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["mark"] * 4 + ["option"] * 4 + ["order"] * 5 + ["combo"] * 2 + ["cancel", "event", "control"]),
        st.integers(0, 7),  # which: a kind, a symbol
        st.integers(-30, 30),  # away from the market, ticks
        st.integers(1, 40),  # quantity, size
        st.integers(0, 3),  # seconds since what was before
        st.booleans(),
        st.booleans(),
    ),
    min_size=15,
    max_size=70,
)
KINDS = tuple(OrderKind)


def inbox(steps: Steps) -> list[Record]:
    """Return a venue's inbox: a market that moves, and whatever people and stages may do."""
    records: list[Record] = [mandate(fee_per_contract_cents=65.0), session(0, 60), mark("AAPL", 0, 500.0)]
    cents, calls, second = 10_000, {CALL: 200, HIGHER: 150}, 0
    for number, (what, which, away, size, pause, buying, other) in enumerate(steps):
        second += pause
        side = Side.BUY if buying else Side.SELL
        if what == "mark":
            before, cents = cents, max(500, cents + away)
            low, high = sorted((before, cents))
            quote: dict[str, Any] = {"bid": float("nan"), "ask": float("nan")} if which == 0 else {}
            records.append(mark("SPY", second, cents / 100, low=low / 100, high=high / 100, volume=size * 10, **quote))
        elif what == "option":
            symbol = CALL if buying else HIGHER
            calls[symbol] = bid = max(TICK, calls[symbol] + away // 3)
            bits = 4 if which == 7 else 0
            records.append(
                option_mark(symbol, second, bid / 100, (bid + 5) / 100, bid_size=size, ask_size=which, bits=bits)
            )
        elif what == "order":
            records.append(_order(number, second, which, away, size, side, other, cents, calls[CALL]))
        elif what == "combo":
            kind = OrderKind.LIMIT if other else OrderKind.MARKET
            limit = 100 * (calls[CALL] - 2 * calls[HIGHER] + away)
            records.append(
                order(f"{number:04}", Side.BUY, size, second, symbol="AAPL", legs=LEGS, kind=kind, limit_cents=limit)
            )
        elif what == "cancel":
            records.append(Cancel("paper", at(second), "" if which == 0 else f"{number - which:04}", "test"))
        elif what == "event":
            kinds = (MarketEventKind.HALT, MarketEventKind.RESUME, MarketEventKind.RESUME, MarketEventKind.SPLIT)
            records.append(event(kinds[which % 4], second, "AAPL" if buying else "SPY", value=2.0))
        else:
            action = ControlAction.HALT if which < 3 else ControlAction.RESUME
            records.append(Control("paper", at(second), action, "test", flatten=other))
    return records


def _order(
    number: int, second: int, which: int, away: int, size: int, side: Side, other: bool, cents: int, call: int
) -> Verdict:
    option = other and which % 2 == 1
    price = max(TICK, call + away // 3) if option else max(100, cents + away)
    kind = KINDS[which % 4]
    fields: dict[str, Any] = {
        "kind": kind,
        "limit_cents": price if kind in (OrderKind.LIMIT, OrderKind.STOP_LIMIT) else 0,
        "trigger_cents": max(TICK, price + away) if kind in (OrderKind.STOP, OrderKind.STOP_LIMIT) else 0,
        "time_in_force": TimeInForce.DAY if size % 2 else TimeInForce.GTC,
        "bracket": size % 3 == 0,
        "stop": (price - 10) / 100 if side is Side.BUY else (price + 10) / 100,
        "target": (price + 10) / 100 if side is Side.BUY else (price - 10) / 100,
        "expires_ns": at(second + 20) if size % 5 == 0 else 0,
        "purpose": Purpose.FLATTEN if size % 7 == 0 else Purpose.ENTRY,
    }
    if option:
        fields |= {"symbol": CALL, "multiplier": 100}
    fields["stop"], fields["target"] = max(0.05, fields["stop"]), max(0.05, fields["target"])
    return order(f"{number:04}", side, size, second, **fields)


def run(records: Sequence[Record], params: Params) -> tuple[list[tuple[int, Fill]], dict[str, Any]]:
    """Return what the venue told, each with the index of what it came of, and its state."""
    fold = stage.make(params, 0, 1)
    told = []
    for output in fold.apply([wire.encode(record) for record in records]):
        assert isinstance(output, Output), output
        fill = wire.decode(output.payload)
        if isinstance(fill, Fill):  # settlements are of positions, not of orders
            told.append((output.at, fill))
    return told, dict(fold.state)


@settings(max_examples=60, deadline=None)
@given(params=PARAMS, steps=STEPS)
def test_nothing_fills_outside_the_quote(params: Params, steps: Steps) -> None:
    """Never better than the executable side, but at a limit whose turn in the queue has come, inside the quote; never
    against a limit; and together no more than the size shown.
    """
    check_quotes(params, steps)


def check_quotes(params: Params, steps: Steps) -> None:
    """Assert the law of quotes."""
    records = inbox(steps)
    orders = {one.intent.id: one.intent for one in records if isinstance(one, Verdict)}
    told, _ = run(records, params)
    for at_record, fill in told:
        intent = orders.get(fill.intent_id)
        legs = fill.legs or (LegFill(fill.symbol, fill.side, fill.quantity, fill.price_cents, fill.multiplier),)
        for leg in legs if fill.quantity else ():
            quote = _newest(records[: at_record + 1], leg.symbol)
            side, other = (quote.ask, quote.bid) if leg.side is Side.BUY else (quote.bid, quote.ask)
            side = side if side == side else quote.last
            sign = 1 if leg.side is Side.BUY else -1
            queued = intent is None or intent.kind in (OrderKind.LIMIT, OrderKind.STOP_LIMIT)
            worst = other if queued and params.queue_shares >= 0 and leg.symbol == "SPY" and other == other else side
            assert sign * leg.price_cents >= sign * worst * 100 - 1e-6
            if leg.symbol != "SPY":
                assert leg.quantity <= (quote.ask_size if leg.side is Side.BUY else quote.bid_size)
        if intent is not None and fill.quantity and intent.kind in (OrderKind.LIMIT, OrderKind.STOP_LIMIT):
            sign = 1 if intent.side is Side.BUY else -1
            assert sign * fill.price_cents <= sign * intent.limit_cents


def _newest(records: Sequence[Record], symbol: str) -> Any:
    """Return the newest mark of an instrument."""
    return next(one for one in reversed(records) if hasattr(one, "bid") and getattr(one, "symbol", "") == symbol)


@settings(max_examples=60, deadline=None)
@given(params=PARAMS, steps=STEPS)
def test_every_order_ends_once_and_its_parts_make_the_whole(params: Params, steps: Steps) -> None:
    """After each answer fills and remaining are the quantity; after an end nothing comes; what did not end works."""
    check_ends(params, steps)


def check_ends(params: Params, steps: Steps) -> None:
    """Assert the law of ends."""
    records = inbox(steps)
    orders = {one.intent.id: one.quantity for one in records if isinstance(one, Verdict)}
    filled: dict[str, int] = {}
    ended: set[str] = set()
    told, state = run(records, params)
    for _, fill in told:
        name = fill.intent_id
        assert name not in ended
        filled[name] = filled.get(name, 0) + fill.quantity
        if name in orders and (fill.remaining or fill.status is OrderStatus.FILLED):
            assert filled[name] + fill.remaining == orders[name]
        assert filled[name] <= orders.get(name, filled[name])
        if not fill.remaining:
            ended.add(name)
    assert len({fill.id for _, fill in told}) == len(told)
    working = {key.removeprefix("order/") for key in state if key.startswith("order/")}
    assert orders.keys() - ended == working & orders.keys()
    assert not working & ended
    assert set(state["account/paper"].working) == working
    _check_indexes(state, working)


def _check_indexes(state: dict[str, Any], working: set[str]) -> None:
    """Every order is in the books of its instruments and on the agenda of its ends, and nothing else is."""
    booked = [name for key, book in state.items() if key.startswith("book/") for _, name in (*book.below, *book.above)]
    assert sorted(booked) == sorted(name for one in working for name in [one] * len(state[f"order/{one}"].symbols))
    agenda = state["desk"].agenda if "desk" in state else ()
    assert sorted(agenda) == sorted((end, name) for name in working for end in state[f"order/{name}"].ends_ns)
    parents = {state[f"order/{name}"].parent for name in working} - {""}
    assert parents <= {key.removeprefix("exits/") for key in state if key.startswith("exits/")}


@settings(max_examples=60, deadline=None)
@given(params=PARAMS, steps=STEPS)
def test_exits_never_sell_more_than_was_bought(params: Params, steps: Steps) -> None:
    """What both exits of a bracket fill, and one of them still may, is never more than its entry filled."""
    check_exits(params, steps)


def check_exits(params: Params, steps: Steps) -> None:
    """Assert the law of exits."""
    told, state = run(inbox(steps), params)
    bought: dict[str, int] = {}
    left: dict[str, int] = {}
    for _, fill in told:
        bought[fill.intent_id] = bought.get(fill.intent_id, 0) + fill.quantity
    for key, kept in state.items():
        if key.startswith("exits/"):
            open_now = {state[f"order/{one}"].remaining for one in (kept.target, kept.stop) if one}
            assert len(open_now) <= 1
            left[key.removeprefix("exits/")] = max(open_now, default=0)
    for purpose in (Purpose.TARGET, Purpose.STOP):
        for name in tuple(bought):
            filled = sum(bought.get(exit_id(name, purpose, pair), 0) for pair in range(PAIRS_MAX))
            if filled:
                left[name] = left.get(name, 0) + filled
    for name, most in left.items():
        assert most <= bought[name]


@settings(max_examples=100, deadline=None)
@given(params=PARAMS, steps=STEPS)
def test_what_an_order_allows_is_all_that_trades(params: Params, steps: Steps) -> None:
    """Terms, halts, stops, splits, days, cancels, latency and fees: tests/venue_laws.py."""
    records = inbox(steps)
    told, _ = run(records, params)
    for law in LAWS:
        law(records, told, params)


@settings(max_examples=50, deadline=None)
@given(params=PARAMS, steps=STEPS)
def test_cash_reconciles_with_the_fills(params: Params, steps: Steps) -> None:
    """Cash is capital less what was paid, and fees are those of each order's whole, by its schedule."""
    told, _ = run(inbox(steps), params)
    ledger, cash = Ledger(CAPITAL, {}), CAPITAL
    tallies: dict[str, Tally] = {}
    for _, fill in told:
        ledger = apply_fill(ledger, fill)
        legs = fill.legs or (LegFill(fill.symbol, fill.side, fill.quantity, fill.price_cents, fill.multiplier),)
        if fill.quantity:
            for leg in legs:
                amount = leg.quantity * leg.price_cents * leg.multiplier
                cash += amount if leg.side is Side.SELL else -amount
            cash -= fill.fee_cents
            before = tallies.get(fill.intent_id, Tally())
            tallies[fill.intent_id] = fees.charged(params.fees, _mandate(), before, legs, fill.event_ns)
            assert fill.fee_cents == tallies[fill.intent_id].fee_cents - before.fee_cents
        else:
            assert fill.fee_cents == fill.price_cents == 0
    assert ledger.cash_cents == cash


def _mandate() -> Any:
    return mandate(fee_per_contract_cents=65.0)


@settings(max_examples=30, deadline=None)
@given(params=PARAMS, steps=STEPS, cuts=st.lists(st.integers(0, 80), max_size=4))
def test_cuts_and_restarts_do_not_matter(params: Params, steps: Steps, cuts: list[int]) -> None:
    """Restarted from its checkpoint at any places of its inbox, the venue writes the same bytes and state."""
    payloads = [wire.encode(record) for record in inbox(steps)]
    whole = stage.make(params, 0, 1)
    expected = [(output.at, output.payload) for output in whole.apply(payloads) if isinstance(output, Output)]
    found: list[tuple[int, bytes]] = []
    saved: dict[str, bytes | None] = {}
    for start, stop in itertools.pairwise([0, *sorted(cut % (len(payloads) + 1) for cut in cuts), len(payloads)]):
        part = stage.make(params, 0, 1)
        part.load({key: data for key, data in saved.items() if data is not None})
        found += [(start + one.at, one.payload) for one in part.apply(payloads[start:stop]) if isinstance(one, Output)]
        saved |= part.changed()
    assert found == expected
    assert {key: data for key, data in saved.items() if data} == {k: v for k, v in whole.changed().items() if v}
