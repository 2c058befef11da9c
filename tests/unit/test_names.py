"""Instruments in words: what is read can be typed as an order."""

import pytest

from aiots.order_text import parse_order
from schemas.names import name_of, named


@pytest.mark.parametrize(
    ("symbol", "expected"),
    [
        ("AAPL  140606C00645000", "AAPL 2014-06-06 C 645"),
        ("SPY   131019P00100500", "SPY 2013-10-19 P 100.5"),
        ("GOOG151224C00750000", "GOOG 2015-12-24 C 750"),
        ("AAPL1 140606C00645000", "AAPL1 2014-06-06 C 645"),
        ("AAPL", "AAPL"),
        ("", ""),
        ("AAPL  141306C00645000", "AAPL  141306C00645000"),
    ],
)
def test_a_contract_has_a_name(symbol: str, expected: str) -> None:
    """Of a symbol padded or not; what is no OSI symbol stays as it is."""
    assert name_of(symbol) == expected


def test_a_name_is_what_an_order_takes() -> None:
    """Read from a report, typed as an order: the same contract."""
    symbol = "SPY   131019P00100500"
    assert parse_order(f"BUY 1 {name_of(symbol)}").symbol == symbol


def test_symbols_in_a_text_become_names() -> None:
    """However many spaces stand in them; other text is left alone."""
    text = "8 AAPL 261120C00202500, yours; 1 GOOG  151224C00745000 exercise: +400 GOOG at 745.00, order a1b2c3"
    assert named(text) == (
        "8 AAPL 2026-11-20 C 202.5, yours; 1 GOOG 2015-12-24 C 745 exercise: +400 GOOG at 745.00, order a1b2c3"
    )
