"""`aiots whatif`: what an order would come to, before it is sent."""

import time
from typing import TYPE_CHECKING

import typer

from aiots.commands.order import NONE, Account, Bracket, Day, Stop, Target, Text, Trigger, ticket_of
from aiots.config import Config, load_config
from aiots.console import WorldOption, fail

if TYPE_CHECKING:
    from aiots.book.whatif import Stages, WhatIf
    from schemas.records import OrderTicket

WAIT_SECONDS = 15.0
READS = {"sizing": "book", "risk": "orders", "venue": "verdicts"}


def register(app: typer.Typer) -> None:
    """Add `aiots whatif`."""
    app.command()(whatif)


def whatif(
    account: Account,
    text: Text,
    trigger: Trigger = "",
    day: Day = False,
    bracket: Bracket = False,
    target: Target = NONE,
    stop: Stop = NONE,
    world: WorldOption = None,
) -> None:
    """Show what an order would come to: verdict, limits, margin, greeks and cost. Nothing is sent.

    The order goes through the folds of sizing, risk and venue on a copy of their state, read from their checkpoints and
    inboxes. A contract that nobody has ordered before is watched from here on, and its first mark awaited.
    """
    from aiots.book.whatif import what_if
    from aiots.commands.control import publish
    from aiots.topic_reading import broker_errors
    from streams.stage import RecordError

    config = load_config(world=world)
    if account not in config.accounts:
        fail(f"unknown account {account!r}; accounts are {', '.join(config.accounts)}", 2)
    ticket, watches = ticket_of(account, text, trigger, day, bracket, target, stop, "")
    deadline_s, watched = time.monotonic() + WAIT_SECONDS, False
    with broker_errors(config):
        while True:
            stages = peeked(config, account)
            if f"account/{account}" not in stages.sizing[0]:
                fail(f"{account} has no mandate in world {config.world}: aiots control mandate", 2)
            try:
                found = what_if(stages, ticket)
            except RecordError as error:
                fail(f"the order would be rejected: {error.detail}")
            if found is not None:
                break
            if not watched and watches:
                publish(config.kafka, config.world, config.partitions, watches)
                watched = True
            if time.monotonic() > deadline_s:
                fail(f"no mark of {_unmarked(stages, ticket)} within {WAIT_SECONDS:.0f} s: is its market told?")
            time.sleep(0.5)
    show(found)


def peeked(config: Config, account: str) -> "Stages":
    """Return the state of the three stages as of now."""
    from aiots.book.whatif import Stages
    from aiots.stage import stage_params
    from aiots.topic_reading import bounds_of
    from schemas.topics import full_name, partition_of
    from streams.runtime.checkpoint import RefusedStartError
    from streams.runtime.peek import peek
    from streams.runtime.task import TaskKey

    bounds_of(config, full_name(config.world, "book"))  # ends the command where there is no such world
    partition = partition_of(account, config.partitions)
    found = {}
    for stage, topic in READS.items():
        key = TaskKey(stage, topic, partition)
        try:
            fold, params = peek(config.kafka, config.world, key, stage_params(config, stage), config.partitions)
        except RefusedStartError as error:
            fail(str(error))
        found[stage] = (fold.state, params)
    return Stages(**found)


def _unmarked(stages: "Stages", ticket: "OrderTicket") -> str:
    from streams.sizing.quotes import newest_ns
    from streams.sizing.tickets import instruments

    missing = [symbol for symbol in instruments(ticket) if not newest_ns(stages.sizing[0], symbol)]
    return ", ".join(missing) or "a side to trade at"


def show(found: "WhatIf") -> None:
    """Print an answer as tables."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from aiots.book.trail import fill_text, order_text
    from aiots.book.whatif import cost_cents
    from streams.risk.calls import text_of as calls_text

    console, verdict = Console(highlight=False), found.verdict
    console.print(f"[b]{order_text(found.intent)}[/]   now {found.intent.reference:,.2f}")
    colour = {"APPROVE": "green", "CUT": "yellow", "REFUSE": "red"}[verdict.decision]
    rule = f" by {verdict.rule}" if verdict.rule else ""
    console.print(f"risk: [{colour}]{verdict.decision}[/] {verdict.quantity} of {found.intent.quantity}{rule}")
    for reason in verdict.reasons:
        console.print(f"  {reason}", style="yellow")
    for fill in found.fills:
        console.print(f"venue: {fill_text(fill)}")
    paid, fees = cost_cents(found.fills)
    table = Table(box=box.SIMPLE, show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for name, value in (
        ("paid now (negative: received), USD", paid / 100),
        ("fees, USD", fees / 100),
        ("equity, USD", found.equity_cents / 100),
        ("margin before, USD", found.margin_before_cents / 100),
        ("margin with it, USD", verdict.margin_cents / 100),
        ("buying power before, USD", found.buying_power_before_cents / 100),
        ("buying power with it, USD", verdict.buying_power_cents / 100),
        ("delta, USD", found.delta_usd),
        ("gamma, USD for 1 % of spot", found.gamma_usd),
        ("vega, USD for 1 % of volatility", found.vega_usd),
    ):
        table.add_row(name, f"{value:,.2f}")
    table.add_row("margin call at a move of the market, before", calls_text(found.calls_before))
    table.add_row("margin call at a move of the market, with it", calls_text(found.calls_with))
    console.print(table)
    if verdict.figures:
        limits = Table("rule", "with the order", "limit", box=box.SIMPLE)
        for column in limits.columns[1:]:
            column.justify = "right"
        for figure in verdict.figures:
            limits.add_row(figure.name, f"{figure.value:,.2f}", f"{figure.limit:,.2f}")
        console.print(limits)
