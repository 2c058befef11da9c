"""The order path as a chain of folds: a frame goes in, and cash comes out right."""

from schemas.records import (
    Control,
    ControlAction,
    Decision,
    Fill,
    OrderIntent,
    Purpose,
    RiskReport,
    Side,
    Signal,
    Verdict,
)
from tests.orderpath_rig import OPEN_NS, SECOND_NS, Chain, frame, mandate


def test_a_bar_becomes_a_signal_an_order_a_verdict_and_a_fill() -> None:
    """Each stage answers the one before, and the money of the fill is in risk's report to the cent."""
    chain = Chain()
    chain.put("book", mandate())
    chain.put("features", frame("SPY", 1, 100.0))
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
        chain.put("features", frame("SPY", second, 100.0))
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
    chain.put("features", frame("SPY", 1, 100.0))
    chain.put("book", Control("paper", 0, ControlAction.HALT, "test"))
    for second in range(2, 9):
        chain.put("features", frame("SPY", second, 100.0))
    assert [fill.purpose for fill in chain.of("book", Fill)] == [Purpose.ENTRY, Purpose.EXPIRY]
    assert chain.of("risk", RiskReport)[-1].halted
    chain.put("book", Control("paper", 0, ControlAction.RESUME, "test"))
    chain.put("features", frame("SPY", 9, 100.0))
    assert chain.of("book", Fill)[-1].purpose is Purpose.ENTRY
