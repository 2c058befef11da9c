"""American exercise on a spot that falls by cash: CSV columns ex_years and cash give a row's next dividend."""

import numpy as np
from numpy.typing import NDArray

from aiots.pricing.table import Columns, Table, shown
from streams.options.cash import CashDividends, cash_greeks, cash_iv
from streams.options.greeks import Greeks

F64 = NDArray[np.float64]


def cells(table: Table, name: str) -> tuple[F64, NDArray[np.bool_]]:
    """Return a column of dividends, NaN where it is absent, and which cells are empty."""
    column = table.columns.get(name, np.full(len(table), np.nan))
    return column, np.array([not (row.get(name) or "").strip() for row in table.rows] or [True] * len(table))


def dividends_of(table: Table) -> tuple[F64, list[CashDividends]]:
    """Return spots and each row's dividends: none where both cells are empty, the cash 0 or the ex-date past.

    A row with half a dividend, or with text for one, has a spot of NaN and so the status not_a_number; one with
    negative or infinite cash has a spot of -1: bad_input. None is priced as if it paid nothing.
    """
    spot = table.column("spot").copy()
    (when, undated), (cash, unpaid) = cells(table, "ex_years"), cells(table, "cash")
    spot[(cash < 0.0) | np.isinf(cash)] = -1.0
    spot[(np.isnan(when) & ~(undated & unpaid)) | (np.isnan(cash) & ~(undated & unpaid))] = np.nan
    sound = (when > 0.0) & (cash > 0.0) & (spot > 0.0)
    pairs = zip(when.tolist(), cash.tolist(), sound.tolist(), strict=True)
    return spot, [CashDividends((ex,), (paid,)) if good else CashDividends() for ex, paid, good in pairs]


def price(table: Table) -> Columns:
    """Return price and greeks of the column vol."""
    (_, k, t, r, q), (s, paid) = table.contract(), dividends_of(table)
    v, call = table.column("vol"), table.is_call
    rows = [cash_greeks(s[i], k[i], t[i], r[i], q[i], v[i], call[i], one) for i, one in enumerate(paid)]
    return shown(Greeks(*(np.concatenate(column) for column in zip(*rows, strict=True))))


def implied(table: Table) -> Columns:
    """Return volatility and status of the column price."""
    (_, k, t, r, q), (s, paid) = table.contract(), dividends_of(table)
    p, call = table.column("price"), table.is_call
    rows = [cash_iv(p[i], s[i], k[i], t[i], r[i], q[i], call[i], one) for i, one in enumerate(paid)]
    return {"vol": np.concatenate([one.vol for one in rows]), "status": np.concatenate([one.status for one in rows])}
