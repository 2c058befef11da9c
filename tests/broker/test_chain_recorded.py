"""Recorded chains, from files through Kafka to features; the stage is killed on the way, and not a byte differs."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from aiots.config import load_config
from aiots.stage import stage_params
from deploy.local.admin import ensure_topics
from schemas import wire
from schemas.records import ChainFrame, SurfaceFrame
from schemas.topics import full_name
from streams.chain.analytics import make
from streams.log.reader import bounds, read
from streams.options.contracts.clock import new_york_day
from streams.runtime.options import make_params
from streams.runtime.task import TaskKey
from streams.runtime.upgrade import newest_manifest
from streams.stage import Output
from streams.topology import BY_NAME
from tests.kills.processes import Pipeline
from tests.lean_part import copy_part, copy_whole

pytestmark = [pytest.mark.broker, pytest.mark.timeout(300)]
TICKS, FEATURES = "market.ticks", "features"
KILLS = 3
FIRST_QUOTES_NS = 1_450_881_060_000_000_000
"""2015-12-23 09:31 in New York."""
SECONDS_MAX = 100.0
RATES = '{"2010-01-01": 0.0025}'
TEN, QUARTER_PAST_TEN = 600, 615
"""Minutes of the day."""
REFERENCE = ("market-hours", "symbol-properties")
AAPL_EXPIRIES = ("_20140606", "_20140719", "_20140816")
AAPL_EX_NS = 1_407_418_200_000_000_000
"""2014-08-07 09:30 in New York: a quarter after the dividend before it."""


@dataclass(frozen=True)
class Told:
    """What the stage has written, and what a fold of its inbox in this process gives."""

    written: list[bytes]
    folded: list[bytes]

    def surfaces(self) -> list[SurfaceFrame]:
        """Return the surfaces, in order."""
        records = [wire.decode(payload) for payload in self.written if wire.name_of(payload) == "SurfaceFrame"]
        return [one for one in records if isinstance(one, SurfaceFrame)]

    def chains(self) -> list[ChainFrame]:
        """Return the contracts' frames, in order."""
        records = [wire.decode(payload) for payload in self.written if wire.name_of(payload) == "ChainFrame"]
        return [one for one in records if isinstance(one, ChainFrame)]


def play(kafka: Mapping[str, str], folder: Path, data: Path, symbol: str, day: str, kills: int) -> Told:
    """Ingest a symbol's day, let analytics fold it, SIGKILL analytics on the way."""
    environment = {
        "KAFKA_BOOTSTRAP_SERVERS": kafka["bootstrap.servers"],
        "AIOTS_WORLD": f"chain-{symbol.lower()}",
        "AIOTS_STATE_DIR": str(folder / "state"),
        "AIOTS_PARTITIONS": "1",
        "AIOTS_RATES": RATES,
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    config = replace(load_config(environ=environment), kafka=kafka)
    ensure_topics(kafka, config.world, 1)
    pipeline = Pipeline(config.world, folder, environment)
    try:
        span = ("--symbols", symbol, "--from", day, "--to", day)
        ingest = pipeline.start(
            "ingest", "ingest", "lean", str(data), *span, "--speed", "max", "--lag-max", "0", "--quiet"
        )
        assert ingest.process.wait(120) == 0, ingest.log.read_text()
        del pipeline.running["ingest"]
        inbox = full_name(config.world, TICKS)
        end = bounds(kafka, inbox, 0)[1]
        pipeline.start_stage("analytics")
        for kill in range(kills):
            # Its first outputs are there, and most likely no checkpoint is yet.
            await_true(pipeline, partial(has_written, kafka, config.world, 100 * kill))
            pipeline.kill("analytics-0")
            pipeline.start_stage("analytics")
        await_true(pipeline, lambda: position(kafka, config.world) == end)
    finally:
        pipeline.kill_all()
    stage = BY_NAME["analytics"]
    fold = make(make_params(stage, stage_params(config, stage.name)), 0, 1)
    payloads = [message.value() or b"" for message in read(kafka, inbox, 0)]
    folded = [one.payload for one in fold.apply(payloads) if isinstance(one, Output)]
    written = [message.value() or b"" for message in read(kafka, full_name(config.world, FEATURES), 0)]
    rejects = [wire.decode(one.value()) for one in read(kafka, full_name(config.world, "analytics.rejects"), 0)]
    assert rejects == []
    return Told(written, folded)


def await_true(pipeline: Pipeline, condition: Callable[[], bool]) -> None:
    """Return when a condition holds; analytics must not end before."""
    running = pipeline.running["analytics-0"]
    deadline_s = time.monotonic() + SECONDS_MAX
    while not condition():
        assert running.process.poll() is None, running.log.read_text()
        assert time.monotonic() < deadline_s, running.log.read_text()
        time.sleep(0.02)


def has_written(kafka: Mapping[str, str], world: str, count: int) -> bool:
    """Return whether there are more than so many features."""
    return bounds(kafka, full_name(world, FEATURES), 0)[1] > count


def position(kafka: Mapping[str, str], world: str) -> int:
    """Return how far analytics' newest checkpoint is."""
    manifest = newest_manifest(kafka, world, TaskKey("analytics", TICKS, 0))
    return 0 if manifest is None else manifest.snapshot.position


def recorded(lean_data: Path, path: str) -> Path:
    """Return the folder of the data; skip where a recording is absent."""
    if not (lean_data / path).exists():
        pytest.skip(f"no recording {path} in {lean_data}")
    return lean_data.parent


def test_googs_half_day_through_kafka(broker: Mapping[str, str], tmp_path: Path, lean_data: Path) -> None:
    """2015-12-23, one expiry at 13:00 of a half day: kills change nothing, no butterfly, small residuals."""
    data = recorded(lean_data, "option/usa/minute/goog/20151223_quote_american.zip")
    told = play(broker, tmp_path, data, "GOOG", "2015-12-23", KILLS)
    assert told.written == told.folded
    surfaces = [one for one in told.surfaces() if one.event_ns >= FIRST_QUOTES_NS]
    assert len(surfaces) > 380
    last = [one for one in surfaces if one.quotes[0] >= 5]
    assert len(last) > 0.95 * len(surfaces)
    assert {int(one.expiry_ns[0]) for one in last} == {1_450_980_000_000_000_000}, "2015-12-24 13:00 in New York"
    assert min(float(one.butterfly[0]) for one in last) >= 0.0
    assert np.median([one.rms[0] for one in last]) < 0.012
    away_bp = [abs(one.forward[0] / one.spot - 1.0) * 1e4 for one in last]
    assert np.median(away_bp) < 5.0, "a day's carry is next to nothing"
    assert np.quantile(away_bp, 0.95) < 15.0
    chains = told.chains()
    assert sum(one.whole for one in chains) > 380
    assert max(len(one.contracts) for one in chains) > 100


def test_twxs_five_expiries_through_kafka(broker: Mapping[str, str], tmp_path: Path, lean_data: Path) -> None:
    """2014-06-05, no quotes of the underlying: forwards from parity alone, and no calendar arbitrage."""
    data = recorded(lean_data, "option/usa/minute/twx/20140605_quote_american.zip")
    told = play(broker, tmp_path, data, "TWX", "2014-06-05", 1)
    assert told.written == told.folded
    fitted = [one for one in told.surfaces() if len(one.years) == 5 and (one.quotes >= 5).all()]
    assert len(fitted) > 300
    assert all((one.forward_status == bytes(5)) for one in fitted[-60:])
    crossed = [one for one in fitted if float(np.nanmin(one.calendar)) < 0.0]
    assert len(crossed) <= 0.01 * len(fitted)
    assert min(float(one.butterfly.min()) for one in fitted) >= 0.0
    last = fitted[-1]
    assert np.isnan(last.spot)
    assert last.forward == pytest.approx([71.5, 71.5, 71.3, 71.0, 69.9], abs=0.6)
    assert (np.diff(last.atm_vol**2 * last.years) > 0.0).all()


def test_aapls_trades_across_its_dividend_through_kafka(
    broker: Mapping[str, str], tmp_path: Path, lean_data: Path
) -> None:
    """2014-06-06, trades alone, an expiry today and a dividend in August, foreseen from those of February and May."""
    recorded(lean_data, "option/usa/minute/aapl/20140606_trade_american.zip")
    part, equity = tmp_path / "Data", "equity/usa"
    copy_whole(lean_data, part, *REFERENCE, *(f"{equity}/{kind}_files/aapl.csv" for kind in ("factor", "map")))
    for kind in ("trade", "quote"):
        copy_part(lean_data, part, f"{equity}/minute/aapl/20140606_{kind}.zip", TEN)
    copy_part(lean_data, part, "option/usa/minute/aapl", TEN, near_aapl)
    told = play(broker, tmp_path, part, "AAPL", "2014-06-06", 1)
    assert told.written == told.folded
    surface = told.surfaces()[-1]
    assert surface.ex_ns[0] == AAPL_EX_NS
    assert surface.cash[0] == pytest.approx(3.29, abs=0.01)
    days = np.array([date_of(one) for one in surface.expiry_ns])
    assert days.tolist() == ["2014-06-06", "2014-07-18", "2014-08-15"]
    assert surface.spot == pytest.approx(646.0, abs=4.0)
    assert surface.forward == pytest.approx(surface.spot, rel=0.015)
    # The borrow is what is left beyond the dividends that are known: next to nothing.
    assert np.abs(surface.borrow[1:]).max() < 0.02
    vols = whole_of(told.chains())
    for day in days[1:].tolist():
        strike, is_call, iv = (column[vols.expiry == day] for column in (vols.strike, vols.is_call, vols.iv))
        near = (np.abs(strike / surface.spot - 1.0) < 0.06) & np.isfinite(iv)
        assert ((iv[near] > 0.13) & (iv[near] < 0.45)).all(), day
        # Puts and calls of one strike tell one volatility, within what last trades allow.
        both = sorted(set(strike[near & is_call].tolist()) & set(strike[near & ~is_call].tolist()))
        assert len(both) >= 4, day
        sides = [np.array([iv[near & (is_call == side) & (strike == k)][0] for k in both]) for side in (False, True)]
        assert abs(float(np.median(sides[0] - sides[1]))) < 0.02, day


def test_spxs_forwards_are_its_index_through_kafka(broker: Mapping[str, str], tmp_path: Path, lean_data: Path) -> None:
    """2021-01-04, SPX and SPXW with two strikes each: forwards within basis points of the index, the same for all."""
    recorded(lean_data, "indexoption/usa/minute/spxw/20210104_quote_european.zip")
    part = tmp_path / "Data"
    copy_whole(lean_data, part, *REFERENCE)
    # The index's file counts in Chicago's time.
    copy_part(lean_data, part, "index/usa/minute/spx/20210104_trade.zip", QUARTER_PAST_TEN - 60)
    for root in ("spx", "spxw"):
        copy_part(lean_data, part, f"indexoption/usa/minute/{root}", QUARTER_PAST_TEN)
    told = play(broker, tmp_path, part, "SPX", "2021-01-04", 1)
    assert told.written == told.folded
    surfaces = [one for one in told.surfaces() if (one.forward_status == bytes(len(one.years))) and one.spot > 0.0]
    assert len(surfaces) > 30
    assert {root for one in surfaces for root in one.root} == {"SPX", "SPXW"}
    away_bp = np.array([1e4 * (one.forward[:4] / one.spot - 1.0) for one in surfaces])
    assert np.abs(np.median(away_bp, axis=0)).max() < 6.0
    assert np.quantile(np.abs(away_bp), 0.95) < 12.0
    # A dividend yield of 1.5 % a year less the rate takes next to nothing in a fortnight.
    assert (np.median(away_bp, axis=0)[-1] - np.median(away_bp, axis=0)[0]) == pytest.approx(-4.0, abs=4.0)
    told_bp = np.array([one.forward_bp[:3] for one in surfaces])
    assert np.median(told_bp) > 0.3, "two strikes and an index that lags say no more"


def near_aapl(name: str) -> bool:
    """Return whether a contract is of a chosen expiry and within 6 % of 645."""
    strike = int(name.split("_")[-2]) / 1e4
    return name.removesuffix(".csv").endswith(AAPL_EXPIRIES) and abs(strike / 645.0 - 1.0) < 0.06


@dataclass(frozen=True)
class Vols:
    """The newest of each contract, (n,) each."""

    expiry: NDArray[np.str_]
    strike: NDArray[np.float64]
    is_call: NDArray[np.bool_]
    iv: NDArray[np.float64]


def whole_of(chains: list[ChainFrame]) -> Vols:
    """Return the volatilities of the last whole frame."""
    frame = [one for one in chains if one.whole][-1]
    return Vols(
        np.array([date_of(one) for one in frame.expiry_ns]),
        np.array([int(name[13:]) / 1e3 for name in frame.contracts]),
        np.array([name[12] == "C" for name in frame.contracts]),
        frame.iv,
    )


def date_of(instant_ns: int) -> str:
    """Return the day in New York."""
    return new_york_day(int(instant_ns)).isoformat()
