"""`aiots ingest lean|dbn|sim`: play a recording, or a simulated market, into a world's market.ticks."""

from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aiots.config import Config, load_config
from aiots.console import WorldOption, fail, only_writer
from aiots.interrupt import Interrupt

if TYPE_CHECKING:
    from connectors.sources.record import Source

app = typer.Typer(help="Play a recording, or a simulated market, into a world.", no_args_is_help=True)

INTERRUPTED = 130
Speed = Annotated[str, typer.Option(help="Event seconds a second (1, 10, ...), or max: as fast as the stages follow.")]
Symbols = Annotated[str, typer.Option(help="Comma-separated tickers; all where empty.")]
LagMax = Annotated[int, typer.Option(min=0, help="Records analytics may be behind at --speed max; 0: do not look.")]
DiskMin = Annotated[float, typer.Option(min=0, help="Stop when less is free where the embedded broker writes, GB.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress, only the summary.")]


def register(parent: typer.Typer) -> None:
    """Add `aiots ingest`."""
    parent.add_typer(app, name="ingest")


@app.command()
def lean(
    folders: Annotated[list[Path], typer.Argument(help="LEAN's data folder, or any above or below it.")],
    symbols: Symbols = "",
    first: Annotated[str, typer.Option("--from", help="First day, YYYY-MM-DD.")] = "",
    last: Annotated[str, typer.Option("--to", help="Last day, YYYY-MM-DD, inclusive.")] = "",
    speed: Speed = "max",
    resolution: Annotated[
        str, typer.Option(help="auto: the finest of each symbol and day; or a list of tick,second,minute,hour,daily.")
    ] = "auto",
    frame_ticks: Annotated[int, typer.Option(min=1, max=65_535, help="Most ticks of a frame.")] = 64,
    frame_ms: Annotated[
        int, typer.Option(min=1, max=60_000, help="Most event time of a frame; divides a minute.")
    ] = 1000,
    options: Annotated[
        bool, typer.Option(help="With options (minutes) and indices; an underlying's come with its ticker.")
    ] = True,
    lag_max: LagMax = 200_000,
    disk_free_min_gb: DiskMin = 2.0,
    quiet: Quiet = False,
    world: WorldOption = None,
) -> None:
    """Play files of LEAN's layout, with sessions, splits and dividends. Run it again to go on where it stopped.

    Folders equity and index give ticks or bars, option and indexoption the contracts of each underlying: quotes and
    trades as each minute closed, open interest. Rows of no use are counted, and listed with file and line.
    """
    from connectors.sources.frames import FrameRule
    from connectors.sources.lean import open_lean

    config, pace = load_config(world=world), _speed(speed)
    try:
        rule = FrameRule(frame_ticks, frame_ms * 1_000_000)
        source = open_lean(folders, _split(symbols), _day(first), _day(last), resolution, rule, options=options)
    except ValueError as error:
        fail(str(error), 2)
    _play(config, source, pace, lag_max, disk_free_min_gb, quiet)


@app.command()
def dbn(
    files: Annotated[list[Path], typer.Argument(help="DBN files (plain or zstd), or folders of *.dbn and *.dbn.zst.")],
    symbols: Symbols = "",
    first: Annotated[str, typer.Option("--from", help="First day in New York, YYYY-MM-DD.")] = "",
    last: Annotated[str, typer.Option("--to", help="Last day in New York, YYYY-MM-DD, inclusive.")] = "",
    speed: Speed = "max",
    frame_ticks: Annotated[int, typer.Option(min=1, max=65_535, help="Most ticks of a frame.")] = 64,
    frame_ms: Annotated[
        int, typer.Option(min=1, max=60_000, help="Most event time of a frame; divides a minute.")
    ] = 1000,
    lag_max: LagMax = 200_000,
    disk_free_min_gb: DiskMin = 2.0,
    quiet: Quiet = False,
    world: WorldOption = None,
) -> None:
    """Play Databento's files on one time line, US equities and OPRA. Run it again to go on where it stopped.

    Ticks from trades, mbp-1, tbbo, bbo-1s/1m, cmbp-1, tcbbo, cbbo-1s/1m; bars from ohlcv-1s/1m/1h/1d; open interest
    from statistics; halts from status. Instruments are named by a file's own header or by definition files given
    beside it. Event time is ts_recv. Of two files that tell the same trades give one.
    """
    from connectors.sources.dbn import open_dbn
    from connectors.sources.frames import FrameRule

    config, pace = load_config(world=world), _speed(speed)
    try:
        rule = FrameRule(frame_ticks, frame_ms * 1_000_000)
        source = open_dbn(files, _split(symbols), _day(first), _day(last), rule)
    except (ValueError, OSError) as error:
        fail(str(error), 2)
    _play(config, source, pace, lag_max, disk_free_min_gb, quiet)


@app.command()
def sim(
    seed: Annotated[int, typer.Option(min=0, help="Names the market: the same seed gives the same ticks.")] = 1,
    days: Annotated[int, typer.Option(min=1, help="Sessions, one after the other.")] = 1,
    first: Annotated[str, typer.Option("--date", help="First session, or the next.")] = "2025-06-02",
    symbols: Symbols = "",
    rate: Annotated[float, typer.Option(min=0.001, help="Mean ticks a second of event time, all symbols.")] = 60.0,
    minutes: Annotated[int, typer.Option(min=0, help="Only so much of each regular session; 0: the whole day.")] = 0,
    options: Annotated[str, typer.Option(help="Tickers that have options, too, or all; none where empty.")] = "",
    option_rate: Annotated[
        float, typer.Option(help="How often market makers look at a chain, a second at most; they follow its quotes.")
    ] = 4.0,
    expiries: Annotated[int, typer.Option(help="Expiries listed at a time, 2 to 20: Fridays, months, quarters.")] = 8,
    strikes: Annotated[
        int, typer.Option(help="About so many strikes an expiry, 5 to 100; each a call and a put.")
    ] = 24,
    interest: Annotated[
        float,
        typer.Option(
            help="Rate that options carry, per 1.00 and year; analytics needs the same, in its config's rates."
        ),
    ] = 0.043,
    truth: Annotated[
        Path | None,
        typer.Option(help="Where to write what was planted, and what options are drawn around: JSON lines."),
    ] = None,
    speed: Speed = "max",
    frame_ticks: Annotated[int, typer.Option(min=1, max=65_535, help="Most ticks of a frame.")] = 64,
    frame_ms: Annotated[int, typer.Option(min=1, max=5000, help="Most event time of a frame; divides 5 s.")] = 250,
    lag_max: LagMax = 200_000,
    disk_free_min_gb: DiskMin = 2.0,
    quiet: Quiet = False,
    world: WorldOption = None,
) -> None:
    """Play a simulated market of nine symbols, with planted moves. Run it again to go on where it stopped.

    --options AAPL,MSFT,GOOGL adds their American option chains, drawn around a truth that is known at every instant:
    a third of the symbols each have an SSVI surface, Heston's with jumps, and one with earnings between two expiries;
    with borrow, cash dividends, noise, stale and one-sided quotes. docs/simulated_chains.md says how.
    """
    from aiots.sim_truth import other_rate, write_truth
    from connectors.sources.frames import FrameRule
    from connectors.sources.sim import DEFAULT_DAY, OptionParams, chosen_symbols, open_sim

    config, pace = load_config(world=world), _speed(speed)
    try:
        rule = FrameRule(frame_ticks, frame_ms * 1_000_000)
        day = _day(first) or DEFAULT_DAY
        wanted = chosen_symbols(_split(symbols) if options == "all" else _split(options))
        of = OptionParams(wanted, option_rate, expiries, strikes, interest) if options else None
        source = open_sim(seed, day, days, _split(symbols), rate, minutes or None, rule, options=of)
        note = other_rate(config, source)
        if truth is not None:
            write_truth(source, truth)
    except (ValueError, OSError) as error:
        fail(str(error), 2)
    if note:
        typer.echo(note, err=True)
    _play(config, source, pace, lag_max, disk_free_min_gb, quiet)


def _play(config: Config, source: "Source", speed: float | None, lag_max: int, disk_gb: float, quiet: bool) -> None:
    from connectors.sources.progress import Display
    from connectors.sources.tail import ForeignTimeError
    from connectors.sources.writer import Bounds, DiskFullError, OtherLogError, Writer
    from deploy.local.admin import TopicsError, ensure_topics
    from streams.log.producer import BrokenLogError
    from streams.log.reader import UnreadableLogError

    limits = Bounds(
        lag_records_max=lag_max,
        disk_path=config.state_dir if config.embedded and config.state_dir.exists() else None,
        disk_free_bytes_min=int(disk_gb * 1e9),
    )
    try:
        with Interrupt() as interrupt, only_writer(config), Display(quiet) as display:
            ensure_topics(config.kafka, config.world, config.partitions)
            writer = Writer(config.kafka, config.world, config.partitions, limits, display, check=interrupt.check)
            result = writer.play(source, speed)
    except KeyboardInterrupt:
        typer.echo("interrupted; everything sent is in the log. The same command goes on from there.", err=True)
        raise typer.Exit(INTERRUPTED) from None
    except (TopicsError, ForeignTimeError, OtherLogError) as error:
        fail(str(error), 2)
    except (BrokenLogError, UnreadableLogError, DiskFullError) as error:
        fail(f"{error}\nThe same command goes on where this one stopped.")
    if result.complete_before:
        typer.echo(f"already complete: {source.plan} is in world {config.world}")
        return
    rate = result.rows / result.seconds if result.seconds else 0.0
    skipped = f", {result.skipped_records:,} records were there before" if result.skipped_records else ""
    typer.echo(
        f"{result.rows:,} rows in {result.records:,} records to world {config.world}"
        f" in {result.seconds:.1f} s ({rate:,.0f} rows/s){skipped}"
    )
    for reason, count in result.rejected.items():
        typer.echo(f"rejected {count:,}: {reason}")


def _speed(text: str) -> float | None:
    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed < 1e9:
        fail(f"--speed must be max or a number > 0, was {text!r}", 2)
    return speed


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _day(text: str) -> date | None:
    return datetime.strptime(text, "%Y-%m-%d").date() if text else None
