"""A contract held through a split goes on being marked under its new symbol, without another Watch: Apple's 7:1."""

from dataclasses import replace
from datetime import date, time

import numpy as np

from schemas.records import ChainFrame, OptionMark, Settlement, Watch
from streams.book import router
from streams.book.explain.fold import explain
from streams.book.ledger import equity_cents
from streams.book.valuation import option_micro, unit_cents
from tests.chain_frames import chain_frame
from tests.life_rig import Life, bought, contract, new_york, opening, price, split
from tests.orderpath_rig import Stage

BEFORE, AFTER = date(2014, 6, 6), date(2014, 6, 9)
OLD, NEW = contract(date(2014, 6, 21), "C", 645, "AAPL"), "AAPL  140621C00092140"
EXPIRY_NS = new_york(date(2014, 6, 20), time(16))


def told(name: str, day: date, spot: float, bid: float) -> ChainFrame:
    """Return a frame of one contract of Apple's at ten."""
    made = chain_frame(new_york(day, time(10)), ["XYZ   240119C00100000"], True, bid)
    return replace(made, symbol="AAPL", spot=spot, contracts=(name,), expiry_ns=np.array([EXPIRY_NS]))


def test_apples_split_goes_on_being_marked() -> None:
    """Settlement and Watch agree on the symbol; its marks value what is held, and the split itself moves no equity."""
    run, life = Stage(router.advance, router.Params(partitions=1)), Life()
    run(Watch("AAPL", OLD, new_york(BEFORE, time(9, 30))))
    (first,) = run(told(OLD, BEFORE, 645.0, 14.0))
    held = bought(OLD, 2, 1_410, BEFORE)
    life(opening(BEFORE), held, price("AAPL", BEFORE, time(16), 645.57))
    event = split("AAPL", AFTER, 7.0)
    (settled,) = life(event)
    assert run(event) == [event]
    assert run(told(OLD, AFTER, 92.0, 2.0)) == [], "nobody holds what it was"
    (mark,) = run(told(NEW, AFTER, 92.2, 2.2))
    assert isinstance(mark, OptionMark)
    assert isinstance(settled, Settlement)
    assert [one.symbol for one in settled.transfers] == [OLD, mark.symbol]
    assert life.held() == {NEW: 14}
    worth = unit_cents(option_micro(mark, None), 100)
    assert worth == 230 * 100
    rows = explain([first, held, settled, mark], "paper")
    # 14 contracts at 2.30 for two at 14.10. The carried value is 201.43 a contract: 2,820.02 of what was 2,820.00.
    assert round(100 * sum(row.terms.total for row in rows)) == 14 * worth - 2 * 141_000
    assert {row.symbol: round(row.terms.exercise, 2) for row in rows}[OLD] == 0.02
    assert equity_cents(life.ledger, {NEW: worth}) == life.ledger.cash_cents + 14 * worth
