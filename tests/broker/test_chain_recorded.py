"""Recorded chains, from files through Kafka to features; the stage is killed on the way, and not a byte differs."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from aiots.config import load_config
from aiots.stage import stage_params
from deploy.local.admin import ensure_topics
from schemas import wire
from schemas.records import ChainFrame, SurfaceFrame
from schemas.topics import full_name
from streams.chain.analytics import make
from streams.log.reader import bounds, read
from streams.runtime.options import make_params
from streams.runtime.task import TaskKey
from streams.runtime.upgrade import newest_manifest
from streams.stage import Output
from streams.topology import BY_NAME
from tests.kills.processes import Pipeline

pytestmark = [pytest.mark.broker, pytest.mark.timeout(300)]
TICKS, FEATURES = "market.ticks", "features"
KILLS = 3
FIRST_QUOTES_NS = 1_450_881_060_000_000_000
"""2015-12-23 09:31 in New York."""
SECONDS_MAX = 100.0
RATES = '{"2010-01-01": 0.0025}'


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
