"""American exercise on a spot that falls by cash: CSV columns ex_years and cash give a row's next dividend."""

import numpy as np

from aiots.pricing.table import Columns, Table, shown
from streams.options.cash import CashDividends, cash_greeks, cash_iv
from streams.options.greeks import Greeks


def dividends_of(table: Table) -> list[CashDividends]:
    """Return each row's dividends: none where cash is absent or not positive."""
    none = np.full(len(table), np.nan)
    pairs = zip(table.columns.get("ex_years", none).tolist(), table.columns.get("cash", none).tolist(), strict=True)
    return [CashDividends((when,), (cash,)) if when > 0.0 and cash > 0.0 else CashDividends() for when, cash in pairs]


def price(table: Table) -> Columns:
    """Return price and greeks of the column vol."""
    s, k, t, r, q = table.contract()
    v, call = table.column("vol"), table.is_call
    rows = [
        cash_greeks(s[i], k[i], t[i], r[i], q[i], v[i], call[i], paid) for i, paid in enumerate(dividends_of(table))
    ]
    return shown(Greeks(*(np.concatenate(column) for column in zip(*rows, strict=True))))


def implied(table: Table) -> Columns:
    """Return volatility and status of the column price."""
    s, k, t, r, q = table.contract()
    p, call = table.column("price"), table.is_call
    rows = [cash_iv(p[i], s[i], k[i], t[i], r[i], q[i], call[i], paid) for i, paid in enumerate(dividends_of(table))]
    return {"vol": np.concatenate([one.vol for one in rows]), "status": np.concatenate([one.status for one in rows])}
