"""What commands that look into topics share: errors in one line, which topics there are, what comes, a progress bar."""

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer

from aiots.config import Config
from aiots.console import fail
from schemas.topics import TOPICS

if TYPE_CHECKING:
    from confluent_kafka import Message

INTERRUPTED = 130
ANSWER_SECONDS_MAX = 10.0


@contextmanager
def broker_errors(config: Config) -> Iterator[None]:
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


def topics_at_broker(config: Config) -> dict[str, int]:
    """Return the partition count of every topic at the broker."""
    from confluent_kafka.admin import AdminClient

    admin = AdminClient({**config.kafka, "client.id": "aiots-topic", "log_level": 0})
    return {name: len(about.partitions) for name, about in admin.list_topics(timeout=ANSWER_SECONDS_MAX).topics.items()}


def bounds_of(config: Config, full: str) -> dict[int, tuple[int, int]]:
    """Return first and end offset of each partition of a topic; ends the command where the topic is absent."""
    from streams.log.reader import bounds

    present = topics_at_broker(config)
    if full not in present:
        worlds = sorted({name.partition(".")[0] for name in present if _is_ours(name)})
        fail(f"there is no topic {full}; worlds at this broker: {', '.join(worlds) or 'none'}", 2)
    return {partition: bounds(config.kafka, full, partition) for partition in range(present[full])}


def _is_ours(full: str) -> bool:
    return full.partition(".")[2] in TOPICS


def coming(
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
def progress_bar(what: str, quiet: bool) -> Iterator[Callable[[int, int], None]]:
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
