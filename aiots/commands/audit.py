"""`aiots audit`: why each order of an account was made, and the hash chain that shows that the log was not changed."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aiots.config import Config, load_config
from aiots.console import WorldOption, fail

if TYPE_CHECKING:
    from aiots.book.reading import AccountLog

Account = Annotated[str, typer.Argument(help="Name of the account.")]
DayOption = Annotated[str, typer.Option("--day", help="YYYY-MM-DD, New York; default: the newest that is recorded.")]


def register(app: typer.Typer) -> None:
    """Add `aiots audit`, `aiots day` and `aiots seal`."""
    app.command()(audit)
    app.command()(seal)
    app.command("day")(day_report)


def audit(
    account: Account,
    day: DayOption = "",
    order: Annotated[str, typer.Option(help="Only this order's story.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="The records themselves, as JSON.")] = False,
    world: WorldOption = None,
) -> None:
    """Rebuild why each order of a day was made: the signal and what it rests on, the verdict's figures, the fills.

    All of it is read from the recorded topics `book` and `verdicts`; nothing is asked of a running stage.
    """
    from aiots.book.trail import clock, lines_of, trails_of

    log, chosen = recorded(account, day, load_config(world=world), marks=False)
    found = trails_of(log, chosen)
    trails = [trail for key, trail in found.trails.items() if order in ("", key)]
    if order and not trails:
        fail(f"no order {order!r} of {account} on {chosen}", 2)
    if as_json:
        import orjson

        from aiots.topic_text import plain

        story: dict[str, Any] = {
            "account": account,
            "day": chosen.isoformat(),
            "orders": [{name: plain(value) for name, value in vars(trail).items()} for trail in trails],
            "settlements": [plain(one) for one in found.settlements],
            "controls": [plain(one) for _, one in found.controls],
        }
        typer.echo(orjson.dumps(story, option=orjson.OPT_INDENT_2).decode())
        return
    typer.echo(f"{account}, {chosen}: {len(trails)} orders, {len(found.settlements)} settlements (times of New York)")
    for trail in trails:
        typer.echo("\n".join(["", *lines_of(trail)]))
    if not order:
        for one in found.settlements:
            typer.echo(f"\n{clock(one.event_ns)}  {one.kind} of {one.quantity} {one.symbol}: {one.text}")
        for event_ns, control in found.controls:
            what = f"{control.action}{' and flatten' if control.flatten else ''}"
            typer.echo(f"\n{clock(event_ns)}  person: {what}: {control.reason}")


def seal(
    check: Annotated[bool, typer.Option("--check", help="Only compare with what was sealed; write nothing.")] = False,
    file: Annotated[
        Path | None, typer.Option(help="File of the seals; default audit/WORLD.jsonl in the state folder.")
    ] = None,
    world: WorldOption = None,
) -> None:
    """Seal each closed day of `verdicts` into a hash chain, and compare with the days that were sealed before.

    Exit code 1 where the log is not what was sealed. Keep a copy of the file where the log's owner cannot write.
    """
    from aiots.book import seal as chain
    from aiots.topic_reading import bounds_of, broker_errors, progress_bar
    from schemas.topics import full_name
    from streams.log.reader import read

    config = load_config(world=world)
    path = file or config.state_dir / "audit" / f"{config.world}.jsonl"
    try:
        kept = chain.load(path) if path.exists() else []
    except ValueError as error:
        fail(str(error), 2)
    if check and not kept:
        fail(f"nothing is sealed in {path}", 2)
    topic, found = full_name(config.world, "verdicts"), []
    with broker_errors(config), progress_bar("sealing", quiet=False) as progress:
        for partition, (low, high) in bounds_of(config, topic).items():
            messages = read(config.kafka, topic, partition, low, high)
            records = ((one.offset() or 0, one.key() or b"", one.value() or b"") for one in messages)
            found += list(chain.seals(partition, records))
            progress(partition + 1, config.partitions)
    added, difference = chain.compared(kept, found)
    if difference:
        fail(f"the log is not what was sealed: {difference}")
    if not check:
        chain.save(path, added)
    for one in added:
        typer.echo(
            f"{one.day}  partition {one.partition}  {one.records} records  {one.verdicts} verdicts  {one.sha256}"
        )
    typer.echo(f"{len(kept)} sealed days hold, {len(added)} {'could be added' if check else 'added'}; {path}")


def day_report(
    account: Account,
    day: DayOption = "",
    out: Annotated[Path | None, typer.Option(help="HTML file; default ACCOUNT-DAY.html in this folder.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON; write no page.")] = False,
    world: WorldOption = None,
) -> None:
    """Report an account's day: equity, positions, greeks, fills, what happened to options, limits touched, alerts.

    One self-contained HTML file to look at, or the same figures as JSON. All of it is read from the recorded topics.
    """
    import orjson

    from aiots.book.day import as_dict, day_of
    from aiots.book.page import page
    from aiots.stage import stage_params
    from streams.book.money import text_of
    from streams.risk.margin.rules import rules_of

    config = load_config(world=world)
    log, chosen = recorded(account, day, config, marks=True)
    margin = stage_params(config, "risk").get("margin")
    try:
        found = day_of(log, chosen, rules_of(margin if isinstance(margin, Mapping) else {}))
    except ValueError as error:
        fail(str(error), 2)
    if as_json:
        typer.echo(orjson.dumps(as_dict(found), option=orjson.OPT_INDENT_2).decode())
        return
    path = out or Path(f"{account}-{chosen}.html")
    path.write_text(page(found, config.world))
    typer.echo(
        f"{account}, {chosen}: equity {text_of(found.equity_cents)} USD, P&L {text_of(found.pnl_cents)},"
        f" {len(found.fills)} fills, {len(found.refused)} refused, {len(found.alerts)} alerts\n{path}"
    )


def recorded(account: str, day: str, config: Config, *, marks: bool) -> "tuple[AccountLog, date]":
    """Return what was recorded of an account, and the day that was asked for; ends the command where there is none."""
    from aiots.book.reading import UnreadableRecordError, read_account
    from aiots.topic_reading import bounds_of, broker_errors, progress_bar
    from schemas.topics import full_name

    if account not in config.accounts:
        fail(f"unknown account {account!r}; accounts are {', '.join(config.accounts)}", 2)
    try:
        chosen = date.fromisoformat(day) if day else None
    except ValueError:
        fail(f"--day must be YYYY-MM-DD, was {day!r}", 2)
    with broker_errors(config), progress_bar("reading", quiet=False) as progress:
        bounds_of(config, full_name(config.world, "verdicts"))
        try:
            log = read_account(config, account, progress, marks=marks)
        except UnreadableRecordError as error:
            fail(str(error))
    days = log.days()
    if not days:
        fail(f"nothing is recorded of {account} in world {config.world}", 2)
    if chosen is not None and chosen not in days:
        fail(f"nothing is recorded of {account} on {chosen}; days are {days[0]} to {days[-1]}", 2)
    return log, chosen or days[-1]
