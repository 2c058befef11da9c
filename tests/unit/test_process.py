"""A process that lets others go first says so of itself, and of its group where it leads one."""

import subprocess
import sys
from pathlib import Path

import pytest

ASK = """
import os, sys, time
from pathlib import Path
from deploy.local.process import let_others_first
before = os.nice(0)
let_others_first(int(sys.argv[1]))
group = Path("/proc/self/autogroup")
deadline_s = time.monotonic() + 5
while sys.argv[2] and not group.read_text().endswith(f"nice {sys.argv[2]}\\n") and time.monotonic() < deadline_s:
    time.sleep(0.01)
print(os.nice(0) - before, group.read_text().split()[-1] if group.exists() else sys.argv[2])
"""
GROUPED = Path("/proc/self/autogroup").exists()


def ask(nice: int, group: str, *, leads: bool) -> list[str]:
    """Return by how much a child's nice has risen, and its group's nice; waits for the group to be `group`."""
    command = [sys.executable, "-c", ASK, str(nice), group]
    done = subprocess.run(command, capture_output=True, text=True, check=True, start_new_session=leads, timeout=30)
    return done.stdout.split()


@pytest.mark.parametrize("nice", [1, 3])
def test_a_leader_lets_others_first_with_its_group(nice: int) -> None:
    """A session's leader lowers itself and its group."""
    assert ask(nice, str(nice) if GROUPED else "", leads=True)[:1] == [str(nice)]
    assert not GROUPED or ask(nice, str(nice), leads=True) == [str(nice), str(nice)]


def test_zero_changes_nothing() -> None:
    """Who is not to wait is left as it is."""
    assert ask(0, "", leads=True)[0] == "0"


@pytest.mark.skipif(not GROUPED, reason="this system has no groups of sessions")
def test_who_does_not_lead_leaves_the_group_alone() -> None:
    """A command in somebody's shell does not slow the shell down."""
    before = Path("/proc/self/autogroup").read_text().split()[-1]
    assert ask(2, "", leads=False) == ["2", before]
