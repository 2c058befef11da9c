"""`aiots topic list|cat|export|import`: look into topics, take one out to a file, play it into another world."""

import heapq
import json
import sys
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aiots.config import Config, load_config
from aiots.console import WorldOption, fail, only_writer
from aiots.interrupt import Interrupt
from aiots.topic_reading import bounds_of, broker_errors, coming, progress_bar, topics_at_broker
from schemas.topics import TOPICS, full_name, logical_name, world_of

if TYPE_CHECKING:
    from confluent_kafka import Message

app = typer.Typer(help="Look into topics, export one, replay an export.", no_args_is_help=True)

TopicName = Annotated[str, typer.Argument(help="Logical name (market.ticks, signals, ...) or full (live.signals).")]


def register(parent: typer.Typer) -> None:
    """Add `aiots topic`."""
    parent.add_typer(app, name="topic")


@app.command("list")
def list_topics(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON line a topic.")] = False,
    world: WorldOption = None,
) -> None:
    """Show each topic of a world: partitions, records in it, what it carries."""
    config = load_config(world=world)
    with broker_errors(config):
        present = topics_at_broker(config)
        for logical, topic in TOPICS.items():
            full = full_name(config.world, logical)
            counts = _counts(config.kafka, full, present[full]) if full in present else None
            about = {"topic": full, "partitions": present.get(full), "records": counts, "key": topic.key}
            if as_json:
                typer.echo(json.dumps(about | {"types": topic.records}))
            else:
                size = "absent" if counts is None else f"{present[full]} partitions {counts:>12,} records"
                typer.echo(f"{full:32} {size:36} by {topic.key}: {', '.join(topic.records) or 'state'}")


@app.command()
def cat(
    topic: TopicName,
    from_beginning: Annotated[bool, typer.Option("--from-beginning", help="All there is, not the last ones.")] = False,
    follow: Annotated[bool, typer.Option("--follow", help="Go on with what comes, until Ctrl-C.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON line a record.")] = False,
    key: Annotated[str | None, typer.Option(help="Only records of this key.")] = None,
    count: Annotated[
        int | None, typer.Option(min=0, help="At most so many: the last ones (10), or the first from the beginning.")
    ] = None,
    world: WorldOption = None,
) -> None:
    """Print records in the order in which they were appended: partition, offset, key, type, id and content."""
    from aiots.topic_text import line, shown

    config, full = _named(topic, world)
    wanted = None if key is None else key.encode()

    def show(message: "Message") -> None:
        sys.stdout.write((json.dumps(shown(message), allow_nan=False) if as_json else line(message)) + "\n")

    with broker_errors(config), Interrupt() as interrupt:
        ends = bounds_of(config, full)
        left = count
        for message in _stored(config.kafka, full, ends, wanted, from_beginning, count):
            interrupt.check()
            show(message)
            left = None if left is None else left - 1
        sys.stdout.flush()
        if follow and not (from_beginning and left == 0):
            starts = {p: high for p, (_, high) in ends.items()}
            for message in coming(config.kafka, full, starts, wanted, interrupt.check):
                show(message)
                sys.stdout.flush()
                left = None if left is None else left - 1
                if from_beginning and left == 0:
                    break


@app.command()
def export(
    topic: TopicName,
    file: Annotated[Path, typer.Argument(help="Parquet file to write.")],
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress, only the summary.")] = False,
    world: WorldOption = None,
) -> None:
    """Write a topic as it stands now to a Parquet file: partition, offset, append time, key, value, headers."""
    from connectors.sources.recording import export as export_topic

    config, full = _named(topic, world)
    if file.exists() and not force:
        fail(f"{file} exists; --force overwrites it", 2)
    if not file.parent.is_dir():
        fail(f"there is no folder {file.parent}", 2)
    with broker_errors(config), progress_bar("export", quiet) as report:
        written = export_topic(config.kafka, full, sorted(bounds_of(config, full)), file, report)
    typer.echo(f"{written:,} records of {full} to {file} ({file.stat().st_size / 1e6:,.1f} MB)")


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="File of `aiots topic export`.")],
    to: Annotated[str | None, typer.Option("--to", help="Logical topic; default: the one exported.")] = None,
    speed: Annotated[str, typer.Option(help="Event seconds a second (1, 10, ...), or max.")] = "max",
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress, only the summary.")] = False,
    world: WorldOption = None,
) -> None:
    """Replay an exported topic into a new world, with its keys, partitions and ids. Run it again to go on."""
    from connectors.sources.recording import Recording, RecordingError, ReplayProgress, replay
    from deploy.local.admin import TopicsError, ensure_topics

    config, pace = load_config(world=world), _speed(speed)
    try:
        recording = Recording(file)
        full = full_name(config.world, to or logical_name(recording.topic))
    except RecordingError as error:
        fail(str(error), 2)
    except KeyError as error:
        fail(str(error.args[0]), 2)
    if recording.topic == full:
        fail(f"{file} was exported from {full} itself: name another world with --world", 2)
    with broker_errors(config), only_writer(config), progress_bar("import", quiet) as show, Interrupt() as interrupt:

        def report(progress: ReplayProgress) -> None:
            interrupt.check()
            show(progress.before + progress.appended, progress.total)

        try:
            ensure_topics(config.kafka, config.world, config.partitions)
            done = replay(recording, config.kafka, full, len(bounds_of(config, full)), pace, report)
        except (RecordingError, TopicsError) as error:
            fail(str(error), 2)
    before = f", {done.before:,} were there before" if done.before else ""
    typer.echo(f"{done.appended:,} records of {recording.topic} to {full}{before}")


# ---- the broker -----------------------------------------------------------------------------------------------------


def _named(topic: str, world: str | None) -> tuple[Config, str]:
    """Return settings and full name of a topic given by its logical or full name."""
    if topic not in TOPICS:
        try:
            world, topic = world_of(topic), logical_name(topic)
        except ValueError:
            fail(f"no topic {topic!r}; known: {', '.join(TOPICS)}", 2)
    config = load_config(world=world)
    return config, full_name(config.world, topic)


def _counts(kafka: Mapping[str, str], full: str, partitions: int) -> int:
    """Return how many offsets a topic holds."""
    from confluent_kafka import TopicPartition
    from confluent_kafka.admin import AdminClient, OffsetSpec

    admin = AdminClient({**kafka, "client.id": "aiots-topic", "log_level": 0})
    specs: Any = OffsetSpec
    sums: list[int] = []
    for spec in (specs.earliest(), specs.latest()):
        futures = admin.list_offsets({TopicPartition(full, partition): spec for partition in range(partitions)})
        sums.append(sum(future.result().offset for future in futures.values()))
    return sums[1] - sums[0]


def _stored(
    kafka: Mapping[str, str],
    full: str,
    ends: Mapping[int, tuple[int, int]],
    key: bytes | None,
    from_beginning: bool,
    count: int | None,
) -> Iterator["Message"]:
    """Yield what is in the topic now, by append time: all or the first of it, or the last `count` (10)."""
    from streams.log.reader import read

    last = 10 if count is None else count
    if count == 0:
        return
    # With a key nobody knows how far back its last records lie; without one, no further than so many offsets.
    whole = from_beginning or key is not None
    committed = full.endswith(".checkpoint")
    parts = [
        read(kafka, full, p, low if whole or committed else max(low, high - last), high, committed=committed)
        for p, (low, high) in ends.items()
    ]
    merged = (
        message
        for message in heapq.merge(*parts, key=lambda one: (one.timestamp()[1], one.partition(), one.offset()))
        if key is None or message.key() == key
    )
    if not from_beginning:
        yield from deque(merged, maxlen=last)
        return
    for number, message in enumerate(merged, 1):
        yield message
        if number == count:
            return


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
