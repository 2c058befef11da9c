"""Indicators against answers that others recorded, and against TA-Lib."""

import csv
from pathlib import Path

import numpy as np
import pytest
import talib
from numpy.typing import NDArray

from streams.bars.series import series
from streams.indicators.adx import adx
from streams.indicators.atr import atr
from streams.indicators.bollinger import bollinger
from streams.indicators.ema import ema
from streams.indicators.keltner import keltner
from streams.indicators.macd import macd
from streams.indicators.obv import obv
from streams.indicators.realised_volatility import realised_volatility
from streams.indicators.rsi import rsi
from streams.indicators.sma import sma
from streams.indicators.stochastic import stochastic
from streams.indicators.vwap import vwap
from tests.analytics_ticks import recorded_answers, recorded_quotes

F64 = NDArray[np.float64]
PLAIN = talib.MA_Type.SMA  # type: ignore[attr-defined]


def close_to(found: F64, expected: F64, skip: int = 0) -> None:
    """Assert equality at 1e-9 relative, NaN at the same places, from row skip on."""
    assert np.isnan(found[skip:]).tolist() == np.isnan(expected[skip:]).tolist()
    np.testing.assert_allclose(found[skip:], expected[skip:], rtol=1e-9, atol=1e-9)


@pytest.fixture
def quotes(shared_data: Path) -> dict[str, F64]:
    return recorded_quotes(shared_data)


def test_recorded_answers_on_closes(shared_data: Path, quotes: dict[str, F64]) -> None:
    """SMA, EMA, RSI, MACD and Bollinger equal Stock.Indicators' recorded answers, warm-up included."""
    close = quotes["close"]
    close_to(sma(close, 20), recorded_answers(shared_data, "sma")["sma"])
    close_to(ema(close, 20), recorded_answers(shared_data, "ema")["ema"])
    close_to(rsi(close, 14), recorded_answers(shared_data, "rsi")["rsi"])
    answer = recorded_answers(shared_data, "macd")
    close_to(macd(close, 12, 26, 9), np.column_stack([answer["macd"], answer["signal"], answer["histogram"]]))
    answer = recorded_answers(shared_data, "bb")
    bands = np.column_stack([answer["upperBand"], answer["sma"], answer["lowerBand"]])
    close_to(bollinger(close, 20, 2.0), bands)


def test_recorded_answers_on_bars(shared_data: Path, quotes: dict[str, F64]) -> None:
    """ATR, ADX, Stochastic and OBV equal Stock.Indicators' recorded answers, warm-up included."""
    high, low, close, volume = (quotes[key] for key in ("high", "low", "close", "volume"))
    close_to(atr(high, low, close, 14), recorded_answers(shared_data, "atr")["atr"])
    answer = recorded_answers(shared_data, "adx")
    close_to(adx(high, low, close, 14), np.column_stack([answer["adx"], answer["pdi"], answer["mdi"]]))
    answer = recorded_answers(shared_data, "stoch")
    close_to(stochastic(high, low, close, 14, 3, 3), np.column_stack([answer["k"], answer["d"]]))
    close_to(obv(close, volume), recorded_answers(shared_data, "obv")["obv"])


def test_recorded_vwap(shared_data: Path, quotes: dict[str, F64]) -> None:
    """VWAP equals the recorded answer where all rows are one session."""
    found = vwap(quotes["high"], quotes["low"], quotes["close"], quotes["volume"])
    close_to(found, recorded_answers(shared_data, "vwap")["vwap"])


@pytest.mark.parametrize(("file", "digits"), [("rsi-test", 5), ("sc-sma-10", 2), ("sc-ema-10", 2)])
def test_pyalgotrade_answers(shared_data: Path, file: str, digits: int) -> None:
    """RSI, SMA and EMA equal pyalgotrade's recorded answers to the digits that they were recorded with."""
    with (shared_data / "pyalgotrade" / f"{file}.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    close = np.array([float(row["Input"]) for row in rows])
    function = {"rsi": rsi, "sma": sma, "ema": ema}[file.split("-")[1] if file.startswith("sc") else "rsi"]
    found = function(close, 14 if function is rsi else 10)
    checked = 0
    for value, row in zip(found, rows, strict=True):
        if row["Expected"]:
            assert value == pytest.approx(float(row["Expected"]), abs=0.6 * 10.0**-digits)
            checked += 1
    assert checked >= 15


def market(seed: int, count: int = 1_500) -> tuple[F64, F64, F64, F64]:
    rng = np.random.default_rng(seed)
    close = np.round(150.0 * np.cumprod(1.0 + rng.normal(0.0, 0.004, count)), 2)
    high = np.round(close + rng.uniform(0.0, 1.0, count), 2)
    low = np.round(close - rng.uniform(0.0, 1.0, count), 2)
    return high, low, close, rng.integers(100, 100_000, count).astype(np.float64)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_talib_agrees_from_the_first_number_on(seed: int) -> None:
    """Where the conventions are the same, TA-Lib gives the same at every bar, with NaN at the same places."""
    high, low, close, volume = market(seed)
    close_to(sma(close, 50), talib.SMA(close, 50))
    close_to(ema(close, 26), talib.EMA(close, 26))
    close_to(rsi(close, 14), talib.RSI(close, 14))
    close_to(atr(high, low, close, 14), talib.ATR(high, low, close, 14))
    close_to(bollinger(close, 20, 2.0), np.column_stack(talib.BBANDS(close, 20, 2.0, 2.0)))
    close_to(stochastic(high, low, close, 14, 3, 3)[:, 1], talib.STOCH(high, low, close, 14, 3, PLAIN, 3, PLAIN)[1])
    close_to(obv(close, volume) + volume[0], talib.OBV(close, volume))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_talib_agrees_once_the_start_has_faded(seed: int) -> None:
    """MACD, ADX and Keltner, which TA-Lib begins elsewhere or lacks, agree after 500 bars."""
    high, low, close, _ = market(seed)
    close_to(macd(close, 12, 26, 9), np.column_stack(talib.MACD(close, 12, 26, 9)), 500)
    close_to(adx(high, low, close, 14)[:, 0], talib.ADX(high, low, close, 14), 700)
    close_to(adx(high, low, close, 14)[:, 1], talib.PLUS_DI(high, low, close, 14), 700)
    close_to(adx(high, low, close, 14)[:, 2], talib.MINUS_DI(high, low, close, 14), 700)
    reach = 2.0 * talib.ATR(high, low, close, 10)
    middle = talib.EMA(close, 20)
    close_to(keltner(high, low, close, 20, 10, 2.0), np.column_stack([middle + reach, middle, middle - reach]), 20)


def test_talib_agrees_on_recorded_prices(quotes: dict[str, F64]) -> None:
    """On recorded SPY days, too."""
    close = quotes["close"]
    close_to(rsi(close, 14), talib.RSI(close, 14))
    close_to(atr(quotes["high"], quotes["low"], close, 14), talib.ATR(quotes["high"], quotes["low"], close, 14))


def test_realised_volatility_is_the_root_of_summed_squares() -> None:
    """Realised volatility equals its formula in numpy, per year, for minutes and for days."""
    close = market(4)[2]
    squares = np.concatenate(([np.nan], np.diff(np.log(close)) ** 2))
    window = np.convolve(squares[1:], np.ones(20), "valid") / 20.0
    minutes = realised_volatility(close, 20, 60_000_000_000)
    close_to(minutes[20:], np.sqrt(window * 252 * 390))
    days = realised_volatility(close, 20, 86_400_000_000_000)
    close_to(days[20:], np.sqrt(window * 252))


def test_session_vwap_begins_anew_and_ignores_what_is_outside() -> None:
    """VWAP restarts at a new session, and bars outside sessions neither count nor reset it."""
    price = np.array([10.0, 20.0, 99.0, 30.0, 50.0])
    volume = np.array([1.0, 3.0, 7.0, 2.0, 2.0])
    sessions = np.array([0, 0, -1, 86_400_000_000_000, 86_400_000_000_000])
    assert vwap(price, price, price, volume, sessions).tolist() == [10.0, 17.5, 17.5, 30.0, 40.0]


def test_recorded_zeros_give_nothing(shared_data: Path) -> None:
    """A recording of zero prices gives NaN throughout: a price must be > 0."""
    zeros = recorded_quotes(shared_data, "zeros")
    assert np.isnan(ema(zeros["close"], 12)).all()


def test_unequal_columns_are_refused() -> None:
    """Columns of unequal lengths are an error that names them."""
    with pytest.raises(ValueError, match="equal lengths, were 3 and 2"):
        series("atr", (14,), close=np.ones(3), high=np.ones(2))
