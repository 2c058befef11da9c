"""European exercise: Black, Scholes and Merton, with a continuous yield."""

import numpy as np

from aiots.pricing.table import Columns, Table, shown
from streams.options import greeks, implied_volatility


def price(table: Table) -> Columns:
    """Return price and greeks of the column vol."""
    return shown(greeks(*table.contract(), table.column("vol"), table.is_call))


def implied(table: Table) -> Columns:
    """Return volatility and status of the column price; a column last (volatilities from before) speeds it up."""
    last = table.columns.get("last", np.full(len(table), np.nan))
    found = implied_volatility(table.column("price"), *table.contract(), table.is_call, last)
    return {"vol": found.vol, "status": found.status}
