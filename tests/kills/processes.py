"""The pipeline's processes as a test holds them: started, killed, frozen, replaced; their output kept."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from aiots.stage import stage_command

STAGES = ("analytics", "signals", "router", "sizing", "risk", "venue")


@dataclass
class Running:
    """One process and where its output goes."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    started_s: float


@dataclass
class Pipeline:
    """The processes of one world. slots: processes of each stage."""

    world: str
    folder: Path
    environment: Mapping[str, str]
    checkpoint_seconds: float = 0.5
    running: dict[str, Running] = field(default_factory=dict)
    zombies: list[Running] = field(default_factory=list)
    starts: int = 0

    def start(self, name: str, *arguments: str) -> Running:
        """Start `aiots ...` under a name; its output goes to a file of its own."""
        return self._spawn(name, (sys.executable, "-m", "aiots", *arguments))

    def _spawn(self, name: str, command: Sequence[str]) -> Running:
        self.starts += 1
        log = self.folder / f"{name}-{self.starts}.log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                command, stdout=out, stderr=subprocess.STDOUT, env={**os.environ, **self.environment}, cwd=self.folder
            )
        running = Running(name, process, log, time.monotonic())
        self.running[name] = running
        return running

    def start_stage(self, stage: str, slot: int = 0) -> Running:
        """Start one process of a stage."""
        command = stage_command(stage, slot, checkpoint_seconds=self.checkpoint_seconds)
        return self._spawn(f"{stage}-{slot}", command)

    def kill(self, name: str) -> None:
        """SIGKILL, and wait until it is gone."""
        running = self.running.pop(name)
        running.process.kill()
        running.process.wait(30)

    def freeze(self, name: str) -> Running:
        """Stop a process where it stands, as a long pause would; it is a zombie until thaw()."""
        running = self.running.pop(name)
        running.process.send_signal(signal.SIGSTOP)
        self.zombies.append(running)
        return running

    def thaw(self, running: Running) -> None:
        """Let a zombie go on, beside the process that has taken its place."""
        running.process.send_signal(signal.SIGCONT)

    def bury(self, running: Running, seconds: float) -> None:
        """Kill a zombie that has not ended by itself after so long."""
        try:
            running.process.wait(seconds)
        except subprocess.TimeoutExpired:
            running.process.kill()
            running.process.wait(30)
        self.zombies.remove(running)

    def end(self, name: str, seconds: float = 60.0) -> int:
        """SIGTERM, and wait for the exit code."""
        running = self.running[name]
        running.process.terminate()
        try:
            code = running.process.wait(seconds)
        except subprocess.TimeoutExpired:
            running.process.send_signal(signal.SIGUSR1)  # it prints where its threads stand
            time.sleep(1.0)
            raise AssertionError(f"{name} does not end:\n{running.log.read_text(errors='replace')[-6000:]}") from None
        del self.running[name]
        return code

    def kill_all(self) -> None:
        """Leave nothing running."""
        for running in [*self.running.values(), *self.zombies]:
            running.process.kill()
            running.process.wait(30)
        self.running.clear()
        self.zombies.clear()

    def said(self, text: str) -> list[str]:
        """Return the lines of all logs that hold a text."""
        lines = []
        for path in sorted(self.folder.glob("*.log")):
            lines += [f"{path.stem}: {line}" for line in path.read_text(errors="replace").splitlines() if text in line]
        return lines


def wait_until(condition: Callable[[], bool], seconds: float, what: str, every_s: float = 0.05) -> None:
    """Return when a condition holds; AssertionError, naming it, when it does not within `seconds`."""
    deadline_s = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline_s:
            raise AssertionError(f"waited {seconds:.0f} s in vain: {what}")
        time.sleep(every_s)
