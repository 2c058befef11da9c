"""The proof on a real broker: a world of two days, played by real processes; whole, a day alone, forged, and empty."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from pathlib import Path

import pytest
from confluent_kafka import Producer

from aiots.commands.control import publish
from aiots.config import Config, load_config
from aiots.mandates import mandates_of
from aiots.pipeline import behind
from aiots.stage import stage_params
from deploy.local.admin import ensure_topics
from schemas.topics import full_name
from streams.log.filter import find_header
from streams.log.reader import bounds, read
from streams.runtime.task import TaskKey
from streams.runtime.upgrade import newest_manifest
from streams.runtime.verify import Certificate, verify
from streams.topology import STAGES
from tests.kills.processes import Pipeline, wait_until

pytestmark = [pytest.mark.broker, pytest.mark.timeout(240)]
FIRST, SECOND = date(2024, 1, 2), date(2024, 1, 3)


@dataclass(frozen=True)
class Played:
    """A world that was played."""

    config: Config
    said: list[str]

    @cached_property
    def whole(self) -> Certificate:
        return self.verify()

    def verify(self, day: date | None = None) -> Certificate:
        self.said.clear()
        params = {stage.name: stage_params(self.config, stage.name) for stage in STAGES}
        return verify(self.config.kafka, self.config.world, self.config.partitions, params, self.said.append, day)


def is_saved(config: Config) -> bool:
    """Whether every task's newest checkpoint is at the end of its inbox."""
    ends = {
        TaskKey(stage.name, topic, 0): bounds(config.kafka, full_name(config.world, topic), 0)[1]
        for stage in STAGES
        for topic in stage.reads
    }
    manifests = {key: newest_manifest(config.kafka, config.world, key) for key in ends}
    return all(one is not None and one.snapshot.position == ends[key] for key, one in manifests.items())


@pytest.fixture(scope="module")
def played(broker: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    """Two simulated days through every stage, with a checkpoint twice a second."""
    folder = tmp_path_factory.mktemp("verify")
    environment = {
        "KAFKA_BOOTSTRAP_SERVERS": broker["bootstrap.servers"],
        "AIOTS_WORLD": "verify-two-days",
        "AIOTS_STATE_DIR": str(folder / "state"),
        "AIOTS_PARTITIONS": "1",
        "AIOTS_STAGES": '{"signals": {"horizon_scale": 0.05}}',
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    config = replace(load_config(environ=environment), kafka=broker)
    ensure_topics(broker, config.world, config.partitions)
    publish(broker, config.world, config.partitions, mandates_of(config))
    pipeline = Pipeline(config.world, folder, environment)
    try:
        for stage in STAGES:
            pipeline.start_stage(stage.name)
        for day in (FIRST, SECOND):
            source = ("sim", "--date", day.isoformat(), "--minutes", "12", "--symbols", "SPY,AAPL")
            ingest = pipeline.start("ingest", "ingest", *source, "--speed", "max", "--quiet")
            assert ingest.process.wait(120) == 0, ingest.log.read_text()
            del pipeline.running["ingest"]
            wait_until(lambda: not behind(config), 120, "every stage reaches the end of its inbox", 0.5)
            wait_until(lambda: is_saved(config), 60, "every stage has a checkpoint there", 0.5)
        for name in list(pipeline.running):
            assert pipeline.end(name) == 0
        yield Played(config, [])
    finally:
        pipeline.kill_all()


def test_a_world_is_proved_whole(played: Played) -> None:
    """Every output of every stage, and a certificate that says on what."""
    certificate = played.whole
    assert certificate.ok, [str(one) for one in certificate.differences]
    assert not certificate.bugs
    written = sum(figures["records"] for topic, figures in certificate.topics.items() if topic != "market.ticks")
    mandates = 1
    assert certificate.records_compared == written - mandates
    assert {"code", "cpu", "libc", "numba"} <= certificate.environment.keys()


def test_a_day_is_proved_from_the_one_before_it(played: Played) -> None:
    """The second day is folded from what was archived of the first, the first from the start; together they are all."""
    whole = played.whole
    second = played.verify(SECOND)
    assert second.ok, [str(one) for one in second.differences]
    started = {line.partition(" ")[0] for line in played.said if f"from the checkpoint of {FIRST}" in line}
    # A day without a signal leaves the router nothing to save of them.
    tasks = {f"{stage.name}/{topic}/0" for stage in STAGES for topic in stage.reads}
    assert tasks - started <= {"router/signals/0"}, played.said
    assert second.records_folded < 0.75 * whole.records_folded
    first = played.verify(FIRST)
    assert first.ok
    assert not any("from the checkpoint" in line for line in played.said)
    rejects_and_more = whole.records_compared - first.records_compared - second.records_compared
    assert 0 <= rejects_and_more < 0.01 * whole.records_compared


def test_a_day_without_records_proves_nothing(played: Played) -> None:
    """Zero records compared is no proof."""
    assert not played.verify(date(2024, 1, 9)).ok


def test_other_parameters_are_named(played: Played) -> None:
    """A proof with settings other than the run's says so before it folds."""
    other = replace(played.config, stage_params={"signals": {"horizon_scale": 0.06}})
    certificate = Played(other, []).verify()
    assert not certificate.ok
    assert {one.field for one in certificate.differences} == {"build"}
    assert {one.task.split("/")[0] for one in certificate.differences} == {"signals"}


def test_a_forged_record_is_found(played: Played) -> None:
    """A signal under the stage's own origin that the stage never gave: named by topic, partition and offset."""
    kafka, topic = played.config.kafka, full_name(played.config.world, "signals")
    last = list(read(kafka, topic, 0))[-1]
    headers = dict(last.headers() or ())
    origin, _, place = (find_header(last.headers(), "id") or b"").decode().rpartition(":")
    headers["id"], headers["prev"] = f"{origin}:{place}7".encode(), place.encode()
    producer = Producer({**kafka})
    producer.produce(topic, key=last.key(), value=last.value(), headers=list(headers.items()), partition=0)
    assert producer.flush(10) == 0
    offset = bounds(kafka, topic, 0)[1] - 1
    certificate = played.verify()
    assert not certificate.ok
    (forged,) = [one for one in certificate.differences if one.task.startswith("signals/")]
    assert (forged.topic, forged.partition, forged.offset, forged.field) == ("signals", 0, offset, "record")
    assert forged.computed == "nothing"
