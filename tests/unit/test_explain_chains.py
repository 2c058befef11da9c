"""How much of positions in a recorded chain is explained: half an hour, steps of a minute."""

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from connectors.sources.lean import open_lean
from tests.explained_days import explained, features_of, marks_of, shares
from tests.lean_part import copy_part, copy_whole

RECORDED_MAX = 0.05
TEN = 600
"""Minutes of the day."""


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
