"""After SIGKILL: a process that is restarted in its slot, and a slot that never returns, under load.

Time runs from the signal to the append (LogAppendTime) of the first new output in each partition that the process had.
"""

import re
import sys
import time

from bench.cluster import Process, World, until
from bench.context import Context
from bench.figures import below
from bench.latency import PARTITIONS, SETTINGS, follow
from bench.sender import Schedule

SECTION = "recovery"
RESTART_SECONDS_MAX = 5.0
TAKEOVER_SECONDS_MAX = 12.0
RATE = 500
LOAD_SECONDS = 60
STAGE = "analytics"
CONSUME_SECONDS_MAX = 40.0
SETTLED_SECONDS = 0.5


def run(context: Context) -> None:
    """Measure both, each so many rounds, and report the slowest."""
    rounds = context.rounds
    restarts, takeovers = [], []
    with context.cluster(SECTION) as cluster:
        for number in range(rounds):
            world = cluster.world(f"restart{number}", PARTITIONS, SETTINGS)
            process = world.stage(STAGE)
            until("all tasks to run", lambda one=process: running(one) == PARTITIONS, 120.0, 0.1)  # type: ignore[misc]
            with_load(world)
            restarts.append(killed(context, world, process, list(range(PARTITIONS)), restart=True))
        for number in range(rounds):
            world = cluster.world(f"takeover{number}", PARTITIONS, SETTINGS)
            pair = [world.stage(STAGE, slot) for slot in range(2)]
            until("all tasks to run", lambda both=pair: spread(both), 120.0, 0.1)  # type: ignore[misc]
            with_load(world)
            takeovers.append(killed(context, world, pair[1], partitions_of(pair[1]), restart=False))
    note = f"{RATE} frames/s over {PARTITIONS} partitions; slowest of {rounds} kills: "
    each = ", ".join(f"{value:.1f}" for value in restarts)
    context.add(
        below(SECTION, "SIGKILL -> restarted in its slot, live", max(restarts), "s", RESTART_SECONDS_MAX,
              note=f"{note}{each} s; started again at once, interpreter and kernels included")
    )  # fmt: skip
    each = ", ".join(f"{value:.1f}" for value in takeovers)
    context.add(
        below(SECTION, "SIGKILL, never back -> taken over, live", max(takeovers), "s", TAKEOVER_SECONDS_MAX,
              note=f"{note}{each} s; session time-out 6 s included")
    )  # fmt: skip


def with_load(world: World) -> Process:
    """Start a sender, and return it when features come in every partition."""
    bootstrap = world.cluster.broker.bootstrap
    schedule = Schedule(bootstrap, world.name, world.partitions, "load", 0, RATE, LOAD_SECONDS, True)
    sender = world.cluster.start(
        f"{world.name}-sender", [sys.executable, "-m", "bench.sender", schedule.text()], world.env
    )
    sender.wait_for("first")
    until("features", lambda: all(world.end("features", p) > 100 for p in range(world.partitions)), 30.0, 0.1)
    return sender


def running(process: Process) -> int:
    """Return how many tasks of a process run."""
    process.check()
    return len(partitions_of(process))


def partitions_of(process: Process) -> list[int]:
    """Return the partitions whose tasks this process runs."""
    tasks = process.health().get("tasks", {})
    return [int(re.split("/", name)[-1]) for name, task in tasks.items() if task["state"] == "running"]


def spread(pair: list[Process]) -> bool:
    """Return whether two processes share all partitions."""
    counts = [running(one) for one in pair]
    return min(counts) > 0 and sum(counts) == PARTITIONS


def killed(context: Context, world: World, process: Process, partitions: list[int], *, restart: bool) -> float:
    """Kill a process; return seconds until each of these partitions has a new output."""
    time.sleep(1.0)  # under load for a while, as the goal says
    consumer = follow(world, ("features",))
    killed_s = time.time()
    process.kill()
    if restart:
        world.stage(STAGE, int(process.name.rpartition("-")[2]))
    live: dict[int, float] = {}
    deadline_s = killed_s + CONSUME_SECONDS_MAX
    while len(live) < len(partitions) and time.time() < deadline_s:
        message = consumer.poll(0.05)
        if message is None or message.partition() not in partitions:
            continue
        append_s = message.timestamp()[1] / 1000
        # What was on its way to the broker when its sender died may be appended a moment later: that is no life.
        if append_s > killed_s + SETTLED_SECONDS:
            live.setdefault(message.partition() or 0, append_s - killed_s)
    consumer.close()
    if len(live) < len(partitions):
        return float("inf")
    slowest = max(live.values())
    context.say(f"{SECTION}: {'restart' if restart else 'take-over'} of {len(partitions)} partitions {slowest:.2f} s")
    for one in world.cluster.processes:
        if one.name.startswith(world.name) and one.child.poll() is None:
            one.kill()
    return slowest
