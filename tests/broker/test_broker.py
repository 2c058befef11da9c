"""The embedded broker starts, stops, survives a kill, and says clearly why it cannot start."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from deploy.local.broker import BrokerError, BrokerRunningError, running_broker, start_broker
from deploy.local.jars import JarsError, fetch_jars, locked_jars

pytestmark = pytest.mark.broker


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    """A broker's data folder; what runs on it at the end is killed."""
    folder = tmp_path / "state" / "broker"
    yield folder
    if left := running_broker(folder):
        left.kill()


def aiots(tmp_path: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("AIOTS_", "KAFKA_"))}
    return subprocess.run(
        [sys.executable, "-m", "aiots", *arguments],
        env=clean | {"AIOTS_STATE_DIR": str(tmp_path / "state")} | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


def produce(bootstrap: str, topic: str, values: list[bytes]) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all"})
    for value in values:
        producer.produce(topic, value)
    assert producer.flush(20) == 0


def values_of(bootstrap: str, topic: str, count: int) -> list[bytes]:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "reader", "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic, 0, 0)])
    messages = consumer.consume(count, timeout=20)
    consumer.close()
    return [value for message in messages if (value := message.value()) is not None]


def test_topics_are_kept_over_stop_and_kill(data_dir: Path) -> None:
    """Acknowledged records are there after an orderly stop and after SIGKILL, in the same folder."""
    broker = start_broker(data_dir)
    assert broker.ready_s < 30
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    admin.create_topics([NewTopic("kept", 1)])["kept"].result()
    produce(broker.bootstrap, "kept", [b"1"])
    assert broker.stop()
    assert not broker.is_running()
    assert running_broker(data_dir) is None

    broker = start_broker(data_dir)
    produce(broker.bootstrap, "kept", [b"2"])
    broker.kill()
    assert not broker.is_running()

    broker = start_broker(data_dir, port=broker.port)  # a stale broker.json and endpoint are no obstacle
    assert values_of(broker.bootstrap, "kept", 2) == [b"1", b"2"]
    broker.kill()


def test_second_start_says_so_and_status_and_stop_agree(tmp_path: Path, data_dir: Path) -> None:
    """start, start, status, stop, status, stop: each says what is, and exits as promised."""
    first = aiots(tmp_path, "broker", "start", "--port", "0")
    assert first.returncode == 0, first.stderr
    assert "broker ready on 127.0.0.1:" in first.stdout
    second = aiots(tmp_path, "broker", "start")
    assert (second.returncode, "already running on 127.0.0.1:" in second.stdout) == (0, True)
    running = running_broker(data_dir)
    assert running is not None
    assert (data_dir / "endpoint").read_text() == f"{running.bootstrap}\n"
    with pytest.raises(BrokerRunningError):
        start_broker(data_dir)
    status = aiots(tmp_path, "broker", "status")
    assert (status.returncode, f"runs on {running.bootstrap}" in status.stdout) == (0, True)
    topics = aiots(tmp_path, "topics")
    assert (topics.returncode, "created live.market.ticks" in topics.stdout) == (0, True), topics.stderr
    assert aiots(tmp_path, "broker", "stop").stdout == "broker stopped\n"
    assert not psutil.pid_exists(running.pid)
    assert aiots(tmp_path, "broker", "status").returncode == 3
    assert aiots(tmp_path, "broker", "stop").stdout == "broker is not running\n"
    refused = aiots(tmp_path, "topics")
    assert (refused.returncode, "broker is not running" in refused.stderr) == (1, True)


def test_port_in_use_is_named(data_dir: Path) -> None:
    """The error names the port and who holds it."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(BrokerError, match=rf"port {port} is in use by .*\(pid {os.getpid()}\)"):
            start_broker(data_dir, port)
    assert running_broker(data_dir) is None


def test_folder_of_another_version_is_refused(data_dir: Path) -> None:
    """A folder that another Kafka wrote is left alone, and both versions are named."""
    data_dir.mkdir(parents=True)
    (data_dir / "VERSION").write_text(json.dumps({"kafka": "3.9.1", "cluster": "x"}))
    with pytest.raises(BrokerError, match=r"was written by Kafka 3\.9\.1, this is Kafka 4\.3"):
        start_broker(data_dir)


def test_full_disk_is_named(data_dir: Path) -> None:
    """A disk with less room than the broker needs is refused before anything is started."""
    with pytest.raises(BrokerError, match=r"the disk of .* is full: \d+ MB are free"):
        start_broker(data_dir, disk_free_mb_min=2**40)


def test_unwritable_folder_is_named(tmp_path: Path) -> None:
    """Where a file stands in place of the folder, the error names it."""
    (tmp_path / "file").write_text("")
    with pytest.raises(BrokerError, match=r"cannot write to .*file"):
        start_broker(tmp_path / "file" / "broker")


def test_no_network_at_first_start_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without jars and without a way to Maven Central, the error names the remedies."""
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    with pytest.raises(JarsError, match=r"cannot reach Maven Central.*KAFKA_BOOTSTRAP_SERVERS"):
        fetch_jars(tmp_path / "empty")


def test_a_damaged_jar_is_fetched_again(tmp_path: Path, broker: Mapping[str, str]) -> None:
    """What a killed download left is not put on the class path."""
    from deploy.local.jars import default_cache_dir

    cache = tmp_path / "cache"
    shutil.copytree(default_cache_dir(), cache)
    damaged = min(locked_jars(), key=lambda jar: jar.path(cache).stat().st_size).path(cache)
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[:-1])
    fetch_jars(cache)
    assert damaged.read_bytes() == whole


def test_outside_cluster_needs_no_broker(tmp_path: Path) -> None:
    """With KAFKA_BOOTSTRAP_SERVERS, start explains and starts nothing."""
    done = aiots(tmp_path, "broker", "start", KAFKA_BOOTSTRAP_SERVERS="kafka.example:9092")
    assert done.returncode == 0
    assert "kafka.example:9092 is used, the embedded broker is not needed" in done.stdout
    assert not (tmp_path / "state").exists()


def test_a_kill_of_the_parent_takes_the_broker_along(tmp_path: Path, data_dir: Path) -> None:
    """A broker that a program started for itself does not outlive it, even by SIGKILL."""
    if sys.platform != "linux":
        pytest.skip("the kernel's parent-death signal is Linux only")
    script = (
        "import sys, signal; from pathlib import Path; from deploy.local.broker import start_broker; "
        "print(start_broker(Path(sys.argv[1])).pid, flush=True); signal.pause()"
    )
    parent = subprocess.Popen([sys.executable, "-c", script, str(data_dir)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    broker = psutil.Process(int(parent.stdout.readline()))
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait(10)
    parent.stdout.close()
    gone, alive = psutil.wait_procs([broker], timeout=10)
    assert (len(gone), alive) == (1, [])
