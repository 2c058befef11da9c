"""One run of the whole pipeline with kills: python -m tests.kills.scenario --rounds 20 [--slots 2] [--data FOLDER]

In each round ingest writes a share of the recording as fast as it can and is killed, and under the lag that this makes
every process of every stage is killed once, in a seeded order, some while they recover. One stage a round becomes a
zombie: frozen in the midst of its work, replaced in its slot, thawed beside its replacement. One kill a round aims
at an open checkpoint. The broker is killed twice. What the pipeline does with its own deaths (fenced, broker gone) is
the supervisor's part, which this plays: it starts again what has ended.
"""

import argparse
import random
import re
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from aiots.commands.backtest import publish_mandates
from aiots.commands.control import publish
from aiots.config import load_config
from aiots.mandates import mandates_of
from aiots.pipeline import behind
from aiots.stage import stage_params
from deploy.local.admin import ensure_topics
from deploy.local.broker import start_broker
from streams.runtime.memory import MemoryPipeline
from streams.runtime.source import use_kernel_cache
from streams.runtime.verify import Certificate, verify
from streams.topology import STAGES
from tests.kills.laws import Digests, Hashes, check_order_path, recorded_hashes
from tests.kills.processes import Pipeline, Running, wait_until
from tests.kills.watch import Watermarks, aborted_checkpoints

AIM_SECONDS_MAX = 1.5
UNREADY = 0.15
"""Share of kills that do not wait until the process has its tasks."""
WORKS_SECONDS = 0.4
"""A process that is ready works for up to so long before it is killed: else nothing it did could be lost."""
LEAVES = 0.5
"""Share of the second slot's kills that are an orderly leaving and joining instead."""
EXTRA_ROUNDS_MAX = 5
ZOMBIE_SECONDS = 1.0
READY_SECONDS_MAX = 60.0
DRAIN_SECONDS_MAX = 600.0


@dataclass(frozen=True)
class Plan:
    """What to play and how often to kill all. source: arguments of `aiots ingest`, without speed"""

    source: tuple[str, ...]
    rounds: int
    slots: int = 1
    broker_kills: int = 2
    partitions: int = 2
    seed: int = 1


@dataclass
class Outcome:
    """What was seen, and what came out."""

    kills: Counter[str] = field(default_factory=Counter)
    suppressed: int = 0
    duplicates: int = 0
    aborted: int = 0
    left: int = 0
    ended_by_themselves: Counter[str] = field(default_factory=Counter)
    expected: Digests = field(default_factory=dict)
    recorded: Digests = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    certificate: Certificate | None = None
    seconds: float = 0.0


class Scenario:
    """Runs a plan against a broker of its own."""

    def __init__(self, plan: Plan, folder: Path, say: Any = print) -> None:
        self.plan, self.folder, self.say = plan, folder, say
        self.world = f"kills-{plan.seed}-{plan.slots}"
        self.random = random.Random(plan.seed)
        self.outcome = Outcome()
        self.began_s = time.monotonic()
        self.broker = start_broker(folder / "broker")
        self.kafka = {"bootstrap.servers": self.broker.bootstrap}
        environment = {
            "KAFKA_BOOTSTRAP_SERVERS": self.broker.bootstrap,
            "AIOTS_WORLD": self.world,
            "AIOTS_STATE_DIR": str(folder / "state"),
            "AIOTS_PARTITIONS": str(plan.partitions),
            "AIOTS_CONFIG": str(folder / "aiots.toml"),
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "PYTHONUNBUFFERED": "1",
        }
        (folder / "aiots.toml").write_text("[stages.signals]\nhorizon_scale = 0.05\n")
        (folder / "logs").mkdir()
        self.config = load_config(environ=environment)
        self.pipeline = Pipeline(self.world, folder / "logs", environment)
        self.names = [f"{stage.name}-{slot}" for stage in STAGES for slot in range(plan.slots)]
        self.records = 0
        self.watermarks = Watermarks(self.kafka, self.world, plan.partitions)

    def run(self, source: Any) -> Outcome:
        """Play, kill, drain, compare. source: the same recording as plan.source, opened."""
        began_s = self.began_s
        try:
            self.outcome.expected = self._undisturbed(source)
            self.say(f"undisturbed run in {time.monotonic() - began_s:.0f} s")
            self._begin()
            self._play()
            self._finish()
            self._look()
        finally:
            self.pipeline.kill_all()
            self.broker.kill()
        self.outcome.seconds = time.monotonic() - began_s
        return self.outcome

    def _undisturbed(self, source: Any) -> Digests:
        hashes = Hashes()
        params = {stage.name: stage_params(self.config, stage.name) for stage in STAGES}

        def observe(out: Any) -> None:
            if out.topic in ("features", "signals"):
                hashes.add(out.topic, out.partition, out.key, out.payload)

        pipeline = MemoryPipeline(params, self.plan.partitions, observe)
        publish_mandates(self.config, pipeline)
        for record in source.records(self.plan.partitions):
            pipeline.feed(record)
            self.records += 1
        pipeline.finish()
        self.outcome.counts = {f"expected_{topic}": count for topic, count in hashes.counts.items()}
        return hashes.digests()

    def _begin(self) -> None:
        ensure_topics(self.kafka, self.world, self.plan.partitions)
        publish(self.kafka, self.world, self.plan.partitions, mandates_of(self.config))
        for stage in STAGES:
            for slot in range(self.plan.slots):
                self.pipeline.start_stage(stage.name, slot)

    def _start(self, name: str) -> None:
        if name == "ingest":
            self.pipeline.start("ingest", "ingest", *self.plan.source, "--speed", "max", "--lag-max", "0", "--quiet")
        else:
            stage, _, slot = name.rpartition("-")
            self.pipeline.start_stage(stage, int(slot))

    def _play(self) -> None:
        rounds = self.plan.rounds
        broker_at = {rounds * (n + 1) // (self.plan.broker_kills + 1) for n in range(self.plan.broker_kills)}
        number = 0
        while number < rounds or (self._missing() and number < rounds + EXTRA_ROUNDS_MAX):
            self._round(number, number in broker_at)
            number += 1
            missing = f", not seen yet: {', '.join(self._missing())}" if number % 5 == 0 and self._missing() else ""
            self.say(f"{time.monotonic() - self.began_s:4.0f} s: round {number}{missing}")
        self._start("ingest")

    def _round(self, number: int, kill_broker: bool) -> None:
        """Let ingest write its share and kill it, freeze one, thaw it once it is replaced, kill the rest."""
        order = self.random.sample(self.names, len(self.names))
        zombie_of, aimed = self.names[number % len(self.names)], self.names[(number + 3) % len(self.names)]
        order.remove(zombie_of)
        self._until_ready(zombie_of)
        self._write_share(number)
        time.sleep(self.random.uniform(0.0, 0.3))
        zombie = self._freeze(zombie_of)  # in the midst of its work, most likely, with more of it fetched already
        if kill_broker:
            self._kill_broker()
        if zombie is not None:
            # Not every replacement gets tasks before the zombie's session ends: that is a race we want too.
            deadline_s = time.monotonic() + 4.0
            while time.monotonic() < deadline_s and not self._is_ready(zombie_of):
                time.sleep(0.02)
            self.pipeline.thaw(zombie)
        for name in order:
            time.sleep(self.random.uniform(0.0, 0.3))
            self._kill(name, aimed=name == aimed)
        if zombie is not None:
            self.pipeline.bury(zombie, ZOMBIE_SECONDS)
        self._supervise()

    def _freeze(self, name: str) -> Running | None:
        if name not in self.pipeline.running:
            return None
        frozen = self.pipeline.freeze(name)
        self._start(name)
        self._count(name)
        return frozen

    def _write_share(self, number: int) -> None:
        """Let ingest write one share of the recording, unless it is through; SIGKILL it."""
        share = self.records * (number + 1) // (self.plan.rounds + 1)
        if self._ticks() >= self.records:
            return
        if "ingest" not in self.pipeline.running:
            self._start("ingest")
        process = self.pipeline.running["ingest"].process
        before = self._ticks()
        wait_until(
            lambda: self._ticks() >= max(share, before + 1) or process.poll() is not None,
            READY_SECONDS_MAX,
            "ingest writes",
            0.002,
        )
        self.pipeline.kill("ingest")
        self._count("ingest")

    def _until_ready(self, name: str) -> None:
        self._supervise()
        wait_until(lambda: self._is_ready(name), READY_SECONDS_MAX, f"{name} gets its tasks", 0.02)
        self._supervise()

    def _kill(self, name: str, *, aimed: bool) -> None:
        if aimed or self.random.random() > UNREADY:
            self._until_ready(name)
            time.sleep(self.random.uniform(0.0, WORKS_SECONDS))
        if aimed:
            self._await_checkpoint(name)
        if self.pipeline.running[name].process.poll() is not None:
            self._supervise()
        elif self.plan.slots > 1 and name.endswith("-1") and self.random.random() < LEAVES:
            log = self.pipeline.running[name].log
            code = self.pipeline.end(name)
            unready = code == -signal.SIGTERM and b"stage.started" not in log.read_bytes()
            assert code == 0 or unready, f"{name} was to leave and ended with {code}:\n{log.read_text()[-4000:]}"
            self.outcome.left += 1
            self._start(name)
        else:
            self.pipeline.kill(name)
            self._start(name)
        self._count(name)

    def _count(self, name: str) -> None:
        self.outcome.kills[name.rpartition("-")[0] or name] += 1

    def _await_checkpoint(self, name: str) -> None:
        """Return when records of a stage's checkpoint have just come: most likely its transaction is still open."""
        topic = f"{name.rpartition('-')[0]}.checkpoint"
        before, deadline_s = self.watermarks.ends(topic), time.monotonic() + AIM_SECONDS_MAX
        while time.monotonic() < deadline_s and self.watermarks.ends(topic) == before:
            pass

    def _ticks(self) -> int:
        return sum(self.watermarks.ends("market.ticks"))

    def _is_ready(self, name: str) -> bool:
        running = self.pipeline.running[name]
        if running.process.poll() is not None:
            return True
        # With more slots than partitions a process may rightly have no task.
        idle = self.plan.slots > 1 and time.monotonic() - running.started_s > 8.0
        return idle or b"task.ready" in running.log.read_bytes()

    def _kill_broker(self) -> None:
        self.say("broker killed")
        self.broker.kill()
        self.watermarks.close()
        time.sleep(self.random.uniform(0.2, 1.0))
        self.broker = start_broker(self.folder / "broker", self.broker.port)
        self.watermarks = Watermarks(self.kafka, self.world, self.plan.partitions)
        self.outcome.kills["broker"] += 1

    def _supervise(self) -> None:
        """Start again what has ended by itself, as the supervisor would."""
        for name, running in list(self.pipeline.running.items()):
            code = running.process.poll()
            if code is None:
                continue
            del self.pipeline.running[name]
            if name == "ingest" and code == 0:
                continue
            self.outcome.ended_by_themselves[name] += 1
            self._start(name)

    def _missing(self) -> list[str]:
        self._count_unusual()
        outcome = self.outcome
        return [name for name in ("suppressed", "duplicates", "aborted") if not getattr(outcome, name)]

    def _count_unusual(self) -> None:
        unusual = self.pipeline.said("task.unusual")
        self.outcome.suppressed = sum(_figure(line, "emissions_suppressed") for line in unusual)
        self.outcome.duplicates = sum(_figure(line, "duplicates_dropped") for line in unusual)
        aborted = aborted_checkpoints(self.kafka, self.world, self.plan.partitions)
        self.outcome.aborted = max(self.outcome.aborted, aborted)  # compaction forgets them

    def _finish(self) -> None:
        self.say(f"{sum(self.outcome.kills.values())} kills made; draining")
        wait_until(self._ingested, DRAIN_SECONDS_MAX, "ingest completes", 0.2)
        wait_until(self._drained, DRAIN_SECONDS_MAX, "every stage reaches the end of its inbox", 0.5)
        for name in list(self.pipeline.running):
            assert self.pipeline.end(name) == 0, f"{name} did not drain: {self.pipeline.said('stopped')}"

    def _ingested(self) -> bool:
        self._supervise()
        return "ingest" not in self.pipeline.running

    def _drained(self) -> bool:
        self._supervise()
        return not behind(replace(self.config, kafka=self.kafka))

    def _look(self) -> None:
        self._count_unusual()
        hashes = recorded_hashes(self.kafka, self.world, self.plan.partitions)
        self.outcome.recorded = hashes.digests()
        accounts = 1
        self.outcome.counts |= check_order_path(self.kafka, self.world, self.plan.partitions, accounts)
        params = {stage.name: stage_params(self.config, stage.name) for stage in STAGES}
        self.outcome.certificate = verify(self.kafka, self.world, self.plan.partitions, params, lambda task: None)


def _figure(line: str, name: str) -> int:
    found = re.search(rf"{name}=(\d+)", re.sub(r"\x1b\[[0-9;]*m", "", line))
    return int(found.group(1)) if found else 0


def check(outcome: Outcome) -> None:
    """Assert everything that the run must have shown."""
    for topic in ("features", "signals"):
        assert any(place[0] == topic for place in outcome.expected), f"no {topic} were expected: nothing is proved"
    different = [place for place in outcome.expected if outcome.recorded.get(place) != outcome.expected[place]]
    assert not different, f"not as in the undisturbed run: {different[:5]}"
    assert outcome.recorded.keys() == outcome.expected.keys()
    assert outcome.certificate is not None
    assert outcome.certificate.ok, [str(one) for one in outcome.certificate.differences]
    assert not outcome.certificate.bugs
    assert outcome.suppressed, "no suppressed re-emission was seen"


def check_seen(outcome: Outcome) -> None:
    """Assert that kills met what only happens when they come at the right moment: many rounds of them do."""
    assert outcome.duplicates, "no dropped duplicate was seen"
    assert outcome.aborted, "no aborted checkpoint was seen"


def main(arguments: Sequence[str]) -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))  # so that what was started is ended too
    use_kernel_cache()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20, help="in each, ingest and every stage is killed once")
    parser.add_argument("--slots", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=int, default=150, help="of the simulated session")
    parser.add_argument("--data", type=Path, help="recorded ticks in LEAN's layout in place of the simulated session")
    parser.add_argument("--folder", type=Path, help="keep the broker's data and the logs here; must be empty")
    parser.add_argument("--symbols", default="SPY,IBM")
    options = parser.parse_args(arguments)
    plan, source = planned(options.rounds, options.slots, options.seed, options.minutes, options.data, options.symbols)
    with tempfile.TemporaryDirectory() as folder:
        outcome = Scenario(plan, options.folder or Path(folder)).run(source)
    print(f"{dict(outcome.kills)} killed in {outcome.seconds:.0f} s")
    print(f"ended by themselves: {dict(outcome.ended_by_themselves)}")
    print(f"suppressed {outcome.suppressed}, dropped {outcome.duplicates}, checkpoints aborted {outcome.aborted}")
    print(outcome.counts)
    check(outcome)
    check_seen(outcome)
    print("held: features and signals equal the undisturbed run, the rest equals the fold of its inbox")


def planned(
    rounds: int, slots: int, seed: int, minutes: int = 150, data: Path | None = None, symbols: str = ""
) -> tuple[Plan, Any]:
    """Return a plan and its source, opened: the simulated session, or recorded ticks."""
    if data is not None:
        from connectors.sources.lean import open_lean

        wanted = [name for name in symbols.split(",") if name]
        arguments = ("lean", str(data.absolute()), "--resolution", "tick", *(("--symbols", symbols) if symbols else ()))
        return Plan(arguments, rounds, slots, seed=seed), open_lean([data], wanted, None, None, "tick")
    from connectors.sources.sim import open_sim

    arguments = ("sim", "--seed", str(seed), "--minutes", str(minutes))
    return Plan(arguments, rounds, slots, seed=seed), open_sim(seed=seed, minutes=minutes or None)


if __name__ == "__main__":
    main(sys.argv[1:])
