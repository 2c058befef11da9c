"""The whole pipeline under load for minutes: memory flat, checkpoints on time, lag bounded.

The simulated market is played at its own pace; every few seconds each process's memory, checkpoint age and lag are
read.
Memory is judged after a warm-up by the slope of a line through the samples, as what it would add in an hour.
"""

import statistics
import time
from dataclasses import dataclass, field

import numpy as np

from bench.cluster import Process, World
from bench.context import Context, load_kernels
from bench.figures import Figure, below
from bench.latency import PARTITIONS, start_pipeline

SECTION = "soak"
SAMPLE_SECONDS = 2.0
WARM_SHARE = 0.3
"""Of the run: caches, state and librdkafka's buffers fill."""
SLOPE_MB_PER_HOUR_MAX = 60.0
GROWTH_MB_MAX = 8.0
"""Below this much over the whole judged stretch, memory is flat, however short the stretch."""
CHECKPOINT_SECONDS = 5.0
CHECKPOINT_AGE_MAX = 2 * CHECKPOINT_SECONDS
LAG_RECORDS_MAX = 2_000
TICKS_A_SECOND = 20_000
SETTINGS = """
accounts = ["paper"]
[stages.signals]
horizon_scale = 0.02
"""


@dataclass
class Samples:
    """What was read of one process over time."""

    seconds: list[float] = field(default_factory=list)
    rss_mb: list[float] = field(default_factory=list)
    age_s: list[float] = field(default_factory=list)
    lag: list[float] = field(default_factory=list)


def run(context: Context, minutes: float) -> None:
    """Play for so long and judge."""
    load_kernels(context)
    with context.cluster(SECTION) as cluster:
        world = cluster.world("soak", PARTITIONS, SETTINGS)
        processes = start_pipeline(context, world)
        rate = context.size(TICKS_A_SECOND, TICKS_A_SECOND // 4)
        source = ("ingest", "sim", "--rate", str(rate), "--speed", "1", "--minutes", str(int(minutes) + 2), "--quiet")
        feeder = world.command(*source)
        watched = {process.name.removeprefix("soak-"): Samples() for process in processes}
        begun_s = time.monotonic()
        said = 0
        while (elapsed_s := time.monotonic() - begun_s) < minutes * 60:
            for process in processes:
                process.check()
                sample(watched[process.name.removeprefix("soak-")], process, elapsed_s)
            if elapsed_s // 60 > said:
                said += 1
                context.say(f"{SECTION}: minute {said} of {minutes:g}, {records(world):,} records in")
            time.sleep(SAMPLE_SECONDS)
        if feeder.child.poll() not in (None, 0):
            feeder.check()
        context.note(
            f"soak: {minutes:g} minutes, {records(world):,} market records, {rate} ticks/s of a simulated market of "
            f"nine symbols; memory judged after the first {WARM_SHARE:.0%}"
        )
        for name, samples in watched.items():
            judge(context, name, samples)


def records(world: World) -> int:
    """Return how many market records have come."""
    return sum(world.end("market.ticks", partition) for partition in range(world.partitions))


def sample(samples: Samples, process: Process, elapsed_s: float) -> None:
    """Read one process."""
    samples.seconds.append(elapsed_s)
    samples.rss_mb.append(process.rss_mb())
    if not process.metrics_port:
        return
    found = process.metrics()
    samples.age_s.append(max((v for name, v in found.items() if name.startswith("aiots_checkpoint_age")), default=0.0))
    samples.lag.append(sum(value for name, value in found.items() if name.startswith("aiots_lag_records")))


def judge(context: Context, name: str, samples: Samples) -> None:
    """Add a process's figures."""
    first = next(i for i, second in enumerate(samples.seconds) if second >= WARM_SHARE * samples.seconds[-1])
    seconds, rss = np.array(samples.seconds[first:]), np.array(samples.rss_mb[first:])
    slope = float(np.polyfit(seconds / 3600, rss, 1)[0]) if len(rss) > 2 else 0.0
    growth = slope * float(seconds[-1] - seconds[0]) / 3600
    note = f"median {statistics.median(rss):.0f} MB, {growth:+.1f} MB over the judged stretch"
    goal = f"< {SLOPE_MB_PER_HOUR_MAX:.0f}, or {GROWTH_MB_MAX:.0f} MB"
    flat = slope < SLOPE_MB_PER_HOUR_MAX or growth < GROWTH_MB_MAX
    context.add(Figure(SECTION, f"{name}: memory grows by", slope, "MB/h", goal, flat, note=note))
    if samples.age_s:
        oldest = max(samples.age_s)
        context.add(below(SECTION, f"{name}: oldest checkpoint", oldest, "s", CHECKPOINT_AGE_MAX))
        context.add(below(SECTION, f"{name}: most lag", max(samples.lag[first:]), "records", LAG_RECORDS_MAX))
