"""A split between its event and its Settlement: marks of new shares move no equity, and nothing trips on them."""

from typing import Any

from schemas.records import (
    Alert,
    Decision,
    Fill,
    MarketEvent,
    MarketEventKind,
    OptionMark,
    OrderIntent,
    Record,
    RiskReport,
    Settlement,
    SettlementKind,
    Side,
    Transfer,
    Verdict,
)
from streams.book.splits import DAY_NS
from streams.risk import stage as risk
from streams.risk.holdings import counted_anew
from streams.sizing import stage as sizing
from tests.orderpath_rig import NAN, Stage, at, fill, intent, mandate, mark

CALL, NEW_CALL = "XYZ   131220C00630000", "XYZ   131220C00090000"
SPLIT = MarketEvent("XYZ", "lean", at(10), MarketEventKind.SPLIT, value=7.0)


def settled(symbol: str, *transfers: Transfer) -> Settlement:
    return Settlement(
        "1", "paper", symbol, at(10), SettlementKind.SPLIT, -transfers[0].quantity, 0, transfers, True, 0, 0
    )


SHARES = settled("XYZ", Transfer("XYZ", -100, 0, 1), Transfer("XYZ", 700, 0, 1))
CONTRACTS = settled(CALL, Transfer(CALL, -2, 0, 100), Transfer(NEW_CALL, 14, 0, 100))


def option(symbol: str, second: float, price: float, spot: float) -> OptionMark:
    names = ("gamma", "vega", "theta", "rho", "vanna", "volga", "charm", "rate", "dividends")
    fields: dict[str, Any] = dict.fromkeys(names, 0.0)
    fields |= {"symbol": symbol, "underlying": "XYZ", "event_ns": at(second), "expiry_ns": at(7_000_000)}
    fields |= {"bid": price, "ask": price, "bid_size": 10, "ask_size": 10, "last": price, "spot": spot}
    fields |= {"forward": spot, "theoretical": price, "iv": 0.2, "bits": 0, "quality": 1.0, "surface_ns": at(0)}
    return OptionMark(**fields, delta=0.5)


def holding(stage: Any, **changes: Any) -> Stage:
    """Return a stage whose account holds 100 shares at 630 and two calls worth 35, bought at 20."""
    fields: dict[str, Any] = {"drawdown_max": 0.05, "drawdown_flatten": 0.1, "capital_cents": 10_000_000}
    given = mandate(**{**fields, "concentration_max": 1.0, **changes})
    bought: list[Fill] = [
        fill("1", Side.BUY, 100, 63_000, symbol="XYZ", stop=600.0, target=700.0),
        fill("2", Side.BUY, 2, 2_000, symbol=CALL, multiplier=100),
    ]
    return Stage(stage.advance, stage.Params(), given, mark("XYZ", 1, 630.0), option(CALL, 1, 35.0, 630.0), *bought)


def test_marks_before_the_settlement_move_no_equity() -> None:
    """100 at 630 are 700 at 90, two calls of 35 fourteen of 5: equity stays at each step, and the next mark counts."""
    run = holding(risk)
    equity = 10_000_000 + 2 * (3_500 - 2_000) * 100

    def check(*records: Record, extra: int = 0) -> None:
        told = [one for record in records for one in run(record)]
        assert not [one for one in told if isinstance(one, Alert) and one.rule.startswith("drawdown")]
        account = run.state["account/paper"]
        assert (account.equity_cents, account.halted) == (equity + extra, "")
        assert counted_anew(account, run.state) == (account.worth_cents, account.gross_cents, account.sums)
        reports = [one for one in told if isinstance(one, RiskReport)]
        assert all(sum(p.value_cents for p in one.positions) == account.worth_cents for one in reports)

    check(option(CALL, 2, 35.0, 630.0))
    check(SPLIT)
    check(mark("XYZ", 20, 80.0), mark("XYZ", 21, 90.0), option(CALL, 20, 0.05, 90.0))
    check(SPLIT)
    check(SHARES)
    check(CONTRACTS)
    assert run.state["account/paper"].kept == {}
    assert run.state["account/paper"].ledger.positions[NEW_CALL].quantity == 14
    check(mark("XYZ", 22, 90.5), extra=700 * 50)
    check(option(NEW_CALL, 22, 5.1, 90.0), extra=700 * 50 + 14 * 100 * 10)


def test_settlement_before_any_mark_finds_the_market_at_the_ratio() -> None:
    """No mark between event and Settlement: 700 shares are worth 90 each."""
    run = holding(risk)
    before = run.state["account/paper"].equity_cents
    for record in (SPLIT, SHARES, CONTRACTS):
        run(record)
        assert run.state["account/paper"].equity_cents == before
    assert run.state["market/XYZ"].value_cents == 9_000


def test_nothing_is_opened_while_a_split_is_under_way() -> None:
    """What the position will be is not known; a day later marks count again, should no Settlement come."""
    run = holding(risk)
    run(SPLIT)
    run(mark("XYZ", 20, 90.0))
    order: OrderIntent = intent("9", Side.BUY, 1, symbol="XYZ", second=21, reference=90.0, stop=NAN, target=NAN)
    (verdict,) = (one for one in run(order) if isinstance(one, Verdict))
    assert (verdict.decision, verdict.rule) == (Decision.REFUSE, "market_known")
    run(mark("XYZ", 10 + DAY_NS / 1e9, 630.5))
    account = run.state["account/paper"]
    assert list(account.kept) == [CALL]
    assert account.equity_cents == 10_000_000 + 300_000 + 100 * 50


def test_sizing_neither_stops_out_nor_flattens() -> None:
    """The bracket 600 to 700 and the peak of equity stand in old shares until the Settlement turns them."""
    run = holding(sizing)
    assert run.state["account/paper"].holdings["XYZ"].stop == 600.0
    assert run(SPLIT) == []
    for record in (mark("XYZ", 20, 90.0), option(CALL, 20, 0.05, 90.0), SHARES, CONTRACTS, mark("XYZ", 22, 90.5)):
        assert run(record) == [], record
    account = run.state["account/paper"]
    assert (account.flatten, account.kept) == ("", {})
    assert account.holdings["XYZ"].quantity == 700
    orders = run(mark("XYZ", 23, 85.0, low=85.0))
    assert [(one.symbol, one.quantity, one.purpose) for one in orders] == [("XYZ", 700, "STOP")]
