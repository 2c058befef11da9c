"""Kafka's own consumer-perf-test, from the jar of Kafka's tools: how fast Java reads the same records."""

import hashlib
import os
import subprocess
from pathlib import Path

from bench.cluster import BenchError
from deploy.local.jars import default_cache_dir, fetch_jars, kafka_version
from deploy.local.java import find_java

TOOLS_SHA256 = "62f3c5dd7aa3442d4c5bc6a95f86e2502178ea09de8e27f74d9563bf955e253c"
SECONDS_MAX = 300


def tools_jar() -> Path:
    """Return the jar org.apache.kafka:kafka-tools of the broker's version, fetched once; BenchError where it cannot."""
    from jgo.maven import MavenContext

    context = MavenContext(repo_cache=default_cache_dir(), timeout=30)
    artifact = context.project("org.apache.kafka", "kafka-tools").at_version(kafka_version()).artifact()
    try:
        path = Path(artifact.resolve())
    except Exception as error:  # jgo and requests raise many kinds
        raise BenchError(f"cannot fetch Kafka's tools from Maven Central: {error}") from error
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != TOOLS_SHA256:
        raise BenchError(f"{path.name} is not the pinned file: sha256 {found}")
    return path


def consumer_perf(bootstrap: str, topic: str, records: int, folder: Path) -> float:
    """Return the records a second that ConsumerPerformance reads, the time of joining its group left out."""
    jars = [tools_jar(), *fetch_jars(default_cache_dir())]
    properties = folder / "perf.properties"
    properties.write_text("check.crcs=true\nauto.offset.reset=earliest\n")
    command = [
        str(find_java()), "-Xmx512m", "-cp", os.pathsep.join(map(str, jars)),
        "org.apache.kafka.tools.ConsumerPerformance", "--bootstrap-server", bootstrap, "--topic", topic,
        "--num-records", str(records), "--command-config", str(properties), "--timeout", "60000",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS_MAX, check=False)
    rows = [line.split(",") for line in done.stdout.splitlines() if line.count(",") >= 9]
    if len(rows) < 2:
        raise BenchError(f"consumer-perf-test gave no figures: {(done.stdout + done.stderr)[-1_000:]}")
    row = {name.strip(): value.strip() for name, value in zip(rows[0], rows[-1], strict=True)}
    if int(row["data.consumed.in.nMsg"]) < records:
        raise BenchError(f"consumer-perf-test read {row['data.consumed.in.nMsg']} of {records} records")
    return float(row["fetch.nMsg.sec"])
