"""`aiots expiries`: the expiries of a class of options, to the instant, with the years left and the rate."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from aiots.config import load_config
from aiots.console import fail

DAYS = 60
NEW_YORK = ZoneInfo("America/New_York")


def register(app: typer.Typer) -> None:
    """Add `aiots expiries`."""
    app.command()(expiries)


def expiries(
    symbol: Annotated[str, typer.Argument(help="Class of options, e.g. SPY or SPX.")],
    first: Annotated[
        str | None,
        typer.Option("--from", help="First day, YYYY-MM-DD; years and rates count from its open; default today."),
    ] = None,
    last: Annotated[str | None, typer.Option("--to", help=f"Last day, YYYY-MM-DD; default {DAYS} days later.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """List the expiries that a class has by its calendar: weeklies, monthlies, quarters' ends, AM and PM settlement."""
    from aiots.calendars import trading_days
    from aiots.rates import rates_of
    from streams.options.contracts import class_of, years_to
    from streams.options.contracts import expiries as listed
    from streams.options.contracts.clock import new_york_ns
    from streams.options.contracts.expiry import OPEN

    begin = datetime.now(NEW_YORK).date() if first is None else _day("--from", first)
    end = begin + timedelta(days=DAYS) if last is None else _day("--to", last)
    if end < begin:
        fail(f"--to must not be before --from, was {end} and {begin}")
    found = listed(class_of(symbol.upper()), begin, end, trading_days(begin, end))
    curves, now_ns = rates_of(load_config()), new_york_ns(begin, OPEN)
    if not as_json:
        typer.echo(
            f"{'expiry':10}  {'root':5} {'cycle':12} {'settled':7} {'instant (UTC)':20}  {'years':>9}  {'rate':>7}"
        )
    for one in found:
        years = float(years_to(one.expiry_ns, now_ns))
        rate = float(curves.rate(begin, years))
        if as_json:
            row = {"day": str(one.day), "root": one.root, "cycle": one.cycle, "settlement": one.settlement}
            known = {} if rate != rate else {"rate": rate}
            typer.echo(json.dumps(row | {"expiry_ns": one.expiry_ns, "years": years} | known))
            continue
        shown = "" if rate != rate else f"{rate:7.4f}"
        instant = _utc(one.expiry_ns)
        typer.echo(
            f"{one.day}  {one.root:5} {one.cycle:12} {one.settlement:7} {instant}  {years:9.6f}  {shown}".rstrip()
        )


def _day(option: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        fail(f"{option}: expected YYYY-MM-DD, was {text!r}", 2)


def _utc(event_ns: int) -> str:
    return datetime.fromtimestamp(event_ns // 1_000_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
