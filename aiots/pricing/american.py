"""American exercise under a continuous rate and yield; a price at exercise value has a status and no volatility."""

from aiots.pricing.table import Columns, Table, shown
from streams.options import american_greeks, american_iv


def price(table: Table) -> Columns:
    """Return price and greeks of the column vol."""
    return shown(american_greeks(*table.contract(), table.column("vol"), table.is_call))


def implied(table: Table) -> Columns:
    """Return volatility and status of the column price."""
    found = american_iv(table.column("price"), *table.contract(), table.is_call)
    return {"vol": found.vol, "status": found.status}
