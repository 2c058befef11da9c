"""LEAN's recorded files become ticks and bars exactly as they stand."""

import csv
import io
import zipfile
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest

from connectors.sources.frames import ASK, BID, PAIRED, SUSPICIOUS, TRADE, VOLUME_ONLY, Ticks
from connectors.sources.lean_files import LeanFile, find_files, parse_resolutions
from connectors.sources.lean_parse import midnight_ns, read_bars, read_ticks, volume_only
from connectors.sources.record import Rejects

DAY = date(2013, 10, 7)


def recorded(lean_data: Path, ticker: str, resolution: str, day: date, kind: str) -> LeanFile:
    path = lean_data / "equity" / "usa" / resolution / ticker / f"{day:%Y%m%d}_{kind}.zip"
    return LeanFile(ticker, resolution, day, kind, path)


def rows_of(file: LeanFile) -> list[list[str]]:
    with zipfile.ZipFile(file.path) as archive:
        return list(csv.reader(io.TextIOWrapper(archive.open(archive.namelist()[0]))))


def part(ticks: Ticks, mask: np.ndarray) -> Ticks:
    return ticks.take(np.flatnonzero(mask))


def test_every_trade_and_quote_row_becomes_one_tick(lean_data: Path) -> None:
    """Each column of IBM's ticks equals the files' own rows, read here by Python's csv module."""
    trade, quote = (recorded(lean_data, "ibm", "tick", DAY, kind) for kind in ("trade", "quote"))
    rejects = Rejects()
    ticks = read_ticks(trade, quote, None, DAY, rejects)
    assert rejects.total() == 0
    rows, trades = rows_of(trade), part(ticks, ticks.kind == TRADE)
    assert len(trades) == len(rows) == 24_293
    base_ns = int(datetime(2013, 10, 7, 4, tzinfo=UTC).timestamp()) * 1_000_000_000
    assert trades.event_ns.tolist() == [base_ns + int(row[0]) * 1_000_000 for row in rows]
    assert trades.price.tolist() == [int(row[1]) / 10_000 for row in rows]
    assert trades.size.tolist() == [int(row[2]) for row in rows]
    assert trades.condition.tolist() == [int(row[4], 16) for row in rows]
    rows, quotes = rows_of(quote), part(ticks, ticks.kind != TRADE)
    assert len(quotes) == len(rows) == 109_067
    assert quotes.kind.tolist() == [BID if row[1] != "0" else ASK for row in rows]
    assert quotes.price.tolist() == [max(int(row[1]), int(row[3])) / 10_000 for row in rows]
    assert quotes.size.tolist() == [int(row[2]) + int(row[4]) for row in rows]
    assert (quotes.flags & SUSPICIOUS).tolist() == [int(row[7]) for row in rows]


def test_ticks_are_in_event_time_order_and_quotes_stand_before_trades(lean_data: Path) -> None:
    """Merging is stable: at one ms the quotes come first, and each file keeps its own order."""
    trade, quote = (recorded(lean_data, "ibm", "tick", DAY, kind) for kind in ("trade", "quote"))
    ticks = read_ticks(trade, quote, None, DAY, Rejects())
    step = np.diff(ticks.event_ns)
    assert step.min() >= 0
    same = step == 0
    back = (ticks.kind[:-1] == TRADE) & (ticks.kind[1:] != TRADE)
    assert same.any()
    assert not (same & back).any()


def test_second_quote_bars_stand_in_where_no_quote_ticks_were_recorded(lean_data: Path) -> None:
    """SPY has no quote ticks: each second's closing bid and ask come as a pair at the second's end."""
    trade, bars = recorded(lean_data, "spy", "tick", DAY, "trade"), recorded(lean_data, "spy", "second", DAY, "quote")
    ticks = read_ticks(trade, None, bars, DAY, Rejects())
    bids, asks = part(ticks, ticks.kind == BID), part(ticks, ticks.kind == ASK)
    rows = rows_of(bars)
    assert len(bids) == len(asks) == len(rows)
    assert (bids.flags == PAIRED).all()
    assert (asks.flags == 0).all()
    first = rows[0]
    assert bids.event_ns[0] == midnight_ns(DAY) + (int(first[0]) + 1_000) * 1_000_000
    assert (bids.price[0], asks.price[0]) == (int(first[4]) / 10_000, int(first[9]) / 10_000)
    assert int((ticks.kind == TRADE).sum()) == len(rows_of(trade))


def test_bars_join_trades_and_quotes_of_one_start(lean_data: Path) -> None:
    """AAPL's minutes hold the recorded prices; a minute without a trade has quotes and NaN."""
    day = date(2014, 6, 6)
    trade, quote = (recorded(lean_data, "aapl", "minute", day, kind) for kind in ("trade", "quote"))
    bars = read_bars(trade, quote, day, Rejects())
    trades = {midnight_ns(day) + int(row[0]) * 1_000_000: row for row in rows_of(trade)}
    quotes = {midnight_ns(day) + int(row[0]) * 1_000_000: row for row in rows_of(quote)}
    assert bars.start_ns.tolist() == sorted(trades.keys() | quotes.keys())
    for at, start_ns in enumerate(bars.start_ns.tolist()):
        if row := trades.get(start_ns):
            seen = [bars.open[at], bars.high[at], bars.low[at], bars.close[at]]
            assert seen == [int(cell) / 10_000 for cell in row[1:5]]
            assert bars.volume[at] == int(row[5])
        else:
            assert np.isnan(bars.close[at])
            assert bars.volume[at] == 0
        if row := quotes.get(start_ns):
            assert (bars.bid[at], bars.ask[at]) == (int(row[4]) / 10_000, int(row[9]) / 10_000)


def test_daily_and_hour_rows_begin_at_new_york_time(lean_data: Path) -> None:
    """The first day of AAPL's history begins at midnight New York in winter, its first hour at 9:00."""
    usa = lean_data / "equity" / "usa"
    daily = read_bars(LeanFile("aapl", "daily", None, "trade", usa / "daily" / "aapl.zip"), None, None, Rejects())
    hours = read_bars(LeanFile("aapl", "hour", None, "trade", usa / "hour" / "aapl.zip"), None, None, Rejects())
    assert datetime.fromtimestamp(daily.start_ns[0] / 1e9, UTC) == datetime(1998, 1, 2, 5, tzinfo=UTC)
    assert datetime.fromtimestamp(hours.start_ns[0] / 1e9, UTC) == datetime(1998, 1, 2, 14, tzinfo=UTC)
    assert (daily.open[0], daily.close[0], daily.volume[0]) == (13.63, 16.25, 6_315_000)
    assert (np.diff(hours.start_ns) > 0).all()


@pytest.mark.parametrize(
    ("day", "hour"),
    [(date(2024, 3, 8), 5), (date(2024, 3, 11), 4), (date(2024, 11, 1), 4), (date(2024, 11, 4), 5)],
)
def test_midnight_follows_daylight_saving(day: date, hour: int) -> None:
    """New York's midnight is 05:00 UTC in winter and 04:00 in summer, changing over the right weekend."""
    assert midnight_ns(day) == int(datetime(day.year, day.month, day.day, hour, tzinfo=UTC).timestamp()) * 1_000_000_000


def test_files_count_wall_clock_time_on_the_days_when_clocks_change() -> None:
    """On a Sunday of change, 12:00 on the wall is 12 h after the files' midnight, not 11 or 13."""
    noon_ns = midnight_ns(date(2024, 3, 10)) + 12 * 3_600_000_000_000
    assert datetime.fromtimestamp(noon_ns / 1e9, UTC) == datetime(2024, 3, 10, 16, tzinfo=UTC)


@pytest.mark.parametrize(
    ("mask", "expected"),
    [("20100000", True), ("20100200", True), ("20040200", True), ("1", False), ("20000020", False), ("102000", False)],
)
def test_sale_conditions_that_set_no_price(mask: str, expected: bool) -> None:
    """The masks that the vendor leaves out of high and low are recognised, the common ones are not."""
    assert volume_only(np.array([int(mask, 16)]))[0] == expected


def test_volume_only_trades_lie_outside_the_vendors_bars(lean_data: Path) -> None:
    """With flagged trades left out, more of SPY's minutes have the vendor's high and low than with them."""
    day = date(2013, 10, 8)
    ticks = read_ticks(recorded(lean_data, "spy", "tick", day, "trade"), None, None, day, Rejects())
    bars = read_bars(recorded(lean_data, "spy", "minute", day, "trade"), None, day, Rejects())

    def agreeing(chosen: Ticks) -> int:
        minute = np.searchsorted(bars.start_ns, chosen.event_ns, side="right") - 1
        high, low = np.full(len(bars), -np.inf), np.full(len(bars), np.inf)
        np.maximum.at(high, minute, chosen.price)
        np.minimum.at(low, minute, chosen.price)
        return int(((high == bars.high) & (low == bars.low)).sum())

    kept = agreeing(part(ticks, ticks.flags & VOLUME_ONLY == 0))
    assert kept > agreeing(ticks)
    assert kept / len(bars) > 0.8


def test_folders_may_be_named_at_any_height(lean_data: Path) -> None:
    """The root, a folder above it and one below it find the same file."""
    for folder in (lean_data.parent, lean_data, lean_data / "equity" / "usa" / "tick" / "ibm"):
        files = find_files([folder], ("tick",), ("IBM",))
        assert [(file.symbol, file.day, file.kind) for file in files] == [
            ("IBM", day, kind) for day in (DAY, date(2013, 10, 8)) for kind in ("quote", "trade")
        ]


def test_resolutions_are_taken_finest_first() -> None:
    """The order in which resolutions are named does not matter; unknown ones are refused by name."""
    assert parse_resolutions("minute,tick") == ("tick", "minute")
    assert parse_resolutions("auto")[0] == "tick"
    with pytest.raises(ValueError, match="'week'"):
        parse_resolutions("tick,week")
