"""`aiots chain SYMBOL`: an option chain, its forwards and its surface, on the terminal, as PNG, in bulk as Parquet."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import date
from datetime import time as time_of_day
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from aiots.config import Config, load_config
from aiots.console import WorldOption, fail
from aiots.interrupt import Interrupt

if TYPE_CHECKING:
    from rich.console import Console, Group

    from aiots.chain.latest import Latest
    from aiots.chain.live import LiveChain
    from aiots.chain.recorded import Report

WIDTH = 190
"""Columns where the output is no terminal."""
SECOND = 1.0
DAY_END = time_of_day(23, 59, 59)


class Wanted(NamedTuple):
    """What is asked for. through_ns: the last instant that counts, None: all. expiry: whose contracts are shown."""

    symbol: str
    day: date | None
    through_ns: int | None
    expiry: date | None
    strikes: int
    plot: bool
    png: Path | None
    export: Path | None
    quiet: bool


def register(app: typer.Typer) -> None:
    """Add `aiots chain`."""
    app.command()(chain)


def chain(
    symbol: Annotated[str, typer.Argument(help="The underlying, e.g. GOOG or SPX.")],
    expiry: Annotated[str | None, typer.Option(help="Show this expiry's contracts too, YYYY-MM-DD.")] = None,
    strikes: Annotated[int, typer.Option(min=1, help="At most so many strikes on each side of the forward.")] = 12,
    plot: Annotated[bool, typer.Option("--plot", help="With smiles: every expiry's, or --expiry's.")] = False,
    follow: Annotated[bool, typer.Option("--follow", help="Redraw what changes, once a second, until Ctrl-C.")] = False,
    png: Annotated[Path | None, typer.Option(help="Write a picture: smiles, term structure, densities.")] = None,
    export: Annotated[Path | None, typer.Option(help="Write every row of every ChainFrame as Parquet.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file of --export.")] = False,
    data: Annotated[list[Path] | None, typer.Option(help="Not live: LEAN's data folder; may be given again.")] = None,
    recording: Annotated[
        Path | None, typer.Option(help="Not live: file of `aiots topic export features` (or market.ticks).")
    ] = None,
    day: Annotated[str | None, typer.Option(help="Day in New York, YYYY-MM-DD; needed with --data.")] = None,
    at: Annotated[str | None, typer.Option(help="As of HH:MM[:SS] of the day; default: its end.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress.")] = False,
    world: WorldOption = None,
) -> None:
    """Show an option chain: each expiry's forward, borrow, volatility, fit and margins of arbitrage; its contracts.

    \b
    Live, the newest of a world:  aiots chain GOOG
                                  aiots chain GOOG --expiry 2015-12-24 --follow
    A day of LEAN's files:        aiots chain GOOG --data FOLDER --day 2015-12-23 --at 12:00 --png goog.png
    A recording:                  aiots topic export features f.parquet; aiots chain GOOG --recording f.parquet
    A day in bulk:                aiots chain GOOG --data FOLDER --day 2015-12-23 --export goog.parquet

    LEAN's files are folded in memory by the analytics that run live, with the rates of [rates] in the config. Forwards
    come from put-call parity; volatility is Black's on the forward, in per cent; skew is its slope by log(strike), rr
    the 25-delta call's less the put's, move the straddle over the forward, rms and worst the fit's residuals in points.
    butterfly and calendar are the least margins to arbitrage, >= 0: none. edge is what dealing at the quote gains over
    the surface's value. docs/chain.md explains every column.
    """
    config = load_config(world=world)
    wanted = _wanted(symbol, day, at, expiry, strikes, plot, png, export, quiet)
    if follow and (data or recording or day or png or export):
        fail("--follow is for the live terminal view: not with --data, --recording, --day, --png or --export", 2)
    if data and recording:
        fail("--data or --recording, not both", 2)
    if data and wanted.day is None:
        fail("--data needs --day YYYY-MM-DD", 2)
    _check_files(png, export, force)
    if data or recording:
        with _faults(config):
            latest = _played(config, wanted, data or [], recording)
        _show(latest, wanted)
        return
    _live(config, wanted, follow)


def _wanted(
    symbol: str, day: str | None, at: str | None, expiry: str | None, strikes: int, plot: bool, png: Path | None,
    export: Path | None, quiet: bool,
) -> Wanted:  # fmt: skip
    from streams.options.contracts.clock import new_york_ns

    that_day, through_ns = None if day is None else _date("--day", day), None
    if at is not None and that_day is None:
        fail("--at needs --day YYYY-MM-DD", 2)
    if that_day is not None:
        try:
            through_ns = new_york_ns(that_day, DAY_END if at is None else time_of_day.fromisoformat(at))
        except ValueError as error:
            fail(f"--at: expected HH:MM from 02:00 on, was {at!r} ({error})", 2)
    return Wanted(
        symbol.upper(), that_day, through_ns, None if expiry is None else _date("--expiry", expiry), strikes, plot, png,
        export, quiet,
    )  # fmt: skip


def _date(option: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        fail(f"{option}: expected YYYY-MM-DD, was {text!r}", 2)


def _check_files(png: Path | None, export: Path | None, force: bool) -> None:
    for path in (png, export):
        if path is not None and not path.absolute().parent.is_dir():
            fail(f"there is no folder {path.parent}", 2)
    if export is not None and export.exists() and not force:
        fail(f"{export} exists; --force overwrites it", 2)
    if png is not None:
        try:
            import matplotlib  # noqa: F401 - said before a day is played, not after it
        except ModuleNotFoundError:
            fail("--png needs matplotlib: make install", 2)


@contextmanager
def _faults(config: Config) -> Iterator[None]:
    """Turn what ends the command into one line and an exit code."""
    from aiots.chain.recorded import FaultyFoldError, NoChainDataError
    from aiots.topic_reading import broker_errors
    from connectors.sources.recording import RecordingError
    from streams.runtime.options import ParameterError

    try:
        with broker_errors(config):
            yield
    except (NoChainDataError, RecordingError, ParameterError) as error:
        fail(str(error), 2)
    except FaultyFoldError as error:
        fail(str(error))


# ---- recordings ------------------------------------------------------------------------------------------------------


def _played(config: Config, wanted: Wanted, folders: list[Path], file: Path | None) -> "Latest":
    """Play a recording up to the wanted instant, exporting where that is wanted; return its last state."""
    from aiots.chain.recorded import open_day, play_lean, play_recording
    from connectors.sources.recording import Recording

    with Interrupt() as interrupt, _bar("chain", wanted, interrupt) as report:
        if file is not None:
            source = Recording(file)
            latest = _taken(play_recording(config, source, wanted.symbol, report), wanted)
            if latest.surface is None:
                fail(f"no chain of {wanted.symbol} in {file} ({source.topic})")
            return latest
        assert wanted.day is not None
        lean = open_day(folders, wanted.symbol, wanted.day)
        latest = _taken(play_lean(config, lean, wanted.through_ns, report), wanted)
        if latest.surface is None:
            fail(f"no chain of {wanted.symbol} on {wanted.day} up to then: no option has been quoted or traded yet")
        return latest


def _taken(payloads: Iterator[bytes], wanted: Wanted) -> "Latest":
    """Merge records, and export those of the wanted time."""
    from aiots.chain.latest import Latest
    from schemas.records import ChainFrame
    from streams.options.contracts.clock import new_york_day

    latest = Latest(wanted.symbol, wanted.through_ns)
    if wanted.export is None:
        for payload in payloads:
            latest.take(payload)
        return latest
    from aiots.chain.bulk import ChainWriter

    with ChainWriter(wanted.export) as writer:
        for payload in payloads:
            record = latest.take(payload)
            if isinstance(record, ChainFrame) and wanted.day in (None, new_york_day(record.event_ns)):
                writer.add(record)
        if not writer.rows:
            fail(f"no chain of {wanted.symbol}{f' on {wanted.day}' if wanted.day else ''}: nothing to export")
    size_mb = wanted.export.stat().st_size / 1e6
    typer.echo(f"{writer.rows:,} rows to {wanted.export} ({size_mb:,.1f} MB)", err=True)
    return latest


# ---- a world's topic -------------------------------------------------------------------------------------------------


def _live(config: Config, wanted: Wanted, follow: bool) -> None:
    from aiots.chain.live import LiveChain

    with _faults(config), Interrupt() as interrupt:
        source = LiveChain(config, wanted.symbol)
        with _bar("chain", wanted, interrupt) as report:
            if wanted.export is not None or wanted.through_ns is not None:
                latest = _taken(source.every(report), wanted)
            else:
                latest = source.newest(report)
        if follow:
            _follow(source, latest, wanted, interrupt)
            return
        if latest.surface is None:
            up_to = f" up to {wanted.day}" if wanted.day else ""
            fail(f"no chain of {wanted.symbol} in {source.topic}{up_to}: {_REMEDY}")
    _show(latest, wanted)


_REMEDY = "play or feed its options (`aiots ingest --help`) while analytics runs (`aiots up`)"


def _follow(source: "LiveChain", latest: "Latest", wanted: Wanted, interrupt: Interrupt) -> None:
    """Draw anew what has changed, at most once a second, until Ctrl-C; what is no terminal gets view after view."""
    from rich.live import Live
    from rich.text import Text

    waiting = Text(f"waiting for a chain of {wanted.symbol} in {source.topic}; Ctrl-C ends")
    console = _console()
    if latest.surface is None and not console.is_terminal:
        typer.echo(waiting.plain, err=True)
    drawn_s, drawn_ns = 0.0, -1
    with Live(waiting, console=console, auto_refresh=False) if console.is_terminal else nullcontext() as screen:

        def check() -> None:
            nonlocal drawn_s, drawn_ns
            interrupt.check()
            if latest.surface is None or latest.event_ns == drawn_ns or time.monotonic() - drawn_s < SECOND:
                return
            drawn_s, drawn_ns = time.monotonic(), latest.event_ns
            if screen is None:
                console.print(_view(latest, wanted))
                sys.stdout.flush()
            else:
                screen.update(_view(latest, wanted), refresh=True)

        for _ in source.follow(latest, check):
            pass


# ---- what is shown ---------------------------------------------------------------------------------------------------


def _show(latest: "Latest", wanted: Wanted) -> None:
    _console().print(_view(latest, wanted))
    if wanted.png is not None:
        from aiots.chain.figure import save_figure

        try:
            count = save_figure(latest, wanted.png, _numbers(latest, wanted))
        except OSError as error:
            fail(f"cannot write {wanted.png}: {error.strerror}")
        typer.echo(f"picture of {count} smiles: {wanted.png}", err=True)


def _view(latest: "Latest", wanted: Wanted) -> "Group":
    from aiots.chain.terminal import chain_view

    return chain_view(latest, _numbers(latest, wanted), wanted.strikes, wanted.plot)


def _numbers(latest: "Latest", wanted: Wanted) -> list[int]:
    """Return which expiries are named; fails where there is no such one."""
    from aiots.chain.smiles import expiry_names
    from aiots.chain.terminal import wanted_expiries

    surface = latest.surface
    if wanted.expiry is None or surface is None:
        return []
    found = wanted_expiries(surface, latest, wanted.expiry)
    if not found:
        names = ", ".join(expiry_names(surface))
        fail(f"{wanted.symbol} has no expiry {wanted.expiry}; there are {names}", 2)
    return found


def _console() -> "Console":
    from rich.console import Console

    return Console(file=sys.stdout, width=None if sys.stdout.isatty() else WIDTH, highlight=False)


@contextmanager
def _bar(what: str, wanted: Wanted, interrupt: Interrupt) -> Iterator["Report"]:
    from aiots.topic_reading import progress_bar

    with progress_bar(what, wanted.quiet) as show:

        def report(done: int, total: int) -> None:
            interrupt.check()
            show(done, total)

        yield report
