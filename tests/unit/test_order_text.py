"""Orders as people write them, and what `aiots order` refuses before a broker is asked."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from aiots.__main__ import build_app
from aiots.order_text import OrderText, parse_order
from schemas.records import Leg, Side

CALL, PUT_400, PUT_390 = "AAPL  261218C00200000", "SPY   261218P00400000", "SPY   261218P00390000"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("BUY 100 AAPL", OrderText("AAPL", Side.BUY, 100, 1, (), None, ())),
        ("sell 5 aapl @ 180.05", OrderText("AAPL", Side.SELL, 5, 1, (), 18_005, ())),
        ("BUY 2 AAPL 2026-12-18 C 200 @ 3.20", OrderText(CALL, Side.BUY, 2, 100, (), 320, ((CALL, "AAPL"),))),
        ('BUY 2 "AAPL  261218C00200000"', OrderText(CALL, Side.BUY, 2, 100, (), None, ((CALL, "AAPL"),))),
        ("BUY 2 AAPL261218C00200000", OrderText(CALL, Side.BUY, 2, 100, (), None, ((CALL, "AAPL"),))),
        (
            "BUY 1 SPXW 2026-12-18 put 6000.5",
            OrderText("SPXW  261218P06000500", Side.BUY, 1, 100, (), None, (("SPXW  261218P06000500", "SPX"),)),
        ),
        (
            "BUY 5 SPY 2026-12-18 P 400 / SELL 10 SPY 2026-12-18 P 390 @ -2.15",
            OrderText(
                "SPY",
                Side.BUY,
                5,
                1,
                (Leg(PUT_400, Side.BUY, 1, 100), Leg(PUT_390, Side.SELL, 2, 100)),
                -21_500,
                ((PUT_400, "SPY"), (PUT_390, "SPY")),
            ),
        ),
        (
            "BUY 100 AAPL / SELL 1 AAPL 2026-12-18 C 200",
            OrderText(
                "AAPL",
                Side.BUY,
                1,
                1,
                (Leg("AAPL", Side.BUY, 100, 1), Leg(CALL, Side.SELL, 1, 100)),
                None,
                ((CALL, "AAPL"),),
            ),
        ),
    ],
)
def test_an_order_is_read_as_it_is_meant(text: str, expected: OrderText) -> None:
    """Tickers, contracts in words or by symbol, combinations with their common units."""
    assert parse_order(text) == expected


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "an order is BUY|SELL QUANTITY"),
        ("HOLD 5 AAPL", "an order is BUY|SELL QUANTITY"),
        ("BUY five AAPL", "whole number > 0, was 'five'"),
        ("BUY 0 AAPL", "whole number > 0, was '0'"),
        ("BUY 1 AAPL 2026-13-18 C 200", "expiry must be YYYY-MM-DD, was '2026-13-18'"),
        ("BUY 1 AAPL 2026-12-18 X 200", "right must be C or P, was 'X'"),
        ("BUY 1 AAPL 2026-12-18 C 200.0005", "at most three decimals, was 200.0005"),
        ("BUY 1 AAPL 2026-12-18 C many", "strike must be a number, was 'MANY'"),
        ("BUY 1 AAPL  261318C00200000", "its expiry cannot be read"),
        ("BUY 1 AAPL1 2026-12-18 C 200", "adjusted contract"),
        ("BUY 1 AAPL @ 180.055", "whole cents, was 180.055"),
        ("BUY 1 AAPL @ cheap", "number of dollars, was 'cheap'"),
        ("BUY 1 AAPL @ nan", "whole cents, was nan"),
        ("BUY 1 AAPL @ 0", "limit must be > 0, was 0"),
        ("BUY 1 AAPL / SELL 1 MSFT", "one underlying, these legs have AAPL, MSFT"),
        ("BUY 1 AAPL / SELL 1 AAPL", "AAPL stands twice"),
    ],
)
def test_what_cannot_be_read_is_told(text: str, says: str) -> None:
    """The error tells what was seen and what was expected."""
    with pytest.raises(ValueError, match=says.replace("|", r"\|")):
        parse_order(text)


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["send", "nobody", "BUY 1 AAPL"], 1, "unknown account 'nobody'; accounts are paper"),
        (["send", "paper", "BUY 1"], 2, "an order is BUY|SELL QUANTITY"),
        (["send", "paper", "BUY 1 AAPL", "--bracket", "--target", "9"], 2, "--bracket needs --target and --stop"),
        (["send", "paper", "BUY 1 AAPL", "--trigger", "1.005"], 2, "the trigger must be whole cents"),
    ],
)
def test_what_order_refuses(
    arguments: list[str], code: int, says: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A line that says what was wrong, before anything is sent."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("AIOTS_CONFIG", raising=False)
    result = CliRunner().invoke(build_app(), ["order", *arguments])
    assert (result.exit_code, says in result.output) == (code, True), result.output
