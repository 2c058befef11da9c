"""Calls beside the loop: results and errors come through the future, and no exit waits for a call that hangs."""

import subprocess
import sys

import pytest

from streams.runtime.threads import in_thread


def test_results_and_errors_come_through_the_future() -> None:
    """As of a call."""
    assert in_thread(divmod, 7, 2).result(10) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        in_thread(divmod, 7, 0).result(10)


def test_an_exit_does_not_wait_for_a_call_that_hangs() -> None:
    """A process whose thread stands in an endless wait ends at once all the same."""
    code = "import threading; from streams.runtime.threads import in_thread; in_thread(threading.Event().wait)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0
