"""The in-memory backtest: the same stages without a broker, over frames that were parsed and encoded before.

Parsing (files to frames) and compiling are reported apart; what is timed is feeding the frames, in memory, through
every stage to the venue. A part of the same frames is played through Kafka, too, and must give the same features and
signals, byte for byte, duplicates by id dropped.
"""

import hashlib
import itertools
import statistics
import time
from collections.abc import Iterable

from bench.cluster import Process, World, until
from bench.context import Context
from bench.figures import Figure, at_least
from bench.recording import FRAMES, SYMBOL, Repeated, recorded_days
from connectors.sources.record import SourceRecord
from streams.log.filter import IdFilter, split_headers
from streams.log.reader import read
from streams.runtime import garbage
from streams.runtime.memory import MemoryPipeline
from streams.runtime.task import Outbound

SECTION = "backtest"
TICKS = 20_000_000
TICKS_A_SECOND_MIN = 3_000_000
PART_RECORDS = 40_000
PARAMS: dict[str, dict[str, object]] = {
    "analytics": {"second_rows": 60},
    "router": {"accounts": ["paper"], "mark_interval_s": 60},
    "signals": {"horizon_scale": 0.02},
}
SETTINGS = """
accounts = ["paper"]
[stages.analytics]
second_rows = 60
[stages.router]
mark_interval_s = 60
[stages.signals]
horizon_scale = 0.02
"""


class Digests:
    """sha256 of the payloads of features and signals, in order, of one underlying."""

    def __init__(self) -> None:
        self.sums = {"features": hashlib.sha256(), "signals": hashlib.sha256()}
        self.counts = dict.fromkeys(self.sums, 0)

    def take(self, topic: str, payload: bytes) -> None:
        """Take a payload in."""
        if topic in self.sums:
            self.sums[topic].update(payload)
            self.counts[topic] += 1

    def result(self) -> dict[str, tuple[int, str]]:
        """Return count and sum by topic."""
        return {topic: (self.counts[topic], one.hexdigest()) for topic, one in self.sums.items()}


def run(context: Context) -> None:
    """Measure, and compare a part with Kafka."""
    what, days = recorded_days(context.data)
    begun_s = time.perf_counter()
    # Event time stands in the payloads, so each repetition is bytes of its own: all of them are held in memory.
    frames = list(Repeated(days, context.size(TICKS, 300_000), FRAMES).records(1))
    parse_s = time.perf_counter() - begun_s
    ticks = sum(record.rows for record in frames)
    begun_s = time.perf_counter()
    play(frames[:200])
    compile_s = time.perf_counter() - begun_s
    garbage.settle()  # as `aiots backtest` does
    context.say(f"{SECTION}: {ticks:,} ticks in {len(frames):,} records")
    seconds, outputs = [], 0
    for _ in range(context.rounds):
        begun_s = time.perf_counter()
        outputs = play(frames)[1]
        seconds.append(time.perf_counter() - begun_s)
    note = (
        f"{ticks:,} ticks of {what}, {len(frames):,} records held in memory; all six stages, {outputs:,} records out; "
        f"second_rows=60, a mark a minute; median of {len(seconds)} runs"
    )
    rate = ticks / statistics.median(seconds)
    context.add(at_least(SECTION, "in-memory backtest", rate, "ticks/s", TICKS_A_SECOND_MIN, note=note))
    context.figure(SECTION, "shifting, cutting and encoding the frames", parse_s, "s", note="apart from the above")
    context.figure(SECTION, "loading or compiling kernels", compile_s, "s", note="apart from the above; once a version")
    part = frames[: min(len(frames), PART_RECORDS)]
    same(context, part)


def play(frames: Iterable[SourceRecord]) -> tuple[dict[str, tuple[int, str]], int]:
    """Return the digests and how many records came out of all stages."""
    digests, count = Digests(), itertools.count()

    def observe(out: Outbound) -> None:
        next(count)
        digests.take(out.topic, out.payload)

    pipeline = MemoryPipeline(PARAMS, 1, observe)
    for record in frames:
        pipeline.feed(record)
    pipeline.finish()
    return digests.result(), next(count)


def same(context: Context, part: list[SourceRecord]) -> None:
    """Play a part through Kafka and compare the bytes."""
    memory, _ = play(part)
    with context.cluster(SECTION) as cluster:
        world = cluster.world("backtest", 1, SETTINGS)
        world.write(part)
        stages = [world.stage(name) for name in ("analytics", "signals")]
        position_of(world, stages[0], len(part))
        position_of(world, stages[1], world.end("features"))
        for stage in stages:
            stage.stop()
        kafka = {topic: recorded(world, topic) for topic in ("features", "signals")}
    equal = all(memory[topic] == kafka[topic] for topic in kafka)
    counts = ", ".join(f"{count:,} {topic} sha256 {digest[:12]}" for topic, (count, digest) in kafka.items())
    text = f"{len(part):,} records through Kafka: {counts}"
    if not equal:
        text += "; in memory: " + ", ".join(f"{n:,} {topic} {digest[:12]}" for topic, (n, digest) in memory.items())
    goal = Figure(SECTION, f"same bytes as Kafka's run, {SYMBOL}", float(equal), "", "1", equal, note=text)
    context.add(goal)


def position_of(world: World, process: Process, end: int) -> None:
    """Return when a stage process has applied everything before an offset."""

    def there() -> bool:
        process.check()
        return any(task.get("position", 0) >= end for task in process.health().get("tasks", {}).values())

    until(f"{process.name} to reach {end}", there, 300.0, 0.2)


def recorded(world: World, topic: str) -> tuple[int, str]:
    """Return count and sum of what a topic holds of distinct records."""
    filter_, digests = IdFilter(), Digests()
    for message in read(world.cluster.kafka, world.full(topic), 0):
        if filter_.accept_text(*split_headers(message.headers(), b"foreign", message.offset() or 0)):
            digests.take(topic, message.value() or b"")
    return digests.result()[topic]
