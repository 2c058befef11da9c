"""One run of the whole pipeline where options trade and every stage is killed: see tests/broker/test_kills_options.py.

The recording (option_session.py) is written in shares. While the stages work on a share half of them are killed, in a
seeded order and after seeded waits, and with the next share the other half. Once the market has reached the share's end
a person acts (act), and of the stages that take orders those that were not killed are, while they work on that.
"""

import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from aiots.commands.control import publish
from aiots.config import load_config
from aiots.mandates import mandates_of
from aiots.pipeline import behind
from aiots.stage import stage_params
from connectors.sources.record import SourceRecord
from deploy.local.admin import ensure_topics
from deploy.local.broker import start_broker
from schemas import wire
from schemas.records import Mark, Watch
from schemas.topics import full_name, partition_of
from streams.log.ids import headers_of
from streams.log.producer import LogProducer, client_name
from streams.log.reader import bounds, read
from streams.runtime.memory import MemoryPipeline
from streams.runtime.verify import Certificate, verify
from streams.topology import STAGES
from tests.kills.laws import Digests, Hashes, recorded_hashes
from tests.kills.option_session import CONTRACTS, RATE, UNDERLYING, records, shares_of
from tests.kills.processes import Pipeline, wait_until

ACCOUNT, PARTITIONS = "paper", 2
NAMES = tuple(stage.name for stage in STAGES)
ORDER_PATH = ("sizing", "risk", "venue")
SECONDS_MAX = 120.0
UNREADY = 0.3
"""Share of kills that do not wait until the process has its tasks."""
CONFIG = f"""
[rates]
"2020-01-01" = {RATE}
[stages.analytics]
chain_step_ms = 500
chain_look_ms = 5000
[stages.signals]
strategies = ["every_bar"]
settings = {{ every_bar = {{ cooldown_s = 15, lifetime_s = 60 }} }}
[mandates.{ACCOUNT}]
capital_cents = 100_000_000
modes = "ask"
hedge_band_usd = 5_000.0
position_notional_usd_max = 1_000_000.0
gross_notional_usd_max = 2_000_000.0
concentration_max = 1.0
daily_loss_usd_max = 100_000.0
fee_per_contract_cents = 65.0
"""


@dataclass
class Outcome:
    """What was seen, and what came out."""

    kills: Counter[str] = field(default_factory=Counter)
    ended_by_themselves: Counter[str] = field(default_factory=Counter)
    expected: Digests = field(default_factory=dict)
    recorded: Digests = field(default_factory=dict)
    certificate: Certificate | None = None
    suppressed: int = 0
    seconds: float = 0.0


class Trading:
    """Plays, kills and compares, against a broker of its own. act(trading, number): a person's part after a share."""

    def __init__(
        self, folder: Path, seconds: Sequence[int], act: Callable[["Trading", int], None], seed: int = 1
    ) -> None:
        self.folder, self.act, self.seed = folder, act, seed
        self.world = f"trading-{seed}"
        self.random, self.order = random.Random(seed), list(NAMES)
        self.outcome = Outcome()
        self.recording = records(PARTITIONS, seed)
        self.shares = shares_of(self.recording, seconds)
        self.broker = start_broker(folder / "broker")
        self.kafka = {"bootstrap.servers": self.broker.bootstrap}
        environment = {
            "KAFKA_BOOTSTRAP_SERVERS": self.broker.bootstrap,
            "AIOTS_WORLD": self.world,
            "AIOTS_STATE_DIR": str(folder / "state"),
            "AIOTS_PARTITIONS": str(PARTITIONS),
            "AIOTS_CONFIG": str(folder / "aiots.toml"),
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "PYTHONUNBUFFERED": "1",
        }
        (folder / "aiots.toml").write_text(CONFIG)
        (folder / "logs").mkdir()
        self.config = load_config(environ=environment)
        self.pipeline = Pipeline(self.world, folder / "logs", environment)

    def run(self, kill_broker_at: int = -1) -> Outcome:
        """Play the recording with kills to its end, and look at what came out. kill_broker_at: number of a share."""
        began_s = time.monotonic()
        try:
            self.outcome.expected = self._undisturbed()
            print(f"undisturbed in {time.monotonic() - began_s:.0f} s")
            ensure_topics(self.kafka, self.world, PARTITIONS)
            self.put(*mandates_of(self.config), *(Watch(UNDERLYING, one, 0) for one in CONTRACTS))
            for name in NAMES:
                self.pipeline.start_stage(name)
            for number, share in enumerate(self.shares):
                self._share(number, share, kill_broker=number == kill_broker_at)
                print(f"{time.monotonic() - began_s:.0f} s: share {number}")
            self._finish()
            self._look()
        finally:
            self.pipeline.kill_all()
            self.outcome.seconds = time.monotonic() - began_s
        return self.outcome

    def close(self) -> None:
        """End the broker: until then the topics can be looked at."""
        self.broker.kill()

    def put(self, *given: Any) -> None:
        """Write a person's records, as `aiots order` and `aiots control` do."""
        publish(self.kafka, self.world, PARTITIONS, given)

    def read(self, topic: str, kind: type) -> list[Any]:
        """Return the records of a kind in the account's partition of a topic, in order."""
        found = read(self.kafka, full_name(self.world, topic), partition_of(ACCOUNT, PARTITIONS))
        payloads = [one.value() or b"" for one in found]
        return [wire.decode(one) for one in payloads if wire.name_of(one) == kind.__name__]

    def await_reading(self, topic: str, kind: type, condition: Callable[[list[Any]], bool], what: str) -> list[Any]:
        """Return a topic's records of a kind once a condition on them holds."""
        found: list[Any] = []

        def holds() -> bool:
            self._supervise()
            found[:] = self.read(topic, kind)
            return condition(found)

        wait_until(holds, SECONDS_MAX, what, 0.2)
        return found

    def kill(self, names: Sequence[str], wait_s: float) -> None:
        """Kill stages one after the other, each after its own wait, most of them while they work; start them anew."""
        for name in names:
            if self.random.random() > UNREADY:
                wait_until(partial(self._is_ready, f"{name}-0"), SECONDS_MAX, f"{name} gets its tasks")
            time.sleep(self.random.uniform(0.0, wait_s))
            if f"{name}-0" in self.pipeline.running:
                self.pipeline.kill(f"{name}-0")
            self.pipeline.start_stage(name)
            self.outcome.kills[name] += 1

    def _is_ready(self, name: str) -> bool:
        running = self.pipeline.running.get(name)
        return running is None or running.process.poll() is not None or b"task.ready" in running.log.read_bytes()

    def _undisturbed(self) -> Digests:
        hashes = Hashes()

        def observe(out: Any) -> None:
            if out.topic in ("features", "signals"):
                hashes.add(out.topic, out.partition, out.key, out.payload)

        params = {name: stage_params(self.config, name) for name in NAMES}
        memory = MemoryPipeline(params, PARTITIONS, observe)
        for record in self.recording:
            memory.feed(record)
        memory.finish()
        return hashes.digests()

    def _share(self, number: int, share: Sequence[SourceRecord], kill_broker: bool) -> None:
        """Write a share, kill all that works on it, let a person act where it ends, and kill what works on that."""
        producer = LogProducer(self.kafka, client_name("test"))
        for record in share:
            headers = headers_of(record.record_id, record.previous)
            topic = full_name(self.world, "market.ticks")
            producer.send(topic, record.partition, record.key.encode(), record.payload, headers)
        producer.flush()
        if kill_broker:
            self._kill_broker()
        if number % 2 == 0:
            self.order = self.random.sample(NAMES, len(NAMES))
        half = self.order[: len(NAMES) // 2] if number % 2 == 0 else self.order[len(NAMES) // 2 :]
        self.kill(half, 0.4)
        if number < len(self.shares) - 1:
            # The marks of the last second may wait for the share's next one.
            until_ns = max(record.event_ns for record in share) - 2_000_000_000
            self.await_reading("book", Mark, lambda all_: all_ != [] and all_[-1].event_ns >= until_ns, "marks")
        self.act(self, number)
        self.kill([name for name in self.random.sample(ORDER_PATH, len(ORDER_PATH)) if name not in half], 0.2)

    def _kill_broker(self) -> None:
        self.broker.kill()
        time.sleep(self.random.uniform(0.2, 1.0))
        self.broker = start_broker(self.folder / "broker", self.broker.port)
        self.outcome.kills["broker"] += 1
        time.sleep(1.0)
        self._supervise()

    def _supervise(self) -> None:
        """Start again what has ended by itself, as the supervisor would."""
        for name, running in list(self.pipeline.running.items()):
            if running.process.poll() is not None:
                del self.pipeline.running[name]
                self.outcome.ended_by_themselves[name] += 1
                self.pipeline.start_stage(name.rpartition("-")[0])

    def settle(self) -> None:
        """Return once every stage has reached the end of its inbox and nothing more comes."""
        wait_until(self._drained, SECONDS_MAX, "every stage reaches the end of its inbox", 0.3)

    def _drained(self) -> bool:
        self._supervise()
        return not behind(replace(self.config, kafka=self.kafka))

    def _finish(self) -> None:
        self.settle()
        for name in list(self.pipeline.running):
            assert self.pipeline.end(name) == 0, f"{name} did not drain: {self.pipeline.said('stopped')}"

    def _look(self) -> None:
        # Watches are a person's: they stand among what analytics writes, and are not its output.
        self.outcome.recorded = recorded_hashes(self.kafka, self.world, PARTITIONS, without=("Watch",)).digests()
        params = {name: stage_params(self.config, name) for name in NAMES}
        self.outcome.certificate = verify(self.kafka, self.world, PARTITIONS, params, lambda task: None)
        self.outcome.suppressed = len(self.pipeline.said("emissions_suppressed"))

    def rejects(self) -> list[str]:
        """Return what any stage could not use."""
        out = []
        for name in NAMES:
            topic = full_name(self.world, f"{name}.rejects")
            for partition in range(PARTITIONS):
                if bounds(self.kafka, topic, partition)[1]:
                    out += [str(wire.decode(one.value() or b"")) for one in read(self.kafka, topic, partition)]
        return out
