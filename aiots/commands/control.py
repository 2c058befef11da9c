"""`aiots control`: a person's orders to accounts, written into their inbox (topic `book`)."""

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from aiots.config import Config, ConfigError, load_config
from aiots.console import WorldOption, fail

if TYPE_CHECKING:
    from schemas.records import Approval, Cancel, Control, CorporateAction, Mandate, OrderTicket, Watch

    Inbox = Approval | Cancel | Control | CorporateAction | Mandate | OrderTicket | Watch

Account = Annotated[str, typer.Argument(help="Name of the account.")]
Reason = Annotated[str, typer.Option("--reason", help="Why, for the audit.")]


def register(app: typer.Typer) -> None:
    """Add `aiots control`."""
    control = typer.Typer(no_args_is_help=True, help="Halt and resume accounts, and publish what they may do.")
    control.command()(halt)
    control.command()(resume)
    control.command()(mandate)
    app.add_typer(control, name="control")


def halt(
    account: Account,
    reason: Reason,
    flatten: Annotated[
        bool, typer.Option("--flatten", help="Emergency stop: cancel what works, close all that is held.")
    ] = False,
    world: WorldOption = None,
) -> None:
    """Let an account open nothing more; what it holds is still closed by its stops, targets and expiries."""
    _control("HALT", account, reason, load_config(world=world), flatten=flatten)


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


def _control(action: str, account: str, reason: str, config: Config, *, flatten: bool = False) -> None:
    from schemas.records import Control, ControlAction

    if account not in config.accounts:
        fail(f"unknown account {account!r}; accounts are {', '.join(config.accounts)}")
    if not reason.strip():
        fail("--reason must say why")
    record = Control(account=account, event_ns=0, action=ControlAction(action), reason=reason, flatten=flatten)
    (place,) = publish(config.kafka, config.world, config.partitions, (record,))
    typer.echo(f"{action.lower()} of {account}: {place}")


def publish(kafka: Mapping[str, str], world: str, partitions: int, records: Sequence["Inbox"]) -> list[str]:
    """Append records of a person to the log; return each one's topic and id once the broker has all.

    What names an account goes into its inbox (`book`), a Watch to its underlying (`features`). One call is one session:
    its origin is new, so its ids are newer than none and older than none.
    """
    from schemas import wire
    from schemas.records import Watch
    from schemas.topics import full_name, partition_of
    from streams.log.ids import Place, RecordId, headers_of
    from streams.log.producer import BrokenLogError, LogProducer, client_name

    session = f"{time.time_ns():x}"
    before: dict[tuple[str, int], Place] = {}
    written = []
    try:
        producer = LogProducer(kafka, client_name("control"), silence_seconds_max=10.0)
        for sequence, record in enumerate(records):
            logical, key = ("features", record.symbol) if isinstance(record, Watch) else ("book", record.account)
            topic, partition = full_name(world, logical), partition_of(key, partitions)
            record_id = RecordId(f"control/{session}/{partition}", sequence, 0)
            headers = headers_of(record_id, before.get((topic, partition)))
            producer.send(topic, partition, key.encode(), wire.encode(record), headers)
            before[topic, partition] = record_id.place
            written.append(f"{topic}/{partition} {record_id}")
        producer.flush()
    except BrokenLogError as error:
        fail(str(error))
    return written
