"""`aiots price`: price and greeks of options, one or a CSV of them."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from aiots.console import fail

SpotOption = Annotated[float | None, typer.Option(help="Price of the underlying, > 0.")]
StrikeOption = Annotated[float | None, typer.Option(help="Strike, > 0.")]
YearsOption = Annotated[float | None, typer.Option(help="Time to the expiry instant: days / 365, fractions count.")]
RateOption = Annotated[float, typer.Option(help="Interest, continuous, per 1.00 and year: 0.05 is 5 %.")]
YieldOption = Annotated[float, typer.Option("--yield", help="Dividend yield, as the rate; of a future: its rate.")]
SideOption = Annotated[bool, typer.Option("--call/--put", help="Which right.")]
ModelOption = Annotated[
    str, typer.Option(help="european, american, or cash: American, the CSV's ex_years and cash give the next dividend.")
]


def register(app: typer.Typer) -> None:
    """Add `aiots price`."""
    app.command()(price)


def price(
    spot: SpotOption = None,
    strike: StrikeOption = None,
    years: YearsOption = None,
    vol: Annotated[float | None, typer.Option(help="Volatility per 1.00 and sqrt(year): 0.2 is 20 %.")] = None,
    rate: RateOption = 0.0,
    yield_: YieldOption = 0.0,
    call: SideOption = True,
    model: ModelOption = "european",
    source: Annotated[Path | None, typer.Option("--csv", help="CSV to read instead; - is standard input.")] = None,
) -> None:
    """Price options and tell their greeks.

    \b
    One option:   aiots price --spot 100 --strike 105 --years 0.25 --vol 0.2 --rate 0.05 --put
    A CSV:        aiots price --csv options.csv > priced.csv

    The CSV has a header and the columns spot, strike, years, vol and side (call or put); rate and yield too, or they
    are those of the options below. Every row comes back with what is listed here and a status that says why there is
    no number (ok, no_time, not_a_number, bad_input, ...).

    \b
    price              in quote currency
    delta, gamma       price and delta per 1.00 of spot
    vega_per_percent   price per point of volatility
    theta_per_day      price per calendar day that passes
    rho_per_percent    price per point of rate
    vanna_per_percent  delta per point of volatility
    volga_per_percent  vega_per_percent per point of volatility
    charm_per_day      delta per calendar day that passes
    """
    from aiots.pricing.table import TableError, run

    values = {"spot": spot, "strike": strike, "years": years, "vol": vol, "rate": rate, "yield": yield_}
    try:
        run(source, "price", model, values, call, sys.stdout)
    except TableError as error:
        fail(str(error), 2)
