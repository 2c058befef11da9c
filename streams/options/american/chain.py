"""Options of a chain by expiry: those of one (years, rate, yield) share a row of a table."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from streams.options.american.tables import AmericanTable, empty_table
from streams.options.arrays import columns

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
Bool = NDArray[np.bool_]


@dataclass(frozen=True)
class Chain:
    """Inputs of shape (n,), given their volatility or price; group: the row of the table that is an option's expiry."""

    spot: F64
    strike: F64
    years: F64
    rate: F64
    yield_: F64
    given: F64
    is_call: Bool
    group: I64
    table: AmericanTable


def chain_of(
    spot: ArrayLike, strike: ArrayLike, years: ArrayLike, rate: ArrayLike, yield_: ArrayLike, given: ArrayLike,
    is_call: ArrayLike,
) -> Chain:  # fmt: skip
    """Return the inputs as contiguous arrays of one shape (n,), grouped by expiry."""
    numbers = [np.asarray(one, np.float64) for one in (spot, strike, years, rate, yield_, given)]
    flat = columns(*numbers, np.asarray(is_call, np.bool_))
    years_, rate_, yields = flat[2:5]
    order = np.lexsort((yields, rate_, years_))
    keys = [one[order] for one in (years_, rate_, yields)]
    new = np.zeros(order.size, np.bool_)
    new[:1] = True
    for key in keys:
        new[1:] |= key[1:] != key[:-1]
    group = np.empty(order.size, np.int64)
    group[order] = np.cumsum(new) - 1
    table = empty_table(*(key[new] for key in keys))
    return Chain(*flat[:6], flat[6], group, table)


def chain_on(
    table: AmericanTable, expiry: ArrayLike, spot: ArrayLike, strike: ArrayLike, given: ArrayLike, is_call: ArrayLike
) -> Chain:
    """Return inputs whose expiry is a row of a table that is there; ValueError for a row that is not."""
    row = np.asarray(expiry, np.int64)
    numbers = [np.asarray(one, np.float64) for one in (spot, strike, given)]
    flat = columns(*numbers, np.asarray(is_call, np.bool_), row)
    group = flat[4]
    if group.size and not (group.min() >= 0 and group.max() < table.years.size):
        raise ValueError(f"expiry must be a row of the table, 0 to {table.years.size - 1}")
    return Chain(
        flat[0], flat[1], table.years[group], table.rate[group], table.yield_[group], flat[2], flat[3], group, table
    )
