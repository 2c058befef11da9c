"""`aiots backtest lean|sim|topic`: the stages of the live pipeline, in memory, over a recording."""

import hashlib
import json
import time
from collections.abc import Callable, Iterable
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aiots.config import Config, load_config
from aiots.console import WorldOption, fail
from aiots.stage import loud, stage_params

if TYPE_CHECKING:
    from connectors.sources.record import Source
    from streams.runtime.memory import MemoryPipeline

ORDER_NOTE = (
    "An account's inbox is ordered by event time, underlying and ordinal; live, the broker's log orders it. "
    "Educational; past results promise nothing."
)
Json = Annotated[bool, typer.Option("--json", help="Print the report as JSON.")]


def register(app: typer.Typer) -> None:
    """Add `aiots backtest`."""
    backtest = typer.Typer(no_args_is_help=True, help="Run the live stages in memory over a recording; print a report.")
    backtest.command()(lean)
    backtest.command()(sim)
    backtest.command()(topic)
    app.add_typer(backtest, name="backtest")


def lean(
    folders: Annotated[list[Path], typer.Argument(help="LEAN's data folder, or any above or below it.")],
    symbols: Annotated[str, typer.Option(help="Comma-separated tickers; all where empty.")] = "",
    first: Annotated[str, typer.Option("--from", help="First day, YYYY-MM-DD.")] = "",
    last: Annotated[str, typer.Option("--to", help="Last day, YYYY-MM-DD, inclusive.")] = "",
    resolution: Annotated[str, typer.Option(help="auto, or a list of tick,second,minute,hour,daily.")] = "auto",
    options: Annotated[bool, typer.Option(help="With options and indices.")] = True,
    as_json: Json = False,
) -> None:
    """Backtest over files of LEAN's layout."""
    config = load_config()
    from connectors.sources.lean import open_lean

    wanted = [part.strip() for part in symbols.split(",") if part.strip()]
    try:
        source = open_lean(folders, wanted, _day(first), _day(last), resolution, options=options)
    except ValueError as error:
        fail(str(error), 2)
    _play(config, source, as_json)


def sim(
    seed: Annotated[int, typer.Option(help="The same seed gives the same market.")] = 1,
    days: Annotated[int, typer.Option(min=1, help="Sessions.")] = 1,
    rate: Annotated[float, typer.Option(help="Ticks a second of event time, all symbols together.")] = 60.0,
    minutes: Annotated[int, typer.Option(min=0, help="Regular minutes of each session; 0: all.")] = 0,
    as_json: Json = False,
) -> None:
    """Backtest over a simulated market."""
    config = load_config()
    from connectors.sources.sim import open_sim

    _play(config, open_sim(seed=seed, days=days, rate=rate, minutes=minutes or None), as_json)


def topic(as_json: Json = False, world: WorldOption = None) -> None:
    """Backtest over the market.ticks that a world has recorded."""
    config = load_config(world=world)
    from schemas.topics import full_name
    from streams.log.reader import read

    def feed(pipeline: "MemoryPipeline") -> None:
        # Partition after partition: what the book sees is ordered by event time all the same.
        name = full_name(config.world, "market.ticks")
        streams = [read(config.kafka, name, partition) for partition in range(config.partitions)]
        for partition, messages in enumerate(streams):
            for message in messages:
                headers: Any = message.headers() or []
                pipeline.feed_raw(partition, bytes(message.value() or b""), headers)

    with loud():
        _run(config, feed, as_json, {"world": config.world})


def _play(config: Config, source: "Source", as_json: bool) -> None:
    def feed(pipeline: "MemoryPipeline") -> None:
        for record in source.records(config.partitions):
            pipeline.feed(record)

    _run(config, feed, as_json, {"source": source.name, "plan": source.plan, "symbols": list(source.symbols)})
    if source.rejects.total() and not as_json:
        reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(source.rejects.counts.items()))
        typer.echo(f"rows of no use: {reasons}")


def _run(config: Config, feed: Callable[["MemoryPipeline"], None], as_json: bool, about: dict[str, Any]) -> None:
    from aiots.report import WATCHED, Report
    from streams.runtime import garbage
    from streams.runtime.memory import MemoryPipeline
    from streams.topology import STAGES

    report, digests = Report(), {"features": hashlib.sha256(), "signals": hashlib.sha256()}

    def observe(out: Any) -> None:
        if out.topic in digests:
            digests[out.topic].update(out.payload)
        if out.topic in WATCHED or out.topic.endswith(".rejects"):
            report.take(out.topic, out.payload)

    params = {stage.name: stage_params(config, stage.name) for stage in STAGES}
    began_s = time.perf_counter()
    pipeline = MemoryPipeline(params, config.partitions, observe)
    publish_mandates(config, pipeline)
    garbage.settle()
    ready_s = time.perf_counter()
    feed(pipeline)
    pipeline.finish()
    seconds = time.perf_counter() - ready_s
    ticks = sum(task.fold.counters.get("ticks", 0) for task in pipeline.tasks() if task.key.stage == "analytics")
    result = {
        **about,
        **report.as_dict(),
        "ticks": ticks,
        "seconds": seconds,
        "compile_seconds": ready_s - began_s,
        "sha256": {name: digest.hexdigest() for name, digest in digests.items()},
        "note": ORDER_NOTE,
    }
    if as_json:
        typer.echo(json.dumps(result, indent=2))
        return
    lines = [
        f"{ticks:,} ticks in {seconds:.1f} s ({ticks / seconds:,.0f}/s, reading included)",
        *report.lines(),
        ORDER_NOTE,
    ]
    typer.echo("\n".join(lines))


def publish_mandates(config: Config, pipeline: "MemoryPipeline") -> None:
    """Put the configured accounts' mandates into the book, as `aiots control mandate` does."""
    from aiots.mandates import mandates_of
    from schemas import wire
    from schemas.topics import partition_of

    for number, mandate in enumerate(mandates_of(config)):
        partition = partition_of(mandate.account, config.partitions)
        headers: Iterable[tuple[str, bytes]] = [
            ("id", f"control/backtest/{partition}-{mandate.account}:{number}.0".encode())
        ]
        pipeline.put("book", partition, wire.encode(mandate), list(headers))


def _day(text: str) -> date | None:
    try:
        return datetime.strptime(text, "%Y-%m-%d").date() if text else None
    except ValueError:
        fail(f"expected a day as YYYY-MM-DD, was {text!r}", 2)
