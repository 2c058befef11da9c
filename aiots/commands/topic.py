"""`aiots topic list|cat|export|import`: look into topics, take one out to a file, play it into another world."""

import heapq
import json
import os
import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aiots.config import Config, load_config
from aiots.console import WorldOption, fail, only_writer
from aiots.interrupt import Interrupt
from schemas.topics import TOPICS, full_name, logical_name, world_of

if TYPE_CHECKING:
    from confluent_kafka import Message

app = typer.Typer(help="Look into topics, export one, replay an export.", no_args_is_help=True)

INTERRUPTED = 130
ANSWER_SECONDS_MAX = 10.0
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
    with _broker(config):
        present = _topics_at_broker(config)
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

    with _broker(config), Interrupt() as interrupt:
        ends = _bounds(config, full)
        left = count
        for message in _stored(config.kafka, full, ends, wanted, from_beginning, count):
            interrupt.check()
            show(message)
            left = None if left is None else left - 1
        sys.stdout.flush()
        if follow and not (from_beginning and left == 0):
            starts = {p: high for p, (_, high) in ends.items()}
            for message in _coming(config.kafka, full, starts, wanted, interrupt.check):
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
    with _broker(config), _progress("export", quiet) as report:
        written = export_topic(config.kafka, full, sorted(_bounds(config, full)), file, report)
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
    with _broker(config), only_writer(config), _progress("import", quiet) as show, Interrupt() as interrupt:

        def report(progress: ReplayProgress) -> None:
            interrupt.check()
            show(progress.before + progress.appended, progress.total)

        try:
            ensure_topics(config.kafka, config.world, config.partitions)
            done = replay(recording, config.kafka, full, len(_bounds(config, full)), pace, report)
        except (RecordingError, TopicsError) as error:
            fail(str(error), 2)
    before = f", {done.before:,} were there before" if done.before else ""
    typer.echo(f"{done.appended:,} records of {recording.topic} to {full}{before}")


# ---- the broker -----------------------------------------------------------------------------------------------------


@contextmanager
def _broker(config: Config) -> Iterator[None]:
    """Turn what ends a command into one line and an exit code: no broker, a broken log, Ctrl-C, a closed pipe."""
    from confluent_kafka import KafkaException

    from streams.log.producer import BrokenLogError
    from streams.log.reader import UnreadableLogError

    try:
        yield
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    except BrokenPipeError:
        # The reader of our output has seen enough (`| head`). Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(0) from None
    except KafkaException as error:
        fail(f"no answer from {config.kafka['bootstrap.servers']}: {error.args[0].str()}. {_REMEDY}")
    except (BrokenLogError, UnreadableLogError) as error:
        fail(str(error))


_REMEDY = "Start the broker with `aiots broker start`, or name yours in KAFKA_BOOTSTRAP_SERVERS"


def _named(topic: str, world: str | None) -> tuple[Config, str]:
    """Return settings and full name of a topic given by its logical or full name."""
    if topic not in TOPICS:
        try:
            world, topic = world_of(topic), logical_name(topic)
        except ValueError:
            fail(f"no topic {topic!r}; known: {', '.join(TOPICS)}", 2)
    config = load_config(world=world)
    return config, full_name(config.world, topic)


def _topics_at_broker(config: Config) -> dict[str, int]:
    """Return the partition count of every topic at the broker."""
    from confluent_kafka.admin import AdminClient

    admin = AdminClient({**config.kafka, "client.id": "aiots-topic", "log_level": 0})
    return {name: len(about.partitions) for name, about in admin.list_topics(timeout=ANSWER_SECONDS_MAX).topics.items()}


def _bounds(config: Config, full: str) -> dict[int, tuple[int, int]]:
    """Return first and end offset of each partition of a topic; ends the command where the topic is absent."""
    from streams.log.reader import bounds

    present = _topics_at_broker(config)
    if full not in present:
        worlds = sorted({name.partition(".")[0] for name in present if _is_ours(name)})
        fail(f"there is no topic {full}; worlds at this broker: {', '.join(worlds) or 'none'}", 2)
    return {partition: bounds(config.kafka, full, partition) for partition in range(present[full])}


def _is_ours(full: str) -> bool:
    return full.partition(".")[2] in TOPICS


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


def _coming(
    kafka: Mapping[str, str], full: str, starts: Mapping[int, int], key: bytes | None, check: Callable[[], None]
) -> Iterator["Message"]:
    """Yield what is appended from these offsets on, as it comes, until check raises: it is called all the while."""
    from confluent_kafka import Consumer, KafkaException, TopicPartition

    from streams.log.reader import reader_settings

    isolation = "read_committed" if full.endswith(".checkpoint") else "read_uncommitted"
    consumer = Consumer({**reader_settings(kafka, isolation), "enable.partition.eof": False})
    try:
        consumer.assign([TopicPartition(full, partition, start) for partition, start in starts.items()])
        while True:
            check()
            for message in consumer.consume(num_messages=500, timeout=0.2):
                error = message.error()
                if error is None:
                    if key is None or message.key() == key:
                        yield message
                elif error.fatal() or not (error.retriable() or error.name().startswith("_")):
                    raise KafkaException(error)
    finally:
        consumer.close()


@contextmanager
def _progress(what: str, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """Give a function of (done, total) that shows a bar on a terminal, and nothing elsewhere."""
    if quiet or not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns: list[Any] = [TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()]
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


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
