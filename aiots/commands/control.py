"""`aiots control`: a person's orders to accounts, written into their inbox (topic `book`)."""

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from aiots.config import Config, ConfigError, load_config
from aiots.console import WorldOption, fail

if TYPE_CHECKING:
    from schemas.records import Control, Mandate

Account = Annotated[str, typer.Argument(help="Name of the account.")]
Reason = Annotated[str, typer.Option("--reason", help="Why, for the audit.")]


def register(app: typer.Typer) -> None:
    """Add `aiots control`."""
    control = typer.Typer(no_args_is_help=True, help="Halt and resume accounts, and publish what they may do.")
    control.command()(halt)
    control.command()(resume)
    control.command()(mandate)
    app.add_typer(control, name="control")


def halt(account: Account, reason: Reason, world: WorldOption = None) -> None:
    """Let an account open nothing more; what it holds is still closed by its stops, targets and expiries."""
    _control("HALT", account, reason, load_config(world=world))


def resume(account: Account, reason: Reason, world: WorldOption = None) -> None:
    """Lift a halt, whoever made it, and measure drawdown from the equity of now."""
    _control("RESUME", account, reason, load_config(world=world))


def mandate(world: WorldOption = None) -> None:
    """Publish the configured accounts' mandates; the newest of an account counts."""
    from aiots.mandates import mandates_of

    config = load_config(world=world)
    try:
        mandates = mandates_of(config)
    except ConfigError as error:
        fail(str(error))
    places = publish(config.kafka, config.world, config.partitions, mandates)
    for record, place in zip(mandates, places, strict=True):
        typer.echo(f"mandate of {record.account}: {place}")


def _control(action: str, account: str, reason: str, config: Config) -> None:
    from schemas.records import Control, ControlAction

    if account not in config.accounts:
        fail(f"unknown account {account!r}; accounts are {', '.join(config.accounts)}")
    if not reason.strip():
        fail("--reason must say why")
    record = Control(account=account, event_ns=0, action=ControlAction(action), reason=reason)
    (place,) = publish(config.kafka, config.world, config.partitions, (record,))
    typer.echo(f"{action.lower()} of {account}: {place}")


def publish(kafka: Mapping[str, str], world: str, partitions: int, records: Sequence["Control | Mandate"]) -> list[str]:
    """Append records that name an account to their inbox; return each one's topic and id once the broker has all.

    One call is one session: its origin is new, so its ids are newer than none and older than none.
    """
    from schemas import wire
    from schemas.topics import full_name, partition_of
    from streams.log.ids import Place, RecordId, headers_of
    from streams.log.producer import BrokenLogError, LogProducer, client_name

    topic, session = full_name(world, "book"), f"{time.time_ns():x}"
    before: dict[int, Place] = {}
    written = []
    try:
        producer = LogProducer(kafka, client_name("control"), silence_seconds_max=10.0)
        for sequence, record in enumerate(records):
            account = record.account
            partition = partition_of(account, partitions)
            record_id = RecordId(f"control/{session}/{partition}", sequence, 0)
            headers = headers_of(record_id, before.get(partition))
            producer.send(topic, partition, account.encode(), wire.encode(record), headers)
            before[partition] = record_id.place
            written.append(f"{topic}/{partition} {record_id}")
        producer.flush()
    except BrokenLogError as error:
        fail(str(error))
    return written
