"""`aiots corporate`: what a memo of the OCC says of a share that no source tells, given to an account."""

from datetime import date
from typing import Annotated

import typer

from aiots.commands.control import Account, publish
from aiots.config import load_config
from aiots.console import WorldOption, fail

Ticker = Annotated[str, typer.Argument(help="The share.")]
Cash = Annotated[str, typer.Argument(help="Dollars a share, for example 7.00.")]


def register(app: typer.Typer) -> None:
    """Add `aiots corporate`."""
    corporate = typer.Typer(no_args_is_help=True, help="Tell an account of special dividends and cash mergers.")
    corporate.command()(dividend)
    corporate.command()(merger)
    app.add_typer(corporate, name="corporate")


def dividend(
    account: Account,
    ticker: Ticker,
    cash: Cash,
    ex: Annotated[str, typer.Option("--ex", help="YYYY-MM-DD: the morning it goes ex.")],
    world: WorldOption = None,
) -> None:
    """A special dividend: shares are paid it, and strikes are lowered by it where it is 12.50 a contract or more.

    Orders on the share's options are cancelled at once. Ordinary dividends come from sources, and change no contract.
    """
    _tell("SPECIAL_DIVIDEND", account, ticker, cash, ex, world)


def merger(
    account: Account,
    ticker: Ticker,
    cash: Cash,
    on: Annotated[str, typer.Option("--on", help="YYYY-MM-DD: the morning it takes effect.")],
    world: WorldOption = None,
) -> None:
    """A cash merger: each share becomes cash, options are settled by it. Orders on both are cancelled at once."""
    _tell("CASH_MERGER", account, ticker, cash, on, world)


def _tell(kind: str, account: str, ticker: str, cash: str, day: str, world: str | None) -> None:
    from aiots.book.statement_file import cents_of
    from schemas.records import CorporateAction, CorporateActionKind
    from streams.book.checks import check_action
    from streams.stage import RecordError

    config = load_config(world=world)
    if account not in config.accounts:
        fail(f"unknown account {account!r}; accounts are {', '.join(config.accounts)}", 2)
    try:
        cents, day = cents_of(cash), date.fromisoformat(day).isoformat()
        record = CorporateAction(account, 0, ticker.upper(), CorporateActionKind(kind), cents, day)
        check_action(record)
    except ValueError as error:
        fail(str(error), 2)
    except RecordError as error:
        fail(error.detail, 2)
    (place,) = publish(config.kafka, config.world, config.partitions, (record,))
    typer.echo(f"{kind.lower().replace('_', ' ')} of {record.symbol} for {account}: {place}")
