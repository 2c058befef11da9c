"""Simulated chains through Kafka: what analytics finds is the truth that they were drawn around."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from aiots.config import load_config
from bench.chain_truth import (
    BORROW_BP_MAX,
    FORWARD_BP_MAX,
    LEARNT_NS,
    MOVE_MAX,
    VOL_HALVES_MAX,
    Errors,
    errors_of,
    p95,
    table,
)
from connectors.sources.sim import OptionParams, SimSource, open_sim
from deploy.local.admin import ensure_topics
from schemas import wire
from schemas.records import ChainFrame, SurfaceFrame
from schemas.topics import full_name
from streams.log.reader import bounds, read
from streams.runtime.task import TaskKey
from streams.runtime.upgrade import newest_manifest
from tests.kills.processes import Pipeline

pytestmark = [pytest.mark.broker, pytest.mark.timeout(450)]
SYMBOLS = ("AAPL", "MSFT", "GOOGL")
"""SSVI, Heston with jumps, earnings; all pay dividends before their last expiries."""
MINUTES, SEED, RATE = 2, 3, 30.0
OPTIONS = OptionParams(SYMBOLS, expiries=6, strikes=16)
INTEREST = f'{{"2020-01-01": {OPTIONS.interest}}}'
SECONDS_MAX = 200.0


@dataclass(frozen=True)
class Found:
    """What analytics told of the simulated chains, and their truth."""

    source: SimSource
    surfaces: dict[str, list[SurfaceFrame]]
    chains: dict[str, list[ChainFrame]]


@pytest.fixture(scope="module")
def found(broker: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Found:
    """Two minutes of three chains, ingested and folded by the processes that a user runs."""
    folder = tmp_path_factory.mktemp("simulated")
    environment = {
        "KAFKA_BOOTSTRAP_SERVERS": broker["bootstrap.servers"],
        "AIOTS_WORLD": "chain-simulated",
        "AIOTS_STATE_DIR": str(folder / "state"),
        "AIOTS_PARTITIONS": "1",
        "AIOTS_RATES": INTEREST,
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    config = replace(load_config(environ=environment), kafka=broker)
    ensure_topics(broker, config.world, 1)
    symbols = ",".join(SYMBOLS)
    arguments = ["--symbols", symbols, "--options", symbols, "--seed", str(SEED), "--minutes", str(MINUTES)]
    arguments += ["--rate", str(RATE), "--expiries", str(OPTIONS.expiries), "--strikes", str(OPTIONS.strikes)]
    pipeline = Pipeline(config.world, folder, environment)
    inbox, key = full_name(config.world, "market.ticks"), TaskKey("analytics", "market.ticks", 0)
    try:
        ingest = pipeline.start("ingest", "ingest", "sim", *arguments, "--lag-max", "0", "--quiet")
        stage = pipeline.start_stage("analytics")
        assert ingest.process.wait(SECONDS_MAX) == 0, ingest.log.read_text()
        assert "note" not in ingest.log.read_text()
        end, deadline_s = bounds(broker, inbox, 0)[1], time.monotonic() + SECONDS_MAX
        while (manifest := newest_manifest(broker, config.world, key)) is None or manifest.snapshot.position < end:
            assert stage.process.poll() is None, stage.log.read_text()
            assert time.monotonic() < deadline_s, stage.log.read_text()
            time.sleep(0.05)
    finally:
        pipeline.kill_all()
    assert not list(read(broker, full_name(config.world, "analytics.rejects"), 0))
    source = open_sim(SEED, symbols=SYMBOLS, minutes=MINUTES, rate=RATE, options=OPTIONS)
    surfaces: dict[str, list[SurfaceFrame]] = {symbol: [] for symbol in SYMBOLS}
    chains: dict[str, list[ChainFrame]] = {symbol: [] for symbol in SYMBOLS}
    for message in read(broker, full_name(config.world, "features"), 0):
        one = wire.decode(message.value() or b"")
        if isinstance(one, SurfaceFrame) and one.event_ns > source.first_ns + LEARNT_NS:
            surfaces[one.symbol].append(one)
        elif isinstance(one, ChainFrame) and one.event_ns > source.first_ns + LEARNT_NS:
            chains[one.symbol].append(one)
    return Found(source, surfaces, chains)


def test_the_truth_is_found(found: Found) -> None:
    """At p95: forwards within 2 basis points, borrows of all expiries within 25, volatilities within half a spread.

    Of the quotes' own model, and Black's. Every earnings move is within a tenth of its truth.
    """
    errors = Errors()
    errors_of(found.source, (one for symbol in SYMBOLS for one in found.surfaces[symbol]), errors)
    errors_of(found.source, (one for symbol in SYMBOLS for one in found.chains[symbol]), errors)
    forwards, quotes = table(errors.forwards), table(errors.quotes)
    assert len(forwards) > 60 * len(SYMBOLS) * OPTIONS.expiries
    assert len(quotes) > 1_000
    assert p95(forwards["one"]) <= FORWARD_BP_MAX
    assert p95(forwards["other"]) <= BORROW_BP_MAX
    assert p95(quotes["one"]) <= VOL_HALVES_MAX
    assert p95(quotes["other"]) <= VOL_HALVES_MAX
    assert len(errors.moves) == len(found.surfaces["GOOGL"])
    assert np.max(errors.moves) <= MOVE_MAX, "every surface tells a move: NaN is none"


def test_surfaces_say_what_they_stand_on(found: Found) -> None:
    """The rate, all expiries, the dividends before the last of them, the earnings where there are any."""
    for symbol, surfaces in found.surfaces.items():
        truth = found.source.option_truth(symbol)
        assert len(surfaces) > 60
        for one in surfaces:
            assert one.rate_known
            assert one.expiry_ns.tolist() == [listed.expiry_ns for listed in found.source.listings[0][symbol]]
        dividends = truth.ex_ns[truth.ex_ns < surfaces[-1].expiry_ns[-1]]
        assert surfaces[-1].ex_ns.tolist() == [ex for ex in dividends.tolist() if ex > surfaces[-1].event_ns]
        assert {one.next_event_ns for one in surfaces} == {truth.event_ns}
