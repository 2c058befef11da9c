"""The order path as a chain of folds: a frame goes in, and cash comes out right."""

from typing import Any

import numpy as np

from schemas import wire
from schemas.records import (
    Control,
    ControlAction,
    Decision,
    FeatureFrame,
    Fill,
    Mandate,
    OrderIntent,
    Purpose,
    Record,
    RiskReport,
    Side,
    Signal,
    Verdict,
)
from schemas.topics import partition_of
from streams.book import router
from streams.risk import stage as risk
from streams.signals import stage as signals
from streams.sizing import stage as sizing
from streams.stage import Output
from streams.venue import stage as venue

SECOND_NS = 1_000_000_000
OPEN_NS = 1_381_239_000 * SECOND_NS  # 2013-10-08 13:30 UTC, a regular open


def bar(symbol: str, second: int, price: float, low: float | None = None, high: float | None = None) -> FeatureFrame:
    def one(value: float) -> np.ndarray:
        return np.array([value])

    def count(value: int) -> np.ndarray:
        return np.array([value], np.int64)

    return FeatureFrame(
        symbol=symbol,
        interval_ns=SECOND_NS,
        base_ns=OPEN_NS + second * SECOND_NS,
        delta_ns=count(0),
        open=one(price),
        high=one(price if high is None else high),
        low=one(price if low is None else low),
        close=one(price),
        volume=count(100),
        trades=count(1),
        vwap=one(price),
        bid=one(price - 0.01),
        ask=one(price + 0.01),
        dropped=count(0),
        session=b"\2",
        names=(),
        values=np.array([]),
    )


def mandate(account: str = "paper") -> Mandate:
    return Mandate(
        account=account,
        event_ns=0,
        capital_cents=10_000_000,
        strategies=(),
        sizing="fixed_fraction",
        risk_fraction=0.001,
        volatility_target=0.1,
        position_notional_usd_max=50_000.0,
        gross_notional_usd_max=100_000.0,
        concentration_max=0.5,
        daily_loss_usd_max=2_000.0,
        drawdown_max=0.1,
        slippage_bps=1.0,
        fee_per_share_cents=0.5,
        fee_min_cents=100,
    )


class Chain:
    """All five folds of a world of one partition; each topic is a list of records, fills go round at once."""

    def __init__(self) -> None:
        self.topics: dict[str, list[Record]] = {}
        self.folds = {
            "signals": signals.make(
                signals.Params(strategies=("every_bar",), settings={"every_bar": {"lifetime_s": 3}}), 0, 1
            ),
            "router": router.make(router.Params(accounts=("paper",)), 0, 1),
            "sizing": sizing.make(sizing.Params(), 0, 1),
            "risk": risk.make(risk.Params(), 0, 1),
            "venue": venue.make(venue.Params(), 0, 1),
        }
        self.readers = {
            "features": ("router", "signals"),
            "signals": ("router",),
            "book": ("sizing",),
            "orders": ("risk",),
            "verdicts": ("venue",),
        }

    def append(self, topic: str, payload: bytes) -> None:
        self.topics.setdefault(topic, []).append(wire.decode(payload))
        for reader in self.readers.get(topic, ()):
            for output in self.folds[reader].apply([payload]):
                assert isinstance(output, Output), output
                assert output.partition in (None, partition_of("paper", 1))
                self.append(output.topic, output.payload)

    def put(self, topic: str, *records: Record) -> None:
        for record in records:
            self.append(topic, wire.encode(record))

    def of(self, topic: str, kind: type) -> list[Any]:
        return [record for record in self.topics.get(topic, []) if isinstance(record, kind)]


def test_a_bar_becomes_a_signal_an_order_a_verdict_and_a_fill() -> None:
    """Each stage answers the one before, and the money of the fill is in risk's report to the cent."""
    chain = Chain()
    chain.put("book", mandate())
    chain.put("features", bar("SPY", 1, 100.0))
    (signal,) = chain.of("signals", Signal)
    (intent,) = chain.of("orders", OrderIntent)
    (verdict,) = chain.of("verdicts", Verdict)
    (fill,) = chain.of("book", Fill)
    assert (signal.entry, signal.stop, signal.target) == (100.01, 99.0099, 101.0101)
    # 0.1 % of 100,000 USD is 100 USD; the stop is 1.0001 USD away, 101 cents rounded up: 99 shares.
    assert (intent.side, intent.quantity, intent.purpose) == (Side.BUY, 99, Purpose.ENTRY)
    assert (verdict.decision, verdict.quantity, verdict.rule) == (Decision.APPROVE, 99, "")
    # The ask of 100.01 and a basis point: 100.020001, rounded up to 100.03; fee of 99 × 0.5 cents is below the least.
    assert (fill.price_cents, fill.fee_cents, fill.slippage_cents) == (10_003, 100, 198)
    report = chain.of("risk", RiskReport)[-1]
    assert report.cash_cents == 10_000_000 - 99 * 10_003 - 100
    assert report.equity_cents == report.cash_cents + 99 * 10_000
    assert report.daily_pnl_cents == report.equity_cents - 10_000_000
    assert [type(record).__name__ for record in chain.topics["verdicts"]] == ["Mandate", "Mark", "Verdict", "Fill"]


def test_the_position_is_closed_at_its_expiry_and_cash_reconciles() -> None:
    """The expiry makes an exit at the bid; cash is capital plus sales less purchases less fees."""
    chain = Chain()
    chain.put("book", mandate())
    for second in range(1, 6):
        chain.put("features", bar("SPY", second, 100.0))
    _, leaving, *_ = chain.of("book", Fill)
    assert (leaving.purpose, leaving.side, leaving.quantity, leaving.price_cents) == (
        Purpose.EXPIRY,
        Side.SELL,
        99,
        9_998,
    )
    assert leaving.event_ns == OPEN_NS + 4 * SECOND_NS
    fills = chain.of("book", Fill)
    cash = 10_000_000
    for fill in fills:
        cash += (fill.quantity if fill.side is Side.SELL else -fill.quantity) * fill.price_cents - fill.fee_cents
    assert chain.of("risk", RiskReport)[-1].cash_cents == cash
    assert chain.folds["sizing"].state["account/paper"].ledger.cash_cents == cash


def test_a_halted_account_opens_nothing_but_closes() -> None:
    """After a halt no entry is ordered, while the open position still leaves."""
    chain = Chain()
    chain.put("book", mandate())
    chain.put("features", bar("SPY", 1, 100.0))
    chain.put("book", Control("paper", 0, ControlAction.HALT, "test"))
    for second in range(2, 9):
        chain.put("features", bar("SPY", second, 100.0))
    assert [fill.purpose for fill in chain.of("book", Fill)] == [Purpose.ENTRY, Purpose.EXPIRY]
    assert chain.of("risk", RiskReport)[-1].halted
    chain.put("book", Control("paper", 0, ControlAction.RESUME, "test"))
    chain.put("features", bar("SPY", 9, 100.0))
    assert chain.of("book", Fill)[-1].purpose is Purpose.ENTRY
