"""How much of positions in simulated and recorded chains is explained: a few minutes, every mark a minute apart."""

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from connectors.sources.lean import open_lean
from connectors.sources.sim import OptionParams, open_sim
from streams.options.contracts.clock import SECOND_NS
from tests.explained_days import explained, features_of, marks_of, shares
from tests.lean_part import copy_part, copy_whole

SIMULATED_MAX, RECORDED_MAX = 0.02, 0.05
LEARNT_NS = 20 * SECOND_NS
TEN = 600
"""Minutes of the day."""


def test_a_simulated_chain_is_explained() -> None:
    """At most 2 % of the terms' sizes is left at p90 of the contracts. In eight minutes the last tenth is deep in the
    money: the noise of quotes below exercise is no volatility. (A sample of 30 position-days from two days of three
    symbols, eight minutes each, left 0.6 % at p95.)
    """
    options = OptionParams(("AAPL",), expiries=2, strikes=6)
    source = open_sim(3, symbols=("AAPL",), minutes=8, rate=8.0, options=options)
    features = features_of([record.payload for record in source.records(1)], {"2020-01-01": options.interest})
    found = shares(explained(marks_of(features), source.first_ns + LEARNT_NS))
    assert found.size >= 10
    assert float(np.quantile(found, 0.9)) <= SIMULATED_MAX


def near(name: str) -> bool:
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
    copy_part(lean_data, part, quotes, TEN, near)
    day = date(2015, 12, 23)
    source = open_lean([part], symbols=("GOOG",), first=day, last=day)
    features = features_of([record.payload for record in source.records(1)], {"2010-01-01": 0.0025})
    found = shares(explained(marks_of(features)))
    assert found.size >= 18
    assert float(np.quantile(found, 0.95)) <= RECORDED_MAX
