"""`aiots reconcile`: an account's ledger against its venue's statement, or against a file that a broker exported."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aiots.commands.audit import Account, recorded
from aiots.config import load_config
from aiots.console import WorldOption, fail

if TYPE_CHECKING:
    from aiots.book.reconciled import Reconciled
    from streams.book.reconcile import Figure


def register(app: typer.Typer) -> None:
    """Add `aiots reconcile`."""
    app.command()(reconcile)


def reconcile(
    account: Account,
    statement: Annotated[
        Path | None, typer.Option(help="JSON or CSV, ours or Interactive Brokers' activity statement.")
    ] = None,
    day: Annotated[str, typer.Option("--day", help="YYYY-MM-DD: as of the end of this day; default: the newest.")] = "",
    world: WorldOption = None,
) -> None:
    """Hold the ledger against a statement: cash, fees and positions, to the cent and the contract.

    Without a file against the venue's newest statement, at its place in the log; with one, against the file, as of now
    or of the end of --day. The ledger is rebuilt from recorded fills and settlements. Exit code 1 where they differ.
    """
    from aiots.book.reconciled import with_file, with_venue
    from aiots.book.statement_file import read_statement

    stated = None
    if statement is not None:
        try:
            stated = read_statement(statement)
        except (OSError, ValueError) as error:
            fail(f"{statement}: {error}", 2)
    log, chosen = recorded(account, day, load_config(world=world), marks=False)
    last = chosen if day else None
    if stated is not None and statement is not None:
        found: Reconciled | None = with_file(log, stated, statement.name, last)
    else:
        found = with_venue(log, last)
    if found is None:
        fail(f"the venue has not stated {account} yet: it does so at each session's close", 2)
    show(account, found)
    if found.differences:
        raise typer.Exit(1)


def show(account: str, found: "Reconciled") -> None:
    """Print both sides' figures as a table, and whether they are equal."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    table = Table("", "ledger", "statement", "difference", box=box.SIMPLE)
    for column in table.columns[1:]:
        column.justify = "right"
    for one in found.figures:
        cells = [shown(one, value) for value in (one.ours, one.theirs, one.apart)]
        table.add_row(f"{one.what} {one.symbol}".strip(), *cells, style="red" if one.apart else None)
    console.print(f"{account} against {found.against}")
    console.print(table)
    different = len(found.differences)
    equal = f"yes, all {len(found.figures)} figures are equal"
    console.print(f"reconciled: {f'no, {different} of {len(found.figures)} figures differ' if different else equal}")
    if found.since:
        console.print(f"{found.since} fills and settlements came after that and are not part of it")


def shown(one: "Figure", value: int) -> str:
    """Return a value of a figure: dollars of money, else a count."""
    from streams.book.reconcile import CASH, FEES

    return f"{value / 100:,.2f}" if one.what in (CASH, FEES) else f"{value:,}"
