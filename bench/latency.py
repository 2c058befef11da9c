"""From the append of a frame to the signal and the verdict received, with all of the demo's processes running.

The consumer notes the wall clock at each signal; the signal's `cause` header names the feature, whose id names the
offset of the frame. LogAppendTime is the broker's, in whole ms, cut off: figures by it are up to 1 ms too long. The
sender's schedule is the other clock: from the instant when a frame was due, whatever the sender itself was late.
"""

import json
import re
import statistics
import sys
import time
from dataclasses import dataclass, field

import numpy as np
from confluent_kafka import Consumer, TopicPartition

from aiots.commands.control import publish
from aiots.mandates import DEFAULTS
from bench.cluster import Process, World, until
from bench.context import Context
from bench.figures import below
from bench.sender import SYMBOLS, Schedule
from deploy.local.process import free_port
from schemas.records import Mandate, Verdict
from schemas.wire import decode, name_of
from streams.log.filter import find_header
from streams.log.reader import bounds, read, reader_settings
from streams.topology import STAGES

SECTION = "latency"
RATE = 1_000
P50_MS_MAX, P99_MS_MAX = 12.0, 60.0
SAMPLES_MIN = 10_000
PARTITIONS = 3
SETTINGS = """
accounts = ["paper"]
[stages.analytics]
second_rows = 1
[stages.signals]
strategies = ["every_bar"]
settings = { every_bar = { lifetime_s = 60 } }
[mandates.paper]
capital_cents = 100_000_000_000
"""
QUIET_SECONDS = 3.0
WARM_SECONDS = 90


@dataclass
class Received:
    """What came back of one run: by partition and offset of the frame, when (s since 1970)."""

    signals: dict[tuple[int, int], float] = field(default_factory=dict)
    signal_frames: dict[str, tuple[int, int]] = field(default_factory=dict)
    verdicts: dict[tuple[int, int], float] = field(default_factory=dict)


def start_pipeline(context: Context, world: World, processes: dict[str, int] | None = None) -> list[Process]:
    """Start every stage and the gateway, publish the account's mandate; return once all tasks are ready."""
    mandate = {**DEFAULTS, "capital_cents": 100_000_000_000, "position_notional_usd_max": 1e8}
    mandate |= {"gross_notional_usd_max": 1e9, "daily_loss_usd_max": 1e9, "drawdown_max": 0.99}
    publish(world.cluster.kafka, world.name, world.partitions, [Mandate(account="paper", **mandate)])
    counts = processes or {}
    started = [world.stage(stage.name, slot) for stage in STAGES for slot in range(counts.get(stage.name, 1))]
    gateway = world.command("gateway", "--port", str(free_port()))
    context.say(f"{SECTION}: starting {len(started)} stage processes and the gateway")
    wanted = sum(len(stage.reads) for stage in STAGES) * world.partitions

    def ready() -> bool:
        for process in (*started, gateway):
            process.check()
        states = [task["state"] for one in started for task in one.health().get("tasks", {}).values()]
        return states.count("running") == wanted

    until(f"{wanted} tasks to run", ready, 300.0, 0.2)
    return [*started, gateway]


def run(context: Context) -> None:
    """Measure frame -> signal and frame -> verdict."""
    with context.cluster(SECTION) as cluster:
        world = cluster.world("latency", PARTITIONS, SETTINGS)
        processes = start_pipeline(context, world)
        seconds = context.size(12, 3)
        # The broker compiles its own code for over a minute under load, on the cores that are measured.
        warm_seconds = context.size(WARM_SECONDS, 2)
        measure(context, world, "warm", 0, warm_seconds, opens=True)
        rows, second = [], bars_of(warm_seconds)
        before = {process.name: process.cpu_seconds() for process in processes}
        for number in range(context.rounds):
            context.say(f"{SECTION}: run {number + 1} of {context.rounds}, {seconds} s at {RATE} frames/s")
            rows.append(measure(context, world, f"run{number}", second, seconds))
            second += bars_of(seconds)
        # To read the verdicts costs processor time, so it is done in a run of its own.
        verdicts = measure(context, world, "verdicts", second, seconds, ("signals", "verdicts"))
        spent = {process.name: process.cpu_seconds() - before[process.name] for process in processes}
        total_s = (context.rounds + 1) * seconds
        shares = ", ".join(f"{name.split('-')[1]} {spent_s / total_s:.0%}" for name, spent_s in spent.items())
        context.note(f"latency: processor time of each process, of one core: {shares}")
        report(context, rows, verdicts)


def bars_of(seconds: int) -> int:
    """Return how far event time goes in a run of so long, and a pause after it."""
    return RATE * seconds // len(SYMBOLS) + 60


def report(context: Context, rows: list[dict[str, float]], verdicts: dict[str, float]) -> None:
    """Add the median of each figure over the runs, and what the run that read the verdicts gave of them."""
    median = {name: statistics.median(row[name] for row in rows) for name in rows[0]}
    median |= {name: figure for name, figure in verdicts.items() if "verdict" in name}
    samples = min(row["samples"] for row in rows)
    note = (
        f"frame's LogAppendTime (ms, cut off) to signal received; {RATE:,} frames/s open-loop over 9 symbols, "
        f"{samples:,.0f} samples a run, median of {len(rows)} runs; {len(STAGES)} stages and gateway, checkpoints on"
    )
    context.add(below(SECTION, "frame -> signal, p50", median["p50"], "ms", P50_MS_MAX, note=note))
    context.add(below(SECTION, "frame -> signal, p99", median["p99"], "ms", P99_MS_MAX, note=note))
    least = context.size(SAMPLES_MIN, 100)
    context.add(below(SECTION, "frames without a signal", median["lost"], "frames", 1, note=f"of {samples:,.0f}"))
    if samples < least:
        context.add(below(SECTION, "samples short of 10,000", least - samples, "samples", 1))
    for name, text in (
        ("max", "frame -> signal, max"),
        ("due50", "schedule -> signal, p50"),
        ("due99", "schedule -> signal, p99"),
        ("verdict50", "frame -> verdict, p50"),
        ("verdict99", "frame -> verdict, p99"),
        ("late99", "sender late, p99"),
    ):
        how = (
            f"{median['verdicts']:,.0f} verdicts" if "verdict" in name else "sender's own clock" if "d" in name else ""
        )
        context.figure(SECTION, text, median[name], "ms", note=how)


def measure(
    context: Context,
    world: World,
    name: str,
    second: int,
    seconds: int,
    topics: tuple[str, ...] = ("signals",),
    *,
    opens: bool = False,
) -> dict[str, float]:
    """Send for so long and return the run's figures, ms."""
    starts = [bounds(world.cluster.kafka, world.full("market.ticks"), p)[1] for p in range(world.partitions)]
    consumer = follow(world, topics)
    schedule = Schedule(
        world.cluster.broker.bootstrap, world.name, world.partitions, name, second, RATE, seconds, opens
    )
    command = [sys.executable, "-m", "bench.sender", schedule.text()]
    sender = world.cluster.start(f"sender-{name}", command, world.env)
    received = receive(consumer, sender, seconds)
    consumer.close()
    first_s = int(re.findall(r"first (\d+)", sender.text())[0]) / 1e9
    own = json.loads(sender.text().strip().splitlines()[-1])
    return figures(world, starts, received, first_s, own)


def follow(world: World, topics: tuple[str, ...]) -> Consumer:
    """Return a consumer at the ends of these topics."""
    consumer = Consumer({**reader_settings(world.cluster.kafka), "enable.partition.eof": False})
    places = []
    for topic in topics:
        for partition in range(world.partitions):
            end = bounds(world.cluster.kafka, world.full(topic), partition)[1]
            places.append(TopicPartition(world.full(topic), partition, end))
    consumer.assign(places)
    return consumer


def receive(consumer: Consumer, sender: Process, seconds: int) -> Received:
    """Note when signals and verdicts come, until the sender has ended and nothing has come for a while."""
    received = Received()
    last_s = time.monotonic()
    deadline_s = last_s + 60 + 3 * seconds
    while time.monotonic() < deadline_s:
        message = consumer.poll(0.05)
        if message is None:
            if sender.child.poll() is not None and time.monotonic() - last_s > QUIET_SECONDS:
                break
            continue
        now_s = time.time()
        last_s = time.monotonic()
        if (message.topic() or "").endswith(".signals"):
            frame = frame_of(find_header(message.headers(), "cause") or b"")
            received.signals[frame] = now_s
            received.signal_frames[signal_id(message.value() or b"")] = frame
        elif name_of(message.value()) == "Verdict":
            verdict = decode(message.value())
            assert isinstance(verdict, Verdict)
            known = received.signal_frames.get(verdict.intent.signal_id)
            if known is not None:
                received.verdicts.setdefault(known, now_s)
    return received


def frame_of(cause: bytes) -> tuple[int, int]:
    """Return partition and offset of the frame that caused a feature: analytics/PARTITION/UUID:OFFSET.INDEX."""
    origin, _, place = cause.rpartition(b":")
    return int(origin.split(b"/")[1]), int(place.partition(b".")[0])


def signal_id(payload: bytes) -> str:
    """Return a Signal's id, its first field: 16 characters after a length of one byte."""
    return payload[6:22].decode()


def figures(
    world: World, starts: list[int], received: Received, first_s: float, own: dict[str, float]
) -> dict[str, float]:
    """Return percentiles, ms. The first second of a run is left out of none of them."""
    by_append, by_schedule, to_verdict, sent = [], [], [], 0
    for partition, start in enumerate(starts):
        for message in read(world.cluster.kafka, world.full("market.ticks"), partition, start):
            if message.key() is None:
                continue
            sent += 1
            frame = (partition, message.offset() or 0)
            append_s = message.timestamp()[1] / 1000
            number = int((find_header(message.headers(), "id") or b"").rpartition(b":")[2].partition(b".")[0])
            if frame in received.signals:
                by_append.append(received.signals[frame] - append_s)
                by_schedule.append(received.signals[frame] - (first_s + (number - 1) / RATE))
            if frame in received.verdicts:
                to_verdict.append(received.verdicts[frame] - append_s)
    p50, p99 = (np.percentile(by_append, (50, 99)) * 1e3).tolist() if by_append else (np.nan, np.nan)
    due50, due99 = (np.percentile(by_schedule, (50, 99)) * 1e3).tolist() if by_schedule else (np.nan, np.nan)
    v50, v99 = (np.percentile(to_verdict, (50, 99)) * 1e3).tolist() if to_verdict else (np.nan, np.nan)
    first_bars = 9  # the first frame of a symbol closes no bar, where none was open
    return {
        "samples": len(by_append), "lost": max(0, sent - len(by_append) - first_bars), "p50": p50, "p99": p99,
        "max": max(by_append, default=np.nan) * 1e3, "due50": due50, "due99": due99,
        "verdict50": v50, "verdict99": v99, "verdicts": len(to_verdict), "late99": own["late_ms_p99"],
    }  # fmt: skip
