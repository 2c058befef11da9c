"""`aiots order`: a person's orders to an account, written into its inbox (topic `book`)."""

import secrets
from typing import TYPE_CHECKING, Annotated

import typer

from aiots.config import Config, load_config
from aiots.console import WorldOption, fail

if TYPE_CHECKING:
    from aiots.book.open_orders import OpenOrder
    from schemas.records import OrderTicket, Watch

Account = Annotated[str, typer.Argument(help="Name of the account.")]
Order = Annotated[str, typer.Argument(help="The order's id, 16 hex digits.")]
Reason = Annotated[str, typer.Option("--reason", help="Why, for the audit.")]
EXAMPLES = """Send an order: sizing names it, risk judges it, and the venue works it.

    aiots order send paper "BUY 100 AAPL"

    aiots order send paper "BUY 2 AAPL 2026-12-18 C 200 @ 3.20" --day

    aiots order send paper "BUY 5 SPY 2026-12-18 P 400 / SELL 5 SPY 2026-12-18 P 390 @ 2.15"

    aiots order send paper "BUY 100 AAPL @ 180" --target 190 --stop 175 --bracket

Behind @ stands the limit a share; a combination's is the net of one, negative where it must bring money. Without it the
order is one at the market.
"""


def register(app: typer.Typer) -> None:
    """Add `aiots order`."""
    order = typer.Typer(no_args_is_help=True, help="Send, list and cancel orders; answer those that wait for a person.")
    order.command(help=EXAMPLES)(send)
    order.command()(cancel)
    order.command()(approve)
    order.command()(refuse)
    order.command("list")(list_orders)
    app.add_typer(order, name="order")


Text = Annotated[str, typer.Argument(metavar="ORDER", help="The order; see `aiots order send --help`.")]
Trigger = Annotated[str, typer.Option(help="Stop order: works once the price has reached this, dollars.")]
Day = Annotated[bool, typer.Option("--day", help="Until the session's close; else until cancelled.")]
Bracket = Annotated[bool, typer.Option("--bracket", help="Once filled, work exits at --target and --stop.")]
Target = Annotated[float, typer.Option(help="Take the profit at this price.")]
Stop = Annotated[float, typer.Option(help="Stop the loss at this price.")]
NONE = float("nan")


def send(
    account: Account,
    text: Text,
    trigger: Trigger = "",
    day: Day = False,
    bracket: Bracket = False,
    target: Target = NONE,
    stop: Stop = NONE,
    reason: Reason = "",
    world: WorldOption = None,
) -> None:
    from aiots.commands.control import publish

    config = _config(account, world)
    ticket, watches = ticket_of(account, text, trigger, day, bracket, target, stop, reason)
    *_, place = publish(config.kafka, config.world, config.partitions, [*watches, ticket])
    typer.echo(f"ticket {ticket.id} of {account}: {place}")


def ticket_of(
    account: str, text: str, trigger: str, day: bool, bracket: bool, target: float, stop: float, reason: str
) -> "tuple[OrderTicket, list[Watch]]":
    """Return the ticket of what was asked for, and what has to be watched for it; ends the command where it is none."""
    from aiots.order_text import cents_of, parse_order
    from schemas.records import OrderKind, OrderTicket, TimeInForce, Watch

    try:
        asked = parse_order(text)
        trigger_cents = cents_of(trigger, "trigger") if trigger else 0
    except ValueError as error:
        fail(str(error), 2)
    if bracket and not (target == target and stop == stop):
        fail("--bracket needs --target and --stop", 2)
    kinds = (OrderKind.MARKET, OrderKind.LIMIT, OrderKind.STOP, OrderKind.STOP_LIMIT)
    ticket = OrderTicket(
        id=secrets.token_hex(8),
        account=account,
        symbol=asked.symbol,
        event_ns=0,
        side=asked.side,
        quantity=asked.quantity,
        kind=kinds[(asked.limit_cents is not None) + 2 * bool(trigger_cents)],
        limit_cents=asked.limit_cents or 0,
        trigger_cents=trigger_cents,
        time_in_force=TimeInForce.DAY if day else TimeInForce.GTC,
        legs=asked.legs,
        multiplier=asked.multiplier,
        bracket=bracket,
        stop=stop,
        target=target,
        reason=reason,
    )
    return ticket, [Watch(underlying, contract, 0) for contract, underlying in asked.contracts]


def cancel(
    account: Account,
    order: Annotated[str, typer.Argument(help="The order's id; empty: all of the account.")] = "",
    reason: Reason = "",
    world: WorldOption = None,
) -> None:
    """Cancel an order, or all of an account, as far as they still work."""
    from aiots.commands.control import publish
    from schemas.records import Cancel

    config = _config(account, world)
    (place,) = publish(config.kafka, config.world, config.partitions, (Cancel(account, 0, order, reason),))
    typer.echo(f"cancel of {order or 'all orders'} of {account}: {place}")


def approve(account: Account, order: Order, reason: Reason = "", world: WorldOption = None) -> None:
    """Send an order that waits for a person; it is judged again."""
    _answer(account, order, True, reason, _config(account, world))


def refuse(account: Account, order: Order, reason: Reason = "", world: WorldOption = None) -> None:
    """Drop an order that waits for a person."""
    _answer(account, order, False, reason, _config(account, world))


def list_orders(
    account: Annotated[str, typer.Argument(help="Name of the account; empty: all.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    world: WorldOption = None,
) -> None:
    """List the orders that have not ended: what waits for a mark, what asks a person, what works, and for what.

    Ages are event time. All is asked of the stages' checkpoints and inboxes; nothing is written.
    """
    import orjson

    from aiots.book.open_orders import as_dict, open_orders
    from aiots.commands.whatif import peeked
    from aiots.topic_reading import broker_errors

    config = load_config(world=world) if not account else _config(account, world)
    names = (account,) if account else config.accounts
    found: dict[str, list[OpenOrder]] = {}
    with broker_errors(config):
        for name in names:
            stages = peeked(config, name)
            if f"account/{name}" not in stages.sizing[0]:
                fail(f"{name} has no mandate in world {config.world}: aiots control mandate", 2)
            found[name] = open_orders(stages, name)
    if as_json:
        plain = {name: [as_dict(row) for row in rows] for name, rows in found.items()}
        typer.echo(orjson.dumps(plain, option=orjson.OPT_INDENT_2).decode())
        return
    for name, rows in found.items():
        _show(name, rows)


def _show(account: str, rows: "list[OpenOrder]") -> None:
    """Print an account's open orders as a table."""
    import sys

    from rich import box
    from rich.console import Console
    from rich.table import Table

    if not rows:
        typer.echo(f"{account}: no order waits or works")
        return
    title = f"{account}: {len(rows)} open"
    table = Table("order", "state", "what", "by", "age", "filled", "waits for", box=box.SIMPLE, title=title)
    table.columns[4].justify = table.columns[5].justify = "right"
    for row in rows:
        filled = f"{row.filled} of {row.quantity}" if row.quantity else ""
        table.add_row(row.id, row.state, row.order, row.by, age_text(row.age_s), filled, row.waits_for)
    Console(highlight=False, width=None if sys.stdout.isatty() else 200).print(table)


def age_text(age_s: float | None) -> str:
    """Return an age for people: 45 s, 12 min, 3.5 h, 2.0 d; a dash where it is not known."""
    if age_s is None:
        return "-"
    for unit, seconds, least in (("d", 86_400, 172_800), ("h", 3_600, 7_200), ("min", 60, 120)):
        if age_s >= least:
            return f"{age_s / seconds:.{0 if unit == 'min' else 1}f} {unit}"
    return f"{age_s:.0f} s"


def _answer(account: str, order: str, approved: bool, reason: str, config: Config) -> None:
    from aiots.commands.control import publish
    from schemas.records import Approval

    record = Approval(account, 0, order, approved, reason)
    (place,) = publish(config.kafka, config.world, config.partitions, (record,))
    typer.echo(f"{'approval' if approved else 'refusal'} of {order} of {account}: {place}")


def _config(account: str, world: str | None) -> Config:
    config = load_config(world=world)
    if account not in config.accounts:
        fail(f"unknown account {account!r}; accounts are {', '.join(config.accounts)}")
    return config
