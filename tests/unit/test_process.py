"""A process that lets others go first says so of itself, and of its group where it leads one."""

import subprocess
import sys

import pytest

UNGROUPED = "none"
"""What a process says of its group where it is in none: its text is empty for those in the system's first session."""
GROUP = f"""
from pathlib import Path
def group_nice():
    group = Path("/proc/self/autogroup")
    return ((group.read_text() if group.exists() else "").split() or ["{UNGROUPED}"])[-1]
"""
ASK = f"""
import os, sys, time
from deploy.local.process import let_others_first
{GROUP}
before = os.nice(0)
let_others_first(int(sys.argv[1]))
deadline_s = time.monotonic() + 5
while group_nice() != sys.argv[2] and time.monotonic() < deadline_s:
    time.sleep(0.01)
print(os.nice(0) - before, group_nice())
"""


def ask(nice: int, group: str, *, leads: bool) -> list[str]:
    """Return by how much a child's nice has risen, and its group's nice; waits for the group's nice to be `group`."""
    command = [sys.executable, "-c", ASK, str(nice), group]
    done = subprocess.run(command, capture_output=True, text=True, check=True, start_new_session=leads, timeout=30)
    return done.stdout.split()


def group_nice(*, leads: bool) -> str:
    """Return what a child that does nothing says of its group."""
    command = [sys.executable, "-c", f"{GROUP}\nprint(group_nice())"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, start_new_session=leads, timeout=30)
    return done.stdout.strip()


@pytest.mark.parametrize("nice", [1, 3])
def test_a_leader_lets_others_first_with_its_group(nice: int) -> None:
    """A session's leader lowers itself and, where the system has groups of sessions, its group."""
    group = UNGROUPED if group_nice(leads=True) == UNGROUPED else str(nice)
    assert ask(nice, group, leads=True) == [str(nice), group]


def test_zero_changes_nothing() -> None:
    """Who is not to wait is left as it is."""
    group = group_nice(leads=True)
    assert ask(0, group, leads=True) == ["0", group]


def test_who_does_not_lead_leaves_the_group_alone() -> None:
    """A command in somebody's shell does not slow the shell down."""
    group = group_nice(leads=False)
    assert ask(2, group, leads=False) == ["2", group]
