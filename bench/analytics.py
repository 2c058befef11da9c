"""Analytics from a real topic: one process, everything on, beside Kafka's own reader of the same records.

The topic is written before. Time runs from the task's readiness (recovered, kernels loaded) to the append of its last
output, by the broker's clock: everything it owes for the whole topic has been delivered.
"""

import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bench.cluster import Cluster, Process, World, until
from bench.context import Context
from bench.figures import at_least, below, interleaved
from bench.perf_test import consumer_perf
from bench.recording import FRAMES, Repeated, recorded_days
from connectors.sources.frames import FrameRule
from connectors.sources.record import SourceRecord
from connectors.sources.sessions import MINUTE_NS, SECOND_NS

SECTION = "analytics"
TICKS_A_SECOND_MIN = 3_000_000
RSS_MB_MAX = 300
PERF_TEST_RATIO_MIN = 0.5
FRAMES_MIN = 1_000_000
TICKS_OF_FRAME_MIN = 57
"""Frames end at 64 ticks and at each minute of event time; recorded SPY gives 58 on average."""
CATCH_UP_SECONDS_MAX = 900.0


@dataclass(frozen=True)
class Run:
    """One process's way through a topic."""

    seconds: float
    peak_rss_mb: float
    cpu_seconds: float
    outputs: int
    checkpoints: float


@dataclass(frozen=True)
class Written:
    """A topic that has been written: records (events too) and ticks."""

    world: World
    records: int
    frames: int
    ticks: int


def run(context: Context) -> None:
    """Measure frames of 64, 16 and 1, and Kafka's own reader beside them."""
    with context.cluster(SECTION) as cluster:
        what, days = recorded_days(context.data)
        context.note(f"analytics: {what}, repeated on the sessions that follow; a world of 1 partition, 1 process")
        ticks = context.size(FRAMES_MIN * TICKS_OF_FRAME_MIN + 3_000_000, 400_000)
        main = write(context, cluster, "frames64", Repeated(days, ticks, FRAMES), "second_rows = 60")
        goal(context, main)
        for name, rule, count in (("16", FrameRule(16, MINUTE_NS), 8_000_000), ("1", FrameRule(1, SECOND_NS), 800_000)):
            fewer = write(
                context, cluster, f"frames{name}", Repeated(days, context.size(count, 50_000), rule), "second_rows = 60"
            )
            rate(context, fewer, f"frames of {name}", "second_rows=60")
        slices = Repeated(days, context.size(20_000_000, 200_000), FRAMES)
        rate(context, write(context, cluster, "rows1", slices, "second_rows = 1"), "frames of 64, every bar at once",
             "second_rows=1, the live default: a record out for each second")  # fmt: skip


def write(context: Context, cluster: Cluster, name: str, source: Repeated, params: str) -> Written:
    """Create a world of one partition and write the source to it."""
    context.say(f"analytics: writing {source.ticks_min:,} ticks in frames of {source.rule.ticks_max}")
    world = cluster.world(name, 1, f"[stages.analytics]\n{params}\n")
    frames = 0

    def counted() -> Iterator[SourceRecord]:
        nonlocal frames
        for record in source.records(1):
            frames += record.rows > 0
            yield record

    records, ticks = world.write(counted())
    return Written(world, records, frames, ticks)


def goal(context: Context, topic: Written) -> None:
    """The figures with goals: ours and Kafka's own reader by turns."""
    runs: list[Run] = []

    def ours() -> float:
        runs.append(fold_topic(context, topic))
        return runs[-1].seconds

    def kafkas() -> float:
        context.say("analytics: Kafka's consumer-perf-test")
        world = topic.world
        return consumer_perf(world.cluster.broker.bootstrap, world.full("market.ticks"), topic.records, context.folder)

    steps: list[tuple[str, Callable[[], float]]] = [("perf", kafkas), ("ours", ours)]
    values = interleaved(context.rounds, steps)
    seconds, perf = statistics.median(values["ours"]), statistics.median(values["perf"])
    note = (
        f"{topic.frames:,} frames of up to 64 ({topic.ticks / topic.frames:.0f} on average), "
        f"{topic.records:,} records, "
        f"{topic.ticks:,} ticks; second_rows=60 (a replay's setting), ids, bars of 1 s, 1 min, 5 min, 12 indicators, "
        f"{runs[0].outputs:,} outputs, CRC checks, {runs[0].checkpoints:.0f} checkpoints; median of {len(runs)} runs"
    )
    context.add(at_least(SECTION, "frames of 64", topic.ticks / seconds, "ticks/s", TICKS_A_SECOND_MIN, note=note))
    context.add(
        at_least(
            SECTION,
            "frames of 64: records/s over consumer-perf-test's",
            topic.records / seconds / perf,
            "x",
            PERF_TEST_RATIO_MIN,
            ratio=topic.records / seconds / perf,
            peer="perf-test",
            note=f"ours {topic.records / seconds:,.0f} records/s, ConsumerPerformance {perf:,.0f} (joining left out)",
        )
    )
    context.add(
        below(SECTION, "frames of 64: peak RSS", max(one.peak_rss_mb for one in runs), "MB", RSS_MB_MAX,
              note=f"VmHWM of the process; {runs[0].cpu_seconds:.1f} s of processor time in {runs[0].seconds:.1f} s")
    )  # fmt: skip


def rate(context: Context, topic: Written, name: str, note: str) -> None:
    """A figure without a goal."""
    one = fold_topic(context, topic)
    context.figure(
        SECTION, name, topic.ticks / one.seconds, "ticks/s",
        note=f"{topic.frames:,} frames, {topic.records / one.seconds:,.0f} records/s, {one.outputs:,} outputs, "
        f"peak RSS {one.peak_rss_mb:.0f} MB; {note}",
    )  # fmt: skip


def fold_topic(context: Context, topic: Written) -> Run:
    """Fold the whole topic by a fresh process, from the beginning; what runs before wrote is deleted."""
    context.say(f"analytics: folding {topic.records:,} records of {topic.world.name}")
    topic.world.forget("analytics")
    process = topic.world.stage("analytics")
    begun_s = process.ready_s()
    until_folded(process, topic)
    peak, cpu = process.peak_rss_mb(), process.cpu_seconds()
    checkpoints = process.metrics().get("aiots_checkpoint_seconds_count", 0.0)
    process.stop()
    end_ms = topic.world.last_append_ms("features")
    return Run(end_ms / 1000 - begun_s, peak, cpu, topic.world.end("features"), checkpoints)


def until_folded(process: Process, topic: Written) -> None:
    """Return when the process has applied the topic's last record."""

    def folded() -> bool:
        process.check()
        tasks = process.health().get("tasks", {})
        return any(task.get("position", 0) >= topic.records for task in tasks.values())

    until("the topic to be folded", folded, CATCH_UP_SECONDS_MAX, 0.2)
