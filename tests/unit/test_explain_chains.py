"""How much of positions in simulated and recorded chains is explained: a few minutes, every mark a minute apart."""

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from bench.explain import (
    LEARNT_NS,
    RECORDED_DAY,
    RECORDED_MAX,
    RECORDED_RATES,
    SIMULATED_MAX,
    Run,
    explained,
    marks_of,
)
from connectors.sources.lean import open_lean
from streams.options.contracts.clock import DAY_NS
from tests.lean_part import copy_part, copy_whole

TEN = 600
"""Minutes of the day."""


def test_simulated_chains_are_explained() -> None:
    """At most 2 % of the terms' sizes is left at p95 of position-days, long and short, from the day of expiry on, and
    of gross moves, in which nothing cancels. (`aiots bench --only explain` measures nine symbols and nights.)
    """
    run = Run(7, date(2025, 6, 6), minutes=4, symbols=("AAPL", "GOOGL", "TSLA"))
    source = run.source()
    assert source.params.options is not None
    marks = marks_of(source.records(1), {"2020-01-01": source.params.options.interest})
    found = [one for one in explained(marks, source.first_ns + LEARNT_NS) if one.gross >= 0.01]
    near = [one for one in found if one.expires_ns < DAY_NS]
    assert len(found) >= 100
    assert len(near) >= 20
    for positions in (found, near):
        assert float(np.quantile([one.share for one in positions], 0.95)) <= SIMULATED_MAX
        gross = [abs(one.terms.unexplained) / one.gross for one in positions]
        assert float(np.quantile(gross, 0.95)) <= SIMULATED_MAX


def near_money(name: str) -> bool:
    """Return whether a contract's strike is one of a few about the spot of 750, and far from it."""
    return int(name.split("_")[-2]) // 10_000 in (650, 700, 730, 740, 745, 750, 755, 760, 770, 800)


def test_a_recorded_chain_is_explained(tmp_path: Path, lean_data: Path) -> None:
    """GOOG, 2015-12-23 until ten, a day before its expiry: at most 5 % is left at p95, contracts without bids too."""
    quotes = "option/usa/minute/goog/20151223_quote_american.zip"
    if not (lean_data / quotes).exists():
        pytest.skip(f"no recording {quotes} in {lean_data}")
    part = tmp_path / "Data"
    copy_whole(lean_data, part, "market-hours", "symbol-properties")
    copy_part(lean_data, part, "equity/usa/minute/goog", TEN)
    copy_part(lean_data, part, quotes, TEN, near_money)
    source = open_lean([part], symbols=("GOOG",), first=RECORDED_DAY, last=RECORDED_DAY)
    found = explained(marks_of(source.records(1), RECORDED_RATES))
    assert len(found) >= 18
    assert float(np.quantile([one.share for one in found], 0.95)) <= RECORDED_MAX
