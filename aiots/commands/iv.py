"""`aiots iv`: implied volatility of options, one or a CSV of them."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from aiots.commands.price import ModelOption, RateOption, SideOption, SpotOption, StrikeOption, YearsOption, YieldOption
from aiots.console import fail


def register(app: typer.Typer) -> None:
    """Add `aiots iv`."""
    app.command()(iv)


def iv(
    price: Annotated[float | None, typer.Option(help="The option's price, e.g. the middle of bid and ask.")] = None,
    spot: SpotOption = None,
    strike: StrikeOption = None,
    years: YearsOption = None,
    rate: RateOption = 0.0,
    yield_: YieldOption = 0.0,
    call: SideOption = True,
    model: ModelOption = "european",
    source: Annotated[Path | None, typer.Option("--csv", help="CSV to read instead; - is standard input.")] = None,
) -> None:
    """Tell the volatility that gives a price, or why none does.

    \b
    One option:   aiots iv --price 2.31 --spot 100 --strike 105 --years 0.25 --rate 0.05
    A CSV:        aiots iv --csv quotes.csv > vols.csv

    The CSV has a header and the columns price, spot, strike, years and side (call or put); rate and yield too, or they
    are those of the options below. Every row comes back with vol (per 1.00 and sqrt(year), empty where there is none)
    and a status:

    \b
    ok                 vol holds the answer
    below_intrinsic    the price is less than what is certain
    at_exercise_value  no time value: every low volatility gives this price
    above_bound        the price is at or above the most it can be
    no_time            expiry is now or past
    not_a_number       a cell is empty or no number
    bad_input          spot or strike not positive, a negative price, an infinity
    """
    from aiots.pricing.table import TableError, run

    values = {"price": price, "spot": spot, "strike": strike, "years": years, "rate": rate, "yield": yield_}
    try:
        run(source, "implied", model, values, call, sys.stdout)
    except TableError as error:
        fail(str(error), 2)
