"""Threads beside a stage's loop that nobody waits for when the process ends.

An executor of concurrent.futures joins its threads at exit; one that stands in a call to a broker that does not answer
would keep a process alive for minutes after it was told to end. Start is recovery, so nothing is lost with them.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def in_thread(call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> Future[R]:
    """Run a call on a daemon thread of its own; return the future of its result or error."""
    future: Future[R] = Future()

    def run() -> None:
        if not future.set_running_or_notify_cancel():
            return
        try:
            future.set_result(call(*args, **kwargs))
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, name=getattr(call, "__name__", "call"), daemon=True).start()
    return future
