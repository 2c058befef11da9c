"""Ctrl-C and SIGTERM for commands that read or write the log.

Python raises KeyboardInterrupt wherever it stands, also within confluent-kafka's C code, which then fails with an error
of its own (seen: a TypeError of a header that was sound) or forgets it (seen: a reader that went on for ever). So a
signal is only noted, and the command's loop asks.
"""

import signal
from types import FrameType, TracebackType
from typing import Any


class Interrupt:
    """Note the first signal until check() is called; the second one interrupts at once. Use as a context manager."""

    def __init__(self) -> None:
        self._noted = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "Interrupt":
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def check(self) -> None:
        """Raise KeyboardInterrupt where a signal has come."""
        if self._noted:
            raise KeyboardInterrupt

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._noted:
            raise KeyboardInterrupt
        self._noted = True
