"""The venue's statement of an account, and the ledger held against it: equal to the cent, or an Alert."""

from datetime import date, time
from typing import Any

import pytest

from schemas import wire
from schemas.records import (
    Alert,
    Fill,
    MarketEvent,
    Priority,
    Record,
    RiskReport,
    Settlement,
    Side,
    StatedPosition,
    Statement,
)
from streams.book.ledger import Ledger, Position
from streams.book.reconcile import Figure, differences
from streams.risk import stage as risk
from streams.risk.statement import ALERTS_MAX
from streams.signals import stage as signals
from streams.sizing import stage as sizing
from streams.stage import RecordError
from streams.venue import stage as venue
from tests.life_rig import closing, dividend, new_york, opening, option_mark, price
from tests.orderpath_rig import Chain, Stage, fill, frame, mandate, signal
from tests.venue_rig import CALL, HIGHER, option, order, vertical

MONDAY, TUESDAY, WEDNESDAY = date(2013, 10, 7), date(2013, 10, 8), date(2013, 10, 9)
EXPIRY_NS = new_york(date(2013, 10, 18), time(16))
FREE: dict[str, Any] = {"slippage_bps": 0.0, "fee_per_share_cents": 0.0, "fee_min_cents": 0}


def quoted(symbol: str, day: date, clock: time, bid: float, ask: float) -> Record:
    """Return the mark of a contract of AAPL."""
    return option_mark(symbol, day, clock, EXPIRY_NS, bid=bid, ask=ask, spot=500.0)


def told(run: Stage, *records: Record) -> list[Statement]:
    """Return the statements that records make."""
    return [one for record in records for one in run(record) if isinstance(one, Statement)]


def test_a_session_is_stated_by_hand() -> None:
    """Two calls at 2.10 and a vertical at 2.10 - 1.00, 65 cents a contract, of 100,000 USD.

    Paid: 2 x 210 + 1 x (210 - 100) = 420 + 110 USD; fees 2 x 0.65 and 2 x 0.65. Held: 3 calls, -1 of the higher.
    """
    run = Stage(venue.advance, venue.Params(), mandate(**FREE, fee_per_contract_cents=65.0), opening(TUESDAY))
    run(quoted(CALL, TUESDAY, time(10), 2.0, 2.1))
    run(quoted(HIGHER, TUESDAY, time(10), 1.0, 1.1))
    run(option("1", Side.BUY, 2))
    run(vertical("2", 1, 11_000))
    at_close = closing(TUESDAY)
    assert told(run, at_close) == [
        Statement(
            account="paper",
            event_ns=at_close.event_ns,
            day="2013-10-08",
            cash_cents=10_000_000 - 42_000 - 11_000 - 130 - 130,
            fees_cents=260,
            positions=(StatedPosition(CALL, 3, 100), StatedPosition(HIGHER, -1, 100)),
        )
    ]


def test_a_session_is_stated_once() -> None:
    """Other partitions' closes, closes of another day and the next opening say nothing new."""
    run = Stage(venue.advance, venue.Params(), mandate(), opening(TUESDAY))
    assert len(told(run, closing(MONDAY), closing(TUESDAY), closing(TUESDAY), opening(WEDNESDAY))) == 1
    assert [one.day for one in told(run, opening(WEDNESDAY), closing(WEDNESDAY))] == ["2013-10-09"]


def test_a_session_whose_close_is_not_told_is_stated_before_the_next() -> None:
    """The statement comes before what the morning settles: a dividend of 0.40 on 100 shares is of the day after."""
    run = Stage(venue.advance, venue.Params(), mandate(**FREE), opening(TUESDAY))
    run(dividend("SPY", TUESDAY, WEDNESDAY, 0.40))
    run(price("SPY", TUESDAY, time(12), 170.0))
    run(order("1", Side.BUY, 100, symbol="SPY", event_ns=new_york(TUESDAY, time(12))))
    morning = run(opening(WEDNESDAY))
    assert [type(one) for one in morning] == [Statement, Settlement]
    (stated,) = [one for one in morning if isinstance(one, Statement)]
    (later,) = told(run, closing(WEDNESDAY))
    assert (stated.day, stated.positions) == ("2013-10-08", (StatedPosition("SPY", 100, 1),))
    assert later.cash_cents - stated.cash_cents == 4_000


def test_before_the_first_session_nothing_is_stated() -> None:
    """A close of which no opening was told is of no session."""
    assert told(Stage(venue.advance, venue.Params(), mandate()), closing(TUESDAY)) == []


def test_a_statement_survives_its_state() -> None:
    """A venue that is restarted between fill and close states the same."""
    records: list[Record] = [
        mandate(**FREE),
        opening(TUESDAY),
        quoted(CALL, TUESDAY, time(10), 2.0, 2.1),
        option("1", Side.BUY, 2),
        closing(TUESDAY),
    ]
    payloads = [wire.encode(one) for one in records]
    whole, first, second = (venue.make(venue.Params(), 0, 1) for _ in range(3))
    expected = whole.apply(payloads)[-1]
    first.apply(payloads[:4])
    second.load({key: data for key, data in first.changed().items() if data is not None})
    assert second.apply(payloads[4:])[-1].payload == expected.payload  # type: ignore[union-attr]  # an Output
    assert isinstance(wire.decode(expected.payload), Statement)  # type: ignore[union-attr]  # an Output


def at_risk(*records: Record) -> tuple[Stage, list[Any]]:
    """Return risk with an account that holds what its fills brought, and what it tells of each later record."""
    bought = (
        fill("1", Side.BUY, 100, 5_000, symbol="SPY", fee_cents=100),
        fill("2", Side.SELL, 2, 300, symbol=CALL, multiplier=100, fee_cents=130),
    )
    run = Stage(risk.advance, risk.Params(), mandate(), *bought)
    return run, [one for record in records for one in run(record)]


def stated(**changes: Any) -> Statement:
    """Return the statement that agrees with at_risk: 100 shares bought at 50, two calls sold at 3."""
    cash = 10_000_000 - 500_000 + 60_000 - 230
    held = (StatedPosition(CALL, -2, 100), StatedPosition("SPY", 100, 1))
    fields: dict[str, Any] = {"cash_cents": cash, "fees_cents": 230, "positions": held}
    return Statement(**{"account": "paper", "event_ns": 2_000, "day": "2013-10-08", **fields, **changes})


def test_an_equal_ledger_is_told_in_the_report() -> None:
    """No Alert; the report says when the statement was compared and that nothing differed, and goes on saying so."""
    run, found = at_risk(stated())
    assert [type(one) for one in found] == [RiskReport]
    assert (found[0].statement_ns, found[0].statement_differences) == (2_000, 0)
    later = run(fill("3", Side.BUY, 1, 5_000, symbol="SPY"))
    assert [(one.statement_ns, one.statement_differences) for one in later] == [(2_000, 0)]


CALLS = StatedPosition(CALL, -2, 100)
SHARES = StatedPosition("SPY", 100, 1)


@pytest.mark.parametrize(
    ("changes", "what", "figures"),
    [
        ({"cash_cents": stated().cash_cents + 1}, "cash 95597.70 USD in the ledger, 95597.71", (9_559_770, 9_559_771)),
        ({"fees_cents": 229}, "fees 2.30 USD in the ledger, 2.29 in the statement: 0.01 apart", (230, 229)),
        ({"positions": (StatedPosition(CALL, -1, 100), SHARES)}, f"position of {CALL}: -2 in the ledger, -1", (-2, -1)),
        ({"positions": (CALLS,)}, "position of SPY: 100 in the ledger, 0 in the statement: 100 apart", (100, 0)),
        ({"positions": (CALLS, StatedPosition("IBM", 1, 1), SHARES)}, "position of IBM: 0 in the ledger, 1", (0, 1)),
        ({"positions": (StatedPosition(CALL, -2, 10), SHARES)}, f"multiplier of {CALL}: 100", (100, 10)),
    ],
    ids=["a cent", "a fee", "a contract", "a position gone", "a position more", "a multiplier"],
)
def test_a_planted_difference_is_an_alert(changes: dict[str, Any], what: str, figures: tuple[int, int]) -> None:
    """One cent, one contract: an Alert of high priority names account, symbol, both figures and the difference."""
    _, found = at_risk(stated(**changes))
    alert, report = found
    assert isinstance(alert, Alert)
    assert isinstance(report, RiskReport)
    assert alert.text.startswith("paper does not reconcile at the close of 2013-10-08: ")
    assert what in alert.text
    assert (alert.rule, alert.priority, alert.event_ns) == ("statement", Priority.HIGH, 2_000)
    assert (alert.value, alert.limit) == figures
    assert report.statement_differences == 1


def test_alerts_of_one_statement_are_bounded() -> None:
    """The last alert says how many figures more differ."""
    held = tuple(StatedPosition(f"S{number:02}", 1, 1) for number in range(ALERTS_MAX + 3))
    _, found = at_risk(stated(positions=(CALLS, *held, SHARES)))
    assert len(found) == ALERTS_MAX + 1
    assert found[-2].text.endswith("; and 3 more figures differ")
    assert found[-1].statement_differences == ALERTS_MAX + 3


@pytest.mark.parametrize(
    "changes",
    [
        {"account": ""},
        {"day": ""},
        {"event_ns": -1},
        {"positions": (CALLS, CALLS)},
        {"positions": (StatedPosition("SPY", 0, 1),)},
        {"positions": (StatedPosition("SPY", 1, 0),)},
        {"positions": (StatedPosition("", 1, 1),)},
        {"account": "nobody"},
    ],
)
def test_a_statement_that_says_nothing_is_rejected(changes: dict[str, Any]) -> None:
    """Of no account or day, a position twice, of 0, or of no multiplier."""
    with pytest.raises(RecordError):
        at_risk(stated(**changes))


def test_cash_comes_first_then_symbols_in_order() -> None:
    """Several differences of one statement."""
    ledger = Ledger(100, {"B": Position(1, 5), "A": Position(-1, -5)}, fees_cents=2)
    other = Statement("paper", 1, "2013-10-08", 99, 2, (StatedPosition("C", 4, 1),))
    assert differences(ledger, other) == (
        Figure("cash", "", 100, 99),
        Figure("position", "A", -1, 0),
        Figure("position", "B", 1, 0),
        Figure("position", "C", 0, 4),
    )


def test_sizing_passes_a_statement_on() -> None:
    """Byte for byte, and makes nothing of it."""
    fold, payload = sizing.make(sizing.Params(), 0, 1), wire.encode(stated())
    (found,) = fold.apply([payload])
    assert (found.topic, found.payload) == ("orders", payload)  # type: ignore[union-attr]  # an Output


def test_fills_under_way_are_no_difference() -> None:
    """A venue whose close comes while its own fills are still on their way round: the statement waits behind them.

    All of a venue's inbox is answered at once, then all of its answers go through sizing and risk: at the close risk
    has seen none of the fills, and still nothing differs.
    """
    answers = Stage(venue.advance, venue.Params(), mandate(**FREE), opening(TUESDAY))
    answers(quoted(CALL, TUESDAY, time(10), 2.0, 2.1))
    records: list[Record] = [option(f"{number}", Side.BUY, 1) for number in range(5)]
    records.append(closing(TUESDAY))
    news = [one for record in records for one in answers(record)]
    chain = Chain()
    chain.put("book", mandate(**FREE))
    for one in news:
        chain.put("book", one)
    assert not [one for one in chain.of("risk", Alert) if one.rule == "statement"]
    report = chain.of("risk", RiskReport)[-1]
    assert (report.statement_ns, report.statement_differences) == (closing(TUESDAY).event_ns, 0)
    assert len([one for one in news if isinstance(one, Fill)]) == 5


def test_a_fill_that_is_lost_is_found() -> None:
    """The same day without one of its fills: the ledger is a contract and its price short."""
    answers = Stage(venue.advance, venue.Params(), mandate(**FREE), opening(TUESDAY))
    answers(quoted(CALL, TUESDAY, time(10), 2.0, 2.1))
    records: list[Record | MarketEvent] = [option(f"{number}", Side.BUY, 1) for number in range(2)]
    news = [one for record in (*records, closing(TUESDAY)) for one in answers(record)]
    chain = Chain()
    for one in (mandate(**FREE), *news[1:]):
        chain.put("book", one)
    cash, calls = [one for one in chain.of("risk", Alert) if one.rule == "statement"]
    assert "cash 99790.00 USD in the ledger, 99580.00 in the statement: 210.00 apart" in cash.text
    assert f"position of {CALL}: 1 in the ledger, 2 in the statement: -1 apart" in calls.text


def test_a_day_through_all_stages_reconciles() -> None:
    """From features on, by the router: a signal is followed and stopped out; the close comes from every partition."""
    chain = Chain(signals.Params(strategies=("every_bar",), settings={"every_bar": {"interval_s": 300}}))
    chain.put("book", mandate(fee_per_share_cents=0.37))
    chain.put("features", opening(TUESDAY), opening(TUESDAY), frame(second=1), frame(second=2))
    chain.put("signals", signal(second=2))
    chain.put("features", frame(second=3), frame(second=4, price=98.0), frame(second=5, price=98.0))
    chain.put("features", closing(TUESDAY), closing(TUESDAY))
    fills = [one for one in chain.of("book", Fill) if one.quantity]
    (stated,) = chain.of("book", Statement)
    assert len(fills) == 2
    assert stated.fees_cents == sum(one.fee_cents for one in fills) > 0
    assert stated == chain.of("orders", Statement)[0] == chain.of("verdicts", Statement)[0]
    report = chain.of("risk", RiskReport)[-1]
    assert (report.statement_ns, report.statement_differences) == (stated.event_ns, 0)
    assert report.cash_cents == stated.cash_cents
