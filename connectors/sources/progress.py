"""Show how an ingest goes: a bar on a terminal, a line every few seconds elsewhere."""

import sys
import time
from datetime import UTC, datetime
from types import TracebackType

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from connectors.sources.writer import Progress as State

LINE_EVERY_SECONDS = 5.0


class Display:
    """Called with the writer's progress; use as a context manager."""

    def __init__(self, quiet: bool = False) -> None:
        self._bar = None
        self._next_s = time.monotonic() + LINE_EVERY_SECONDS
        if sys.stderr.isatty() and not quiet:
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.fields[note]}"),
                TimeElapsedColumn(),
            )
            from rich.console import Console

            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self._task = self._bar.add_task("starting", total=1.0, note="")
        self._quiet = quiet

    def __enter__(self) -> "Display":
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()

    def __call__(self, state: State) -> None:
        """Show a state."""
        if self._bar:
            self._bar.update(self._task, completed=fraction(state), description=_when(state), note=_note(state))
        elif not self._quiet and time.monotonic() >= self._next_s:
            self._next_s = time.monotonic() + LINE_EVERY_SECONDS
            print(f"ingest {state.source.name}: {_when(state)}  {_note(state)}", file=sys.stderr, flush=True)


def fraction(state: State) -> float:
    """Return how much of the source is done, 0 to 1: by rows where their number is known, else by event time."""
    total = state.source.rows_total
    if total:
        return min(1.0, (state.rows + state.skipped_rows) / total)
    first_ns, last_ns = state.source.first_ns, state.source.last_ns
    return min(1.0, max(0.0, (state.event_ns - first_ns) / max(1, last_ns - first_ns)))


def seconds_left(state: State) -> float | None:
    """Return about how long it will take yet, None where nothing can be said."""
    done = fraction(state)
    skipped = state.skipped_rows / state.source.rows_total if state.source.rows_total else 0.0
    if done - skipped <= 0.001:
        return None
    return state.seconds * (1.0 - done) / (done - skipped)


def _when(state: State) -> str:
    return f"{datetime.fromtimestamp(state.event_ns / 1e9, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _note(state: State) -> str:
    left = seconds_left(state)
    rate = state.rows / state.seconds if state.seconds > 0 else 0.0
    parts = [f"{fraction(state):.0%}", f"{state.rows:,} rows", f"{rate:,.0f} rows/s"]
    if state.rows == 0 and state.skipped_records:
        parts = [f"{state.skipped_records:,} records are in the log already"]
    if left is not None:
        parts.append(f"{left:,.0f} s left")
    if state.waiting_for:
        parts.append(f"waiting: {state.waiting_for}")
    if rejected := state.source.rejects.total():
        parts.append(f"{rejected:,} rejected")
    return ", ".join(parts)
