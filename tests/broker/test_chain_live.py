"""`aiots chain` on a real broker: the newest state of a world, and what comes after it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from aiots.__main__ import build_app
from aiots.chain import live
from aiots.config import load_config
from schemas import wire
from schemas.topics import full_name, partition_of
from streams.log.producer import LogProducer
from streams.options.contracts.clock import SECOND_NS
from tests.chain_frames import EXPIRIES, NOW_NS, chain_frame, every_name, surface

pytestmark = pytest.mark.broker
PARTITIONS = 2
FOLLOW_SECONDS_MAX = 60.0


@pytest.fixture
def here(broker: Mapping[str, str], topics: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A world's name, whose broker the command line finds."""
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", broker["bootstrap.servers"])
    monkeypatch.setenv("AIOTS_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("AIOTS_PARTITIONS", str(PARTITIONS))
    return topics(PARTITIONS)


def append(broker: Mapping[str, str], world: str, payloads: list[tuple[bytes, bytes]]) -> None:
    """Write to the partition of XYZ."""
    producer = LogProducer(broker, "test")
    for key, payload in payloads:
        producer.send(full_name(world, "features"), partition_of("XYZ", PARTITIONS), key, payload, [])
    producer.flush()


def minute(number: int) -> Iterator[tuple[bytes, bytes]]:
    """A surface, the whole chain at 1.00 and a change of its first contract to 2.50, and a neighbour's record."""
    at_ns = NOW_NS + 60 * number * SECOND_NS
    yield b"ABC", wire.encode(replace(surface(at_ns + 30 * SECOND_NS), symbol="ABC"))
    for frame in (
        surface(at_ns),
        chain_frame(at_ns, every_name(), True),
        surface(at_ns + SECOND_NS),
        chain_frame(at_ns + SECOND_NS, every_name()[:1], False, bid=2.5),
    ):
        yield b"XYZ", wire.encode(frame)


def test_the_newest_state_is_found_from_the_end(
    broker: Mapping[str, str], here: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However few records beyond the repetitions are looked at first, the chain is whole and its changes are in."""
    records = [one for number in range(5) for one in minute(number)]
    append(broker, here, [*records, *records[:5]])
    seen = set()
    for first in (6, 8, 4_096):
        monkeypatch.setattr(live, "FIRST_RECORDS", first)
        latest = live.LiveChain(load_config(world=here), "XYZ").newest(lambda done, total: None)
        assert latest.is_whole
        found = latest.contracts(EXPIRIES[0], "XYZ")
        seen.add((latest.event_ns, len(latest), found.bid.tobytes(), found.age_ms.tobytes()))
    assert len(seen) == 1
    assert seen.pop()[:2] == (NOW_NS + 241 * SECOND_NS, len(every_name()))
    shown = CliRunner().invoke(build_app(), ["chain", "xyz", "--world", here, "--expiry", "2024-01-19"])
    assert shown.exit_code == 0
    assert "2023-12-14 09:34:01 New York" in shown.stdout
    assert "2.50" in shown.stdout


def test_what_is_not_there_is_named(here: str) -> None:
    """A world without a chain of the symbol, and a world that is none."""
    none = CliRunner().invoke(build_app(), ["chain", "XYZ", "--world", here])
    assert (none.exit_code, none.stderr.count("\n")) == (1, 1)
    assert f"no chain of XYZ in {here}.features" in none.stderr
    none = CliRunner().invoke(build_app(), ["chain", "XYZ", "--world", "nowhere"])
    assert (none.exit_code, "there is no topic nowhere.features" in none.stderr) == (2, True)


def test_following_draws_what_comes_and_ends_on_ctrl_c(broker: Mapping[str, str], here: str, tmp_path: Path) -> None:
    """It waits for a chain, draws it, draws it anew when it changes, and ends with the interrupt's exit code."""
    log = tmp_path / "out"
    with log.open("wb") as out:
        command = [sys.executable, "-m", "aiots", "chain", "XYZ", "--world", here, "--expiry", "2024-01-19", "--follow"]
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, env={**os.environ, "COLUMNS": "200"})
    try:
        append(broker, here, list(minute(0)))
        wait_for(log, "09:30:01")
        append(broker, here, list(minute(1)))
        wait_for(log, "09:31:01")
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
    finally:
        process.kill()
        process.wait()


def wait_for(log: Path, text: str) -> None:
    deadline_s = time.monotonic() + FOLLOW_SECONDS_MAX
    while text not in log.read_text(errors="replace"):
        assert time.monotonic() < deadline_s, f"no {text!r} in {log.read_text(errors='replace')[-2_000:]}"
        time.sleep(0.1)
