"""The examples in examples/, as a stranger runs them, against a real broker: each prints every signal, once."""

import asyncio
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import venv
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from schemas import wire
from tests.gateway_rig import Writer, gateway_on, signal

pytestmark = pytest.mark.broker
ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
COUNT = 20
WAIT_S = 60.0


@contextmanager
def running(
    *command: str | Path, kafka: Mapping[str, str], **environ: str
) -> Iterator[Callable[[Callable[[list[str]], bool]], list[str]]]:
    """Run a command; yield a function that waits until its lines are as wanted, and returns them."""
    process = subprocess.Popen(
        [str(part) for part in command],
        env=os.environ | {"KAFKA_BOOTSTRAP_SERVERS": kafka["bootstrap.servers"], "PYTHONUNBUFFERED": "1"} | environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    lines: list[str] = []
    changed, ended = threading.Condition(), threading.Event()

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            with changed:
                lines.append(line.strip())
                changed.notify_all()
        with changed:
            ended.set()
            changed.notify_all()

    def lines_when(wanted: Callable[[list[str]], bool]) -> list[str]:
        with changed:
            changed.wait_for(lambda: wanted(lines) or ended.is_set(), WAIT_S)
            assert wanted(lines), "\n".join(lines)
            return list(lines)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield lines_when
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        reader.join()
        assert process.stdout is not None
        process.stdout.close()


def write_with_a_duplicate(kafka: Mapping[str, str], world: str, count: int = COUNT) -> None:
    """Append signals, each of the first three twice, as after a crash."""
    writer = Writer(kafka, world)
    for number in range(count):
        partition, record_id = writer.send("signals", signal(number), "SPY")
        if number < 3:
            writer.send_as("signals", partition, wire.encode(signal(number)), "SPY", record_id, None)
    writer.flush()


def ids_of(lines: list[str]) -> list[str]:
    """Return the ids of the signals printed, of lines with `DIRECTION STRATEGY ID`."""
    found = (re.search(r"(?:LONG|SHORT) \w+ ([0-9a-f]{16})", line) for line in lines)
    return [one.group(1) for one in found if one]


WANTED = [signal(number).id for number in range(COUNT)]


def test_the_subscriber_prints_each_signal_once(broker: Mapping[str, str], topics: Callable[..., str]) -> None:
    """examples/subscriber.py drops what stands twice in the log, and goes on where its group ended."""
    world = topics()
    write_with_a_duplicate(broker, world)

    def run(count: int) -> list[str]:
        """Run it until it has printed so many, and has left the group in good order."""
        command = [sys.executable, str(EXAMPLES / "subscriber.py"), "--world", world, "--group", f"{world}-g"]
        ended = subprocess.run(
            [*command, "--count", str(count)],
            env=os.environ | {"KAFKA_BOOTSTRAP_SERVERS": broker["bootstrap.servers"]},
            capture_output=True,
            text=True,
            timeout=WAIT_S,
        )
        assert ended.returncode == 0, ended.stderr
        return ids_of(ended.stdout.splitlines())

    assert run(COUNT) == WANTED
    Writer(broker, world, origin="later").signals(COUNT, 1, ("SPY",))
    assert run(1) == [signal(COUNT).id]


def test_kcat_prints_key_offset_and_id(broker: Mapping[str, str], topics: Callable[..., str]) -> None:
    """examples/kcat.sh needs nothing of ours to show what stands in the log."""
    if shutil.which("kcat") is None:
        pytest.skip("no kcat: apt-get install kcat")
    world = topics()
    write_with_a_duplicate(broker, world)
    with running(EXAMPLES / "kcat.sh", world, kafka=broker, KCAT_OPTIONS="-e") as lines_when:
        lines = lines_when(lambda lines: len(lines) >= COUNT + 3)
    partition = lines[0].split()[1]
    assert lines[0] == f"key=SPY {partition} offset=0 id=rig/{partition[-1]}:1.0"
    assert lines[1] == f"key=SPY {partition} offset=1 id=rig/{partition[-1]}:1.0"
    assert len(lines) == COUNT + 3


def test_the_websocket_client_follows_and_comes_back(broker: Mapping[str, str], topics: Callable[..., str]) -> None:
    """examples/websocket_client.py prints each signal once, also when the gateway is stopped and started between."""
    world = topics()

    async def scenario() -> None:
        writer = Writer(broker, world)
        async with gateway_on(broker, world) as gateway:
            port = gateway.port
            client = running(
                sys.executable, EXAMPLES / "websocket_client.py", "--url", gateway.url, "--symbol", "SPY", kafka=broker
            )
            lines_when = await asyncio.to_thread(client.__enter__)
            try:
                await asyncio.to_thread(lines_when, lambda lines: "subscribed" in lines)
                await asyncio.to_thread(writer.signals, 0, 10, ("SPY",))
                await asyncio.to_thread(lines_when, lambda lines: len(ids_of(lines)) == 10)
                gateway.stop()
                await asyncio.to_thread(writer.signals, 10, 5, ("SPY",))
                await asyncio.to_thread(writer.signals, 100, 5, ("IBM",))
                await gateway._stopped.wait()
                async with gateway_on(broker, world, port=port):
                    await asyncio.to_thread(writer.signals, 15, 5, ("SPY",))
                    lines = await asyncio.to_thread(lines_when, lambda lines: len(ids_of(lines)) >= COUNT)
                    assert ids_of(lines) == WANTED
            finally:
                await asyncio.to_thread(client.__exit__, None, None, None)

    asyncio.run(scenario())


@pytest.fixture(scope="session")
def faust_python() -> Path:
    """The Python of an environment with examples/requirements-faust.txt, made once a machine and requirements file."""
    requirements = EXAMPLES / "requirements-faust.txt"
    digest = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()[:12]
    folder = Path(tempfile.gettempdir()) / f"aiots-faust-{os.getuid()}-{digest}"
    python = folder / "bin" / "python"
    if not (folder / "complete").exists():
        venv.create(folder, with_pip=True, clear=True)
        installed = subprocess.run(
            [python, "-m", "pip", "install", "-q", "-r", requirements], capture_output=True, text=True, timeout=300
        )
        if installed.returncode != 0:
            pytest.skip(f"pip could not install {requirements.name}: {installed.stderr.strip()[-300:]}")
        (folder / "complete").touch()
    return python


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_the_faust_agent_sees_typed_signals(
    broker: Mapping[str, str], topics: Callable[..., str], faust_python: Path, tmp_path: Path
) -> None:
    """examples/faust_agent.py decodes our wire format into typed signals and drops what stands twice."""
    world = topics()
    write_with_a_duplicate(broker, world)
    command = (
        faust_python,
        EXAMPLES / "faust_agent.py",
        "--datadir",
        tmp_path,
        "worker",
        "-l",
        "warn",
        "--without-web",
    )
    with running(*command, kafka=broker, AIOTS_WORLD=world) as lines_when:
        assert ids_of(lines_when(lambda lines: len(ids_of(lines)) >= COUNT)) == WANTED
        Writer(broker, world, origin="later").signals(COUNT, 1, ("SPY",))
        lines = lines_when(lambda lines: len(ids_of(lines)) > COUNT)
        assert ids_of(lines)[-1] == signal(COUNT).id
        assert lines[-1].endswith(f" {COUNT + 1}")
