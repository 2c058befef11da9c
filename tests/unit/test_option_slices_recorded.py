"""Recorded chains: GOOG's last day, TWX's five expiries without a spot, AAPL across its dividend, SPXW on its index."""

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from streams.options import Ladder, ladder
from streams.options.contracts.expiry import YEAR_NS
from streams.options.forward import ExpirySlice, ForwardStatus, SliceState, slice_of, terms
from streams.options.status import Status

F64 = NDArray[np.float64]
MINUTE_MS = 60_000
NO_SPOT = (np.nan, np.nan)
RATE_2014, RATE_2015, RATE_2021 = 0.002, 0.0035, 0.001
TEN, ELEVEN, TWO = 600, 660, 840
"""Minutes since midnight in New York."""


@dataclass(frozen=True)
class Contract:
    expiry: str
    is_call: bool
    strike: float
    rows: list[list[str]]


@pytest.fixture(scope="session")
def options(shared_data: Path) -> Path:
    folder = shared_data / "lean" / "Data"
    if not (folder / "option").is_dir():
        pytest.skip(f"no recorded options in {folder}")
    return folder


def contracts(path: Path) -> Iterator[Contract]:
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            part = name.removesuffix(".csv").split("_")
            rows = [line.split(",") for line in archive.read(name).decode().splitlines()]
            yield Contract(part[7], part[5] == "call", int(part[6]) / 1e4, rows)


def last_quotes(one: Contract, minute: int) -> tuple[float, float, float]:
    """Return bid, ask and age in seconds at a minute of the day; an empty side stands as it was last told."""
    bid, ask, age_s = np.nan, np.nan, np.nan
    for row in one.rows:
        end_ms = int(row[0]) + MINUTE_MS
        if end_ms > minute * MINUTE_MS:
            break
        bid, ask = float(row[4] or bid * 1e4) / 1e4, float(row[9] or ask * 1e4) / 1e4
        age_s = minute * 60.0 - end_ms / 1000.0
    return bid, ask, age_s


def level_at(path: Path, minute: int, columns: tuple[int, int], scale: float) -> tuple[float, float]:
    """Return what an underlying's bars closed at, bid and ask or one column twice."""
    found = NO_SPOT
    with zipfile.ZipFile(path) as archive:
        for line in archive.read(archive.namelist()[0]).decode().splitlines():
            row = line.split(",")
            if int(row[0]) + MINUTE_MS > minute * MINUTE_MS:
                break
            found = (float(row[columns[0]]) / scale, float(row[columns[1]]) / scale)
    return found


def instant_ns(day: str, hour_utc: float) -> int:
    moment = datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC) + timedelta(hours=hour_utc)
    return int(moment.timestamp()) * 1_000_000_000


def rungs_of(part: list[Contract]) -> Ladder:
    return ladder([one.strike for one in part], [one.is_call for one in part])


def sliced(
    part: list[Contract], minute: int, now_ns: int, end_ns: int, rate: float, under: tuple[float, float],
    state: SliceState | None = None, american: bool = True,
) -> tuple[ExpirySlice, SliceState]:  # fmt: skip
    bid, ask, age_s = np.array([last_quotes(one, minute) for one in part]).T
    of = terms((end_ns - now_ns) / YEAR_NS, rate)
    return slice_of(rungs_of(part), bid, ask, age_s, of, *under, american=american, event_ns=now_ns, state=state)


def test_goog_a_day_before_a_half_day(options: Path) -> None:
    """The forward stays within 3 basis points of its spot all day; vols are smooth, each minute's like the last's."""
    part = list(contracts(options / "option/usa/minute/goog/20151223_quote_american.zip"))
    under = options.parents[1] / "lean_history/Data/equity/usa/minute/goog/20151223_quote.zip"
    state, money = None, []
    for minute in range(TEN, TWO + 1, 10):
        spot = level_at(under, minute, (4, 9), 1e4)
        now_ns, end_ns = instant_ns("20151223", 5) + minute * 60 * 10**9, instant_ns("20151224", 18)
        found, state = sliced(part, minute, now_ns, end_ns, RATE_2015, spot, state)
        assert found.forward.status == ForwardStatus.OK
        assert found.forward.forward == pytest.approx(sum(spot) / 2, rel=3e-4)
        assert found.forward.deviation_bp < 4.0
        smile, root = found.smile, np.sqrt(found.forward.point.terms.years)
        near = np.isfinite(smile.vol) & (np.abs(smile.k) < 0.2 * root)
        assert near.sum() >= 5
        assert ((smile.vol[near] > 0.1) & (smile.vol[near] < 0.45)).all()
        # A straight line through five neighbours leaves less than their half spreads.
        k, vol, half = smile.k[near], smile.vol[near], smile.half_spread[near]
        slope, level = np.polyfit(k, vol, 1)
        assert np.median(np.abs(vol - level - slope * k) / half) < 1.0
        money.append(level)
        both = found.figures.status == Status.OK
        assert (np.abs(found.greeks().delta[both]) <= 1.0 + 1e-9).all()
    assert np.abs(np.diff(money)).max() < 0.05


def test_twx_has_five_forwards_without_a_spot(options: Path) -> None:
    """Parity alone: forwards fall with time, as dividends of 0.3175 a quarter are not told, each within its bounds."""
    every = list(contracts(options / "option/usa/minute/twx/20140605_quote_american.zip"))
    dates = sorted({one.expiry for one in every})
    assert len(dates) == 5
    forwards, quality = [], []
    for expiry in dates:
        part = [one for one in every if one.expiry == expiry]
        now_ns = instant_ns("20140605", 4) + TWO * 60 * 10**9
        # These dates are Saturdays: the last session is the Friday before, but for January 2016's.
        end_ns = instant_ns(expiry, 20) - (86_400 * 10**9 if expiry != "20160115" else 0)
        found, _ = sliced(part, TWO, now_ns, end_ns, RATE_2014, NO_SPOT)
        assert found.forward.status == ForwardStatus.OK
        assert found.forward.low <= found.forward.forward <= found.forward.high
        assert np.isnan(found.forward.borrow)
        vols = found.smile.vol[np.isfinite(found.smile.vol) & (np.abs(found.smile.k) < 0.1)]
        assert vols.size >= 1
        assert ((vols > 0.12) & (vols < 0.3)).all()
        forwards.append(found.forward.forward)
        quality.append(found.forward.quality)
    assert forwards[0] == pytest.approx(forwards[1], rel=2e-3)
    assert 0.0 < forwards[0] - forwards[-1] < 7 * 0.3175 + 0.5
    assert quality[-1] < max(quality)


def test_aapl_trades_across_its_dividend(options: Path) -> None:
    """Last trades of 25 minutes, 3.29 paid on 2014-08-07 (before the split): puts and calls tell one volatility."""
    every = list(contracts(options / "option/usa/minute/aapl/20140606_trade_american.zip"))
    under = options / "equity/usa/minute/aapl/20140606_trade.zip"
    part, price = [], []
    bottom, top = 930, 955
    for one in every:
        if one.expiry == "20140816" and 0.9 * 646 < one.strike < 1.1 * 646:
            seen = [float(row[4]) / 1e4 for row in one.rows if bottom <= int(row[0]) // MINUTE_MS < top]
            if seen:
                part.append(one)
                price.append(seen[-1])
    assert len(part) >= 20
    spot = level_at(under, 942, (4, 4), 1e4)
    now_ns = instant_ns("20140606", 4) + top * 60 * 10**9
    ex_years = (instant_ns("20140807", 13.5) - now_ns) / YEAR_NS
    of = terms((instant_ns("20140815", 20) - now_ns) / YEAR_NS, RATE_2014, [ex_years], [3.29])
    value, rungs = np.array(price), rungs_of(part)
    found, state = slice_of(rungs, value, value, 1.0, of, *spot, american=True, event_ns=now_ns, builds_max=100)
    found, state = slice_of(
        rungs, value, value, 1.0, of, *spot, american=True, event_ns=now_ns, state=state, builds_max=100
    )
    vol = found.figures.vol
    assert np.isfinite(vol).all()
    assert ((vol > 0.15) & (vol < 0.35)).all()
    is_call = np.array([one.is_call for one in part])
    strike = np.array([one.strike for one in part])
    puts, calls = (np.polyfit(strike[side], vol[side], 1) @ np.array([646.0, 1.0]) for side in (~is_call, is_call))
    assert puts == pytest.approx(calls, abs=0.005)


def test_spxw_forward_is_the_index_carried(options: Path) -> None:
    """Within 5 basis points of the index; its bars are in Chicago's time."""
    folder = options / "indexoption/usa/minute/spxw"
    index = options / "index/usa/minute/spx/20210104_trade.zip"
    every = list(contracts(folder / "20210104_quote_european.zip"))
    checked = 0
    for expiry in sorted({one.expiry for one in every}):
        part = [one for one in every if one.expiry == expiry]
        for minute in (ELEVEN, TWO):
            now_ns = instant_ns("20210104", 5) + minute * 60 * 10**9
            found, _ = sliced(part, minute, now_ns, instant_ns(expiry, 21), RATE_2021, NO_SPOT, american=False)
            level = level_at(index, minute - 60, (4, 4), 1.0)[0]
            assert found.forward.status == ForwardStatus.OK
            assert found.forward.forward == pytest.approx(level, rel=5e-4)
            assert found.forward.rounds <= 2
            checked += 1
    assert checked >= 4
