"""Quix Streams and Faust doing one EMA, beside analytics doing all its work, on the same records of the same broker.

Each peer runs in an environment of its own, made once below the cache folder with what peers/requirements.txt pins. On
one record a tick they read JSON (their own serializers' way); on frames their app decodes ours with fastavro.
"""

import json
import os
import subprocess
import venv
from pathlib import Path

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from bench.analytics import fold_topic, write
from bench.cluster import BenchError, Cluster
from bench.context import Context, cache_folder
from bench.recording import FRAMES, SYMBOL, Day, Repeated, recorded_days
from connectors.sources.frames import FrameRule
from connectors.sources.sessions import SECOND_NS
from schemas.ids import HISTORY, LOCK, SCHEMA_IDS
from streams.log.producer import producer_settings

SECTION = "peers"
HERE = Path(__file__).parent / "peer_apps"
RECORDS = {"quix": {"ticks": 200_000, "frames": 60_000}, "faust": {"ticks": 50_000, "frames": 15_000}}
NAMES = {"quix": "Quix Streams", "faust": "Faust"}
SECONDS_MAX = 300
JSON_TOPIC = "peer-ticks"


def environment(context: Context, name: str = "peers", requirements: str = "requirements.txt") -> Path:
    """Return the python of these peers' environment, made when absent; BenchError where pip fails."""
    folder = cache_folder() / name
    python, stamp = folder / "bin" / "python", folder / "installed"
    wanted = (HERE / requirements).read_text()
    if not stamp.is_file() or stamp.read_text() != wanted:
        context.say(f"{name}: installing {', '.join(wanted.split())} (once)")
        venv.create(folder, with_pip=True, clear=True)
        command = [str(python), "-m", "pip", "install", "-q", "-r", str(HERE / requirements)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
        if done.returncode:
            raise BenchError(f"cannot install the peers: {done.stderr[-1_000:]}")
        stamp.write_text(wanted)
    return python


def run(context: Context) -> None:
    """Measure peers and ours on the same topics."""
    python = environment(context)
    with context.cluster(SECTION) as cluster:
        what, days = recorded_days(context.data)
        context.note(f"peers: {what}; ours does bars and 12 indicators with ids and checkpoints, theirs one EMA")
        frames = write(
            context, cluster, "peers", Repeated(days, context.size(6_000_000, 300_000), FRAMES), "second_rows = 60"
        )
        one = Repeated(days, context.size(400_000, 50_000), FrameRule(1, SECOND_NS))
        singles = write(context, cluster, "singles", one, "second_rows = 60")
        count = write_json(context, cluster, days)
        ours = {"frames": fold_topic(context, frames), "ticks": fold_topic(context, singles)}
        topics = {"frames": frames, "ticks": singles}
        rates = {
            kind: (topics[kind].records / one_run.seconds, topics[kind].ticks / one_run.seconds)
            for kind, one_run in ours.items()
        }
        for kind, (records_s, ticks_s) in rates.items():
            text = "one record a tick" if kind == "ticks" else "frames of 64"
            context.figure(SECTION, f"ours, {text}", ticks_s, "ticks/s", note=f"{records_s:,.0f} records/s")
        for peer, sizes in RECORDS.items():
            for kind in ("ticks", "frames"):
                full = JSON_TOPIC if kind == "ticks" else frames.world.full("market.ticks")
                held = count if kind == "ticks" else frames.records
                wanted = min(context.size(sizes[kind], sizes[kind] // 10), held - 100)
                found = peer_rate(context, python, cluster, peer, kind, full, wanted)
                text = "one record a tick, JSON" if kind == "ticks" else "our frames of 64, by fastavro"
                ratio = rates[kind][1] / found["ticks_s"]
                context.figure(
                    SECTION, f"{NAMES[peer]}, {text}", found["ticks_s"], "ticks/s", ratio=ratio, peer="ours / theirs",
                    note=f"one EMA; {found['records_s']:,.0f} records/s over {wanted:,} records",
                )  # fmt: skip


def write_json(context: Context, cluster: Cluster, days: list[Day]) -> int:
    """Write one JSON record a tick; return how many."""
    admin = AdminClient(dict(cluster.kafka))  # it must live until its future has its result
    for future in admin.create_topics([NewTopic(JSON_TOPIC, 1)]).values():
        future.result()
    producer = Producer(producer_settings(cluster.kafka, "bench-json"))
    count = context.size(RECORDS["quix"]["ticks"] + 1_000, 21_000)
    ticks = days[0].ticks
    for time_ns, price, size in zip(
        ticks.event_ns[:count].tolist(), ticks.price[:count].tolist(), ticks.size[:count].tolist(), strict=True
    ):
        text = json.dumps({"symbol": SYMBOL, "event_ns": time_ns, "price": price, "size": size})
        while True:
            try:
                producer.produce(JSON_TOPIC, text, SYMBOL, partition=0)
                break
            except BufferError:
                producer.poll(0.05)
    producer.flush()
    return count


def peer_rate(
    context: Context, python: Path, cluster: Cluster, peer: str, kind: str, topic: str, count: int
) -> dict[str, float]:
    """Run a peer's app over so many records; return its records/s and ticks/s, from its first record to its last."""
    context.say(f"{SECTION}: {NAMES[peer]} on {count:,} {kind}")
    version = next(name for name, of in LOCK.items() if of == SCHEMA_IDS["TickFrame"])
    folder = context.folder / f"{peer}-{kind}"
    folder.mkdir()
    command = [
        str(python), str(HERE / f"{peer}_app.py"), cluster.broker.bootstrap, topic, str(count), kind,
        str(HISTORY / f"{version}.avsc"), str(folder),
    ]  # fmt: skip
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=SECONDS_MAX, check=False, env=env, cwd=folder
        )
    except subprocess.TimeoutExpired as error:
        raise BenchError(f"{NAMES[peer]} did not read {count:,} records in {SECONDS_MAX} s") from error
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if not lines:
        raise BenchError(f"{NAMES[peer]} gave no figures: {(done.stdout + done.stderr)[-2_000:]}")
    found = json.loads(lines[-1])
    return {"records_s": found["records"] / found["seconds"], "ticks_s": found["ticks"] / found["seconds"]}
